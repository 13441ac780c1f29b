"""Factorisations: Cholesky, QR, symmetric eigenvalues, singular values, pseudo-inverse.

Adjoints are from M. Giles, "Collected matrix derivative results" (2008); I. Murray, "Differentiation of the Cholesky
decomposition" (2016); M. Seeger et al., "Auto-differentiating linear algebra" (2017), for QR; J. Townsend,
"Differentiating the singular value decomposition" (2016); G. Golub and V. Pereyra, "The differentiation of
pseudo-inverses" (1973).

Conventions:

* Cholesky and the symmetric eigenproblem read the lower triangle of the operand and the real part of its diagonal, as
  LAPACK does for NumPy; the rest has no derivative.
* How the vectors of two equal eigen- or singular values (up to rounding) turn into each other counts as zero, for which
  basis of their common space is found has no derivative. That is right for what depends on the common space only, and
  leaves out a part for a function of the matrix ``V f(w) V^T``.
* A derivative of singular vectors that divides by a singular value of zero is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape, TupleType, real_dtype
from srcgrad.ops.families import nonzero
from srcgrad.ops.matrices import (
    Matrices,
    as_columns,
    as_rows,
    check_square,
    check_stacks,
    conjugated,
    flipped,
    flipped_times,
    lower_half,
    mirrored,
    times,
    times_flipped,
    total,
    where_index,
)
from srcgrad.ops.solving import each_or_nan, triangular_solve

Params = dict[str, Any]


def _square_numbers(params: Params, types: Sequence[ArrayType]) -> tuple[int, ...]:
    return types[0].shape[:2]


def _shape_numbers(params: Params, types: Sequence[ArrayType]) -> tuple[int, ...]:
    return types[0].shape


def _of_lower(cotangent: Matrices) -> Matrices:
    """What remains of a cotangent where the lower triangle stands for itself and, conjugated, for the upper one."""
    return lower_half(cotangent + flipped(conjugated(cotangent)))


# Cholesky


def _infer_cholesky(a: ArrayType) -> ArrayType:
    check_square("cholesky", a, kinds="fc")
    return a


def _reference_cholesky(a: Any) -> Any:
    return each_or_nan(np.linalg.cholesky, a)


def _adjoint_cholesky(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
    """``L^-T phi(L^T dL) conj(L)^-1`` of the lower triangle; phi takes that with half of the diagonal."""
    inner = lower_half(flipped_times(out, cotangent))
    half = triangular_solve(out, inner, lower=True, transposed=True, unit=False)
    found = triangular_solve(conjugated(out), flipped(half), lower=True, transposed=True, unit=False)
    return (_of_lower(flipped(found)),)


_POSITIVE = Arg(
    (2, 3, 3), values=[[[4, 1, -1], [1, 3, 0.5], [-1, 0.5, 2]], [[2, 0.5, 0.1], [0.5, 1, 0.25], [0.1, 0.25, 5]]]
)
_WAVES = np.sin(np.arange(1600.0)).reshape(40, 40)
_LARGE = Arg((1, 40, 40), values=np.diag(np.linspace(3, 12, 40)) + (_WAVES + _WAVES.T) / 100)

cholesky = TABLE.add(
    Op(
        "cholesky",
        _infer_cholesky,
        _reference_cholesky,
        Library("factoring.cholesky", _square_numbers),
        adjoint=_adjoint_cholesky,
        samples=(
            *(Sample((operand,)) for operand in (_POSITIVE, _LARGE, Arg((0, 2, 2)))),
            Sample((Arg((1, 2, 2), kind="c", values=[[3, 1 + 0.5j], [0.5 - 1j, 2]]),)),
        ),
        doc="The lower factor of the Hermitian matrix with this lower triangle.",
    )
)


# QR


def _infer_qr(a: ArrayType) -> TupleType:
    check_stacks("qr", a)
    count, rows, columns = a.shape
    if rows < columns:
        raise TraceShapeError(f"qr: a matrix of shape {a.shape[1:]} has more columns than rows")
    return TupleType((a, ArrayType((count, columns, columns), a.dtype)))


def _reference_qr(a: Any) -> tuple[Any, Any]:
    q, r = np.linalg.qr(a)
    return q, r


def _adjoint_qr(cotangents: tuple[Any, Any], out: Any, a: Any) -> tuple[Any]:
    """``(dQ + Q mirror(R dR^T - dQ^T Q)) R^-T``, where mirror takes the lower triangle."""
    (of_q, of_r), (q, r) = cotangents, out
    from_r = None if of_r is None else times_flipped(r, of_r)
    inner = total(from_r, None if of_q is None else -flipped_times(of_q, q))
    if inner is None:
        return (None,)
    found = total(of_q, times(q, mirrored(inner)))
    return (flipped(triangular_solve(r, flipped(found), lower=False, transposed=False, unit=False)),)


_TALL = Arg((2, 4, 2), values=[[[1, 2], [0.5, -1], [-1, 1.5], [2, 0.5]], [[3, 0.5], [1, 2], [-1, 0.5], [0.5, 1]]])

qr = TABLE.add(
    Op(
        "qr",
        _infer_qr,
        _reference_qr,
        Library("factoring.qr", _shape_numbers),
        adjoint=_adjoint_qr,
        samples=(Sample((_TALL,)), Sample((_POSITIVE,)), Sample((Arg((1, 3, 0)),))),
        doc="Reduced, of matrices with at least as many rows as columns.",
    )
)


# symmetric eigenvalues


def _infer_eigh(a: ArrayType) -> TupleType:
    check_square("eigh", a, kinds="fc")
    return TupleType((ArrayType(a.shape[:2], real_dtype(a.dtype)), a))


def _reference_eigh(a: Any) -> tuple[Any, Any]:
    values, vectors = np.linalg.eigh(a)
    return values, vectors


def _gap_inverses(values: Any, shape: Shape) -> tuple[Any, Any]:
    """``1 / (v[j] - v[i])``, and whether that is zero because the two are equal up to rounding."""
    gap = as_rows(values, shape) - as_columns(values, shape)
    if 0 in shape:
        return gap, apply("equal", gap, 0)
    largest = apply("stop_gradient", apply("max", apply("absolute", values), axes=(1,)))
    limit = largest * float(values.shape[1] * np.finfo(values.dtype).eps)
    limit = apply("broadcast_to", apply("reshape", limit, shape=(*limit.shape, 1, 1)), shape=shape)
    same = apply("less_equal", apply("absolute", gap), limit)
    return apply("where", same, 0, 1 / apply("where", same, 1, gap)), same


def _adjoint_eigh(cotangents: tuple[Any, Any], out: Any, a: Any) -> tuple[Any]:
    """``conj(V) (diag(dw) + F * (V^T dV)) V^T`` of the lower triangle, with F of `_gap_inverses`.

    Of complex vectors the phase is left out: what depends on it has no derivative.
    """
    (of_values, of_vectors), (values, vectors) = cotangents, out
    inner = None
    if of_vectors is not None:
        inner = _gap_inverses(values, a.shape)[0] * flipped_times(vectors, of_vectors)
    if of_values is not None:
        inner = total(where_index("equal", as_columns(of_values, a.shape)), inner)
    if inner is None:
        return (None,)
    if inner.dtype != a.dtype:
        inner = apply("astype", inner, dtype=a.dtype)
    return (_of_lower(times_flipped(times(conjugated(vectors), inner), vectors)),)


eigh = TABLE.add(
    Op(
        "eigh",
        _infer_eigh,
        _reference_eigh,
        Library("factoring.eigh", _square_numbers),
        adjoint=_adjoint_eigh,
        samples=(Sample((_POSITIVE,)), Sample((Arg((1, 0, 0)),))),
        doc="Ascending eigenvalues, and eigenvectors in columns, of the Hermitian matrix with this lower triangle.",
    )
)


# singular values


def _infer_svd(a: ArrayType) -> TupleType:
    check_stacks("svd", a)
    count, rows, columns = a.shape
    rank = min(rows, columns)
    shapes = (count, rows, rank), (count, rank), (count, rank, columns)
    return TupleType(tuple(ArrayType(shape, a.dtype) for shape in shapes))


def _reference_svd(a: Any) -> tuple[Any, Any, Any]:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return u, s, vh


def _adjoint_svd(cotangents: tuple[Any, Any, Any], out: Any, a: Any) -> tuple[Any]:
    """``U inner V^T + (I - U U^T) dU S^-1 V^T + U S^-1 dV^T (I - V V^T)``.

    Here inner is ``diag(ds) + (F * skew(U^T dU)) S + S (F * skew(V^T dV))``, F is ``1 / (s[j]^2 - s[i]^2)``, taken
    as a product of two inverses, and skew(X) is ``X - X^T``.
    """
    (of_u, of_s, of_vh), (u, s, vh) = cotangents, out
    square = (*s.shape, s.shape[1])
    inner, outside = None, None
    if of_s is not None:
        inner = where_index("equal", as_columns(of_s, square))
    if of_u is not None or of_vh is not None:
        gap_inverses, same = _gap_inverses(s, square)
        weights = gap_inverses / apply("where", same, 1, as_rows(s, square) + as_columns(s, square))
        zero = apply("equal", s, 0)
        inverses = apply("where", zero, 0, 1 / nonzero(s))
    if of_u is not None:
        turn = flipped_times(u, of_u)
        inner = total(inner, weights * (turn - flipped(turn)) * as_rows(s, square))
        if u.shape[1] > u.shape[2]:
            outside = times((of_u - times(u, turn)) * as_rows(inverses, u.shape), vh)
    if of_vh is not None:
        turn = times_flipped(vh, of_vh)
        inner = total(inner, as_columns(s, square) * weights * (turn - flipped(turn)))
        if vh.shape[2] > vh.shape[1]:
            outside = total(outside, times(u, as_columns(inverses, vh.shape) * (of_vh - flipped_times(turn, vh))))
    if inner is None:
        return (None,)
    return (total(times(times(u, inner), vh), outside),)


svd = TABLE.add(
    Op(
        "svd",
        _infer_svd,
        _reference_svd,
        Library("factoring.svd", _shape_numbers),
        adjoint=_adjoint_svd,
        samples=(
            Sample((_TALL,)),
            Sample((Arg((1, 2, 3), values=[[1, 2, -1], [0.5, -1, 3]]),)),
            Sample((_POSITIVE,)),
            Sample((Arg((1, 0, 2)),)),
        ),
        doc="Reduced; descending singular values.",
    )
)


# pseudo-inverse


def _infer_pinv(a: ArrayType, *, cutoff: float) -> ArrayType:
    check_stacks("pinv", a)
    return ArrayType((a.shape[0], a.shape[2], a.shape[1]), a.dtype)


def _reference_pinv(a: Any, *, cutoff: float) -> Any:
    return np.linalg.pinv(a, rcond=cutoff) if a.size else np.zeros((a.shape[0], a.shape[2], a.shape[1]), a.dtype)


def _adjoint_pinv(cotangent: Any, out: Any, a: Any, *, cutoff: float) -> tuple[Any]:
    """``-P^T dP P^T + (I - A P) dP^T P P^T + P^T P dP^T (I - P A)``: for changes that keep the rank."""
    found = -times(flipped_times(out, cotangent), flipped(out))
    turned = times(flipped(times_flipped(out, out)), cotangent)
    left = flipped(turned)
    right = times_flipped(flipped_times(out, out), cotangent)
    found = found + (left - times(a, times(out, left)))
    return (found + (right - times(times(right, out), a)),)


def _pinv_numbers(params: Params, types: Sequence[ArrayType]) -> tuple[int | float, ...]:
    return (*types[0].shape, float(params["cutoff"]))


pinv = TABLE.add(
    Op(
        "pinv",
        _infer_pinv,
        _reference_pinv,
        Library("factoring.pinv", _pinv_numbers),
        adjoint=_adjoint_pinv,
        samples=(
            Sample((_TALL,), {"cutoff": 1e-15}),
            Sample((Arg((1, 2, 3), values=[[1, 2, -1], [0.5, -1, 3]]),), {"cutoff": 1e-15}),
            Sample((_POSITIVE,), {"cutoff": 1e-15}),
        ),
        doc="Singular values up to ``cutoff`` times the largest count as zero.",
    )
)

__all__ = ["cholesky", "eigh", "pinv", "qr", "svd"]
