"""The driver around the micro-kernel: blocks for the caches, panels packed where strides would hurt.

    for columns of C in panels of COLS        the panel of B (depth x COLS) stays in L1
        for rows of C in tiles of ROWS        the rows of A come from L2

The sum is cut in pieces of DEPTH, so that a panel of B fits in L1. B is packed into panels where its columns
are not adjacent, or where its rows lie so far apart that the panel would take too many pages; A where it does
not fit in L2.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from srcgrad.backends.gemm.micro import TILES, part, part_narrow, whole
from srcgrad.backends.gemm.transpose import transpose_block
from srcgrad.backends.runtime import routine

DEPTH = 256
#: bytes of a cache line, and of the widest vector
LINE = 64
BLOCK_ROWS = 192
#: rows of B further apart than these bytes are packed
FAR = 2048
#: an A of up to these bytes is read where it is
NEAR = 262144


@intrinsic
def shifted(typingctx: Any, pointer: Any, offset: Any) -> Any:
    """``pointer + offset``, in elements."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.int64), codegen


@intrinsic
def reserve(typingctx: Any, size: Any) -> Any:
    """Memory of so many bytes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.nrt.allocate(builder, builder.add(args[0], ir.Constant(ir.IntType(64), LINE)))

    return types.voidptr(types.int64), codegen


@intrinsic
def like(typingctx: Any, pointer: Any, room: Any) -> Any:
    """The first full line of reserved memory, as a pointer to elements."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index = ir.IntType(64)
        address = builder.add(builder.ptrtoint(args[1], index), ir.Constant(index, LINE - 1))
        return builder.inttoptr(builder.and_(address, ir.Constant(index, -LINE)), context.get_value_type(pointer))

    return pointer(pointer, types.voidptr), codegen


