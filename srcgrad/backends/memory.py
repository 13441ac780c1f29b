"""The memory of a kernel: buffers and where they come from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.backends.functions import LOCAL, PART_OF, RESHAPED, STACK_OF, VIEW
from srcgrad.kernel.ir import Argument, Buffer, Call, Callee, Declare, Expr, Space, number
from srcgrad.schedule.ir import Value

if TYPE_CHECKING:
    from srcgrad.backends.elements import Elements

WORKSPACE = Buffer("workspace", np.dtype(np.uint8), (), Space.WORKSPACE)


def _declare(buffer: Buffer, callee: Callee, *arguments: Argument) -> Declare:
    return Declare(buffer, Call(callee, arguments, buffer.dtype))


def view(buffer: Buffer) -> Declare:
    """An array that the kernel is given, as a buffer."""
    return _declare(buffer, VIEW, buffer, buffer.shape)


def local(buffer: Buffer) -> Declare:
    """Memory on the stack."""
    return _declare(buffer, LOCAL, buffer.dtype, buffer.shape)


def part_of_workspace(buffer: Buffer, offset: int) -> Declare:
    """Memory of the workspace."""
    return _declare(buffer, PART_OF, WORKSPACE, number(offset), buffer.dtype, buffer.shape)


def stack_of(emitter: Elements, value: Value, count: Expr) -> Declare:
    """A stack of slices, with room for so many; made by another section, with room for 0 more, it stays as it is."""
    place, buffer = emitter.place(value), emitter.buffer(value)
    return _declare(buffer, STACK_OF, WORKSPACE, number(place.offset), count, buffer.dtype, buffer.shape)


def array(emitter: Elements, value: Value) -> list[Declare]:
    """What makes an array; nothing where a kernel is given it, or the function of a split loop makes it."""
    place, buffer = emitter.storage.places[value], emitter.buffer(value)
    if place.kind == "stack" and place.within is None:
        return on_stack(emitter, value)
    if place.kind == "workspace":
        return [part_of_workspace(buffer, place.offset)]
    return [stack_of(emitter, value, number(0))] if place.kind == "slices" and emitter.storage.left else []


def on_stack(emitter: Elements, value: Value) -> list[Declare]:
    """An array on the stack; one for each of the iterations that are written side by side."""
    return [local(buffer) for buffer in (emitter.buffer(value), *emitter.lane_arrays.get(value, ()))]


def alias(emitter: Elements, value: Value, shape: tuple[int, ...]) -> Declare:
    """The same memory under another shape."""
    return _declare(emitter.aliases[value, shape], RESHAPED, emitter.buffer(value), shape)


def parts(emitter: Elements, value: Value) -> Declare:
    """Where the parts' copies of an accumulator are."""
    return part_of_workspace(parts_buffer(emitter, value), emitter.storage.partials[value].offset)


def parts_buffer(emitter: Elements, value: Value) -> Buffer:
    """The parts' copies of an accumulator: one row each."""
    place = emitter.storage.partials[value]
    assert place.dtype is not None
    is_variable = emitter.storage.places[value].kind == "variable"
    rows = place.shape if is_variable else (place.shape[0], math.prod(place.shape[1:]))
    return Buffer(f"{emitter.name(value)}_parts", place.dtype, rows, Space.WORKSPACE)


def kept(emitter: Elements, dtype: np.dtype[Any]) -> Declare:
    """Where the numbers of a dtype are that sections leave."""
    return part_of_workspace(kept_buffer(emitter, dtype), emitter.storage.kept[dtype].offset)


def kept_buffer(emitter: Elements, dtype: np.dtype[Any]) -> Buffer:
    """The numbers of a dtype that sections leave."""
    return Buffer(f"kept_{dtype.name}", dtype, emitter.storage.kept[dtype].shape, Space.WORKSPACE)


def of_kernel(emitter: Elements) -> list[Declare]:
    """All that a kernel may use in its own lines."""
    storage = emitter.storage
    found = [kept(emitter, dtype) for dtype in storage.kept]
    own = (value for value in storage.places if value in emitter.value_names and storage.places[value].kind != "slices")
    found += [made for value in own for made in array(emitter, value)]
    found += [parts(emitter, value) for value in storage.partials]
    for value, shape in emitter.aliases:
        if storage.places[value].within is None or storage.places[value].kind != "stack":
            found.append(alias(emitter, value, shape))
    return found
