"""`scipy.linalg` for traced arrays. As a module it stands for it: what it does not have is SciPy's."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.numpy import linalg, scipy_structured, systems  # noqa: F401  (scipy_structured registers functions)
from srcgrad.numpy.indexing import take, tril, triu
from srcgrad.numpy.joining import concatenate
from srcgrad.numpy.messages import error
from srcgrad.numpy.products import conjugate, operands
from srcgrad.numpy.protocols import FUNCTIONS, implements_as, known_arguments, unsupported
from srcgrad.numpy.shaping import matrix_transpose
from srcgrad.numpy.systems import floats, matrix, stacked, triangular, unstacked
from srcgrad.ops import matrix_functions

_TRANSPOSED = {0: False, 1: True, 2: True, "N": False, "T": True, "C": True}


@implements_as("scipy.linalg.solve")
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """As `scipy.linalg.solve`: what is assumed decides which part of the matrix is read. A singular matrix is a
    LinAlgError, as is one that is assumed to be positive definite and is not.
    """
    name = "scipy.linalg.solve"
    assumed = _ASSUMED.get(assume_a, assume_a)
    a, b = floats(matrix(name, a, square=True), b)
    if assumed in ("sym", "her", "pos"):
        symmetric = assumed == "sym"
        a = systems.from_triangle(a, bool(lower), conjugated=not symmetric)
    elif assumed in ("diagonal", "tridiagonal"):
        width = int(assumed == "tridiagonal")
        a = tril(triu(a, -width), width)
    elif assumed in ("lower triangular", "upper triangular"):
        a = tril(a) if assumed == "lower triangular" else triu(a)
    elif assumed not in (None, "gen", "banded"):
        raise error(TraceShapeError, f"{assume_a} is not a recognized matrix structure")
    if assumed == "pos":
        a = conjugate(a) if transposed else a
        return cho_solve((systems.cholesky(a), True), b)
    return systems.solve_with(name, a, b, transposed)


_ASSUMED: dict[str | None, str] = {"symmetric": "sym", "hermitian": "her", "positive definite": "pos", "general": "gen"}


@implements_as("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """As `scipy.linalg.solve_triangular`; a zero on the diagonal is a LinAlgError."""
    a, b = floats(matrix("scipy.linalg.solve_triangular", a, square=True), b)
    if not unit_diagonal:
        systems.refuse_singular(a)
    a = conjugate(a) if trans in (2, "C") else a
    options = {"lower": bool(lower), "transposed": _TRANSPOSED[trans], "unit": bool(unit_diagonal)}
    return _by_columns(lambda right: triangular(a, right, **options), b)


def _by_columns(function: Any, b: Any) -> Any:
    """A function of matrices of right-hand sides, on such a matrix or on one vector."""
    return function(b[:, None])[..., 0] if len(b.shape) == 1 else function(b)


@implements_as("scipy.linalg.inv")
def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, **_: Any) -> Any:
    """As `scipy.linalg.inv`."""
    return systems.inv(a)


@implements_as("scipy.linalg.det")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.det`."""
    return systems.det(a)


@implements_as("scipy.linalg.norm")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.norm`."""
    return linalg.norm(a, ord, axis, keepdims)


@implements_as("scipy.linalg.cholesky")
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.cholesky`: one triangle is read."""
    return systems.cholesky(a, upper=not lower)


@implements_as("scipy.linalg.cho_factor")
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.cho_factor`; the other triangle is zero."""
    return systems.cholesky(a, upper=not lower), lower


