"""The vector math against mpmath (and, densely, against float64 for float32), and that LLVM vectorises it."""

import functools
import importlib
import math
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numba import njit
from numba.core.registry import cpu_target
from scipy import special

from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS

BINARY = {"arctan2", "hypot", "power", "logaddexp", "logaddexp2"}
DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
#: the functions that state their errors
NAMES = [name for name, function in SCALAR_FUNCTIONS.items() if function.ulp is not None]
CASES = [pytest.param(name, dtype, id=f"{name}-{dtype}") for name in NAMES for dtype in DTYPES]
FLAGS = {"contract", "reassoc", "nsz", "arcp"}
FAR = mpf(10) ** 5  # exponentials of more than this are beyond every float


def function_of(name: str, dtype: np.dtype[Any]) -> Any:
    """The compiled function of a table entry for a dtype."""
    module, function = SCALAR_FUNCTIONS[name].home(dtype)
    return getattr(importlib.import_module(module), function)


def _documented() -> dict[str, tuple[float, float]]:
    """The documented bounds in ulp: name -> (float64, float32)."""
    text = (Path(__file__).parents[1] / "docs" / "vecmath.md").read_text(encoding="utf-8").partition("## Speed")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE)
    return {name: (float(double), float(single)) for name, double, single in rows}


HAS_FMA = "+fma" in cpu_target.target_context.codegen().magic_tuple()[2] or platform.machine() in ("arm64", "aarch64")


def _bound(name: str, dtype: np.dtype[Any]) -> float:
    bounds = SCALAR_FUNCTIONS[name].ulp
    assert bounds is not None
    return bounds[DTYPES.index(dtype)] + (0 if HAS_FMA else 1)


def _clip(x: Any) -> Any:
    return max(-FAR, min(FAR, x))


def _expit(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-_clip(x)))


def _logaddexp(a: Any, b: Any) -> Any:
    return max(a, b) + mpmath.log1p(mpmath.exp(-min(FAR, abs(a - b))))


def _logaddexp2(a: Any, b: Any) -> Any:
    return max(a, b) + mpmath.log1p(mpf(2) ** (-min(FAR, abs(a - b)))) / mp.ln2


def _power(x: Any, y: Any) -> Any:
    sign = -1 if x < 0 and y % 2 == 1 else 1
    return sign * mpmath.exp(_clip(y * mpmath.log(abs(x))))


def _erfinv(x: Any) -> Any:
    y = mpf(float(special.erfinv(float(x)))) or x * mpmath.sqrt(mp.pi) / 2
    for _ in range(3):  # Newton
        excess = mpmath.sign(x) * ((1 - abs(x)) - mpmath.erfc(abs(y)))
        excess = mpmath.erf(y) - x if abs(x) < 0.9 else excess
        y -= excess * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(y * y)
    return y


def _erfcx(x: Any) -> Any:
    if x < 50:
        return mpmath.exp(min(FAR, x * x)) * mpmath.erfc(max(x, mpf(-200)))
    return sum((-1) ** k * mpmath.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(24)) / (x * mpmath.sqrt(mp.pi))


def _log_ndtr(x: Any) -> Any:
    if x > 0:
        return mpmath.log1p(-mpmath.erfc(min(x, mpf(200)) / mpmath.sqrt(2)) / 2)
    return mpmath.log(_erfcx(-x / mpmath.sqrt(2)) / 2) - x * x / 2


def _scaled_i(order: int, x: Any) -> Any:
    """`exp(-|x|) besseli(order, x)`, for large `x` by Hankel's expansion."""
    a = abs(x)
    if a < 1e4:
        return mpmath.exp(-a) * mpmath.besseli(order, x)
    total = term = mpf(1)
    for k in range(1, 20):
        term *= -mpf(4 * order**2 - (2 * k - 1) ** 2) / (8 * k * a)
        total += term
    return (mpmath.sign(x) if order else 1) * total / mpmath.sqrt(2 * mp.pi * a)


