"""Several tensors as one, and one as several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.functions.shaping import dim_of, narrow, select, unsqueeze
from srcgrad.eager.recording.composite import show_as
from srcgrad.eager.recording.nodes import kind_of
from srcgrad.eager.recording.operands import is_traced, to_dtype
from srcgrad.eager.recording.rows import record
from srcgrad.eager.tensors.node import Port, rename, sequence
from srcgrad.eager.tensors.promotion import result_dtype
from srcgrad.eager.tensors.tensor import Tensor, wrap

# Several tensors as one


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors one after the other along a dimension."""
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    for number, part in enumerate(tensors):
        if not part.shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
    parts = [part for part in tensors if tuple(part.shape) != (0,)] or list(
        tensors[:1]
    )  # PyTorch leaves out what is empty
    place = dim_of(dim, len(parts[0].shape))
    for number, part in enumerate(parts):
        if len(part.shape) != len(parts[0].shape):
            sizes = f"got {len(parts[0].shape)} and {len(part.shape)}"
            raise RuntimeError(f"Tensors must have same number of dimensions: {sizes}")
        for k, (a, b) in enumerate(zip(parts[0].shape, part.shape, strict=False)):
            if a != b and k != place:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {place}. Expected size {a} but got size {b} for "
                    f"tensor number {number} in the list."
                )
    return _joined(parts, place, "CatBackward0")


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape along a new dimension."""
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tuple(tensors[0].shape)
    for number, tensor in enumerate(tensors):
        if tuple(tensor.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(tensor.shape)} at entry {number}"
            )
    place = dim_of(dim, len(shape) + 1)
    start = next(sequence)
    made = _joined([unsqueeze(tensor, place) for tensor in tensors], place, "StackBackward0")
    if isinstance(made, Tensor) and made._node is not None:
        show_as(made._node, start, "StackBackward0", tensors)
    return made


def _joined(parts: Sequence[Any], place: int, name: str) -> Any:
    first = parts[0]
    operands: list[Any] = list(parts)
    if not all(isinstance(part, Tensor) and part._array.dtype is first._array.dtype for part in parts):
        dtype = result_dtype(parts)
        operands = [to_dtype(part, dtype) for part in parts]
        if any(is_traced(part) for part in operands):
            return TABLE["concatenate"](*operands, axis=place)
    made = wrap(np.concatenate([part._array for part in operands], place))
    return record(kind_of(TABLE["concatenate"], name, len(operands)), made, operands, {"axis": place})


def hstack(tensors: Sequence[Any]) -> Any:
    """Vectors end to end, other tensors along the second dimension."""
    return cat(tensors, 0 if len(tensors[0].shape) <= 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Rows (vectors are rows) one below the other."""
    return cat([unsqueeze(tensor, 0) if len(tensor.shape) == 1 else tensor for tensor in tensors], 0)


# One tensor as several


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices of a dimension."""
    place = dim_of(dim, len(input.shape))
    return _several([select(input, place, k) for k in range(input.shape[place])], "UnbindBackward0")


def split(tensor: Any, split_size: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Parts of a dimension, of one size (the last may be smaller) or of these sizes."""
    place = dim_of(dim, len(tensor.shape))
    extent = tensor.shape[place]
    if isinstance(split_size, int):
        sizes = [min(split_size, extent - start) for start in range(0, extent, split_size)] or [0]
    else:
        sizes = list(split_size)
        if sum(sizes) != extent:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's size at dimension "
                f"{place}), but got split_sizes={sizes}"
            )
    starts = np.cumsum([0, *sizes]).tolist()
    parts = [narrow(tensor, place, start, size) for start, size in zip(starts, sizes, strict=False)]
    return _several(parts, "SplitBackward0" if isinstance(split_size, int) else "SplitWithSizesBackward0")


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most so many parts of equal size, but for the last."""
    extent = input.shape[dim]
    return split(input, max(1, -(-extent // chunks)), dim)


def _several(views: Sequence[Any], name: str) -> tuple[Any, ...]:
    """Views that were made by one call: they cannot be changed in place."""
    for made in views:
        if isinstance(made, Tensor):
            made._meta.made = made._meta.made or "multiple"  # type: ignore[union-attr]
            if made._node is not None and not isinstance(made._node, Port):
                rename(made._node, name)
    return tuple(views)
