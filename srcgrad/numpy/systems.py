"""`numpy.linalg`: systems, determinants and factorisations, of one matrix or of stacks of them.

The rows take stacks with one batch dimension; what stands before the last two dimensions is made one and taken apart
again here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import Shape, inexact
from srcgrad.numpy.checks import fail_where
from srcgrad.numpy.creation import eye
from srcgrad.numpy.geometry import reshaped
from srcgrad.numpy.indexing import diagonal, where
from srcgrad.numpy.joining import concatenate
from srcgrad.numpy.messages import error
from srcgrad.numpy.products import conjugate, matmul, operands
from srcgrad.numpy.protocols import implements_as, is_face, plain_function
from srcgrad.numpy.reductions import all as _all
from srcgrad.numpy.reductions import any as any_
from srcgrad.numpy.reductions import max as _max
from srcgrad.numpy.reductions import min as _min
from srcgrad.numpy.reductions import sum as _sum
from srcgrad.numpy.shaping import matrix_transpose, moveaxis
from srcgrad.ops import factoring, matrices, solving
from srcgrad.ops.families import convert


def floats(*values: Any) -> list[Any]:
    """The operands in their common float dtype."""
    made = operands(*values)
    return [convert(one, inexact(one.dtype)) for one in made]


def matrix(name: str, a: Any, square: bool = False) -> Any:
    """An operand of at least two dimensions, as floats."""
    (a,) = floats(a)
    if len(a.shape) < 2:
        raise error(TraceShapeError, f"{name}: the array must have at least two dimensions, it has {len(a.shape)}")
    if square and a.shape[-1] != a.shape[-2]:
        raise error(TraceShapeError, f"{name}: the last two dimensions must be square, they are {a.shape[-2:]}")
    return a


def stacked(a: Any, batch: Shape | None = None) -> Any:
    """With one batch dimension; repeated to the batch shape first, where one is given."""
    own = a.shape[:-2]
    if batch is not None and batch != own:
        a, own = apply("broadcast_to", a, shape=(*batch, *a.shape[-2:])), batch
    return reshaped(a, (math.prod(own), *a.shape[-2:]))


def unstacked(a: Any, batch: Shape) -> Any:
    """With the given batch dimensions instead of one."""
    return reshaped(a, (*batch, *a.shape[1:]))


def common_batch(name: str, *values: Any) -> Shape:
    """What the batch dimensions broadcast to."""
    try:
        return np.broadcast_shapes(*(value.shape[:-2] for value in values))
    except ValueError:
        shapes = ", ".join(str(value.shape) for value in values)
        raise error(TraceShapeError, f"{name}: stacks of shapes {shapes} cannot be broadcast together") from None


def _named(name: str, *values: Any) -> Any:
    """The results as the named tuple that NumPy's function gives."""
    kind = type(plain_function(name)(np.eye(1)))
    return kind(*values) if hasattr(kind, "_fields") else values


# systems


@implements_as("linalg.solve")
def solve(a: Any, b: Any) -> Any:
    """As `numpy.linalg.solve`; a singular matrix is a LinAlgError."""
    return solve_with("linalg.solve", a, b)


def solve_with(name: str, a: Any, b: Any, transposed: bool = False) -> Any:
    """The solution of ``op(a) x = b``; a vector is one right-hand side."""
    a, b = floats(matrix(name, a, square=True), b)
    if len(b.shape) == 1:
        return solve_with(name, a, b[:, None], transposed)[..., 0]
    if a.shape[-1] != b.shape[-2]:
        raise error(TraceShapeError, f"{name}: a matrix of order {a.shape[-1]} and {b.shape[-2]} rows do not fit")
    if len(a.shape) == 2 and len(b.shape) > 2:  # one factorisation, every column a right-hand side
        rows = moveaxis(b, -2, 0)
        found = solve_with(name, a, reshaped(rows, (rows.shape[0], math.prod(rows.shape[1:]))), transposed)
        return moveaxis(reshaped(found, rows.shape), 0, -2)
    batch = common_batch(name, a, b)
    known, right = stacked(a), stacked(b, batch)
    if a.shape[:-2] != batch:
        known = stacked(a, batch)
    factors = solving.lu(known)
    refuse_singular(factors[0])
    return unstacked(solving.factored_solve(known, right, factors, transposed), batch)


