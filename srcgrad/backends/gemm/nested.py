"""Products whose rows, columns or depth run over several axes: a convolution reads its windows where they are.

    C[rows, cols] (+)= sum over depth of A[rows, depth] B[depth, cols]

The offset of a row of A is the sum of one stride times its coordinate along each axis, and so on for the columns
and the depth. The offsets of a block are computed once, into tables that the micro-kernel reads beside the elements;
only a B whose columns are not adjacent is copied, one panel at a time. All of this is on the stack: memory that is
taken and given back in every call may go back to the system, and be faulted in again. (The idea is that of indirect
convolution: Dukhan, "The indirect convolution algorithm", 2019; and of contraction without transposition: Matthews,
"High-performance tensor contraction without transposition", 2018.)
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from srcgrad.backends.gemm.driver import (
    DEPTH,
    FAR,
    LINE,
    cols_of,
    itemsize_of,
    lanes_of,
    rows_of,
    shifted,
)
from srcgrad.backends.gemm.micro import TILES, part, part_narrow, whole
from srcgrad.backends.gemm.transpose import transpose_block
from srcgrad.backends.runtime import routine

#: rows of a block, which stay in L2 for all columns
BLOCK_ROWS = 512


def _room(name: str, size: Any) -> Any:
    def room(typingctx: Any, pointer: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = context.get_value_type(pointer.dtype)
            with builder.goto_entry_block():
                made = builder.alloca(ir.ArrayType(element, size(pointer.dtype)))
            made.align = LINE
            return builder.bitcast(made, element.as_pointer())

        return pointer(pointer), codegen

    room.__name__ = room.__qualname__ = name
    room.__doc__ = "Elements on the stack, like those that the pointer points to."
    return intrinsic(room)


panel_room = _room("panel_room", lambda dtype: DEPTH * TILES[dtype].cols)
table_room = _room(
    "table_room", lambda dtype: 2 * BLOCK_ROWS + 3 * DEPTH + 2 * max(tile.cols for tile in TILES.values())
)


@routine
def _extent(axes: Any, first: int, count: int) -> int:
    """The number of elements of some axes; each is three integers: its extent and two strides."""
    size = 1
    for axis in range(first, first + 3 * count, 3):
        size *= axes[axis]
    return size


@routine
def _tables(axes: Any, first: int, count: int, start: int, length: int, one: Any, other: Any) -> None:
    """The offsets, by either stride, of ``length`` elements of some axes from element ``start`` on."""
    if count == 0:
        one[0], other[0] = 0, 0
        return
    inner = axes[first + 3 * (count - 1)]
    one_step, other_step = axes[first + 3 * (count - 1) + 1], axes[first + 3 * (count - 1) + 2]
    done = 0
    while done < length:
        rest = start + done
        low = rest % inner
        rest //= inner
        one_at, other_at = low * one_step, low * other_step
        for axis in range(first + 3 * (count - 2), first - 1, -3):
            place = rest % axes[axis]
            rest //= axes[axis]
            one_at += place * axes[axis + 1]
            other_at += place * axes[axis + 2]
        run = min(inner - low, length - done)
        for k in range(run):
            one[done + k] = one_at + k * one_step
            other[done + k] = other_at + k * other_step
        done += run


@routine
def _are_even(columns: Any, count: int, stride: int) -> bool:
    """Whether so many columns are one stride apart."""
    even = True
    for q in range(1, count):
        even = even and columns[q] == columns[0] + q * stride
    return even


@routine
def _pack(
    b: Any, starts: Any, runs: int, step: int, length: int, columns: Any, width: int, cols: int, out: Any
) -> None:
    """One panel of B, runs x length x cols."""
    lanes = lanes_of(b)
    adjacent = width == cols and _are_even(columns, cols, 1)
    for run in range(runs):
        source = shifted(b, starts[run])
        panel = shifted(out, run * length * cols)
        done = 0
        while step == 1 and done + lanes <= width:
            own, first = shifted(columns, done), columns[done]
            stride = own[1] - first
            if not _are_even(own, lanes, stride):
                break
            whole_squares = length - length % lanes
            for p in range(0, whole_squares, lanes):
                transpose_block(shifted(source, first + p), stride, shifted(panel, p * cols + done), cols)
            for p in range(whole_squares, length):
                for q in range(lanes):
                    panel[p * cols + done + q] = source[first + q * stride + p]
            done += lanes
        if adjacent and done == 0:
            for p in range(length):
                for q in range(cols):
                    panel[p * cols + q] = source[columns[0] + p * step + q]
            continue
        for p in range(length):
            for q in range(done, width):
                panel[p * cols + q] = source[columns[q] + p * step]


@routine
def _column(
    m: int,
    width: int,
    depth: tuple[int, int],
    a: Any,
    a_rows: Any,
    a_depth: tuple[Any, int],
    b: Any,
    b_depth: tuple[Any, int],
    c: Any,
    c_rows: Any,
    accumulate: bool,
) -> None:
    """All tiles of one column of tiles."""
    rows, cols = rows_of(a), cols_of(a)
    for i in range(0, m, rows):
        height = min(rows, m - i)
        own, target = shifted(a_rows, i), shifted(c_rows, i)
        if 2 * width > cols:
            if height == rows and width == cols:
                whole(a, own, a_depth, b, b_depth, c, target, depth, height, width, accumulate)
            else:
                part(a, own, a_depth, b, b_depth, c, target, depth, height, width, accumulate)
        else:
            part_narrow(a, own, a_depth, b, b_depth, c, target, depth, height, width, accumulate)


@routine
def gemm_nested(axes: Any, a: Any, b: Any, c: Any) -> None:
    """C (+)= A B over nested axes.

    ``axes`` holds the numbers of axes of the rows, the columns and the depth, whether to accumulate, and then for each
    of these axes its extent and two strides: of the rows in A and C, of the columns in B and C, of the depth in A and
    B. The innermost axis of the columns has stride 1 in C. Rows of C may overlap where the product is accumulated:
    they are added one after the other.
    """
    n_rows, n_cols, n_depth, accumulate = axes[0], axes[1], axes[2], axes[3] != 0
    first_col = 4 + 3 * n_rows
    first_depth = first_col + 3 * n_cols
    m, n = _extent(axes, 4, n_rows), _extent(axes, first_col, n_cols)
    runs = _extent(axes, first_depth, n_depth - 1)
    if m == 0 or n == 0:
        return
    last = first_depth + 3 * (n_depth - 1)
    inner, a_step, b_step = axes[last], axes[last + 1], axes[last + 2]
    rows, cols = rows_of(a), cols_of(a)
    most = min(runs, DEPTH // min(max(inner, 1), DEPTH))
    packed, tables = panel_room(b), table_room(axes)
    a_rows, c_rows = tables, shifted(tables, BLOCK_ROWS)
    a_runs, b_runs = shifted(tables, 2 * BLOCK_ROWS), shifted(tables, 2 * BLOCK_ROWS + DEPTH)
    panel_runs = shifted(tables, 2 * BLOCK_ROWS + 2 * DEPTH)
    b_cols = shifted(tables, 2 * BLOCK_ROWS + 3 * DEPTH)
    c_cols = shifted(b_cols, cols)
    far = m > 2 * rows and abs(b_step) * itemsize_of(a) > FAR
    add = accumulate
    for p in range(0, runs, most):
        count = min(most, runs - p)
        _tables(axes, first_depth, n_depth - 1, p, count, a_runs, b_runs)
        for q in range(0, max(inner, 1), DEPTH):
            length = min(DEPTH, inner - q)
            for run in range(count):
                panel_runs[run] = run * length * cols
            own_a, own_b = shifted(a, q * a_step), shifted(b, q * b_step)
            for i in range(0, m, BLOCK_ROWS):
                height = min(BLOCK_ROWS, m - i)
                _tables(axes, 4, n_rows, i, height, a_rows, c_rows)
                at = 0
                while at < n:
                    columns = min(cols, n - at)
                    _tables(axes, first_col, n_cols, at, columns, b_cols, c_cols)
                    width, direct = 1, not far
                    while width < columns and c_cols[width] == c_cols[0] + width:
                        direct = direct and b_cols[width] == b_cols[0] + width
                        width += 1
                    panel, steps = shifted(own_b, b_cols[0]), (b_runs, b_step)
                    if not direct:
                        _pack(own_b, b_runs, count, b_step, length, b_cols, width, cols, packed)
                        panel, steps = packed, (panel_runs, cols)
                    _column(
                        height,
                        width,
                        (count, length),
                        own_a,
                        a_rows,
                        (a_runs, a_step),
                        panel,
                        steps,
                        shifted(c, c_cols[0]),
                        c_rows,
                        add,
                    )
                    at += width
            add = True


def call_of(name: str) -> Any:
    """``product(rows, columns, depth, a, b, c, accumulate)`` in compiled code: each axis is a tuple of its extent and
    two strides, and the nests of axes are tuples of these.
    """

    def product(typingctx: Any, rows: Any, columns: Any, depth: Any, a: Any, b: Any, c: Any, accumulate: Any) -> Any:
        nests = (rows, columns, depth)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            index = ir.IntType(64)
            numbers = [ir.Constant(index, len(nest)) for nest in nests]
            numbers.append(builder.zext(context.cast(builder, args[6], sig.args[6], types.boolean), index))
            for nest, kinds in zip(args[:3], sig.args[:3], strict=True):
                for axis, kind in zip(cgutils.unpack_tuple(builder, nest), kinds, strict=True):
                    for number, own in zip(cgutils.unpack_tuple(builder, axis), kind, strict=True):
                        numbers.append(context.cast(builder, number, own, types.int64))
            table = cgutils.alloca_once(builder, index, len(numbers))
            for position, number in enumerate(numbers):
                builder.store(number, builder.gep(table, [ir.Constant(index, position)]))
            pointers = [table, *args[3:6]]
            kind = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), pointers)
            return context.get_dummy_value()

        return types.void(*nests, a, b, c, accumulate), codegen

    product.__name__ = product.__qualname__ = name
    return intrinsic(product)
