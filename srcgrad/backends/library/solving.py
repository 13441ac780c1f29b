"""Triangular systems, general systems with known factors, and determinants from them.

Operands are stacks of C-ordered matrices. Small ones are solved by loops over rows: a call into BLAS costs more than
they do. A large C-ordered ``op(A) X = B`` is ``X^T op(A)^T = B^T`` to column-major BLAS, with the matrix on the right,
so nothing is transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from srcgrad.backends.library.fortran import fortran
from srcgrad.backends.library.numbers import direction, quotient

Pointer = Any
Matrix = Any

#: up to this order, and below this number of right-hand sides, loops are faster
SMALL_ORDER = 32
FEW_SIDES = 4
_L, _N, _T, _U = b"LNTU"


@njit
def copy(out: Matrix, a: Matrix) -> None:
    """Element by element: Numba takes a second to compile ``out[:] = a``, for broadcasting and overlap."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = a[i, j]


@njit(error_model="numpy")
def substitute(a: Matrix, x: Matrix, lower: bool, transposed: bool, unit: bool) -> None:
    """Overwrite x with the solution of ``op(a) y = x`` for triangular a; the other triangle is not read."""
    n, sides = x.shape
    if n > SMALL_ORDER and sides >= FEW_SIDES:
        letters = np.empty(3, np.uint8)
        letters[0] = _U if lower else _L
        letters[1] = _T if transposed else _N
        letters[2] = _U if unit else _N
        fortran("trsm", ("R", letters[0:], letters[1:], letters[2:], sides, n, 1.0, a, n, x, sides))
        return
    for step in range(n):
        i = step if lower != transposed else n - 1 - step
        if not unit:
            for k in range(sides):
                x[i, k] = quotient(x[i, k], a[i, i])
        for rest in range(step + 1, n):
            j = rest if lower != transposed else n - 1 - rest
            factor = a[i, j] if transposed else a[j, i]
            for k in range(sides):
                x[j, k] = x[j, k] - factor * x[i, k]


def triangular_solve(
    x_data: Pointer,
    a_data: Pointer,
    b_data: Pointer,
    count: int,
    n: int,
    sides: int,
    lower: int,
    transposed: int,
    unit: int,
) -> None:
    """``op(a) x = b``."""
    x, a, b = carray(x_data, (count, n, sides)), carray(a_data, (count, n, n)), carray(b_data, (count, n, sides))
    for c in range(count):
        copy(x[c], b[c])
        substitute(a[c], x[c], lower != 0, transposed != 0, unit != 0)


def linear_solve(
    x_data: Pointer,
    a_data: Pointer,
    b_data: Pointer,
    lu_data: Pointer,
    order_data: Pointer,
    count: int,
    n: int,
    sides: int,
    transposed: int,
) -> None:
    """``op(a) x = b``, given ``a[order] = L U``; a itself is not read."""
    x, b = carray(x_data, (count, n, sides)), carray(b_data, (count, n, sides))
    lu, order = carray(lu_data, (count, n, n)), carray(order_data, (count, n))
    is_transposed = transposed != 0
    held = np.empty((n, sides), x.dtype)
    for c in range(count):
        for i in range(n):
            row = i if is_transposed else order[c, i]
            for k in range(sides):
                held[i, k] = b[c, row, k]
        substitute(lu[c], held, not is_transposed, is_transposed, not is_transposed)
        substitute(lu[c], held, is_transposed, is_transposed, is_transposed)
        for i in range(n):
            row = order[c, i] if is_transposed else i
            for k in range(sides):
                x[c, row, k] = held[i, k]


@njit
def parity(order: Any, place: Any) -> int:
    """The sign of a permutation; ``place`` is overwritten."""
    sign = 1
    for i in range(order.shape[0]):
        place[i] = order[i]
    for i in range(order.shape[0]):
        while place[i] != i:  # undo it by exchanges
            j = place[i]
            place[i], place[j] = place[j], j
            sign = -sign
    return sign


def det(out_data: Pointer, a_data: Pointer, lu_data: Pointer, order_data: Pointer, count: int, n: int) -> None:
    """The determinant, given ``a[order] = L U``; a itself is not read."""
    out, lu, order = carray(out_data, count), carray(lu_data, (count, n, n)), carray(order_data, (count, n))
    place = np.empty(n, np.int64)
    for c in range(count):
        out[c] = parity(order[c], place)
        for i in range(n):
            out[c] *= lu[c, i, i]


def slogdet(
    sign_data: Pointer,
    size_data: Pointer,
    a_data: Pointer,
    lu_data: Pointer,
    order_data: Pointer,
    count: int,
    n: int,
) -> None:
    """The sign and the logarithm of the size of the determinant, given ``a[order] = L U``; a itself is not read."""
    sign, size = carray(sign_data, count), carray(size_data, count)
    lu, order = carray(lu_data, (count, n, n)), carray(order_data, (count, n))
    place = np.empty(n, np.int64)
    for c in range(count):
        sign[c], size[c] = parity(order[c], place), 0
        for i in range(n):
            pivot = lu[c, i, i]
            if pivot == 0:
                sign[c] = 0
            else:
                sign[c] *= direction(pivot)
            size[c] += np.log(abs(pivot))
        if sign[c] == 0:
            size[c] = -np.inf