def refuse_singular(triangles: Any) -> None:
    """Matrices whose triangular factors (all in a stack) have a zero on the diagonal are a LinAlgError."""
    is_zero = apply("equal", diagonal(triangles, 0, -2, -1), 0)
    fail_where(any_(is_zero), np.linalg.LinAlgError("Singular matrix"), optional=True)


@implements_as("linalg.inv")
def inv(a: Any) -> Any:
    """As `numpy.linalg.inv`; a singular matrix is a LinAlgError."""
    return _inverse(matrix("linalg.inv", a, square=True), refuse_singular)


def _inverse(a: Any, check: Callable[[Any], None]) -> Any:
    known = stacked(a)
    factors = solving.lu(known)
    check(factors[0])
    return unstacked(solving.factored_solve(known, matrices.identities(known), factors), a.shape[:-2])


@implements_as("linalg.tensorsolve")
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """As `numpy.linalg.tensorsolve`."""
    a, b = floats(a, b)
    if axes is not None:
        moved = [operator.index(axis) % len(a.shape) for axis in axes]
        order = [k for k in range(len(a.shape)) if k not in moved] + moved
        a = apply("transpose", a, axes=tuple(order))
    shape = a.shape[len(b.shape) :]
    size = math.prod(shape)
    return reshaped(solve(reshaped(a, (size, size)), reshaped(b, (size,))), shape)


@implements_as("linalg.tensorinv")
def tensorinv(a: Any, ind: int = 2) -> Any:
    """As `numpy.linalg.tensorinv`."""
    (a,) = floats(a)
    size = math.prod(a.shape[ind:])
    return reshaped(inv(reshaped(a, (size, size))), (*a.shape[ind:], *a.shape[:ind]))


@implements_as("linalg.lstsq")
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """As `numpy.linalg.lstsq`: the solution of least norm, for an rcond that is known while tracing.

    The derivative is that for changes that keep the rank. The second result has the sums of squares also where NumPy's
    is empty since the rank is less than the number of columns.
    """
    a, b = floats(matrix("linalg.lstsq", a), b)
    if len(a.shape) != 2:
        raise error(
            TraceShapeError, f"linalg.lstsq: {len(a.shape)}-dimensional array given. Array must be two-dimensional"
        )
    if len(b.shape) == 1:
        found, rest, rank, values = lstsq(a, b[:, None], rcond)
        return found[:, 0], rest, rank, values
    if is_face(rcond):
        raise error(UnsupportedError, "linalg.lstsq is supported for an rcond that is known while tracing")
    m, n = a.shape
    if b.shape[0] != m:
        raise error(TraceShapeError, f"linalg.lstsq: a matrix of shape {a.shape} and {b.shape[0]} rows do not fit")
    eps = float(np.finfo(a.dtype).eps)
    cutoff = eps * max(m, n) if rcond is None else eps if rcond < 0 else float(rcond)
    found = matmul(factoring.pinv(stacked(a), cutoff=cutoff)[0], b)
    rest = _sum(apply("square", b - matmul(a, found)), 0) if m > n else np.empty(0, a.dtype)
    values = svdvals(a)
    rank = convert(_sum(apply("greater", values, cutoff * values[:1]), 0), np.dtype(np.int32))
    return found, rest, rank, values


def solving_qr(a: Any) -> tuple[Any, Any]:
    """The reduced factors of matrices with at least as many rows as columns."""
    q, r = factoring.qr(stacked(a))
    return unstacked(q, a.shape[:-2]), unstacked(r, a.shape[:-2])


