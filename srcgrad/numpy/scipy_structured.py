"""`scipy.linalg` for traced arrays: LU factors, and matrices of given structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.numpy import systems
from srcgrad.numpy.creation import eye
from srcgrad.numpy.indexing import take, tril, triu, where
from srcgrad.numpy.joining import concatenate
from srcgrad.numpy.messages import error
from srcgrad.numpy.products import conjugate, operands
from srcgrad.numpy.protocols import implements_as, is_face
from srcgrad.numpy.shaping import as_array
from srcgrad.numpy.systems import floats, matrix, stacked, triangular, unstacked
from srcgrad.ops import exchanges, solving
from srcgrad.ops.families import convert

# LU


def _factored(name: str, a: Any) -> tuple[Any, Any]:
    """The factors in one matrix, and the order of the rows: ``a[order] = L U``."""
    a = matrix(name, a)
    if len(a.shape) != 2 or a.shape[0] != a.shape[1]:
        what = f"{name}: traced, it takes one square matrix, not one of shape {a.shape}"
        raise error(UnsupportedError, what, "Use scipy.linalg.qr for rectangles")
    factors, order = solving.lu(stacked(a))
    return unstacked(factors, ()), order[0]


@implements_as("scipy.linalg.lu_factor")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.lu_factor` of a square matrix."""
    factors, order = _factored("scipy.linalg.lu_factor", a)
    return factors, convert(exchanges.pivots_of(order), np.dtype(np.int32))


@implements_as("scipy.linalg.lu_solve")
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.lu_solve` with the results of `lu_factor`, or of SciPy's."""
    factors, pivots = lu_and_piv
    factors, b = floats(matrix("scipy.linalg.lu_solve", factors, square=True), b)
    order = _order(pivots)
    if trans == 2:
        return conjugate(lu_solve((conjugate(factors), pivots), conjugate(b), 1))
    columns = b[:, None] if len(b.shape) == 1 else b
    if trans:
        half = triangular(factors, columns, lower=False, transposed=True)
        found = triangular(factors, half, lower=True, transposed=True, unit=True)
        found = take(found, apply("argsort", order, axis=0) if is_face(order) else np.argsort(order), axis=0)
    else:
        half = triangular(factors, take(columns, order, axis=0), lower=True, transposed=False, unit=True)
        found = triangular(factors, half, lower=False, transposed=False)
    return found[:, 0] if len(b.shape) == 1 else found


def _order(pivots: Any) -> Any:
    """The order of the rows after the exchanges."""
    pivots = convert(as_array(pivots) if is_face(pivots) else np.asarray(pivots), np.dtype(np.int64))
    return exchanges.order_of(pivots)


@implements_as("scipy.linalg.lu")
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    """As `scipy.linalg.lu` of a square matrix."""
    factors, order = _factored("scipy.linalg.lu", a)
    n = factors.shape[0]
    lower, upper = tril(factors, -1) + eye(n, dtype=factors.dtype), triu(factors)
    places = apply("argsort", order, axis=0)
    if permute_l:
        return take(lower, places, axis=0), upper
    if p_indices:
        return convert(places, np.dtype(np.int32)), lower, upper
    return convert(apply("equal", places[:, None], np.arange(n)), np.zeros(0, factors.dtype).real.dtype), lower, upper


# bands


@implements_as("scipy.linalg.solve_banded")
def solve_banded(
    l_and_u: tuple[int, int],
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """As `scipy.linalg.solve_banded`, at the cost of the whole matrix."""
    below, above = (int(k) for k in l_and_u)
    ab, b = floats(ab, b)
    if len(ab.shape) != 2 or ab.shape[0] != below + above + 1:
        what = f"scipy.linalg.solve_banded: {below} + {above} + 1 diagonals do not make an array of shape {ab.shape}"
        raise error(TraceShapeError, what)
    i, j = np.indices((ab.shape[1], ab.shape[1]))
    return systems.solve_with("scipy.linalg.solve_banded", _banded(ab, above + i - j, j), b)


def _banded(ab: Any, row: Any, column: Any) -> Any:
    """The matrix whose element is ``ab[row, column]``, zero where there is no such row."""
    inside = (row >= 0) & (row < ab.shape[0])
    return where(inside, ab[np.where(inside, row, 0), column], np.zeros((), ab.dtype))


@implements_as("scipy.linalg.solveh_banded")
def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """As `scipy.linalg.solveh_banded`, at the cost of the whole matrix."""
    ab, b = floats(ab, b)
    if len(ab.shape) != 2:
        raise error(TraceShapeError, f"scipy.linalg.solveh_banded: the bands must be a matrix, not {ab.shape}")
    i, j = np.indices((ab.shape[1], ab.shape[1]))
    first, last = np.minimum(i, j), np.maximum(i, j)
    row, column = (last - first, first) if lower else (ab.shape[0] - 1 + first - last, last)
    dense = _banded(ab, row, column)
    if ab.dtype.kind == "c":
        stored = i >= j if lower else i <= j
        dense = where(stored, dense, conjugate(dense))
    root = systems.cholesky(dense)
    columns = b[:, None] if len(b.shape) == 1 else b
    half = triangular(root, columns, lower=True, transposed=False)
    found = conjugate(triangular(root, conjugate(half), lower=True, transposed=True))
    return found[:, 0] if len(b.shape) == 1 else found


# matrices made of vectors


def _vectors(name: str, *values: Any) -> list[Any]:
    found = operands(*values)
    if any(len(one.shape) != 1 for one in found):
        raise error(TraceShapeError, f"{name}: traced, it takes vectors, not {', '.join(str(x.shape) for x in found)}")
    return list(found)


@implements_as("scipy.linalg.circulant")
def circulant(c: Any) -> Any:
    """As `scipy.linalg.circulant` of a vector."""
    (c,) = _vectors("scipy.linalg.circulant", c)
    n = c.shape[0]
    return take(c, (np.arange(n)[:, None] - np.arange(n)) % max(n, 1))


@implements_as("scipy.linalg.hankel")
def hankel(c: Any, r: Any = None) -> Any:
    """As `scipy.linalg.hankel` of vectors."""
    column, row = _vectors("scipy.linalg.hankel", c, np.zeros_like(c) if r is None else r)
    m, n = column.shape[0], row.shape[0]
    return take(concatenate([column, row[1:]]), np.arange(m)[:, None] + np.arange(n))


@implements_as("scipy.linalg.companion")
def companion(a: Any) -> Any:
    """As `scipy.linalg.companion` of a vector."""
    (a,) = _vectors("scipy.linalg.companion", a)
    (a,) = floats(a)
    if a.shape[0] < 2:
        raise error(TraceShapeError, "scipy.linalg.companion: there must be at least two coefficients")
    below = eye(a.shape[0] - 1, dtype=a.dtype)[:-1]
    return concatenate([(-a[1:] / a[0])[None], below])


@implements_as("scipy.linalg.leslie")
def leslie(f: Any, s: Any) -> Any:
    """As `scipy.linalg.leslie` of vectors."""
    f, s = _vectors("scipy.linalg.leslie", f, s)
    n = f.shape[0]
    if s.shape[0] != n - 1:
        raise error(TraceShapeError, "scipy.linalg.leslie: s must have one element fewer than f")
    i, j = np.indices((n - 1, n))
    below = where(i == j, s[:, None], np.zeros((), s.dtype))
    return concatenate([f[None], below])