REFERENCE: dict[str, Callable[..., Any]] = {
    "exp": lambda x: mpmath.exp(_clip(x)),
    "exp2": lambda x: mpf(2) ** _clip(x),
    "expm1": lambda x: mpmath.expm1(_clip(x)),
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x) / mp.ln2,
    "log10": mpmath.log10,
    "tanh": lambda x: mpmath.tanh(_clip(x)),
    "sinh": lambda x: mpmath.sinh(_clip(x)),
    "cosh": lambda x: mpmath.cosh(_clip(x)),
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "expit": _expit,
    "log_expit": lambda x: min(x, mpf(0)) - mpmath.log1p(mpmath.exp(-min(FAR, abs(x)))),
    "logit": lambda x: mpmath.log(x) - mpmath.log1p(-x),
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "sinc": lambda x: mpmath.sincpi(x),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "hypot": mpmath.hypot,
    "power": _power,
    "gammaln": lambda x: mpmath.re(mpmath.loggamma(x)),
    "digamma": mpmath.digamma,
    "polygamma1": lambda x: mpmath.psi(1, x),
    "erf": mpmath.erf,
    "erfc": lambda x: mpmath.erfc(min(x, mpf(200))),
    "erfinv": _erfinv,
    "gamma": mpmath.gamma,
    "erfcx": _erfcx,
    "ndtr": lambda x: mpmath.erfc(-max(x, mpf(-200)) / mpmath.sqrt(2)) / 2,
    "log_ndtr": _log_ndtr,
    "i0": lambda x: mpmath.besseli(0, _clip(x)),
    "i1": lambda x: mpmath.besseli(1, _clip(x)),
    "i0e": lambda x: _scaled_i(0, x),
    "i1e": lambda x: _scaled_i(1, x),
    "j0": mpmath.j0,
    "j1": mpmath.j1,
    "y0": lambda x: mpmath.bessely(0, x),
    "y1": lambda x: mpmath.bessely(1, x),
}
# Where the function is real and interesting, beyond random bit patterns of all exponents.
INTERVALS: dict[str, list[tuple[float, float]]] = {
    "exp": [(-746, 711), (-105, 90), (-1, 1)],
    "exp2": [(-1076, 1025), (-151, 129), (-1, 1)],
    "expm1": [(-40, 711), (-20, 90), (-1, 1)],
    "log": [(0, 4), (0.9, 1.1)],
    "log1p": [(-1, 4), (-0.1, 0.1)],
    "log2": [(0, 4), (0.9, 1.1)],
    "log10": [(0, 4), (0.9, 1.1)],
    "tanh": [(-22, 22), (-1, 1)],
    "sinh": [(-711, 711), (-90, 90), (-1, 1)],
    "cosh": [(-711, 711), (-90, 90), (-1, 1)],
    "arccosh": [(1, 1.1), (1, 50)],
    "arctanh": [(-1, 1)],
    "expit": [(-750, 40), (-105, 20), (-2, 2)],
    "log_expit": [(-50, 750), (-5, 105), (-2, 2)],
    "logit": [(0, 1), (0.45, 0.55)],
    "sin": [(-10, 10), (-1e5, 1e5), (1e11, 2e12)],
    "cos": [(-10, 10), (-1e5, 1e5), (1e11, 2e12)],
    "tan": [(-10, 10), (-1e5, 1e5), (1e11, 2e12)],
    "sinc": [(-10, 10), (0.9, 1.1)],
    "arcsin": [(-1, 1), (0.49, 0.51)],
    "arccos": [(-1, 1), (0.49, 0.51)],
    "arctan": [(-3, 3)],
    "power": [(-4, 4), (0.5, 2)],
    "gammaln": [(-7, 12), (0.9, 2.1), (-40, 40)],
    "digamma": [(-9, 12), (1.4, 1.5), (-40, 40)],
    "polygamma1": [(-9, 12), (-40, 40)],
    "erf": [(-6, 6), (0.9, 1.1)],
    "erfc": [(-6, 28), (0.4, 1.1), (-4, 10.5)],
    "erfinv": [(-1, 1), (0.9, 1), (0.999, 1)],
    "gamma": [(-9, 12), (0.9, 2.1), (-40, 40), (-180, 172)],
    "erfcx": [(-27, 28), (-2, 2), (0, 12)],
    "ndtr": [(-39, 9), (-2, 2)],
    "log_ndtr": [(-39, 39), (-2, 2)],
    "i0": [(-720, 720), (-16, 16)],
    "i1": [(-720, 720), (-16, 16)],
    "i0e": [(-16, 16), (-100, 100)],
    "i1e": [(-16, 16), (-100, 100)],
    **{name: [(-10, 10), (0, 12), (0, 100), (1e3, 1e5)] for name in ("j0", "j1", "y0", "y1")},
}
POLES = {"gammaln", "digamma", "polygamma1", "gamma"}
#: Their float32 versions compute in float64.
WIDE = {"power", "gamma", "erfcx", "ndtr", "log_ndtr", "i0", "i1", "i0e", "i1e", "j0", "j1", "y0", "y1"}


