"""Arithmetic, rounding, comparison, logic and selection, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.lowering import Cast, Pointwise
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.ops.families import BOOL, Where, arithmetic_dtypes, pointwise

add = pointwise("add", {"f": "{0} + {1}", "b": "{0} | {1}"}, np.add, lambda out, x, y: 1, lambda out, x, y: 1, dtypes=arithmetic_dtypes)
subtract = pointwise(
    "subtract", "{0} - {1}", np.subtract, lambda out, x, y: 1, lambda out, x, y: -1, dtypes=arithmetic_dtypes, kinds="iufc"
)
multiply = pointwise(
    "multiply", {"f": "{0} * {1}", "b": "{0} & {1}"}, np.multiply, lambda out, x, y: y, lambda out, x, y: x, dtypes=arithmetic_dtypes
)
divide = pointwise(
    "divide",
    "{0} / {1}",
    np.divide,
    lambda out, x, y: 1 / y,
    lambda out, x, y: -out / y,
    cost=4.0,
    domain=[(-2.0, 2.0), (0.5, 2.0)],
)
negative = pointwise("negative", "-{0}", np.negative, lambda out, x: -1, dtypes=arithmetic_dtypes, kinds="iufc")

# At a tie the first operand takes the whole cotangent: np.maximum(x, 0) has derivative 1 at 0.
maximum = pointwise(
    "maximum",
    "maximum({0}, {1})",
    np.maximum,
    lambda out, x, y: Where(x >= y),
    lambda out, x, y: Where(x < y),
    dtypes=arithmetic_dtypes,
    kinds="biuf",
)
minimum = pointwise(
    "minimum",
    "minimum({0}, {1})",
    np.minimum,
    lambda out, x, y: Where(x <= y),
    lambda out, x, y: Where(x > y),
    dtypes=arithmetic_dtypes,
    kinds="biuf",
)

less = pointwise("less", "{0} < {1}", np.less, dtypes=arithmetic_dtypes, result=BOOL, kinds="biuf")
less_equal = pointwise("less_equal", "{0} <= {1}", np.less_equal, dtypes=arithmetic_dtypes, result=BOOL, kinds="biuf")
greater = pointwise("greater", "{0} > {1}", np.greater, dtypes=arithmetic_dtypes, result=BOOL, kinds="biuf")
greater_equal = pointwise("greater_equal", "{0} >= {1}", np.greater_equal, dtypes=arithmetic_dtypes, result=BOOL, kinds="biuf")
equal = pointwise("equal", "{0} == {1}", np.equal, dtypes=arithmetic_dtypes, result=BOOL)
not_equal = pointwise("not_equal", "{0} != {1}", np.not_equal, dtypes=arithmetic_dtypes, result=BOOL)


def _infer_astype(type_: ArrayType, *, dtype: Any, weak: bool = False) -> ArrayType:
    return ArrayType(type_.shape, np.dtype(dtype), weak)


def _reference_astype(x: Any, *, dtype: Any, weak: bool = False) -> Any:
    return np.asarray(x).astype(dtype)


def _adjoint_astype(cotangent: Any, out: Any, x: Any, **params: Any) -> tuple[Any]:
    return (apply("astype", cotangent, dtype=x.dtype),)


astype = TABLE.add(
    Op(
        "astype",
        _infer_astype,
        _reference_astype,
        Cast(),
        adjoint=_adjoint_astype,
        samples=tuple(Sample((Arg((2, 3), -3, 3, kind),), {"dtype": np.dtype(to)}) for kind in "fib" for to in ("f4", "f8", "i8")),
    )
)


def _infer_where(condition: ArrayType, x: ArrayType, y: ArrayType) -> ArrayType:
    return ArrayType(x.shape, x.dtype, x.weak and y.weak)


def _prepare_where(args: Any, params: Any) -> list[Any]:
    from srcgrad.core.op import face_of
    from srcgrad.core.types import promote, type_of
    from srcgrad.ops.families import broadcast, broadcast_shapes, convert

    face = face_of(args)
    types = [type_of(arg) for arg in args]
    shape = broadcast_shapes("where", types)
    dtype = promote(types[1:])[0]
    return [broadcast(convert(arg, d), shape, face) for arg, d in zip(args, (BOOL, dtype, dtype), strict=True)]


where = TABLE.add(
    Op(
        "where",
        _infer_where,
        np.where,
        Pointwise("where({0}, {1}, {2})"),
        partials=(None, lambda out, c, x, y: Where(c), lambda out, c, x, y: Where(~c)),
        prepare=_prepare_where,
        samples=(Sample((Arg(kind="b"), Arg(), Arg())), Sample((Arg((3, 1), kind="b"), Arg((2,)), Arg(())))),
    )
)
