"""A square block transposed in vector registers: what packing does where rows have to become columns."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from srcgrad.backends.gemm.micro import TILES


@intrinsic
def transpose_block(typingctx: Any, source: Any, source_row: Any, target: Any, target_row: Any) -> Any:
    """``target[i * target_row + j] = source[j * source_row + i]`` for i and j below the lanes of a vector."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source_, source_row_, target_, target_row_ = args
        tile = TILES[source.dtype]
        vector = ir.VectorType(context.get_data_type(source.dtype), tile.lanes)

        def row(pointer: Any, stride: Any, number: int) -> Any:
            address = builder.gep(pointer, [builder.mul(stride, ir.Constant(stride.type, number))])
            return builder.bitcast(address, vector.as_pointer())

        rows = []
        for number in range(tile.lanes):
            loaded = builder.load(row(source_, source_row_, number))
            loaded.align = tile.itemsize
            rows.append(loaded)
        for number, value in enumerate(transposed(builder, rows)):
            builder.store(value, row(target_, target_row_, number)).align = tile.itemsize
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), codegen


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors. Halves, quarters, ... of pairs of rows change places: for each power of two,
    element j of row i goes to row j of element i in that bit.
    """
    lanes = len(rows)
    rows, half = list(rows), lanes // 2
    numbers = ir.VectorType(ir.IntType(32), lanes)
    while half:
        low = ir.Constant(numbers, [j if not j & half else lanes + j - half for j in range(lanes)])
        high = ir.Constant(numbers, [j + half if not j & half else lanes + j for j in range(lanes)])
        for i in range(lanes):
            if not i & half:
                first, second = rows[i], rows[i + half]
                rows[i] = builder.shuffle_vector(first, second, low)
                rows[i + half] = builder.shuffle_vector(first, second, high)
        half //= 2
    return rows
