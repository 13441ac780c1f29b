"""Cells, convolutions and pooling by slices."""

import numpy as np

rng = np.random.default_rng(4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(w, u, xs):
    h = np.zeros(w.shape[0])
    for x in xs:
        h = np.tanh(w @ h + u @ x)
    return h


def lstm(w, xs):
    n = w.shape[0] // 4
    h, c = np.zeros(n), np.zeros(n)
    out = np.empty((len(xs), n))
    for t in range(len(xs)):
        z = w @ np.concatenate([xs[t], h])
        i, f, o = sigmoid(z[:n]), sigmoid(z[n : 2 * n]), sigmoid(z[2 * n : 3 * n])
        c = f * c + i * np.tanh(z[3 * n :])
        h = o * np.tanh(c)
        out[t] = h
    return out


def conv2d(image, kernel):
    kh, kw = kernel.shape
    out = np.zeros((image.shape[0] - kh + 1, image.shape[1] - kw + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(image[i : i + kh, j : j + kw] * kernel)
    return out


def conv2d_taps(image, kernel):
    kh, kw = kernel.shape
    h, w = image.shape[0] - kh + 1, image.shape[1] - kw + 1
    out = np.zeros((h, w))
    for a in range(kh):
        for b in range(kw):
            out += kernel[a, b] * image[a : a + h, b : b + w]
    return out


def max_pool(x):
    out = np.empty((x.shape[0] // 2, x.shape[1] // 2))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.max(x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return out


def mlp(params, x):
    for k, (w, b) in enumerate(params):
        x = x @ w + b
        if k < len(params) - 1:
            x = np.maximum(x, 0)
    return x


def attention(q, k, v):
    out = np.zeros_like(q)
    for i in range(len(q)):
        scores = np.array([q[i] @ k[j] for j in range(len(k))])
        weights = np.exp(scores - np.max(scores))
        out[i] = (weights / weights.sum()) @ v
    return out


def batch_norm(x):
    out = np.empty_like(x)
    for j in range(x.shape[1]):
        column = x[:, j]
        out[:, j] = (column - column.mean()) / np.sqrt(column.var() + 1e-5)
    return out


PROGRAMS = [
    (rnn, rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), rng.normal(size=(20, 2))),
    (lstm, rng.normal(size=(8, 5)), rng.normal(size=(18, 3))),
    (conv2d, rng.normal(size=(20, 6)), rng.normal(size=(3, 3))),
    (conv2d_taps, rng.normal(size=(7, 6)), rng.normal(size=(3, 3))),
    (max_pool, rng.normal(size=(36, 6))),
    (lambda w, x: mlp([(w, 0.1), (w.T, 0.2)], x), rng.normal(size=(4, 3)), rng.normal(size=(5, 4))),
    (attention, rng.normal(size=(18, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
    (batch_norm, rng.normal(size=(5, 18))),
]
