"""Stencils and sweeps: heat, waves, advection, implicit diffusion, flow."""

import numpy as np

rng = np.random.default_rng(1)


def jacobi_1d(a):
    b = a.copy()
    for _ in range(20):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])
    return a


def jacobi_2d(a):
    b = a.copy()
    for _ in range(18):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a, b = b, a
    return a


def heat_3d(a):
    b = np.zeros_like(a)
    b[...] = a
    for _ in range(17):
        b[1:-1, 1:-1, 1:-1] = (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, 1:-1, :-2])
            + a[1:-1, 1:-1, 1:-1]
        )
        a, b = b, a
    return a


def gauss_seidel(a):
    for _ in range(3):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]) / 4.0
    return a


def red_black(a, f):
    for _ in range(4):
        for colour in range(2):
            for i in range(1, a.shape[0] - 1):
                for j in range(1 + (i + colour) % 2, a.shape[1] - 1, 2):
                    a[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1] - f[i, j])
    return a


def fdtd_2d(hz, ex, ey, source):
    for t in range(len(source)):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return hz


def wave_equation(u, c):
    before, now = u.copy(), u.copy()
    for _ in range(25):
        after = np.zeros_like(now)
        after[1:-1] = 2 * now[1:-1] - before[1:-1] + c**2 * (now[2:] - 2 * now[1:-1] + now[:-2])
        before, now = now, after
    return now


def burgers(u):
    nu, dt, dx = 0.05, 0.01, 0.1
    for _ in range(30):
        un = u.copy()
        u[1:-1] = (
            un[1:-1] - un[1:-1] * dt / dx * (un[1:-1] - un[:-2]) + nu * dt / dx**2 * (un[2:] - 2 * un[1:-1] + un[:-2])
        )
        u[0] = u[-2]
        u[-1] = u[1]
    return u


def horizontal_diffusion(x, coeff):
    lap = 4.0 * x[1:-1, 1:-1] - (x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2])
    flx = lap[1:, 1:-1] - lap[:-1, 1:-1]
    flx = np.where(flx * (x[2:-1, 2:-2] - x[1:-2, 2:-2]) > 0, 0, flx)
    fly = lap[1:-1, 1:] - lap[1:-1, :-1]
    fly = np.where(fly * (x[2:-2, 2:-1] - x[2:-2, 1:-2]) > 0, 0, fly)
    return x[2:-2, 2:-2] - coeff * (flx[1:, :] - flx[:-1, :] + fly[:, 1:] - fly[:, :-1])


def vertical_advection(u, w):
    levels = u.shape[1]
    c, d = np.zeros_like(u), np.zeros_like(u)
    for k in range(levels):
        up = 0.25 * w[:, k] if k < levels - 1 else 0.0 * w[:, k]
        low = -0.25 * w[:, k] if k > 0 else 0.0 * w[:, k]
        if k == 0:
            c[:, k] = up
            d[:, k] = u[:, k]
        else:
            scale = 1.0 / (1.0 - c[:, k - 1] * low)
            c[:, k] = up * scale
            d[:, k] = (u[:, k] - d[:, k - 1] * low) * scale
    out = np.zeros_like(u)
    out[:, -1] = d[:, -1]
    for k in range(levels - 2, -1, -1):
        out[:, k] = d[:, k] - c[:, k] * out[:, k + 1]
    return out


def adi(u):
    n = u.shape[0]
    v, p, q = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    a, b, c = -0.3, 1.6, -0.3
    for _ in range(2):
        v[0, :] = 1.0
        p[:, 0] = 0.0
        q[:, 0] = v[0, :]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (0.4 * u[j, :-2] + 0.2 * u[j, 1:-1] + 0.4 * u[j, 2:] - a * q[1:-1, j - 1]) / (
                a * p[1:-1, j - 1] + b
            )
        v[-1, 1:-1] = 1.0
        for j in range(n - 2, -1, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 1:-1] = 0.5 * (u[1:-1, 1:-1] + v[1:-1, 1:-1])
    return u


def cavity(u, v, p):
    dx = dt = 0.1
    for _ in range(17):
        un, vn = u.copy(), v.copy()
        b = np.zeros_like(p)
        b[1:-1, 1:-1] = ((u[1:-1, 2:] - u[1:-1, :-2]) + (v[2:, 1:-1] - v[:-2, 1:-1])) / (2 * dx * dt)
        for _ in range(3):
            pn = p.copy()
            p[1:-1, 1:-1] = (pn[1:-1, 2:] + pn[1:-1, :-2] + pn[2:, 1:-1] + pn[:-2, 1:-1] - dx**2 * b[1:-1, 1:-1]) / 4
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        u[1:-1, 1:-1] = un[1:-1, 1:-1] - dt / dx * un[1:-1, 1:-1] * (un[1:-1, 1:-1] - un[1:-1, :-2])
        u[1:-1, 1:-1] -= dt / (2 * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
        v[1:-1, 1:-1] = vn[1:-1, 1:-1] - dt / (2 * dx) * (p[2:, 1:-1] - p[:-2, 1:-1])
        u[-1, :] = 1
        u[0, :] = 0
        v[:, 0] = v[:, -1] = 0
    return u, v


def upwind(q, speed):
    for _ in range(20):
        for i in range(len(q) - 1, 0, -1):
            if speed > 0:
                q[i] = q[i] - speed * (q[i] - q[i - 1])
            else:
                q[i - 1] = q[i - 1] - speed * (q[i] - q[i - 1])
    return q


PROGRAMS = [
    (jacobi_1d, rng.random(12)),
    (jacobi_2d, rng.random((7, 6))),
    (heat_3d, rng.random((5, 4, 5))),
    (gauss_seidel, rng.random((20, 5))),
    (red_black, rng.random((7, 8)), rng.random((7, 8))),
    (fdtd_2d, rng.random((5, 6)), rng.random((5, 6)), rng.random((5, 6)), rng.random(18)),
    (wave_equation, rng.random(12), 0.4),
    (burgers, rng.random(12)),
    (horizontal_diffusion, rng.random((9, 8)), 0.3),
    (vertical_advection, rng.random((3, 20)), rng.random((3, 20))),
    (adi, rng.random((20, 20))),
    (cavity, rng.random((6, 6)), rng.random((6, 6)), rng.random((6, 6))),
    (upwind, rng.random(20), 0.3),
    (upwind, rng.random(20), -0.3),
]