def triangular(a: Any, b: Any, *, lower: bool, transposed: bool, unit: bool = False) -> Any:
    """The solution of ``op(a) x = b`` for triangular a."""
    batch = common_batch("solve_triangular", a, b)
    options = {"lower": lower, "transposed": transposed, "unit": unit}
    return unstacked(solving.triangular_solve(stacked(a, batch), stacked(b, batch), **options), batch)


# determinants


@implements_as("linalg.det")
def det(a: Any) -> Any:
    """As `numpy.linalg.det`. Up to order 3 the sum over permutations, which fuses with what is around it.

    The derivative exists at singular matrices too; the second one, beyond order 3, does not.
    """
    a = matrix("linalg.det", a, square=True)
    order = a.shape[-1]
    if order > 3:
        known = stacked(a)
        return unstacked(solving.det(known, *solving.lu(known)), a.shape[:-2])
    if order == 0:
        return apply("broadcast_to", eye(1, dtype=a.dtype)[0, 0], shape=a.shape[:-2])
    x = [[a[..., i, j] for j in range(order)] for i in range(order)]
    if order == 1:
        return x[0][0]
    if order == 2:
        return x[0][0] * x[1][1] - x[0][1] * x[1][0]
    minors = [x[1][j - 2] * x[2][j - 1] - x[1][j - 1] * x[2][j - 2] for j in range(3)]
    return x[0][0] * minors[0] + x[0][1] * minors[1] + x[0][2] * minors[2]


@implements_as("linalg.slogdet")
def slogdet(a: Any) -> Any:
    """As `numpy.linalg.slogdet`."""
    a = matrix("linalg.slogdet", a, square=True)
    known = stacked(a)
    sign, size = solving.slogdet(known, *solving.lu(known))
    return _named("linalg.slogdet", unstacked(sign, a.shape[:-2]), unstacked(size, a.shape[:-2]))


# factorisations


@implements_as("linalg.cholesky")
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """As `numpy.linalg.cholesky`: one triangle is read; a matrix that is not positive definite is a LinAlgError."""
    a = matrix("linalg.cholesky", a, square=True)
    found = unstacked(factoring.cholesky(stacked(_lower_of(a, upper))), a.shape[:-2])
    fails = any_(apply("isnan", found[..., :1, :1]))  # the whole factor is NaN
    fail_where(fails, np.linalg.LinAlgError("Matrix is not positive definite"), optional=True)
    return conjugate(matrix_transpose(found)) if upper else found


def _lower_of(a: Any, is_upper: bool) -> Any:
    """Of Hermitian matrices given by one of their triangles those that have it as the lower one."""
    return conjugate(matrix_transpose(a)) if is_upper else a


def from_triangle(a: Any, lower: bool = True, conjugated: bool = True) -> Any:
    """The Hermitian (or symmetric) matrices with one triangle of these."""
    whole = matrices.hermitian if conjugated else matrices.symmetric
    as_lower = a if lower else matrix_transpose(conjugate(a) if conjugated else a)
    return unstacked(whole(stacked(as_lower)), a.shape[:-2])


@implements_as("linalg.qr")
def qr(a: Any, mode: str = "reduced") -> Any:
    """As `numpy.linalg.qr` in the modes reduced and r, and complete where it is the same as reduced."""
    a = matrix("linalg.qr", a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and m <= n):
        what = f"linalg.qr: mode {mode!r} is not supported on traced arrays"
        raise error(UnsupportedError, what, "Use mode='reduced'")
    if m >= n:
        q, r = solving_qr(a)
    else:
        q, left = solving_qr(a[..., :m])
        r = concatenate([left, matmul(matrix_transpose(q), a[..., m:])], -1)
    return r if mode == "r" else _named("linalg.qr", q, r)


