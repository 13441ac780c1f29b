"""Loops and accumulators: what a reduction starts from, where it is held, how a step is written.

Long sums in single precision are cut: the sum of each stretch is kept apart and added to a total in double, so that the
error of ten million additions is that of some thousands (Higham, "The accuracy of floating point summation",
1993, section 3: blocked summation).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

from srcgrad.backends.elements import Elements
from srcgrad.core.scalar_functions import REDUCING_OPERATORS, neutral_element
from srcgrad.core.target import Target
from srcgrad.core.types import WIDER
from srcgrad.kernel.ir import INT64, Call, Cast, Expr, Operation, Place, Variable, integer, number, result_dtype
from srcgrad.schedule.ir import Axis, Block, Loop, Start, Statement, cost_of, walk
from srcgrad.schedule.parallel import can_split

LOOP_NAMES = "ijklmnpqrs"
#: iterations of a float32 sum that are added up before they join the total
STRETCH = 4096
#: sums of at least this many iterations are cut
LONG = 2 * STRETCH
#: iterations of a loop that are jammed; where each is a single sum; where each keeps rows
LANES, SUM_LANES, ROW_LANES = 4, 8, 2
#: statements of such a loop, and their cost in multiplications: more would not stay in registers
MOST_JAMMED, MOST_JAMMED_COST = 16, 60
#: where a loop starts and stops, and its step where that is not 1
Bounds = tuple[Expr, Expr] | tuple[Expr, Expr, int]


class Reductions(Elements):
    """The part of the emitter that writes loops and accumulators."""

    def block(self, block: Block) -> None:
        """Write the items of a block."""
        raise NotImplementedError

    def loop(self, axis: Axis, body: Any, bounds: Bounds | None = None) -> None:
        """The iterations of an axis, or those within bounds; written out where the axis is unrolled."""
        if axis.unrolled:
            for iteration in range(axis.extent):
                self.expressions.fixed[axis] = iteration
                body()
            self.expressions.fixed.pop(axis, None)
            return
        self.held.clear()
        indices = self.expressions.indices
        if axis not in indices:
            indices[axis] = self.fresh(LOOP_NAMES[min(len(indices), len(LOOP_NAMES) - 1)])
        with self.out.loop(indices[axis], *(bounds or (number(0), number(axis.extent)))):
            body()
        self.held.clear()

    def each_lane(self) -> Iterator[None]:
        """Once, or once for each of the iterations that are written side by side."""
        if self.jammed is None:
            yield
            return
        axis = self.jammed.axis
        for lane in range(self.lanes):
            self.lane = self.expressions.shift[axis] = lane
            yield
        self.lane = None
        del self.expressions.shift[axis]

    def write_loop(self, loop: Loop, body: Any, bounds: Bounds | None = None) -> None:
        """A loop, with several iterations side by side where that shares the reads of the loops inside it.

        for i:                           for i in steps of 4:
            for j: s += x[i, j] * w[j]       for j: s_0 += x[i, j] * w[j]; s_1 += x[i + 1, j] * w[j]; ...

        (unroll and jam: Callahan, Cocke and Kennedy, "Estimating interlock and improving balance", 1988).
        """
        if not self.can_jam(loop) or holds_rows(loop, self.machine):
            self.loop(loop.axis, body, bounds)
            return
        lanes = self.lanes = self.lanes_of(loop)
        first, last = (bounds or (number(0), number(loop.axis.extent)))[:2]
        self.jammed = loop
        self.lane_values = set(self.inside.get(loop, ()))
        self.loop(loop.axis, body, (first, integer("-", last, number(lanes - 1)), lanes))
        self.jammed, self.lane_values = None, set()
        rest = integer("%", integer("-", last, first), number(lanes))
        if rest != number(0):
            self.loop(loop.axis, body, (integer("-", last, rest), last))

    def can_jam(self, loop: Loop) -> bool:
        """Whether iterations are independent, short, and leave all that is theirs in local variables and rows."""
        inner = [item for item in loop.body.items if isinstance(item, Loop) and not item.axis.unrolled]
        if self.jammed is not None or loop.axis.unrolled or loop.axis.extent < 4 * LANES or not inner:
            return False
        entries = [entry for entry, _ in walk(loop.body)]
        statements = [entry for entry in entries if isinstance(entry, Statement)]
        plain = all(not (s.onto or s.key or s.product) for s in statements) and can_split(loop)
        if not plain or len(statements) > MOST_JAMMED or sum(cost_of(s.expr) for s in statements) > MOST_JAMMED_COST:
            return False
        if any(isinstance(item, Loop) and not item.axis.unrolled for one in inner for item in one.body.items):
            return False
        own = [self.places[value] for value in self.inside.get(loop, ())]
        return all(place.kind == "variable" or (place.kind == "stack" and len(place.shape) == 1) for place in own)

    def lanes_of(self, loop: Loop) -> int:
        """How many iterations of a loop are written side by side."""
        if is_one_sum(loop, self.machine):
            return SUM_LANES
        arrays = any(self.places[value].kind != "variable" for value in self.inside.get(loop, ()))
        return ROW_LANES if arrays else LANES

    def reduction(self, starts: list[Start], inner: Loop, bounds: Bounds | None = None) -> None:
        """Accumulators and the loop that fills them. One element of an array is accumulated in a variable and stored
        once.
        """
        single = [start for start in starts if self.is_one_element(start)]
        before = dict(self.accumulators)
        for _ in self.each_lane():
            for start in single:
                self.nest(start.axes, lambda start=start: self.hold_accumulator(start))
        long = [start for start in starts if inner.axis.extent >= LONG and self.is_single_sum(start)]
        for _ in self.each_lane():
            self.starts([start for start in starts if start not in long])
        if long:
            self.long_sums(long, inner, (bounds or (number(0), number(inner.axis.extent)))[:2])
        elif inner.axis.extent:
            self.write_loop(inner, lambda: self.block(inner.body), bounds)
        finished = {key: variable for key, variable in self.accumulators.items() if key not in before}
        self.accumulators = before
        for (value, element), variable in finished.items():
            self.out.write(element, variable)
            self.held[value, element] = variable

    def is_single_sum(self, start: Start) -> bool:
        """Whether an accumulator is a sum in single precision in local variables."""
        value = start.statement.target
        variable = not value.shape or self.place(value).kind == "variable" or self.is_one_element(start)
        return variable and start.statement.combine == "add" and value.dtype in WIDER

    def long_sums(self, starts: list[Start], inner: Loop, bounds: tuple[Expr, Expr]) -> None:
        """The loop in stretches, each with sums of its own, which join totals in double precision."""
        totals: dict[Place, Variable] = {}

        def note(start: Start) -> None:
            target = self.target(start.statement.target, start.statement.index)
            assert isinstance(target, Variable)
            totals[target] = self.fresh(f"{target.name}_total", WIDER[target.dtype])

        for _ in self.each_lane():
            for start in starts:
                self.nest(start.axes, lambda start=start: note(start))
        for total in totals.values():
            self.out.let(total, self.expressions.constant(0.0, total.dtype))
        first, last = bounds
        block = self.fresh("first")
        with self.out.loop(block, first, last, STRETCH):
            for _ in self.each_lane():
                self.starts(starts)
            end = integer("min", integer("+", block, number(STRETCH)), last)
            self.write_loop(inner, lambda: self.block(inner.body), (block, end))
            for target, total in totals.items():
                self.out.step(total, "+", target)
        self.totals |= totals
        for target, total in totals.items():
            self.out.write(target, self.expressions.cast(total, target.dtype))

    def is_one_element(self, start: Start) -> bool:
        rolled = any(not axis.unrolled for axis in start.axes)
        value = start.statement.target
        return not rolled and bool(value.shape) and self.place(value).kind != "variable" and start.statement.key is None

    def hold_accumulator(self, start: Start) -> None:
        value = start.statement.target
        element = self.element(value, start.statement.index)
        self.accumulators[value, element] = self.fresh(self.name(value) + "_", value.dtype)

    def starts(self, starts: list[Start]) -> None:
        """Neutral elements, with one loop for those over the same axes."""
        groups: dict[tuple[Axis, ...], list[Start]] = {}
        for start in starts:
            rolled = tuple(axis for axis in start.axes if not axis.unrolled)
            groups.setdefault(rolled, []).append(start)
        for axes, members in groups.items():
            self.nest(axes, functools.partial(self.start_all, members))

    def start_all(self, starts: list[Start]) -> None:
        for start in starts:
            self.start(start)

    def nest(self, axes: tuple[Axis, ...], body: Any) -> None:
        if axes:
            self.loop(axes[0], lambda: self.nest(axes[1:], body))
        else:
            body()

    def start(self, start: Start) -> None:
        statement = start.statement
        unrolled = tuple(axis for axis in start.axes if axis.unrolled)

        def write() -> None:
            assert statement.combine is not None
            if statement.key_value is not None:
                self.assign(statement.target, statement.index, self.expressions.constant(0, statement.target.dtype))
                extreme = neutral_element(statement.combine.removeprefix("arg"), statement.key_value.dtype)
                start = self.expressions.constant(extreme, statement.key_value.dtype)
                self.assign(statement.key_value, statement.index, start)
            else:
                neutral = neutral_element(statement.combine, statement.target.dtype)
                self.assign(
                    statement.target, statement.index, self.expressions.constant(neutral, statement.target.dtype)
                )

        self.nest(unrolled, write)

    def fold(self, target: Place, expr: Expr, combine: str, note: str = "") -> None:
        """One step of a reduction."""
        dtype = target.dtype
        if combine not in REDUCING_OPERATORS:
            function = self.expressions.function(combine, dtype)
            self.out.write(target, Call(function, (target, expr), dtype), note)
            return
        sign, _ = REDUCING_OPERATORS[combine]
        if dtype.kind in "fcb" or dtype == INT64:
            self.out.step(target, sign, expr, note)
        else:
            whole = Operation(sign, (target, expr), result_dtype(sign, dtype, expr.dtype))
            self.out.write(target, Cast(whole, dtype), note)


def _inner_statements(loop: Loop) -> list[Statement] | None:
    """The statements of the one loop that a loop has inside it; None where it has others."""
    inner = [item for item in loop.body.items if isinstance(item, Loop) and not item.axis.unrolled]
    if len(inner) != 1:
        return None
    statements = [item for item in inner[0].body.items if isinstance(item, Statement)]
    return statements if len(statements) == len(inner[0].body.items) else None


def is_one_sum(loop: Loop, target: Target) -> bool:
    """Whether each iteration of a loop is one sum of several vectors: the more such sums are computed side by side,
    the less the last additions across each are waited for.
    """
    statements = _inner_statements(loop)
    if statements is None or len(statements) != 1 or loop.axis.extent < 4 * SUM_LANES:
        return False
    (only,) = statements
    iterations = math.prod(axis.extent for axis in only.reduced_classes)
    long = iterations * only.target.dtype.itemsize >= 8 * target.vector_bytes
    return long and bool(only.combine) and loop.axis not in only.reduced_classes


def holds_rows(loop: Loop, target: Target) -> bool:
    """Whether a loop adds to rows that are short enough to stay in registers from one iteration to the next."""
    statements = _inner_statements(loop)
    if statements is None:
        return False
    rows = [s for s in statements if s.combine and loop.axis in s.reduced_classes]
    sizes = [math.prod(axis.extent for axis in s.target.axes if axis) * s.target.dtype.itemsize for s in rows]
    whole = all(size % target.vector_bytes == 0 for size in sizes)
    return 0 < sum(sizes) <= target.register_bytes and whole and len(rows) == len(statements)
