"""Scalar functions of emitted code that need loops: incomplete gamma and beta functions, exponential integrals, zeta,
polygamma.

They compute in float64 and return the type of their last operand; relative errors stay below some 1e-13 for moderate
arguments. Series and continued fractions: NIST Digital Library of Mathematical Functions, 8.9, 8.11, 6.6, 6.9, 8.17.22
and 25.11.28; the fractions by the method of Lentz and Thompson (Barnett 1986).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from srcgrad.backends.runtime import scalar
from srcgrad.backends.vecmath.gamma import digamma_f64

_EPSILON = 2.0**-54
_TINY = 1e-300
_EULER = 0.5772156649015329
#: enough for every argument below 1e8; NaN stops at once
_ITERATIONS = 100_000


@intrinsic
def _like(typingctx: Any, x: Any, value: Any) -> Any:
    """A float64 in the type of x."""
    kind = types.unliteral(x)
    return kind(x, types.float64), lambda context, builder, sig, args: context.cast(
        builder, args[1], types.float64, kind
    )


@scalar
def _stirling(x: float) -> Any:
    """``lgamma(x) - (x - 1/2) log(x) + x - log(2 pi) / 2`` from 10 on."""
    inverse = 1.0 / (x * x)
    return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x


@scalar
def _log_less(difference: float, ratio: float) -> Any:
    """``log(ratio) - (ratio - 1)``, given ``ratio - 1`` as well."""
    return (math.log1p(difference) if difference > -0.5 else math.log(ratio)) - difference


@scalar
def _gamma_density(a: float, x: float) -> Any:
    """``x**a exp(-x) / gamma(a)``."""
    if a < 10.0:
        return 0.0 if x > 800.0 else x**a * math.exp(-x) / math.gamma(a)
    if x > 1e300:
        return 0.0
    return math.sqrt(a / (2.0 * math.pi)) * math.exp(a * _log_less((x - a) / a, x / a) - _stirling(a))


@scalar
def _lower_gamma(a: float, x: float) -> Any:
    """The regularised lower function, ``x`` up to about ``a``."""
    term, total = 1.0 / a, 1.0 / a
    for n in range(1, _ITERATIONS):
        term *= x / (a + n)
        total += term
        if not term > _EPSILON * total:
            break
    return _gamma_density(a, x) * total


@scalar
def _upper_gamma(a: float, x: float) -> Any:
    """The regularised upper function, from about ``a`` on."""
    b = x + 1.0 - a
    c, d = 1.0 / _TINY, 1.0 / b
    found = d
    for n in range(1, _ITERATIONS):
        numerator = -n * (n - a)
        b += 2.0
        d = numerator * d + b
        c = b + numerator / c
        d = 1.0 / (_TINY if d == 0.0 else d)
        c = _TINY if c == 0.0 else c
        found *= c * d
        if not abs(c * d - 1.0) > 2.0 * _EPSILON:
            break
    return _gamma_density(a, x) * found


@scalar
def _gamma_parts(a: float, x: float) -> Any:
    """The lower and the upper function, the smaller of them without cancellation."""
    if not (a >= 0.0 and x >= 0.0) or (a == 0.0 and x == 0.0) or (math.isinf(a) and math.isinf(x)):
        return math.nan, math.nan
    if a == 0.0 or math.isinf(x):
        return 1.0, 0.0
    if x == 0.0 or math.isinf(a):
        return 0.0, 1.0
    if x < a + 1.0:
        lower = _lower_gamma(a, x)
        return lower, 1.0 - lower
    upper = _upper_gamma(a, x)
    return 1.0 - upper, upper


@scalar
def gammainc(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function."""
    return _like(x, _gamma_parts(np.float64(a), np.float64(x))[0])


