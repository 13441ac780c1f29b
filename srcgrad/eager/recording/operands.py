"""What stands beside a tensor: numbers and arrays as tensors, traced values, shapes to go back to."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import TABLE, apply
from srcgrad.core.types import PYTHON_SCALARS
from srcgrad.eager.recording.rows import bind
from srcgrad.eager.tensors.dtypes import of
from srcgrad.eager.tensors.errors import not_a_tensor
from srcgrad.eager.tensors.node import hide
from srcgrad.eager.tensors.promotion import inexact_dtype, result_dtype
from srcgrad.eager.tensors.tensor import Tensor, lift, wrap

_CONSTANTS: dict[tuple[Any, Any], Tensor] = {}
_MOST_CONSTANTS = 1024


def constant(value: Any, dtype: Any) -> Tensor:
    """A Python number as a 0-d tensor, kept: the same few numbers come again and again."""
    if value == 0 and str(value)[0] == "-":  # -0.0 equals 0.0
        return wrap(np.array(value, dtype))
    found = _CONSTANTS.get((value, dtype))
    if found is None:
        if len(_CONSTANTS) >= _MOST_CONSTANTS:
            _CONSTANTS.clear()
        found = _CONSTANTS[value, dtype] = wrap(np.array(value, of(dtype).dtype))
    return found


def plain(value: Any) -> Any:
    """An eager tensor as its array, which a recorded program takes as a constant; other values as they are."""
    return value._array if isinstance(value, Tensor) else value


def is_nan(value: Any) -> bool:
    """Whether a Python number is a NaN."""
    return bool(value != value)  # noqa: PLR0124


def is_traced(value: Any) -> bool:
    """Whether a value belongs to a program that is being recorded for the compiler."""
    return hasattr(value, "__sg_bind__") and not isinstance(value, Tensor)


def pair(x: Any, y: Any, name: str) -> tuple[Tensor, Tensor]:
    """Two operands of which one is no tensor, as tensors of one dtype."""
    for position, value in enumerate((x, y)):
        if not isinstance(value, Tensor | np.ndarray | np.generic) and type(value) not in PYTHON_SCALARS:
            raise not_a_tensor(name, value, ("input", "other")[position], position + 1)
    if isinstance(x, Tensor):
        dtype = x._array.dtype
        if (type(y) is float and dtype.kind == "f") or (type(y) is int and dtype.kind in "fiu"):
            return x, constant(y, dtype)
    return same_dtype(x, y)


def same_dtype(x: Any, y: Any, inexact: bool = False) -> tuple[Any, Any]:
    """Two operands in the dtype that they have together; ``inexact``: in a float."""
    dtype = result_dtype((x, y))
    if inexact:
        dtype = inexact_dtype(dtype)
    return to_dtype(x, dtype), to_dtype(y, dtype)


def to_dtype(value: Any, dtype: Any) -> Any:
    """A value as a tensor of that dtype; the conversion of a tensor is recorded. Traced values stay traced."""
    if not isinstance(value, Tensor):
        if type(value) in PYTHON_SCALARS:
            return wrap(np.array(value, dtype)) if is_nan(value) else constant(value, dtype)
        if is_traced(value):
            return value if value.__sg_type__.dtype == dtype else apply("astype", value, dtype=dtype)
        value = lift(value)
    if value._array.dtype == dtype:
        return value
    if value._node is None:
        return wrap(value._array.astype(dtype))
    converted = bind(TABLE["astype"], (value,), {"dtype": dtype})
    if converted._node is not None:
        hide(converted._node)
    return converted
