"""What only a region that does not run reads has derivative 0, though its own derivative be infinite or NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.settings import override
from tests.interpreted import gradient, interpreter

X, S = np.array([-1.0, 0.0, 2.0]), -2.0


def branch(x: Any, s: Any) -> Any:
    root, y = np.sqrt(x), x
    if s > 0:
        y = root * 2
    return y.sum()


def loop_of_no_iteration(x: Any, s: Any) -> Any:
    root, y = np.log(x) / x, x
    while s > 0:
        y = y + root
        s = s - 1
    return y.sum()


def carried(x: Any, s: Any) -> Any:
    y, z = x**-0.5, x
    while s > 0:
        y, z = z, y
        s = s - 1
    return z.sum()


def left_at_once(x: Any, s: Any) -> Any:
    root, y = np.sqrt(x), x
    for k in range(4):
        if k > 10 * s + 10:
            break
        y = y + root
    return y.sum()


def within_a_loop(x: Any, s: Any) -> Any:
    root, y = np.sqrt(x) * np.exp(x), x
    for _ in range(30):
        if s > 0:
            y = y + root
    return y.sum()


def product(x: Any, s: Any) -> Any:
    y, z = x @ np.array([[1.0, np.nan, 0.0], [0.0, np.inf, 1.0], [1.0, 1.0, 1.0]]), x
    if s > 0:
        z = y
    return z.sum()


def running_product(x: Any, s: Any) -> Any:
    y, z = np.cumprod(x / 0.0), x
    if s > 0:
        z = y
    return z.sum()


def factors_of_a_matrix(x: Any, s: Any) -> Any:
    y, z = np.linalg.eigh(np.outer(x, x) * 0 + np.eye(3))[1], x.sum()  # equal eigenvalues
    if s > 0:
        z = y.sum()
    return z


FUNCTIONS = (branch, loop_of_no_iteration, carried, left_at_once, within_a_loop, product, running_product)


@pytest.mark.parametrize("function", [*FUNCTIONS, factors_of_a_matrix])
def test_what_no_iteration_reads_has_derivative_zero(function: Any) -> None:
    with override(unroll_loops=0), np.errstate(all="ignore"):
        found = gradient(function, X, S, argnums=(0, 1))
    np.testing.assert_array_equal(found[0], np.ones(3))
    assert found[1] == 0


def test_second_derivatives_go_through_cotangents_that_are_zero() -> None:
    """A cotangent that is 0 may change."""

    def value(x: Any, s: Any) -> Any:
        root, product, y = np.sqrt(x), x @ np.eye(2), x * 0
        if s > 0:
            y = (root - 1) ** 2 + (product - 1) ** 2  # at 1 their cotangents are 0, and change
        return y.sum()

    with interpreter():
        second = sg.grad(lambda x, s: sg.grad(value)(x, s).sum())(np.ones(2), 1.0)
    np.testing.assert_allclose(second, 2.5 * np.ones(2))


def test_it_is_compiled_too() -> None:
    with override(unroll_loops=0), np.errstate(all="ignore"):
        np.testing.assert_array_equal(sg.grad(branch)(X, S), np.ones(3))
        np.testing.assert_allclose(sg.grad(branch)(np.array([4.0, 1.0]), 1.0), [0.5, 1.0])
