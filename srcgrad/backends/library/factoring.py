"""Factorisations of stacks of C-ordered matrices: by loops where small, else by LAPACK, which sees transposes.

What does not succeed (a matrix that is not positive definite, an iteration that does not converge) is NaN throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import overload

from srcgrad.backends.library.fortran import fortran
from srcgrad.backends.library.numbers import conjugate, quotient, real_part
from srcgrad.backends.library.solving import SMALL_ORDER, copy, parity, substitute

Pointer = Any
Matrix = Any


@njit
def _transpose(out: Matrix, a: Matrix) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = a[j, i]


@njit
def _copy_hermitian(out: Matrix, a: Matrix) -> None:
    """The Hermitian matrix with the lower triangle of this one; its diagonal is real."""
    for i in range(a.shape[0]):
        for j in range(i):
            out[i, j] = a[i, j]
            out[j, i] = conjugate(a[i, j])
        out[i, i] = real_part(a[i, i])


@njit(error_model="numpy")
def _eliminate(a: Matrix, order: Any) -> None:
    """LU in place, with row exchanges."""
    n = a.shape[0]
    for column in range(n):
        best = column
        for i in range(column + 1, n):
            if abs(a[i, column]) > abs(a[best, column]):
                best = i
        if best != column:
            order[column], order[best] = order[best], order[column]
            for k in range(n):
                a[column, k], a[best, k] = a[best, k], a[column, k]
        if a[column, column] == 0:
            continue
        for i in range(column + 1, n):
            factor = quotient(a[i, column], a[column, column])
            a[i, column] = factor
            for k in range(column + 1, n):
                a[i, k] = a[i, k] - factor * a[column, k]


def lu(lu_data: Pointer, order_data: Pointer, a_data: Pointer, count: int, n: int) -> None:
    """``a[order] = L U``: L below the diagonal of ``lu``, with ones on its own, and U from the diagonal on."""
    factors, a, order = carray(lu_data, (count, n, n)), carray(a_data, (count, n, n)), carray(order_data, (count, n))
    columns, pivots, info = np.empty((n, n), factors.dtype), np.empty(n, np.int32), np.zeros(1, np.int32)
    for c in range(count):
        for i in range(n):
            order[c, i] = i
        if n <= SMALL_ORDER:
            copy(factors[c], a[c])
            _eliminate(factors[c], order[c])
            continue
        _transpose(columns, a[c])
        fortran("getrf", (n, n, columns, n, pivots, info))
        _transpose(factors[c], columns)
        for i in range(n):
            j = pivots[i] - 1
            order[c, i], order[c, j] = order[c, j], order[c, i]


@njit(error_model="numpy")
def _root(a: Matrix) -> bool:
    """The lower Cholesky factor in place; the upper triangle is neither read nor written. Whether it succeeded."""
    for i in range(a.shape[0]):
        for j in range(i + 1):
            rest = a[i, j]
            for k in range(j):
                rest -= a[i, k] * conjugate(a[j, k])
            if i != j:
                a[i, j] = quotient(rest, a[j, j])
            elif real_part(rest) > 0:
                a[i, i] = np.sqrt(real_part(rest))
            else:
                return False
    return True


def cholesky(factor_data: Pointer, a_data: Pointer, count: int, n: int) -> None:
    """``L L^H = a``, of which the lower triangle is read. That of C order is LAPACK's upper one, of the conjugate."""
    factor, a = carray(factor_data, (count, n, n)), carray(a_data, (count, n, n))
    info = np.zeros(1, np.int32)
    for c in range(count):
        lower = factor[c]
        _copy_hermitian(lower, a[c])
        if n <= SMALL_ORDER:
            info[0] = 0 if _root(lower) else 1
        else:
            fortran("potrf", ("U", n, lower, n, info))
        if info[0] != 0:
            lower[:] = np.nan
        for i in range(n):
            lower[i, i + 1 :] = 0


def qr(q_data: Pointer, r_data: Pointer, a_data: Pointer, count: int, m: int, n: int) -> None:
    """``Q R = a`` with n columns in Q, for ``m >= n``."""
    q, r, a = carray(q_data, (count, m, n)), carray(r_data, (count, n, n)), carray(a_data, (count, m, n))
    columns, scales, info = np.empty((n, m), q.dtype), np.empty(n, q.dtype), np.zeros(1, np.int32)
    work = np.empty(64 * n, q.dtype)
    for c in range(count if n else 0):
        _transpose(columns, a[c])
        fortran("geqrf", (m, n, columns, m, scales, work, work.size, info))
        for i in range(n):
            for j in range(n):
                r[c, i, j] = columns[j, i] if j >= i else 0
        fortran("orgqr", (m, n, n, columns, m, scales, work, work.size, info))
        _transpose(q[c], columns)


def _diagonalise(*args: Any) -> None:
    """Of ``(rows, values, info)``: eigenvalues and, over the column-major matrix, its eigenvectors."""
    raise NotImplementedError


def _diagonalise_real(rows, values, info):  # type: ignore[no-untyped-def]
    n = rows.shape[0]
    work, places = np.empty(1 + 6 * n + 2 * n * n, rows.dtype), np.empty(3 + 5 * n, np.int32)
    fortran("syevd", ("V", "L", n, rows, n, values, work, work.size, places, places.size, info))


