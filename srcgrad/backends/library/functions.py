"""Functions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from srcgrad.backends.library.fortran import fortran

Pointer = Any
Matrix = Any

#: degrees of Padé approximants, and the 1-norms up to which they are exact in double precision (Higham 2005, table 2.3)
_DEGREES = (3, 5, 7, 9, 13)
_BOUNDS = (1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068, 5.371920351148152)


@njit
def _multiply(out: Matrix, a: Matrix, b: Matrix) -> None:
    """``A B`` in C order is ``B^T A^T`` to BLAS."""
    n = a.shape[0]
    fortran("gemm", ("N", "N", n, n, n, 1.0, b, n, a, n, 0.0, out, n))


@njit
def _column_norm(a: Matrix) -> float:
    largest = 0.0
    for j in range(a.shape[1]):
        size = 0.0
        for i in range(a.shape[0]):
            size += abs(a[i, j])
        if not size <= largest:  # also a NaN
            largest = size
    return largest


@njit(error_model="numpy")
def _exponential(out: Matrix, a: Matrix) -> None:
    n = a.shape[0]
    norm = _column_norm(a)
    if not norm < np.inf:
        out[:] = np.nan
        return
    degree, squarings = _DEGREES[-1], 0
    for k in range(len(_DEGREES) - 1, -1, -1):
        if norm <= _BOUNDS[k]:
            degree = _DEGREES[k]
    if norm > _BOUNDS[-1]:
        squarings = int(np.ceil(np.log2(norm / _BOUNDS[-1])))
    scale = 0.5**squarings
    scaled, square, power, held = (
        np.empty((n, n), a.dtype),
        np.empty((n, n), a.dtype),
        np.empty((n, n), a.dtype),
        np.empty((n, n), a.dtype),
    )
    even, odd = np.empty((n, n), a.dtype), np.empty((n, n), a.dtype)
    for i in range(n):
        for k in range(n):
            scaled[i, k] = a[i, k] * scale
            power[i, k] = i == k
            even[i, k] = 0
            odd[i, k] = 0
    _multiply(square, scaled, scaled)
    weight = 1.0
    for j in range(degree + 1):
        terms = odd if j % 2 else even
        for i in range(n):
            for k in range(n):
                terms[i, k] += weight * power[i, k]
        weight *= (degree - j) / ((2 * degree - j) * (j + 1))
        if j % 2 and j < degree:
            _multiply(held, power, square)
            power, held = held, power
    _multiply(held, scaled, odd)
    pivots, info = np.empty(n, np.int32), np.zeros(1, np.int32)
    numerator, denominator = odd, power
    for i in range(n):
        for k in range(n):
            numerator[i, k] = even[i, k] + held[i, k]
            denominator[i, k] = even[i, k] - held[i, k]
    # numerator and denominator commute, so P Q^-1, which LAPACK makes of transposes, is Q^-1 P
    fortran("gesv", (n, n, denominator, n, pivots, numerator, n, info))
    for _ in range(squarings):
        _multiply(held, numerator, numerator)
        numerator, held = held, numerator
    for i in range(n):
        for k in range(n):
            out[i, k] = numerator[i, k]


def expm(out_data: Pointer, a_data: Pointer, count: int, n: int) -> None:
    """Scaling and squaring: Higham, "The scaling and squaring method for the matrix exponential revisited" (2005)."""
    out, a = carray(out_data, (count, n, n)), carray(a_data, (count, n, n))
    for c in range(count if n else 0):
        _exponential(out[c], a[c])
