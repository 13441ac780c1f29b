"""Copies and conversions of tensors, and the in-place functions that write values."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.functions.shaping import expand
from srcgrad.eager.recording import views
from srcgrad.eager.recording.nodes import kind_of, rule_alone, zeros_of
from srcgrad.eager.recording.operands import is_traced
from srcgrad.eager.recording.rows import bind, record, record_one
from srcgrad.eager.tensors import dtypes, promotion
from srcgrad.eager.tensors.dtypes import numpy_dtype
from srcgrad.eager.tensors.errors import broadcast_mismatch
from srcgrad.eager.tensors.storage import device as Device
from srcgrad.eager.tensors.tensor import Tensor, wrap

_CLONE = kind_of(rule_alone("clone", lambda cotangent, out, x: (cotangent,)), "CloneBackward0")
_COPY = kind_of(
    rule_alone("copy", lambda cotangent, out, old, new: (zeros_of(cotangent), cotangent)), "CopyBackwards", 2
)


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy, through which gradients pass."""
    if is_traced(input):
        return type(input)(input.__sg_node__)
    return record_one(_CLONE, wrap(np.array(input._array, order="C")), input, {})


def contiguous(input: Any, *, memory_format: Any = None) -> Any:
    """The tensor itself where its elements lie in row-major order, else a copy that does."""
    return input if is_traced(input) or input._array.flags.c_contiguous else clone(input)


def to(
    input: Any, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, non_blocking: bool = False
) -> Any:
    """In another dtype, that of another tensor; devices other than the CPU do not exist here."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, str | Device) or arg is None:
            device = arg
        elif not isinstance(arg, bool):
            dtype = arg
    if device is not None and str(device).split(":")[0] != "cpu":
        raise RuntimeError(
            f"there is no device {str(device)!r}: the define-by-run face runs on the CPU; compile with sg.jit for "
            "others"
        )
    if dtype is None:
        return clone(input) if copy else input
    return _cast(input, numpy_dtype(dtype), copy=copy)


def _cast(input: Any, dtype: Any, *, copy: bool = False) -> Any:
    if input.dtype == dtype:
        return clone(input) if copy else input
    if is_traced(input):
        return TABLE["astype"](input, dtype=dtype)
    if dtype.kind not in "fc" or input._node is None:
        return wrap(input._array.astype(dtype))
    return bind(TABLE["astype"], (input,), {"dtype": dtype}, "ToCopyBackward0")


def _to(dtype: dtypes.dtype, name: str) -> Any:
    def convert(input: Any) -> Any:
        return _cast(input, dtype.dtype)

    convert.__name__, convert.__doc__ = name, f"In {dtype}."
    return convert


double, half = _to(dtypes.float64, "double"), _to(dtypes.float16, "half")
float_, int_, bool_ = _to(dtypes.float32, "float"), _to(dtypes.int32, "int"), _to(dtypes.bool_, "bool")
long, short, byte, char = (
    _to(dtypes.int64, "long"),
    _to(dtypes.int16, "short"),
    _to(dtypes.uint8, "byte"),
    _to(dtypes.int8, "char"),
)


def type_(input: Any, dtype: Any = None) -> Any:
    """The name of the tensor's type, or the tensor in another dtype."""
    if dtype is None:
        return f"torch.{input.dtype.alias}Tensor"
    return _cast(input, numpy_dtype(dtype))


def type_as(input: Any, other: Any) -> Any:
    """In the dtype of another."""
    return _cast(input, numpy_dtype(other.dtype))


# In place


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Let the elements be those of another tensor, broadcast and converted."""
    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src))

    def compute(old: Tensor) -> Tensor:
        mismatch = broadcast_mismatch(old._array.shape, src._array.shape)
        if mismatch is not None:
            raise RuntimeError(mismatch)
        shape, wide = old._array.shape, np.broadcast_shapes(src._array.shape, old._array.shape)
        if shape != wide:
            raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(wide)}")
        made = _cast(expand(src, tuple(old.shape)), old._array.dtype)
        return record(_COPY, wrap(made._array), (old, made), {})  # type: ignore[no-any-return]

    return views.in_place(input, compute)


def zero_(input: Tensor) -> Tensor:
    """Let all elements be zero."""
    return views.overwrite(input, 0, views.ZERO)


def fill_(input: Tensor, value: Any) -> Tensor:
    """Let all elements be one value."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        return copy_(input, value)
    views.check_cast(np.asarray(value).dtype, input._array.dtype) if isinstance(value, complex) else None
    return views.overwrite(input, value, views.FILL)


def fill_with(tensor: Tensor, values: Any) -> Tensor:
    """Let the elements be these values, which are constants."""
    return views.overwrite(tensor, values.astype(tensor._array.dtype), views.FILL)


def set_(input: Tensor, source: Tensor) -> Tensor:
    """Let the tensor use another's memory."""
    input.data = source
    return input


def is_floating_point(input: Any) -> bool:
    """Whether the elements are floats."""
    return bool(input.is_floating_point())


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype in which an operation on both is done."""
    return dtypes.of(promotion.result_dtype((tensor1, tensor2)))


def promote_types(type1: Any, type2: Any) -> dtypes.dtype:
    """The smallest dtype that holds both."""
    return dtypes.of(promotion.promote_types(numpy_dtype(type1), numpy_dtype(type2)))
