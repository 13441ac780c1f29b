"""Arithmetic, rounding, extrema and selection, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import Cast
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, promote, real_dtype
from srcgrad.ops.families import BOOL, Where, arithmetic_dtypes, division_dtypes, nonzero, number_dtypes, pointwise
from srcgrad.ops.logic import greater_equal, isnan, less_equal

# Sums, products, quotients

add = pointwise(
    "add",
    lambda out, x, y: 1,
    lambda out, x, y: 1,
    formula={"f": "{0} + {1}", "b": "{0} | {1}"},
    dtypes=arithmetic_dtypes,
    kinds="biufc",
)
accumulate = pointwise(
    "accumulate",
    lambda out, x, y: 1,
    lambda out, x, y: 1,
    formula="{0} + {1}",
    reference=np.add,
    dtypes=arithmetic_dtypes,
    kinds="fc",
    unordered=True,
    doc="The sum of two cotangents: the terms may come in any order, and zeros may be left out, so 0.0 may be -0.0.",
)
subtract = pointwise(
    "subtract",
    lambda out, x, y: 1,
    lambda out, x, y: -1,
    formula="{0} - {1}",
    dtypes=arithmetic_dtypes,
    kinds="iufc",
)
multiply = pointwise(
    "multiply",
    lambda out, x, y: y,
    lambda out, x, y: x,
    formula={"f": "{0} * {1}", "b": "{0} & {1}"},
    dtypes=arithmetic_dtypes,
    kinds="biufc",
)
unless_zero = pointwise(
    "unless_zero",
    lambda out, x, y: 1,
    None,
    formula="where({1} == 0, {1}, {0})",
    reference=lambda x, y: np.where(np.equal(y, 0), y, x),
    dtypes=arithmetic_dtypes,
    kinds="fc",
    doc="A contribution x to a cotangent, made of the cotangent y by a linear rule, and 0 where y is, though the rule "
    "multiply it with infinities or NaN. The derivative is that of x also where y is 0: it may change.",
)
divide = pointwise(
    "divide",
    lambda out, x, y: 1 / y,
    lambda out, x, y: -out / y,
    formula={"f": "{0} / {1}", "c": "divide({0}, {1})"},
    dtypes=division_dtypes,
    kinds="fc",
    cost=4.0,
    domain=[(-2.0, 2.0), (0.5, 2.0)],
)
negative = pointwise("negative", lambda out, x: -1, formula="-{0}", dtypes=arithmetic_dtypes, kinds="iufc")
square = pointwise("square", lambda out, x: 2 * x, formula="{0} * {0}", dtypes=number_dtypes, kinds="iufc")
reciprocal = pointwise(
    "reciprocal",
    lambda out, x: -out * out,
    dtypes=arithmetic_dtypes,
    domain=(0.5, 2.0),
    doc="Floats only: of integers NumPy takes the integer part of 1 / x, which is 0 for nearly all of them.",
)

# Whole quotients and what remains. A zero divisor gives 0 for integers, as in NumPy, and no exception.

floor_divide = pointwise(
    "floor_divide",
    None,
    None,
    dtypes=number_dtypes,
    domain=[(-4.0, 4.0), (0.5, 2.0)],
    doc="Python's floor division; integers by zero give 0.",
)
remainder = pointwise(
    "remainder",
    lambda out, x, y: 1,
    lambda out, x, y: -floor_divide(x, y),
    dtypes=number_dtypes,
    domain=[(-4.0, 4.0), (0.5, 2.0)],
    doc="Python's remainder, with the sign of the divisor; integers by zero give 0.",
)
fmod = pointwise(
    "fmod",
    lambda out, x, y: 1,
    lambda out, x, y: -apply("rint", (x - out) / y),  # the quotient is a whole number up to rounding
    dtypes=number_dtypes,
    domain=[(-4.0, 4.0), (0.5, 2.0)],
    doc="The remainder with the sign of the dividend, as in C; integers by zero give 0.",
)

# Signs. The derivative of |x| at 0 is 0.

sign = pointwise("sign", None, dtypes=arithmetic_dtypes)


def _absolute_slope(out: Any, x: Any) -> Any:
    """Of a complex number ``conj(x) / |x|``: |x| changes by its product with dx, of which the real part counts."""
    if x.dtype.kind != "c":
        return sign(x)
    length = absolute(x)  # the result, but for the define-by-run face, which would have to keep it for real x too
    return Where(apply("not_equal", length, 0), apply("conjugate", x) * (1 / nonzero(length)))


absolute = pointwise(
    "absolute",
    _absolute_slope,
    formula={"f": "absolute({0})", "i": "absolute({0})", "u": "{0}", "b": "{0}"},
    dtypes=arithmetic_dtypes,
    result=real_dtype,
    kinds="biufc",
)
copysign = pointwise("copysign", lambda out, x, y: sign(x) * apply("copysign", 1, y), None)

# Rounding


def _rounding(name: str) -> Op:
    """Integers are whole already and keep their dtype."""
    formula = {"f": name + "({0})", "i": "{0}", "u": "{0}", "b": "{0}"}
    return pointwise(name, None, formula=formula, dtypes=arithmetic_dtypes, kinds="biuf")


floor = _rounding("floor")
ceil = _rounding("ceil")
trunc = _rounding("trunc")
rint = pointwise("rint", None, doc="Halves go to the even neighbour.")

# Extrema. At a tie the first operand takes the whole cotangent: np.maximum(x, 0) has derivative 1 at 0. A NaN that is
# the result takes it as well, the first of two.

Choice = Callable[[Any, Any], Any]


def _extremum(name: str, for_bool: str, is_first: Choice, for_integer: str = "") -> Op:
    """``is_first(x, y)``: whether the result is x."""
    formula = {"f": name + "({0}, {1})", "b": for_bool}
    formula |= dict.fromkeys("iu", (for_integer or name) + "({0}, {1})")
    first, second = lambda out, x, y: Where(is_first(x, y)), lambda out, x, y: Where(~is_first(x, y))
    return pointwise(name, first, second, formula=formula, dtypes=arithmetic_dtypes, kinds="biuf")


maximum = _extremum("maximum", "{0} | {1}", lambda x, y: greater_equal(x, y) | isnan(x))
minimum = _extremum("minimum", "{0} & {1}", lambda x, y: less_equal(x, y) | isnan(x))
# The following two ignore a NaN beside a number.
fmax = _extremum("fmax", "{0} | {1}", lambda x, y: greater_equal(x, y) | isnan(y), "maximum")
fmin = _extremum("fmin", "{0} & {1}", lambda x, y: less_equal(x, y) | isnan(y), "minimum")

# Selection and conversion


def _where_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    dtype = promote(types[1:])[0]
    return [BOOL, dtype, dtype]


where = pointwise(
    "where",
    None,
    lambda out, condition, x, y: Where(condition),
    lambda out, condition, x, y: Where(~condition),
    dtypes=_where_dtypes,
    sample_kinds="bff",
)


def _infer_astype(type_: ArrayType, *, dtype: Any, weak: bool = False) -> ArrayType:
    return ArrayType(type_.shape, np.dtype(dtype), weak)


def _reference_astype(x: Any, *, dtype: Any, weak: bool = False) -> Any:
    x, dtype = np.asarray(x), np.dtype(dtype)
    return (x.real if x.dtype.kind == "c" and dtype.kind not in "bc" else x).astype(dtype)


def _adjoint_astype(cotangent: Any, out: Any, x: Any, **params: Any) -> tuple[Any]:
    return (astype(cotangent, dtype=x.dtype) if x.dtype.kind in "fc" else None,)


astype = TABLE.add(
    Op(
        "astype",
        _infer_astype,
        _reference_astype,
        Cast(),
        adjoint=_adjoint_astype,
        samples=tuple(
            Sample((Arg((2, 3), 0, 3, kind),), {"dtype": np.dtype(to)})
            for kind in "fciub"
            for to in ("f4", "f8", "c8", "c16", "i8", "u4", "?")
        ),
        doc="A complex number that becomes real loses its imaginary part: NumPy's warning is the face's business.",
    )
)
