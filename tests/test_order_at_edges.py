"""Order statistics with NaN and infinities: NumPy's values, and derivatives that go where the result comes from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.interpreted import gradient, run

NAN, INF = np.nan, np.inf
LINES = [
    [1.0, NAN, 3.0, NAN],
    [1.0, INF, 3.0, -INF],
    [-INF, NAN, -INF],
    [INF, INF, INF],
    [1.0, INF],
    [INF, -INF],
    [1.0, 2.0, INF, INF],
    [3.0],
    [1.0, 2.0, 3.0, 4.0, NAN],
]
QUANTILES = [0, 1, 0.0, 0.3, 0.5, 0.7, 1.0, [0.2, 0.8], [0, 1]]
METHODS: Any = ["linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull"]


def plain(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_medians_and_quantiles(line: list[float]) -> None:
    x = np.array(line)
    for function in (np.median, np.nanmedian, np.nanmax, np.nanmin, np.ptp):
        np.testing.assert_allclose(run(function, x), plain(function, x), err_msg=function.__name__)
    for q in map(np.asarray, QUANTILES):
        found_by_method = run(lambda x, q=q: tuple(np.quantile(x, q, method=method) for method in METHODS), x)
        for method, found in zip(METHODS, found_by_method, strict=True):
            np.testing.assert_allclose(found, plain(np.quantile, x, q, method=method), err_msg=f"{q} {method}")
        np.testing.assert_allclose(run(lambda x, q=q: np.nanquantile(x, q), x), plain(np.nanquantile, x, q))


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [[3.0, 2.0, 1.0], [1.0, 2.0, 2.0, 3.0], [1.0], [2.0, 2.0]], ids=str)
def test_digitize_in_bins_that_rise_or_fall(bins: list[float], right: bool) -> None:
    x, edges = np.array([0.0, 1.0, 1.5, 2.0, 3.0, 4.0, NAN]), np.array(bins)
    wanted = np.digitize(x, edges, right)
    np.testing.assert_array_equal(run(lambda x, edges: np.digitize(x, edges, right), x, edges), wanted)
    np.testing.assert_array_equal(run(lambda x: np.digitize(x, edges, right), x), wanted)


def test_digitize_in_bins_that_do_neither() -> None:
    with pytest.raises(ValueError, match="monotonically increasing or decreasing"):
        run(lambda x: np.digitize(x, np.array([1.0, 3.0, 2.0])), np.ones(2))


WITH_NAN = np.array([1.0, NAN, 3.0, NAN])
WITH_INFINITIES = np.array([1.0, INF, 3.0, -INF])


@pytest.mark.parametrize(
    ("function", "x", "wanted"),
    [
        (np.max, WITH_NAN, [0, 0.5, 0, 0.5]),
        (np.min, WITH_NAN, [0, 0.5, 0, 0.5]),
        (np.ptp, WITH_NAN, [0, 0.5, 0, 0.5]),
        (np.median, WITH_NAN, [0, 0, 0, 1]),
        (lambda x: np.quantile(x, 0.3), WITH_NAN, [0, 0, 0, 1]),
        (lambda x: np.linalg.norm(x, np.inf), WITH_NAN, [0, NAN, 0, NAN]),
        (lambda x: np.maximum(x, 2).sum(), WITH_NAN, [0, 1, 1, 1]),
        (lambda x: np.minimum(2, x).sum(), WITH_NAN, [1, 1, 0, 1]),
        (lambda x: np.maximum(x, x[::-1]).sum(), WITH_NAN, [0, 2, 0, 2]),
        (lambda x: np.fmax(x, x[::-1]).sum(), WITH_NAN, [2, 0, 2, 0]),
        (lambda x: np.clip(x, 0, 2).sum(), WITH_NAN, [1, 1, 0, 1]),
        (lambda x: np.maximum.accumulate(x).sum(), WITH_NAN, [1, 3, 0, 0]),
        (np.nanmax, WITH_NAN, [0, 0, 1, 0]),
        (np.nanmax, WITH_INFINITIES, [0, 1, 0, 0]),
        (np.nanmin, WITH_INFINITIES, [0, 0, 0, 1]),
        (np.nanmax, np.array([-INF, NAN, -INF]), [0.5, 0, 0.5]),
        (np.nanmin, np.array([NAN, NAN]), [0, 0]),
        (np.median, WITH_INFINITIES, [0.5, 0, 0.5, 0]),
        (lambda x: np.linalg.norm(x, np.inf), WITH_INFINITIES, [0, 0.5, 0, -0.5]),
    ],
)
def test_the_derivative_goes_to_the_element_that_is_the_result(function: Any, x: Any, wanted: list[float]) -> None:
    np.testing.assert_allclose(gradient(function, x), wanted)
