"""softmax and log_softmax: those of `srcgrad.nn`, with PyTorch's arguments."""

from __future__ import annotations

from typing import Any

from srcgrad.eager.functions.shaping import dim_of
from srcgrad.eager.recording.nodes import kind_of
from srcgrad.eager.recording.operands import to_dtype
from srcgrad.eager.recording.rows import record_one
from srcgrad.eager.tensors.dtypes import numpy_dtype
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.nn.activations import LOG_SOFTMAX, SOFTMAX

_KINDS = {
    SOFTMAX.row: kind_of(SOFTMAX.row, "SoftmaxBackward0"),
    LOG_SOFTMAX.row: kind_of(LOG_SOFTMAX.row, "LogSoftmaxBackward0"),
}


def softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """Exponentials over their sum along a dimension."""
    return _normalised(SOFTMAX, input, dim, dtype)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """The logarithm of `softmax`, without overflow."""
    return _normalised(LOG_SOFTMAX, input, dim, dtype)


def _normalised(function: Any, input: Any, dim: int | None, dtype: Any) -> Any:
    if dtype is not None:
        input = to_dtype(input, numpy_dtype(dtype))
    ndim = input.ndim
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1
    axis = dim_of(dim, ndim)
    if not isinstance(input, Tensor):
        return function(input, axis=axis) if ndim else function(input.reshape(1), axis=0).reshape(())
    array = input._array
    if array.dtype.kind != "f":
        raise RuntimeError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{input.dtype.alias}'")
    if not ndim:
        return _normalised(function, input.reshape(1), 0, None).reshape(())
    result = state.run(function.row.reference, array, axis=axis)
    return record_one(_KINDS[function.row], wrap(result), input, {"axis": axis})
