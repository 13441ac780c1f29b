"""Shapes: views of the same memory, and functions that put tensors together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.cotangents import repeated
from srcgrad.eager.recording.nodes import RowNode, kind_of
from srcgrad.eager.recording.operands import is_traced
from srcgrad.eager.recording.rows import RECORDED, bind, one_node
from srcgrad.eager.recording.views import make_view
from srcgrad.eager.tensors.modes import OFF, state
from srcgrad.eager.tensors.tensor import Tensor

RESHAPE, TRANSPOSE, BROADCAST = TABLE["reshape"], TABLE["transpose"], TABLE["broadcast_to"]


_VIEW, _UNSQUEEZE, _SQUEEZE = (
    kind_of(RESHAPE, "ViewBackward0"),
    kind_of(RESHAPE, "UnsqueezeBackward0"),
    kind_of(RESHAPE, "SqueezeBackward1"),
)
_T, _TRANSPOSE, _PERMUTE = (
    kind_of(TRANSPOSE, "TBackward0"),
    kind_of(TRANSPOSE, "TransposeBackward0"),
    kind_of(TRANSPOSE, "PermuteBackward0"),
)
_EXPAND, _SQUEEZE_ALL = kind_of(BROADCAST, "ExpandBackward0"), kind_of(RESHAPE, "SqueezeBackward0")


def record_view(kind: type[RowNode], tensor: Tensor, array: Any, replay: Callable[[Any], Any], **params: Any) -> Tensor:
    """The view of a tensor that the array is."""
    node = None
    if tensor._node is not None and state.mode != OFF:
        node = one_node(kind, tensor._node, tensor._array, params)
    return make_view(tensor, array, replay, node)


# The same elements in another shape


def view(input: Any, *shape: Any) -> Any:
    """The same memory in another shape; or, given a dtype, its bytes as another type."""
    if not isinstance(input, Tensor):
        return input.as_shape(resolve_shape(input, shape))
    try:
        array = input._array.reshape(*shape)
    except (ValueError, TypeError):
        array = input._array.reshape(resolve_shape(input, shape))
    target = array.shape
    if not input._array.flags.c_contiguous and not np.may_share_memory(array, input._array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return record_view(_VIEW, input, array, lambda base: view(base, target), shape=target)


def reshape(input: Any, *shape: Any) -> Any:
    """The same elements in another shape: a view where the memory allows it."""
    if not isinstance(input, Tensor):
        return input.as_shape(resolve_shape(input, shape))
    array = input._array
    if array.flags.c_contiguous:
        return view(input, *shape)
    target = resolve_shape(input, shape)
    if np.may_share_memory(array.reshape(target), array):
        return view(input, target)
    return bind(RESHAPE, (input,), {"shape": target}, "UnsafeViewBackward0")


def resolve_shape(x: Any, shape: Sequence[Any]) -> tuple[int, ...]:
    """The shape that the arguments of `view` name, with one -1 filled in."""
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0] if isinstance(shape[0], tuple | list) else (int(shape[0]),)
    target = [int(extent) for extent in shape]
    size = math.prod(x.shape)
    if target.count(-1) == 1:
        rest = -math.prod(target)
        if rest and size % rest == 0:
            target[target.index(-1)] = size // rest
    if math.prod(target) != size or any(extent < 0 for extent in target):
        raise RuntimeError(f"shape '{[int(extent) for extent in shape]}' is invalid for input of size {size}")
    return tuple(target)


def view_as(input: Any, other: Any) -> Any:
    """A view in the shape of another."""
    return view(input, tuple(other.shape))


def reshape_as(input: Any, other: Any) -> Any:
    """The same elements in the shape of another."""
    return reshape(input, tuple(other.shape))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Some dimensions, by default all, as one."""
    ndim = len(input.shape)
    if ndim == 0:
        return reshape(input, (1,))
    first, last = dim_of(start_dim, ndim), dim_of(end_dim, ndim)
    if first == last:
        return input
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return reshape(input, (*input.shape[:first], math.prod(input.shape[first : last + 1]), *input.shape[last + 1 :]))


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """One dimension as several."""
    place = dim_of(dim, len(input.shape))
    inner = list(sizes)
    if -1 in inner:
        inner[inner.index(-1)] = input.shape[place] // -math.prod(inner)
    return view(input, (*input.shape[:place], *inner, *input.shape[place + 1 :]))


def ravel(input: Any) -> Any:
    """All elements in one dimension."""
    return reshape(input, (-1,))


def unsqueeze(input: Any, dim: int) -> Any:
    """With a dimension of one element put in."""
    place = dim_of(dim, len(input.shape) + 1)
    target = (*input.shape[:place], 1, *input.shape[place:])
    if is_traced(input):
        return input.as_shape(target)
    return record_view(
        _UNSQUEEZE, input, np.expand_dims(input._array, place), lambda base: unsqueeze(base, place), shape=target
    )


def squeeze(input: Any, dim: Any = None) -> Any:
    """Without dimensions of one element: all, or those that are named."""
    shape = input.shape
    places = range(len(shape)) if dim is None else dims_of(dim, len(shape))
    gone = tuple(place for place in places if shape[place] == 1) if shape else ()
    target = tuple(extent for place, extent in enumerate(shape) if place not in gone)
    if is_traced(input):
        return input.as_shape(target)
    kind = _SQUEEZE_ALL if dim is None else _SQUEEZE
    return record_view(kind, input, input._array.squeeze(gone), lambda base: squeeze(base, gone), shape=target)


