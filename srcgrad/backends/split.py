"""A loop split among threads: a parallel loop over its parts, whose accumulators are combined after it.

for part in range(parts), parallel:                     each part has accumulators of its own
    g_own = own_part(g, g_parts, part)
    for j in range(32): g_own[j] = 0
    for i in range(part * 100 // parts, ...):
        ... g_own[j] += ...
for part in range(1, parts):                            added in the order of the parts
    for j in range(32): g[j] += g_parts[part - 1, j]
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from srcgrad.backends import memory
from srcgrad.backends.elements import PART, PARTS
from srcgrad.backends.functions import OWN_PART, THREAD_COUNT
from srcgrad.kernel.ir import INT64, Buffer, Call, Declare, Element, For, Kind, Operation, Space, Variable, number
from srcgrad.kernel.ir import affine as affine_node
from srcgrad.schedule.ir import Loop, Start, Value

if TYPE_CHECKING:
    from srcgrad.backends.emit import Emitter

_NEXT, _BEFORE = affine_node(((PART, 1),), 1), affine_node(((PART, 1),), -1)


def split_loop(emitter: Emitter, loop: Loop, starts: list[Start]) -> None:
    """Write the parallel loop, and the combination of the parts' accumulators."""
    out, expressions = emitter.out, emitter.expressions
    emitter.held.clear()
    accumulators = list(dict.fromkeys(start.statement.target for start in starts))
    emitter.own = set(accumulators)
    outside = expressions.outside = Buffer(emitter.names.fresh("outside"), INT64, (1,), Space.STACK)
    expressions.noted = False
    extent = number(loop.axis.extent)
    with out.block() as body:
        first, last = (Operation("//", (Operation("*", (part, extent), INT64), PARTS), INT64) for part in (PART, _NEXT))
        emitter.reduction(starts, loop, (first, last))
        for value in accumulators:
            _store_variables(emitter, value)
    emitter.own = set()
    expressions.outside = None
    emitter.held.clear()
    if expressions.noted:
        out.add(memory.local(outside))
        out.write(Element(outside, (number(0),)), number(0))
    out.let(PARTS, Call(THREAD_COUNT, (number(min(emitter.threads, loop.axis.extent)),), INT64))
    declared = _declarations(emitter, loop, accumulators)
    out.add(For(PART, number(0), PARTS, 1, (*declared, *body), Kind.PARALLEL))
    if expressions.noted:
        emitter.call(expressions.function("raise_noted", np.dtype(np.int64)), [outside])
    for value in accumulators:
        combine = next(start.statement.combine for start in starts if start.statement.target is value)
        assert combine is not None
        _combine(emitter, value, combine)


def _positions(emitter: Emitter, value: Value) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, emitter.place(value).shape)))


def _store_variables(emitter: Emitter, value: Value) -> None:
    """Accumulators in local variables are left in the part's copy at the end."""
    if emitter.place(value).kind == "variable":
        rows = memory.parts_buffer(emitter, value)
        for position in _positions(emitter, value):
            variable = emitter.element_variable(value, position)
            left = Element(rows, (PART, *map(number, position)))
            emitter.out.write(left, emitter.totals.get(variable, variable))


def _combine(emitter: Emitter, value: Value, combine: str) -> None:
    """The total over the parts, in their order."""
    place, out = emitter.place(value), emitter.out
    rows = memory.parts_buffer(emitter, value)
    if place.kind == "variable":
        for position in _positions(emitter, value):
            variable = emitter.element_variable(value, position)
            total = variable if rows.dtype == value.dtype else emitter.fresh(f"{variable.name}_total", rows.dtype)
            tail = tuple(map(number, position))
            out.let(total, Element(rows, (number(0), *tail)))
            with out.loop(PART, number(1), PARTS):
                emitter.fold(total, Element(rows, (PART, *tail)), combine)
            if total != variable:
                out.let(variable, emitter.expressions.cast(total, value.dtype))
        return
    size = math.prod(place.shape)
    whole = emitter.alias(value, (size,)) if len(place.shape) != 1 else emitter.buffer(value)
    index = Variable(emitter.names.fresh("e"), INT64)
    with out.loop(PART, number(1), PARTS), out.loop(index, number(0), number(size)):
        emitter.fold(Element(whole, (index,)), Element(rows, (_BEFORE, index)), combine)


def _declarations(emitter: Emitter, loop: Loop, accumulators: list[Value]) -> list[Declare]:
    """The accumulators and the stack arrays that belong to one part, and their other shapes."""
    found = []
    for value in accumulators:
        if emitter.place(value).kind != "variable":
            whole, rows = emitter.buffer(value), memory.parts_buffer(emitter, value)
            own = Buffer(f"{whole.name}_own", whole.dtype, whole.shape, whole.space)
            found.append(Declare(own, Call(OWN_PART, (whole, rows, PART), own.dtype)))
    for value in emitter.inside.get(loop, ()):
        place = emitter.places[value]
        if place.within is loop and place.kind == "stack" and value in emitter.value_names:
            found += memory.on_stack(emitter, value)
            found += [memory.alias(emitter, other, shape) for other, shape in emitter.aliases if other is value]
    return found
