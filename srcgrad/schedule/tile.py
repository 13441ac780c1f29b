"""Blocks: the axis that most products share is cut in two, so that a block's intermediates stay in cache.

    for n: h = x[n] @ w1 ... gradients    ->    for block:               one loop holds forward and backward
                                                    for row in block:    the rows of the products

Products take whole blocks of rows, so without blocks every product is a phase of its own over whole arrays.
With them the outer part of the axis is an ordinary loop that all phases share; values of the program lose it
from their storage, and gradients of weights become accumulators over blocks. Values whose dimension is cut are
the same memory under one more dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from srcgrad.core.target import Target
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Axis,
    Convert,
    Dynamic,
    Expr,
    Index,
    Load,
    Program,
    Statement,
    Value,
    children,
    index_axes,
    loads,
)
from srcgrad.schedule.parallel import writes_apart
from srcgrad.schedule.stages import LONGEST, has_chain
from srcgrad.schedule.substitution import substitute_expr, substitute_index

#: multiplications from which a product that shares its rows with few others is cut, one block for each thread
LARGE = 1_000_000
#: what another block costs besides, in bytes of traffic
BLOCK_OVERHEAD = 20_000
#: iterations of the longest strip of a chain of transcendental functions
STRIP = 512
#: what an element costs that is left over after whole vectors, in elements of these
LEFT_OVER_COST = 4
#: rows of the smallest block
SMALLEST = 16


def tile_in_place(program: Program, target: Target) -> Program:
    """Cut the axis that most products share, in this program and in those inside its regions."""
    _tile(program, target, frozenset())
    return program


def _tile(program: Program, target: Target, outside: frozenset[Value]) -> None:
    """``outside`` are the values that the programs around this one use too: their shapes are not ours to change."""
    inside = [inner for statement in program.statements for inner in inner_programs(statement)]
    if inside:
        around = outside | {value for other in program.statements for value, _ in _accesses(other)}
        for inner in inside:
            _tile(inner, target, around)
    cut = choose_cut(program, target, outside) or choose_strip(program, target, outside)
    if cut is not None:
        _Cut(program, *cut, outside).apply()


def choose_strip(program: Program, target: Target, outside: frozenset[Value]) -> tuple[Axis, int] | None:
    """The axis of a long chain of functions, and the length of a strip of it that stays in L1 (see `stages`)."""
    with_axis: dict[Axis, list[Statement]] = {}
    for statement in program.statements:
        if isinstance(statement, Statement):
            for axis in {a.find() for a in statement.axes if a.find().extent > LONGEST}:
                with_axis.setdefault(axis, []).append(statement)
    for axis, statements in with_axis.items():
        if not has_chain(statements, axis) or not _is_cuttable(program, axis, outside):
            continue
        strips = [strip for strip in range(STRIP, STRIP // 4, -1) if axis.extent % strip == 0]
        if strips:
            return axis, min(strips, key=lambda strip: _longest_share(axis.extent // strip, strip, target))
    return None


def _longest_share(count: int, strip: int, target: Target) -> int:
    """What the thread with the most strips has to do, in elements of whole vectors; a strip costs some to begin."""
    left_over = strip % target.lanes()
    return math.ceil(count / target.threads) * (target.lanes() + strip - left_over + LEFT_OVER_COST * left_over)


def choose_cut(program: Program, target: Target, outside: frozenset[Value]) -> tuple[Axis, int] | None:
    """The class of axes to cut and the length of a block; None where nothing is gained."""
    products = [s for s in program.statements if isinstance(s, Statement) and s.product is not None]
    shared: dict[Axis, list[Statement]] = {}
    for statement in products:
        for axis in statement.product_classes:
            shared.setdefault(axis, []).append(statement)
    together = {axis: target.threads > 1 and _adds_together(program, axis) for axis in shared}
    for axis in sorted(shared, key=lambda a: (together[a], -len(shared[a]), -a.extent)):
        smallest = _smallest_block(axis, shared[axis])
        if axis.extent < 4 * smallest or not _is_cuttable(program, axis, outside):
            continue
        alone = len(shared[axis]) < 3
        if alone and not any(_is_large_along(statement, axis) for statement in shared[axis]):
            continue
        block = _block_length(program, axis, target, shared[axis], smallest, alone=alone)
        if block is not None:
            return axis, block
    return None


def _adds_together(program: Program, axis: Axis) -> bool:
    """Whether iterations add to the same elements, as windows that overlap do: threads cannot share the axis."""
    return any(
        isinstance(statement, Statement)
        and statement.onto
        and any(axis in set(index_axes(index)) for index in statement.index)
        and not writes_apart(statement, axis)
        for statement in program.statements
    )


def _is_large_along(statement: Statement, axis: Axis) -> bool:
    """Whether a product has many rows along the axis: enough to be worth threads of its own."""
    assert statement.product is not None
    rows = statement.product[0]
    return axis in {row.find() for row in rows} and math.prod(statement.product_extents) >= LARGE


def _smallest_block(axis: Axis, products: list[Statement]) -> int:
    """The length of a block with as many rows as a product needs: an image has many."""
    groups = [group for statement in products for group in statement.product or () if axis in {a.find() for a in group}]
    rows = min(math.prod(a.extent for a in group) for group in groups) // axis.extent
    return max(2, SMALLEST // rows)


def _block_length(
    program: Program, axis: Axis, target: Target, products: list[Statement], smallest: int, *, alone: bool
) -> int | None:
    """The block with the least traffic: its intermediates should stay in L2, what all blocks read should not be
    read too often. None where totals over the axis do not fit in L2 and cost more than the blocks save.
    """
    if alone and target.threads == 1:
        return None
    row = _row_bytes(program, axis)
    weights = sum(_weight_bytes(statement, axis) for statement in products)
    totals = _total_bytes(program, axis)
    spilled = totals if totals > target.block_bytes else 0
    best: tuple[float, int] | None = None
    for block in range(smallest, axis.extent // max(target.threads, 2) + 1):
        if axis.extent % block:
            continue
        count = axis.extent // block
        traffic = count * (BLOCK_OVERHEAD + (weights if weights > target.block_bytes else 0))
        if block * row > target.block_bytes:
            traffic += 2 * axis.extent * row
        traffic += 2 * count * spilled + 3 * (target.threads - 1) * spilled
        if alone:
            traffic = count
        if best is None or traffic <= best[0]:
            best = (traffic, block)
    if best is None or (spilled and best[0] > 2 * axis.extent * row):
        return None
    return best[1]


def _row_bytes(program: Program, axis: Axis) -> int:
    """Bytes of all values that have the axis, for one element of it."""
    total = 0
    for value in _written(program):
        if any(a is not None and a.find() is axis for a in value.axes):
            total += math.prod(value.shape) * value.dtype.itemsize // axis.extent
    return total


def _total_bytes(program: Program, axis: Axis) -> int:
    """Bytes of what is summed over the axis: read and written by every block, and once more for every thread."""
    return sum(
        math.prod(statement.target.shape) * statement.target.dtype.itemsize
        for statement in program.statements
        if isinstance(statement, Statement) and axis in statement.reduced_classes
    )


def _weight_bytes(statement: Statement, axis: Axis) -> int:
    """Bytes of a product's operands that every block reads whole."""
    return sum(
        math.prod(load.value.shape) * load.value.dtype.itemsize
        for load in loads(statement.expr)
        if not any(a is not None and a.find() is axis for a in load.value.axes)
    )


