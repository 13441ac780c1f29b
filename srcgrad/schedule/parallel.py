"""Threads: which loops are split, one fork and join for a whole fused loop.

The outermost loop of a tree may be split when every turn writes elements of its own, or adds to accumulators
(each part gets accumulators of its own, combined in order after the join, so that results depend on the number
of parts alone). It is split when the work pays for it.
"""

from __future__ import annotations

from srcgrad.core.settings import settings
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.cost import leaf_cost, loop_overhead
from srcgrad.schedule.ir import (
    Affine,
    Apply,
    Axis,
    Block,
    Expr,
    Index,
    Loop,
    Program,
    Start,
    Statement,
    children,
    index_axes,
    loads,
    walk,
)


def mark_parallel(program: Program) -> None:
    """Mark the loops to split, in a program's tree and in those of the programs inside its regions."""
    assert program.tree is not None
    for entry in program.tree.items:
        if isinstance(entry, Loop) and not entry.axis.unrolled and entry.axis.extent > 1 and can_split(entry):
            entry.parallel = estimate(entry, frozenset()) >= settings.parallel_cycles
    for statement in program.statements:
        for inner in inner_programs(statement):
            mark_parallel(inner)


def can_split(loop: Loop) -> bool:
    """Whether the turns of a loop are independent but for accumulators, and none can raise an error."""
    for entry, _ in walk(loop.body):
        if isinstance(entry, Start):
            continue
        if not isinstance(entry, Statement) or _may_raise(entry):
            return False
        if loop.axis in entry.reduced_classes:
            if entry.onto or entry.key is not None or not entry.combine:
                return False
        elif loop.axis in entry.classes and not any(_moves_with(index, loop.axis) for index in entry.index):
            return False
    return True


def _moves_with(index: Index, axis: Axis) -> bool:
    return isinstance(index, Affine) and axis in set(index_axes(index))


def _may_raise(statement: Statement) -> bool:
    found = _checks(statement.expr) or (statement.key is not None and _checks(statement.key))
    return found or any(
        _checks(index.expr)
        for where in (statement.index, *(load.index for load in loads(statement.expr)))
        for index in where
        if hasattr(index, "expr")
    )


def _checks(expr: Expr) -> bool:
    if isinstance(expr, Apply) and expr.formula.startswith("checked_index("):
        return True
    return any(_checks(child) for child in children(expr))


def estimate(loop: Loop, fixed: frozenset[Axis]) -> float:
    """Cycles of a loop, as the search counts them."""
    inside = fixed | {loop.axis}
    deeper = any(isinstance(entry, Loop) and not entry.axis.unrolled for entry in loop.body.items)
    innermost = None if deeper or loop.axis.unrolled else loop.axis
    return loop_overhead(loop.axis) + loop.axis.extent * _block_cost(loop.body, innermost, inside)


def _block_cost(block: Block, innermost: Axis | None, fixed: frozenset[Axis]) -> float:
    total = 0.0
    for entry in block.items:
        if isinstance(entry, Loop):
            total += estimate(entry, fixed)
        elif isinstance(entry, Statement):
            total += leaf_cost(entry, innermost, fixed)
    return total
