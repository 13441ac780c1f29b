"""A scheduled program as Python that people read: loops over one index a dimension, and nothing of the machine.

    for i in range(100):                        a loop of the tree
        hidden = np.tanh(...)                   a value that fusion left no dimension
        grad_w[j] += d_hidden * x[i, j]         a step of a reduction
    h = images @ w                              a product of matrices
    new = grid.copy()                           a loop that only copies, or only fills

It runs as it stands, with `np` and `special` (SciPy's) in scope. A number without a name of the user's that is read
once is written where it is read.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.scalar_functions import REDUCING_OPERATORS, neutral_element
from srcgrad.schedule.ir import (
    Affine,
    Axis,
    Block,
    BranchRegion,
    Const,
    Expr,
    Index,
    LibraryCall,
    Load,
    Loop,
    LoopRegion,
    Part,
    Program,
    Start,
    Statement,
    Value,
    WhileRegion,
    index_axes,
    loads,
    walk,
)
from srcgrad.schedule.python.expressions import PythonExpressions, dtype_argument, number, scalar_call, typed
from srcgrad.schedule.python.products import product_text
from srcgrad.schedule.python.uses import Uses, flat
from srcgrad.schedule.storage import Storage
from srcgrad.schedule.text import axis_names

#: longer expressions get a line of their own
WIDTH = 64
#: constants of more elements are parameters of the function
LITERAL = 64
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def python_text(program: Program, storage: Storage, name: str) -> str:
    """The definition of a function of the inputs, and of large constants, that returns the outputs."""
    return Printer(program, storage).function(name if name.isidentifier() else "f")


class Printer(PythonExpressions):
    """Writes the lines of one function."""

    def __init__(self, program: Program, storage: Storage) -> None:
        super().__init__(storage.places)
        self.program = program
        self.uses = Uses(program)
        self.lines: list[str] = []
        self.indent = ""
        self.declared = set(program.inputs)
        #: what is an input at first, under its name
        self.copied: dict[Value, Value] = {}
        #: the indices of the loops around
        self.around: list[str] = []
        self.constants = [value for value, place in self.places.items() if place.kind == "constant"]
        for value in program.outputs:
            value.name = value.name or "result"
        for statement in program.statements:
            if isinstance(statement, Statement):
                self.rebind(statement)
        self.taken |= {value.name for value in self.uses.order if not value.is_step and value.role != "counter"}
        for value in program.inputs:
            self.name(value)
        for value, given in self.copied.items():
            self.names[value] = self.names[given]

    def rebind(self, statement: Statement) -> None:
        """Call a copy of an input as the input, where nothing else reads that."""
        source, target = statement.expr, statement.target
        if isinstance(source, Load) and source.value.role == "input" and self.uses.count[source.value] == 1:
            same = self.shape(source.value) == self.shape(target) and source.index == statement.index
            if same and not statement.combine and target.mutable:
                self.copied[target] = source.value

    # the function

    def function(self, name: str) -> str:
        program = self.program
        parameters = [self.name(value) for value in program.inputs]
        self.indent = "    "
        for value in self.constants:
            self.declared.add(value)
            if value.data.size > LITERAL:
                parameters.append(self.name(value))
            else:
                self.put(f"{self.name(value)} = np.array({value.data.tolist()!r}{dtype_argument(value.dtype)})")
        for value in self.copied:
            self.declared.add(value)
            if self.kept(value):
                self.put(f"{self.name(value)} = {self.name(value)}.copy()")
        assert program.tree is not None
        self.block(program.tree)
        results = [self.result(v, shape) for v, shape in zip(program.outputs, program.output_shapes, strict=True)]
        for value in program.outputs:
            if value not in self.declared and self.kept(value):  # nothing fills an empty array
                self.declare(value)
        self.put(f"return {', '.join(results)}" if results else "return ()")
        header = [f"{name} = TABLE[{row!r}].reference" for name, row in sorted(self.helpers.items())]
        head = ["from srcgrad.core.op import TABLE", "", *header, "", ""] if header else []
        return "\n".join([*head, f"def {name}({', '.join(parameters)}):", *self.lines]) + "\n"

    def result(self, value: Value, shape: tuple[int, ...]) -> str:
        name = self.name(value)
        if shape == value.shape:
            return name
        return f"{name}.reshape({shape})" if shape else f"{name}[{', '.join('0' for _ in value.shape)}]"

    def put(self, line: str) -> None:
        self.lines.append(self.indent + line)

    # blocks

    def suite(self, header: str, block: Block, tail: Expr | None = None) -> None:
        self.put(f"{header}:")
        outside, self.indent = self.indent, self.indent + "    "
        first = len(self.lines)
        self.block(block, tail)
        if len(self.lines) == first:
            self.put("pass")
        self.indent = outside

    def block(self, block: Block, tail: Expr | None = None) -> None:
        """The items of a block; ``tail`` is read after them."""
        items = flat(block)
        for position, item in enumerate(items):
            rest = items[position + 1 :]
            if isinstance(item, Loop) and self.whole(item, block):
                continue
            if isinstance(item, Statement) and item.product is not None:
                self.product(item, block)
                continue
            if isinstance(item, Start):
                self.start(item, block)
                continue
            if isinstance(item, LibraryCall):
                self.library(item, block)
                continue
            self.declare_all(item, block)
            match item:
                case Loop():
                    self.loop((item.axis,), functools.partial(self.block, item.body))
                case Statement():
                    self.statement(item, rest, tail)
                case _:
                    self.region(item)

    def loop(self, axes: Sequence[Axis], body: Callable[[], None]) -> None:
        """A nest of loops."""
        if not axes:
            body()
            return
        axis = axes[0].find()
        self.axes[axis] = self.index_name()
        self.put(f"for {self.axes[axis]} in range({axis.extent}):")
        outside, self.indent = self.indent, self.indent + "    "
        first = len(self.lines)
        self.loop(axes[1:], body)
        if len(self.lines) == first:  # what it would do is done already
            self.lines.pop()
        self.indent = outside
        self.around.remove(self.axes.pop(axis))

    def index_name(self, wish: str = "i") -> str:
        """A name for the index of a loop, which no loop around it has."""
        names = itertools.chain([wish], axis_names())
        self.around.append(next(name for name in names if name not in self.around and name not in self.taken))
        return self.around[-1]

    # arrays

    def declare_all(self, item: Part, block: Block) -> None:
        """The arrays that live in a block and are first touched by an item."""
        for value in self.uses.order:
            touched = value in self.uses.writes[id(item)] or value in self.uses.reads[id(item)]
            if touched and self.kept(value) and self.is_new(value, block):
                self.declare(value)

    def declare(self, value: Value, how: str = "np.empty({shape}{dtype})") -> None:
        self.declared.add(value)
        shape = self.shape(value)
        extents = str(shape[0]) if len(shape) == 1 else str(shape)
        self.put(f"{self.name(value)} = {how.format(shape=extents, dtype=dtype_argument(value.dtype))}")

    def filled(self, value: Value, element: Any) -> str:
        """How an array of one number is made."""
        if element == 0 and not (value.dtype.kind in "fc" and np.signbit(np.real(element))):
            return "np.zeros({shape}{dtype})"
        if element == 1:
            return "np.ones({shape}{dtype})"
        return f"np.full({{shape}}, {ast.unparse(number(element))}{{dtype}})"

    def is_new(self, value: Value, block: Block) -> bool:
        """Whether an array of a block has not been touched yet."""
        return value not in self.declared and self.uses.home[value] is block and self.places[value].kind != "slices"

    def start(self, start: Start, block: Block) -> None:
        """The neutral elements of an accumulator."""
        statement = start.statement
        assert statement.combine is not None
        accumulated = statement.target if statement.key_value is None else statement.key_value
        neutral = neutral_element(statement.combine.removeprefix("arg"), accumulated.dtype).item()
        targets = [(accumulated, neutral)]
        if statement.key_value is not None:  # the position of the extremum
            targets.insert(0, (statement.target, 0))
        over = {axis.find() for axis in start.axes}
        for value, neutral in targets:
            if not self.kept(value):
                self.put(f"{self.name(value)} = {ast.unparse(typed(neutral, value.dtype))}")
            elif self.is_new(value, block) and len(over) == len(self.kept(value)):
                self.declare(value, self.filled(value, neutral))
            else:
                self.declare_all(start, block)
                indices = [statement.index[dim] for dim in self.kept(value)]
                parts = [":" if _axis(index) in over else ast.unparse(self.index(index)) for index in indices]
                self.put(f"{self.name(value)}[{', '.join(parts)}] = {ast.unparse(number(neutral))}")

    def whole(self, loop: Loop, block: Block) -> bool:
        """Write loops that only fill or copy whole arrays without loops."""
        found = []
        for item, path in walk(Block([loop])):
            if not isinstance(item, Statement) or item.combine or item.onto or item.key or item.product:
                return False
            axes = self.pattern(item.target, item.index)
            if axes is None or {*axes} != {loop.axis for loop in path} or item.target in self.pending:
                return False
            match item.expr:
                case Const(value=element):
                    found.append((item.target, ast.unparse(number(element)), self.filled(item.target, element)))
                case Load(value=source) if self.copied.get(item.target) is source:
                    continue
                case Load(value=source, index=index) if source not in self.pending:
                    part = self.part(source, index, axes)
                    if part is None:
                        return False
                    is_fixed = source.role == "input" and source not in self.copied.values()
                    is_view = is_fixed and part != self.name(source) and item.target.role == "temporary"
                    found.append((item.target, part, part if is_view and self.is_read_only(item) else f"{part}.copy()"))
                case _:
                    return False
        for value, assigned, made in found:
            if self.is_new(value, block):
                self.declare(value, made)
            else:
                self.put(f"{self.name(value)}[...] = {assigned}")
        return True

    def is_read_only(self, writer: Statement) -> bool:
        """Whether an array is as its only writer leaves it, and no result."""
        value = writer.target
        return not value.mutable and self.uses.writers[value] == 1 and value not in self.program.outputs

    def part(self, value: Value, index: tuple[Index, ...], axes: list[Axis]) -> str | None:
        """The part of an array that some axes go over in order, all of each dimension: ``inputs[i]``."""
        over: list[Axis] = []
        parts: list[str] = []
        for dim, extent in zip(self.kept(value), self.shape(value), strict=True):
            axis = _axis(index[dim])
            if axis in axes and axis is not None:
                over.append(axis)
                parts.append(":" if axis.extent == extent else "")
            elif {*index_axes(index[dim])} & {*axes}:
                return None
            else:
                parts.append(ast.unparse(self.index(index[dim])))
        if over != axes or "" in parts:
            return None
        while parts and parts[-1] == ":":
            parts.pop()
        return f"{self.name(value)}[{', '.join(parts)}]" if parts else self.name(value)

    def pattern(self, value: Value, index: tuple[Index, ...]) -> list[Axis] | None:
        """The axes that go over all of an array, one a dimension."""
        axes = [_axis(index[dim]) for dim in self.kept(value)]
        if not axes or any(axis is None for axis in axes):
            return None
        extents = tuple(axis.extent for axis in axes if axis is not None)
        return axes if extents == self.shape(value) else None  # type: ignore[return-value]

    # statements

    def statement(self, statement: Statement, rest: Sequence[Part], tail: Expr | None) -> None:
        if statement.key is not None:
            self.arg_update(statement)
            return
        value = statement.target
        reads, expr = self.reads(statement), self.expr(statement.expr)
        if isinstance(expr, ast.Constant) and not self.kept(value):
            expr = typed(expr.value, value.dtype)
        if statement.combine:
            self.fold(self.element(value, statement.index), expr, statement.combine)
        elif self.is_written_where_read(value, expr, reads, rest, tail):
            self.pending[value] = expr, reads
        else:
            self.assign(self.element(value, statement.index), expr)

    def assign(self, target: ast.expr, expr: ast.expr) -> None:
        """``target = expr``, or a step: ``target += rest``."""
        text = ast.unparse(target)
        if text == ast.unparse(expr):
            return
        if isinstance(expr, ast.BinOp):
            sign, left, right = _SIGNS.get(type(expr.op)), expr.left, expr.right
            if sign and ast.unparse(left) == text:
                self.put(f"{text} {sign}= {ast.unparse(right)}")
                return
            if sign in ("+", "*") and ast.unparse(right) == text:
                self.put(f"{text} {sign}= {ast.unparse(left)}")
                return
        self.put(f"{text} = {ast.unparse(expr)}")

    def fold(self, target: ast.expr, expr: ast.expr, combine: str) -> None:
        """A step of a reduction."""
        if combine in REDUCING_OPERATORS:
            sign, _ = REDUCING_OPERATORS[combine]
            if combine == "add" and isinstance(expr, ast.UnaryOp) and isinstance(expr.op, ast.USub):
                sign, expr = "-", expr.operand
            self.put(f"{ast.unparse(target)} {sign}= {ast.unparse(expr)}")
        else:
            self.put(f"{ast.unparse(target)} = {ast.unparse(scalar_call(combine, [target, expr]))}")

    def arg_update(self, statement: Statement) -> None:
        """The first extremum wins, and a NaN over all."""
        assert statement.key is not None
        assert statement.key_value is not None
        best = self.element(statement.key_value, statement.index)
        index, key = self.element(statement.target, statement.index), self.expr(statement.key)
        sign = ">" if statement.combine == "argmaximum" else "<"
        new, old = ast.unparse(key), ast.unparse(best)
        test = f"{new} {sign} {old}"
        if statement.key.dtype.kind == "f":
            test += f" or (np.isnan({new}) and not np.isnan({old}))"
        self.put(f"if {test}:")
        self.put(f"    {ast.unparse(index)}, {old} = {ast.unparse(self.expr(statement.expr))}, {new}")

    def reads(self, statement: Statement) -> set[Value]:
        found = {load.value for load in statement.reads()}
        for value in list(found):
            found |= self.pending.get(value, (None, set()))[1]
        return found

    def is_written_where_read(
        self, value: Value, expr: ast.expr, reads: set[Value], rest: Sequence[Part], tail: Expr | None
    ) -> bool:
        """Whether a number is read once, further on in this block, before anything that it reads is written."""
        if self.kept(value) or value in self.program.outputs or self.uses.count[value] != 1 or value.mutable:
            return False
        is_named = bool(value.name) and not value.is_step
        for item in rest:
            if value in self.uses.reads[id(item)]:
                is_copy = isinstance(item, Statement) and isinstance(item.expr, Load) and not item.combine
                if is_copy or (len(ast.unparse(expr)) <= WIDTH and not is_named):
                    return isinstance(item, Statement) and item.key is None and item.product is None
                return False
            if self.uses.writes[id(item)] & {value, *reads}:
                return False
        return tail is not None and any(load.value is value for load in loads(tail))

    def library(self, call: LibraryCall, block: Block) -> None:
        """A call on whole values: the row's own reference in NumPy."""
        operands = [self.result(value, shape) for value, shape in zip(call.operands, call.shapes, strict=False)]
        given = ", ".join([*operands, *(f"{name}={value!r}" for name, value in call.params.items())])
        self.helpers[call.row] = call.row
        for value in call.operands:
            if self.is_new(value, block):  # nothing fills an empty array
                self.declare(value)
        if all(self.is_new(value, block) for value in call.targets):
            targets = [self.name(value) for value in call.targets]
            self.declared.update(call.targets)
        else:
            self.declare_all(call, block)
            targets = [f"{self.name(value)}[...]" for value in call.targets]
        self.put(f"{', '.join(targets)} = {call.row}({given})")

    # products

    def product(self, statement: Statement, block: Block) -> None:
        """A product of matrices, in one line where its operands are matrices."""
        found = product_text(self, statement)
        if found is None:
            self.declare_all(statement, block)
            self.product_loops(statement)
            return
        place, product = found
        accumulates = statement.onto or bool(statement.reduced_classes - statement.product_classes)
        if self.is_new(statement.target, block) and not accumulates and place == self.name(statement.target):
            self.declare(statement.target, product)
            return
        self.declare_all(statement, block)
        self.put(f"{place}{'' if '[' in place or accumulates else '[...]'} {'+' if accumulates else ''}= {product}")

    def product_loops(self, statement: Statement) -> None:
        """A product of matrices as loops."""
        assert statement.product is not None
        rows, cols, depth = statement.product

        def step() -> None:
            self.fold(self.element(statement.target, statement.index), self.expr(statement.expr), "add")

        def element() -> None:
            if not statement.onto and not statement.reduced_classes - statement.product_classes:
                self.assign(self.element(statement.target, statement.index), number(0.0))
            self.loop(depth, step)

        self.loop((*rows, *cols), element)

    # regions

    def region(self, region: Any) -> None:
        match region:
            case LoopRegion():
                count = ast.unparse(self.expr(region.trip_count))
                for value in region.outer_writes:
                    if self.places[value].kind == "slices" and value not in self.declared:
                        shape = ", ".join(map(str, value.shape[1:]))
                        self.declare(
                            value, f"np.empty(({count}, {shape}){{dtype}})" if shape else f"np.empty({count}{{dtype}})"
                        )
                space = f"reversed(range({count}))" if region.reverse else f"range({count})"
                assert region.body.tree is not None
                self.names[region.counter] = self.index_name(region.counter.name)
                self.suite(f"for {self.name(region.counter)} in {space}", region.body.tree)
                self.around.remove(self.names.pop(region.counter))
            case WhileRegion():
                self.repeated(region)
            case BranchRegion():
                assert region.then.tree is not None
                assert region.orelse.tree is not None
                self.suite(f"if {ast.unparse(self.expr(region.predicate))}", region.then.tree)
                if region.orelse.tree.items:
                    self.suite("else", region.orelse.tree)

    def repeated(self, region: WhileRegion) -> None:
        """``while test:``, where the test is an expression; else ``while True:`` with a break."""
        assert region.condition.tree is not None
        assert region.body.tree is not None
        before = len(self.lines)
        outside, self.indent = self.indent, self.indent + "    "
        self.block(region.condition.tree, region.predicate)
        test = self.expr(region.predicate)
        if len(self.lines) == before:
            self.lines.append(f"{outside}while {ast.unparse(test)}:")
        else:
            self.lines.insert(before, f"{outside}while True:")
            self.put(f"if {ast.unparse(ast.UnaryOp(ast.Not(), test))}:")
            self.put("    break")
        self.block(region.body.tree)
        self.indent = outside


def _axis(index: Index) -> Axis | None:
    return index.axis if isinstance(index, Affine) else None