def _written(program: Program) -> list[Value]:
    return list({v: None for s in program.statements for v in s.writes()})


def _is_cuttable(program: Program, axis: Axis, outside: frozenset[Value]) -> bool:
    """Whether every use of the axis is a plain one: no value with it is touched at other indices, or as a whole,
    and none that is overwritten is known outside.
    """
    for statement in program.statements:
        for value, index in _accesses(statement):
            for dim, own in enumerate(value.axes):
                if own is None or own.find() is not axis:
                    continue
                part = index[dim] if index is not None else None
                if not (isinstance(part, Affine) and part.axis is axis) and value.role != "input":
                    return False
                if value.role == "constant" or (value.mutable and value in outside):
                    return False
    return not any(
        own is not None and own.find() is axis
        for statement in program.statements
        if inner_programs(statement)
        for value in (*statement.writes(), *(load.value for load in statement.reads()))
        for own in value.axes
    )


def _accesses(statement: AnyStatement) -> list[tuple[Value, tuple[Index, ...] | None]]:
    indexed = isinstance(statement, Statement)
    found: list[tuple[Value, tuple[Index, ...] | None]] = [
        (load.value, load.index if indexed else None) for load in statement.reads()
    ]
    found += [(value, statement.index if isinstance(statement, Statement) else None) for value in statement.writes()]
    return found


