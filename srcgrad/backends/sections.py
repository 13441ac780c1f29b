"""A section of a long program: a function of its own, which its place in the text calls.

def f_section2(workspace, x, error):             f_section2(workspace, x, error)
    kept_float64 = part_of(workspace, ...)        t = kept_float64[3]
    ...
    t = error * x[0]
    kept_float64[3] = t

It takes the names that it reads. Arrays in the workspace it finds there itself: some share memory, as arguments may
not. Numbers that others read too it leaves in the workspace, in one array for each dtype; its caller takes them from
there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from srcgrad.backends.needed import needed
from srcgrad.backends.split import free_names
from srcgrad.backends.writer import Writer, assigned
from srcgrad.schedule.ir import Section

if TYPE_CHECKING:
    from srcgrad.backends.emit import Emitter


def write_section(emitter: Emitter, section: Section) -> None:
    """Write the function, the call, and what takes over the numbers that it leaves."""
    name = emitter.names.fresh(f"{emitter.function_name}_section{len(emitter.parts) + 1}")
    outer, emitter.out = emitter.out, Writer()
    emitter.around.append(outer)
    emitter.held.clear()
    copies = dict(emitter.copies)
    with emitter.out.block(""):
        emitter.block(section.body)
        left = _leave(emitter, section, emitter.out.assigned())
    made = emitter.out.assigned()
    body, emitter.out, emitter.copies = emitter.out.lines[1:], emitter.around.pop(), copies
    emitter.held.clear()
    declared = _declarations(emitter, section, body, made)
    found = assigned(declared)
    captured = [n for n in free_names(emitter, [*declared, *body]) if n not in found]
    around = [writer.assigned() for writer in (*emitter.around, outer)]
    before = needed(body) & {name for names in around for name in names} if made else set()
    arguments = ", ".join(n for n in captured if n not in made or n in before)
    emitter.parts.append("\n".join([f"def {name}({arguments}):", *declared, *body]))
    emitter.part_names.add(name)
    emitter.out.line(f"{name}({arguments})")
    for variable, kept in left:
        emitter.out.line(f"{variable} = {kept}")


def _leave(emitter: Emitter, section: Section, made: set[str]) -> list[tuple[str, str]]:
    """Put numbers that are read elsewhere where they are kept; the variables, and where each is."""
    left = []
    for value in emitter.storage.left[section]:
        shape = emitter.place(value).shape
        for number, position in enumerate(itertools.product(*map(range, shape))):
            variable = emitter.element_name(value, position)
            text = emitter.copies.get((value, position)) or (variable if variable in made else None)
            if text is not None:  # of elements, others may come from another section
                kept = f"kept_{value.dtype.name}[{emitter.storage.slots[value] + number}]"
                emitter.out.line(f"{kept} = {text}")
                left.append((variable, kept))
    return left


def _declarations(emitter: Emitter, section: Section, body: list[str], made: set[str]) -> list[str]:
    """The arrays that only this section touches, those that it finds in the workspace, and their other shapes."""
    from srcgrad.backends.module import array_lines, kept_line, parts_line, tuple_text

    storage, used = emitter.storage, dict.fromkeys(free_names(emitter, body))
    lines = [kept_line(dtype, room) for dtype, room in storage.kept.items() if f"kept_{dtype.name}" in used]
    lines += [parts_line(emitter, value) for value in storage.partials if f"{emitter.name(value)}_parts" in used]
    aliases = [(name, *emitter.alias_of[name]) for name in used if name in emitter.alias_of]
    for name in dict.fromkeys([*used, *(emitter.name(value) for _, value, _ in aliases)]):
        value = emitter.named.get(name)
        if value is None or value not in storage.places or name in made:
            continue
        if storage.places[value].kind == "stack" and storage.home.get(value) is not section:
            continue  # its caller's
        lines += [line for line in array_lines(emitter, value) if line.partition(" ")[0] == name]
    lines += [f"{name} = reshaped({emitter.name(value)}, {tuple_text(shape)})" for name, value, shape in aliases]
    return [f"    {line}" for line in lines]