@scalar
def gammaincc(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function."""
    return _like(x, _gamma_parts(np.float64(a), np.float64(x))[1])


@scalar
def _beta_fraction(a: float, b: float, x: float) -> Any:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (_TINY if d == 0.0 else d)
    found = d
    for m in range(1, _ITERATIONS):
        for odd in range(2):
            if odd:
                numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
            else:
                numerator = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
            d = 1.0 + numerator * d
            c = 1.0 + numerator / c
            d = 1.0 / (_TINY if d == 0.0 else d)
            c = _TINY if c == 0.0 else c
            found *= c * d
        if not abs(c * d - 1.0) > 2.0 * _EPSILON:
            break
    return found


@scalar
def _beta_density(a: float, b: float, x: float, y: float) -> Any:
    """``x**a y**b / beta(a, b)`` with ``y = 1 - x``."""
    total = a + b
    if total < 100.0:
        return x**a * y**b * (math.gamma(total) / math.gamma(a) / math.gamma(b))
    large, small = max(a, b), min(a, b)
    if small < 10.0:
        log_quotient = (large - 0.5) * math.log1p(small / large) + small * (math.log(total) - 1.0)
        log_quotient += _stirling(total) - _stirling(large)
        return x**a * y**b * math.exp(log_quotient) / math.gamma(small)
    shift = x * b - y * a
    exponent = a * _log_less(shift / a, x * total / a) + b * _log_less(-shift / b, y * total / b)
    correction = _stirling(total) - _stirling(a) - _stirling(b)
    return math.sqrt(a * b / (2.0 * math.pi * total)) * math.exp(exponent + correction)


@scalar
def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularised incomplete beta function."""
    p, q, place = np.float64(a), np.float64(b), np.float64(x)
    if not (p > 0.0 and q > 0.0 and 0.0 <= place <= 1.0):
        return _like(x, math.nan)
    if place == 0.0 or place == 1.0:  # noqa: PLR1714  (a tuple would be slower here)
        return x
    rest = 1.0 - place
    if place <= (p + 1.0) / (p + q + 2.0):
        return _like(x, _beta_density(p, q, place, rest) * _beta_fraction(p, q, place) / p)
    return _like(x, (1.0 - _beta_density(q, p, rest, place) * _beta_fraction(q, p, rest) / q))


@scalar
def _exp1_positive(x: float) -> Any:
    if x <= 1.0:
        term, total = 1.0, 0.0
        for n in range(1, 30):
            term *= -x / n
            total -= term / n
        return total - _EULER - math.log(x)
    if x > 800.0:
        return 0.0
    b = x + 1.0
    c, d = 1.0 / _TINY, 1.0 / b
    found = d
    for n in range(1, _ITERATIONS):
        b += 2.0
        d = 1.0 / (b - n * n * d)
        c = b - n * n / c
        found *= c * d
        if not abs(c * d - 1.0) > 2.0 * _EPSILON:
            break
    return found * math.exp(-x)


@scalar
def exp1(x: Any) -> Any:
    """The exponential integral E1; infinite at 0, NaN below."""
    place = np.float64(x)
    if not place >= 0.0:
        return _like(x, math.nan)
    return _like(x, _exp1_positive(place))


@scalar
def expi(x: Any) -> Any:
    """The exponential integral Ei; -inf at 0."""
    place = np.float64(x)
    if not place < math.inf:
        return x
    if place < 0.0:
        return _like(x, -_exp1_positive(-place))
    if place <= 40.0:
        term, total = 1.0, 0.0
        for n in range(1, 200):
            term *= place / n
            total += term / n
            if not term / n > _EPSILON * total:
                break
        return _like(x, (_EULER + math.log(place) + total))
    term, total = 1.0, 1.0
    for n in range(1, 40):
        term *= n / place
        total += term
    half = math.exp(0.5 * place)
    return _like(x, half * (total / place) * half)


#: B(2j) / (2j)! for j = 1 ... 6
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)


@scalar
def _zeta_tail(s: float, q: float) -> Any:
    """The Hurwitz zeta function of a large q, by Euler's and Maclaurin's formula."""
    power = q**-s
    total = power * q / (s - 1.0) + 0.5 * power
    term = s * power / q
    for j in range(6):
        total += _BERNOULLI[j] * term
        term *= (s + 2 * j + 1) * (s + 2 * j + 2) / (q * q)
    return total


@scalar
def zeta(s: Any, q: Any) -> Any:
    """The Hurwitz zeta function of ``s > 1``; NaN below, infinite at the poles."""
    exponent, shifted = np.float64(s), np.float64(q)
    if not exponent >= 1.0 or shifted != shifted:  # noqa: PLR0124
        return _like(q, math.nan)
    if exponent == 1.0 or (shifted <= 0.0 and shifted == math.floor(shifted)):
        return _like(q, math.inf)
    total, limit = 0.0, 20.0 + 2.0 * exponent
    while shifted < limit:
        term = shifted**-exponent
        total += term
        shifted += 1.0
        if shifted > 1.0 and not abs(term) > 1e-3 * _EPSILON * abs(total):
            return _like(q, total)
    return _like(q, total + _zeta_tail(exponent, shifted))


@scalar
def polygamma(order: Any, x: Any) -> Any:
    """``(-1)**(n + 1) n! zeta(n + 1, x)``, digamma for n = 0: NIST Digital Library of Mathematical Functions, 5.15."""
    if order == 0:
        return x * 0 + digamma_f64(np.float64(x))
    exponent, shifted = np.float64(order + 1), np.float64(x)
    if shifted <= 0.0 and shifted == math.floor(shifted):
        return x * 0 + math.inf
    total = 0.0
    while shifted < 10.0:
        total += shifted**-exponent
        shifted += 1.0
    factorial = math.gamma(exponent)
    return x * 0 + (factorial if order % 2 else -factorial) * (total + _zeta_tail(exponent, shifted))
