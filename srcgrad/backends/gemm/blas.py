"""The installed BLAS for very large products, on machines where it was measured to be faster than ours.

It is SciPy's, with its own threads. `threshold` says from how many multiplications it is called: a setting, or what
was measured once for this machine and kept in the cache directory.
"""

from __future__ import annotations

import ctypes
import functools
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from srcgrad.backends.threads import limit, thread_count
from srcgrad.core.settings import settings
from srcgrad.core.target import NEVER

#: products of n x n matrices that are measured; smaller ones are always ours
SIZES = (512, 1024, 1536)
#: BLAS is taken where it needs less than this part of our time
GAIN = 0.95


def threshold(dtype: str, multiplications: int) -> int:
    """The multiplications from which products call BLAS: the setting; where that is -1, what is measured as soon as it
    matters.
    """
    if settings.blas_size >= 0:
        return settings.blas_size or NEVER
    return measured(dtype) if multiplications >= SIZES[0] ** 3 else NEVER


@functools.cache
def measured(dtype: str) -> int:
    """The multiplications of the smallest product measured from which BLAS was always faster."""
    from srcgrad.backends import fingerprint, store

    name = f"blas_{dtype}_{fingerprint.of_backends()}_{limit()}.json"
    known = store.read(name)
    if known is not None:
        return int(json.loads(known)["multiplications"])
    found = NEVER
    for size in reversed(SIZES):
        ours, blas = _seconds(dtype, size)
        if blas >= GAIN * ours:
            break
        found = size**3
    store.write(name, json.dumps({"multiplications": found}).encode())
    return found


def _seconds(dtype: str, size: int) -> tuple[float, float]:
    """Of one product, ours and that of BLAS, on all threads; the best of several iterations."""
    from srcgrad.backends.gemm.native import address_of_split

    index, pointer = ctypes.c_int64, ctypes.c_void_p
    kinds = [index] * 3 + [pointer, index, index] * 2 + [pointer, index, ctypes.c_bool]
    ours = ctypes.CFUNCTYPE(None, *kinds)(address_of_split(dtype))
    left, right, out = np.ones((3, size, size), dtype)
    a, b, c = (array.ctypes.data for array in (left, right, out))
    import scipy.linalg.blas

    blas = scipy.linalg.blas.get_blas_funcs("gemm", (left.T,))
    return (
        _best(lambda: ours(size, size, size, a, size, 1, b, size, 1, c, size, False)),
        _best(lambda: blas(1.0, right.T, left.T, 0.0, out.T, overwrite_c=1)),
    )


def _best(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(4):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


@functools.cache
def through_blas(product: Any) -> Any:
    """``product`` with the same arguments by BLAS: on all threads, and with a stride of one in both operands. Where
    that is not so, ``product`` itself.
    """
    from srcgrad.backends.library.fortran import fortran  # registers all routines of SciPy's, which takes a while

    most = limit()

    @njit(error_model="numpy")
    def gemm_blas(
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
        beta = 1.0 if accumulate else 0.0
        # to Fortran C is its transpose: B' A', and an operand whose columns are adjacent here is not transposed there
        if thread_count(most) < most or (a_row != 1 and a_col != 1) or (b_row != 1 and b_col != 1):
            product(m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, accumulate)
        elif b_col == 1 and a_col == 1:
            fortran("gemm", ("N", "N", n, m, k, 1.0, b, b_row, a, a_row, beta, c, c_row))
        elif b_col == 1:
            fortran("gemm", ("N", "T", n, m, k, 1.0, b, b_row, a, a_col, beta, c, c_row))
        elif a_col == 1:
            fortran("gemm", ("T", "N", n, m, k, 1.0, b, b_col, a, a_row, beta, c, c_row))
        else:
            fortran("gemm", ("T", "T", n, m, k, 1.0, b, b_col, a, a_col, beta, c, c_row))

    return gemm_blas