@implements_as("scipy.linalg.cho_solve")
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.cho_solve`."""
    factor, lower = c_and_lower
    factor, b = floats(matrix("scipy.linalg.cho_solve", factor, square=True), b)
    lower = bool(lower)

    def solved(right: Any) -> Any:
        half = triangular(factor if lower else conjugate(factor), right, lower=lower, transposed=not lower)
        return triangular(conjugate(factor) if lower else factor, half, lower=lower, transposed=lower)

    return _by_columns(solved, b)


@implements_as("scipy.linalg.qr")
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """As `scipy.linalg.qr` without pivoting, with mode economic, and full where that is the same."""
    a = matrix("scipy.linalg.qr", a)
    is_full = mode == "full" and a.shape[-2] > a.shape[-1]
    if pivoting or mode not in ("economic", "full", "r") or is_full or (mode == "r" and a.shape[-2] > a.shape[-1]):
        what = f"scipy.linalg.qr: mode {mode!r}, pivoting={pivoting} is not supported on traced arrays of this shape"
        raise error(UnsupportedError, what, "Use mode='economic'")
    q, r = systems.qr(a)
    return (r,) if mode == "r" else (q, r)


@implements_as("scipy.linalg.svd")
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """As `scipy.linalg.svd` with ``full_matrices=False``; see `numpy.linalg.svd`."""
    found = systems.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@implements_as("scipy.linalg.svdvals")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `scipy.linalg.svdvals`."""
    return systems.svdvals(a)


@implements_as("scipy.linalg.eigh")
def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, **options: Any) -> Any:
    """As `scipy.linalg.eigh`, also ``a v = w b v``; see `numpy.linalg.eigh`."""
    if any(value is not None and value is not False and value != 1 for value in _meant(options).values()):
        raise error(UnsupportedError, f"scipy.linalg.eigh: {', '.join(options)} is not supported on traced arrays")
    uplo = "L" if lower else "U"
    if b is None:
        values, vectors = systems.eigh(a, uplo)
        return values if eigvals_only else (values, vectors)
    a, b = floats(matrix("scipy.linalg.eigh", a, square=True), matrix("scipy.linalg.eigh", b, square=True))
    if a.dtype.kind == "c":
        raise error(UnsupportedError, "scipy.linalg.eigh: a generalised problem of complex matrices is not supported")
    a, root = systems.from_triangle(a, lower), systems.cholesky(systems.from_triangle(b, lower))
    half = triangular(root, a, lower=True, transposed=False)
    values, turned = systems.eigh(triangular(root, matrix_transpose(half), lower=True, transposed=False))
    return values if eigvals_only else (values, triangular(root, turned, lower=True, transposed=True))


def _meant(options: dict[str, Any]) -> dict[str, Any]:
    """Without the options that change nothing in the result."""
    return {name: value for name, value in options.items() if name not in _IDLE}


_IDLE = ("overwrite_a", "overwrite_b", "check_finite", "driver", "turbo")


@implements_as("scipy.linalg.eigvalsh")
def eigvalsh(a: Any, b: Any = None, **options: Any) -> Any:
    """As `scipy.linalg.eigvalsh`; see `eigh`."""
    return eigh(a, b, **{**options, "eigvals_only": True})


@implements_as("scipy.linalg.pinv")
def pinv(a: Any, *, atol: float | None = None, rtol: float | None = None, **_: Any) -> Any:
    """As `scipy.linalg.pinv` without atol; see `numpy.linalg.pinv`."""
    if atol is not None:
        raise error(UnsupportedError, "scipy.linalg.pinv: atol is not supported on traced arrays", "Use rtol")
    return systems.pinv(a, rtol=rtol)


@implements_as("scipy.linalg.lstsq")
def lstsq(a: Any, b: Any, cond: Any = None, **_: Any) -> Any:
    """As `scipy.linalg.lstsq`; see `numpy.linalg.lstsq`."""
    found, rest, rank, values = systems.lstsq(a, b, -1 if cond is None else cond)
    return found, rest[0] if len(found.shape) == 1 and rest.size else rest, rank, values


@implements_as("scipy.linalg.expm")
def expm(A: Any) -> Any:
    """As `scipy.linalg.expm`."""
    a = matrix("scipy.linalg.expm", A, square=True)
    return unstacked(matrix_functions.expm(stacked(a)), a.shape[:-2])


# matrices of given structure


@implements_as("scipy.linalg.block_diag")
def block_diag(*arrs: Any) -> Any:
    """As `scipy.linalg.block_diag` of matrices, vectors being rows."""
    blocks = [one if len(one.shape) == 2 else one.reshape(1, -1) for one in operands(*arrs)]
    shape = tuple(sum(block.shape[k] for block in blocks) for k in (0, 1))
    found, row, column = None, 0, 0
    for block in blocks:
        placed = apply("place", block, shape=shape, starts=(row, column), steps=(1, 1))
        found = placed if found is None else found + placed
        row, column = row + block.shape[0], column + block.shape[1]
    return found


@implements_as("scipy.linalg.toeplitz")
def toeplitz(c: Any, r: Any = None) -> Any:
    """As `scipy.linalg.toeplitz` of vectors."""
    column, row = operands(c, c if r is None else r)
    if len(column.shape) != 1 or len(row.shape) != 1:
        raise error(TraceShapeError, "scipy.linalg.toeplitz: the first column and row must be vectors")
    m, n = column.shape[0], row.shape[0]
    return take(concatenate([column[::-1], row[1:]]), np.arange(m - 1, -1, -1)[:, None] + np.arange(n))


globals().update(
    {name.rpartition(".")[2]: found for name, found in FUNCTIONS.items() if name.startswith("scipy.linalg.")}
)


def __getattr__(name: str) -> Any:
    """SciPy's own attribute; a function of it says that it takes no traced arrays."""
    if name.startswith("__"):
        raise AttributeError(name)
    import scipy.linalg

    plain = getattr(scipy.linalg, name)
    if not isinstance(plain, FunctionType):
        return plain

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        known = known_arguments(args, kwargs)
        if known is None:
            raise unsupported(f"scipy.linalg.{name}", f"scipy.linalg.{name}")
        return plain(*known[0], **known[1])

    return call
