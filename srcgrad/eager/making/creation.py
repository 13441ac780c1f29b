"""New tensors, from data or from a shape. Floats made from Python numbers are float32; NumPy arrays keep their
dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.eager.tensors import dtypes
from srcgrad.eager.tensors.dtypes import default, numpy_dtype
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.promotion import number_dtype, result_dtype
from srcgrad.eager.tensors.tensor import Tensor, wrap


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A copy of numbers, nested lists of numbers, an array or a tensor.

    >>> tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    if isinstance(data, Tensor):
        data = data._array
    return finish(array_of(data, dtype, copy=True), requires_grad)


def array_of(data: Any, dtype: Any, *, copy: bool) -> np.ndarray[Any, Any]:
    """The array that data of any kind make."""
    if dtype is not None:
        dtype = numpy_dtype(dtype)
    if isinstance(data, np.ndarray | np.generic):
        found = np.array(data, dtype=dtype) if copy else np.asarray(data, dtype=dtype)
        dtypes.of(found.dtype)  # raises for what a tensor cannot hold
        return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _array_of_sequence(data, dtype)
    if not isinstance(data, bool | int | float | complex):
        raise TypeError(f"can't infer tensor type from {type(data).__name__}")
    return np.array(data, dtype or number_dtype(data))


def _array_of_sequence(data: Sequence[Any], dtype: Any) -> np.ndarray[Any, Any]:
    leaves: list[Any] = []
    shape = _measure(data, leaves, 0)
    if dtype is None:
        if all(isinstance(leaf, np.generic | np.ndarray) for leaf in leaves) and leaves:
            dtype = np.result_type(*leaves)
        else:
            found = (
                {type(leaf) for leaf in leaves}
                if not any(isinstance(leaf, Tensor | np.generic) for leaf in leaves)
                else None
            )
            if found is None:
                dtype = result_dtype(leaves)
            else:
                dtype = default.float
                if found:
                    dtype = number_dtype(max((kind(0) for kind in found), key=lambda zero: _RANK.get(type(zero), 3)))
    plain = [leaf._array.item() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    return np.array(plain, dtype).reshape(shape)


_RANK = {bool: 0, int: 1, float: 2, complex: 3}


def _measure(data: Any, leaves: list[Any], depth: int) -> tuple[int, ...]:
    """The shape of nested sequences, whose numbers are added to ``leaves``; raises where they are ragged."""
    if isinstance(data, Tensor) and data.ndim > 0:
        data = data.tolist()
    if isinstance(data, np.ndarray) and data.ndim > 0:
        leaves.extend(data.reshape(-1))
        return tuple(data.shape)
    if not isinstance(data, Sequence) or isinstance(data, str | bytes):
        if isinstance(data, str | bytes) or not isinstance(
            data, bool | int | float | complex | np.generic | np.ndarray | Tensor
        ):
            raise (
                ValueError(f"too many dimensions '{type(data).__name__}'")
                if isinstance(data, str)
                else TypeError(f"must be real number, not {type(data).__name__}")
            )
        leaves.append(data)
        return ()
    shapes = [_measure(part, leaves, depth + 1) for part in data]
    if not shapes:
        return (0,)
    for part, shape in zip(data, shapes, strict=True):
        if shape != shapes[0]:
            if shape and shapes[0]:
                raise ValueError(f"expected sequence of length {shapes[0][0]} at dim {depth + 1} (got {len(part)})")
            raise TypeError(
                f"expected a sequence at dim {depth + 1}"
                if shapes[0]
                else f"must be real number, not {type(part).__name__}"
            )
    return (len(shapes), *shapes[0])


def finish(array: np.ndarray[Any, Any], requires_grad: bool) -> Tensor:
    """A new leaf on an array; where a function is recorded for the compiler, a constant of its program."""
    if state.lift is not None:
        return state.lift(array)  # type: ignore[no-any-return]
    made = wrap(array)
    if requires_grad:
        if array.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made.requires_grad = True
    if state.inference:
        made.more().inference = True
    return made


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor as it is, or on the memory of an array, or a copy of numbers."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return finish(array_of(data, dtype, copy=False), False)


asarray = as_tensor


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the memory of an array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return finish(array_of(ndarray, None, copy=False), False)


def scalar_tensor(s: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the default dtype."""
    return finish(np.array(s, default.float if dtype is None else numpy_dtype(dtype)), requires_grad)


# From a shape


def shape_of(size: Sequence[Any]) -> tuple[int, ...]:
    """The shape that ``f(2, 3)`` and ``f((2, 3))`` name."""
    if len(size) == 1 and isinstance(size[0], tuple | list):
        size = size[0]
    if any(int(extent) < 0 for extent in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    return tuple(int(extent) for extent in size)


def float_or(dtype: Any) -> np.dtype[Any]:
    """The dtype asked for, by default the default float."""
    return default.float if dtype is None else numpy_dtype(dtype)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape."""
    return finish(np.zeros(shape_of(size), float_or(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of a shape."""
    return finish(np.ones(shape_of(size), float_or(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A shape of numbers that are not set."""
    return finish(np.empty(shape_of(size), float_or(dtype)), requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """One number everywhere in a shape."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    kind = number_dtype(value) if dtype is None else numpy_dtype(dtype)
    return finish(np.full(shape_of((size,)), value, kind), requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal of a matrix of zeros."""
    return finish(np.eye(n, m, dtype=float_or(dtype)), requires_grad)


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Numbers from start (by default 0) to before end."""
    if end is None:
        start, end = 0, start
    start, end, step = (value.item() if isinstance(value, Tensor) else value for value in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) / step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    is_float = any(isinstance(value, float) for value in (start, end, step))
    kind = (default.float if is_float else np.dtype(np.int64)) if dtype is None else numpy_dtype(dtype)
    count = math.ceil((end - start) / step)
    return finish(
        (start + np.arange(count, dtype=np.float64 if is_float else np.int64) * step).astype(kind), requires_grad
    )


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """So many numbers at equal distances, both ends included."""
    return finish(np.linspace(float(start), float(end), steps).astype(float_or(dtype)), requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Powers of a base whose exponents are at equal distances."""
    return finish(np.logspace(float(start), float(end), steps, base=base).astype(float_or(dtype)), requires_grad)


# Like another


def _like(input: Any, dtype: Any) -> dict[str, Any]:
    return {"dtype": input.dtype if dtype is None else dtype}


def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of another's shape and dtype."""
    return zeros(tuple(input.shape), **_like(input, dtype), requires_grad=requires_grad)


def ones_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of another's shape and dtype."""
    return ones(tuple(input.shape), **_like(input, dtype), requires_grad=requires_grad)


def empty_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Another's shape and dtype, numbers not set."""
    return empty(tuple(input.shape), **_like(input, dtype), requires_grad=requires_grad)


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One number everywhere in another's shape and dtype."""
    return full(tuple(input.shape), fill_value, **_like(input, dtype), requires_grad=requires_grad)
