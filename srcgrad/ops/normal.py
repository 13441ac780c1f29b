"""erfcx, the normal distribution function and its logarithm, and gamma, under SciPy's names in ``scipy.special``."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.ops.arithmetic import where
from srcgrad.ops.exponential import exp
from srcgrad.ops.families import horner, pointwise
from srcgrad.ops.logic import greater
from srcgrad.ops.special import digamma

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
#: From here on, the derivative of erfcx is its series: ``2 x erfcx(x) - 2 / sqrt(pi)`` has lost three digits
_LARGE = 25.0
#: ``erfcx'(x)`` in ``1 / x**2``, times ``x**2``: NIST Digital Library of Mathematical Functions, 7.12.1, differentiated
_SERIES = [-((-1) ** k) * math.prod(range(1, 2 * k + 2, 2)) / (2**k * math.sqrt(math.pi)) for k in range(8)]


def _erfcx_slope(out: Any, x: Any) -> Any:
    large = greater(x, _LARGE)
    inverse = 1 / where(large, x, _LARGE)
    square = inverse * inverse
    return where(large, square * horner(square, _SERIES), 2 * where(large, 0, x) * out - _TWO_OVER_SQRT_PI)


def _log_ndtr_slope(x: Any) -> Any:
    """The density over the distribution; both vanish far below, so there their quotient is a function of its own."""
    above = greater(x, 0)
    upper = where(above, x, 0)
    density = 1 / math.sqrt(2 * math.pi) * exp(-0.5 * upper * upper)
    return where(above, density / ndtr(upper), math.sqrt(2 / math.pi) / erfcx(where(above, 0, -math.sqrt(0.5) * x)))


erfcx = pointwise("erfcx", _erfcx_slope)
ndtr = pointwise("ndtr", lambda out, x: 1 / math.sqrt(2 * math.pi) * exp(-0.5 * x * x))
log_ndtr = pointwise("log_ndtr", lambda out, x: _log_ndtr_slope(x), domain=(-4.0, 3.0))
gamma = pointwise("gamma", lambda out, x: out * digamma(x), domain=(0.5, 4.0))
