"""Where values live: what fusion lets shrink, shrinks.

A value that is written and read inside one iteration of a loop does not need that loop's axis. What remains of its
dimensions decides its place:

    none, or only unrolled ones with indices known in the text    local variables, which LLVM keeps in registers
    few bytes                                                     the stack
    as many slices as a loop turns out to have iterations         memory of its own, kept by the workspace
    more                                                          a part of the workspace
    an input, an output                                           the caller's array

An accumulator is set to the neutral element just before the outermost loop that it is reduced over.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from srcgrad.core.settings import settings
from srcgrad.core.target import Target
from srcgrad.core.types import WIDER
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.frame import MAX_VARIABLES
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Axis,
    Block,
    Const,
    Dynamic,
    Index,
    Item,
    Loop,
    LoopRegion,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
    control_of,
    index_axes,
    loads,
    walk,
)
from srcgrad.schedule.lifetime import Lifetime, Lifetimes, Request, allocate
from srcgrad.schedule.sections import Uses, sections_of, top_items

#: what the workspace holds of a stack of slices: its address and the number of slices
STACK_ENTRY_BYTES = 16


@dataclass(slots=True)
class Place:
    """Where one value lives.

    Attributes:
        kind: variable, stack, workspace, slices, input, output or constant.
        kept: its stored dimensions.
        shape: their extents.
        offset: in the workspace, in bytes; for slices, that of their address and number.
        dtype: where it is not the value's own.
        loops: those around all of its uses.
        within: the loop split among threads in which all of its uses lie: each part has a copy of its own.
    """

    kind: str
    kept: tuple[int, ...]
    shape: tuple[int, ...]
    offset: int = 0
    within: Loop | None = None
    dtype: np.dtype[Any] | None = None
    loops: tuple[Loop, ...] = ()


@dataclass(slots=True)
class Storage:
    """The places of all values.

    ``partials`` has, for each accumulator of a loop that is split among ``threads``, the place of the copies of
    its parts: of all parts for one in local variables, of all but the first, which uses the array itself, for
    the others.
    """

    threads: int = 1
    places: dict[Value, Place] = field(default_factory=dict)
    partials: dict[Value, Place] = field(default_factory=dict)
    #: of sections: what each leaves in variables for others, where in the array of its dtype that is kept, these
    #: arrays, and the section in which all uses of a value lie
    left: dict[Section, list[Value]] = field(default_factory=dict)
    slots: dict[Value, int] = field(default_factory=dict)
    kept: dict[np.dtype[Any], Place] = field(default_factory=dict)
    home: dict[Value, Section] = field(default_factory=dict)
    workspace_bytes: int = 0
    stack_bytes: int = 0

    requests: list[tuple[Place, Request]] = field(default_factory=list)

    def reserve(self, place: Place, size: int, lifetime: Lifetime) -> Place:
        """Ask for bytes of the workspace for a place."""
        self.requests.append((place, Request(size, lifetime)))
        return place

    def allocate(self) -> None:
        """Give all that asked their offsets: values that never live together share bytes."""
        self.workspace_bytes = allocate([request for _, request in self.requests])
        for place, request in self.requests:
            place.offset = request.offset


class Scheduled(NamedTuple):
    """A program with its tree of loops, and where its values live."""

    program: Program
    storage: Storage


def start_accumulators_in_place(program: Program, target: Target) -> Program:
    """Insert the starts of accumulators into the trees."""
    for inner in _programs(program):
        assert inner.tree is not None
        _insert_starts(inner.tree, ())
    return program


def assign_storage(program: Program, target: Target) -> Scheduled:
    """Give every value its place."""
    storage = Storage(target.threads)
    for value in program.inputs:
        storage.places[value] = Place("input", tuple(range(len(value.shape))), value.shape)
    outputs = set(program.outputs)
    uses = _collect_uses(program)
    lifetimes = Lifetimes(program)
    for value, path in _common_loops(program).items():
        if value not in storage.places:
            storage.places[value] = _place(value, path, uses.get(value, []), outputs, storage, lifetimes)
    _place_slots(program, storage)
    for inner in _programs(program):
        assert inner.tree is not None
        for entry in top_items(inner.tree):
            if isinstance(entry, Loop) and entry.parallel:
                _place_partials(entry, storage, lifetimes)
    storage.allocate()
    return Scheduled(program, storage)


def _place_slots(program: Program, storage: Storage) -> None:
    """Room in the workspace for the numbers that sections leave in variables."""
    sections = list(sections_of(program))
    if not sections:
        return
    uses = Uses(program)
    storage.home = uses.home
    for section in sections:
        left = [v for v in uses.leave(section) if storage.places[v].kind == "variable"]
        storage.left[section] = left
        for value in left:
            if value not in storage.slots:
                room = storage.kept.setdefault(value.dtype, Place("workspace", (0,), (0,)))
                storage.slots[value] = room.shape[0]
                room.shape = (room.shape[0] + math.prod(storage.places[value].shape),)
    always = Lifetime(0, sys.maxsize)
    for dtype, room in storage.kept.items():
        storage.reserve(room, room.shape[0] * dtype.itemsize, always)


def _place_partials(loop: Loop, storage: Storage, lifetimes: Lifetimes) -> None:
    """One copy for each part of the accumulators that a split loop is reduced into."""
    for entry, _ in walk(loop.body):
        if isinstance(entry, Statement) and entry.combine and loop.axis in entry.reduced_classes:
            place = storage.places[entry.target]
            copies = storage.threads if place.kind == "variable" else storage.threads - 1
            shape = (copies, *place.shape)
            wide = place.kind == "variable" and entry.combine == "add"
            dtype = WIDER.get(entry.target.dtype, entry.target.dtype) if wide else entry.target.dtype
            partial = Place("workspace", place.kept, shape, dtype=dtype)
            number = lifetimes.loops[id(loop)]
            lifetime = Lifetime(number, number + 1)  # combined after the loop, before the next item
            storage.partials[entry.target] = storage.reserve(partial, math.prod(shape) * dtype.itemsize, lifetime)


def _programs(program: Program) -> Iterator[Program]:
    yield program
    for statement in program.statements:
        for inner in inner_programs(statement):
            yield from _programs(inner)


def _insert_starts(block: Block, around: tuple[Axis, ...]) -> None:
    """Before each loop, the starts of the accumulators whose outermost reduced loop it is."""
    items: list[Item] = []
    for entry in block.items:
        if isinstance(entry, Loop):
            items += _starts(entry, around)
            _insert_starts(entry.body, (*around, entry.axis))
        elif isinstance(entry, Section):
            _insert_starts(entry.body, around)
        items.append(entry)
    block.items = items


def _starts(loop: Loop, around: tuple[Axis, ...]) -> list[Start]:
    found = []
    for entry, _ in walk(loop.body):
        if not isinstance(entry, Statement) or not entry.combine or entry.onto:
            continue
        reduced = entry.reduced_classes
        if loop.axis in reduced and not reduced & set(around):
            kept = tuple(axis.find() for axis in entry.axes if axis.find() not in reduced and axis.find() not in around)
            found.append(Start(entry, kept))
    return found


def _collect_uses(program: Program) -> dict[Value, list[tuple[Index, ...] | None]]:
    """Every index at which each value is read or written; None for a use as a whole."""
    uses: dict[Value, list[tuple[Index, ...] | None]] = {}
    for inner in _programs(program):
        for statement in inner.statements:
            indexed = isinstance(statement, Statement)
            control = control_of(statement)
            if control is not None:
                for load in loads(control):
                    uses.setdefault(load.value, []).append(load.index)
                continue
            for load in statement.reads():
                uses.setdefault(load.value, []).append(_seen(statement, load.index) if indexed else None)
            for value in statement.writes():
                index = _seen(statement, statement.index) if isinstance(statement, Statement) else None
                uses.setdefault(value, []).append(index)
    return uses


def _seen(statement: AnyStatement, index: tuple[Index, ...]) -> tuple[Index, ...]:
    """The index as the text has it: a product goes over its own axes out of the text's sight."""
    inside = statement.product_classes if isinstance(statement, Statement) else frozenset()
    if not inside:
        return index
    return tuple(Dynamic(Const(0, np.dtype(np.int64))) if inside & set(index_axes(part)) else part for part in index)