@implements_as("linalg.eigh")
def eigh(a: Any, UPLO: str = "L") -> Any:
    """As `numpy.linalg.eigh`: one triangle is read.

    The derivative of eigenvectors leaves out how those of equal eigenvalues turn into each other, for which basis of
    their common space is found has no derivative. It is right for what depends on their common space only (a projector
    on it), but not for a function of the matrix, ``V f(w) V^T``, whose derivative there has a part ``f'(w)``.
    """
    if UPLO.upper() not in ("L", "U"):
        raise error(TraceShapeError, "UPLO argument must be 'L' or 'U'")
    a = matrix("linalg.eigh", a, square=True)
    values, vectors = factoring.eigh(stacked(_lower_of(a, UPLO.upper() == "U")))
    return _named("linalg.eigh", unstacked(values, a.shape[:-2]), unstacked(vectors, a.shape[:-2]))


@implements_as("linalg.eigvalsh")
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """As `numpy.linalg.eigvalsh`: one triangle is read."""
    return eigh(a, UPLO)[0]


@implements_as("linalg.svd")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """As `numpy.linalg.svd` with ``full_matrices=False``; with True where the matrices are square.

    For equal singular values the same holds as for equal eigenvalues in `eigh`.
    """
    a = matrix("linalg.svd", a, square=hermitian)
    a = from_triangle(a) if hermitian else a
    if compute_uv and full_matrices and a.shape[-1] != a.shape[-2]:
        what = "linalg.svd: the full matrices of one that is not square are not supported on traced arrays"
        raise error(UnsupportedError, what, "Use full_matrices=False")
    batch = a.shape[:-2]
    u, s, vh = (unstacked(part, batch) for part in factoring.svd(stacked(a)))
    return _named("linalg.svd", u, s, vh) if compute_uv else s


@implements_as("linalg.svdvals")
def svdvals(x: Any, /) -> Any:
    """As `numpy.linalg.svdvals`."""
    return svd(x, compute_uv=False)


@implements_as("linalg.matrix_rank")
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """As `numpy.linalg.matrix_rank`."""
    (a,) = floats(A)
    if len(a.shape) < 2:
        return convert(_max(apply("not_equal", a, 0).astype(np.int64)), np.dtype(np.int64))
    values = svd(a, compute_uv=False, hermitian=hermitian)
    if tol is None:
        relative = max(a.shape[-2:]) * float(np.finfo(values.dtype).eps) if rtol is None else rtol
        tol = _max(values, -1) * relative
    limit = tol[..., None] if len(np.shape(tol)) else tol
    return _sum(apply("greater", values, limit), -1)


@implements_as("linalg.pinv")
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """As `numpy.linalg.pinv`, for a cutoff that is known while tracing; of a Hermitian matrix one triangle is read.

    The derivative is that for changes that keep the rank.
    """
    a = matrix("linalg.pinv", a, square=hermitian)
    a = from_triangle(a) if hermitian else a
    if is_face(rcond) or is_face(rtol):
        raise error(UnsupportedError, "linalg.pinv is supported for an rcond that is known while tracing")
    if rcond is None:
        precise = max(a.shape[-2:]) * np.finfo(a.dtype).eps
        rcond = 1e-15 if rtol is np._NoValue else precise if rtol is None else rtol
    return unstacked(factoring.pinv(stacked(a), cutoff=float(rcond)), a.shape[:-2])


# from singular values


def spectral_norm(x: Any, order: Any, axes: Sequence[int]) -> Any:
    """The norms 2, -2 and nuc of the matrices in two axes."""
    s = svdvals(moveaxis(x, tuple(axes), (-2, -1)))
    if order == "nuc":
        return _sum(s, -1)
    return _max(s, -1) if order == 2 else _min(s, -1)


@implements_as("linalg.cond")
def cond(x: Any, p: Any = None) -> Any:
    """As `numpy.linalg.cond`."""
    from srcgrad.numpy.linalg import norm

    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = _inverse(matrix("linalg.cond", x, square=True), lambda factors: None)
    found = norm(x, p, axis=(-2, -1)) * norm(inverse, p, axis=(-2, -1))
    is_singular = apply("logical_and", apply("isnan", found), _all(apply("isfinite", x), (-2, -1)))
    return where(is_singular, np.asarray(np.inf, found.dtype), found)