# Dimensions in another order


def permute(input: Any, *dims: Any) -> Any:
    """The dimensions in another order."""
    order = dims_of(dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims, len(input.shape))
    if len(order) != len(input.shape):
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {len(input.shape)} is not equal to len(dims) = {len(order)}"
        )
    return _transposed(_PERMUTE, input, order)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions in each other's place."""
    ndim = len(input.shape)
    order = list(range(ndim))
    first, second = dim_of(dim0, ndim), dim_of(dim1, ndim)
    if ndim:
        order[first], order[second] = second, first
    return _transposed(_TRANSPOSE, input, tuple(order))


def t(input: Any) -> Any:
    """The transpose of a matrix; vectors as they are."""
    ndim = len(input.shape)
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return _transposed(_T, input, (1, 0)) if ndim == 2 else input


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Some dimensions at other places, the others in order."""
    ndim = len(input.shape)
    sources, targets = dims_of(source, ndim), dims_of(destination, ndim)
    rest = iter([dim for dim in range(ndim) if dim not in sources])
    placed = dict(zip(targets, sources, strict=True))
    return _transposed(_PERMUTE, input, tuple(placed[k] if k in placed else next(rest) for k in range(ndim)))


def _transposed(kind: type[RowNode], input: Any, order: tuple[int, ...]) -> Any:
    if is_traced(input):
        return input.as_order(order)
    array = input._array.transpose(order)
    return record_view(kind, input, array, lambda base: _transposed(kind, base, order), axes=order)


RECORDED["reshape"] = lambda x, shape: reshape(x, shape)
RECORDED["transpose"] = lambda x, axes: _transposed(_PERMUTE, x, axes)

# The same elements again


def expand(input: Any, *sizes: Any) -> Any:
    """Dimensions of one element repeated, without a copy; -1 leaves a dimension as it is."""
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    own = input._array.shape if isinstance(input, Tensor) else tuple(input.shape)
    lead = len(given) - len(own)
    target = tuple([own[k - lead] if extent == -1 and k >= lead else int(extent) for k, extent in enumerate(given)])
    if lead < 0:
        raise RuntimeError(
            f"expand({input.type() if isinstance(input, Tensor) else 'Tensor'}{{{list(input.shape)}}}, "
            f"size={list(given)}): the number of sizes provided ({len(given)}) must be greater or equal to the number "
            f"of dimensions in the tensor ({len(input.shape)})"
        )
    for k, extent in enumerate(own):
        if extent not in (1, target[k + lead]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[k + lead]}) must match the existing size ({extent}) at "
                f"non-singleton dimension {k + lead}.  Target sizes: {list(given)}.  Tensor sizes: {list(input.shape)}"
            )
    if not isinstance(input, Tensor):
        return input.as_wide(target)
    array = repeated(input._array, target)
    return record_view(_EXPAND, input, array, lambda base: expand(base, target), shape=target)


RECORDED["broadcast_to"] = lambda x, shape: expand(x, shape)


def expand_as(input: Any, other: Any) -> Any:
    """Expanded to the shape of another."""
    return expand(input, tuple(other.shape))


broadcast_to = expand


@composite("RepeatBackward0")
def repeat(input: Any, *sizes: Any) -> Any:
    """Copies side by side, as often as each dimension says."""
    counts = tuple(sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)
    if len(counts) < len(input.shape):
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * (len(counts) - len(input.shape)) + tuple(input.shape)
    tiles = [extent for pair in zip(counts, shape, strict=True) for extent in pair]
    ones = [extent for own in shape for extent in (1, own)]
    return reshape(expand(reshape(input, ones), tiles), [n * own for n, own in zip(counts, shape, strict=True)])


# Parts


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """A view of ``length`` elements of a dimension from ``start``."""
    place = dim_of(dim, len(input.shape))
    extent = input.shape[place]
    begin = start + extent if start < 0 else start
    if begin + length > extent:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({extent}).")
    return input[(slice(None),) * place + (slice(begin, begin + length),)]


def select(input: Any, dim: int, index: int) -> Any:
    """A view of one slice of a dimension."""
    return input[(slice(None),) * dim_of(dim, len(input.shape)) + (index,)]


# Elements in another order


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Coordinates on a grid, from those along its axes."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else list(tensors)
    if indexing == "xy" and len(parts) > 1:
        return tuple(transpose(grid, 0, 1) for grid in meshgrid(*parts))
    shape = tuple(part.shape[0] if part.shape else 1 for part in parts)
    return tuple(
        expand(reshape(part, [-1 if k == axis else 1 for k in range(len(parts))]), shape)
        for axis, part in enumerate(parts)
    )


# Dimensions by number


def dim_of(dim: int, ndim: int) -> int:
    """A dimension's number, counted from the front."""
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
    return dim % limit


def dims_of(dims: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions' numbers, counted from the front, in the order given; all where None is given."""
    if dims is None:
        return tuple(range(ndim))
    found = tuple(dim_of(dim, ndim) for dim in ((dims,) if isinstance(dims, int) else dims))
    if len(set(found)) != len(found):
        twice = next(dim for dim in found if found.count(dim) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else ()
