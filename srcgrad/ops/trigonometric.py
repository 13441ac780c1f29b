"""Circular and hyperbolic functions, their inverses, and the length of a vector."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.core.op import apply
from srcgrad.ops.arithmetic import absolute, where
from srcgrad.ops.exponential import sqrt
from srcgrad.ops.families import Where, division_dtypes, nonzero, pointwise
from srcgrad.ops.logic import less, not_equal

sin = pointwise("sin", lambda out, x: apply("cos", x))
cos = pointwise("cos", lambda out, x: -sin(x))
tan = pointwise("tan", lambda out, x: 1 + out * out, domain=(-1.0, 1.0))

# Products of differences instead of differences of squares: 1 - x * x would lose half of the digits near |x| = 1.
arcsin = pointwise("arcsin", lambda out, x: 1 / sqrt((1 - x) * (1 + x)), domain=(-0.9, 0.9))
arccos = pointwise("arccos", lambda out, x: -1 / sqrt((1 - x) * (1 + x)), domain=(-0.9, 0.9))
arctan = pointwise("arctan", lambda out, x: 1 / (1 + x * x))

sinh = pointwise("sinh", lambda out, x: apply("cosh", x))
cosh = pointwise("cosh", lambda out, x: sinh(x))
tanh = pointwise("tanh", lambda out, x: 1 - out * out)
arcsinh = pointwise("arcsinh", lambda out, x: 1 / sqrt(x * x + 1))
# Roots of factors, not of the product, whose principal root has the other sign left of the imaginary axis.
arccosh = pointwise("arccosh", lambda out, x: 1 / (sqrt(x - 1) * sqrt(x + 1)), domain=(1.2, 3.0))
arctanh = pointwise("arctanh", lambda out, x: 1 / ((1 - x) * (1 + x)), domain=(-0.9, 0.9))

# Length and angle of a vector. Their derivatives at the origin do not exist; they are zero here, as that of |x|.

hypot = pointwise(
    "hypot",
    lambda out, x, y: Where(not_equal(out, 0), x / nonzero(out)),
    lambda out, x, y: Where(not_equal(out, 0), y / nonzero(out)),
)


def _turn(along: Any, x: Any, y: Any) -> Where:
    """``along / (x**2 + y**2)``, by way of the length: squares would underflow or overflow."""
    length = hypot(x, y)
    divisor = nonzero(length)
    return Where(not_equal(length, 0), along / divisor / divisor)


arctan2 = pointwise("arctan2", lambda out, y, x: _turn(x, x, y), lambda out, y, x: _turn(-y, x, y))

# sin(pi x) / (pi x)

_SLOPE_SERIES = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11)]


def _sinc_slope(out: Any, x: Any) -> Any:
    """``(cos(pi x) - sinc(x)) / x``, and its power series where the difference would cancel."""
    small = less(absolute(x), 0.3)
    angle = math.pi * where(small, x, 0)
    series = _SLOPE_SERIES[-1]
    for coefficient in _SLOPE_SERIES[-2::-1]:
        series = series * (angle * angle) + coefficient
    far = where(small, 1, x)
    return where(small, math.pi * angle * series, (cos(math.pi * far) - apply("sinc", far)) / far)


sinc = pointwise("sinc", _sinc_slope, dtypes=division_dtypes)
