"""`scipy.special`: composites at the edges of their domains, and derivatives where textbook formulas cancel."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mp, mpf

import srcgrad as sg
from srcgrad.core.errors import UnsupportedError
from tests.interpreted import interpreter, run

INF, NAN = np.inf, np.nan
NUMBERS = [0.0, 0.3, 0.5, 1.0, 2.0, 3.0, 7.25, 45.0, 1e-30, -0.5, -1.0, -2.5, -30.5]
EDGES = [*NUMBERS, -0.0, 200.0, INF, -INF, NAN]
POWERS = [number for number in NUMBERS if number != 1e-30]
ONE = ["gammasgn", "entr", "exprel", "cosm1", "exp10", "softplus", "spence"]
#: with the operands that are compared; at the others SciPy has NaN, or loses digits, or continues beyond a pole
TWO: dict[str, tuple[list[float], list[float]]] = {
    "betaln": ([0.3, 0.5, 1.0, 2.0, 7.25, 45.0, 1e-30], [0.3, 0.5, 1.0, 2.0, 7.25, 45.0, 200.0, -0.5, -2.25]),
    "beta": ([0.3, 0.5, 1.0, 2.0, 7.25, 45.0, 1e-30], [0.3, 0.5, 1.0, 2.0, 7.25, 45.0, -0.5, -2.25]),
    "binom": ([0.3, 1.0, 2.0, 7.25, 40.0, -0.5, -2.25], [0.0, 0.3, 1.0, 2.0, 7.25, -1.0, 9.0]),
    "rel_entr": (EDGES, EDGES),
    "kl_div": (EDGES[:-3], EDGES[:-3]),
    "huber": (EDGES, EDGES),
    "pseudo_huber": (NUMBERS, EDGES),
    "boxcox": (EDGES, POWERS),
    "boxcox1p": (EDGES, POWERS),
    "inv_boxcox": (NUMBERS, EDGES[:-3]),
    "inv_boxcox1p": (NUMBERS, EDGES[:-3]),
}


def check(name: str, *arrays: Any) -> None:
    function = getattr(scipy.special, name)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = run(lambda *x: function(*x), *arrays), function(*arrays)
    np.testing.assert_allclose(found, expected, rtol=2e-6 if expected.dtype == np.float32 else 1e-12)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", ONE)
def test_values_of_one_operand(name: str, dtype: str) -> None:
    numbers = [x for x in EDGES if name != "spence" or x != INF]  # SciPy's spence is NaN at inf, not its limit
    check(name, np.array(numbers, dtype))


@pytest.mark.parametrize("name", list(TWO))
def test_values_of_two_operands(name: str) -> None:
    pairs = np.array(list(itertools.product(*TWO[name])))
    check(name, *pairs.T)
    check(name, *np.array([[0.5, 1.5, 2.5], [0.25, 1.0, 0.5]], np.float32))


REFERENCES: dict[str, Callable[..., Any]] = {
    "j0": mpmath.j0,
    "j1": mpmath.j1,
    "y0": lambda x: mpmath.bessely(0, x),
    "y1": lambda x: mpmath.bessely(1, x),
    "i0": lambda x: mpmath.besseli(0, x),
    "i1": lambda x: mpmath.besseli(1, x),
    "i0e": lambda x: mpmath.exp(-x) * mpmath.besseli(0, x),
    "i1e": lambda x: mpmath.exp(-x) * mpmath.besseli(1, x),
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "ndtr": mpmath.ncdf,
    "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "gamma": mpmath.gamma,
    "entr": lambda x: -x * mpmath.log(x),
    "exprel": lambda x: mpmath.expm1(x) / x,
    "cosm1": lambda x: mpmath.cos(x) - 1,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "spence": lambda x: mpmath.re(mpmath.polylog(2, 1 - x)),
    "exp1": mpmath.e1,
    "expi": mpmath.ei,
    "gammainc": lambda x: mpmath.gammainc(2.5, 0, x, regularized=True),
    "gammaincc": lambda x: mpmath.gammainc(2.5, x, regularized=True),
    "zeta": lambda x: mpmath.zeta(2.5, x),
}
POINTS = [1e-3, 0.021, 0.7, 3.0, 8.0, 19.0, 26.0, 99.0, 101.0]


@pytest.mark.parametrize("name", list(REFERENCES))
def test_derivatives_of_one_operand(name: str) -> None:
    """To second order."""
    function = getattr(scipy.special, name)
    slope = sg.grad(
        (lambda x: function(2.5, x)) if name in ("gammainc", "gammaincc", "zeta") else lambda x: function(x)
    )
    with interpreter(), mp.workprec(300):
        for x in POINTS:
            first = mpmath.diff(REFERENCES[name], mpf(x), h=mpf(10) ** -25)
            second = mpmath.diff(REFERENCES[name], mpf(x), 2, h=mpf(10) ** -20)
            if abs(first) > 1e-300:
                np.testing.assert_allclose(slope(x), float(first), rtol=1e-12, err_msg=f"at {x}", atol=1e-14)
            np.testing.assert_allclose(sg.grad(slope)(x), float(second), rtol=1e-9, atol=1e-13, err_msg=f"at {x}")


TWO_REFERENCES: dict[str, Callable[..., Any]] = {
    "betaln": lambda a, b: mpmath.log(mpmath.beta(a, b)),
    "beta": mpmath.beta,
    "binom": mpmath.binomial,
    "rel_entr": lambda x, y: x * mpmath.log(x / y),
    "kl_div": lambda x, y: x * mpmath.log(x / y) - x + y,
    "pseudo_huber": lambda d, r: d * d * (mpmath.sqrt(1 + (r / d) ** 2) - 1),
    "boxcox": lambda x, power: (x**power - 1) / power,
    "boxcox1p": lambda x, power: ((1 + x) ** power - 1) / power,
    "inv_boxcox": lambda y, power: (1 + power * y) ** (1 / power),
    "inv_boxcox1p": lambda y, power: (1 + power * y) ** (1 / power) - 1,
}


@pytest.mark.parametrize("name", list(TWO_REFERENCES))
def test_derivatives_of_two_operands(name: str) -> None:
    function, reference = getattr(scipy.special, name), TWO_REFERENCES[name]
    gradient = sg.value_and_grad(lambda a, b: function(a, b), argnums=(0, 1))
    step = mpf(10) ** -25
    with interpreter(), mp.workprec(300):
        for x, y in [(0.7, 0.3), (2.0, 1e-3), (12.5, 0.4), (50.0, 40.0), (200.0, 3.0)]:
            a, b = mpf(x), mpf(y)
            value, found = gradient(x, y)
            expected = [
                float((reference(a + step, b) - reference(a - step, b)) / (2 * step)),
                float((reference(a, b + step) - reference(a, b - step)) / (2 * step)),
            ]
            np.testing.assert_allclose(value, float(reference(a, b)), rtol=1e-12)
            np.testing.assert_allclose(found, expected, rtol=1e-11, err_msg=f"at {x}, {y}")


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("entr", (0.0,), (INF,)),
        ("rel_entr", (0.0, 1.0), (-INF, 0.0)),
        ("rel_entr", (-1.0, 1.0), (0.0, 0.0)),
        ("kl_div", (0.0, 2.0), (-INF, 1.0)),
        ("huber", (1.0, 1.0), (0.0, 1.0)),
        ("huber", (1.0, -3.0), (2.0, -1.0)),
        ("pseudo_huber", (0.0, 2.0), (0.0, 0.0)),
        ("boxcox", (2.0, 0.0), (0.5, np.log(2) ** 2 / 2)),
        ("inv_boxcox", (2.0, 0.0), (np.exp(2), -2 * np.exp(2))),
        ("exprel", (0.0,), (0.5,)),
        ("log_ndtr", (-INF,), (INF,)),
        ("log_ndtr", (INF,), (0.0,)),
        ("i1", (0.0,), (0.5,)),
        ("j1", (0.0,), (0.5,)),
        ("i0e", (1e300,), (0.0,)),
    ],
)
def test_derivatives_at_edges(name: str, operands: tuple[float, ...], expected: tuple[float, ...]) -> None:
    function = getattr(scipy.special, name)
    with interpreter(), np.errstate(all="ignore"):
        found = sg.grad(lambda *x: function(*x), argnums=tuple(range(len(operands))))(*operands)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_combinations() -> None:
    n, k = np.array([5.0, 10.0, 3.0, 6.5, -1.0]), np.array([2.0, 3.0, 4.0, 1.5, 1.0])
    special = scipy.special
    for call in (
        lambda n, k: special.comb(n, k),
        lambda n, k: special.comb(np.abs(n), k, repetition=True),
        lambda n, k: special.factorial(n) + 0 * k,
        lambda n, k: special.multigammaln(np.abs(n) + 2, 3) + 0 * k,
    ):
        np.testing.assert_allclose(run(call, n, k), call(n, k), rtol=1e-13)
    with pytest.raises(UnsupportedError, match="exact=False"):
        run(lambda n: special.factorial(n, exact=True), n)


ORDERS = [0.001, 0.5, 1.0, 3.7, 9.9, 12.0, 90.0, 1e4]
LOOPS: dict[str, tuple[list[float], ...]] = {
    "gammainc": ([0.0, *ORDERS, NAN, -1.0, INF], [0.0, *ORDERS, NAN, -1.0, INF]),
    "gammaincc": ([0.0, *ORDERS[1:], NAN, -1.0, INF], [0.0, *ORDERS, NAN, -1.0, INF]),
    "betainc": ([0.5, 1.0, 3.7, 12.0, 90.0, 1e4], [0.5, 1.0, 3.7, 12.0, 150.0], [0.0, 1e-3, 0.1, 0.5, 0.9, 1.0, NAN]),
    "exp1": ([0.0, 1e-5, 0.5, 1.0, 1.1, 5.0, 100.0, 705.0, INF, NAN, -1.0],),
    "expi": ([0.0, 1e-5, 0.5, 1.0, 5.0, 39.0, 41.0, 705.0, INF, NAN, -0.1, -1.0, -50.0, -INF],),
    "zeta": ([1.0, 1.5, 2.0, 7.0, 20.0, 60.0, 200.0, 0.5], [0.1, 0.5, 1.0, 9.5, 30.0, 1e5, 0.0, -1.0, -0.5]),
}


@pytest.mark.parametrize("name", list(LOOPS))
def test_compiled_loops_give_what_scipy_gives(name: str) -> None:
    operands = np.array(list(itertools.product(*LOOPS[name]))).T
    function = getattr(scipy.special, name)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        arrays = [x.astype(dtype) for x in operands]
        with np.errstate(all="ignore"):
            found, expected = sg.jit(lambda *x: function(*x))(*arrays), function(*arrays)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-290 if dtype is np.float64 else 1e-30)
        assert found.dtype == dtype


def test_operands_without_derivative_say_so() -> None:
    with pytest.raises(UnsupportedError, match=r"gammainc has no derivative with respect to a.*sg.custom_vjp"):
        sg.grad(lambda a: scipy.special.gammainc(a, 2.0))(1.5)
    with pytest.raises(UnsupportedError, match="zeta has no derivative with respect to x"):
        sg.grad(lambda s: scipy.special.zeta(s))(1.5)


def test_compiled() -> None:
    x, y = np.linspace(0.1, 4.0, 37), np.linspace(3.0, 0.5, 37)

    def total(x, y):
        special = scipy.special
        terms = special.betaln(x, y) + special.boxcox(x, y) + special.kl_div(x, y) + special.pseudo_huber(x, y)
        return np.sum(terms * special.log_ndtr(-x) + special.i0e(y) * special.j1(x) + special.gamma(y))

    value, found = sg.value_and_grad(total, argnums=(0, 1))(x, y)
    with interpreter():
        expected_value, expected = sg.value_and_grad(total, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(value, total(x, y), rtol=1e-12)
    np.testing.assert_allclose(expected_value, value, rtol=1e-12)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11)
