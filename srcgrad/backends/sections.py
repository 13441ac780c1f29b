"""A section of a long program: a part of its kernel that becomes a function of its own.

It takes what it reads. Arrays in the workspace it finds there itself: some share memory, as arguments may not. Numbers
that others read too it leaves in the workspace, in one array for each dtype; what comes after it takes them from there.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from srcgrad.backends import memory
from srcgrad.kernel.ir import Block, Buffer, Declare, Element, Variable, number
from srcgrad.kernel.ir import Section as Part
from srcgrad.kernel.names import assigned, exposed
from srcgrad.schedule.ir import Section

if TYPE_CHECKING:
    from srcgrad.backends.emit import Emitter


def write_section(emitter: Emitter, section: Section) -> None:
    """Write the section, and what takes over the numbers that it leaves."""
    emitter.held.clear()
    copies = dict(emitter.copies)
    with emitter.out.block() as body:
        emitter.block(section.body)
        left = _leave(emitter, section, assigned(body))
    emitter.copies = copies
    emitter.held.clear()
    emitter.out.add(Part((*_declarations(emitter, section, tuple(body)), *body)))
    for variable, kept in left:
        emitter.out.let(variable, kept)


def _leave(emitter: Emitter, section: Section, made: set[str]) -> list[tuple[Variable, Element]]:
    """Put numbers that are read elsewhere where they are kept; the variables, and where each is."""
    left = []
    for value in emitter.storage.left[section]:
        shape = emitter.place(value).shape
        for offset, position in enumerate(itertools.product(*map(range, shape))):
            variable = emitter.element_variable(value, position)
            expr = emitter.copies.get((value, position)) or (variable if variable.name in made else None)
            if expr is not None:  # of elements, others may come from another section
                slot = number(emitter.storage.slots[value] + offset)
                kept = Element(memory.kept_buffer(emitter, value.dtype), (slot,))
                emitter.out.write(kept, expr)
                left.append((variable, kept))
    return left


def _declarations(emitter: Emitter, section: Section, body: Block) -> list[Declare]:
    """The arrays that only this section touches, those that it finds in the workspace, and their other shapes."""
    storage = emitter.storage
    used = dict.fromkeys(node.name for node in exposed(body) if isinstance(node, Buffer))
    found = [memory.kept(emitter, dtype) for dtype in storage.kept if f"kept_{dtype.name}" in used]
    found += [memory.parts(emitter, value) for value in storage.partials if f"{emitter.name(value)}_parts" in used]
    aliases = [emitter.alias_of[name] for name in used if name in emitter.alias_of]
    for name in dict.fromkeys([*used, *(emitter.name(value) for value, _ in aliases)]):
        value = emitter.values_of.get(name)
        if value is not None and value in storage.places:
            is_callers = storage.places[value].kind == "stack" and storage.home.get(value) is not section
            arrays = [] if is_callers else memory.array(emitter, value)
            found += [made for made in arrays if made.buffer.name == name]
    return [*found, *(memory.alias(emitter, value, shape) for value, shape in aliases)]
