"""The micro-kernel: one tile of a matrix product, held in vector registers for the whole sum.

    C[0:rows, 0:cols] (+)= sum over p < depth of A[0:rows, p] B[p, 0:cols]          rows <= ROWS, cols <= COLS

A is read through two strides, one scalar at a time, and broadcast; B through a row stride, its columns
adjacent. For each p the tile takes ROWS scalars, COLS / lanes vectors, and ROWS * COLS / lanes fused
multiply-adds: with 8 rows of two vectors, 10 loads for 16 multiply-adds, which is what a core with two vector
units and two load ports sustains. The tile is chosen for the vector registers of the CPU at hand (Goto and van
de Geijn, "Anatomy of high-performance matrix multiplication", 2008, for the scheme around it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

INDEX = ir.IntType(64)


@dataclass(frozen=True)
class Tile:
    """The shape of the register tile: ``rows`` by ``vectors`` vectors of ``lanes`` elements."""

    rows: int
    vectors: int
    lanes: int

    itemsize: int

    @property
    def cols(self) -> int:
        return self.vectors * self.lanes


def cpu_features() -> set[str]:
    """The features of the CPU that code is compiled for (NUMBA_CPU_FEATURES where it is set)."""
    from numba.core import config

    text = config.CPU_FEATURES
    if text is None:
        return {name for name, present in binding.get_host_cpu_features().items() if present}
    return {part[1:] for part in text.split(",") if part.startswith("+")}


def choose_tile(itemsize: int) -> Tile:
    """The tile for elements of this size: 32, 16 or 16 vector registers of 64, 32 or 16 bytes."""
    features = cpu_features()
    if "avx512f" in features:
        return Tile(8, 2, 64 // itemsize, itemsize)
    if "avx2" in features or "avx" in features:
        return Tile(4, 2, 32 // itemsize, itemsize)
    return Tile(4, 2, 16 // itemsize, itemsize)


#: by Numba's type of the elements
TILES = {types.float32: choose_tile(4), types.float64: choose_tile(8)}


def _make_micro(name: str, *, partial: bool, vectors: int | None = None) -> Any:
    """The intrinsic ``micro(a, a_row, a_col, b, b_row, c, c_row, depth, rows, cols, accumulate)`` on raw pointers.

    ``partial`` tiles read no column of B and write no element of C outside rows and cols; the others write a
    whole tile. ``vectors`` is the width of a tile that is narrower than the usual one.

    The rows of A and of C may be given by tables of offsets, which are pointers to integers, instead of strides. Then
    ``depth`` is a pair: how many runs there are, and how long each is; ``a_col`` and ``b_row`` are pairs too: a table
    of where the runs begin, and the stride inside.
    """

    def micro(
        typingctx: Any,
        a: Any,
        a_row: Any,
        a_col: Any,
        b: Any,
        b_row: Any,
        c: Any,
        c_row: Any,
        depth: Any,
        rows: Any,
        cols: Any,
        accumulate: Any,
    ) -> Any:
        element = ir.FloatType() if a.dtype == types.float32 else ir.DoubleType()

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            tile = TILES[a.dtype]
            tile = tile if vectors is None else replace(tile, vectors=vectors)
            pairs = [
                cgutils.unpack_tuple(builder, arg) if isinstance(kind, types.BaseTuple) else arg
                for kind, arg in zip(sig.args, args, strict=True)
            ]
            _Tile(builder, tile, element, partial).emit(*pairs)
            return context.get_dummy_value()

        index = types.int64
        steps = [
            step if isinstance(step, types.CPointer | types.BaseTuple) else index
            for step in (a_row, a_col, b_row, c_row, depth)
        ]
        return types.void(
            a, steps[0], steps[1], b, steps[2], c, steps[3], steps[4], index, index, types.boolean
        ), codegen

    micro.__name__ = micro.__qualname__ = name
    return intrinsic(micro)


class _Tile:
    """Writes the instructions of one tile."""

    def __init__(self, builder: Any, tile: Tile, element: ir.Type, partial: bool) -> None:
        self.builder = builder
        self.tile = tile
        self.element = element
        self.partial = partial
        self.vector = ir.VectorType(element, tile.lanes)

    def constant(self, value: int) -> Any:
        return ir.Constant(INDEX, value)

    def emit(
        self,
        a: Any,
        a_row: Any,
        a_col: Any,
        b: Any,
        b_row: Any,
        c: Any,
        c_row: Any,
        depth: Any,
        rows: Any,
        cols: Any,
        accumulate: Any,
    ) -> None:
        builder, tile = self.builder, self.tile
        masks = [self.mask(cols, v) for v in range(tile.vectors)] if self.partial else []
        rows_of_a = []
        for r in range(tile.rows):
            row = self.constant(r)
            if self.partial:
                last = builder.sub(rows, self.constant(1))
                row = builder.select(builder.icmp_signed("<", row, last), row, last)
            rows_of_a.append(builder.gep(a, [self.offset(row, a_row)]))
        zero = ir.Constant(self.vector, None)
        sums = [zero] * (tile.rows * tile.vectors)
        if isinstance(depth, list):
            sums = self.loop(
                depth[0], sums, lambda run, so_far: self.run(rows_of_a, a_col, b, b_row, depth[1], run, so_far, masks)
            )
        else:
            sums = self.sum(rows_of_a, None, a_col, b, b_row, depth, sums, masks)
        for r in range(tile.rows):
            if self.partial:
                with builder.if_then(builder.icmp_signed("<", self.constant(r), rows)):
                    self.store_row(c, c_row, r, sums, masks, accumulate)
            else:
                self.store_row(c, c_row, r, sums, masks, accumulate)

    def offset(self, number: Any, step: Any) -> Any:
        """Of a row or column, in elements: from a stride, or from a table."""
        builder = self.builder
        if isinstance(step.type, ir.PointerType):
            return builder.load(builder.gep(step, [number]))
        return builder.mul(number, step)

    def loop(self, count: Any, start: list[Any], iteration: Any) -> list[Any]:
        """``count`` iterations that take vectors to vectors."""
        builder = self.builder
        entry = builder.block
        head = builder.append_basic_block("gemm.head")
        body = builder.append_basic_block("gemm.body")
        done = builder.append_basic_block("gemm.done")
        builder.branch(head)
        builder.position_at_end(head)
        p = builder.phi(INDEX)
        p.add_incoming(self.constant(0), entry)
        so_far = []
        for value in start:
            phi = builder.phi(self.vector)
            phi.add_incoming(value, entry)
            so_far.append(phi)
        builder.cbranch(builder.icmp_signed("<", p, count), body, done)
        builder.position_at_end(body)
        new = iteration(p, so_far)
        following = builder.add(p, self.constant(1))
        last = builder.block
        builder.branch(head)
        p.add_incoming(following, last)
        for phi, value in zip(so_far, new, strict=True):
            phi.add_incoming(value, last)
        builder.position_at_end(done)
        return so_far

    def run(
        self,
        rows_of_a: list[Any],
        a_col: Any,
        b: Any,
        b_row: Any,
        depth: Any,
        run: Any,
        sums: list[Any],
        masks: list[Any],
    ) -> list[Any]:
        """One run of the depth."""
        builder = self.builder
        a_start = builder.load(builder.gep(a_col[0], [run]))
        b_start = builder.load(builder.gep(b_row[0], [run]))
        return self.sum(rows_of_a, a_start, a_col[1], builder.gep(b, [b_start]), b_row[1], depth, sums, masks)

    def sum(
        self,
        rows_of_a: list[Any],
        a_start: Any,
        a_col: Any,
        b: Any,
        b_row: Any,
        depth: Any,
        sums: list[Any],
        masks: list[Any],
    ) -> list[Any]:
        builder, tile = self.builder, self.tile

        def iteration(p: Any, so_far: list[Any]) -> list[Any]:
            row_of_b = builder.gep(b, [builder.mul(p, b_row)])
            vectors = [self.load(row_of_b, v, masks) for v in range(tile.vectors)]
            column_of_a = builder.mul(p, a_col)
            if a_start is not None:
                column_of_a = builder.add(column_of_a, a_start)
            new = []
            for r in range(tile.rows):
                splat = self.splat(builder.load(builder.gep(rows_of_a[r], [column_of_a])))
                own = so_far[r * tile.vectors : (r + 1) * tile.vectors]
                new += [self.multiply_add(splat, vector, total) for vector, total in zip(vectors, own, strict=True)]
            return new

        return self.loop(depth, sums, iteration)

    def store_row(self, c: Any, c_row: Any, r: int, sums: list[Any], masks: list[Any], accumulate: Any) -> None:
        builder, tile = self.builder, self.tile
        row = builder.gep(c, [self.offset(self.constant(r), c_row)])
        values = sums[r * tile.vectors : (r + 1) * tile.vectors]
        with builder.if_else(accumulate) as (add, overwrite):
            with add:
                for v, value in enumerate(values):
                    self.store(builder.fadd(value, self.load(row, v, masks)), row, v, masks)
            with overwrite:
                for v, value in enumerate(values):
                    self.store(value, row, v, masks)

    def mask(self, cols: Any, v: int) -> Any:
        """Which lanes of vector v are columns of the tile."""
        builder, lanes = self.builder, self.tile.lanes
        numbers = ir.VectorType(INDEX, lanes)
        first = v * lanes
        lane_numbers = ir.Constant(numbers, [first + lane for lane in range(lanes)])
        limit = builder.insert_element(ir.Constant(numbers, ir.Undefined), cols, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
        limits = builder.shuffle_vector(limit, ir.Constant(numbers, ir.Undefined), zeros)
        return builder.icmp_signed("<", lane_numbers, limits)

    def splat(self, scalar: Any) -> Any:
        builder = self.builder
        single = builder.insert_element(ir.Constant(self.vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.tile.lanes), None)
        return builder.shuffle_vector(single, ir.Constant(self.vector, ir.Undefined), zeros)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(self.declare(f"llvm.fmuladd.{self.suffix()}", kind), [x, y, z])

    def declare(self, name: str, kind: ir.FunctionType) -> Any:
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, kind, name)

    def vector_address(self, row: Any, v: int) -> Any:
        builder = self.builder
        address = builder.gep(row, [self.constant(v * self.tile.lanes)])
        return builder.bitcast(address, self.vector.as_pointer())

    def load(self, row: Any, v: int, masks: list[Any]) -> Any:
        builder = self.builder
        address = self.vector_address(row, v)
        if not masks:
            loaded = builder.load(address)
            loaded.align = self.tile.itemsize
            return loaded
        kind = ir.FunctionType(self.vector, [address.type, ir.IntType(32), masks[v].type, self.vector])
        function = self.declare(f"llvm.masked.load.{self.suffix()}.p0", kind)
        arguments = [address, ir.Constant(ir.IntType(32), self.tile.itemsize), masks[v], ir.Constant(self.vector, None)]
        return builder.call(function, arguments)

    def store(self, value: Any, row: Any, v: int, masks: list[Any]) -> None:
        builder = self.builder
        address = self.vector_address(row, v)
        if not masks:
            builder.store(value, address).align = self.tile.itemsize
            return
        kind = ir.FunctionType(ir.VoidType(), [self.vector, address.type, ir.IntType(32), masks[v].type])
        function = self.declare(f"llvm.masked.store.{self.suffix()}.p0", kind)
        builder.call(function, [value, address, ir.Constant(ir.IntType(32), self.tile.itemsize), masks[v]])

    def suffix(self) -> str:
        return f"v{self.tile.lanes}f{8 * self.tile.itemsize}"


whole = _make_micro("whole", partial=False)
part = _make_micro("part", partial=True)
part_narrow = _make_micro("part_narrow", partial=True, vectors=1)
