"""Bessel functions of order 0 and 1, under SciPy's names in ``scipy.special``.

Derivatives: NIST Digital Library of Mathematical Functions, 10.6 and 10.29. Where these cancel, their series stand.
"""

from __future__ import annotations

import math
from typing import Any

from srcgrad.core.op import apply
from srcgrad.ops.arithmetic import absolute, sign, where
from srcgrad.ops.families import horner, nonzero, pointwise, special_function
from srcgrad.ops.logic import greater, less

#: Below this, the derivatives of j1 and i1 are their series: a divisor x would come back squared in the second one.
_SMALL = 0.02
#: From here on, the derivatives of i0e and i1e are Hankel's expansions: ``i1e - i0e`` has lost two digits
_LARGE = 100.0


def _slope_near_zero(alternating: int) -> Any:
    """The derivative of j1 (alternating: -1) or i1 (1) near 0, to order 8 of x."""
    terms = [alternating**k * (2 * k + 1) / (2 * 4**k * math.factorial(k) * math.factorial(k + 1)) for k in range(5)]
    return lambda x: horner(x * x, terms)


def _first_order(name: str, alternating: int, factor: Any = lambda x: 1.0) -> Any:
    """The derivative of j1 or i1 times a factor (that of order 0 is called name): ``factor f0 - out / x``."""
    series = _slope_near_zero(alternating)

    def slope(out: Any, x: Any) -> Any:
        small = less(absolute(x), _SMALL)
        near = where(small, x, 0)
        return where(small, factor(near) * series(near), apply(name, x) - out / where(small, 1, x))

    return slope


def _hankel_slope(order: int) -> list[float]:
    """The derivative of ``a**(-1/2) sum c_k a**-k``, Hankel's expansion of the scaled functions, times ``a**(3/2)``."""
    coefficients, c = [], 1 / math.sqrt(2 * math.pi)
    for k in range(9):
        coefficients.append(-(k + 0.5) * c)
        c *= -(4 * order**2 - (2 * k + 1) ** 2) / (8 * (k + 1))
    return coefficients


def _scaled(order: int, unscaled: Any) -> Any:
    """The derivative of i0e or i1e, from that of i0 or i1 times ``exp(-|x|)``."""
    series = _hankel_slope(order)

    def slope(out: Any, x: Any) -> Any:
        a = absolute(x)
        large = greater(a, _LARGE)
        inverse = 1 / where(large, a, _LARGE)
        far = inverse * apply("sqrt", inverse) * horner(inverse, series)
        near = where(large, 0, x)
        return where(large, far * sign(x) if order == 0 else far, unscaled(out, near) - sign(near) * out)

    return slope


j0 = pointwise("j0", lambda out, x: -apply("j1", x), domain=(-9.0, 9.0))
j1 = pointwise("j1", _first_order("j0", -1), domain=(-9.0, 9.0))
y0 = pointwise("y0", lambda out, x: -apply("y1", x), domain=(0.5, 9.0))
y1 = pointwise("y1", lambda out, x: y0(x) - out / nonzero(x), domain=(0.5, 9.0))

i0 = pointwise("i0", lambda out, x: apply("i1", x), reference=special_function("i0"), domain=(-3.0, 3.0))
i1 = pointwise("i1", _first_order("i0", 1), domain=(-3.0, 3.0))
i0e = pointwise("i0e", _scaled(0, lambda out, x: apply("i1e", x)), domain=(0.2, 12.0))
i1e = pointwise("i1e", _scaled(1, _first_order("i0e", 1, lambda x: apply("exp", -absolute(x)))), domain=(0.2, 12.0))
