"""Linear algebra by loops."""

import numpy as np

rng = np.random.default_rng(2)


def lu_elements(a):
    n = len(a)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    return a


def lu_rows(a):
    n = a.shape[0]
    lower, upper = np.eye(n), a.copy()
    for k in range(n - 1):
        for i in range(k + 1, n):
            lower[i, k] = upper[i, k] / upper[k, k]
            upper[i, :] -= lower[i, k] * upper[k, :]
    return lower, upper


def cholesky_elements(a):
    n = a.shape[0]
    factor = np.zeros_like(a)
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            if i == j:
                factor[i, i] = np.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    return factor


def cholesky_slices(a):
    n = a.shape[0]
    factor = np.zeros((n, n))
    for j in range(n):
        pivot = a[j, j] - np.dot(factor[j, :j], factor[j, :j])
        if pivot <= 0:
            raise np.linalg.LinAlgError("not positive definite")
        factor[j, j] = np.sqrt(pivot)
        for i in range(j + 1, n):
            factor[i, j] = (a[i, j] - np.dot(factor[i, :j], factor[j, :j])) / factor[j, j]
    return factor


def gram_schmidt(a):
    m, n = a.shape
    q, r = np.zeros((m, n)), np.zeros((n, n))
    for j in range(n):
        v = a[:, j].copy()
        for i in range(j):
            r[i, j] = q[:, i] @ a[:, j]
            v -= r[i, j] * q[:, i]
        r[j, j] = np.linalg.norm(v)
        q[:, j] = v / r[j, j]
    return q, r


def givens_qr(a):
    m, n = a.shape
    for j in range(n):
        for i in range(m - 1, j, -1):
            x, y = a[i - 1, j], a[i, j]
            h = np.sqrt(x * x + y * y)
            c, s = x / h, y / h
            upper, lower = a[i - 1].copy(), a[i].copy()
            a[i - 1] = c * upper + s * lower
            a[i] = c * lower - s * upper
    return a


def forward_substitution(b, lower):
    x = np.empty_like(b)
    for i in range(len(b)):
        x[i] = (
            (b[i] - np.sum(lower[i] * np.where(np.arange(len(b)) < i, x, 0.0))) / lower[i, i]
            if i > 0
            else (b[0] / lower[0, 0])
        )
    return x


def back_substitution(b, upper):
    n = len(b)
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = b[i]
        for j in range(i + 1, n):
            s -= upper[i, j] * x[j]
        x[i] = s / upper[i, i]
    return x


def thomas(d, a, b, c):
    n = len(d)
    cp, dp, x = np.empty(n), np.empty(n), np.empty(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    x[-1] = dp[-1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]
    return x


def levinson(r, y):
    n = len(y)
    x, f = np.zeros(n), np.zeros(n)
    f[0] = 1.0 / r[0]
    x[0] = y[0] / r[0]
    for k in range(1, n):
        ef, ex = 0.0, 0.0
        for i in range(k):
            ef += r[k - i] * f[i]
            ex += r[k - i] * x[i]
        g = f.copy()
        scale = 1.0 / (1.0 - ef * ef)
        for i in range(k + 1):
            f[i] = scale * (g[i] - ef * (g[k - i] if i > 0 else 0.0))
        for i in range(k + 1):
            x[i] += (y[k] - ex) * f[k - i]
    return x


def conjugate_gradient(b, a):
    x = np.zeros_like(b)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    for _ in range(20):
        ap = a @ p
        alpha = rs / (p @ ap)
        x += alpha * p
        r -= alpha * ap
        new = r @ r
        if np.sqrt(new) < 1e-2:
            break
        p = r + (new / rs) * p
        rs = new
    return x


def power_iteration(a):
    v = np.ones(a.shape[0])
    for _ in range(30):
        v = a @ v
        v /= np.linalg.norm(v)
    return v @ a @ v


def matmul_elements(a, b):
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


def pivoted_solve(a, b):
    n = len(b)
    for k in range(n):
        row = k + np.argmax(np.abs(a[k:, k]))
        if row != k:
            a[[k, row]] = a[[row, k]]
            b[[k, row]] = b[[row, k]]
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            a[i, k:] -= factor * a[k, k:]
            b[i] -= factor * b[k]
    return b


def definite(n):
    m = rng.normal(size=(n, n))
    return m @ m.T + n * np.eye(n)


PROGRAMS = [
    (lu_elements, definite(8)),
    (lu_elements, definite(18)),
    (lu_rows, definite(18)),
    (cholesky_elements, definite(18)),
    (cholesky_slices, definite(6)),
    (gram_schmidt, rng.normal(size=(20, 18))),
    (givens_qr, rng.normal(size=(6, 4))),
    (forward_substitution, rng.normal(size=20), np.tril(definite(20))),
    (back_substitution, rng.normal(size=20), definite(20)),
    (thomas, rng.normal(size=30), rng.random(30), 4 + rng.random(30), rng.random(30)),
    (levinson, np.array([6.0, *rng.normal(size=18)]), rng.normal(size=19)),
    (conjugate_gradient, rng.normal(size=6), definite(6)),
    (power_iteration, definite(5)),
    (matmul_elements, rng.normal(size=(3, 20)), rng.normal(size=(20, 4))),
    (pivoted_solve, definite(5) - 4 * np.eye(5), rng.normal(size=5)),
]
