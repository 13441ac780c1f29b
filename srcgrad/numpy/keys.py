"""What stands between the brackets: a NumPy index as one item per dimension, checked against the shape."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.errors import OutOfBoundsError, TraceError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import Shape, type_of
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.geometry import Span
from srcgrad.numpy.messages import error
from srcgrad.numpy.naturals import is_natural
from srcgrad.numpy.static import static_of, static_value

INT64 = np.dtype(np.int64)
_INVALID = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays "
    "are valid indices"
)


@dataclass(frozen=True, slots=True)
class At:
    """One traced integer: the dimension goes."""

    index: Node


@dataclass(frozen=True, slots=True)
class Run:
    """A slice with a traced start and a known length."""

    start: Node
    count: int
    step: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """An integer array: known indices (all of them >= 0), or traced ones."""

    index: Node
    known: np.ndarray[Any, Any] | None


Item = int | Span | At | Run | Lookup | None


@dataclass(frozen=True, slots=True)
class Key:
    """A parsed index: one item per dimension of the array, and None for each new axis.

    ``together`` tells whether the index arrays (and the integers between them) stand side by side: then the dimensions
    of their result stand there too, else in front. ``has_ellipsis`` tells ``x[0, ...]``, a 0-d array, from ``x[0]``.
    """

    items: tuple[Item, ...]
    together: bool
    has_ellipsis: bool

    @property
    def is_basic(self) -> bool:
        return all(item is None or isinstance(item, int | Span) for item in self.items)

    @property
    def has_arrays(self) -> bool:
        return any(isinstance(item, Lookup) for item in self.items)

    @property
    def basic_items(self) -> list[int | Span | None]:
        return [item for item in self.items if item is None or isinstance(item, int | Span)]


def parse_key(key: Any, shape: Shape) -> Key:
    """The items of an index into an array of this shape."""
    entries = [_entry(part) for part in (key if isinstance(key, tuple) else (key,))]
    used = sum(_dims_used(entry) for entry in entries)
    if used > len(shape):
        what = f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed"
        raise error(OutOfBoundsError, what)
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise error(OutOfBoundsError, "an index can only have a single ellipsis ('...')")
    together = _stand_together(entries)
    has_ellipsis = any(entry is Ellipsis for entry in entries)
    if not has_ellipsis:
        entries.append(Ellipsis)
    items: list[Item] = []
    axis = 0
    for entry in entries:
        if entry is None:
            items.append(None)
        elif entry is Ellipsis:
            rest = len(shape) - used
            items += [Span(0, extent) for extent in shape[axis : axis + rest]]
            axis += rest
        elif isinstance(entry, np.ndarray) and entry.dtype == bool:
            items += _mask_items(entry, axis, shape)
            axis += entry.ndim
        else:
            items.append(_item(entry, axis, shape[axis]))
            axis += 1
    return Key(tuple(items), together, has_ellipsis)


def is_traced_mask(key: Any) -> bool:
    """Whether an index is one boolean array that is not known while tracing."""
    return hasattr(key, "__sg_node__") and key.dtype == bool and static_of(key) is None


def _entry(part: Any) -> Any:
    """One part of the key: None, Ellipsis, an int, a slice, a NumPy array, or the node of a traced index."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if isinstance(part, bool | np.bool_):
        raise error(UnsupportedError, "a single True or False is not supported as an index", "Use x[None] or x[:0]")
    if hasattr(part, "__sg_node__") or isinstance(part, Node):
        return _traced_entry(as_node(part))
    if isinstance(part, str):
        raise error(OutOfBoundsError, _INVALID)
    if not isinstance(part, np.ndarray):
        try:
            return operator.index(part)
        except TypeError:
            pass
    if not isinstance(part, np.ndarray | Sequence):
        raise error(OutOfBoundsError, _INVALID)
    return _array_entry(part)


def _traced_entry(node: Node) -> Any:
    value = static_value(node, is_needed=node.dtype == bool)
    if value is not None:
        return _array_entry(value)
    if node.dtype == bool:
        what = "the number of elements that a traced boolean mask selects is not known while tracing"
        raise error(TraceError, what, "Select with np.where(mask, x, other); x[mask] = value works for a single value")
    if node.dtype.kind not in "iu":
        raise error(OutOfBoundsError, "arrays used as indices must be of integer (or boolean) type")
    return _int_node(node)


def _array_entry(part: Any) -> Any:
    if not isinstance(part, np.ndarray) and _holds_traced(part):
        from srcgrad.numpy.creation import array

        return _traced_entry(as_node(array(part)))
    index = np.asarray(part)
    if index.size == 0 and not isinstance(part, np.ndarray):
        index = index.astype(INT64)
    if index.dtype.kind not in "iub":
        raise error(OutOfBoundsError, "arrays used as indices must be of integer (or boolean) type")
    if index.ndim == 0:
        return _entry(index[()])
    return index


def _holds_traced(part: Any) -> bool:
    if isinstance(part, list | tuple):
        return any(_holds_traced(inner) for inner in part)
    return hasattr(part, "__sg_node__")


