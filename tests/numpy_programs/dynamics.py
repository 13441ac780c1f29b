"""Time stepping, filters, fixed points, iterations to a tolerance."""

import math

import numpy as np

rng = np.random.default_rng(3)


def n_body(p, v):
    n = len(p)
    for _ in range(17):
        a = np.zeros_like(p)
        for i in range(n):
            for j in range(n):
                if i != j:
                    d = p[j] - p[i]
                    a[i] += d / (np.dot(d, d) + 0.1) ** 1.5
        v += 0.01 * a
        p += 0.01 * v
    return p


def pendulum(state):
    def slope(s):
        return np.array([s[1], -math.sin(s[0]) - 0.1 * s[1]])

    dt = 0.05
    for _ in range(40):
        k1 = slope(state)
        k2 = slope(state + dt / 2 * k1)
        k3 = slope(state + dt / 2 * k2)
        k4 = slope(state + dt * k3)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


def bouncing(x):
    h, v, t = 1.0 * x, 0.0, 0.0
    while t < 2.0:
        v -= 9.81 * 0.01
        h += v * 0.01
        if h < 0:
            h = -h
            v = -0.8 * v
        t += 0.01
    return h


def lorenz(x, rho):
    track = np.zeros((30, 3))
    for t in range(30):
        dx = np.array([10.0 * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])
        x = x + 0.01 * dx
        track[t] = x
    return track


def iir(x, b, a):
    y = np.zeros_like(x)
    for n in range(len(x)):
        y[n] = b[0] * x[n]
        if n >= 1:
            y[n] += b[1] * x[n - 1] - a[1] * y[n - 1]
        if n >= 2:
            y[n] += b[2] * x[n - 2] - a[2] * y[n - 2]
    return y


def exponential_smoothing(x, alpha):
    level, total = x[0], 0.0
    for value in x[1:]:
        error = value - level
        total += error**2
        level += alpha * error
    return total


def kalman(z):
    x, p, kept = 0.0, 1.0, np.empty(len(z))
    for t, measured in enumerate(z):
        p += 0.01
        gain = p / (p + 0.1)
        x += gain * (measured - x)
        p *= 1 - gain
        kept[t] = x
    return kept


def newton(x):
    y = 1.0
    for _ in range(50):
        residual = y * y * y - x
        if abs(residual) < 1e-13:
            break
        y -= residual / (3 * y * y)
    return y


def kepler(mean, e):
    anomaly = mean
    for _ in range(30):
        step = (anomaly - e * np.sin(anomaly) - mean) / (1 - e * np.cos(anomaly))
        anomaly = anomaly - step
    return anomaly


def gradient_descent(x):
    w = np.zeros(3)
    history = []
    for _ in range(12):
        g = 2 * (w - x) + 0.3 * w**3
        w = w - 0.1 * g
        history.append(np.sum(g**2))
    return w, history


def option(vol):
    steps = 20
    up = math.exp(vol * math.sqrt(1 / steps))
    down = 1 / up
    p = (math.exp(0.05 / steps) - down) / (up - down)
    values = np.zeros(steps + 1)
    for i in range(steps + 1):
        values[i] = max(100.0 * up ** (steps - 2 * i) - 100.0, 0.0)
    for n in range(steps, 0, -1):
        for i in range(n):
            values[i] = math.exp(-0.05 / steps) * (p * values[i] + (1 - p) * values[i + 1])
    return values[0]


def recurrence_by_while(x):
    i, a, b = 0, x, 2 * x
    while i < 25:
        a, b = b, np.sin(a) + 0.5 * b
        i += 1
    return a + b


PROGRAMS = [
    (n_body, rng.normal(size=(3, 2)), rng.normal(size=(3, 2))),
    (pendulum, np.array([0.5, 0.1])),
    (bouncing, np.float64(1.3)),
    (lorenz, rng.normal(size=3), 28.0),
    (iir, rng.normal(size=25), np.array([0.2, 0.3, 0.1]), np.array([1.0, -0.3, 0.2])),
    (exponential_smoothing, rng.normal(size=25), 0.3),
    (kalman, rng.normal(size=25)),
    (newton, np.float64(5.0)),
    (kepler, rng.random(4), 0.3),
    (gradient_descent, rng.normal(size=3)),
    (option, np.float64(0.2)),
    (recurrence_by_while, np.float64(0.4)),
]
