"""Ufuncs of `scipy.special` that are compositions of rows, with SciPy's values at the edges of their domains.

Both branches of a selection are differentiated. So the operands that a branch is not meant for are replaced before
it, not after: ``0 * inf`` would appear otherwise.
"""

from __future__ import annotations

import math
from typing import Any

from srcgrad.core.op import apply
from srcgrad.core.types import inexact, promote, type_of
from srcgrad.numpy.elementwise import composite
from srcgrad.ops.arithmetic import absolute, floor, maximum, minimum, where
from srcgrad.ops.exponential import exp, expm1, log, log1p
from srcgrad.ops.families import convert, horner
from srcgrad.ops.logic import isinf, isnan
from srcgrad.ops.normal import gamma as gamma_function
from srcgrad.ops.special import gammaln, log_expit, xlogy

#: Stirling's correction ``gammaln(x) - (x - 1/2) log(x) + x - log(2 pi) / 2`` in ``1 / x**2``, times x
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
#: ``B(2k) / (2k + 1)!`` for k = 1, 2, ...
_SPENCE = [
    float(b) / math.factorial(2 * k + 3)
    for k, b in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510))
]
_EXPREL = [1 / math.factorial(k + 1) for k in range(11)]
_LOG1P_QUOTIENT = [(-1) ** k / (k + 1) for k in range(11)]


def _floats(*operands: Any) -> list[Any]:
    """The operands in one floating dtype."""
    dtype = inexact(promote([type_of(x) for x in operands])[0])
    return [convert(x, dtype) for x in operands]


# The gamma function's relatives


@composite(1)
def gammasgn(x: Any) -> Any:
    """The sign of gamma; NaN at the negative integers and -inf."""
    (x,) = _floats(x)
    whole = floor(x)
    pole = (x < 0) & (apply("equal", x, whole))
    odd = apply("not_equal", apply("remainder", where(pole | isinf(x), 0, whole), 2), 0)
    signed = where((x < 0) & odd, -1.0, 1.0)
    zero = where(apply("signbit", x), -1.0, 1.0)
    return convert(where(isnan(x) | pole, math.nan, where(apply("equal", x, 0), zero, signed)), x.dtype)


def _stirling(x: Any) -> Any:
    inverse = 1 / x
    return inverse * horner(inverse * inverse, _STIRLING)


@composite(2)
def betaln(a: Any, b: Any) -> Any:
    """Where the larger argument and the sum are large, ``gammaln(a) - gammaln(a + b)`` is one expression that does not
    cancel.
    """
    a, b = _floats(a, b)
    large, small = maximum(a, b), minimum(a, b)
    total = large + small
    far = (total > 10) & (large > 10) & ~isinf(total)
    x, y = where(far, large, 20), where(far, small, 1)
    s = where(far, total, 21)
    difference = (0.5 - x) * log1p(y / x) - y * (log(s) - 1) + (_stirling(x) - _stirling(s))
    near = gammaln(where(far, 1, large)) - gammaln(where(far, 2, total))
    value = gammaln(small) + where(far, difference, near)
    tiny = _are_tiny(a, b)
    value = where(tiny, log(absolute(1 / where(tiny, a, 1) + 1 / where(tiny, b, 1))), value)
    return where(isinf(total) & (small > 0), -math.inf, value)


def _are_tiny(a: Any, b: Any) -> Any:
    """Whether ``beta(a, b) = 1 / a + 1 / b`` in working precision."""
    return (absolute(a) < 1e-9) & (absolute(b) < 1e-9)


@composite(2)
def beta(a: Any, b: Any) -> Any:
    """A quotient of gamma functions where none of them overflows; NaN at negative integers."""
    a, b = _floats(a, b)
    moderate = (absolute(a) < 30) & (absolute(b) < 30)
    plain = moderate & ~_are_tiny(a, b)
    x, y = where(plain, a, 1), where(plain, b, 1)
    quotient = gamma_function(x) * (gamma_function(y) / gamma_function(x + y))
    p, q = where(moderate, 1, a), where(moderate, 1, b)
    tiny = _are_tiny(a, b)
    quotient = where(tiny, 1 / where(tiny, a, 1) + 1 / where(tiny, b, 1), quotient)
    return where(moderate, quotient, gammasgn(p) * gammasgn(q) * gammasgn(p + q) * exp(betaln(p, q)))


@composite(2)
def binom(n: Any, k: Any) -> Any:
    """``gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1))``; 0 where that is because of a pole below."""
    n, k = _floats(n, k)
    zero = _is_pole(k + 1) | _is_pole(n - k + 1)
    undefined = _is_pole(n + 1)
    n, k = where(zero | undefined, 1, n), where(zero | undefined, 0, k)
    value = 1 / ((n + 1) * beta(n - k + 1, k + 1))
    return where(undefined, math.nan, where(zero, 0, value))


def _is_pole(x: Any) -> Any:
    return (x <= 0) & apply("equal", x, floor(x))


# Entropies and losses


@composite(1)
def entr(x: Any) -> Any:
    """``-x log(x)``; -inf for negative x. The derivative at 0 is inf."""
    (x,) = _floats(x)
    inside = where(x < 0, 1, x)
    return where(x < 0, -math.inf, 0 - xlogy(inside, inside))


