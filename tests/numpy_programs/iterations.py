"""Iterations whose number of turns the data decide: to a tolerance, to a bound, to the end of an interval."""

import numpy as np

rng = np.random.default_rng(7)


def sqrt_by_newton(a):
    x = 0.5 * (a + 1.0)
    while np.abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


def kepler(mean_anomaly, eccentricity):
    anomaly = mean_anomaly
    while True:
        change = (anomaly - eccentricity * np.sin(anomaly) - mean_anomaly) / (1.0 - eccentricity * np.cos(anomaly))
        anomaly = anomaly - change
        if abs(change) < 1e-13:
            break
    return anomaly


def fixed_point(w, b):
    x = np.zeros_like(b)
    distance = 1.0
    while distance > 1e-12:
        new = np.tanh(w @ x + b)
        distance = np.max(np.abs(new - x))
        x = new
    return x


def escape(c_real, c_imag):
    x, y, turns = 0.0, 0.0, 0
    while x * x + y * y < 4.0:
        x, y = x * x - y * y + c_real, 2.0 * x * y + c_imag
        turns += 1
        if turns >= 60:
            break
    return x, y, np.log(x * x + y * y)


def escape_of_many(c_real, c_imag):
    smooth = np.zeros_like(c_real)
    for i in range(c_real.shape[0]):
        for j in range(c_real.shape[1]):
            x, y = 0.0, 0.0
            for turn in range(80):
                x, y = x * x - y * y + c_real[i, j], 2.0 * x * y + c_imag[i, j]
                if x * x + y * y > 16.0:
                    smooth[i, j] = turn + 1 - 0.5 * np.log(x * x + y * y)
                    break
    return smooth


def bisection(a, b):
    low, high = 0.0, 4.0
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if a * middle**3 + middle - b > 0:
            high = middle
        else:
            low = middle
    middle = 0.5 * (low + high)  # one step of Newton makes it depend on the data smoothly
    return middle - (a * middle**3 + middle - b) / (3 * a * middle**2 + 1)


def adaptive_heun(y, rate, end):
    t, step = 0.0, 0.1
    while t < end:
        h = np.minimum(step, end - t)
        slope = np.sin(y) * rate - 0.1 * y
        euler = y + h * slope
        heun = y + 0.5 * h * (slope + np.sin(euler) * rate - 0.1 * euler)
        error = np.sqrt(np.mean((heun - euler) ** 2)) + 1e-10
        if error < 1e-3:
            y = heun
            t = t + h
        step = h * np.minimum(2.0, np.maximum(0.3, 0.9 * np.sqrt(1e-3 / error)))
    return y


def conjugate_gradients(a, b):
    a = 0.5 * (a + a.T)
    x = np.zeros_like(b)
    r = b.copy()
    p = r.copy()
    rr = r @ r
    turns = 0
    while np.sqrt(rr) > 1e-11 and turns < 100:
        ap = a @ p
        alpha = rr / (p @ ap)
        x += alpha * p
        r -= alpha * ap
        new = r @ r
        p = r + new / rr * p
        rr = new
        turns += 1
    return x


def roots_of_many(a):
    found = np.zeros_like(a)
    for i in range(len(a)):
        x = a[i]
        while abs(x**3 + x - a[i]) > 1e-12:
            x -= (x**3 + x - a[i]) / (3 * x**2 + 1)
        found[i] = x
    return found


def implicit_euler(y, rate, h):
    for _ in range(20):
        new = y
        while np.max(np.abs(new - y - h * np.sin(rate * new))) > 1e-11:
            new = new - (new - y - h * np.sin(rate * new)) / (1 - h * rate * np.cos(rate * new))
        y = new
    return y


def nested_whiles(x):
    total = 0.0
    while total < 5.0:
        y = x + total
        while y > 0.1:
            y = 0.5 * np.sin(y)
            total += y * y
        total += 0.1
    return total, y


def only_if_needed(x, limit):
    if x.sum() > limit:
        while x.sum() > limit:
            x = x * 0.9 - 0.01 * np.sin(x)
    else:
        x = x + 1.0
    return x


def collatz_like(x, n):
    y = x
    while n != 1:
        if n % 2 == 0:
            n = n // 2
            y = np.sin(y) + 0.1 * n
        else:
            n = 3 * n + 1
            y = y * x
    return y


def as_often_as_told(x, n):
    history = np.zeros(8)
    for i in range(n):
        if i % 3 == 1:
            continue
        x = x + 0.1 * np.cos(x) * (i + 1)
        history[i % 8] += x.sum()
    return x, history


def line_search(x, a):
    for _ in range(4):
        g = a * x + np.cos(x)
        step = 1.0
        while np.sum(0.5 * a * (x - step * g) ** 2 + np.sin(x - step * g)) > np.sum(
            0.5 * a * x**2 + np.sin(x) - 0.3 * step * g * g
        ):
            step *= 0.5
        x = x - step * g
    return x


def _positive_definite(n):
    m = rng.normal(size=(n, n))
    return m @ m.T / n + np.eye(n)


PROGRAMS = [
    (sqrt_by_newton, 7.3),
    (kepler, 1.3, 0.4),
    (fixed_point, 0.25 * rng.normal(size=(5, 5)), rng.normal(size=5)),
    (escape, 0.31, 0.55),
    (escape_of_many, rng.uniform(0.3, 0.9, (3, 4)), rng.uniform(0.3, 0.9, (3, 4))),
    (bisection, 0.7, 5.1),
    (adaptive_heun, rng.normal(size=4), 1.7, 3.0),
    (conjugate_gradients, _positive_definite(6), rng.normal(size=6)),
    (roots_of_many, rng.uniform(0.5, 3.0, 21)),
    (implicit_euler, rng.normal(size=3), 2.0, 0.1),
    (nested_whiles, 0.9),
    (only_if_needed, rng.uniform(0.5, 1.5, 6), 2.0),
    (collatz_like, 0.9, 27),
    (as_often_as_told, rng.normal(size=3), 25),
    (line_search, rng.normal(size=5), rng.uniform(0.5, 4.0, 5)),
]