@intrinsic
def release(typingctx: Any, room: Any) -> Any:
    """Give reserved memory back."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        context.nrt.free(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.voidptr), codegen


def _of_tile(name: str, number: Any) -> Any:
    def of_tile(typingctx: Any, pointer: Any) -> Any:
        value = number(TILES[pointer.dtype])

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return ir.Constant(ir.IntType(64), value)

        return types.int64(pointer), codegen

    of_tile.__name__ = of_tile.__qualname__ = name
    of_tile.__doc__ = "A number of the register tile for the elements that the pointer points to."
    return intrinsic(of_tile)


rows_of = _of_tile("rows_of", lambda tile: tile.rows)
cols_of = _of_tile("cols_of", lambda tile: tile.cols)
lanes_of = _of_tile("lanes_of", lambda tile: tile.lanes)
itemsize_of = _of_tile("itemsize_of", lambda tile: tile.itemsize)


@routine
def _pack_b(b: Any, b_row: int, b_col: int, k: int, n: int, out: Any) -> None:
    """Panels of COLS columns, each k x COLS, filled up with zeros."""
    cols = cols_of(b)
    for j in range(0, n, cols):
        width = min(cols, n - j)
        panel = shifted(out, j * k)
        source = shifted(b, j * b_col)
        if width == cols and b_col == 1:
            for p in range(k):
                for q in range(cols):
                    panel[p * cols + q] = source[p * b_row + q]
        elif width == cols and b_row == 1:
            lanes = lanes_of(b)
            whole_rows = k - k % lanes
            for q in range(0, cols, lanes):
                for p in range(0, whole_rows, lanes):
                    transpose_block(shifted(source, p + q * b_col), b_col, shifted(panel, p * cols + q), cols)
            for p in range(whole_rows, k):
                for q in range(cols):
                    panel[p * cols + q] = source[p + q * b_col]
        else:
            for p in range(k):
                for q in range(cols):
                    if q < width:
                        panel[p * cols + q] = source[p * b_row + q * b_col]
                    else:
                        panel[p * cols + q] = 0


@routine
def _pack_a(a: Any, a_row: int, a_col: int, m: int, k: int, out: Any) -> None:
    """Panels of ROWS rows, each k x ROWS; rows that are missing are never read."""
    rows = rows_of(a)
    for i in range(0, m, rows):
        height = min(rows, m - i)
        panel = shifted(out, i * k)
        if a_row == 1 and height == rows:
            for p in range(k):
                for r in range(rows):
                    panel[p * rows + r] = a[p * a_col + i + r]
            continue
        for r in range(height):
            source = shifted(a, (i + r) * a_row)
            for p in range(k):
                panel[p * rows + r] = source[p * a_col]


@routine
def _tiles(
    m: int,
    n: int,
    k: int,
    a: Any,
    a_row: int,
    a_col: int,
    a_tile: int,
    b: Any,
    b_row: int,
    b_tile: int,
    c: Any,
    c_row: int,
    accumulate: bool,
) -> None:
    """All tiles of one block; ``a_tile`` and ``b_tile`` step from one panel to the next."""
    rows, cols = rows_of(a), cols_of(a)
    for j in range(0, n, cols):
        width = min(cols, n - j)
        panel = shifted(b, (j // cols) * b_tile)
        for i in range(0, m, rows):
            height = min(rows, m - i)
            own = shifted(a, (i // rows) * a_tile)
            target = shifted(c, i * c_row + j)
            if height == rows and width == cols:
                whole(own, a_row, a_col, panel, b_row, target, c_row, k, height, width, accumulate)
            elif 2 * width > cols:
                part(own, a_row, a_col, panel, b_row, target, c_row, k, height, width, accumulate)
            else:
                part_narrow(own, a_row, a_col, panel, b_row, target, c_row, k, height, width, accumulate)


@routine
def gemm(
    m: int,
    n: int,
    k: int,
    a: Any,
    a_row: int,
    a_col: int,
    b: Any,
    b_row: int,
    b_col: int,
    c: Any,
    c_row: int,
    accumulate: bool,
) -> None:
    """C (+)= A B: element (i, p) of A at ``a[i * a_row + p * a_col]``, likewise B; the columns of C are adjacent."""
    if m == 0 or n == 0:
        return
    if k == 0 and not accumulate:
        for i in range(m):
            for j in range(n):
                c[i * c_row + j] = 0
    rows, cols, itemsize = rows_of(a), cols_of(a), itemsize_of(a)
    direct_b = b_col == 1 and (b_row * itemsize <= FAR or m <= 2 * rows)
    direct_a = m * k * itemsize <= NEAR or n <= 4 * cols
    wide = (n + cols - 1) // cols * cols
    tall = (min(m, BLOCK_ROWS) + rows - 1) // rows * rows
    depth_max = min(k, DEPTH)
    block = m if direct_a else BLOCK_ROWS
    room_b = reserve(0 if direct_b else wide * depth_max * itemsize)
    room_a = reserve(0 if direct_a else tall * depth_max * itemsize)
    packed_b, packed_a = like(b, room_b), like(a, room_a)
    for p in range(0, k, DEPTH):
        depth = min(DEPTH, k - p)
        add = accumulate or p > 0
        b_part, b_step, b_tile = shifted(b, p * b_row), b_row, cols
        if not direct_b:
            _pack_b(b_part, b_row, b_col, depth, n, packed_b)
            b_part, b_step, b_tile = packed_b, cols, cols * depth
        a_part = shifted(a, p * a_col)
        for i in range(0, m, block):
            height = min(block, m - i)
            own = shifted(a_part, i * a_row)
            a_rows, a_cols, a_tile = a_row, a_col, rows * a_row
            if not direct_a:
                _pack_a(own, a_row, a_col, height, depth, packed_a)
                own = packed_a
                a_rows, a_cols, a_tile = 1, rows, rows * depth
            target = shifted(c, i * c_row)
            _tiles(height, n, depth, own, a_rows, a_cols, a_tile, b_part, b_step, b_tile, target, c_row, add)
    release(room_a)
    release(room_b)
