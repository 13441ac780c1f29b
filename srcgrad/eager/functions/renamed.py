"""Functions that `srcgrad.numpy` has, under PyTorch's names and with its keywords.

`srcgrad.numpy` runs on tensors as it does on traced arrays, so such a function is one line of a table: what its
arguments are called here, what they are called there, and what it does.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad.numpy as snp
from srcgrad.core.errors import SrcgradError
from srcgrad.eager.functions import pointwise
from srcgrad.eager.recording.definitions import defined
from srcgrad.eager.recording.operands import to_dtype
from srcgrad.eager.tensors.errors import nearest
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.promotion import result_dtype
from srcgrad.eager.tensors.tensor import Tensor

FUNCTIONS = """
diff(input, n=1, dim=-1) = np.diff(input, n, axis=dim)  # Differences of neighbours along a dimension, n times.
kron(input, other) = np.kron(input, other)  # Every element of the first times the whole second.
inner(input, other) = np.inner(input, other)  # Sums of products over the last dimensions.
outer(input, vec2) = np.outer(input, vec2)  # All products of the elements of two vectors.
cross(input, other, dim=-1) = np.cross(*of_three(input, other, dim), axis=dim)  # The vector product.
tensordot(a, b, dims=2) = np.tensordot(a, b, dims)  # Sums of products over several dimensions of both.
einsum(equation, *operands) = np.einsum(equation, *alike(several(operands)))  # Sums of products of named dimensions.
fliplr(input) = np.fliplr(input)  # Columns backwards.
flipud(input) = np.flipud(input)  # Rows backwards.
flip(input, *dims) = np.flip(input, several(dims))  # Some dimensions backwards. @FlipBackward0
roll(input, shifts, dims=None) = rolled(input, shifts, dims)  # Elements moved around along dimensions. @RollBackward0
rot90(input, k=1, dims=(0, 1)) = np.rot90(input, k, dims)  # Turned by a right angle, k times.
tile(input, *dims) = np.tile(input, several(dims))  # As `repeat`; missing counts are 1. @RepeatBackward0
repeat_interleave(input, repeats, dim=None) = np.repeat(*along(input, dim, repeats))  # Each element several times.
tril(input, diagonal=0) = np.tril(input, diagonal)  # The lower triangle; zero above. @TrilBackward0
triu(input, diagonal=0) = np.triu(input, diagonal)  # The upper triangle; zero below. @TriuBackward0
diagonal(input, offset=0, dim1=0, dim2=1) = np.diagonal(input, offset, dim1, dim2)  # Diagonals. @DiagonalBackward0
diag(input, diagonal=0) = np.diag(input, diagonal)  # The diagonal of a matrix; of a vector the matrix that has it.
trace(input) = np.trace(input)  # The sum of the diagonal of a matrix. @TraceBackward0
nanmean(input, dim=None, keepdim=False) = np.nanmean(input, dim, keepdims=keepdim)  # The mean of what is not NaN.
nansum(input, dim=None, keepdim=False) = np.nansum(input, dim, keepdims=keepdim)  # The sum of what is not NaN.
quantile(input, q, dim=None, keepdim=False) = np.quantile(input, q, dim, keepdims=keepdim)  # Below it lies the part q.
trapezoid(y, x=None, dim=-1) = np.trapezoid(y, x, axis=dim)  # The integral by trapezoids.
vander(x, N=None, increasing=False) = np.vander(x, N, increasing)  # Powers of a vector, by columns.
cov(input, *, correction=1) = np.cov(input, ddof=correction)  # The covariances of the rows.
corrcoef(input) = np.corrcoef(input)  # The correlations of the rows.
atleast_1d(input) = np.atleast_1d(input)  # With at least one dimension.
atleast_2d(input) = np.atleast_2d(input)  # With at least two dimensions.
broadcast_tensors(*tensors) = tuple(np.broadcast_arrays(*tensors))  # Expanded to the shape that they have together.
"""

LINALG = """
det(A) = np.linalg.det(A)  # The determinants of matrices.
slogdet(A) = slogdet(*np.linalg.slogdet(A))  # The signs of determinants, and the logarithms of their sizes.
inv(A) = np.linalg.inv(A)  # The inverses of matrices.
solve(A, B, *, left=True) = np.linalg.solve(A, B) if left else turned(np.linalg.solve(turned(A), turned(B)))  # AX = B
solve_triangular(A, B, *, upper) = scipy.solve_triangular(A, B, lower=not upper)  # ``A X = B`` for a triangular A.
cholesky(A, *, upper=False) = np.linalg.cholesky(A, upper=upper)  # Triangular factors of positive definite matrices.
qr(A, mode="reduced") = qr(*np.linalg.qr(A, mode))  # An orthogonal and a triangular factor.
eigh(A, UPLO="L") = eigh(*np.linalg.eigh(A, UPLO))  # The eigenvalues and eigenvectors of symmetric matrices.
eigvalsh(A, UPLO="L") = np.linalg.eigvalsh(A, UPLO)  # The eigenvalues of symmetric matrices.
svd(A, full_matrices=True) = svd(*np.linalg.svd(A, full_matrices))  # The singular value decomposition.
svdvals(A) = np.linalg.svdvals(A)  # The singular values.
pinv(A) = np.linalg.pinv(A)  # The pseudo-inverses.
matrix_power(A, n) = np.linalg.matrix_power(A, n)  # The n-th powers of matrices.
matrix_exp(A) = scipy.expm(A)  # The exponentials of matrices.
matrix_rank(A) = np.linalg.matrix_rank(A)  # How many singular values are not zero.
cond(A, p=None) = np.linalg.cond(A, p)  # The condition numbers.
multi_dot(tensors) = np.linalg.multi_dot(tensors)  # The product of several matrices, in the cheapest order.
norm(A, ord=None, dim=None, keepdim=False) = np.linalg.norm(A, ord, dim, keepdim)  # Of vectors or matrices.
vector_norm(x, ord=2, dim=None, keepdim=False) = np.linalg.vector_norm(x, ord=ord, axis=dim, keepdims=keepdim)  # norms
matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False) = np.linalg.norm(A, ord, dim, keepdim)  # The norms of matrices.
cross(input, other, *, dim=-1) = np.cross(*of_three(input, other, dim), axis=dim)  # The vector product.
diagonal(A, *, offset=0, dim1=-2, dim2=-1) = np.diagonal(A, offset, dim1, dim2)  # The diagonals of matrices.
vecdot(x, y, *, dim=-1) = np.vecdot(x, y, axis=dim)  # Sums of products along a dimension.
tensorinv(A, ind=2) = np.linalg.tensorinv(A, ind)  # The inverse with respect to `tensordot`.
tensorsolve(A, B, dims=None) = np.linalg.tensorsolve(A, B, dims)  # ``tensordot(A, X) = B``
"""

#: Rows of the table that PyTorch has in ``special``: ``name`` or ``name=row``.
SPECIAL = """
bessel_j0=j0 bessel_j1=j1 bessel_y0=y0 bessel_y1=y1 i0 i0e i1 i1e erf erfc erfcx erfinv exp2 expm1 expit gammaln
gammainc gammaincc digamma psi=digamma logit log1p ndtr log_ndtr sinc xlog1py xlogy zeta polygamma
"""


def _several(given: tuple[Any, ...]) -> Any:
    """``f((0, 1))`` is ``f(0, 1)``."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], list | tuple) else given


