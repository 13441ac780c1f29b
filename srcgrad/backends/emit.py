"""Program to source text: the tree of loops as Python that Numba compiles and people read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from srcgrad.backends.gemm.blas import threshold
from srcgrad.backends.reductions import VECTOR_BYTES, Bounds, Reductions
from srcgrad.backends.sections import write_section
from srcgrad.backends.split import split_loop
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

_NUMBER = re.compile(r"\(?-?[\d.]+(e[-+]?\d+)?\)?|c_\w+")
#: expressions longer than this get a variable
WIDTH = 72
#: multiplications in a turn from which a scalar turn after the vectors is worth avoiding
DEAR = 16.0


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

        A dear loop whose turns do not fill its last vector is written as two: all whole vectors, then the last
        turns as one more whole vector, which does some turns again. That needs turns that only write, and read
        nothing that the loop writes.
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
        lanes = VECTOR_BYTES // max((value.dtype.itemsize for value in written), default=VECTOR_BYTES)
        extent = loop.axis.extent
        dear = sum(cost_of(statement.expr) for statement in statements) >= DEAR
        if not dear or extent <= lanes or extent % lanes == 0:
            return [None]
        return [("0", str(extent - extent % lanes)), (str(extent - lanes), str(extent))]

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
        self.write(element, text, statement.location)

    def reads(self, statement: Statement) -> set[Value]:
        """The values that the statement's text reads, also by expressions that stand in for others."""
        found = set()
        for load in loads(statement.expr):
            found.add(load.value)
            if self.place(load.value).kind == "variable" or not load.value.shape:
                found |= self.pending.get(self.variable_key(load.value, load.index), ("", set()))[1]
        return found

    def is_copy(self, value: Value, index: tuple[Index, ...], text: str) -> bool:
        """Whether a value is just another name of a number, or of a variable that stays as it is."""
        if value.mutable or value in self.region_written | self.added_onto or value in self.outputs:
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

    def arg_update(self, statement: Statement) -> None:
        """First extremum wins, a NaN wins over all: NumPy's argmax and argmin."""
        assert statement.key is not None
        assert statement.key_value is not None
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
            if statement.parallel and m * n * k >= threshold(dtype, m * n * k):
                kind, name = "blas_product", "gemm_blas"
            arguments = [m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, accumulate]
        else:
            kind, name = "nested_product", "gemm_nested"
            if statement.parallel and not statement.onto:
                kind, name = "split_nested_product", "gemm_nested_split"
            arguments = [tuple(row_nest), tuple(col_nest), tuple(depth_nest), a, b, c, accumulate]
        function = self.expressions.functions[dtype, kind] = f"{name}_{dtype}"
        self.out.line(f"{function}({', '.join(map(str, arguments))})", self.comment(statement.location))
        self.forget(statement.target)

    def library(self, call: LibraryCall) -> None:
        values = (*call.targets, *call.operands)
        types = [f"{value.dtype.name}*" for value in values]
        types += ["float64" if isinstance(number, float) else "int64" for number in call.numbers]
        function = self.expressions.library_function(call.function, " ".join(types))
        arguments = [*(f"at({self.name(value)}, 0)" for value in values), *map(repr, call.numbers)]
        self.out.line(f"{function}({', '.join(arguments)})", self.comment(call.location))
        self.held.clear()

    def region(self, region: AnyStatement) -> None:
        self.held.clear()
        comment = self.comment(region.location)
        match region:
            case LoopRegion():
                count = self.expressions.text(region.trip_count)
                self.make_room(region, count)
                self.counted(region, count, comment)
            case WhileRegion():
                self.repeated(region, comment)
            case BranchRegion():
                with self.out.block(f"if {self.expressions.text(region.predicate)}:", comment):
                    self.program_tree(region.then)
                with self.out.block("else:"):
                    self.program_tree(region.orelse)
        self.held.clear()

    def counted(self, region: LoopRegion, count: str, comment: str) -> None:
        """A loop; one that may be long is cut into stretches, between which signals are seen to."""
        turn, stretch = self.name(region.counter), between_signals(region)
        if stretch is None:
            span = f"range({count} - 1, -1, -1)" if region.reverse else f"range({count})"
            with self.out.block(f"for {turn} in {span}:", comment):
                self.program_tree(region.body)
            return
        turns, first = count, self.names.fresh("first")
        if not count.isidentifier():
            turns = self.names.fresh("turns")
            self.out.line(f"{turns} = {count}")
        with self.out.block(f"for {first} in range(0, {turns}, {stretch}):", comment):
            with self.out.block(f"if {first} > 0:"):
                self.look()
            bounds = f"{first}, min({first} + {stretch}, {turns})"
            if region.reverse:
                bounds = f"{turns} - 1 - {first}, {turns} - 1 - min({first} + {stretch}, {turns}), -1"
            with self.out.block(f"for {turn} in range({bounds}):"):
                self.program_tree(region.body)

    def repeated(self, region: WhileRegion, comment: str) -> None:
        """A loop under a condition, in stretches."""
        going = self.names.fresh("going")
        self.out.line(f"{going} = 1")
        with self.out.block(f"while {going} == 1:", comment):
            with self.out.block(f"for {self.names.fresh('turn')} in range({between_signals(region)}):"):
                self.program_tree(region.condition)
                with self.out.block(f"if not ({self.expressions.text(region.predicate)}):"):
                    self.out.line(f"{going} = 0")
                    self.out.line("break")
                self.program_tree(region.body)
            with self.out.block(f"if {going} == 1:"):
                self.look()

    def look(self) -> None:
        """At signals that have come."""
        self.sees_to_signals = True
        self.out.line("see_to_signals()")

    def make_room(self, loop: LoopRegion, count: str) -> None:
        """Before a loop, for the slices that it puts out, where their number is known only now."""
        from srcgrad.backends.module import numba_name, tuple_text

        for value in loop.outer_writes:
            place = self.place(value)
            if place.kind == "slices":
                what = f"{place.offset}, {count}, {numba_name(value.dtype.name)}, {tuple_text(place.shape)}"
                self.out.line(f"{self.name(value)} = stack_of(workspace, {what})")

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
