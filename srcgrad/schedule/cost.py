"""The cost model of the search: rough cycles, good enough to rank axis orders.

leaf      arithmetic and memory of one statement in one iteration; divided by the vector width in an innermost loop
crossing  what is written in one loop and read in another has to be stored
loop      what entering a loop costs
"""

from __future__ import annotations

import math

from srcgrad.core.target import Target
from srcgrad.schedule.dependence import Dependences
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Axis,
    Expr,
    Index,
    Load,
    Statement,
    Value,
    children,
    cost_of,
    index_axes,
)
from srcgrad.schedule.product import product_cost


def loop_overhead(axis: Axis) -> float:
    """Of entering a loop."""
    return 0.0 if axis.unrolled else 4.0


def leaf_cost(statement: AnyStatement, innermost: Axis | None, fixed: frozenset[Axis], target: Target) -> float:
    """One iteration of a statement whose innermost loop is ``innermost`` (None: not in an innermost loop)."""
    if not isinstance(statement, Statement):
        return 0.0
    if statement.product is not None:
        rows, cols, depth = statement.product_extents
        return product_cost(rows, cols, depth, statement.target.dtype.itemsize)
    copies = 1
    for axis in statement.classes:
        if axis.unrolled and axis not in fixed:
            copies *= axis.extent
    arithmetic = cost_of(statement.expr) + (1.0 if statement.combine else 0.0)
    if statement.key is not None:
        arithmetic += cost_of(statement.key) + 4.0
    memory = [_stride_cost(load.index, load.value, innermost) for load in statement.reads()]
    memory.append(_stride_cost(statement.index, statement.target, innermost) * 0.5)
    if innermost is None:
        cheap, expensive = _split_cost(statement.expr)
        return copies * (0.35 * cheap + expensive + 0.15 * len(memory))
    lanes = target.vector_bytes / max(statement.target.dtype.itemsize, 4) * 0.75
    if innermost.extent < lanes:
        lanes = max(1.0, innermost.extent / 2)
    gathers = sum(cost for cost in memory if cost > 1)
    streams = sum(cost for cost in memory if cost <= 1)
    horizontal = 6.0 / max(innermost.extent, 1) if statement.combine and innermost in statement.reduced_classes else 0.0
    return copies * ((arithmetic + streams) / lanes + gathers + horizontal)


def _split_cost(expr: Expr) -> tuple[float, float]:
    """Of single instructions, of which several run at once, and of functions that are long chains."""
    own = expr.cost if isinstance(expr, Apply) else 0.0
    cheap, expensive = (own, 0.0) if own < 4.0 else (0.0, own)
    for child in children(expr):
        inner = _split_cost(child)
        cheap, expensive = cheap + inner[0], expensive + inner[1]
    return cheap, expensive


def accumulator_cost(members: tuple[AnyStatement, ...], axis: Axis, fixed: frozenset[Axis], target: Target) -> float:
    """Of accumulators that live across the iterations of a loop over ``axis``: read and written in each iteration."""
    total = 0.0
    for statement in members:
        if isinstance(statement, Statement) and statement.combine and axis in statement.reduced_classes:
            kept = [
                a for a in statement.classes if a not in statement.reduced_classes and a not in fixed and a is not axis
            ]
            if any(not a.unrolled for a in kept):
                total += axis.extent * 1.5 * _traffic(statement.target, fixed | statement.reduced_classes, target)
    return total


