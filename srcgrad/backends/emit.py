"""Program to kernel: the tree of loops as statements of the kernel IR."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from srcgrad.backends.functions import SEE_TO_SIGNALS, product
from srcgrad.backends.memory import stack_of
from srcgrad.backends.reductions import Bounds, Reductions
from srcgrad.backends.sections import write_section
from srcgrad.backends.split import split_loop
from srcgrad.core.location import Location
from srcgrad.kernel.ir import (
    BOOL,
    INT64,
    Address,
    Break,
    Call,
    Callee,
    Do,
    Expr,
    If,
    Let,
    Number,
    Operation,
    Variable,
    While,
    integer,
    number,
)
from srcgrad.kernel.text import width
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Axis,
    Block,
    BranchRegion,
    Index,
    LibraryCall,
    Load,
    Loop,
    LoopRegion,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
    cost_of,
    loads,
)
from srcgrad.schedule.parallel import between_signals

#: expressions longer than this get a variable
WIDTH = 72
#: multiplications in an iteration from which a scalar iteration after the vectors is worth avoiding
EXPENSIVE = 16.0


class Emitter(Reductions):
    """Writes the body of one kernel."""

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
                    self.reduction(run, loop)
                position += 1
                continue
            if isinstance(entry, Loop) and entry.parallel:
                split_loop(self, entry, [])
            elif isinstance(entry, Loop) and entry.axis.extent:
                for bounds in self.whole_vectors(entry):
                    self.write_loop(entry, lambda body=entry.body: self.block(body), bounds)
            elif isinstance(entry, Statement):
                for _ in self.each_lane():
                    self.statement(entry, block, position)
            elif isinstance(entry, LibraryCall):
                self.library(entry)
            elif isinstance(entry, Section):
                write_section(self, entry)
            elif not isinstance(entry, Loop):
                self.region(entry)
            position += 1

    def whole_vectors(self, loop: Loop) -> list[Bounds | None]:
        """The bounds under which a loop is written.

        An expensive loop whose iterations do not fill its last vector is written as two: all whole vectors, then the
        last iterations as one more whole vector, which does some iterations again. That needs iterations that only
        write, and read nothing that the loop writes.
        """
        items = loop.body.items
        statements = [item for item in items if isinstance(item, Statement)]
        if loop.axis.unrolled or len(statements) < len(items):
            return [None]
        written = {value for statement in statements for value in statement.writes() if self.is_array(value)}
        plain = all(not (s.combine or s.onto or s.key or s.product) for s in statements)
        again = any(load.value in written or load.value.mutable for s in statements for load in s.reads())
        if not plain or again or any(value.mutable for s in statements for value in s.writes()):
            return [None]
        lanes = self.machine.lanes(max((value.dtype.itemsize for value in written), default=self.machine.vector_bytes))
        extent = loop.axis.extent
        is_expensive = sum(cost_of(statement.expr) for statement in statements) >= EXPENSIVE
        if not is_expensive or extent <= lanes or extent % lanes == 0:
            return [None]
        whole = number(0), number(extent - extent % lanes)
        return [whole, (number(extent - lanes), number(extent))]

    def is_array(self, value: Value) -> bool:
        return bool(value.shape) and self.place(value).kind != "variable"

    # statements

    def statement(self, statement: Statement, block: Block, position: int) -> None:
        value = statement.target
        if statement.key is not None:
            self.arg_update(statement)
            return
        if statement.product is not None:
            self.product(statement)
            return
        reads = self.reads(statement)
        expr = self.expressions.of(statement.expr)
        if statement.combine:
            self.combine(statement, expr)
            return
        place = self.place(value)
        if place.kind == "variable" or not value.shape:
            key = self.variable_key(value, statement.index)
            self.copies.pop(key, None)
            if self.single_use_ahead(statement, reads, block, position) and width(expr) <= WIDTH:
                self.pending[key] = expr, reads
            elif self.is_copy(value, statement.index, expr):
                self.copies[key] = expr
            else:
                self.assign(value, statement.index, expr, statement.location)
            return
        element = self.element(value, statement.index)
        self.forget(value)
        if self.read_ahead(value, block, position) and not isinstance(expr, Number | Variable):
            variable = self.fresh(self.name(value) + "_", value.dtype)
            self.out.let(variable, expr, self.comment(statement.location))
            expr = self.held[value, element] = variable
        self.write(element, expr, statement.location)

    def reads(self, statement: Statement) -> set[Value]:
        """The values that the statement reads, also by expressions that stand in for others."""
        found = set()
        for load in loads(statement.expr):
            found.add(load.value)
            if self.place(load.value).kind == "variable" or not load.value.shape:
                found |= self.pending.get(self.variable_key(load.value, load.index), (None, set()))[1]
        return found

    def is_copy(self, value: Value, index: tuple[Index, ...], expr: Expr) -> bool:
        """Whether a value is just another name of a number, or of a variable that stays as it is."""
        if value.mutable or value in self.region_written | self.added_onto or value in self.outputs:
            return False
        if isinstance(expr, Number):
            return True
        if not isinstance(expr, Variable) or expr in self.unsteady:
            return False
        return self.iterations.get(expr, frozenset()) <= self.iterations_of(value, index)

    def combine(self, statement: Statement, expr: Expr) -> None:
        value = statement.target
        target = self.target(value, statement.index)
        self.forget(value)
        assert statement.combine is not None
        self.fold(target, expr, statement.combine, self.comment(statement.location))

    def arg_update(self, statement: Statement) -> None:
        """First extremum wins, a NaN wins over all: NumPy's argmax and argmin."""
        assert statement.key is not None
        assert statement.key_value is not None
        key = self.fresh("candidate", statement.key.dtype)
        best = self.target(statement.key_value, statement.index)
        sign = ">" if statement.combine == "argmaximum" else "<"
        self.out.let(key, self.expressions.of(statement.key), self.comment(statement.location))
        better = Operation(sign, (key, best), BOOL)
        if statement.key.dtype.kind == "f":
            new, old = Operation("!=", (key, key), BOOL), Operation("==", (best, best), BOOL)
            better = Operation("or", (better, Operation("and", (new, old), BOOL)), BOOL)
        with self.out.block() as body:
            self.assign(statement.key_value, statement.index, key)
            self.assign(statement.target, statement.index, self.expressions.of(statement.expr))
        self.out.add(If(better, tuple(body)))

    def single_use_ahead(self, statement: Statement, reads: set[Value], block: Block, position: int) -> bool:
        """Whether the value's one reader comes later in this block, before anything that it reads is written."""
        value = statement.target
        if self.uses[value] != 1 or value in self.outputs or len(statement.index) != len(value.shape):
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

    # calls and regions

    @cached_property
    def has_nests(self) -> bool:
        """Whether a product may be nested: then all are called as such ones, so that only one has to be compiled."""
        programs, found = [self.program], False
        while programs and not found:
            for statement in programs.pop().statements:
                programs += inner_programs(statement)
                if isinstance(statement, Statement) and statement.product is not None:
                    found = found or any(len(group) > 1 for group in statement.product)
        return found

    def product(self, statement: Statement) -> None:
        """A matrix product: addresses and strides for the micro-kernel."""
        assert statement.product is not None
        assert isinstance(statement.expr, Apply)
        rows, cols, depth = ([axis.find() for axis in group] for group in statement.product)
        left, right = statement.expr.args
        assert isinstance(left, Load)
        assert isinstance(right, Load)
        a, a_strides = self.address(left.value, left.index, (*rows, *depth))
        b, b_strides = self.address(right.value, right.index, (*depth, *cols))
        c, c_strides = self.address(statement.target, statement.index, (*rows, *cols))
        row_nest = nest(rows, a_strides, c_strides)
        col_nest = nest(cols, b_strides[len(depth) :], c_strides[len(rows) :])
        depth_nest = nest(depth, a_strides[len(rows) :], b_strides)
        assert col_nest[-1][2] == 1
        accumulate = statement.onto or bool(statement.reduced_classes - statement.product_classes)
        dtype = statement.target.dtype.name
        is_flat = len(row_nest) == len(col_nest) == len(depth_nest) == 1
        if is_flat and (statement.parallel or not self.has_nests):
            ((m, a_row, c_row),), ((n, b_col, _),), ((k, a_col, b_row),) = row_nest, col_nest, depth_nest
            kind, name = ("split_product", "gemm_split") if statement.parallel else ("product", "gemm")
            if statement.parallel and m * n * k >= self.machine.blas_size(dtype):
                kind, name = "blas_product", "gemm_blas"
            arguments = [m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, accumulate]
        else:
            kind, name = "nested_product", "gemm_nested"
            if statement.parallel and not statement.onto:
                kind, name = "split_nested_product", "gemm_nested_split"
            arguments = [tuple(row_nest), tuple(col_nest), tuple(depth_nest), a, b, c, accumulate]
        self.call(product(kind, dtype, f"{name}_{dtype}"), arguments, statement.location)
        self.forget(statement.target)

    def library(self, call: LibraryCall) -> None:
        values = (*call.targets, *call.operands)
        types = [f"{value.dtype.name}*" for value in values]
        types += ["float64" if isinstance(number, float) else "int64" for number in call.numbers]
        function = self.expressions.library_function(call.function, " ".join(types))
        arguments = [*(Address(self.buffer(value), number(0)) for value in values), *call.numbers]
        self.call(function, arguments, call.location)
        self.held.clear()

    def call(self, callee: Callee, arguments: Sequence[Any], location: Location | None = None) -> None:
        """A call for what it does; plain numbers become nodes."""
        given = (self.number(value) if isinstance(value, bool | int | float) else value for value in arguments)
        self.out.add(Do(Call(callee, tuple(given), INT64), self.comment(location)))

    def number(self, value: float) -> Number:
        return self.expressions.constant(value, np.dtype(type(value)))

    def region(self, region: AnyStatement) -> None:
        self.held.clear()
        comment = self.comment(region.location)
        match region:
            case LoopRegion():
                count = self.expressions.of(region.trip_count)
                self.make_room(region, count)
                self.counted(region, count, comment)
            case WhileRegion():
                self.repeated(region, comment)
            case BranchRegion():
                test = self.expressions.of(region.predicate)
                with self.out.block() as then:
                    self.program_tree(region.then)
                with self.out.block() as orelse:
                    self.program_tree(region.orelse)
                self.out.add(If(test, tuple(then), tuple(orelse), comment))
        self.held.clear()

    def counted(self, region: LoopRegion, count: Expr, comment: str) -> None:
        """A loop; one that may be long is cut into stretches, between which signals are seen to."""
        iteration, stretch = Variable(self.name(region.counter), INT64), between_signals(region, self.machine)
        if stretch is None:
            bounds: tuple[Expr, Expr, int] = (number(0), count, 1)
            if region.reverse:
                bounds = (integer("-", count, number(1)), number(-1), -1)
            with self.out.loop(iteration, *bounds, note=comment):
                self.program_tree(region.body)
            return
        first = self.fresh("first")
        if not isinstance(count, Variable):
            iterations = self.fresh("iterations")
            self.out.let(iterations, count)
            count = iterations
        with self.out.loop(first, number(0), count, stretch, note=comment):
            with self.out.block() as later:
                self.look()
            self.out.add(If(Operation(">", (first, number(0)), BOOL), tuple(later)))
            last = integer("min", integer("+", first, number(stretch)), count)
            within: tuple[Expr, Expr, int] = (first, last, 1)
            if region.reverse:
                top = integer("-", count, number(1))
                within = (integer("-", top, first), integer("-", top, last), -1)
            with self.out.loop(iteration, *within):
                self.program_tree(region.body)

    def repeated(self, region: WhileRegion, comment: str) -> None:
        """A loop under a condition, in stretches."""
        going = self.fresh("going")
        self.out.let(going, number(1))
        is_going = Operation("==", (going, number(1)), BOOL)
        iteration = self.fresh("iteration")
        with self.out.block() as outer:
            with self.out.loop(iteration, number(0), number(between_signals(region, self.machine) or 1)):
                self.program_tree(region.condition)
                ended = Operation("not", (self.expressions.of(region.predicate),), BOOL)
                self.out.add(If(ended, (Let(going, number(0)), Break())))
                self.program_tree(region.body)
            with self.out.block() as later:
                self.look()
            self.out.add(If(is_going, tuple(later)))
        self.out.add(While(is_going, tuple(outer), comment))

    def look(self) -> None:
        """At signals that have come."""
        self.call(SEE_TO_SIGNALS, ())

    def make_room(self, loop: LoopRegion, count: Expr) -> None:
        """Before a loop, for the slices that it puts out, where their number is known only now."""
        for value in loop.outer_writes:
            if self.place(value).kind == "slices":
                self.out.add(stack_of(self, value, count))

    def program_tree(self, program: Program) -> None:
        assert program.tree is not None
        self.held.clear()
        self.block(program.tree)
        self.held.clear()


def nest(axes: Sequence[Axis], one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int, int]]:
    """The extents of some axes and their strides in two arrays, the outermost first; two axes that are as good as one
    in both arrays become one.
    """
    found: list[tuple[int, int, int]] = []
    order = sorted(zip(axes, one, other, strict=False), key=lambda axis: (-abs(axis[2]), -abs(axis[1])))
    for axis, step, other_step in order:
        if found and found[-1][1:] == (step * axis.extent, other_step * axis.extent):
            found[-1] = (found[-1][0] * axis.extent, step, other_step)
        else:
            found.append((axis.extent, step, other_step))
    return found
