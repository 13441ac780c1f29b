"""Names and places: how a kernel refers to an element of a value.

A value in local variables has one name for each stored element; an array has a name and an index. While
straight-line code goes on, an element may be held in a variable, or another expression may stand in for it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.backends.expressions import Expressions, rest_of_sum
from srcgrad.core.location import Location
from srcgrad.core.target import Target
from srcgrad.kernel import ir
from srcgrad.kernel.build import Body, Names
from srcgrad.kernel.ir import Address, Buffer, Element, Place, Space, Variable
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.element import digit_run
from srcgrad.schedule.ir import (
    Affine,
    Axis,
    Delinearised,
    Index,
    Load,
    Loop,
    Program,
    Start,
    Statement,
    Value,
    WhileRegion,
    index_axes,
    loads,
    walk,
)
from srcgrad.schedule.storage import Place as Home
from srcgrad.schedule.storage import Storage

#: the number of the part of a split loop that is at work, and how many parts there are
PART, PARTS = Variable("part", ir.INT64), Variable("parts", ir.INT64)
_SPACES = {"stack": Space.STACK, "workspace": Space.WORKSPACE, "slices": Space.WORKSPACE}


class Elements:
    """The part of the emitter that knows where everything is."""

    def __init__(self, program: Program, storage: Storage, machine: Target) -> None:
        self.machine = machine
        self.program = program
        self.outputs = set(program.outputs)
        self.storage = storage
        self.places = storage.places
        self.names = Names()
        self.out = Body()
        self.expressions = Expressions(self.names, self.load, self.spill)
        self.value_names: dict[Value, str] = {}
        self.element_names: dict[tuple[Value, tuple[int | None, ...]], str] = {}
        self.values_of: dict[str, Value] = {}
        self.buffers: dict[Value, Buffer] = {}
        #: the same memory under other shapes
        self.aliases: dict[tuple[Value, tuple[int, ...]], Buffer] = {}
        self.alias_of: dict[str, tuple[Value, tuple[int, ...]]] = {}
        #: element of an array that the current straight-line code holds in a variable
        self.held: dict[tuple[Value, Element], Variable] = {}
        #: element of an array that the loop at hand accumulates in a variable
        self.accumulators: dict[tuple[Value, Element], Variable] = {}
        #: of long sums in single precision in variables, the totals in double
        self.totals: dict[Place, Variable] = {}
        #: the loop that is jammed, the iteration at hand, and the values that each iteration has
        self.jammed: Loop | None = None
        self.lane: int | None = None
        self.lanes = 1
        self.lane_values: set[Value] = set()
        #: of arrays among them, those of the lanes after the first
        self.lane_arrays: dict[Value, list[Buffer]] = {}
        #: how many parts a split loop has at most, and the functions of such loops
        self.threads = storage.threads
        self.partials = storage.partials
        #: what the split loop whose function is being written accumulates: each part has its own
        self.own: set[Value] = set()
        #: single-use values whose expression stands in for them, and the values that it reads
        self.pending: dict[tuple[Value, tuple[int, ...]], tuple[ir.Expr, set[Value]]] = {}
        #: variables that need no assignment: another variable, or a number, stands for them
        self.copies: dict[tuple[Value, tuple[int, ...]], ir.Expr] = {}
        #: variables that may be assigned again
        self.unsteady: set[Variable] = set()
        #: variables that are assigned in each iteration of some unrolled axes
        self.iterations: dict[Variable, frozenset[Axis]] = {}
        self.uses, self.region_written, self.added_onto = count_uses(program)
        #: the values that live within the iterations of a loop
        self.inside: dict[Loop, list[Value]] = {}
        for value, place in self.places.items():
            for loop in place.loops:
                self.inside.setdefault(loop, []).append(value)
        self.last_location: Location | None = None

    def name(self, value: Value) -> str:
        if value not in self.value_names:
            self.value_names[value] = name = self.names.fresh(value.name or "t", numbered=value.is_step)
            self.values_of[name] = value
        return self.value_names[value]

    def fresh(self, wish: str, dtype: np.dtype[Any] = ir.INT64) -> Variable:
        """A variable of its own."""
        return Variable(self.names.fresh(wish), dtype)

    def place(self, value: Value) -> Home:
        return self.places.get(value) or Home("variable", (), ())

    def variable(self, value: Value, index: tuple[Index, ...]) -> Variable:
        """The local variable of an element whose indices are known."""
        static = [self.expressions.static(index[dim]) for dim in self.place(value).kept]
        assert all(position is not None for position in static), f"{value} at {index}"
        return self.element_variable(value, tuple(static))

    def element_variable(self, value: Value, position: tuple[int | None, ...]) -> Variable:
        """The local variable for one stored element."""
        if self.lane is not None and value in self.lane_values:
            position = (*position, self.lane)
        if not position:
            return Variable(self.name(value), value.dtype)
        if (value, position) not in self.element_names:
            wish = "_".join([self.name(value), *map(str, position)])
            self.element_names[value, position] = self.names.fresh(wish)
        return Variable(self.element_names[value, position], value.dtype)

    def variable_key(self, value: Value, index: tuple[Index, ...]) -> tuple[Value, tuple[int, ...]]:
        lane = () if self.lane is None or value not in self.lane_values else (self.lane,)
        return value, (*(self.expressions.static(index[dim]) or 0 for dim in self.place(value).kept), *lane)

    def element(self, value: Value, index: tuple[Index, ...]) -> Element:
        """An element of an array."""
        place = self.place(value)
        kept = [index[dim] for dim in place.kept]
        buffer, lead = self.array(value)
        parts, shape = list(lead), [self.threads for _ in lead]
        position = 0
        merged = False
        while position < len(kept):
            run = 0 if place.kind == "slices" else digit_run(kept[position:], place.shape[position:])
            if run > 1:
                first = kept[position]
                assert isinstance(first, Delinearised)
                parts.append(self.expressions.affine(first.flat))
                shape.append(math.prod(first.extents))
                merged = True
            else:
                run = 1
                parts.append(self.expressions.index(kept[position]))
                shape.append(place.shape[position])
            position += run
        if merged:
            buffer = self.alias(value, tuple(shape))
        return Element(buffer, tuple(parts) or (ir.number(0),))

    def buffer(self, value: Value) -> Buffer:
        """The memory of an array."""
        if value not in self.buffers:
            place = self.place(value)
            inside = place.within is not None and place.kind == "workspace"
            space = _SPACES.get(place.kind, Space.ARGUMENT)
            shape = value.shape if space is Space.ARGUMENT else (self.threads, *place.shape) if inside else place.shape
            self.buffers[value] = Buffer(self.name(value), value.dtype, shape, space)
        return self.buffers[value]

    def array(self, value: Value) -> tuple[Buffer, list[ir.Expr]]:
        """The memory of an array, and the leading index where every part of a split loop has its own."""
        buffer, place = self.buffer(value), self.place(value)
        if value in self.own:
            return replace(buffer, name=f"{buffer.name}_own"), []
        if self.lane and value in self.lane_values:
            return self.lane_array(value, self.lane), []
        inside = place.within is not None and place.kind == "workspace"
        return buffer, [PART] if inside else []

    def lane_array(self, value: Value, lane: int) -> Buffer:
        """The array that a lane after the first has for itself."""
        arrays = self.lane_arrays.setdefault(value, [])
        while len(arrays) < lane:
            name = self.names.fresh(f"{self.name(value)}_{len(arrays) + 1}")
            arrays.append(replace(self.buffer(value), name=name))
            self.values_of[name] = value
        return arrays[lane - 1]

    def load(self, load: Load) -> ir.Expr:
        value = load.value
        place = self.place(value)
        if place.kind == "variable" or not value.shape:
            key = self.variable_key(value, load.index)
            if key in self.pending:
                return self.pending.pop(key)[0]
            return self.copies.get(key) or self.variable(value, load.index)
        element = self.element(value, load.index)
        return self.held.get((value, element), element)

    def spill(self, expr: ir.Expr) -> ir.Expr:
        """A variable for an expression that its formula reads more than once."""
        variable = self.fresh("t", expr.dtype)
        self.out.let(variable, expr)
        return variable

    def comment(self, location: Location | None) -> str:
        """The user's line, where it is another than that of the line before."""
        if location is None or location == self.last_location:
            return ""
        self.last_location = location
        return str(location)

    def alias(self, value: Value, shape: tuple[int, ...]) -> Buffer:
        """The same memory under another shape."""
        key = (value, shape)
        if key not in self.aliases:
            name = self.names.fresh(self.name(value) + "_as" + "x".join(map(str, shape)))
            self.aliases[key] = Buffer(name, value.dtype, shape, self.buffer(value).space)
            self.alias_of[name] = key
        return self.aliases[key]

    def address(self, value: Value, index: tuple[Index, ...], axes: Sequence[Axis]) -> tuple[Address, list[int]]:
        """Where a product's operand starts, and its strides along the axes."""
        place = self.place(value)
        stride = 1
        strides = dict.fromkeys(axes, 0)
        start = Affine()
        for dim, extent in zip(reversed(place.kept), reversed(place.shape), strict=True):
            part = index[dim]
            if isinstance(part, Delinearised):  # of a flat index, whose stride is that of its last coordinate
                part = part.flat if part.position == len(part.extents) - 1 else Affine()
            assert isinstance(part, Affine)
            fixed = []
            for axis, coefficient in part.terms:
                if axis.find() in strides:
                    strides[axis.find()] += coefficient * stride
                else:
                    fixed.append((axis, coefficient))
            start = start.plus(Affine(tuple(fixed), part.const).scaled(stride))
            stride *= extent
        buffer, lead = self.array(value)
        offset: ir.Expr = self.expressions.affine(start)
        if lead:
            offset = ir.integer("+", ir.integer("*", PART, ir.number(stride)), offset)
        return Address(buffer, offset), [strides[axis] for axis in axes]

    def target(self, value: Value, index: tuple[Index, ...]) -> Place:
        if self.place(value).kind == "variable" or not value.shape:
            return self.variable(value, index)
        element = self.element(value, index)
        return self.accumulators.get((value, element), element)

    def assign(self, value: Value, index: tuple[Index, ...], expr: ir.Expr, location: Location | None = None) -> None:
        target = self.target(value, index)
        if isinstance(target, Variable):
            self.iterations[target] = self.iterations_of(value, index)
            if value.mutable or value in self.region_written:
                self.unsteady.add(target)
        self.write(target, expr, location)

    def write(self, target: Place, expr: ir.Expr, location: Location | None = None) -> None:
        """Write an assignment; that of a sum of cotangents to one of its terms as a step of a reduction."""
        rest = rest_of_sum(expr, target)
        if rest is None:
            self.out.write(target, expr, self.comment(location))
        else:
            self.out.step(target, "+", rest, self.comment(location))

    def iterations_of(self, value: Value, index: tuple[Index, ...]) -> frozenset[Axis]:
        """The unrolled axes around here that the name of an element's variable does not tell apart."""
        named = {axis.find() for dim in self.place(value).kept for axis in index_axes(index[dim])}
        return frozenset(axis for axis in self.expressions.fixed if axis not in named)

    def forget(self, value: Value) -> None:
        for key in [key for key in self.held if key[0] is value]:
            del self.held[key]


def count_uses(program: Program) -> tuple[Counter[Value], set[Value], set[Value]]:
    """How many loads of each value the expressions hold, which values regions write, and which are accumulated
    onto.
    """
    counts: Counter[Value] = Counter()
    written: set[Value] = set()
    added_onto: set[Value] = set()

    def visit(inner: Program) -> None:
        assert inner.tree is not None
        for entry, _ in walk(inner.tree):
            for load in entry.reads():
                counts[load.value] += 1
            if isinstance(entry, Statement) and entry.onto:
                added_onto.add(entry.target)
            if isinstance(entry, WhileRegion):
                counts.update(load.value for load in loads(entry.predicate))
            if not isinstance(entry, Start):
                for nested in inner_programs(entry):
                    written.update(entry.writes())
                    visit(nested)

    visit(program)
    return counts, written, added_onto
