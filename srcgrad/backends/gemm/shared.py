"""The product on all threads: each gets whole tiles of columns or of rows.

The serial product is called by its address, so this costs next to no compile time of its own.
"""

from __future__ import annotations

import functools
from typing import Any

from srcgrad.backends.gemm.driver import cols_of, rows_of, shifted
from srcgrad.backends.gemm.nested import table_room
from srcgrad.backends.runtime import routine
from srcgrad.backends.threads import fork, thread_count

#: multiplications that take as long as packing one element, which every thread does for the operand that is not split
PACKING = 16


@routine
def _bound(part: int, parts: int, extent: int, tile: int) -> int:
    """Where a part of an axis begins, which is cut between tiles only."""
    return min(part * ((extent + tile - 1) // tile) // parts * tile, extent)


@functools.cache
def split_over_threads(product: Any) -> Any:
    """``product`` with the same arguments and the same sums, its columns or rows split among the threads."""

    @routine
    def share(
        part: int,
        parts: int,
        by_columns: bool,
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
        if by_columns:
            first, last = _bound(part, parts, n, cols_of(a)), _bound(part + 1, parts, n, cols_of(a))
            own_b, own_c = shifted(b, first * b_col), shifted(c, first)
            product(m, last - first, k, a, a_row, a_col, own_b, b_row, b_col, own_c, c_row, accumulate)
        else:
            first, last = _bound(part, parts, m, rows_of(a)), _bound(part + 1, parts, m, rows_of(a))
            own_a, own_c = shifted(a, first * a_row), shifted(c, first * c_row)
            product(last - first, n, k, own_a, a_row, a_col, b, b_row, b_col, own_c, c_row, accumulate)

    @routine
    def gemm_split(
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
        rows, cols = rows_of(a), cols_of(a)
        tall, wide = (m + rows - 1) // rows, (n + cols - 1) // cols
        parts = thread_count(max(tall, wide))
        of_columns = ((wide + parts - 1) // parts * cols + PACKING) * m
        of_rows = ((tall + parts - 1) // parts * rows + PACKING) * n
        fork(share, parts, (of_columns <= of_rows, m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, accumulate))

    return gemm_split


@functools.cache
def split_over_rows(product: Any) -> Any:
    """A ``product`` over nested axes (`gemm_nested`), the longest axis of its rows split among the threads; no rows of
    C may overlap.
    """

    @routine
    def share(part: int, parts: int, axis: int, length: int, axes: Any, a: Any, b: Any, c: Any) -> None:
        own = table_room(axes)
        for k in range(length):
            own[k] = axes[k]
        first, last = part * axes[axis] // parts, (part + 1) * axes[axis] // parts
        own[axis] = last - first
        product(own, shifted(a, first * axes[axis + 1]), b, shifted(c, first * axes[axis + 2]))

    @routine
    def gemm_nested_split(axes: Any, a: Any, b: Any, c: Any) -> None:
        longest = 4
        for axis in range(4, 4 + 3 * axes[0], 3):
            if axes[axis] > axes[longest]:
                longest = axis
        parts = thread_count(axes[longest])
        length = 4 + 3 * (axes[0] + axes[1] + axes[2])
        fork(share, parts, (longest, length, axes, a, b, c))

    return gemm_nested_split
