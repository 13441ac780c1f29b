"""Threads: which loops and products are split, one fork and join for a whole fused loop.

The outermost loop of a tree may be split when every iteration writes elements of its own, or adds to accumulators
(each part gets accumulators of its own, combined in order after the join, so that results depend on the number
of parts alone). It is split when the work pays for it. An index out of bounds in a part is noted there and raised
after the join.
"""

from __future__ import annotations

from srcgrad.core.target import Target
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.cost import leaf_cost, loop_overhead
from srcgrad.schedule.ir import (
    Affine,
    Axis,
    Block,
    Const,
    Index,
    Loop,
    LoopRegion,
    Program,
    Section,
    Start,
    Statement,
    WhileRegion,
    index_axes,
    walk,
)
from srcgrad.schedule.sections import top_items

#: so many times the work is wanted in a step of a loop: its threads have to meet in every step, and what one has
#: written comes to the other through memory. Measured on stencils in place, where one thread takes 3.4, 12, 45 us a
#: half step, and two take 5.8, 11, 33
IN_STEPS = 4
#: cycles up to which a program is brief
BRIEF = 20_000.0
#: cycles up to which a loop runs without a look at signals, and between two looks
LONG, LOOK = 3e8, 3e7


def parallelise_in_place(program: Program, target: Target) -> Program:
    """Mark what to split, in a program's tree and in those of the programs inside its regions: the outermost loops,
    and products that no split loop holds.
    """
    if target.threads > 1:
        _mark(program, target, in_steps=False)
    return program


def _mark(program: Program, target: Target, *, in_steps: bool) -> None:
    assert program.tree is not None
    least = target.parallel_cycles * (IN_STEPS if in_steps else 1)
    for entry in top_items(program.tree):
        if isinstance(entry, Loop) and not entry.axis.unrolled and entry.axis.extent > 1 and can_split(entry):
            entry.parallel = estimate(entry, frozenset(), target) >= least
        if not (isinstance(entry, Loop) and entry.parallel):
            _mark_products(entry, least, target)
    for statement in program.statements:
        for inner in inner_programs(statement):
            _mark(inner, target, in_steps=in_steps or isinstance(statement, LoopRegion | WhileRegion))


def _mark_products(entry: object, least: float, target: Target) -> None:
    for inner, _ in walk(entry.body) if isinstance(entry, Loop) else [(entry, ())]:
        if isinstance(inner, Statement) and inner.product is not None:
            inner.parallel = leaf_cost(inner, None, frozenset(), target) >= least


def can_split(loop: Loop) -> bool:
    """Whether the iterations of a loop are independent but for accumulators."""
    for entry, _ in walk(loop.body):
        if isinstance(entry, Start):
            continue
        if not isinstance(entry, Statement) or any(0 in load.value.shape for load in entry.reads()):
            return False
        if loop.axis in entry.reduced_classes:
            if entry.onto or entry.key is not None or not entry.combine:
                return False
        elif loop.axis in entry.classes and not writes_apart(entry, loop.axis):
            return False
    return True


def writes_apart(statement: Statement, axis: Axis) -> bool:
    """Whether each iteration of an axis writes elements of its own."""
    return any(_moves_with(index, axis) for index in statement.index)


def _moves_with(index: Index, axis: Axis) -> bool:
    """Whether an index is another one in each iteration of an axis, whatever the other axes do: not so in windows."""
    if not isinstance(index, Affine) or axis not in set(index_axes(index)):
        return False
    step = sum(coefficient for one, coefficient in index.terms if one.find() is axis)
    return abs(step) > sum(abs(c) * (one.extent - 1) for one, c in index.terms if one.find() is not axis)


def estimate(loop: Loop, fixed: frozenset[Axis], target: Target) -> float:
    """Cycles of a loop, as the search counts them."""
    inside = fixed | {loop.axis}
    deeper = any(isinstance(entry, Loop) and not entry.axis.unrolled for entry in loop.body.items)
    innermost = None if deeper or loop.axis.unrolled else loop.axis
    return loop_overhead(loop.axis) + loop.axis.extent * _block_cost(loop.body, innermost, inside, target)


def is_brief(program: Program, target: Target) -> bool:
    """Whether a program certainly takes no more than some microseconds."""
    assert program.tree is not None
    known = all(isinstance(entry, (Start, Statement)) for entry, _ in walk(program.tree))
    return known and _block_cost(program.tree, None, frozenset(), target) < BRIEF


def _block_cost(block: Block, innermost: Axis | None, fixed: frozenset[Axis], target: Target) -> float:
    total = 0.0
    for entry in block.items:
        if isinstance(entry, Loop):
            total += estimate(entry, fixed, target)
        elif isinstance(entry, Section):
            total += _block_cost(entry.body, innermost, fixed, target)
        elif isinstance(entry, Statement):
            total += leaf_cost(entry, innermost, fixed, target)
    return total


def between_signals(region: LoopRegion | WhileRegion, target: Target) -> int | None:
    """How many iterations of a loop to run between looks at signals (Ctrl-C); None for one that is certainly short."""
    body = [region.body, region.condition] if isinstance(region, WhileRegion) else [region.body]
    cycles = max(sum(_cycles(program, target) for program in body), 1.0)
    count = region.trip_count if isinstance(region, LoopRegion) else None
    if isinstance(count, Const) and int(count.value) * cycles < LONG:
        return None
    return 1 << max(int(LOOK / cycles).bit_length() - 1, 0)


def _cycles(program: Program, target: Target) -> float:
    """Cycles of a program, with one iteration of each loop whose trip count is not known."""
    assert program.tree is not None
    total = _block_cost(program.tree, None, frozenset(), target)
    for statement in program.statements:
        count = statement.trip_count if isinstance(statement, LoopRegion) else None
        times = int(count.value) if isinstance(count, Const) else 1
        total += times * sum(_cycles(inner, target) for inner in inner_programs(statement))
    return total