def _diagonalise_complex(rows, values, info):  # type: ignore[no-untyped-def]
    n = rows.shape[0]
    work, places = np.empty(2 * n + n * n, rows.dtype), np.empty(3 + 5 * n, np.int32)
    held = np.empty(1 + 5 * n + 2 * n * n, values.dtype)
    fortran("heevd", ("V", "L", n, rows, n, values, work, work.size, held, held.size, places, places.size, info))


overload(_diagonalise)(
    lambda rows, values, info: _diagonalise_complex if isinstance(rows.dtype, types.Complex) else _diagonalise_real
)


def eigh(values_data: Pointer, vectors_data: Pointer, a_data: Pointer, count: int, n: int) -> None:
    """``a = V diag(w) V^H``, w ascending; the lower triangle of a is read."""
    values, vectors = carray(values_data, (count, n)), carray(vectors_data, (count, n, n))
    a = carray(a_data, (count, n, n))
    rows, info = np.empty((n, n), vectors.dtype), np.zeros(1, np.int32)
    for c in range(count if n else 0):
        _copy_hermitian(vectors[c], a[c])
        _transpose(rows, vectors[c])
        _diagonalise(rows, values[c], info)
        _transpose(vectors[c], rows)
        if info[0] != 0:
            values[c] = np.nan
            vectors[c] = np.nan


@njit
def _decompose(u: Matrix, s: Any, vh: Matrix, a: Matrix) -> None:
    """``a = u diag(s) vh``, reduced."""
    m, n = a.shape
    k = min(m, n)
    if k == 0:
        return
    columns, left, right = np.empty((n, m), s.dtype), np.empty((k, m), s.dtype), np.empty((n, k), s.dtype)
    work, places = np.empty(4 * k * k + 7 * k + 64 * (m + n), s.dtype), np.empty(8 * k, np.int32)
    info = np.zeros(1, np.int32)
    _transpose(columns, a)
    fortran("gesdd", ("S", m, n, columns, m, s, left, m, right, k, work, work.size, places, info))
    _transpose(u, left)
    _transpose(vh, right)
    if info[0] != 0:
        u[:], s[:], vh[:] = np.nan, np.nan, np.nan


def svd(u_data: Pointer, s_data: Pointer, vh_data: Pointer, a_data: Pointer, count: int, m: int, n: int) -> None:
    """``a = u diag(s) vh``, reduced, s descending."""
    k = min(m, n)
    u, s, vh = carray(u_data, (count, m, k)), carray(s_data, (count, k)), carray(vh_data, (count, k, n))
    a = carray(a_data, (count, m, n))
    for c in range(count):
        _decompose(u[c], s[c], vh[c], a[c])


def pinv(out_data: Pointer, a_data: Pointer, count: int, m: int, n: int, cutoff: float) -> None:
    """``V diag(1/s) U^T`` over the singular values above the cutoff times the largest."""
    out, a = carray(out_data, (count, n, m)), carray(a_data, (count, m, n))
    k = min(m, n)
    u, s, vh = np.empty((m, k), out.dtype), np.empty(k, out.dtype), np.empty((k, n), out.dtype)
    for c in range(count):
        _decompose(u, s, vh, a[c])
        out[c] = 0
        for l in range(k):
            if s[l] <= cutoff * s[0]:
                continue
            for i in range(n):
                weight = vh[l, i] / s[l]
                for j in range(m):
                    out[c, i, j] += weight * u[j, l]


@njit(error_model="numpy")
def _determinant(a: Matrix, order: Any, place: Any) -> float:
    """Of a matrix that is overwritten."""
    for i in range(a.shape[0]):
        order[i] = i
    _eliminate(a, order)
    found = float(parity(order, place))
    for i in range(a.shape[0]):
        found *= a[i, i]
    return found


def cofactors(out_data: Pointer, a_data: Pointer, lu_data: Pointer, order_data: Pointer, count: int, n: int) -> None:
    """``det(a) a^-T``, given ``a[order] = L U``; of a singular matrix by its singular values.

    There it is ``det(U) det(V) U diag(w) V^T`` with w[i] the product of the other singular values, which exists always.
    """
    out, a = carray(out_data, (count, n, n)), carray(a_data, (count, n, n))
    factors, order = carray(lu_data, (count, n, n)), carray(order_data, (count, n))
    u, s, vh = np.empty((n, n), out.dtype), np.empty(n, out.dtype), np.empty((n, n), out.dtype)
    held = np.empty((n, n), out.dtype)
    places, other_places = np.empty(n, np.int64), np.empty(n, np.int64)
    for c in range(count):
        size = float(parity(order[c], places))
        for i in range(n):
            size *= factors[c, i, i]
        if size != 0:
            for i in range(n):
                for j in range(n):
                    held[i, j] = size if i == j else 0
            substitute(factors[c], held, False, True, False)
            substitute(factors[c], held, True, True, True)
            for i in range(n):
                for j in range(n):
                    out[c, order[c, i], j] = held[i, j]
            continue
        _decompose(u, s, vh, a[c])
        copy(held, u)
        sign = _determinant(held, places, other_places)
        copy(held, vh)
        sign *= _determinant(held, places, other_places)
        for i in range(n):
            for j in range(n):
                out[c, i, j] = 0
        for k in range(n):
            weight = sign
            for j in range(n):
                if j != k:
                    weight *= s[j]
            for i in range(n):
                for j in range(n):
                    out[c, i, j] += weight * u[i, k] * vh[k, j]
