"""Indices and expressions with axes replaced: how views and inlining compose.

An affine index stays affine under affine indices; the coordinates of a flat index that come together again are that
flat index; an index from data makes one that is computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from srcgrad.schedule.ir import (
    Affine,
    Apply,
    Axis,
    Const,
    Delinearised,
    Dynamic,
    Expr,
    Index,
    IndexValue,
    Load,
    children,
)

AxisMap = Mapping[Axis, Index]
_INT64 = np.dtype(np.int64)


def substitute_index(index: Index, axes: AxisMap) -> Index | None:
    """The index with axes replaced; None where the result has no form."""
    if isinstance(index, Dynamic):
        expr = substitute_expr(index.expr, axes)
        return None if expr is None else Dynamic(expr)
    if isinstance(index, Affine) and index.axis is not None:
        return axes.get(index.axis, index)
    affine = index if isinstance(index, Affine) else index.flat
    total = Affine((), affine.const)
    coordinates: list[tuple[Delinearised, int]] = []
    computed: list[tuple[Dynamic, int]] = []
    for axis, coefficient in affine.terms:
        new = axes.get(axis.find(), Affine(((axis, 1),)))
        match new:
            case Affine():
                total = total.plus(new.scaled(coefficient))
            case Delinearised():
                coordinates.append((new, coefficient))
            case Dynamic():
                computed.append((new, coefficient))
    joined = _joined(coordinates)
    if joined is None:
        return None
    total = total.plus(joined)
    if computed:
        return _computed(index, total, computed)
    return total if isinstance(index, Affine) else delinearised(total, index.extents, index.position)


def _joined(coordinates: list[tuple[Delinearised, int]]) -> Affine | None:
    """The sum of all coordinates of flat indices, each times its weight, as multiples of these flat indices."""
    total = Affine()
    rest = [*coordinates]
    while rest:
        first, _ = rest[0]
        extents = first.extents
        positions = [k for k, extent in enumerate(extents) if extent != 1]
        run = {d.position: (d, c) for d, c in rest if d.flat == first.flat and d.extents == extents}
        if sorted(run) != positions:
            return None
        weight = run[positions[-1]][1]
        if any(run[k][1] != weight * math.prod(extents[k + 1 :]) for k in positions):
            return None
        total = total.plus(first.flat.scaled(weight))
        used = [*run.values()]
        rest = [pair for pair in rest if pair not in used]
    return total


def _computed(index: Affine | Delinearised, total: Affine, terms: list[tuple[Dynamic, int]]) -> Dynamic:
    """An index, within the extent, that is computed from data."""
    expr: Expr | None = IndexValue(total, _INT64) if total.terms else Const(total.const, _INT64)
    if total == Affine():
        expr = None
    for term, coefficient in terms:
        scaled = term.expr if coefficient == 1 else _integer("{0} * {1}", term.expr, coefficient)
        expr = scaled if expr is None else Apply("{0} + {1}", (scaled, expr), _INT64, 1.0)
    assert expr is not None
    if isinstance(index, Delinearised):
        stride = math.prod(index.extents[index.position + 1 :])
        expr = _integer("{0} // {1}", expr, stride) if stride > 1 else expr
        expr = _integer("{0} % {1}", expr, index.extents[index.position]) if index.position else expr
    return Dynamic(expr)


def _integer(formula: str, expr: Expr, number: int) -> Expr:
    return Apply(formula, (expr, Const(_INT64.type(number), _INT64)), _INT64, 1.0)


def substitute_expr(expr: Expr, axes: AxisMap) -> Expr | None:
    """The expression with axes replaced; None where an index has no form."""
    if isinstance(expr, Const):
        return expr
    if isinstance(expr, Load):
        indices = [substitute_index(index, axes) for index in expr.index]
        return None if any(i is None for i in indices) else Load(expr.value, tuple(indices))  # type: ignore[arg-type]
    if isinstance(expr, IndexValue):
        index = substitute_index(expr.index, axes)
        return None if index is None else replace(expr, index=index)
    args = [substitute_expr(arg, axes) for arg in children(expr)]
    if any(arg is None for arg in args):
        return None
    return replace(expr, args=tuple(args)) if isinstance(expr, Apply) else replace(expr, arg=args[0])  # type: ignore[arg-type]


def delinearised(flat: Affine, extents: tuple[int, ...], position: int) -> Index:
    """Coordinate ``position`` of element ``flat``; affine where no division is needed."""
    if extents[position] == 1 or 0 in extents:
        return Affine()
    stride = math.prod(extents[position + 1 :])
    period = stride * extents[position]
    high = Affine()
    low_reach = flat.const % stride if flat.const >= 0 else stride
    if flat.const:
        high = high.plus(Affine((), (flat.const % period) // stride))
    for axis, coefficient in flat.terms:
        if coefficient % period == 0:
            continue
        if coefficient % stride == 0:
            high = high.plus(Affine(((axis, coefficient // stride),)))
        elif 0 < coefficient < stride:
            low_reach += coefficient * (axis.extent - 1)
        else:
            low_reach = stride
    high_reach = high.const + sum(c * (a.extent - 1) for a, c in high.terms)
    if low_reach < stride and high_reach < extents[position] and all(c > 0 for _, c in high.terms):
        return high
    return Delinearised(flat, extents, position)
