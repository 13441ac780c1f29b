"""Functions made of others, without nodes or rules of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions import reductions
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.functions.indexing import gather
from srcgrad.eager.functions.joining import cat
from srcgrad.eager.functions.linear import matmul, tensordot
from srcgrad.eager.functions.shaping import dim_of, expand, flip, narrow, reshape, unsqueeze
from srcgrad.eager.tensors import promotion
from srcgrad.eager.tensors.dtypes import dtype, numpy_dtype, of
from srcgrad.eager.tensors.tensor import wrap


def nansum(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The sum of what is not NaN."""
    return reductions.sum(where(ew.isnan(input), 0.0, input), dim, keepdim)


def nanmean(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The mean of what is not NaN."""
    return ew.div(nansum(input, dim, keepdim), reductions.sum(ew.logical_not(ew.isnan(input)), dim, keepdim))


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> tuple[Any, Any]:
    """The smallest and the largest element."""
    return reductions.amin(input, dim, keepdim), reductions.amax(input, dim, keepdim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of the difference."""
    return reductions.norm(ew.sub(input, other), p)


def diff(input: Any, n: int = 1, dim: int = -1) -> Any:
    """Differences of neighbours along a dimension, n times."""
    for _ in range(n):
        count = input.shape[dim] - 1
        input = ew.sub(narrow(input, dim, 1, count), narrow(input, dim, 0, count))
    return input


def cross(input: Any, other: Any, dim: int = -1) -> Any:
    """The vector product of vectors of three along a dimension."""
    place = dim_of(dim, len(input.shape))
    if input.shape[place] != 3 or other.shape[place] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3.")

    def turned(x: Any, by: int) -> Any:
        return cat([narrow(x, place, by, 3 - by), narrow(x, place, 0, by)], place)

    return ew.sub(ew.mul(turned(input, 1), turned(other, 2)), ew.mul(turned(input, 2), turned(other, 1)))


def inner(input: Any, other: Any) -> Any:
    """Sums of products over the last dimensions."""
    if not input.shape or not other.shape:
        return ew.mul(input, other)
    return tensordot(input, other, ([-1], [-1])) if len(input.shape) + len(other.shape) > 2 else matmul(input, other)


def kron(input: Any, other: Any) -> Any:
    """Every element of the first times the whole second."""
    ndim = max(len(input.shape), len(other.shape))
    n, m = ((1,) * (ndim - len(x.shape)) + tuple(x.shape) for x in (input, other))
    left = reshape(input, [extent for own in n for extent in (own, 1)])
    right = reshape(other, [extent for own in m for extent in (1, own)])
    return reshape(ew.mul(left, right), [a * b for a, b in zip(n, m, strict=True)])


def fliplr(input: Any) -> Any:
    """Columns backwards."""
    return flip(input, 1)


def flipud(input: Any) -> Any:
    """Rows backwards."""
    return flip(input, 0)


def atleast_1d(input: Any) -> Any:
    """With at least one dimension."""
    return input if input.shape else reshape(input, (1,))


def atleast_2d(input: Any) -> Any:
    """With at least two dimensions."""
    return input if len(input.shape) > 1 else unsqueeze(atleast_1d(input), 0)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Tensors expanded to the shape that they have together."""
    shape = np.broadcast_shapes(*[tuple(tensor.shape) for tensor in tensors])
    return tuple(expand(tensor, shape) for tensor in tensors)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """The elements at indices along a dimension; without one, of all in row-major order."""
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    return gather(input, dim, indices)


def tril_indices(row: int, col: int, offset: int = 0) -> Any:
    """The indices of the lower triangle of a matrix: a row of rows, a row of columns."""
    return wrap(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0) -> Any:
    """The indices of the upper triangle of a matrix: a row of rows, a row of columns."""
    return wrap(np.stack(np.triu_indices(row, offset, col)))


def is_floating_point(input: Any) -> bool:
    """Whether the elements are floats."""
    return bool(input.is_floating_point())


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype in which an operation on both is done."""
    return of(promotion.result_dtype((tensor1, tensor2)))


def promote_types(type1: Any, type2: Any) -> dtype:
    """The smallest dtype that holds both."""
    return of(promotion.promote_types(numpy_dtype(type1), numpy_dtype(type2)))