def _dims_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    return entry.ndim if isinstance(entry, np.ndarray) and entry.dtype == bool else 1


def _is_array(entry: Any) -> bool:
    return isinstance(entry, np.ndarray | Node) and entry.ndim > 0


def _stand_together(entries: Sequence[Any]) -> bool:
    if not any(_is_array(entry) for entry in entries):
        return True
    places = [k for k, entry in enumerate(entries) if isinstance(entry, int | np.ndarray | Node)]
    return places[-1] - places[0] == len(places) - 1


def _item(entry: Any, axis: int, extent: int) -> Item:
    if isinstance(entry, int):
        return _checked(entry, axis, extent)
    if isinstance(entry, slice):
        return _slice_item(entry, extent)
    if isinstance(entry, Node):
        return Lookup(entry, None) if entry.ndim else At(entry)
    known = _checked_array(entry, axis, extent)
    return Lookup(as_node(known), known)


def _mask_items(mask: np.ndarray[Any, Any], axis: int, shape: Shape) -> list[Item]:
    for k, (extent, masked) in enumerate(zip(shape[axis:], mask.shape, strict=False)):
        if extent != masked:
            what = f"boolean index did not match indexed array along axis {axis + k}; "
            sizes = f"size of axis is {extent} but size of corresponding boolean axis is {masked}"
            raise error(OutOfBoundsError, what + sizes)
    return [Lookup(as_node(index), index) for index in mask.nonzero()]


def _checked(index: int, axis: int, extent: int) -> int:
    if not -extent <= index < extent:
        raise error(OutOfBoundsError, f"index {index} is out of bounds for axis {axis} with size {extent}")
    return index % extent


def _checked_array(index: np.ndarray[Any, Any], axis: int, extent: int) -> np.ndarray[Any, Any]:
    index = index.astype(INT64)
    outside = (index < -extent) | (index >= extent)
    if outside.any():
        raise error(OutOfBoundsError, f"index {index[outside][0]} is out of bounds for axis {axis} with size {extent}")
    return np.where(index < 0, index + extent, index)


def _slice_item(entry: slice, extent: int) -> Item:
    parts = [_slice_part(part) for part in (entry.start, entry.stop, entry.step)]
    if not any(isinstance(part, Node) for part in parts):
        first, end, stride = slice(*parts).indices(extent)
        count = len(range(first, end, stride))
        return Span(first if count else 0, count, stride if count > 1 else 1)
    start, stop, step = parts
    length = known_difference(stop, start) if step in (None, 1) else None
    if length is not None and length > extent:
        raise error(OutOfBoundsError, f"a slice of length {length} does not fit into an axis with size {extent}")
    if length is not None:
        return Run(_first_of_run(_int_node(start), length, extent), max(length, 0), 1)
    raise error(
        TraceError,
        "the length of a slice with a traced bound is not known while tracing",
        "A slice x[i : i + k] has a known length k and may be traced; otherwise mask, as in "
        "np.where(np.arange(len(x)) < n, x, 0)",
    )


def _first_of_run(start: Node, length: int, extent: int) -> Node:
    """Where a run begins, counted from the front. One that NumPy would cut short, or that would begin before the array,
    gets a place that is out of bounds: its length is part of the program.
    """
    if is_natural(start):
        return start
    fits = apply("logical_and", apply("greater_equal", start, -extent), apply("less", start, -length))
    from_end = apply("where", fits, apply("add", start, extent), extent)
    return apply("where", apply("less", start, 0), from_end, start)  # type: ignore[no-any-return]


def _slice_part(part: Any) -> Any:
    """None, an int, or the node of a traced bound."""
    if not hasattr(part, "__sg_node__"):
        return part
    node = as_node(part)
    value = static_value(node)
    return node if value is None else operator.index(value[()])


def _int_node(node: Node) -> Node:
    return node if node.dtype == INT64 and not type_of(node).weak else apply("astype", node, dtype=INT64)


def known_difference(stop: Any, start: Any) -> int | None:
    """``stop - start`` where both are the same traced integer plus constants."""
    if stop is None or start is None:
        return None
    (stop_root, stop_offset), (start_root, start_offset) = _split_offset(stop), _split_offset(start)
    return stop_offset - start_offset if stop_root is start_root else None


def _split_offset(value: Any) -> tuple[Node | None, int]:
    """A traced integer without the constants that are added to it, and their sum."""
    offset = 0
    if isinstance(value, int | np.integer):
        return None, int(value)
    node: Node = value
    while True:
        name, operands = node.op.name, node.inputs
        if name == "astype" and operands[0].dtype.kind in "iu":
            node = operands[0]
        elif name in ("add", "subtract") and (known := static_value(operands[1])) is not None:
            offset += int(known) if name == "add" else -int(known)
            node = operands[0]
        elif name == "add" and (known := static_value(operands[0])) is not None:
            offset += int(known)
            node = operands[1]
        else:
            return node, offset
