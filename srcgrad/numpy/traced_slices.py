"""Slices with bounds that are known only when the program runs, as spans of positions along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.op import apply
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.keys import known_difference
from srcgrad.numpy.messages import error
from srcgrad.numpy.static import static_value

_INT64 = np.dtype(np.int64)
TracedSlices = dict[int, "TracedSlice"]


@dataclass(frozen=True, eq=False)
class TracedSlice:
    """From start to stop along an axis, as nodes or ints within it; ``written`` is what the user's program says."""

    start: Any
    stop: Any
    written: tuple[Any, Any]

    @property
    def length(self) -> Node:
        return apply("maximum", as_node(self.stop) - self.start, 0)  # type: ignore[no-any-return]

    def is_same(self, other: TracedSlice) -> bool:
        return self.start is other.start and self.stop is other.stop

    def is_longer_or_shorter(self, other: TracedSlice) -> bool:
        """Whether the lengths are known to differ."""
        starts, ends = (known_difference(a, b) for a, b in zip(self.written, other.written, strict=True))
        return ends is not None and starts is not None and ends != starts


def spans_of(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], TracedSlices] | None:
    """The key with full slices in place of those of unknown length, and these by axis of the result; None without."""
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(part, slice) and _is_unknown(part) for part in parts):
        return None
    if any(part is not None and part is not Ellipsis and not is_simple(part) for part in parts):
        what = "a slice of unknown length beside an index array"
        raise error(UnsupportedError, what, "Index in two steps")
    used = sum(part is not None and part is not Ellipsis for part in parts)
    plain: list[Any] = []
    spans: TracedSlices = {}
    axis = result = 0
    for part in parts:
        if part is Ellipsis:
            rest = len(shape) - used
            axis, result = axis + rest, result + rest
        elif part is None:
            result += 1
        elif isinstance(part, slice):
            if _is_unknown(part):
                spans[result] = _span(part, shape[axis])
                part = slice(None)
            axis, result = axis + 1, result + 1
        else:
            axis += 1
        plain.append(part)
    return tuple(plain), spans


def is_simple(part: Any) -> bool:
    """Whether a part of a key is a slice, or one integer, traced or not."""
    return isinstance(part, slice | int | np.integer) or (hasattr(part, "__sg_node__") and part.ndim == 0)


def _is_unknown(part: slice) -> bool:
    bounds = [_bound(bound) for bound in (part.start, part.stop)]
    if not any(isinstance(bound, Node) for bound in bounds) or part.step not in (None, 1):
        return False
    length = known_difference(bounds[1], bounds[0])
    return length is None or length < 0  # x[i : i - 1] at 0 is all but the last


def _bound(value: Any) -> Any:
    """None, an int, or a node."""
    if value is None or not hasattr(value, "__sg_node__"):
        return value
    node = as_node(value)
    known = static_value(node)
    return node if known is None else int(known)


def _span(part: slice, extent: int) -> TracedSlice:
    first, last = _bound(part.start), _bound(part.stop)
    written = (0 if first is None else first, extent if last is None else last)
    return TracedSlice(_clipped(written[0], extent), _clipped(written[1], extent), written)


def _clipped(bound: Any, extent: int) -> Any:
    """A bound as NumPy takes it: counted from the end where it is negative, and within the axis."""
    if not isinstance(bound, Node):
        return slice(bound).indices(extent)[1]
    bound = bound if bound.dtype == _INT64 and not bound.array_type.weak else apply("astype", bound, dtype=_INT64)
    wrapped = apply("where", apply("less", bound, 0), apply("maximum", bound + extent, 0), bound)
    return apply("minimum", wrapped, extent)


def certain(condition: Any) -> Node:
    """Zero, or an IndexError when the program runs, where the condition does not hold."""
    place = apply("where", as_node(condition), as_node(np.int64(0)), as_node(np.int64(1)))
    return apply("gather", as_node(np.zeros(1, _INT64)), place, axes=(0,), position=0)  # type: ignore[no-any-return]


def checked(span: TracedSlice, condition: Any) -> TracedSlice:
    """The span, which is an IndexError to use where the condition does not hold."""
    return TracedSlice(span.start, as_node(span.stop) + certain(condition), span.written)


def mask_of(spans: TracedSlices, shape: tuple[int, ...]) -> Any:
    """Where all positions of an array of this shape are in the spans, up to broadcasting."""
    made: Any = None
    for axis, span in spans.items():
        place = np.arange(shape[axis]).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        inside = None
        if not (isinstance(span.start, int) and span.start == 0):
            inside = apply("greater_equal", as_node(place), span.start)
        if not (isinstance(span.stop, int) and span.stop == shape[axis]):
            below = apply("less", as_node(place), span.stop)
            inside = below if inside is None else apply("logical_and", inside, below)
        made = inside if made is None else apply("logical_and", made, inside)
    return made


def position_in(span: TracedSlice, index: Any) -> Any:
    """Where an element of the slice is in the array; an IndexError when the program runs if it is not in the slice."""
    if isinstance(index, int | np.integer):
        place = as_node(span.start if index >= 0 else span.stop) + int(index)
    else:
        node = as_node(index)
        place = apply("where", apply("less", node, 0), as_node(span.stop) + node, as_node(span.start) + node)
    inside = apply("logical_and", apply("greater_equal", place, span.start), apply("less", place, span.stop))
    return place + certain(inside)


def within(span: TracedSlice, part: slice) -> TracedSlice:
    """A slice of a slice."""

    def bound(value: Any, default: Any) -> Any:
        value = _bound(value)
        if value is None:
            return default
        if isinstance(value, int):
            place = span.start + value if value >= 0 else span.stop + value
        else:
            place = apply("where", apply("less", value, 0), as_node(span.stop) + value, as_node(span.start) + value)
        if isinstance(place, int) and isinstance(span.start, int) and isinstance(span.stop, int):
            return min(max(place, span.start), span.stop)
        return apply("minimum", apply("maximum", as_node(place), span.start), span.stop)

    start, stop = bound(part.start, span.start), bound(part.stop, span.stop)
    return TracedSlice(start, stop, (start, stop))
