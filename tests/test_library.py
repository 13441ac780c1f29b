"""Calls on whole arrays: one compilation for all shapes, large matrices by LAPACK, calls within loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends.library.native import library


def test_one_compilation_serves_every_shape() -> None:
    ordered = sg.jit(lambda x: np.sort(np.cumsum(x, axis=0), axis=0))
    ordered(np.arange(5.0))
    before = library.cache_info().misses
    for shape in ((7,), (3, 2), (2, 3, 4)):
        x = np.random.default_rng(0).normal(size=shape)
        np.testing.assert_allclose(ordered(x), np.sort(np.cumsum(x, axis=0), axis=0))
    assert library.cache_info().misses == before


def test_the_text_names_the_call() -> None:
    source = sg.source(sg.jit(lambda x: np.sort(x)), np.ones((2, 3)), form="machine")
    assert 'sort = library("lines.sort", "float64* float64* int64 int64 int64")' in source
    assert "2, 3, 1)" in source


@pytest.mark.parametrize("order", [1, 5, 33, 70])
def test_small_and_large_matrices(order: int) -> None:
    """Loops and LAPACK agree with NumPy."""
    rng = np.random.default_rng(order)
    a, b = rng.normal(size=(order, order)) + order * np.eye(order), rng.normal(size=(order, 6))

    def everything(a: Any, b: Any) -> tuple[Any, ...]:
        return (
            np.linalg.solve(a, b),
            np.linalg.inv(a),
            np.linalg.slogdet(a)[1],
            np.linalg.cholesky(a @ a.T),
            np.linalg.eigvalsh(a + a.T),
            np.linalg.svd(a)[1],
            np.linalg.pinv(b),
            np.linalg.qr(a)[1],
        )

    for found, expected in zip(sg.jit(everything)(a, b), everything(a, b), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_calls_within_a_loop() -> None:
    """A recurrence of solves and sorts, and its gradient."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)

    def step(i: Any, a: Any, x: Any) -> Any:
        return np.linalg.solve(a + i * np.eye(4), x) + np.sort(x)

    def looped(a, b):
        return np.sum(sg.fori_loop(0, 5, lambda i, x: step(i, a, x), b) ** 2)

    def unrolled(a, b):
        for i in range(5):
            b = step(i, a, b)
        return np.sum(b**2)

    value, gradient = sg.value_and_grad(looped)(a, b)
    np.testing.assert_allclose(value, unrolled(a, b))
    direction = rng.normal(size=a.shape)
    expected = (unrolled(a + 1e-6 * direction, b) - unrolled(a - 1e-6 * direction, b)) / 2e-6
    np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-7)
