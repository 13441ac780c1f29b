"""What a loop goes over: something of a length whose element at a traced index can be given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.control.checkpointing import Checkpointed, snapshots_for
from srcgrad.control.record import converted, error
from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import constant
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import Array
from srcgrad.numpy.static import static_of
from srcgrad.staging.intervals import interval

_INT64 = ArrayType((), np.dtype(np.int64))


@dataclass(frozen=True)
class Space:
    """``length`` iterations (None: ``count`` of them, at most ``bound``); ``at(i)`` is the element at a traced i."""

    length: int | None
    at: Callable[[Any], Any]
    count: Node
    bound: int | None
    native: Iterable[Any] | None
    #: how many snapshots its reverse pass keeps; None where it keeps what it needs of every iteration
    snapshots: int | None = None

    def __iter__(self) -> Iterator[Any]:
        if self.native is None:
            raise error(TraceError, "how often this loop runs is known only when the program runs")
        return iter(self.native)


def space_of(value: Any) -> Space | None:
    """The space that a loop over the value has; None where it has to be iterated as Python does."""
    if isinstance(value, Space):
        return value
    if isinstance(value, Checkpointed):
        space = space_of(value.values)
        return None if space is None else replace(space, snapshots=snapshots_for(len(value), value.snapshots))
    if isinstance(value, range):
        start, step = value.start, value.step
        return _known(len(value), lambda i: _affine(i, start, step), value)
    if isinstance(value, Array) and value.ndim:
        return _known(value.shape[0], lambda i: value[i], value)
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "biufc":
        rows = Array.new(as_node(value))
        return _known(len(value), lambda i: rows[i], value)
    return None


def _known(length: int, at: Callable[[Any], Any], native: Iterable[Any]) -> Space:
    return Space(length, at, constant(np.int64(length)), length, native)


def _affine(i: Any, start: Any, step: Any) -> Any:
    scaled = i if isinstance(step, int) and step == 1 else i * step
    return scaled if isinstance(start, int) and start == 0 else scaled + start


def range_(*args: Any) -> Any:
    """`range`, where the bounds may be traced."""
    values = [_whole(arg) for arg in args]
    if not any(isinstance(value, Tracer) for value in values):
        return range(*values)
    start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    if isinstance(step, Tracer):
        raise error(TraceError, "range() with a step that is known only when the program runs; give it a fixed step")
    first, last = as_node(start), as_node(stop)
    distance = last - first if step > 0 else first - last
    iterations = distance if abs(step) == 1 else apply("floor_divide", distance + (abs(step) - 1), abs(step))
    count = converted(apply("maximum", iterations, 0), _INT64)
    limits = interval(count)
    bound = None if limits is None else max(limits[1], 0)
    return Space(None, lambda i: _affine(i, start, step), count, bound, None)


def _whole(value: Any) -> Any:
    if not isinstance(value, Tracer):
        return value
    known = static_of(value)
    if known is not None:
        return known.item()
    if value.shape != () or value.dtype.kind not in "iu":
        raise error(TraceError, f"range() takes integers, not {value.__sg_type__}")
    return value


def enumerate_(iterable: Any, start: Any = 0) -> Any:
    """`enumerate`, over a space where it is one."""
    space = space_of(iterable)
    if space is None:
        return enumerate(iterable, start)
    native = None if space.native is None else enumerate(space.native, start)
    return replace(space, at=lambda i: (_affine(i, start, 1), space.at(i)), native=native)


def reversed_(iterable: Any) -> Any:
    """`reversed`, over a space where it is one."""
    space = space_of(iterable)
    if space is None or space.length is None:
        return reversed(iterable)
    if isinstance(iterable, Checkpointed):
        return replace(reversed_(iterable.values), snapshots=space.snapshots)
    last = space.length - 1
    native: Any = reversed(iterable) if isinstance(iterable, range | np.ndarray) else iterable[::-1]
    return _known(space.length, lambda i: space.at(i * -1 + last), native)


def zip_(*iterables: Any, strict: bool = False) -> Any:
    """`zip`, over spaces where all are; the shortest decides."""
    spaces = [space_of(iterable) for iterable in iterables]
    lengths = [space.length for space in spaces if space is not None and space.length is not None]
    if not spaces or len(lengths) < len(spaces):
        return zip(*iterables, strict=strict)
    if strict and len(set(lengths)) > 1:
        raise ValueError(f"zip() arguments have the lengths {lengths}")
    native = zip(*(space.native for space in spaces if space is not None and space.native is not None), strict=False)
    known = _known(min(lengths), lambda i: tuple(space.at(i) for space in spaces if space is not None), native)
    snapshots = [space.snapshots for space in spaces if space is not None and space.snapshots is not None]
    return replace(known, snapshots=snapshots[0] if snapshots else None)
