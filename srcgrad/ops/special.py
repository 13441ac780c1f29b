"""Special functions, under SciPy's names in ``scipy.special``, and logarithms of sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, inexact
from srcgrad.ops.arithmetic import where
from srcgrad.ops.exponential import LN2, exp, log, log1p
from srcgrad.ops.families import INT64, Where, pointwise, special_function
from srcgrad.ops.logic import equal, isinf

# The error function

_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)

erf = pointwise("erf", lambda out, x: _TWO_OVER_SQRT_PI * exp(-x * x))
erfc = pointwise("erfc", lambda out, x: -_TWO_OVER_SQRT_PI * exp(-x * x))
erfinv = pointwise("erfinv", lambda out, x: (1 / _TWO_OVER_SQRT_PI) * exp(out * out), domain=(-0.9, 0.9))

# The logistic function

expit = pointwise("expit", lambda out, x: out * (1 - out))
log_expit = pointwise("log_expit", lambda out, x: expit(-x))
logit = pointwise("logit", lambda out, x: 1 / (x * (1 - x)), domain=(0.1, 0.9))

# Logarithms of sums


def _share(x: Any, y: Any) -> Any:
    """The part of x in ``exp(x) + exp(y)``; a half each where both are the same infinity."""
    return expit(where(equal(x, y) & isinf(x), 0, x - y))


logaddexp = pointwise("logaddexp", lambda out, x, y: _share(x, y), lambda out, x, y: _share(y, x))
logaddexp2 = pointwise(
    "logaddexp2", lambda out, x, y: _share(LN2 * x, LN2 * y), lambda out, x, y: _share(LN2 * y, LN2 * x)
)

# The gamma function


def _order_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    order, x = types
    if order.dtype.kind not in "biu":
        raise TraceError(f"polygamma: the order must be an integer, not {order.dtype}")
    return [INT64, inexact(x.dtype)]


def _reference_polygamma(order: Any, x: Any) -> Any:
    x = np.asarray(x)
    return np.asarray(special_function("polygamma")(order, x), dtype=inexact(x.dtype))


polygamma = pointwise(
    "polygamma",
    None,
    lambda out, order, x: apply("polygamma", order + 1, x),
    reference=_reference_polygamma,
    dtypes=_order_dtypes,
    domain=[(0.0, 4.0), (0.5, 4.0)],
    sample_kinds="if",
    doc="Derivative number ``order`` of digamma. The order is an integer and has no derivative.",
)
polygamma1 = pointwise(
    "polygamma1",
    lambda out, x: polygamma(2, x),
    reference=lambda x: _reference_polygamma(1, x),
    domain=(0.5, 4.0),
    doc="The derivative of digamma: ``polygamma(1, x)``.",
)
digamma = pointwise("digamma", lambda out, x: polygamma1(x), domain=(0.5, 4.0))
gammaln = pointwise("gammaln", lambda out, x: digamma(x), domain=(0.5, 4.0))

# Products with logarithms that are 0 for x == 0


def _quotient(x: Any, y: Any) -> Where:
    """``x / y``; zero where both are."""
    both = equal(x, 0) & equal(y, 0)
    return Where(~both, x / where(both, 1, y))


xlogy = pointwise(
    "xlogy",
    lambda out, x, y: log(y),
    lambda out, x, y: _quotient(x, y),
    formula="where({0} == 0, where({1} == {1}, absolute({0}), {1}), {0} * log({1}))",
    cost=9.0,
    domain=[(-2.0, 2.0), (0.5, 2.0)],
)
xlog1py = pointwise(
    "xlog1py",
    lambda out, x, y: log1p(y),
    lambda out, x, y: _quotient(x, 1 + y),
    formula="where({0} == 0, where({1} == {1}, absolute({0}), {1}), {0} * log1p({1}))",
    cost=11.0,
    domain=[(-2.0, 2.0), (-0.5, 2.0)],
)

heaviside = pointwise(
    "heaviside",
    None,
    lambda out, x, value: Where(equal(x, 0)),
    formula="where({0} == 0, {1}, maximum(sign({0}), sign({0}) - sign({0})))",
)