class _Cut:
    """Rewrites a program with one class of axes replaced by an outer and an inner part."""

    def __init__(self, program: Program, axis: Axis, block: int, outside: frozenset[Value]) -> None:
        self.program = program
        self.axis = axis
        self.outer, self.inner = Axis(axis.extent // block, axis.name), Axis(block, axis.name)
        self.outer.over_blocks = True
        self.whole = Affine(((self.outer, block), (self.inner, 1)))
        self.outside = outside
        self.cut: dict[Value, int] = {}

    def apply(self) -> None:
        own = set(_written(self.program)) - self.outside
        uses: dict[Value, list[tuple[Index, ...] | None]] = {}
        for statement in self.program.statements:
            for value, index in _accesses(statement):
                uses.setdefault(value, []).append(index)
        for value, indices in uses.items():
            if value in own:
                self.mark(value, indices)
        for value, dim in self.cut.items():
            value.shape = (*value.shape[:dim], self.outer.extent, self.inner.extent, *value.shape[dim + 1 :])
            value.axes = (*value.axes[:dim], self.outer, self.inner, *value.axes[dim + 1 :])
        for statement in self.program.statements:
            if isinstance(statement, Statement):
                self.rewrite(statement)

    def mark(self, value: Value, uses: list[tuple[Index, ...] | None]) -> None:
        """Cut a value's dimension where all of its uses are at the axis's own index."""
        dims = [dim for dim, a in enumerate(value.axes) if a is not None and a.find() is self.axis]
        if len(dims) != 1:
            return
        (dim,) = dims
        if all(index is not None and getattr(index[dim], "axis", None) is self.axis for index in uses):
            self.cut[value] = dim

    def rewrite(self, statement: Statement) -> None:
        if not any(axis.find() is self.axis for axis in statement.axes):
            return
        statement.index = self.expand(statement.target, tuple(self.rewrite_index(index) for index in statement.index))
        statement.expr = self.rewrite_expr(statement.expr)
        if statement.key is not None:
            statement.key = self.rewrite_expr(statement.key)
        statement.axes = _replaced(statement.axes, self.axis, (self.outer, self.inner))
        statement.reduced = _replaced(statement.reduced, self.axis, (self.outer, self.inner))
        if statement.product is not None:
            rows, cols, depth = (
                tuple(self.inner if a.find() is self.axis else a for a in group) for group in statement.product
            )
            statement.product = (rows, cols, depth)
        statement.settle()

    def rewrite_index(self, index: Index) -> Index:
        if isinstance(index, Dynamic):
            return Dynamic(self.rewrite_expr(index.expr))
        new = substitute_index(index, {self.axis: self.whole})
        assert new is not None
        return new

    def rewrite_expr(self, expr: Expr) -> Expr:
        new = substitute_expr(expr, {self.axis: self.whole})
        assert new is not None
        return _map_loads(new, lambda load: Load(load.value, self.expand(load.value, load.index)))

    def expand(self, value: Value, index: tuple[Index, ...]) -> tuple[Index, ...]:
        """The index into a value one of whose dimensions was cut."""
        dim = self.cut.get(value)
        if dim is None:
            return index
        return (*index[:dim], Affine.of(self.outer), Affine.of(self.inner), *index[dim + 1 :])


def _replaced(axes: tuple[Axis, ...], axis: Axis, parts: tuple[Axis, Axis]) -> tuple[Axis, ...]:
    found: list[Axis] = []
    for one in axes:
        found += parts if one.find() is axis else (one,)
    return tuple(found)


def _map_loads(expr: Expr, function: Callable[[Load], Load]) -> Expr:
    if isinstance(expr, Load):
        inner = tuple(
            Dynamic(_map_loads(i.expr, function)) if isinstance(i, Dynamic) else i for i in function(expr).index
        )
        return Load(expr.value, inner)
    new = [_map_loads(child, function) for child in children(expr)]
    if isinstance(expr, Apply):
        return replace(expr, args=tuple(new))
    return replace(expr, arg=new[0]) if isinstance(expr, Convert) else expr
