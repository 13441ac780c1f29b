"""Advanced indexing as one gather or one scatter on the array that owns the data.

A `Selection` is planned from a parsed key. Every dimension of the base is either kept whole or gets an index operand:
an index array, a traced integer, or, for a slice, its start plus an iota. NumPy's result has the dimensions in this
order: kept ones and slices where they stand; those of the index arrays where the arrays stand together, else in front.
A gather has the index dimensions side by side, so every dimension between two indexed ones is indexed too, and nothing
has to be transposed:

    x[i, 1:3]      i traced, x of shape (n, 5)     gather(x, broadcast(i), iota + 1)      axes (0, 1), index shape (2,)
    x[:, rows]     x of shape (4, 9)               gather(x, rows)                        axes (1,), position 1

A write is a scatter with the same operands: one store per element written, whatever the array's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.errors import OutOfBoundsError
from srcgrad.core.op import apply
from srcgrad.core.types import Shape
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.geometry import Ints, Span, Window, reshaped
from srcgrad.numpy.keys import At, Item, Key, Lookup, Run
from srcgrad.numpy.messages import error
from srcgrad.ops.creation import iota_on


@dataclass(frozen=True, slots=True)
class _Dim:
    """One dimension of the result before new axes: a base dimension, or (None) the dimensions of the index arrays."""

    axis: int | None
    extents: Shape
    kept: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """The operands and params of a gather, and the result's shape with new axes."""

    indices: tuple[Node, ...]
    axes: Ints
    position: int
    gathered: Shape
    shape: Shape
    unique: bool

    def read(self, base: Node) -> Any:
        value = apply("gather", base, *self.indices, axes=self.axes, position=self.position)
        return reshaped(value, self.shape)

    def write(self, base: Node, value: Node) -> Any:
        update = reshaped(value, self.gathered)
        params: dict[str, Any] = {"axes": self.axes, "position": self.position, "unique": self.unique}
        return apply("scatter_set", base, update, *self.indices, **params)

    def add(self, base: Node, value: Node) -> Any:
        """As `write`, but added, once for each time that an element is named."""
        update = reshaped(value, self.gathered)
        return apply("scatter_add", base, update, *self.indices, axes=self.axes, position=self.position)


def select(key: Key, window: Window) -> Selection:
    """Plan the selection that a key makes from an ordered window of a base."""
    items = [item for item in key.items if item is not None]
    of_axis: dict[int, Item] = dict(zip(_dims(window), items, strict=True))
    block = _block_shape(items)
    order = _result_order(key, window, block)
    dims = [dim for dim in order if dim is not None]
    first, last = _region(dims)
    region = dims[first:last]
    index_shape = tuple(extent for dim in region for extent in dim.extents)
    starts = dict(zip([dim.axis for dim in region], _positions(region), strict=True))
    between = {dim.axis for dim in region}
    indices, axes = [], []
    for axis in range(len(window.base)):
        if axis not in of_axis or axis in between or isinstance(of_axis[axis], int | At | Lookup):
            operand = _operand(of_axis.get(axis, 0), window.spans[axis], window.base[axis])
            looked_up = isinstance(of_axis.get(axis), Lookup)
            place, width = starts.get(None if looked_up else axis, 0), len(block) if looked_up else operand.ndim
            indices.append(_spread(operand, index_shape, place, width))
            axes.append(axis)
    shape = tuple(extent for dim in order for extent in ((1,) if dim is None else dim.extents))
    gathered = tuple(extent for dim in dims for extent in dim.extents)
    return Selection(tuple(indices), tuple(axes), first, gathered, shape, _is_unique(items, block))


def _dims(window: Window) -> list[int]:
    return [dim for dim in window.dims if dim is not None]


def _block_shape(items: Sequence[Item]) -> Shape:
    """The common shape of the index arrays; () where there are none."""
    shapes = [item.index.shape for item in items if isinstance(item, Lookup)]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        text = " ".join(f"({','.join(map(str, shape))})" for shape in shapes)
        what = f"shape mismatch: indexing arrays could not be broadcast together with shapes {text}"
        raise error(OutOfBoundsError, what) from None


