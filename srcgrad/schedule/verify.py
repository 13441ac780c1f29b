"""What a valid program of the schedule is; `verify_program` and `verify_storage` raise `VerifyError` for any other.

types         an index has as many parts as the value has dimensions; what is stored has the target's dtype
indices       an index moves with axes of its statement alone, and is inside of its value as far as intervals say
definitions   what is read is an input, a constant, or written before
tree          every statement is in it once, in loops over its axes and no others; what two statements share a loop
              over is what both touch at the same index, so that neither reads what is not complete
parallelism   no two iterations of a parallel loop write one element, unless they combine into it
storage       what is touched has a place; parts of the workspace that live at the same time are apart
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from srcgrad.core.errors import VerifyError
from srcgrad.core.intervals import is_inside
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.bounds import bounds_of_index
from srcgrad.schedule.dependence import dependences
from srcgrad.schedule.ir import (
    AnyStatement,
    Axis,
    BranchRegion,
    Delinearised,
    Dynamic,
    Index,
    LibraryCall,
    Load,
    Loop,
    LoopRegion,
    Program,
    Region,
    Start,
    Statement,
    Value,
    WhileRegion,
    index_axes,
    loads,
    walk,
)
from srcgrad.schedule.lifetime import Lifetimes
from srcgrad.schedule.parallel import writes_apart
from srcgrad.schedule.storage import Storage


def verify_program(program: Program) -> None:
    """Raise `VerifyError` unless a program, fused or not, is valid."""
    known = set(program.inputs)
    _verify(program, known)
    for value in program.outputs:
        _require(_is_known(value, known), value, "is put out and never written")


def _require(holds: bool, *message: object) -> None:
    if not holds:
        raise VerifyError(" ".join(_short(part) for part in message))


def _short(part: object) -> str:
    """A part of a message; of a statement what it writes."""
    match part:
        case Statement(target=target):
            return f"the statement of {target}"
        case LibraryCall() | Region():
            return f"{type(part).__name__} of {part.writes()}"
    return str(part)


def _is_known(value: Value, known: set[Value]) -> bool:
    """Whether a value has its contents; without elements it needs none."""
    return value in known or value.role == "constant" or 0 in value.shape


def _verify(program: Program, known: set[Value]) -> None:
    """``known`` are the values that are written before; those that this program writes are added."""
    for statement in program.statements:
        if isinstance(statement, Statement):
            _verify_statement(statement)
        own = statement.writes()  # what it adds to, or moves on from
        _verify_loads(statement.reads(), known.union(own))
        _verify_regions(statement, known)
        known.update(statement.writes())
    if program.tree is not None:
        _verify_tree(program)


def _verify_regions(statement: AnyStatement, known: set[Value]) -> None:
    inside = known | set(statement.writes())
    match statement:
        case LoopRegion():
            _verify(statement.body, inside | {statement.counter})
        case WhileRegion():
            _verify(statement.condition, inside)
            _verify_loads(loads(statement.predicate), inside)
            _verify(statement.body, inside)
        case BranchRegion():
            _verify(statement.then, set(inside))
            _verify(statement.orelse, set(inside))


def _verify_loads(found: Iterable[Load], known: set[Value]) -> None:
    for load in found:
        _require(_is_known(load.value, known), load.value, "is read before it is written")


# statements


def _verify_statement(statement: Statement) -> None:
    axes = {axis.find() for axis in statement.axes}
    _require({axis.find() for axis in statement.reduced} <= axes, statement.target, "is reduced over another's axis")
    _require(bool(statement.combine) or not statement.reduced, statement.target, "is reduced and not combined")
    _verify_index(statement.target, statement.index, axes)
    _require(
        statement.expr.dtype == statement.target.dtype or statement.combine is not None,
        statement.target,
        "of",
        statement.target.dtype,
        "is given",
        statement.expr.dtype,
    )
    for load in statement.reads():
        _verify_index(load.value, load.index, axes)


def _verify_index(value: Value, index: tuple[Index, ...], axes: set[Axis]) -> None:
    _require(len(index) == len(value.shape), value, "is indexed by", len(index), "numbers")
    for part, extent in zip(index, value.shape, strict=True):
        strangers = set() if isinstance(part, Dynamic) else set(index_axes(part)) - axes
        _require(not strangers, value, "is indexed by", strangers, ", over which its statement does not run")
        if isinstance(part, Delinearised):
            low, high = part.flat.bounds()
            _require(low >= 0 and high < math.prod(part.extents), value, ": a delinearised index of", low, "to", high)
        if all(axis.extent for axis in axes):
            bounds = bounds_of_index(part)
            _require(value.stacked or is_inside(bounds, extent), value, "is read or written at", bounds)


# the tree


def _verify_tree(program: Program) -> None:
    assert program.tree is not None
    paths: dict[AnyStatement, tuple[Loop, ...]] = {}
    started: set[Statement] = set()
    has_starts = any(isinstance(entry, Start) for entry, _ in walk(program.tree))
    for entry, path in walk(program.tree):
        if isinstance(entry, Start):
            started.add(entry.statement)
            continue
        _require(entry not in paths, entry, "is twice in the tree")
        paths[entry] = path
        axes = [loop.axis.find() for loop in path]
        _require(len(axes) == len(set(axes)), axes, "are loops inside one another")
        if isinstance(entry, Statement):
            _require(set(axes) == entry.classes, entry.target, "runs over", set(entry.classes), "in loops over", axes)
            accumulates = entry.combine is not None and not entry.onto and bool(entry.reduced_classes & set(axes))
            _require(not (has_starts and accumulates) or entry in started, entry.target, "is never started")
        for loop in path:
            _require(not loop.parallel or _is_apart(entry, loop), "every iteration over", loop.axis, "writes", entry)
    _require(set(paths) == set(program.statements), "the tree has other statements than the program")
    order = {entry: number for number, entry in enumerate(paths)}
    for statement, others in dependences(program.statements).items():
        for other, aligned in others:
            _require(order[other] < order[statement], statement, "comes before", other)
            shared = {loop.axis.find() for loop in paths[statement] if loop in paths[other]}
            _require(shared <= aligned, statement, "meets", other, "in loops over", shared - aligned)


def _is_apart(entry: AnyStatement, loop: Loop) -> bool:
    """Whether an iteration writes elements of its own, or combines into an accumulator, of which each part has one."""
    if not isinstance(entry, Statement):
        return False
    if loop.axis.find() in entry.reduced_classes:
        return entry.combine is not None and not entry.onto
    return writes_apart(entry, loop.axis.find())


# storage


def verify_storage(program: Program, storage: Storage) -> None:
    """Raise `VerifyError` unless all values have places, those in the workspace apart while they live."""
    _verify_places(program, storage)
    lifetimes = Lifetimes(program)
    taken = sorted(((place, request) for place, request in storage.requests), key=lambda pair: pair[1].offset)
    for value, place in storage.places.items():
        if place.kind in ("workspace", "slices"):
            live, asked = lifetimes.of[value], next(request for one, request in taken if one is place).lifetime
            _require(asked.first <= live.first and live.last <= asked.last, value, "lives on without its place")
    for position, (place, request) in enumerate(taken):
        end = request.offset + request.size
        _require(end <= storage.workspace_bytes, place, "ends at", end, "of", storage.workspace_bytes, "bytes")
        for _, other in taken[position + 1 :]:
            if other.offset >= end:
                break
            apart = other.lifetime.last < request.lifetime.first or request.lifetime.last < other.lifetime.first
            _require(apart or not other.size, "two values that live at the same time share byte", other.offset)


def _verify_places(program: Program, storage: Storage) -> None:
    assert program.tree is not None
    for entry, _ in walk(program.tree):
        for value in (*entry.writes(), *(load.value for load in entry.reads())):
            _require(value in storage.places, value, "has no place")
    for statement in program.statements:
        for inner in inner_programs(statement):
            _verify_places(inner, storage)
