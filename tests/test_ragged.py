"""Slices whose length is known only when the program runs: what NumPy computes, and its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import SrcgradError
from tests.interpreted import interpreter
from tests.staged import gradient_is_right, regions, same_as_python

rng = np.random.default_rng(11)
X = rng.uniform(0.2, 1.3, 24)
A = rng.uniform(0.1, 1.0, (20, 20)) + 4 * np.eye(20)


def fixed_length(x):
    y = np.zeros(30)
    for i in range(1, 20):
        y[i : i + 3] += np.sin(x[i - 1 : i + 2]) * x[i]
        y[i : i + 2] = y[i : i + 2] * 0.5
    return y


def partial_sums(x):
    out = np.zeros((5, 24))
    for i in range(1, 24):
        out[0, i] = x[:i].sum() + np.sum(x[i:] ** 2)
        out[1, i] = x[:i].mean() * np.mean(x[i - 1 :])
        out[2, i] = x[:i].max() - np.min(x[:i] * x[i])
        out[3, i] = np.prod(x[:i]) + np.linalg.norm(x[: i + 1])
        out[4, i] = np.dot(x[:i], x[:i][::-1]) + x[:i] @ x[-i:] + len(x[i:]) * x[i]
    return out


def negative_bounds(x):
    out = np.zeros(24)
    for i in range(24):
        out[i] = x[: i - 3].sum() + 2 * x[-i - 1 :].sum() + 3 * x[i - 30 : i + 50 * i].sum()
    return out


def mixed_with_numbers(x):
    total = np.zeros(24)
    for k in range(2, 22):
        total[:k] += 2.0 * x[:k] - 1
        total[k:] *= 0.9
        total[k - 1 : -1] = np.where(x[k:] > 0.5, total[k - 1 : -1], x[k:])
        total[: k // 2] = k
    return total


def of_slices(x):
    out = 0.0
    for k in range(4, 24):
        part = np.cos(x[:k])
        out += part[0] + part[-1] * part[k // 2] + part[1:-1].sum() + part[::-1][0] + part[2:][:-1].sum()
    return out


def views(x):
    x = x.copy()
    for k in range(2, 20):
        head = x[:k]
        head += 0.1
        head[0] = head[1] * 0.5
        head[1:] *= x[k]
        kept = head.copy()
        x[k] = kept.sum() * 0.01
    return x


def triangular_solve(a):
    n = len(a)
    x, y = np.zeros(n), np.zeros(n)
    for i in range(n):
        y[i] = (1.0 + i - a[i, :i] @ y[:i]) / a[i, i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - np.dot(a[i, i + 1 :], x[i + 1 :])) / a[i, i]
    return x


def lu_by_outer(a):
    a = a.copy()
    for k in range(len(a) - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


def lu_by_newaxis(a):
    a = a.copy()
    for k in range(len(a) - 1):
        a[k + 1 :, k] = a[k + 1 :, k] / a[k, k]
        a[k + 1 :, k + 1 :] = a[k + 1 :, k + 1 :] - a[k + 1 :, k][:, None] * a[k, k + 1 :]
    return a


def cholesky_by_columns(a):
    a = a @ a.T
    n = a.shape[0]
    factor = np.zeros_like(a)
    for j in range(n):
        factor[j, j] = np.sqrt(a[j, j] - np.sum(factor[j, :j] ** 2))
        factor[j + 1 :, j] = (a[j + 1 :, j] - factor[j + 1 :, :j] @ factor[j, :j]) / factor[j, j]
    return factor


def householder(a):
    r = a.copy()
    for k in range(len(a) - 1):
        v = r[k:, k].copy()
        v[0] += np.sign(v[0]) * np.sqrt(np.sum(v * v))
        v = v / np.sqrt(v @ v)
        r[k:, k:] -= 2.0 * np.outer(v, v @ r[k:, k:])
    return r


def levinson(x):
    n = len(x) - 1
    r = np.exp(-np.arange(n + 1.0)) * np.cos(x) + 0.0
    a = np.zeros(n + 1)
    a[0], e = 1.0, r[0]
    for k in range(1, n + 1):
        c = -(r[k] + np.dot(a[1:k], r[1:k][::-1])) / e
        a[1 : k + 1] = a[1 : k + 1] + c * a[:k][::-1]
        e = e * (1 - c * c)
    return a, e


def by_argument(x, n):
    head, tail = x[:n], x[n:]
    return head.sum() * tail.mean() + (head * 2 - 1).max()


VECTORS = [fixed_length, partial_sums, negative_bounds, mixed_with_numbers, of_slices, views, levinson]
MATRICES = [triangular_solve, lu_by_outer, lu_by_newaxis, cholesky_by_columns, householder]


@pytest.mark.parametrize("function", VECTORS)
def test_vectors(function: Any) -> None:
    same_as_python(function, X)
    gradient_is_right(function, X)


@pytest.mark.parametrize("function", MATRICES)
def test_matrices(function: Any) -> None:
    same_as_python(function, A)
    gradient_is_right(function, A)


@pytest.mark.parametrize("function", [triangular_solve, lu_by_outer, cholesky_by_columns, householder])
def test_compiled(function: Any) -> None:
    np.testing.assert_allclose(sg.jit(function)(A), function(A), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 7, 23])
def test_a_bound_that_is_an_argument(n: int) -> None:
    same_as_python(by_argument, X, n)
    gradient_is_right(by_argument, X, n)


def test_the_size_of_the_program_does_not_depend_on_the_length() -> None:
    def size(n: int) -> int:
        with interpreter():
            graph = sg.grad(lambda a: cholesky_by_columns(a).sum()).specialise(np.eye(n) + 0.01).graph

        def count(graph: Any) -> int:
            nodes = graph.nodes()
            return len(nodes) + sum(count(node.params["body"]) for node in nodes if "body" in node.params)

        return count(graph)

    assert size(30) == size(300)
    assert regions(cholesky_by_columns, np.eye(30)) == ["loop"]


ERRORS = [
    (lambda x, n: x[:n] + x, "beside an axis of 24"),
    (lambda x, n: x[:n] + x[: n + 1], "different lengths"),
    (lambda x, n: x[:n] @ x, "a slice of unknown length and a whole axis"),
    (lambda x, n: np.sort(x[:n]), "numpy.sort on a slice whose length"),
    (lambda x, n: np.cumsum(x[:n]), "numpy.cumsum on a slice"),
    (lambda x, n: x[:n].reshape(-1), "array.reshape on a slice"),
    (lambda x, n: x[:n][::2], "a slice with a step"),
    (lambda x, n: x[:n].var(), "array.var on a slice"),
    (lambda x, n: np.sum(x[:n], keepdims=True), "sum with keepdims"),
    (lambda x, n: x[:n:2], "known length k"),
]


@pytest.mark.parametrize(("function", "text"), ERRORS)
def test_errors(function: Any, text: str) -> None:
    with pytest.raises(SrcgradError, match=text) as caught:
        sg.jit(function)(X, 3)
    assert "test_ragged.py:" in str(caught.value)