def _common_loops(program: Program) -> dict[Value, tuple[Loop, ...]]:
    """The loops around all uses of each value: their axes need no storage."""
    common: dict[Value, tuple[Loop, ...]] = dict.fromkeys(program.outputs, ())

    depth_of = dict.fromkeys(program.outputs, 0)  # what a region touches of the values outside is known there

    def visit(inner: Program, depth: int) -> None:
        assert inner.tree is not None
        for entry, path in walk(inner.tree):
            for value in [*entry.writes(), *(load.value for load in entry.reads())]:
                if depth_of.setdefault(value, depth) == depth:
                    common[value] = _prefix(common[value], path) if value in common else path
            if isinstance(entry, LoopRegion):
                common[entry.counter] = path
                depth_of[entry.counter] = depth
            if not isinstance(entry, Start):
                for nested in inner_programs(entry):
                    visit(nested, depth + 1)
            if isinstance(entry, WhileRegion):  # its predicate is read after all loops of the condition's program
                common.update((load.value, ()) for load in loads(entry.predicate) if depth_of[load.value] >= depth)

    visit(program, 0)
    return common


def _prefix(a: tuple[Loop, ...], b: tuple[Loop, ...]) -> tuple[Loop, ...]:
    length = 0
    while length < min(len(a), len(b)) and a[length] is b[length]:
        length += 1
    return a[:length]


def _place(
    value: Value,
    path: tuple[Loop, ...],
    uses: list[tuple[Index, ...] | None],
    outputs: set[Value],
    storage: Storage,
    lifetimes: Lifetimes,
) -> Place:
    fixed = {loop.axis for loop in path}
    within = next((loop for loop in path if loop.parallel), None)
    kept = tuple(dim for dim, axis in enumerate(value.axes) if axis is not None and axis.find() not in fixed)
    everything = tuple(range(len(value.shape)))
    if value.role == "constant":
        return Place("constant", everything, value.shape)
    if value in outputs and value.shape:
        return Place("output", everything, value.shape)
    shape = tuple(value.shape[dim] for dim in kept)
    if math.prod(shape) <= MAX_VARIABLES and all(
        index is not None and all(_static(index[dim]) for dim in kept) for index in uses
    ):
        return Place("variable", kept, shape, within=within, loops=path)
    if value.stacked:
        always = Lifetime(0, max(lifetime.last for lifetime in lifetimes.of.values()))
        return storage.reserve(Place("slices", everything, value.shape), STACK_ENTRY_BYTES, always)
    if any(index is None for index in uses):
        kept, shape = everything, value.shape
    size = math.prod(shape) * value.dtype.itemsize
    if size <= settings.stack_bytes and storage.stack_bytes + size <= settings.stack_budget:
        storage.stack_bytes += size
        return Place("stack", kept, shape, within=within, loops=path)
    copies = storage.threads if within is not None else 1
    return storage.reserve(
        Place("workspace", kept, shape, within=within, loops=path), copies * size, lifetimes.of[value]
    )


def _static(index: Index) -> bool:
    """Whether the text knows the index: constants and unrolled axes."""
    return isinstance(index, Affine) and all(axis.find().unrolled for axis, _ in index.terms)
