"""A loop split among threads: its body becomes a function of a part, which `fork` runs once for each.

def f_part1(part, parts, x, w, g, g_parts):       parts = thread_count(2)
    g_own = own_part(g, g_parts, part)             fork(f_part1, parts, (x, w, g, g_parts))
    for j in range(32): g_own[j] = 0               for part in range(1, parts):
    for i in range(part * 100 // parts, ...):          for j in range(32): g[j] += g_parts[part - 1, j]
        ... g_own[j] += ...
"""

from __future__ import annotations

import itertools
import keyword
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from srcgrad.backends.writer import Writer, assigned
from srcgrad.schedule.ir import Loop, Start, Value

if TYPE_CHECKING:
    from srcgrad.backends.emit import Emitter

_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_CALLED = (
    "range",
    "min",
    "local",
    "at",
    "reshaped",
    "own_part",
    "part_of",
    "stack_of",
    "fork",
    "thread_count",
    "see_to_signals",
)
_KNOWN = {*_CALLED, "part", "parts", "np", *keyword.kwlist}


def split_loop(emitter: Emitter, loop: Loop, starts: list[Start]) -> None:
    """Write the function of a part, the fork, and the combination of the parts' accumulators."""
    name = emitter.names.fresh(f"{emitter.function_name}_part{len(emitter.parts) + 1}")
    outer, emitter.out = emitter.out, Writer()
    emitter.held.clear()
    accumulators = list(dict.fromkeys(start.statement.target for start in starts))
    emitter.own = set(accumulators)
    outside = emitter.expressions.outside = emitter.names.fresh("outside")
    emitter.expressions.noted = False
    with emitter.out.block(""):
        extent = loop.axis.extent
        bounds = (f"part * {extent} // parts", f"(part + 1) * {extent} // parts")
        emitter.reduction(starts, loop, bounds)
        for value in accumulators:
            _store_variables(emitter, value)
    body, emitter.out, emitter.own = emitter.out.lines[1:], outer, set()
    emitter.expressions.outside = ""
    emitter.held.clear()
    declared = _declarations(emitter, loop, accumulators)
    captured = _captured(emitter, [*declared, *body])
    header = f"def {name}({', '.join(['part', 'parts', *captured])}):"
    emitter.parts.append("\n".join([header, *declared, *body]))
    emitter.part_names.add(name)
    most = min(emitter.threads, loop.axis.extent)
    if emitter.expressions.noted:
        emitter.out.line(f"{outside} = local({emitter.expressions.type_name('int64')}, (1,))")
        emitter.out.line(f"{outside}[0] = 0")
    emitter.out.line(f"parts = thread_count({most})")
    emitter.out.line(f"fork({name}, parts, ({', '.join(captured)},))")
    if emitter.expressions.noted:
        emitter.out.line(f"{emitter.expressions.function('raise_noted', np.dtype(np.int64))}({outside})")
    for value in accumulators:
        combine = next(start.statement.combine for start in starts if start.statement.target is value)
        assert combine is not None
        _combine(emitter, value, combine)


def _positions(emitter: Emitter, value: Value) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, emitter.place(value).shape)))


def _store_variables(emitter: Emitter, value: Value) -> None:
    """Accumulators in local variables are left in the part's copy at the end."""
    if emitter.place(value).kind == "variable":
        for position in _positions(emitter, value):
            index = ", ".join(["part", *map(str, position)])
            name = emitter.element_name(value, position)
            emitter.out.line(f"{emitter.name(value)}_parts[{index}] = {emitter.totals.get(name, name)}")


def _combine(emitter: Emitter, value: Value, combine: str) -> None:
    """The total over the parts, in their order."""
    name = emitter.name(value)
    place = emitter.place(value)
    if place.kind == "variable":
        for position in _positions(emitter, value):
            variable = emitter.element_name(value, position)
            dtype = emitter.partials[value].dtype or value.dtype
            total = variable if dtype == value.dtype else emitter.names.fresh(f"{variable}_total")
            tail = "".join(f", {p}" for p in position)
            emitter.out.line(f"{total} = {name}_parts[0{tail}]")
            with emitter.out.block("for part in range(1, parts):"):
                emitter.fold(total, f"{name}_parts[part{tail}]", combine, dtype)
            if total != variable:
                emitter.out.line(f"{variable} = {emitter.expressions.cast(total, dtype, value.dtype)}")
        return
    size = math.prod(place.shape)
    whole, rows = emitter.alias(value, (size,)) if len(place.shape) != 1 else name, f"{name}_parts"
    index = emitter.names.fresh("e")
    with emitter.out.block("for part in range(1, parts):"), emitter.out.block(f"for {index} in range({size}):"):
        emitter.fold(f"{whole}[{index}]", f"{rows}[part - 1, {index}]", combine, value.dtype)


def _declarations(emitter: Emitter, loop: Loop, accumulators: list[Value]) -> list[str]:
    """The accumulators and the stack arrays that belong to one part, and their other shapes."""
    from srcgrad.backends.module import numba_name, tuple_text

    lines = [
        f"    {emitter.name(value)}_own = own_part({emitter.name(value)}, {emitter.name(value)}_parts, part)"
        for value in accumulators
        if emitter.place(value).kind != "variable"
    ]
    for value in emitter.inside.get(loop, ()):
        place = emitter.places[value]
        if place.within is loop and place.kind == "stack" and value in emitter.value_names:
            dtype = numba_name(value.dtype.name)
            names = [emitter.name(value), *emitter.lane_arrays.get(value, ())]
            lines += [f"    {name} = local({dtype}, {tuple_text(place.shape)})" for name in names]
            lines += [
                f"    {alias} = reshaped({emitter.name(value)}, {tuple_text(shape)})"
                for (other, shape), alias in emitter.aliases.items()
                if other is value
            ]
    return lines


def _captured(emitter: Emitter, lines: list[str]) -> list[str]:
    """The names that a part uses and does not make itself, nor the module defines."""
    made = assigned(lines)
    return [name for name in free_names(emitter, lines) if name not in made]


def free_names(emitter: Emitter, lines: list[str]) -> list[str]:
    """The names in some lines that are not those of the module."""
    module = {*emitter.expressions.constants.values(), *emitter.expressions.functions.values(), *emitter.type_names}
    used: dict[str, None] = {}
    for line in lines:
        used.update((name, None) for name in _IDENTIFIER.findall(line.split("  #")[0]))
    own = emitter.part_names
    return [name for name in used if name not in module and name not in _KNOWN and name not in own]
