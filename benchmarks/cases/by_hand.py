"""Derivatives written by hand for Numba, loop by loop: what a patient programmer gets, and what it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Array

# What srcgrad allows itself by default: no flag that assumes away NaN or infinities.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel through Numba, kept in Numba's disk cache."""
    import numba

    return numba.njit(cache=True, fastmath=FAST_MATH)(kernel)  # type: ignore[no-any-return]


def chain_gradient(x: Array) -> Array:
    gradient = np.empty_like(x)
    one = x.dtype.type(1)
    for i in range(x.size):
        a = math.tanh(x[i])
        b = math.exp(a)
        gradient[i] = math.cos(math.log1p(b)) * b / (one + b) * (one - a * a)
    return gradient


def rosenbrock_gradient(x: Array) -> Array:
    gradient = np.zeros_like(x)
    for i in range(x.size - 1):
        valley = x[i + 1] - x[i] * x[i]
        gradient[i + 1] += 200.0 * valley
        gradient[i] -= 400.0 * x[i] * valley + 2.0 * (1.0 - x[i])
    return gradient


def logistic_value_and_gradient(w: Array, x: Array, y: Array) -> Any:
    samples, features = x.shape
    gradient = np.zeros(features)
    value = 0.0
    for i in range(samples):
        z = 0.0
        for j in range(features):
            z += x[i, j] * w[j]
        e = math.exp(-abs(z))
        value += max(z, 0.0) + math.log1p(e) - y[i] * z
        d = ((1.0 if z >= 0 else e) / (1.0 + e) - y[i]) / samples
        for j in range(features):
            gradient[j] += d * x[i, j]
    return value / samples, gradient


def small_network_training(
    w1: Array, b1: Array, w2: Array, b2: Array, x: Array, y: Array, rate: Any, steps: int
) -> Any:
    """One loop over the samples holds forward and backward; the parameters are updated in place."""
    samples, hidden = x.shape[0], w2.shape[0]
    h, g_w1, g_b1, g_w2 = np.empty_like(w2), np.empty_like(w1), np.empty_like(w2), np.empty_like(w2)
    zero, two = np.float32(0), np.float32(2)
    loss = zero
    for _ in range(steps):
        g_w1[:] = 0
        g_b1[:] = 0
        g_w2[:] = 0
        g_b2 = zero
        loss = zero
        for n in range(samples):
            x0, x1, x2 = x[n, 0], x[n, 1], x[n, 2]
            out = b2[0]
            for j in range(hidden):
                h[j] = max(x0 * w1[0, j] + x1 * w1[1, j] + x2 * w1[2, j] + b1[j], zero)
                out += h[j] * w2[j]
            residual = out - y[n]
            loss += residual * residual
            d = two * residual
            g_b2 += d
            for j in range(hidden):
                d_hidden = d * w2[j] if h[j] > zero else zero
                g_w2[j] += h[j] * d
                g_b1[j] += d_hidden
                g_w1[0, j] += x0 * d_hidden
                g_w1[1, j] += x1 * d_hidden
                g_w1[2, j] += x2 * d_hidden
        b2[0] -= rate * g_b2
        for j in range(hidden):
            b1[j] -= rate * g_b1[j]
            w2[j] -= rate * g_w2[j]
            for k in range(3):
                w1[k, j] -= rate * g_w1[k, j]
    return loss


