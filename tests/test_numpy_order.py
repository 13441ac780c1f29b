"""Order statistics, searches, choices and polynomials, traced, give what NumPy gives; and have the right derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.numpy as snp
from tests.test_numpy_face import calls, check
from tests.test_numpy_linalg import along_a_line

NUMBERS = """
np.searchsorted(np.sort(v), x) | np.searchsorted(np.sort(v), x, side="right") | np.digitize(x, [-1, 0, 2])
np.digitize(x, [2, 0, -1], right=True) | np.digitize(v, np.sort(y[0])) | np.bincount([0, 2, 2], weights=v)
np.bincount([0, 1, 1], v, minlength=4) | np.histogram(x, 4, range=(-2, 3)) | np.histogram(x, [-1, 0, 2, 5])[0]
np.histogram(c, bins=5) | np.histogram(v, 3, weights=y[0]) | np.histogram(x, 4, density=True)[0]
np.partition(v, 1)[1] | np.partition(x, 1, axis=0)[1]
np.sort(x, axis=None)[np.argpartition(x, 2, axis=None).argmin()] | np.maximum.accumulate(x, axis=1)
np.minimum.accumulate(v) | np.maximum.accumulate(c, 2) | np.median(x, axis=(0, 1)) | np.quantile(c, 0.2, axis=(0, 2))
np.quantile(c, [0.1, 0.5], axis=(0, 2), keepdims=True) | np.percentile(x, [10, 90]) | np.percentile(v, 50)
np.quantile(x, 0.4, method="lower") | np.quantile(x, 0.4, method="higher", axis=1)
np.quantile(x, 0.5, method="nearest") | np.quantile(x, 0.4, method="midpoint") | np.quantile(c, 0.3, 1, method="hazen")
np.quantile(c, 0.9, axis=2, method="weibull") | np.quantile(c, 0.9, method="median_unbiased")
np.quantile(c, 0.01, method="normal_unbiased") | np.quantile(c, 0.4, method="interpolated_inverted_cdf")
np.choose([0, 1, 1], [v, 2 * v]) | np.choose(x > 0, [x, y]) | np.choose([3, -1], [v[:2], 0], mode="clip")
np.choose([3, -1], [v[:2], 0], mode="wrap") | np.extract([True, False, True], v) | np.flatnonzero(a > 2)
np.apply_along_axis(lambda r: r[0] * r, 1, c) | np.apply_along_axis(np.sum, 0, x) | np.resize(x, (2, 5))
np.insert(v, 1, 7) | np.insert(v, [0, 2], [5, 6]) | np.insert(x, 1, v, axis=0) | np.insert(x, 1, 4, axis=1)
np.insert(v, 1, [5, 6]) | np.insert(x, 2, [8, 9]) | np.nancumsum(x, axis=1) | np.nancumprod(v)
np.cumulative_sum(v, include_initial=True) | np.cumulative_prod(x, axis=1) | np.polyadd(v, x[0, :2])
np.polysub(v[:1], v) | np.isin(x, [1, 2]) | np.isin(v, x, invert=True) | np.array_equiv(v, x) | np.array_equiv(v, v)
np.isreal(x) | np.poly(v) | np.unravel_index(k, (2, 3)) | np.unravel_index(k + 3, (2, 3), "F")
np.ravel_multi_index((k, k), (3, 4)) | np.angle(x) | np.ravel_multi_index((k, k + 1), (3, 2), mode="wrap", order="F")
np.ravel_multi_index((k, k + 1), (3, 2), mode="clip") | x[np.tril_indices_from(x)] | m[np.triu_indices_from(m, 1)]
m[np.diag_indices_from(m)] | np.isposinf(x) | np.iscomplex(v) | np.apply_over_axes(np.sum, c, [0, 2]) | np.polyder(v)
np.polyder(v, 2) | np.polyint(v) | np.polyint(v, 2, k=[1, 2]) | np.gradient(v, [0.0, 1.0, 3.0])
np.gradient(c, 1, [0.0, 1.0, 3.0], 0.5) | np.gradient(c, [0.0, 1.0, 3.0, 3.5], axis=2, edge_order=2)
np.gradient(x, 2.0, [0.0, 1.0, 1.5]) | np.interp(x, [-1.0, 0.0, 2.0], v) | np.interp(x, [0.5, 1.5, 3.0], v, period=4)
"""

FLOATS = """
np.nanmedian(n) | np.nanmedian(n, axis=1) | np.nanquantile(n, 0.3, axis=0) | np.nanpercentile(n, [20, 60], axis=1)
np.nanquantile(n, [0.5], axis=(0, 1), keepdims=True) | np.nanargmax(n) | np.nanargmin(n, axis=1) | np.median(n)
np.quantile(n, 0.3, axis=1) | np.nancumsum(n) | np.nancumprod(n, axis=0) | np.maximum.accumulate(n, axis=1)
np.isneginf(i) | np.isposinf(i) | np.angle(x, deg=True) | np.unwrap(x * 5) | np.unwrap(x * 5, axis=0)
np.unwrap(v * 9, period=2.0) | np.unwrap(v * 9, discont=4)
np.piecewise(x, [x < 0, x > 1], [lambda t: -t, lambda t: t * t, 3.0]) | np.piecewise(v, v < 0, [0, np.exp])
np.logspace(s, 2, 4) | np.geomspace(np.abs(s) + 1, 20, 4) | np.polyfit(np.array([0.0, 1, 2, 4]), c[0, 0], 2)
np.polyfit(np.array([0.0, 1, 2, 4]), c[0].T, 1, w=np.array([1.0, 2, 1, 1])) | np.polymul(v, x[0])
"""


@pytest.mark.parametrize("call", calls(NUMBERS))
def test_numbers(call: str) -> None:
    for dtype in ("f8", "f4", "i8"):
        check(call, dtype, snp)


@pytest.mark.parametrize("call", calls(FLOATS))
def test_floats(call: str) -> None:
    for dtype in ("f8", "f4"):
        if not (dtype == "f4" and "polyfit" in call):
            check(call, dtype, snp)


@pytest.mark.parametrize("call", ["np.quantile(c, 0.2, axis=1)", "np.digitize(x, [-1, 0, 2])", "np.unwrap(x * 5)"])
def test_dispatch_by_numpy(call: str) -> None:
    check(call, "f8", np)


X = np.random.default_rng(1).normal(size=(3, 7))
POINTS = np.array([-1.5, -0.3, 0.4, 2.0])
GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "quantile": lambda x: np.sum(np.quantile(x, [0.2, 0.7], axis=1) ** 2),
    "quantile, traced q": lambda x: snp.quantile(x[:2], 1 / (1 + x[2] ** 2), axis=1).sum(),
    "nanmedian": lambda x: np.sum(np.nanmedian(np.where(x > 1, np.nan, x), axis=0) ** 2),
    "running maximum": lambda x: np.sum(np.maximum.accumulate(x, axis=1) ** 2),
    "interp in x": lambda x: np.sum(np.interp(x, POINTS, np.sin(POINTS))),
    "interp in fp": lambda x: np.sum(np.interp(X, POINTS, x[0, :4]) ** 2),
    "interp in xp": lambda x: np.sum(np.interp(X, np.cumsum(x[0] ** 2), x[1]) ** 2),
    "histogram": lambda x: np.sum(np.histogram(X, 4, range=(-2, 2), weights=x)[0] ** 2),
    "partition": lambda x: np.sum(np.partition(x, 2, axis=1)[:, 2] ** 2),
    "piecewise": lambda x: np.sum(np.piecewise(x, [x < 0, x > 1], [lambda t: t**3, lambda t: np.sqrt(abs(t)), 1.0])),
    "unwrap": lambda x: np.sum(np.unwrap(x * 4) ** 2),
    "polynomial fit": lambda x: np.sum(np.polyfit(x[0], x[1], 2) ** 2),
    "coordinates": lambda x: np.sum(np.gradient(x[0], np.cumsum(x[1] ** 2 + 1), edge_order=2) ** 2),
    "insert": lambda x: np.sum(np.insert(x, [1, 3], x[0, :2], axis=1) ** 3),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str) -> None:
    found, expected = along_a_line(GRADIENTS[name], X)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_compiled() -> None:
    """One program of several of them."""

    def program(x, weights):
        edges = np.quantile(x, [0.1, 0.5, 0.9])
        smooth = np.interp(x, edges, weights) + np.maximum.accumulate(x)
        return np.sum(np.convolve(smooth, weights, "same") * np.digitize(x, [0.0, 0.5]))

    x, weights = np.random.default_rng(3).normal(size=50), np.array([0.3, 1.0, -0.4])
    value, (of_x, of_weights) = sg.value_and_grad(program, argnums=(0, 1))(x, weights)
    np.testing.assert_allclose(value, program(x, weights))
    for k, gradient in enumerate((of_x, of_weights)):
        direction = np.random.default_rng(4).normal(size=gradient.shape)
        moved = [[x, weights], [x, weights]]
        for side, arguments in zip((1e-6, -1e-6), moved, strict=True):
            arguments[k] = arguments[k] + side * direction
        expected = (program(*moved[0]) - program(*moved[1])) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-5)
