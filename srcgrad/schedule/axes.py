"""Axis classes: which loop variables may be one.

A statement that reads element ``i`` of a value in its own iteration ``i`` may share the loop that writes it: its
axis and the value's are merged. Merging goes greedily over all such pairs, pairs that carry data within the
program first. A pair whose merging would put two axes of one statement, or two dimensions of one value, into
one class is left out: that read is then a read at other indices, and what it reads is complete before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from srcgrad.core.settings import settings
from srcgrad.core.target import Target
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Axis,
    BranchRegion,
    Index,
    LoopRegion,
    Program,
    Statement,
    Value,
    WhileRegion,
    cost_of,
    index_axes,
)

Pair = tuple[Axis, Axis]


def merge_axes_in_place(program: Program, target: Target) -> Program:
    """Merge the axes of a program's statements and values into classes, those of the programs inside its regions
    too.
    """
    statements = list(_all_statements(program))
    _merge(statements, [*_flow_pairs(statements, written=True), *_flow_pairs(statements, written=False)])
    for statement in statements:
        statement.settle()
    return program


def inner_programs(statement: AnyStatement) -> tuple[Program, ...]:
    """The programs inside a region; none for any other statement."""
    match statement:
        case LoopRegion():
            return (statement.body,)
        case WhileRegion():
            return (statement.condition, statement.body)
        case BranchRegion():
            return (statement.then, statement.orelse)
    return ()


def _flow_pairs(statements: list[Statement], *, written: bool) -> Iterator[Pair]:
    """Pairs (axis of a statement, axis of the value it touches), through values written here or through the others."""
    own = {value for statement in statements for value in statement.writes()}
    for statement in statements:
        for value, index in _accesses(statement):
            if (value in own) == written:
                yield from _tied(value, index)


def _tied(value: Value, index: tuple[Index, ...]) -> Iterator[Pair]:
    for own, used in zip(value.axes, index, strict=True):
        if own is not None and isinstance(used, Affine) and used.axis is not None and used.axis.extent == own.extent:
            yield used.axis, own


def _merge(statements: list[Statement], pairs: Iterable[Pair]) -> None:
    """Greedy union under the rule that no group (a statement's axes, a value's dimensions) meets itself."""
    groups: list[set[Axis]] = []
    member: dict[Axis, set[int]] = {}

    def enter(axes: Iterable[Axis | None]) -> None:
        group = {axis.find() for axis in axes if axis is not None}
        for axis in group:
            member.setdefault(axis, set()).add(len(groups))
        groups.append(group)

    values: dict[Value, None] = {}
    for statement in statements:
        enter(statement.axes)
        values.update((value, None) for value in statement.writes())
        values.update((load.value, None) for load in statement.reads())
    for value in values:
        enter(value.axes)
    for left, right in pairs:
        a, b = left.find(), right.find()
        if a is b or member.get(a, set()) & member.get(b, set()):
            continue
        a.union(b)
        member[a] = member.pop(a, set()) | member.pop(b, set())


def unroll_in_place(program: Program, target: Target) -> Program:
    """Mark the axes that the text writes out: short ones, as long as the code does not grow too much.

    A statement's size is its expression's cost: a transcendental function is some thirty instructions wherever
    it is written.
    """
    statements = list(_all_statements(program))
    size = {id(s): 1.0 + 2.0 * cost_of(s.expr) for s in statements}
    total = sum(size.values())
    classes = {axis for s in statements for axis in s.classes}
    classes -= _as_good_as_loops(classes, statements, target.lanes())
    for axis in sorted(classes, key=lambda a: (a.extent, a.serial)):
        if axis.extent > settings.unroll:
            break
        if axis.over_blocks:
            continue
        users = [s for s in statements if axis in s.classes]
        added = sum(size[id(s)] for s in users) * (axis.extent - 1)
        if total + added > settings.unroll_budget or max(size[id(s)] for s in users) * axis.extent > 96:
            continue
        total += added
        axis.unrolled = True
        for s in users:
            size[id(s)] *= axis.extent
    return program


def reroll_in_place(program: Program, target: Target) -> Program:
    """Take the marks of `unroll_in_place` away: what they did to the order of the loops stays."""
    for statement in _all_statements(program):
        for axis in statement.classes:
            axis.unrolled = False
    return program


def _as_good_as_loops(classes: set[Axis], statements: list[Statement], lanes: int) -> set[Axis]:
    """Axes for which nothing is gained by writing them out: around loops over whole vectors, and never at an index of
    their own that the text could know, as the rows and columns of an image are around its channels.
    """
    kept = set(classes)
    for statement in statements:
        for axis in statement.classes:
            if not any(other.extent >= lanes and other is not axis for other in statement.classes):
                kept.discard(axis)
        for value, index in _accesses(statement):
            inner = [own.find() for own in value.axes if own is not None]
            kept -= set(inner[-1:])
            for own, part in zip(value.axes, index, strict=True):
                if own is not None and statement.product is None and getattr(part, "axis", None) is not own.find():
                    kept -= {own.find(), *(statement.reduced_classes & set(index_axes(part)))}
    return kept


def _accesses(statement: Statement) -> list[tuple[Value, tuple[Index, ...]]]:
    """What a statement writes and reads, and where."""
    return [(statement.target, statement.index), *((load.value, load.index) for load in statement.reads())]


def _all_statements(program: Program) -> Iterator[Statement]:
    for statement in program.statements:
        if isinstance(statement, Statement):
            yield statement
        for inner in inner_programs(statement):
            yield from _all_statements(inner)