def _alike(operands: tuple[Any, ...]) -> list[Any]:
    dtype = result_dtype(operands)
    return [to_dtype(operand, dtype) for operand in operands]


def _along(x: Any, dim: int | None, count: int) -> tuple[Any, int, int]:
    return (x.reshape(-1), count, 0) if dim is None else (x, count, dim)


def _rolled(x: Any, shifts: Any, dims: Any) -> Any:
    return snp.roll(x.reshape(-1), shifts, 0).reshape(x.shape) if dims is None else snp.roll(x, shifts, dims)


def _of_three(x: Any, y: Any, dim: int) -> tuple[Any, Any]:
    if x.shape[dim] != 3 or y.shape[dim] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3.")
    return x, y


def _turned(x: Any) -> Any:
    return x.transpose(-2, -1)


_NAMES = {
    "np": snp,
    "several": _several,
    "turned": _turned,
    "alike": _alike,
    "along": _along,
    "rolled": _rolled,
    "of_three": _of_three,
    "slogdet": namedtuple("slogdet", "sign logabsdet"),
    "qr": namedtuple("qr", "Q R"),
    "eigh": namedtuple("eigh", "eigenvalues eigenvectors"),
    "svd": namedtuple("svd", "U S Vh"),
}


def _defined(table: str, prefix: str = "", **names: Any) -> dict[str, Callable[..., Any]]:
    """The functions of a table, checked."""
    found = defined(table, {**_NAMES, **names}, __name__, _fresh)
    return {name: _checked(prefix + name, function) for name, function in found.items()}


#: Functions that give their operand itself, or a view of it, where they have nothing to do.
_VIEWS = ("atleast_1d", "atleast_2d", "broadcast_tensors", "einsum")


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """A result on memory of its own, so that changing it in place changes no operand."""
    if function.__name__ in _VIEWS:
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        operands = [arg._array for arg in args if isinstance(arg, Tensor)] if isinstance(result, Tensor) else ()
        if any(np.may_share_memory(operand, result._array) for operand in operands):
            return result.clone()
        return result

    return call


def _as_tensors(result: Any) -> Any:
    """Results that are traced arrays, as traced tensors."""
    if isinstance(result, tuple):
        parts = map(_as_tensors, result)
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if state.lift is None or not hasattr(result, "__sg_node__") or hasattr(result, "numel"):
        return result
    return state.lift(result)


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """What does not fit is a RuntimeError, as in PyTorch."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
            return result if state.lift is None else _as_tensors(result)
        except (SrcgradError, ValueError) as error:
            raise RuntimeError(f"{name}(): {error}") from None

    return call


DEFINED = _defined(FUNCTIONS)


class Namespace:
    """Functions that are made when the first of them is asked for."""

    def __init__(self, name: str, make: Callable[[], dict[str, Callable[..., Any]]]) -> None:
        self.__name__, self._make = f"srcgrad.eager.{name}", functools.cache(make)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copy and notebooks ask for
            raise AttributeError(name)
        if name not in self._make():
            raise AttributeError(nearest(self.__name__, name, self._make()))
        return self._make()[name]

    def __dir__(self) -> list[str]:
        return sorted(self._make())


def _linalg() -> dict[str, Callable[..., Any]]:
    import srcgrad.numpy.scipy_linalg

    return _defined(LINALG, "linalg.", scipy=srcgrad.numpy.scipy_linalg)


def _special() -> dict[str, Callable[..., Any]]:
    entries = (entry.partition("=") for entry in SPECIAL.split())
    return {name: getattr(pointwise, row or name) for name, _, row in entries}


linalg, special = Namespace("linalg", _linalg), Namespace("special", _special)
