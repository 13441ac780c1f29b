"""Remove statements whose values nobody reads or that have no iterations, and loops that became empty."""

from __future__ import annotations

from collections import Counter

from srcgrad.core.target import Target
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    AnyStatement,
    Block,
    Item,
    Loop,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
    loads,
)


def prune_in_place(program: Program, target: Target) -> Program:
    """Drop dead statements from a program and from the programs inside it, in the statements and in the tree."""
    reads: Counter[Value] = Counter(program.outputs)
    statements: list[Statement] = []
    _collect(program, reads, statements)
    writers: dict[Value, list[Statement]] = {}
    for statement in statements:
        for value in statement.writes():
            writers.setdefault(value, []).append(statement)
    dead: set[Statement] = set()
    found = [s for s in statements if _writes_nothing(s) or not any(reads[value] for value in s.writes())]
    while found:
        statement = found.pop()
        if statement in dead:
            continue
        dead.add(statement)
        for value in _needs(statement):
            reads[value] -= 1
            if not reads[value]:
                found += [s for s in writers.get(value, ()) if not any(reads[other] for other in s.writes())]
    if dead:
        _drop(program, dead)
    return program


def _collect(program: Program, reads: Counter[Value], statements: list[Statement]) -> None:
    """Count what a program reads of each value, and list its statements; what regions write is read as well."""
    for statement in program.statements:
        if isinstance(statement, Statement):
            statements.append(statement)
        if not inner_programs(statement):
            reads.update(_needs(statement))
            continue
        reads.update(load.value for load in statement.reads())
        reads.update(statement.writes())
        if isinstance(statement, WhileRegion):
            reads.update(load.value for load in loads(statement.predicate))
        for inner in inner_programs(statement):
            _collect(inner, reads, statements)


def _needs(statement: AnyStatement) -> list[Value]:
    written = statement.writes()
    return [load.value for load in statement.reads() if load.value not in written]


def _drop(program: Program, dead: set[Statement]) -> None:
    program.statements = [s for s in program.statements if s not in dead]
    assert program.tree is not None
    _drop_from(program.tree, dead)
    for statement in program.statements:
        for inner in inner_programs(statement):
            _drop(inner, dead)


def _writes_nothing(statement: Statement) -> bool:
    """Whether a statement has no iterations at all; one that is reduced over no elements has a start."""
    return any(axis.extent == 0 and axis.find() not in statement.reduced_classes for axis in statement.axes)


def _drop_from(block: Block, dead: set[Statement]) -> None:
    kept: list[Item] = []
    for entry in block.items:
        if isinstance(entry, Loop | Section):
            _drop_from(entry.body, dead)
            if entry.body.items:
                kept.append(entry)
        elif not (entry in dead or (isinstance(entry, Start) and entry.statement in dead)):
            kept.append(entry)
    block.items = kept
