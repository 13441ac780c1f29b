"""Names and places: how the text refers to an element of a value.

A value in local variables has one name for each stored element; an array has a name and an index. While
straight-line code goes on, an element may be held in a variable, or another expression may stand in for it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from srcgrad.backends.expressions import Expressions
from srcgrad.backends.writer import Names, Writer
from srcgrad.core.location import Location
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.element import digit_run
from srcgrad.schedule.ir import (
    Affine,
    Axis,
    Digit,
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
from srcgrad.schedule.storage import Place, Storage


class Elements:
    """The part of the emitter that knows where everything is."""

    def __init__(self, program: Program, storage: Storage, function_name: str) -> None:
        self.function_name = function_name
        self.program = program
        self.outputs = set(program.outputs)
        self.storage = storage
        self.places = storage.places
        self.names = Names()
        self.out = Writer()
        self.expressions = Expressions(self.names, self.load, self.spill)
        self.value_names: dict[Value, str] = {}
        self.element_names: dict[tuple[Value, tuple[int | None, ...]], str] = {}
        self.named: dict[str, Value] = {}
        self.aliases: dict[tuple[Value, tuple[int, ...]], str] = {}
        self.alias_of: dict[str, tuple[Value, tuple[int, ...]]] = {}
        #: element of an array that the current straight-line code holds in a variable
        self.held: dict[tuple[Value, str], str] = {}
        #: element of an array that the loop at hand accumulates in a variable
        self.accumulators: dict[tuple[Value, str], str] = {}
        #: of long sums in single precision in variables, the totals in double
        self.totals: dict[str, str] = {}
        #: the loop several turns of which are written side by side, the turn at hand, and the values that each turn has
        self.jammed: Loop | None = None
        self.lane: int | None = None
        self.lanes = 1
        self.lane_values: set[Value] = set()
        #: of arrays among them, the names after the first lane's
        self.lane_arrays: dict[Value, list[str]] = {}
        #: how many parts a split loop has at most, and the functions of such loops
        self.threads = storage.threads
        self.partials = storage.partials
        self.parts: list[str] = []
        #: whether a loop looks at signals
        self.sees_to_signals = False
        self.part_names: set[str] = set()
        #: what the functions around the section at hand have written so far
        self.around: list[Writer] = []
        #: what the split loop whose function is being written accumulates: each part has its own
        self.own: set[Value] = set()
        #: single-use values whose expression stands in for them, and the values that it reads
        self.pending: dict[tuple[Value, tuple[int, ...]], tuple[str, set[Value]]] = {}
        #: variables that need no assignment: another variable, or a number, stands for them
        self.copies: dict[tuple[Value, tuple[int, ...]], str] = {}
        #: names that may be assigned again
        self.unsteady: set[str] = set()
        #: names that are assigned in each turn of some unrolled axes
        self.turns: dict[str, frozenset[Axis]] = {}
        self.uses, self.region_written, self.added_onto = count_uses(program)
        #: the values that live within the turns of a loop
        self.inside: dict[Loop, list[Value]] = {}
        for value, place in self.places.items():
            for loop in place.loops:
                self.inside.setdefault(loop, []).append(value)
        self.last_location: Location | None = None

    def name(self, value: Value) -> str:
        if value not in self.value_names:
            self.value_names[value] = name = self.names.fresh(value.name or "t")
            self.named[name] = value
        return self.value_names[value]

    @cached_property
    def type_names(self) -> set[str]:
        """Numba's names of the dtypes of all values."""
        names = {value.dtype.name for value in self.places}
        return {"boolean", *names} if "bool" in names else names

    def place(self, value: Value) -> Place:
        return self.places.get(value) or Place("variable", (), ())

    def variable(self, value: Value, index: tuple[Index, ...]) -> str:
        """The local variable of an element whose indices the text knows."""
        static = [self.expressions.static(index[dim]) for dim in self.place(value).kept]
        assert all(position is not None for position in static), f"{value} at {index}"
        return self.element_name(value, tuple(static))

    def element_name(self, value: Value, position: tuple[int | None, ...]) -> str:
        """The name of the local variable for one stored element."""
        if self.lane is not None and value in self.lane_values:
            position = (*position, self.lane)
        if not position:
            return self.name(value)
        if (value, position) not in self.element_names:
            wish = "_".join([self.name(value), *map(str, position)])
            self.element_names[value, position] = self.names.fresh(wish)
        return self.element_names[value, position]

    def variable_key(self, value: Value, index: tuple[Index, ...]) -> tuple[Value, tuple[int, ...]]:
        lane = () if self.lane is None or value not in self.lane_values else (self.lane,)
        return value, (*(self.expressions.static(index[dim]) or 0 for dim in self.place(value).kept), *lane)

    def element(self, value: Value, index: tuple[Index, ...]) -> str:
        """An element of an array, as text."""
        place = self.place(value)
        kept = [index[dim] for dim in place.kept]
        name, lead, shape = self.array(value)
        parts = list(lead)
        position = 0
        merged = False
        while position < len(kept):
            run = 0 if place.kind == "slices" else digit_run(kept[position:], place.shape[position:])
            if run > 1:
                first = kept[position]
                assert isinstance(first, Digit)
                parts.append(self.expressions.affine(first.flat))
                shape.append(math.prod(first.extents))
                merged = True
            else:
                run = 1
                parts.append(self.expressions.index(kept[position]))
                shape.append(place.shape[position])
            position += run
        if merged:
            name = self.alias(value, tuple(shape))
        return f"{name}[{', '.join(parts) or '0'}]"

    def array(self, value: Value) -> tuple[str, list[str], list[int]]:
        """The name of an array, and the leading index and extent where every part of a split loop has its own."""
        name = self.name(value)
        if value in self.own:
            return f"{name}_own", [], []
        if self.lane and value in self.lane_values:
            return self.lane_array(value, self.lane), [], []
        place = self.place(value)
        if place.within is not None and place.kind == "workspace":
            return name, ["part"], [self.threads]
        return name, [], []

    def lane_array(self, value: Value, lane: int) -> str:
        """The name of an array that a lane after the first has for itself."""
        names = self.lane_arrays.setdefault(value, [])
        while len(names) < lane:
            names.append(self.names.fresh(f"{self.name(value)}_{len(names) + 1}"))
            self.named[names[-1]] = value
        return names[lane - 1]

    def load(self, load: Load) -> str:
        value = load.value
        place = self.place(value)
        if place.kind == "variable" or not value.shape:
            key = self.variable_key(value, load.index)
            if key in self.pending:
                return self.pending.pop(key)[0]
            return self.copies.get(key) or self.variable(value, load.index)
        text = self.element(value, load.index)
        return self.held.get((value, text), text)

    def spill(self, text: str) -> str:
        """A variable for an expression that its formula reads more than once."""
        name = self.names.fresh("t")
        self.out.line(f"{name} = {text}")
        return name

    def comment(self, location: Location | None) -> str:
        """The user's line, where it is another than that of the line before."""
        if location is None or location == self.last_location:
            return ""
        self.last_location = location
        return str(location)

    def alias(self, value: Value, shape: tuple[int, ...]) -> str:
        """The name of the same memory under another shape."""
        key = (value, shape)
        if key not in self.aliases:
            self.aliases[key] = name = self.names.fresh(self.name(value) + "_as" + "x".join(map(str, shape)))
            self.alias_of[name] = key
        return self.aliases[key]

    def address(self, value: Value, index: tuple[Index, ...], axes: Sequence[Axis]) -> tuple[str, list[int]]:
        """Where a product's operand starts, and its strides along the axes."""
        place = self.place(value)
        stride = 1
        strides = dict.fromkeys(axes, 0)
        start = Affine()
        for dim, extent in zip(reversed(place.kept), reversed(place.shape), strict=True):
            part = index[dim]
            if isinstance(part, Digit):  # of a flat index, whose stride is that of its last digit
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
        name, lead, _ = self.array(value)
        offset = self.expressions.affine(start)
        if lead:
            offset = f"part * {stride}" if offset == "0" else f"part * {stride} + {offset}"
        text = f"at({name}, {offset})"
        return text, [strides[axis] for axis in axes]

    def target(self, value: Value, index: tuple[Index, ...]) -> str:
        if self.place(value).kind == "variable" or not value.shape:
            return self.variable(value, index)
        element = self.element(value, index)
        return self.accumulators.get((value, element), element)

    def assign(self, value: Value, index: tuple[Index, ...], text: str, location: Location | None = None) -> None:
        target = self.target(value, index)
        if target.isidentifier():
            self.turns[target] = self.turns_of(value, index)
            if value.mutable or value in self.region_written:
                self.unsteady.add(target)
        self.write(target, text, location)

    def write(self, target: str, text: str, location: Location | None = None) -> None:
        """Write an assignment; that of a sum of cotangents to one of its terms as a step of a reduction."""
        rest = self.expressions.rest_of_sum(text, target)
        line = f"{target} = {text}" if rest is None else f"{target} += {rest}"
        self.out.line(line, self.comment(location))

    def turns_of(self, value: Value, index: tuple[Index, ...]) -> frozenset[Axis]:
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
