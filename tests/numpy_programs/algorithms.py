"""Tables of dynamic programming, searches, histograms, sorting, escape times."""

import numpy as np

rng = np.random.default_rng(5)


def alignment(a, b):
    n, m = len(a), len(b)
    table = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            match = table[i - 1, j - 1] + a[i - 1] * b[j - 1]
            table[i, j] = max(match, table[i - 1, j] - 0.5, table[i, j - 1] - 0.5)
    return table[n, m]


def time_warping(a, b):
    n, m = len(a), len(b)
    cost = np.full((n + 1, m + 1), 1e6)
    cost[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i, j] = (a[i - 1] - b[j - 1]) ** 2 + min(cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1])
    return cost[n, m]


def shortest_paths(d):
    n = len(d)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:  # noqa: PLR1730
                    d[i, j] = d[i, k] + d[k, j]
    return d


def knapsack(values):
    weights = np.array([3, 4, 5, 2, 7, 1, 6, 3, 2, 5, 4, 8, 3, 2, 6, 1, 9, 4])
    best = np.zeros(21)
    for k in range(len(values)):
        for room in range(20, -1, -1):
            if weights[k] <= room and best[room - weights[k]] + values[k] > best[room]:
                best[room] = best[room - weights[k]] + values[k]
    return best


def viterbi(emission, transition):
    score = emission[0]
    for t in range(1, len(emission)):
        score = np.max(score[:, None] + transition, axis=0) + emission[t]
    return np.max(score)


def histogram(x):
    counts = np.zeros(10)
    for v in x:
        counts[min(int(v * 10), 9)] += v
    return counts


def interpolate(x, table):
    lo, hi = 0, len(table) - 1
    while hi - lo > 1:
        middle = (lo + hi) // 2
        if middle / (len(table) - 1) <= x:
            lo = middle
        else:
            hi = middle
    t = x * (len(table) - 1) - lo
    return (1 - t) * table[lo] + t * table[hi]


def insertion_sort(a):
    for i in range(1, len(a)):
        key, j = a[i], i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    return a


def bubble_sort(a):
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a


def mandelbrot(c):
    counts = np.zeros(len(c))
    for k in range(len(c)):
        z, n = 0.0, 0
        while abs(z) <= 2 and n < 30:
            z = z * z + c[k]
            n += 1
        counts[k] = n
    return counts


def running_maximum(x):
    best, where = x[0], 0
    for i in range(1, len(x)):
        if x[i] > best:
            best, where = x[i], i
    return best * where


def sieve(x):
    flags = np.ones(30, dtype=bool)
    flags[:2] = False
    for p in range(2, 6):
        if flags[p]:
            flags[p * p :: p] = False
    return sum(x[p] for p in range(30) if flags[p])


def first_above(x):
    for i, v in enumerate(x):
        if v > 0.9:
            return v * i
    return -1.0


#: without a gradient: `while` loops whose length depends on data
FORWARD = [
    (insertion_sort, rng.random(18)),
    (mandelbrot, rng.normal(size=18)),
]

PROGRAMS = [
    (alignment, rng.random(18), rng.random(20)),
    (time_warping, rng.random(18), rng.random(17)),
    (shortest_paths, rng.random((6, 6))),
    (knapsack, rng.random(18)),
    (viterbi, rng.normal(size=(20, 3)), rng.normal(size=(3, 3))),
    (histogram, rng.random(30)),
    (interpolate, np.float64(0.37), rng.random(40)),
    (bubble_sort, rng.random(18)),
    (running_maximum, rng.random(30)),
    (sieve, rng.random(30)),
    (first_above, rng.random(40)),
]