@functools.cache
def _loop(name: str, dtype: np.dtype[Any]) -> Any:
    function = function_of(name, dtype)

    def unary(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def binary(x, y, out):
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    return njit(fastmath=FLAGS, error_model="numpy")(binary if name in BINARY else unary)


def _apply(name: str, *arguments: Any) -> Any:
    out = np.empty_like(arguments[0])
    _loop(name, out.dtype)(*arguments, out)
    return out


def _bit_patterns(rng: np.random.Generator, count: int, dtype: np.dtype[Any]) -> Any:
    unsigned = np.dtype(f"u{dtype.itemsize}")
    values = rng.integers(0, np.iinfo(unsigned).max, count, unsigned, endpoint=True).view(dtype)
    return values[np.isfinite(values)]


def _in_domain(name: str, x: Any) -> Any:
    """The arguments at which the function is finite."""
    if name in ("log", "log2", "log10"):
        return x[x > 0]
    if name in ("arcsin", "arccos"):
        return x[abs(x) <= 1]
    if name in ("arctanh", "erfinv"):
        return x[abs(x) < 1]
    if name == "log1p":
        return x[x > -1]
    if name == "arccosh":
        return x[x >= 1]
    if name == "logit":
        return x[(x > 0) & (x < 1)]
    if name in ("y0", "y1"):
        x = x[x > 0]
    if name in ("j0", "j1", "y0", "y1"):
        return x[abs(x) < 1e8]
    if name in POLES:
        return x[(abs(x) < 1e30) & (x > -1e5) & ((x > 0) | (x != np.rint(x)))]
    return x


def _arguments(name: str, dtype: np.dtype[Any], count: int, seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)

    def one() -> Any:
        parts = [_bit_patterns(rng, count, dtype), np.exp2(rng.uniform(-40, 20, count))]
        parts += [rng.uniform(low, high, count) for low, high in INTERVALS.get(name, [(-3, 3)])]
        return _in_domain(name, np.concatenate([part.astype(dtype) for part in parts]))

    if name not in BINARY:
        return (one(),)
    x, y = one(), rng.permutation(one())
    x, y = x[: min(x.size, y.size)], y[: min(x.size, y.size)]
    if name == "power":
        x = abs(x)
        y[::4] = np.rint(y[::4])
        x[::4] *= -1
        x[x == 0] = 1
    return x, y


def _scale(name: str, arguments: tuple[Any, ...], value: Any) -> Any:
    """What the error is relative to: the value, except near zeros that no algorithm in working precision resolves."""
    if name in ("logaddexp", "logaddexp2"):
        return max(1, abs(value), *map(abs, arguments))
    if name in ("gammaln", "digamma"):
        x = arguments[0]
        terms = (abs(REFERENCE[name](1 - x)),) if x < 0 else ()
        return max(1, abs(value), *terms)
    if name in ("j0", "j1", "y0", "y1") and abs(arguments[0]) > 0.5:
        return max(abs(value), mpmath.sqrt(2 / (mp.pi * max(2, abs(arguments[0])))))
    return abs(value)


def _ulps(got: float, exact: Any, dtype: np.dtype[Any], scale: Any) -> float:
    info = np.finfo(dtype)
    if math.isnan(got):
        return math.inf
    largest = mpf(float(info.max)) * (1 + mpf(2) ** (-info.nmant - 2))
    if abs(exact) >= largest:
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else math.inf
    if math.isinf(got):
        return math.inf
    exponent = mpmath.frexp(scale)[1] - info.nmant - 1
    unit = mpf(2) ** max(exponent, info.minexp - info.nmant)
    return float(abs(mpf(got) - exact) / unit)


def test_bounds_are_documented() -> None:
    assert _documented() == {name: SCALAR_FUNCTIONS[name].ulp for name in NAMES}


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_error_is_within_the_documented_bound(name: str, dtype: np.dtype[Any]) -> None:
    arguments = _arguments(name, dtype, 60)
    got = _apply(name, *arguments)
    worst, where = 0.0, ""
    with mp.workprec(160):
        for values in zip(*arguments, got, strict=True):
            *given, result = map(float, values)
            inputs = tuple(map(mpf, given))
            exact = REFERENCE[name](*inputs)
            error = _ulps(result, exact, dtype, _scale(name, inputs, exact))
            if error > worst:
                worst, where = error, f"{name}({', '.join(map(repr, given))}) = {result!r}, not {float(exact)!r}"
    assert worst <= _bound(name, dtype), where


DENSE = {
    **{name: getattr(np, name) for name in NAMES if hasattr(np, name) and name != "sinc"},
    **{name: getattr(special, name) for name in ("expit", "log_expit", "logit", "erf", "erfc", "erfinv")},
}


@pytest.mark.parametrize("name", sorted(DENSE))
def test_float32_is_within_the_bound_of_float64(name: str) -> None:
    """Far more arguments than mpmath could do; the error of the float64 reference is a billionth of the unit."""
    arguments = _arguments(name, np.dtype(np.float32), 20_000)
    with np.errstate(all="ignore"):
        got = _apply(name, *arguments).astype(np.float64)
        exact = DENSE[name](*(x.astype(np.float64) for x in arguments))
        magnitude = abs(exact)
        if name in ("logaddexp", "logaddexp2"):
            magnitude = np.maximum.reduce([magnitude, np.ones_like(exact), *map(abs, arguments)])
        unit = np.ldexp(1.0, np.maximum(np.frexp(magnitude)[1] - 24, -149))
        overflows = abs(exact) >= float(np.finfo(np.float32).max) * (1 + 2.0**-25)
        error = np.where(overflows & (got == np.copysign(np.inf, exact)), 0, abs(got - exact) / unit)
    assert error.max() <= _bound(name, DTYPES[1]), [x[error.argmax()] for x in arguments]


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_special_values_are_those_of_numpy_and_scipy(name: str, dtype: np.dtype[Any]) -> None:
    info = np.finfo(dtype)
    values = np.array(SPECIAL, dtype)
    extremes = np.array([info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal], dtype)
    reference = functools.partial(special.polygamma, 1) if name == "polygamma1" else None
    reference = reference or getattr(np, name, None) or getattr(special, name)
    with np.errstate(all="ignore"):
        if name in BINARY:
            arguments = tuple(np.array(np.meshgrid(values, values)).reshape(2, -1))
        elif name in ("sinc", "polygamma1", "digamma", "gammaln", "gamma", "i1", "i1e", "j0", "j1", "y0", "y1"):
            arguments = (values,)
        else:
            arguments = (np.concatenate([values, extremes, -extremes[-1:]]),)
        got = _apply(name, *arguments)
        expected = np.asarray(reference(*arguments)).astype(dtype)
    if name == "erfinv":  # odd, while SciPy's loses the sign of zero
        expected = np.copysign(expected, arguments[0])
    if name in ("i1", "i1e"):  # likewise
        expected = np.copysign(expected, arguments[0])
    if name == "sinc":
        expected[np.isin(values, [1.0, -1.0, 2.0, -2.0, 3.0, -3.0])] = 0.0
    for *given, result, wanted in zip(*arguments, got, expected, strict=True):
        message = f"{name}({', '.join(map(str, given))}) = {result}, not {wanted}"
        if not np.isfinite(wanted) or (wanted == 0 and name != "sinc"):
            np.testing.assert_equal(result, wanted, message)
            assert np.isnan(wanted) or np.signbit(result) == np.signbit(wanted), message
        else:
            np.testing.assert_allclose(result, wanted, rtol=16 * info.eps, atol=0, err_msg=message)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_reduction_is_exact_for_the_doubles_nearest_to_multiples_of_half_pi(name: str) -> None:
    """Found by continued fractions of `2**e / (pi / 2)`; the first is the worst case of all doubles."""
    hard = [6381956970095103.0 * 2.0**797]
    with mp.workprec(1300):
        for exponent in range(0, 960, 16):
            hard += _nearest_to_multiples(mpf(2) ** exponent / (mp.pi / 2), 2.0**exponent)
        got = _apply(name, np.array(hard))
        errors = [
            _ulps(float(result), exact, DTYPES[0], abs(exact))
            for result, exact in zip(got, map(REFERENCE[name], map(mpf, hard)), strict=True)
        ]
    assert max(errors) <= _bound(name, DTYPES[0])


def _nearest_to_multiples(ratio: Any, unit: float) -> list[float]:
    found = []
    before, denominator = 1, 0
    while denominator < 2**53:
        if denominator > 2**50:
            found.append(denominator * unit)
        whole = int(mpmath.floor(ratio))
        before, denominator = denominator, whole * denominator + before
        ratio = 1 / (ratio - whole)
    return found


@pytest.mark.skipif(not HAS_FMA, reason="two lanes are not always worth it to LLVM")
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_loops_are_vectorised(name: str, dtype: np.dtype[Any]) -> None:
    _apply(name, *_arguments(name, dtype, 2))
    (text,) = _loop(name, dtype).inspect_llvm().values()
    element = "double" if dtype == np.float64 else "float"
    assert re.search(rf"load <\d+ x {element}>", text), "no vector loop"
    if dtype == np.float32 and name not in {"sin", "cos", "tan"} | WIDE:
        assert not re.search(r"<\d+ x double>", text), "float64 arithmetic in a float32 loop"
        assert not re.search(r"<\d+ x i64>", text), "wide integers in a float32 loop"


def test_no_function_has_the_disk_cache_of_numba() -> None:
    dispatchers = [function_of(name, dtype) for name in NAMES for dtype in DTYPES]
    assert {type(dispatcher._cache).__name__ for dispatcher in dispatchers} == {"NullCache"}


def test_rare_arguments_are_found_in_vectors_and_remainders() -> None:
    x = np.linspace(-9, 9, 1001)
    for place in (0, 1, 7, 500, 1000):
        x[place] = 1e22
    np.testing.assert_allclose(_apply("sin", x), np.sin(x), rtol=1e-15, atol=1e-18)
    y = x.astype(np.float32)
    np.testing.assert_allclose(_apply("cos", y), np.cos(y.astype(np.float64)), rtol=2e-7, atol=1e-12)


def test_a_dtype_that_a_function_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="tanh is not defined for int64"):
        SCALAR_FUNCTIONS["tanh"].home(np.dtype(np.int64))