@composite(2)
def rel_entr(x: Any, y: Any) -> Any:
    """``x log(x / y)``; 0 for x = 0 and y >= 0, inf elsewhere outside the positive numbers."""
    x, y = _floats(x, y)
    unknown = isnan(x) | isnan(y)
    inside = unknown | ((x >= 0) & (y > 0))
    p, q = where(inside, x, 1), where(inside, y, 1)
    quotient = p / q
    extreme = isinf(quotient) | (apply("equal", quotient, 0) & (p > 0))
    usual = xlogy(where(extreme, 1, p), where(extreme, 1, quotient))
    apart = where(extreme, p, 1)
    value = where(extreme, apart * (log(apart) - log(where(extreme, q, 1))), usual)
    both_zero = apply("equal", x, 0) & apply("equal", y, 0)
    return where(inside | both_zero, value, math.inf)  # where both are 0, the value is that of p = q = 1


@composite(2)
def kl_div(x: Any, y: Any) -> Any:
    """``x log(x / y) - x + y``; y for x = 0 and y >= 0, inf elsewhere outside the positive numbers."""
    x, y = _floats(x, y)
    first = rel_entr(x, y)
    infinite = apply("equal", first, math.inf)
    return where(infinite, first, where(infinite, 0, first) - where(infinite, 0, x) + where(infinite, 0, y))


@composite(2)
def huber(delta: Any, r: Any) -> Any:
    """``r**2 / 2`` up to ``|r| = delta``, then a line; inf for negative delta."""
    delta, r = _floats(delta, r)
    near = absolute(r) <= delta
    inside = where(near, r, 0)
    value = where(near, 0.5 * inside * inside, delta * (absolute(r) - 0.5 * delta))
    return where(delta < 0, math.inf, value)


@composite(2)
def pseudo_huber(delta: Any, r: Any) -> Any:
    """``delta**2 (sqrt(1 + (r / delta)**2) - 1)`` without its cancellation; 0 for delta = 0, inf below."""
    delta, r = _floats(delta, r)
    zero = apply("equal", delta, 0)
    d = where((delta < 0) | zero, 1, delta)
    inside = where(isinf(r), 0, r)
    value = where(isinf(r), math.inf, inside * (inside / (1 + apply("hypot", 1.0, inside / d))))
    return where(delta < 0, math.inf, where(zero, 0.0, value))


# Exponentials, logarithms, cosines near 0


@composite(1)
def spence(x: Any) -> Any:
    """The integral of ``log(t) / (1 - t)`` from 1 to x: a series in log(x) around 1, reflections elsewhere.

    NIST Digital Library of Mathematical Functions, 25.12.
    """
    (x,) = _floats(x)
    high = x > 2
    upper = where(high, x, 1)
    inside = where(high, 1 / upper, x)
    low = inside < 0.5
    lower = where(low, inside, 0.25)
    u = log(where(low, 1 - lower, inside))
    series = -u * (1 + u * (0.25 + u * horner(u * u, _SPENCE)))
    value = where(low, math.pi**2 / 6 - xlogy(log1p(-lower), lower) - series, series)
    return where(high, -value - 0.5 * apply("square", log(upper)), value)


@composite(1)
def exprel(x: Any) -> Any:
    """``(exp(x) - 1) / x``, 1 at 0; near it a series, whose derivative does not cancel either."""
    (x,) = _floats(x)
    small = absolute(x) < 0.1
    outside = where(small | apply("equal", x, math.inf), 1, x)
    value = where(small, horner(where(small, x, 0), _EXPREL), expm1(outside) / outside)
    return where(apply("equal", x, math.inf), math.inf, value)


def _log1p_quotient(x: Any) -> Any:
    """``log1p(x) / x``, 1 at 0, in the manner of `exprel`."""
    small = absolute(x) < 0.03
    outside = where(small, 1, x)
    return where(small, horner(where(small, x, 0), _LOG1P_QUOTIENT), log1p(outside) / outside)


@composite(1)
def cosm1(x: Any) -> Any:
    """``cos(x) - 1 = -2 sin(x / 2)**2``."""
    (x,) = _floats(x)
    sine = apply("sin", 0.5 * x)
    return -2 * sine * sine


@composite(1)
def exp10(x: Any) -> Any:
    """``10**x``."""
    (x,) = _floats(x)
    return apply("power", 10.0, x)


@composite(1)
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return -log_expit(-_floats(x)[0])


# Box and Cox


def _transformed(logarithm: Any, power: Any) -> Any:
    """``(exp(power * logarithm) - 1) / power``, also for power = 0 and an infinite logarithm."""
    infinite = isinf(logarithm)
    inside = where(infinite, 0, logarithm)
    value = inside * exprel(power * inside)
    vanishes = apply("multiply", apply("sign", logarithm), power) < 0
    limit = where(infinite & vanishes, -1 / where(apply("equal", power, 0), 1, power), logarithm)
    return where(infinite, limit, value)


@composite(2)
def boxcox(x: Any, lmbda: Any) -> Any:
    """``(x**lmbda - 1) / lmbda``, the logarithm for lmbda = 0."""
    x, lmbda = _floats(x, lmbda)
    return _transformed(log(x), lmbda)


@composite(2)
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """`boxcox` of ``1 + x``."""
    x, lmbda = _floats(x, lmbda)
    return _transformed(log1p(x), lmbda)


def _logarithm(y: Any, power: Any) -> Any:
    """The inverse of `_transformed` in its first argument."""
    infinite = isinf(y)
    inside = where(infinite, 0, y)
    limit = where(apply("equal", power, 0) | (apply("sign", y) * power > 0), y, math.nan)
    return where(infinite, limit, inside * _log1p_quotient(power * inside))


@composite(2)
def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """The inverse of `boxcox`."""
    y, lmbda = _floats(y, lmbda)
    return exp(_logarithm(y, lmbda))


@composite(2)
def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """The inverse of `boxcox1p`."""
    y, lmbda = _floats(y, lmbda)
    return expm1(_logarithm(y, lmbda))