def _result_order(key: Key, window: Window, block: Shape) -> list[_Dim | None]:
    """The result's dimensions in NumPy's order; None for a new axis."""
    order: list[_Dim | None] = []
    arrays = _Dim(None, block, False)
    pending = key.has_arrays
    if pending and not key.together:
        order.append(arrays)
        pending = False
    axes = iter(_dims(window))
    for item in key.items:
        if item is None:
            order.append(None)
            continue
        axis = next(axes)
        if isinstance(item, Span):
            whole = window.spans[axis].of(item) == Span(0, window.base[axis])
            order.append(_Dim(axis, (item.count,), whole))
        elif isinstance(item, Run):
            order.append(_Dim(axis, (item.count,), False))
        elif pending:
            order.append(arrays)
            pending = False
    return order


def _region(dims: Sequence[_Dim]) -> tuple[int, int]:
    """From the first to behind the last dimension that is not kept whole."""
    places = [k for k, dim in enumerate(dims) if not dim.kept]
    return (places[0], places[-1] + 1) if places else (0, 0)


def _positions(region: Sequence[_Dim]) -> list[int]:
    """Where each dimension's extents begin among the index dimensions."""
    found, position = [], 0
    for dim in region:
        found.append(position)
        position += len(dim.extents)
    return found


def _operand(item: Item, span: Span, extent: int) -> Any:
    """The indices into one dimension of the base: 0-d, or the index array's shape, or (for a slice) one dimension."""
    if isinstance(item, int):
        return as_node(np.int64(span.index(item)))
    if isinstance(item, Span):
        inner = span.of(item)
        return _affine(_iota(inner.count), inner.step, inner.start)
    if isinstance(item, Run):
        return _affine(apply("add", _iota(item.count), item.start), span.step, span.start)
    assert isinstance(item, At | Lookup)
    if span == Span(0, extent):
        return item.index
    known = item.known if isinstance(item, Lookup) else None
    if known is not None:
        return as_node(known * span.step + span.start)
    from_end = apply("add", item.index, span.count)
    return _affine(apply("where", apply("less", item.index, 0), from_end, item.index), span.step, span.start)


def _iota(count: int) -> Any:
    return iota_on(as_node(np.int64(0)), (count,), 0)


def _affine(index: Node, step: int, start: int) -> Any:
    scaled = index if step == 1 else apply("multiply", index, step)
    return scaled if start == 0 else apply("add", scaled, start)


def _spread(operand: Any, index_shape: Shape, place: int, width: int) -> Any:
    """An operand repeated over all index dimensions; those it runs over are ``width`` ones from ``place`` on."""
    if operand.ndim:
        lead, behind = place + width - operand.ndim, len(index_shape) - place - width
        operand = reshaped(operand, (*[1] * lead, *operand.shape, *[1] * behind))
    return operand if operand.shape == index_shape else apply("broadcast_to", operand, shape=index_shape)


def _is_unique(items: Sequence[Item], block: Shape) -> bool:
    """Whether no element is named twice, as far as is known: one array of distinct indices is enough."""
    lookups = [item for item in items if isinstance(item, Lookup)]
    if not lookups:
        return True
    known = [np.broadcast_to(item.known, block).ravel() for item in lookups if item.known is not None]
    if any(_are_distinct(index) for index in known):
        return True
    return len(lookups) == len(known) > 1 and _are_distinct(_joint(known))


def _joint(indices: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Numbers that are equal where the indices agree in every dimension."""
    joint = np.zeros_like(indices[0])
    for index in indices:
        numbers = np.unique(joint, return_inverse=True)[1] if joint.any() else joint
        low = index.min(initial=0)
        joint = numbers * (index.max(initial=0) - low + 1) + (index - low)
    return joint


def _are_distinct(index: np.ndarray[Any, Any]) -> bool:
    """Whether no number comes twice; by marking where they are dense, as sorting takes ten times as long."""
    if index.size < 2:
        return True
    low, high = int(index.min()), int(index.max())
    if high - low + 1 < index.size:
        return False
    if high - low > 8 * index.size:
        return bool((np.diff(np.sort(index)) != 0).all())
    seen = np.zeros(high - low + 1, bool)
    seen[index - low] = True
    return int(np.count_nonzero(seen)) == index.size