def lorenz_value_and_gradient(start: Array, parameters: Array, dt: float, steps: int) -> Any:
    """The tape holds the state before each step; the backward loop computes the stages of a step again."""
    sigma, rho, beta = parameters
    tape = np.empty((steps, 3))
    half = dt / 2
    x, y, z = start
    for i in range(steps):
        tape[i, 0], tape[i, 1], tape[i, 2] = x, y, z
        a1, b1, c1 = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        x2, y2, z2 = x + half * a1, y + half * b1, z + half * c1
        a2, b2, c2 = sigma * (y2 - x2), x2 * (rho - z2) - y2, x2 * y2 - beta * z2
        x3, y3, z3 = x + half * a2, y + half * b2, z + half * c2
        a3, b3, c3 = sigma * (y3 - x3), x3 * (rho - z3) - y3, x3 * y3 - beta * z3
        x4, y4, z4 = x + dt * a3, y + dt * b3, z + dt * c3
        a4, b4, c4 = sigma * (y4 - x4), x4 * (rho - z4) - y4, x4 * y4 - beta * z4
        x += dt / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        y += dt / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
        z += dt / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
    value = x * x + y * y + z * z
    gx, gy, gz = 2 * x, 2 * y, 2 * z
    g_sigma, g_rho, g_beta = 0.0, 0.0, 0.0
    for i in range(steps - 1, -1, -1):
        x, y, z = tape[i, 0], tape[i, 1], tape[i, 2]
        x2, y2, z2 = x + half * sigma * (y - x), y + half * (x * (rho - z) - y), z + half * (x * y - beta * z)
        a2, b2, c2 = sigma * (y2 - x2), x2 * (rho - z2) - y2, x2 * y2 - beta * z2
        x3, y3, z3 = x + half * a2, y + half * b2, z + half * c2
        a3, b3, c3 = sigma * (y3 - x3), x3 * (rho - z3) - y3, x3 * y3 - beta * z3
        x4, y4, z4 = x + dt * a3, y + dt * b3, z + dt * c3

        da, db, dc = dt / 6 * gx, dt / 6 * gy, dt / 6 * gz
        g_sigma, g_rho, g_beta = g_sigma + da * (y4 - x4), g_rho + db * x4, g_beta - dc * z4
        dx4, dy4, dz4 = (rho - z4) * db - sigma * da + y4 * dc, sigma * da - db + x4 * dc, -x4 * db - beta * dc

        da, db, dc = dt / 3 * gx + dt * dx4, dt / 3 * gy + dt * dy4, dt / 3 * gz + dt * dz4
        g_sigma, g_rho, g_beta = g_sigma + da * (y3 - x3), g_rho + db * x3, g_beta - dc * z3
        dx3, dy3, dz3 = (rho - z3) * db - sigma * da + y3 * dc, sigma * da - db + x3 * dc, -x3 * db - beta * dc

        da, db, dc = dt / 3 * gx + half * dx3, dt / 3 * gy + half * dy3, dt / 3 * gz + half * dz3
        g_sigma, g_rho, g_beta = g_sigma + da * (y2 - x2), g_rho + db * x2, g_beta - dc * z2
        dx2, dy2, dz2 = (rho - z2) * db - sigma * da + y2 * dc, sigma * da - db + x2 * dc, -x2 * db - beta * dc

        da, db, dc = dt / 6 * gx + half * dx2, dt / 6 * gy + half * dy2, dt / 6 * gz + half * dz2
        g_sigma, g_rho, g_beta = g_sigma + da * (y - x), g_rho + db * x, g_beta - dc * z
        gx += dx2 + dx3 + dx4 + (rho - z) * db - sigma * da + y * dc
        gy += dy2 + dy3 + dy4 + sigma * da - db + x * dc
        gz += dz2 + dz3 + dz4 - x * db - beta * dc
    return value, np.array([gx, gy, gz]), np.array([g_sigma, g_rho, g_beta])


# Programs without their derivatives: what a gradient is measured against.


def jacobi(a: Array, b: Array, steps: int) -> Any:
    a, b = a.copy(), b.copy()
    rows, columns = a.shape
    for _ in range(steps):
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                a[i, j] = 0.2 * (b[i, j] + b[i, j - 1] + b[i, j + 1] + b[i + 1, j] + b[i - 1, j])
    return np.sum(a * a)


def gauss_seidel(u: Array, f: Array, sweeps: int) -> Any:
    u = u.copy()
    rows, columns = u.shape
    for _ in range(sweeps):
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - f[i, j])
    return np.sum(u * u)


def thomas(lower: Array, diagonal: Array, upper: Array, right: Array) -> Any:
    c, x = np.empty_like(right), np.empty_like(right)
    c[0], x[0] = upper[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, right.size):
        pivot = diagonal[i] - lower[i] * c[i - 1]
        c[i], x[i] = upper[i] / pivot, (right[i] - lower[i] * x[i - 1]) / pivot
    for i in range(right.size - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]
    return np.sum(x * x)


def lstm(wx: Array, wh: Array, b: Array, x: Array) -> Any:
    steps, batch, features = x.shape
    units = wh.shape[0]
    h, c = np.zeros((batch, units), x.dtype), np.zeros((batch, units), x.dtype)
    gates = np.empty((batch, 4 * units), x.dtype)
    one = x.dtype.type(1)
    total = 0.0
    for t in range(steps):
        for s in range(batch):
            gates[s] = b
            for k in range(features):
                for j in range(4 * units):
                    gates[s, j] += x[t, s, k] * wx[k, j]
            for k in range(units):
                for j in range(4 * units):
                    gates[s, j] += h[s, k] * wh[k, j]
        for s in range(batch):
            for j in range(units):
                i = one / (one + math.exp(-gates[s, j]))
                f = one / (one + math.exp(-gates[s, units + j]))
                o = one / (one + math.exp(-gates[s, 3 * units + j]))
                c[s, j] = f * c[s, j] + i * math.tanh(gates[s, 2 * units + j])
                h[s, j] = o * math.tanh(c[s, j])
                total += h[s, j] * h[s, j]
    return total / (steps * h.size)
