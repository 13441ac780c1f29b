"""Program to source text: the tree of loops as Python that Numba compiles and people read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections import Counter
from typing import Any

import numpy as np

from srcgrad.backends.expressions import Expressions
from srcgrad.backends.split import split_loop
from srcgrad.backends.writer import Names, Writer
from srcgrad.core.location import Location
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Axis,
    Block,
    BranchRegion,
    Digit,
    Index,
    Item,
    LibraryCall,
    Load,
    Loop,
    LoopRegion,
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

LOOP_NAMES = "ijklmnpqrs"
_NUMBER = re.compile(r"\(?-?[\d.]+(e[-+]?\d+)?\)?|c_\w+")
#: expressions longer than this get a variable
WIDTH = 72


class Emitter:
    """Writes the body of one kernel."""

    def __init__(self, program: Program, storage: Storage, function_name: str) -> None:
        self.function_name = function_name
        self.program = program
        self.places = storage.places
        self.names = Names()
        self.out = Writer()
        self.expressions = Expressions(self.names, self.load, self.spill)
        self.value_names: dict[Value, str] = {}
        self.element_names: dict[tuple[Value, tuple[int | None, ...]], str] = {}
        self.aliases: dict[tuple[Value, tuple[int, ...]], str] = {}
        #: element of an array that the current straight-line code holds in a variable
        self.held: dict[tuple[Value, str], str] = {}
        #: element of an array that the loop at hand accumulates in a variable
        self.accumulators: dict[tuple[Value, str], str] = {}
        #: how many parts a split loop has at most, and the functions of such loops
        self.threads = storage.threads
        self.partials = storage.partials
        self.parts: list[str] = []
        #: the split loop whose function is being written
        self.inside: Loop | None = None
        #: single-use values whose expression stands in for them, and the values that it reads
        self.pending: dict[tuple[Value, tuple[int, ...]], tuple[str, set[Value]]] = {}
        #: variables that need no assignment: another variable, or a number, stands for them
        self.copies: dict[tuple[Value, tuple[int, ...]], str] = {}
        #: names that may be assigned again
        self.unsteady: set[str] = set()
        #: names that are assigned in each turn of some unrolled axes
        self.turns: dict[str, frozenset[Axis]] = {}
        self.uses, self.region_written, self.added_onto = _count_uses(program)
        self.last_location: Location | None = None

    # names and places

    def name(self, value: Value) -> str:
        if value not in self.value_names:
            self.value_names[value] = self.names.fresh(value.name or "t")
        return self.value_names[value]

    def place(self, value: Value) -> Place:
        return self.places.get(value) or Place("variable", (), ())

    def variable(self, value: Value, index: tuple[Index, ...]) -> str:
        """The local variable of an element whose indices the text knows."""
        static = [self.expressions.static(index[dim]) for dim in self.place(value).kept]
        assert all(position is not None for position in static), f"{value} at {index}"
        return self.element_name(value, tuple(static))

    def element_name(self, value: Value, position: tuple[int | None, ...]) -> str:
        """The name of the local variable for one stored element."""
        if not position:
            return self.name(value)
        if (value, position) not in self.element_names:
            wish = "_".join([self.name(value), *map(str, position)])
            self.element_names[value, position] = self.names.fresh(wish)
        return self.element_names[value, position]

    def variable_key(self, value: Value, index: tuple[Index, ...]) -> tuple[Value, tuple[int, ...]]:
        return value, tuple(self.expressions.static(index[dim]) or 0 for dim in self.place(value).kept)

    def element(self, value: Value, index: tuple[Index, ...]) -> str:
        """An element of an array, as text."""
        place = self.place(value)
        kept = [index[dim] for dim in place.kept]
        name, lead, shape = self.array(value)
        parts = list(lead)
        position = 0
        merged = False
        while position < len(kept):
            run = _digit_run(kept[position:], place.shape[position:])
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
        if self.inside is not None and value in self.partials and self.place(value).within is not self.inside:
            return f"{name}_own", [], []
        place = self.place(value)
        if place.within is not None and place.kind == "workspace":
            return name, ["part"], [self.threads]
        return name, [], []

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

    # blocks

    def block(self, block: Block) -> None:
        items = block.items
        position = 0
        while position < len(items):
            entry = items[position]
            if isinstance(entry, Start):
                run = [entry]
                while position + len(run) < len(items) and isinstance(items[position + len(run)], Start):
                    run.append(items[position + len(run)])  # type: ignore[arg-type]
                position += len(run)
                loop = items[position]
                assert isinstance(loop, Loop)
                if loop.parallel:
                    split_loop(self, loop, run)
                else:
                    self.reduction(run, loop.axis, lambda loop=loop: self.loop(loop.axis, lambda: self.block(loop.body)))  # type: ignore[misc]
                position += 1
                continue
            if isinstance(entry, Loop) and entry.parallel:
                split_loop(self, entry, [])
            elif isinstance(entry, Loop):
                self.loop(entry.axis, lambda body=entry.body: self.block(body))  # type: ignore[misc]
            elif isinstance(entry, Statement):
                self.statement(entry, block, position)
            elif isinstance(entry, LibraryCall):
                self.library(entry)
            else:
                self.region(entry)
            position += 1

    def loop(self, axis: Axis, body: Any, bounds: str = "") -> None:
        if axis.unrolled:
            for turn in range(axis.extent):
                self.expressions.fixed[axis] = turn
                body()
            self.expressions.fixed.pop(axis, None)
            return
        self.held.clear()
        depth = len(self.expressions.axis_names)
        name = (
            self.names.fresh(LOOP_NAMES[min(depth, len(LOOP_NAMES) - 1)])
            if axis not in self.expressions.axis_names
            else ""
        )
        if name:
            self.expressions.axis_names[axis] = name
        with self.out.block(f"for {self.expressions.axis_names[axis]} in range({bounds or axis.extent}):"):
            body()
        self.held.clear()

    def reduction(self, starts: list[Start], axis: Axis, loop: Callable[[], None]) -> None:
        """Accumulators and the loop that fills them. One element of an array is accumulated in a variable and stored once."""
        single = [start for start in starts if self.is_one_element(start)]
        before = dict(self.accumulators)
        for start in single:
            self.nest(start.axes, lambda start=start: self.hold_accumulator(start))  # type: ignore[misc]
        self.starts(starts)
        loop()
        finished = {key: name for key, name in self.accumulators.items() if key not in before}
        self.accumulators = before
        for (value, element), name in finished.items():
            self.out.line(f"{element} = {name}")
            self.held[value, element] = name

    def is_one_element(self, start: Start) -> bool:
        rolled = any(not axis.unrolled for axis in start.axes)
        value = start.statement.target
        return not rolled and bool(value.shape) and self.place(value).kind != "variable" and start.statement.key is None

    def hold_accumulator(self, start: Start) -> None:
        value = start.statement.target
        element = self.element(value, start.statement.index)
        self.accumulators[value, element] = self.names.fresh(self.name(value) + "_")

    def starts(self, starts: list[Start]) -> None:
        """Neutral elements, with one loop for those over the same axes."""
        groups: dict[tuple[Axis, ...], list[Start]] = {}
        for start in starts:
            rolled = tuple(axis for axis in start.axes if not axis.unrolled)
            groups.setdefault(rolled, []).append(start)
        for axes, members in groups.items():
            self.nest(axes, lambda members=members: [self.start(start) for start in members])  # type: ignore[misc]

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
                extreme = _neutral(statement.combine.removeprefix("arg"), statement.key_value.dtype)
                text = self.expressions.constant(extreme, statement.key_value.dtype)
                self.assign(statement.key_value, statement.index, text)
            else:
                neutral = _neutral(statement.combine, statement.target.dtype)
                self.assign(
                    statement.target, statement.index, self.expressions.constant(neutral, statement.target.dtype)
                )

        self.nest(unrolled, write)

    # statements

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
        self.out.line(f"{target} = {text}", self.comment(location))

    def statement(self, statement: Statement, block: Block, position: int) -> None:
        value = statement.target
        if statement.key is not None:
            self.arg_update(statement)
            return
        if statement.product is not None:
            self.product(statement)
            return
        reads = self.reads(statement)
        text = self.expressions.text(statement.expr)
        if statement.combine:
            self.combine(statement, text)
            return
        place = self.place(value)
        if place.kind == "variable" or not value.shape:
            key = self.variable_key(value, statement.index)
            self.copies.pop(key, None)
            if len(text) <= WIDTH and self.single_use_ahead(statement, reads, block, position):
                self.pending[key] = text, reads
            elif self.is_copy(value, statement.index, text):
                self.copies[key] = text
            else:
                self.assign(value, statement.index, text, statement.location)
            return
        element = self.element(value, statement.index)
        self.forget(value)
        if self.read_ahead(value, block, position) and not text.replace(".", "").isalnum():
            name = self.names.fresh(self.name(value) + "_")
            self.out.line(f"{name} = {text}", self.comment(statement.location))
            self.held[value, element] = name
            text = name
        self.out.line(f"{element} = {text}", self.comment(statement.location))

    def reads(self, statement: Statement) -> set[Value]:
        """The values that the statement's text reads, also by expressions that stand in for others."""
        found = set()
        for load in loads(statement.expr):
            found.add(load.value)
            if self.place(load.value).kind == "variable" or not load.value.shape:
                found |= self.pending.get(self.variable_key(load.value, load.index), ("", set()))[1]
        return found

    def turns_of(self, value: Value, index: tuple[Index, ...]) -> frozenset[Axis]:
        """The unrolled axes around here that the name of an element's variable does not tell apart."""
        named = {axis.find() for dim in self.place(value).kept for axis in index_axes(index[dim])}
        return frozenset(axis for axis in self.expressions.fixed if axis not in named)

    def is_copy(self, value: Value, index: tuple[Index, ...], text: str) -> bool:
        """Whether a value is just another name of a number, or of a variable that stays as it is."""
        if value.mutable or value in self.region_written | self.added_onto or value in self.program.outputs:
            return False
        if _NUMBER.fullmatch(text):
            return True
        steady = text.isidentifier() and text not in self.unsteady
        return steady and self.turns.get(text, frozenset()) <= self.turns_of(value, index)

    def combine(self, statement: Statement, text: str) -> None:
        value = statement.target
        target = self.target(value, statement.index)
        self.forget(value)
        assert statement.combine is not None
        self.fold(target, text, statement.combine, value.dtype, self.comment(statement.location))

    def fold(self, target: str, text: str, combine: str, dtype: np.dtype[Any], comment: str = "") -> None:
        """One step of a reduction."""
        plain = dtype in (np.float32, np.float64, np.int64)
        match combine:
            case "add" | "multiply":
                sign = "+" if combine == "add" else "*"
                if plain:
                    self.out.line(f"{target} {sign}= {text}", comment)
                else:
                    whole = f"{target} {sign} ({text})"
                    self.out.line(f"{target} = {self.expressions.cast(whole, np.dtype(np.int64), dtype)}", comment)
            case "maximum" | "minimum":
                function = self.expressions.function(combine, dtype)
                self.out.line(f"{target} = {function}({target}, {text})", comment)
            case "or" | "and":
                self.out.line(f"{target} {'|' if combine == 'or' else '&'}= {text}", comment)
            case _:
                raise AssertionError(combine)

    def arg_update(self, statement: Statement) -> None:
        """First extremum wins, a NaN wins over all: NumPy's argmax and argmin."""
        assert statement.key is not None and statement.key_value is not None
        key = self.names.fresh("candidate")
        best = self.target(statement.key_value, statement.index)
        sign = ">" if statement.combine == "argmaximum" else "<"
        self.out.line(f"{key} = {self.expressions.text(statement.key)}", self.comment(statement.location))
        nan = f" or ({key} != {key} and {best} == {best})" if statement.key.dtype.kind == "f" else ""
        with self.out.block(f"if {key} {sign} {best}{nan}:"):
            self.assign(statement.key_value, statement.index, key)
            self.assign(statement.target, statement.index, self.expressions.text(statement.expr))

    def single_use_ahead(self, statement: Statement, reads: set[Value], block: Block, position: int) -> bool:
        """Whether the value's one reader comes later in this block, before anything that it reads is written."""
        value = statement.target
        if self.uses[value] != 1 or value in self.program.outputs or len(statement.index) != len(value.shape):
            return False
        for entry in block.items[position + 1 :]:
            if not isinstance(entry, Statement):
                return False
            if any(load.value is value for load in entry.reads()):
                return entry.key is None and not any(isinstance(i, Affine) is False for i in entry.index)
            if reads & set(entry.writes()) or value in entry.writes():
                return False
        return False

    def read_ahead(self, value: Value, block: Block, position: int) -> bool:
        return any(
            isinstance(entry, Statement) and any(load.value is value for load in entry.reads())
            for entry in block.items[position + 1 :]
        )

    def forget(self, value: Value) -> None:
        for key in [key for key in self.held if key[0] is value]:
            del self.held[key]

    # calls and regions

    def product(self, statement: Statement) -> None:
        """A matrix product: addresses and strides for the micro-kernel."""
        assert statement.product is not None
        assert isinstance(statement.expr, Apply)
        rows, cols, depth = (axis.find() for axis in statement.product)
        left, right = statement.expr.args
        assert isinstance(left, Load)
        assert isinstance(right, Load)
        a, a_strides = self.address(left.value, left.index, (rows, depth))
        b, b_strides = self.address(right.value, right.index, (depth, cols))
        c, (c_row, c_col) = self.address(statement.target, statement.index, (rows, cols))
        assert c_col == 1
        function = f"gemm_{statement.target.dtype.name}"
        self.expressions.functions[statement.target.dtype.name, "product"] = function
        accumulate = bool(statement.reduced_classes - statement.product_classes)
        numbers = [rows.extent, cols.extent, depth.extent, a, *a_strides, b, *b_strides, c, c_row, accumulate]
        self.out.line(f"{function}({', '.join(map(str, numbers))})", self.comment(statement.location))
        self.forget(statement.target)

    def address(self, value: Value, index: tuple[Index, ...], axes: tuple[Axis, Axis]) -> tuple[str, tuple[int, int]]:
        """Where a product's operand starts, and its strides along two axes."""
        place = self.place(value)
        stride = 1
        strides = dict.fromkeys(axes, 0)
        start = Affine()
        for dim, extent in zip(reversed(place.kept), reversed(place.shape), strict=True):
            part = index[dim]
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
        return text, (strides[axes[0]], strides[axes[1]])

    def library(self, call: LibraryCall) -> None:
        values = (*call.targets, *call.operands)
        types = [f"{value.dtype.name}*" for value in values]
        types += ["float64" if isinstance(number, float) else "int64" for number in call.numbers]
        function = self.expressions.library_function(call.function, " ".join(types))
        arguments = [*(f"at({self.name(value)}, 0)" for value in values), *map(repr, call.numbers)]
        self.out.line(f"{function}({', '.join(arguments)})", self.comment(call.location))
        self.held.clear()

    def alias(self, value: Value, shape: tuple[int, ...]) -> str:
        """The name of the same memory under another shape."""
        key = (value, shape)
        if key not in self.aliases:
            self.aliases[key] = self.names.fresh(self.name(value) + "_as" + "x".join(map(str, shape)))
        return self.aliases[key]

    def region(self, region: AnyStatement) -> None:
        self.held.clear()
        comment = self.comment(region.location)
        match region:
            case LoopRegion():
                count = self.expressions.text(region.trip_count)
                turn = self.name(region.counter)
                span = f"range({count} - 1, -1, -1)" if region.reverse else f"range({count})"
                with self.out.block(f"for {turn} in {span}:", comment):
                    self.program_tree(region.body)
            case WhileRegion():
                with self.out.block("while True:", comment):
                    self.program_tree(region.condition)
                    with self.out.block(f"if not ({self.expressions.text(region.predicate)}):"):
                        self.out.line("break")
                    self.program_tree(region.body)
            case BranchRegion():
                with self.out.block(f"if {self.expressions.text(region.predicate)}:", comment):
                    self.program_tree(region.then)
                with self.out.block("else:"):
                    self.program_tree(region.orelse)
        self.held.clear()

    def program_tree(self, program: Program) -> None:
        assert program.tree is not None
        self.held.clear()
        self.block(program.tree)
        self.held.clear()


def _count_uses(program: Program) -> tuple[Counter[Value], set[Value], set[Value]]:
    """How many loads of each value the expressions hold, which values regions write, and which are accumulated onto."""
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


def _digit_run(indices: list[Index], shape: tuple[int, ...]) -> int:
    """How many leading indices are all the digits, in order, of one flat index over these stored extents."""
    first = indices[0]
    if not isinstance(first, Digit) or first.position:
        return 0
    count = len(first.extents)
    run = indices[:count]
    matches = len(run) == count and all(
        isinstance(d, Digit) and d.flat == first.flat and d.extents == first.extents and d.position == k
        for k, d in enumerate(run)
    )
    return count if matches and shape[:count] == first.extents else 0


def _neutral(combine: str, dtype: np.dtype[Any]) -> Any:
    """What a reduction starts from."""
    match combine:
        case "add" | "or":
            return dtype.type(0)
        case "multiply" | "and":
            return dtype.type(1)
        case "maximum":
            return dtype.type(-np.inf) if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min
        case "minimum":
            return dtype.type(np.inf) if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max
    raise AssertionError(combine)
