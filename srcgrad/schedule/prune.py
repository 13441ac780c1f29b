"""Remove statements whose values nobody reads or that have no turns, and loops that became empty."""

from __future__ import annotations

from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import Block, Item, Loop, Program, Section, Start, Statement, Value, WhileRegion, loads


def prune(program: Program) -> None:
    """Drop dead statements from a program and from the programs inside it, in the statements and in the tree."""
    while True:
        needed = set(program.outputs)
        _collect_reads(program, needed)
        if not _drop(program, needed):
            return


def _collect_reads(program: Program, needed: set[Value]) -> None:
    for statement in program.statements:
        if not inner_programs(statement):
            needed.update(load.value for load in statement.reads() if load.value not in statement.writes())
            continue
        needed.update(load.value for load in statement.reads())
        needed.update(statement.writes())
        if isinstance(statement, WhileRegion):
            needed.update(load.value for load in loads(statement.predicate))
        for inner in inner_programs(statement):
            _collect_reads(inner, needed)


def _drop(program: Program, needed: set[Value]) -> bool:
    statements = [s for s in program.statements if isinstance(s, Statement)]
    dead = {s for s in statements if not needed & set(s.writes()) or _writes_nothing(s)}
    changed = bool(dead)
    if dead:
        program.statements = [s for s in program.statements if s not in dead]
        assert program.tree is not None
        _drop_from(program.tree, dead)
    for statement in program.statements:
        for inner in inner_programs(statement):
            changed |= _drop(inner, needed)
    return changed


def _writes_nothing(statement: Statement) -> bool:
    """Whether a statement has no turns at all; one that is reduced over no elements has a start."""
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
