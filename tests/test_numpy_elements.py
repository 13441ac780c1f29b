"""`numpy.vectorize`, `frexp`, `real_if_close`, and functions whose results depend on the data too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special  # noqa: F401  (the module that errors name)

import srcgrad as sg
from srcgrad.core.errors import UnsupportedError
from tests.interpreted import gradient, run

X = np.array([[0.5, -1.5, 2.0], [1e-3, 7.0, -0.25]])


def cube_or_square(v):
    return v**3 if v > 0 else v**2


outside = np.vectorize(cube_or_square)


@np.vectorize
def decorated(v, w=2.0):
    return v * w, v + w


@np.vectorize(otypes=[np.float32])
def narrow(v):
    return v * 2


CALLS: list[Callable[[Any], Any]] = [
    lambda x: np.vectorize(lambda v: v * np.sin(v))(x),
    lambda x: outside(x),
    lambda x: outside(x[0, 0]),
    lambda x: decorated(x)[1],
    lambda x: decorated(x, x[0])[0],
    lambda x: narrow(x),
    lambda x: narrow(x[:0]),
    lambda x: np.vectorize(lambda v, p: v ** len(p), excluded=[1])(x, [1, 2]),
    lambda x: np.vectorize(lambda v, p: v**p, excluded={"p"})(x, p=3),
    lambda x: np.vectorize(lambda v, w: v @ w, signature="(n),(n)->()")(x, x[1]),
    lambda x: np.vectorize(lambda v: v[::-1] * 2, signature="(n)->(n)")(x),
    lambda x: np.real_if_close(x),
]


@pytest.mark.parametrize("call", CALLS)
def test_values(call: Callable[[Any], Any]) -> None:
    found, expected = run(call, X), call(X)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert np.asarray(found).dtype == expected.dtype
    assert np.shape(found) == np.shape(expected)


def test_gradient_through_vectorize() -> None:
    found = gradient(lambda x: np.sum(outside(x)), X)
    np.testing.assert_allclose(found, np.where(X > 0, 3 * X**2, 2 * X))


def test_compiled() -> None:
    found = sg.grad(lambda x: np.sum(outside(x) + np.frexp(x)[0]))(X)
    np.testing.assert_allclose(found, np.where(X > 0, 3 * X**2, 2 * X) + 2.0 ** -np.frexp(X)[1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_frexp(dtype: Any) -> None:
    info = np.finfo(dtype)
    exact = np.array([2.0**k for k in range(-100, 101)], dtype)
    numbers = [exact, np.nextafter(exact, dtype(0)), -np.nextafter(exact, dtype(np.inf)), np.linspace(-9, 9, 40)]
    numbers += [[0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, -info.tiny / 8]]
    x = np.concatenate([np.asarray(part, dtype) for part in numbers])
    found, expected = run(lambda x: np.frexp(x), x), np.frexp(x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.unique(x), "numpy.unique.*depends on the data.*np.sort"),
        (lambda x: np.roots(x[0]), "numpy.roots.*eigh"),
        (lambda x: np.nextafter(x, 1.0), "numpy.nextafter.*outside"),
        (lambda x: np.real_if_close(x * 1j), "real_if_close.*Take .real"),
        (lambda x: outside(np.broadcast_to(x, (1000, 2, 3))), "once for each of 6000 elements.*NumPy functions"),
    ],
)
def test_what_cannot_be_says_so(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        run(call, X)
