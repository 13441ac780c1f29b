"""Powers, roots, exponentials, logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.ops.arithmetic import where
from srcgrad.ops.families import Where, float64_dtypes, number_dtypes, pointwise
from srcgrad.ops.logic import equal, greater, not_equal

LN2 = math.log(2.0)
LN10 = math.log(10.0)


def _power_by_base(out: Any, x: Any, y: Any) -> Where:
    """``y * x**(y - 1)``; zero where y is, also at ``0**0``, where the formula would be ``0 * inf``."""
    exponent = where(equal(y, 0), 1, y)
    return Where(not_equal(y, 0), exponent * power(x, exponent - 1))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Where:
    """``x**y * log(x)``; zero at ``x <= 0``.

    At ``x == 0`` it is the limit for positive y, and the limit as well where the power vanishes at infinity, as the
    product ``0 * inf`` is not. A negative base has a power for whole exponents only, so that no
    derivative exists: then zero leaves the other cotangents usable.
    """
    has_logarithm = not_equal(x, 0) if x.dtype.kind == "c" else greater(x, 0)
    return Where(not_equal(x, 0) & not_equal(out, 0), out * log(where(has_logarithm, x, 1)))


def _reference_power(x: Any, y: Any) -> Any:
    """Of numbers as NumPy's scalars have it, with C's ``pow`` also for the exponent 0.5."""
    return np.power(x, y) if np.ndim(x) or np.ndim(y) else np.asarray(x)[()] ** np.asarray(y)[()]


power = pointwise(
    "power",
    _power_by_base,
    _power_by_exponent,
    formula={"f": "power({0}, {1})", "i": "integer_power({0}, {1})", "u": "integer_power({0}, {1})"},
    dtypes=number_dtypes,
    kinds="iufc",
    cost=25.0,
    domain=[(0.5, 2.0), (-2.0, 2.0)],
    reference=_reference_power,
    doc="Integers to negative powers are an error in NumPy, which the face raises; compiled code gives 0.",
)
float_power = pointwise(
    "float_power",
    _power_by_base,
    _power_by_exponent,
    formula="power({0}, {1})",
    dtypes=float64_dtypes,
    kinds="fc",
    cost=25.0,
    domain=[(0.5, 2.0), (-2.0, 2.0)],
)

sqrt = pointwise("sqrt", lambda out, x: 0.5 / out, domain=(0.5, 2.0))
cbrt = pointwise("cbrt", lambda out, x: 1 / (3 * (out * out)), domain=(0.5, 2.0))

exp = pointwise("exp", lambda out, x: out)
exp2 = pointwise("exp2", lambda out, x: out * LN2)
expm1 = pointwise("expm1", lambda out, x: out + 1)

log = pointwise("log", lambda out, x: 1 / x, domain=(0.5, 2.0))
log2 = pointwise("log2", lambda out, x: (1 / LN2) / x, domain=(0.5, 2.0))
log10 = pointwise("log10", lambda out, x: (1 / LN10) / x, domain=(0.5, 2.0))
log1p = pointwise("log1p", lambda out, x: 1 / (1 + x), domain=(-0.5, 2.0))
