"""Linear systems: factorisation with exchanges, triangular systems, general systems, determinants.

Adjoints as in M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation"
(2008). They are systems with the transposed matrix, so no inverse is ever formed.

`linear_solve`, `det` and `slogdet` take the factors besides the matrix, as a hint: what they compute is a function of
the matrix, and so is their derivative. So a program, its gradient and the gradient of that factorise a matrix once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply, face_of
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, TupleType, real_dtype
from srcgrad.ops.creation import iota_on, zeros_like
from srcgrad.ops.families import INT64
from srcgrad.ops.matrices import (
    Matrices,
    check_square,
    flipped,
    flipped_times,
    identities,
    times_flipped,
    where_index,
)

Params = dict[str, Any]


def each_or_nan(function: Any, *stacks: Any) -> Any:
    """The function of each of the matrices; NaN where it is a LinAlgError, which the caller raises that wants it."""

    def one(*matrices: Any) -> Any:
        try:
            return function(*matrices)
        except np.linalg.LinAlgError:
            return np.full_like(matrices[-1], np.nan)

    try:
        return function(*stacks)
    except np.linalg.LinAlgError:
        return np.stack([one(*matrices) for matrices in zip(*stacks, strict=True)])


# triangular systems


def _infer_triangular(a: ArrayType, b: ArrayType, **params: bool) -> ArrayType:
    check_square("triangular_solve", a, b, kinds="fc")
    return b


def _reference_triangular(a: Any, b: Any, *, lower: bool, transposed: bool, unit: bool) -> Any:
    from scipy.linalg import solve_triangular

    options = {"trans": int(transposed), "lower": lower, "unit_diagonal": unit, "check_finite": False}
    found = [solve_triangular(one, other, **options) for one, other in zip(a, b, strict=True) if one.size]
    return np.stack(found) if found else np.zeros_like(b)


def _adjoint_triangular(
    cotangent: Any, out: Any, a: Any, b: Any, *, lower: bool, transposed: bool, unit: bool
) -> tuple[Any, Any]:
    of_b = triangular_solve(a, cotangent, lower=lower, transposed=not transposed, unit=unit)
    of_a = -times_flipped(out, of_b) if transposed else -times_flipped(of_b, out)
    relation = ("greater" if lower else "less") + ("" if unit else "_equal")
    return where_index(relation, of_a), of_b


def _solve_numbers(params: Params, types: Sequence[ArrayType]) -> tuple[int, ...]:
    return (*types[1].shape, *(int(params[name]) for name in ("lower", "transposed", "unit") if name in params))


_DIAGONAL = 4.0 * np.eye(40) + np.sin(np.arange(1600.0)).reshape(40, 40) / 4
_SQUARE = Arg((2, 3, 3), values=[[[3, 1, 0.5], [-1, 2, 1], [0.5, 1, -2]], [[0.5, -2, 1], [3, 1, 0], [1, 0.5, 2]]])
_LARGE = Arg((1, 40, 40), values=_DIAGONAL)
_COMPLEX = Arg((1, 2, 2), kind="c", values=[[2 + 1j, 1], [0.5j, 1 - 1j]])

triangular_solve = TABLE.add(
    Op(
        "triangular_solve",
        _infer_triangular,
        _reference_triangular,
        Library("solving.triangular_solve", _solve_numbers),
        adjoint=_adjoint_triangular,
        samples=(
            *(
                Sample((_SQUARE, Arg((2, 3, 2))), {"lower": lower, "transposed": transposed, "unit": unit})
                for lower in (False, True)
                for transposed in (False, True)
                for unit in (False, True)
            ),
            *(
                Sample((_LARGE, Arg((1, 40, 5))), {"lower": lower, "transposed": not lower, "unit": False})
                for lower in (False, True)
            ),
            *(
                Sample((_COMPLEX, Arg((1, 2, 3), kind="c")), {"lower": True, "transposed": flag, "unit": False})
                for flag in (False, True)
            ),
            Sample((Arg((0, 2, 2)), Arg((0, 2, 1))), {"lower": True, "transposed": False, "unit": False}),
        ),
        doc="``op(A) X = B`` where op transposes or does not; one triangle of A is read, and not its diagonal if unit.",
    )
)


# factors


def _infer_lu(a: ArrayType) -> TupleType:
    check_square("lu", a, kinds="fc")
    return TupleType((a, ArrayType(a.shape[:2], INT64)))


def _reference_lu(a: Any) -> tuple[Any, Any]:
    from scipy.linalg import get_lapack_funcs

    (factorise,) = get_lapack_funcs(("getrf",), (a,))
    order = np.tile(np.arange(a.shape[1]), (a.shape[0], 1))
    factors = np.zeros_like(a)
    for c in range(a.shape[0] if a.shape[1] else 0):
        factors[c], exchanges, _ = factorise(a[c])
        for i, j in enumerate(exchanges):
            order[c, [i, j]] = order[c, [j, i]]
    return factors, order


def _adjoint_lu(cotangents: tuple[Any, Any], out: Any, a: Any) -> tuple[Any]:
    """``P^T L^-T (tril(L^T dL, -1) + triu(dU U^T)) U^-T``, where one matrix holds both L and U, and one both
    cotangents.
    """
    given, _ = cotangents
    if given is None:
        return (None,)
    factors, order = out
    unit_lower = where_index("greater", factors, identities(factors))
    of_lower = flipped_times(unit_lower, where_index("greater", given))
    of_upper = times_flipped(where_index("less_equal", given), where_index("less_equal", factors))
    inner = where_index("greater", of_lower, of_upper)
    half = triangular_solve(factors, inner, lower=True, transposed=True, unit=True)
    found = flipped(triangular_solve(factors, flipped(half), lower=False, transposed=False, unit=False))
    return (_rows_at(found, apply("argsort", order, axis=1)),)


def _rows_at(a: Matrices, places: Any) -> Matrices:
    """Of each matrix the rows at these places."""
    stack = iota_on(face_of((a, places)), places.shape, 0)
    return apply("gather", a, stack, places, axes=(0, 1), position=0)


def _square_numbers(params: Params, types: Sequence[ArrayType]) -> tuple[int, ...]:
    return types[0].shape[:2]


lu = TABLE.add(
    Op(
        "lu",
        _infer_lu,
        _reference_lu,
        Library("factoring.lu", _square_numbers),
        adjoint=_adjoint_lu,
        samples=tuple(Sample((operand,)) for operand in (_SQUARE, _LARGE, Arg((1, 0, 0)), _COMPLEX)),
        doc="``A[order] = L U``: L below the diagonal, with ones on its own, and U, in one matrix; and the order.",
    )
)


# general systems


def _infer_solve(a: ArrayType, b: ArrayType, factors: ArrayType, order: ArrayType, *, transposed: bool) -> ArrayType:
    check_square("linear_solve", a, b, factors, kinds="fc")
    return b


def _reference_solve(a: Any, b: Any, factors: Any, order: Any, *, transposed: bool) -> Any:
    a = np.swapaxes(a, 1, 2) if transposed else a
    return each_or_nan(np.linalg.solve, a, b)


def _adjoint_solve(
    cotangent: Any, out: Any, a: Any, b: Any, factors: Any, order: Any, *, transposed: bool
) -> tuple[Any, Any, None, None]:
    of_b = linear_solve(a, cotangent, factors, order, transposed=not transposed)
    of_a = -times_flipped(out, of_b) if transposed else -times_flipped(of_b, out)
    return of_a, of_b, None, None


_FACTORED = (
    Arg((2, 2, 2), values=[[[2, 1], [1, 3]], [[1, 2], [4, 2]]]),
    Arg((2, 2, 2), values=[[[2, 1], [0.5, 2.5]], [[4, 2], [0.25, 1.5]]]),
    Arg((2, 2), kind="i", values=[[0, 1], [1, 0]]),
)

_FACTORED_COMPLEX = (
    Arg((1, 2, 2), kind="c", values=[[2j, 1], [1, 1 + 1j]]),
    Arg((1, 2, 2), kind="c", values=[[2j, 1], [-0.5j, 1 + 1.5j]]),
    Arg((1, 2), kind="i", values=[[0, 1]]),
)

linear_solve = TABLE.add(
    Op(
        "linear_solve",
        _infer_solve,
        _reference_solve,
        Library("solving.linear_solve", _solve_numbers),
        adjoint=_adjoint_solve,
        samples=tuple(
            Sample((_FACTORED[0], Arg((2, 2, 3)), *_FACTORED[1:]), {"transposed": transposed})
            for transposed in (False, True)
        )
        + tuple(
            Sample((_FACTORED_COMPLEX[0], Arg((1, 2, 3), kind="c"), *_FACTORED_COMPLEX[1:]), {"transposed": transposed})
            for transposed in (False, True)
        ),
        doc="``op(A) X = B`` where op transposes or does not; the results of `lu` are a hint.",
    )
)


def factored_solve(a: Matrices, b: Matrices, factors: Sequence[Any], transposed: bool = False) -> Matrices:
    """`linear_solve` with what `lu` gave."""
    return linear_solve(a, b, *factors, transposed=transposed)


# determinants


def _infer_slogdet(a: ArrayType, factors: ArrayType, order: ArrayType) -> TupleType:
    check_square("slogdet", a, factors, kinds="fc")
    return TupleType((ArrayType(a.shape[:1], a.dtype), ArrayType(a.shape[:1], real_dtype(a.dtype))))


def _reference_slogdet(a: Any, factors: Any, order: Any) -> tuple[Any, Any]:
    return tuple(np.linalg.slogdet(a))


def _adjoint_slogdet(cotangents: tuple[Any, Any], out: Any, a: Any, factors: Any, order: Any) -> tuple[Any, None, None]:
    """``d log|det A| = Re t`` and ``d sign = i sign Im t`` with ``t = tr(A^-1 dA)``; a real sign is constant."""
    of_sign, given = cotangents
    if a.dtype.kind == "c" and of_sign is not None:
        given = apply("compose", zeros_like(out[1]) if given is None else given, apply("imag", of_sign * out[0]))
    if given is None:
        return None, None, None
    if given.dtype != a.dtype:
        given = apply("astype", given, dtype=a.dtype)
    weights = apply("broadcast_to", apply("reshape", given, shape=(*given.shape, 1, 1)), shape=a.shape)
    return linear_solve(a, where_index("equal", weights), factors, order, transposed=True), None, None


slogdet = TABLE.add(
    Op(
        "slogdet",
        _infer_slogdet,
        _reference_slogdet,
        Library("solving.slogdet", _square_numbers),
        adjoint=_adjoint_slogdet,
        samples=(Sample(_FACTORED), Sample(_FACTORED_COMPLEX)),
        doc="The sign and the logarithm of the size of the determinant; the results of `lu` are a hint.",
    )
)


def _infer_det(a: ArrayType, factors: ArrayType, order: ArrayType) -> ArrayType:
    check_square("det", a, factors, kinds="fc")
    return ArrayType(a.shape[:1], a.dtype)


def _reference_det(a: Any, factors: Any, order: Any) -> Any:
    return np.linalg.det(a)


def _adjoint_det(cotangent: Any, out: Any, a: Any, factors: Any, order: Any) -> tuple[Any, None, None]:
    """``d det A = det A tr(A^-1 dA)``; of real matrices by the cofactors, which singular ones have as well."""
    if a.dtype.kind == "c":
        weights = apply("reshape", cotangent * out, shape=(*cotangent.shape, 1, 1))
        weights = where_index("equal", apply("broadcast_to", weights, shape=a.shape))
        return linear_solve(a, weights, factors, order, transposed=True), None, None
    weights = apply("reshape", cotangent, shape=(*cotangent.shape, 1, 1))
    return apply("broadcast_to", weights, shape=a.shape) * cofactors(a, factors, order), None, None


det = TABLE.add(
    Op(
        "det",
        _infer_det,
        _reference_det,
        Library("solving.det", _square_numbers),
        adjoint=_adjoint_det,
        samples=(Sample(_FACTORED), Sample(_FACTORED_COMPLEX)),
        doc="The determinant; the results of `lu` are a hint.",
    )
)


def _infer_cofactors(a: ArrayType, factors: ArrayType, order: ArrayType) -> ArrayType:
    check_square("cofactors", a, factors)
    return a


def _reference_cofactors(a: Any, factors: Any, order: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    others = [np.prod(np.delete(s, k, axis=1), axis=1) for k in range(a.shape[1])]
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * (np.stack(others, axis=1) * sign[:, None])[:, None, :]) @ vh


def _adjoint_cofactors(cotangent: Any, out: Any, a: Any, factors: Any, order: Any) -> tuple[Any, None, None]:
    """``(<G, C> I - C G^T) A^-T``, from ``dC = tr(A^-1 dA) C - A^-T dA^T C``."""
    inner = apply("sum", cotangent * out, axes=(1, 2))
    inner = apply("broadcast_to", apply("reshape", inner, shape=(*inner.shape, 1, 1)), shape=a.shape)
    found = where_index("equal", inner) - times_flipped(out, cotangent)
    return flipped(linear_solve(a, flipped(found), factors, order, transposed=False)), None, None


cofactors = TABLE.add(
    Op(
        "cofactors",
        _infer_cofactors,
        _reference_cofactors,
        Library("factoring.cofactors", _square_numbers),
        adjoint=_adjoint_cofactors,
        samples=(Sample(_FACTORED),),
        doc="The derivative of the determinant, also of singular matrices; the results of `lu` are a hint.",
    )
)

__all__ = ["cofactors", "det", "each_or_nan", "factored_solve", "linear_solve", "lu", "slogdet", "triangular_solve"]