def jump_cost(members: tuple[AnyStatement, ...], axis: Axis, fixed: frozenset[Axis], target: Target) -> float:
    """Of a loop over ``axis`` around one that moves further in memory, where an array does not fit in L1: each line is
    then fetched for itself, not in a row.
    """
    total = 0.0
    for statement in members:
        if not isinstance(statement, Statement) or statement.product is not None or axis not in statement.classes:
            continue
        inner = [a for a in statement.classes if a not in fixed and a is not axis and not a.unrolled]
        iterations = axis.extent * math.prod(a.extent for a in inner)
        if not inner or iterations * statement.target.dtype.itemsize <= target.l1_bytes:
            continue
        for value, index in ((load.value, load.index) for load in _touched(statement)):
            strides = _strides(value, index)
            own, furthest = strides.get(axis, 0), max(strides.get(a, 0) for a in inner)
            if 0 < own < furthest:
                lines = iterations * value.dtype.itemsize / target.line_bytes
                total += lines * (
                    target.far_line_cycles
                    if math.prod(value.shape) * value.dtype.itemsize > target.l2_bytes
                    else target.near_line_cycles
                )
    return total


def _touched(statement: Statement) -> list[Load]:
    """What a statement reads and writes."""
    return [*statement.reads(), Load(statement.target, statement.index)]


def _strides(value: Value, index: tuple[Index, ...]) -> dict[Axis, int]:
    """How far, in elements, each axis moves in an array."""
    found: dict[Axis, int] = {}
    step = 1
    for part, extent in zip(reversed(index), reversed(value.shape), strict=True):
        if isinstance(part, Affine):
            for axis, coefficient in part.terms:
                found[axis.find()] = found.get(axis.find(), 0) + abs(coefficient) * step
        step *= extent
    return found


def _stride_cost(index: tuple[Index, ...], value: Value, innermost: Axis | None) -> float:
    """Of access in successive iterations of the innermost loop: 0 to the same element, 1 to the next, 3 elsewhere."""
    stride, step = 0, 1
    for part, extent in zip(reversed(index), reversed(value.shape), strict=True):
        if isinstance(part, Affine):
            stride += step * sum(coefficient for axis, coefficient in part.terms if axis.find() is innermost)
        elif innermost in set(index_axes(part)):
            return 3.0
        step *= extent
    return 0.0 if stride == 0 else 1.0 if abs(stride) == 1 else 3.0


#: for each statement, what it reads of those before it: the writer, the value, the indices (None: as a whole)
Handed = dict[AnyStatement, list[tuple[AnyStatement, Value, list[tuple[Index, ...] | None]]]]


def handed_on(before: Dependences) -> Handed:
    """What each statement reads of others."""
    found: Handed = {}
    for statement, others in before.items():
        indices: dict[Value, list[tuple[Index, ...] | None]] = {}
        for load in statement.reads():
            indices.setdefault(load.value, []).append(load.index if isinstance(statement, Statement) else None)
        pairs = ((other, value) for other, _ in others for value in other.writes())
        found[statement] = [(other, value, indices[value]) for other, value in pairs if value in indices]
    return found


def crossing_cost(
    group: tuple[AnyStatement, ...],
    slots: dict[AnyStatement, int],
    handed: Handed,
    fixed: frozenset[Axis],
    target: Target,
) -> float:
    """Of storing what one slot leaves for another: written once, read once for each reader."""
    total = 0.0
    stored: set[Value] = set()
    for statement in group:
        slot = slots[statement]
        for other, value, indices in handed[statement]:
            if slots.get(other, slot) == slot:
                continue
            traffic = max(_traffic(value, fixed, target, index) for index in indices)
            total += traffic if value in stored else 2 * traffic
            stored.add(value)
    return total


def _traffic(value: Value, fixed: frozenset[Axis], target: Target, index: tuple[Index, ...] | None = None) -> float:
    """Of the elements that are touched while the fixed axes stand still: of all, or of those at an index."""
    own = (axis.find() for axis in value.axes if axis is not None)
    moving = set(own) if index is None else {axis for part in index for axis in index_axes(part)}
    elements = math.prod(axis.extent for axis in moving - fixed)
    size = elements * value.dtype.itemsize
    level = 0.5 + 0.15 * math.log2(max(1.0, size / target.line_bytes)) if size <= target.l2_bytes else 6.0
    return level * max(1.0, size / target.line_bytes * 2)
