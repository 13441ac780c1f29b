"""Programs whose derivatives are read first: what `sg.source` makes of them is in golden/gallery."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad as sg


@dataclass(frozen=True)
class Program:
    """A transformed function, and the arguments that say for which shapes."""

    function: Any
    arguments: Callable[[np.random.Generator], tuple[Any, ...]]


# a network of one hidden layer, trained in one loop


def squared_error(params, x, y):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    predicted = hidden @ params["w2"] + params["b2"]
    error = predicted - y
    return np.sum(error**2)


@sg.jit
def train(params, x, y, rate, steps=200):
    for _ in range(steps):
        grads = sg.grad(squared_error)(params, x, y)
        params = {name: params[name] - rate * grads[name] for name in params}
    return params


def network(rng):
    params = {"w1": rng.normal(size=(3, 32)), "b1": np.zeros(32), "w2": rng.normal(size=32), "b2": 0.0}
    return params, rng.normal(size=(100, 3)), rng.normal(size=100), 1e-4


# a classifier of digits, one step


def cross_entropy(params, images, labels):
    h = images
    for w, b in params[:-1]:
        h = np.maximum(h @ w + b, 0)
    w, b = params[-1]
    logits = h @ w + b
    top = np.max(logits, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(logits - top), axis=1)) + top[:, 0]
    return np.mean(log_total - np.sum(logits * labels, axis=1))


def classifier(rng):
    sizes = [64, 256, 128, 10]
    params = [(0.1 * rng.normal(size=(m, n)), np.zeros(n)) for m, n in itertools.pairwise(sizes)]
    return params, rng.normal(size=(32, 64)), np.eye(10)[rng.integers(0, 10, 32)]


# attention


def attention_loss(q, k, v, target):
    scores = q @ k.T / np.sqrt(q.shape[1])
    weights = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    weights = weights / np.sum(weights, axis=1, keepdims=True)
    error = weights @ v - target
    return np.sum(error**2)


def attention(rng):
    return tuple(rng.normal(size=(16, 8)) for _ in range(4))


# small classics


def rosenbrock(x):
    valley = x[1:] - x[:-1] ** 2
    slope = 1.0 - x[:-1]
    return np.sum(100.0 * valley**2 + slope**2)


def jacobi(grid, steps=50):
    for _ in range(steps):
        new = grid.copy()
        new[1:-1, 1:-1] = 0.25 * (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:])
        grid = new
    return np.sum(grid**2)


def newton_root(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


# a recurrent network


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm_loss(params, inputs, target):
    w, u, b = params
    size = u.shape[0]
    h = c = np.zeros(size)
    for x in inputs:
        gates = x @ w + h @ u + b
        i, f, o, g = (gates[k * size : (k + 1) * size] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return np.sum((h - target) ** 2)


def lstm(rng):
    params = rng.normal(size=(5, 32)), rng.normal(size=(8, 32)), np.zeros(32)
    return params, rng.normal(size=(20, 5)), rng.normal(size=8)


# a mixture of Gaussians with diagonal covariances


def mixture_loss(weights, means, log_scales, points):
    z = (points[:, None, :] - means) * np.exp(-log_scales)
    log_density = weights - np.sum(log_scales, axis=1) - 0.5 * np.sum(z**2, axis=2)
    top = np.max(log_density, axis=1)
    log_sum = top + np.log(np.sum(np.exp(log_density - top[:, None]), axis=1))
    return -np.sum(log_sum)


def mixture(rng):
    return rng.normal(size=5), rng.normal(size=(5, 3)), 0.1 * rng.normal(size=(5, 3)), rng.normal(size=(40, 3))


GALLERY = {
    "network": Program(train, network),
    "classifier": Program(sg.value_and_grad(cross_entropy), classifier),
    "attention": Program(sg.grad(attention_loss, argnums=(0, 1, 2)), attention),
    "rosenbrock": Program(sg.value_and_grad(rosenbrock), lambda rng: (rng.normal(size=20),)),
    "jacobi": Program(sg.grad(jacobi), lambda rng: (rng.normal(size=(16, 16)),)),
    "newton_root": Program(sg.value_and_grad(newton_root), lambda rng: (2.0,)),
    "lstm": Program(sg.grad(lstm_loss), lstm),
    "mixture": Program(sg.grad(mixture_loss, argnums=(0, 1, 2)), mixture),
}
