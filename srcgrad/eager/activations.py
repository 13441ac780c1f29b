"""softmax and log_softmax: functions of rows, with rules of their own that cost one product instead of a quotient of sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.lowering import Structure
from srcgrad.core.op import Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.eager import elementwise as ew
from srcgrad.eager import reductions
from srcgrad.eager.dtypes import numpy_dtype
from srcgrad.eager.operands import is_traced, to_dtype
from srcgrad.eager.rows import bind
from srcgrad.eager.shaping import dim_of
from srcgrad.transform.stop import stop_gradient


def _infer(type_: ArrayType, *, axis: int) -> ArrayType:
    return type_


def _sum_along(x: Any, axis: int) -> Any:
    kept = tuple(1 if k == axis else extent for k, extent in enumerate(x.shape))
    return apply("reshape", apply("sum", x, axes=(axis,)), shape=kept)


def _reference_softmax(x: Any, *, axis: int) -> Any:
    made = np.exp(x - np.maximum.reduce(x, axis, keepdims=True, initial=-np.inf if x.shape[axis] == 0 else None))
    made /= np.add.reduce(made, axis, keepdims=True)
    return made


def _adjoint_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    weighted = cotangent * out
    return (weighted - out * _sum_along(weighted, axis),)


def _reference_log_softmax(x: Any, *, axis: int) -> Any:
    shifted = x - np.max(x, axis, keepdims=True, initial=-np.inf if x.shape[axis] == 0 else None)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis, keepdims=True))


def _adjoint_log_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    return (cotangent - apply("exp", out) * _sum_along(cotangent, axis),)


_SAMPLES = (Sample((Arg((2, 3)),), {"axis": 1}), Sample((Arg((3,)),), {"axis": 0}))
SOFTMAX = Op("softmax", _infer, _reference_softmax, Structure(), adjoint=_adjoint_softmax, samples=_SAMPLES)
LOG_SOFTMAX = Op(
    "log_softmax", _infer, _reference_log_softmax, Structure(), adjoint=_adjoint_log_softmax, samples=_SAMPLES
)


def softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """Exponentials over their sum along a dimension."""
    return _normalised(SOFTMAX, input, dim, dtype)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """The logarithm of `softmax`, without overflow."""
    return _normalised(LOG_SOFTMAX, input, dim, dtype)


def _normalised(row: Op, input: Any, dim: int | None, dtype: Any) -> Any:
    shape = tuple(input.shape)
    if dtype is not None:
        input = to_dtype(input, numpy_dtype(dtype))
    if dim is None:
        dim = 0 if len(shape) in (0, 1, 3) else 1
    axis = dim_of(dim, len(shape))
    if is_traced(input):
        return _compose(row, input, axis)
    if input._array.dtype.kind != "f":
        raise RuntimeError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{input.dtype.alias}'")
    if not shape:
        return _normalised(row, input.reshape(1), 0, None).reshape(())
    return bind(row, (input,), {"axis": axis}, "SoftmaxBackward0" if row is SOFTMAX else "LogSoftmaxBackward0")


def _compose(row: Op, input: Any, axis: int) -> Any:
    """Of rows that the compiler knows."""
    shifted = ew.sub(input, stop_gradient(reductions.amax(input, axis, True)))
    total = reductions.sum(ew.exp(shifted), axis, True)
    return ew.div(ew.exp(shifted), total) if row is SOFTMAX else ew.sub(shifted, ew.log(total))
