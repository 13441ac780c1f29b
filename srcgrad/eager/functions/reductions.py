"""Reductions over dimensions."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from srcgrad.core.op import TABLE, Op, apply
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.functions.gathering import open_grid, pick
from srcgrad.eager.functions.shaping import dim_of, dims_of, reshape, squeeze
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.nodes import kind_of, rule_alone
from srcgrad.eager.recording.operands import to_dtype
from srcgrad.eager.recording.rows import RECORDED, bind, record_one
from srcgrad.eager.tensors.errors import alias_of
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.promotion import inexact_dtype, numpy_dtype, sum_dtype
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.ops.families import kept_shape

Dims = int | Sequence[int] | None
_sum = TABLE["sum"]
_add_reduce: Any = np.add.reduce  # its stubs do not know positional arguments
_REDUCE: dict[str, Any] = {"max": np.maximum.reduce, "min": np.minimum.reduce}


def _adjoint_mean(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...], count: int) -> Sequence[Any]:
    assert _sum.adjoint is not None
    return _sum.adjoint(cotangent / count if count != 1 else cotangent, None, x, axes=axes)


_MEAN = rule_alone("mean", _adjoint_mean)
_SUM_KINDS = kind_of(_sum, "SumBackward0"), kind_of(_sum, "SumBackward1")
_MEAN_KINDS = kind_of(_MEAN, "MeanBackward0"), kind_of(_MEAN, "MeanBackward1")


def sum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum over all or some dimensions; of integers in int64."""
    if dtype is None and isinstance(input, Tensor) and input._array.dtype.kind == "f":
        return _total(input, dim, keepdim, input._array.dtype, is_mean=False)
    target = sum_dtype(input.dtype) if dtype is None else numpy_dtype(dtype)
    return _total(input, dim, keepdim, target, is_mean=False)


def mean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over all or some dimensions, of floats."""
    if dtype is None and isinstance(input, Tensor) and input._array.dtype.kind == "f":
        return _total(input, dim, keepdim, input._array.dtype, is_mean=True)
    if dtype is None and input.dtype.kind not in "fc":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{alias_of(input.dtype)}"
        )
    return _total(input, dim, keepdim, input.dtype if dtype is None else numpy_dtype(dtype), is_mean=True)


def _total(input: Any, dim: Dims, keepdim: bool, dtype: Any, *, is_mean: bool) -> Any:
    if isinstance(input, Tensor):
        if input._array.dtype is not dtype:
            input = to_dtype(input, numpy_dtype(dtype))
        shape = input._array.shape
    else:
        if input.dtype != dtype:
            input = to_dtype(input, numpy_dtype(dtype))
        shape = tuple(input.shape)
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        axes: tuple[int, ...] = tuple(range(len(shape)))
        over_some = False
    else:
        axes = dims_of(dim, len(shape)) if type(dim) is int else tuple(sorted(dims_of(dim, len(shape))))
        over_some = True
    count = 1
    if is_mean:
        for axis in axes:
            count *= shape[axis]
    if not isinstance(input, Tensor):
        total = _sum(input, axes=axes)
        if keepdim:
            total = apply("reshape", total, shape=kept_shape(shape, axes))
        return total / count if is_mean else total
    array = input._array
    result = state.run(_add_reduce, array, axes if len(axes) < len(shape) else None, dtype, None, keepdim)
    if count != 1:
        result = state.run(np.true_divide, result, array.dtype.type(count))
    made = wrap(result if type(result) is np.ndarray else np.asarray(result, array.dtype))
    if is_mean:
        return record_one(_MEAN_KINDS[over_some], made, input, {"axes": axes, "count": count})
    return record_one(_SUM_KINDS[over_some], made, input, {"axes": axes})


RECORDED["sum"] = lambda x, axes: sum(x, axes) if axes else x


def _reduce(row: Any, input: Any, dims: Dims, keepdim: bool, name: str) -> Any:
    """A reduction by its row."""
    shape = tuple(input.shape)
    axes = tuple(sorted(dims_of(dims, len(shape))))
    made = bind(row, (input,), {"axes": axes}, name)
    return reshape(made, kept_shape(shape, axes)) if keepdim else made


def of_row(row: Op) -> Any:
    """The function that a reduction of the table is: over all or some dimensions, in the dtype of its input."""

    def function(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
        return _reduce(row, input, dim, keepdim, f"{row.name.capitalize()}Backward{int(dim is not None)}")

    function.__name__ = function.__qualname__ = row.name
    function.__doc__ = row.doc or f"`{row.name}` over all or some dimensions."
    return function


def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product of all elements or along a dimension; of integers in int64."""
    target = sum_dtype(input.dtype) if dtype is None else numpy_dtype(dtype)
    return _reduce(
        TABLE["prod"], to_dtype(input, numpy_dtype(target)), dim, keepdim, f"ProdBackward{int(dim is not None)}"
    )


# Extrema


class Extremum(NamedTuple):
    """The values along a dimension, and where they are."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"torch.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


_return_types: dict[str, Any] = {
    name: type(name, (Extremum,), {})
    for name in ("max", "min", "median", "sort", "topk", "kthvalue", "cummax", "cummin")
}


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along a dimension with its index; or of two tensors the larger elements."""
    return _extremum("max", input, dim, keepdim, ew.maximum)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along a dimension with its index; or of two tensors the smaller elements."""
    return _extremum("min", input, dim, keepdim, ew.minimum)


def _extremum(name: str, input: Any, dim: Any, keepdim: bool, of_two: Any) -> Any:
    if dim is not None and not isinstance(dim, int):
        return of_two(input, dim)
    _need_elements(name, input, dim)
    if dim is None:
        return _reduce(TABLE[name], input, None, False, f"{name.capitalize()}Backward1")
    if not isinstance(input, Tensor) or not input.shape:
        indices = argmax(input, dim, True) if name == "max" else argmin(input, dim, True)
        return _picked(name, input, dim, indices, keepdim)
    array = input._array
    axis = dim_of(dim, array.ndim)
    found = array.argmax(axis, keepdims=True) if name == "max" else array.argmin(axis, keepdims=True)
    grid = open_grid(found, axis)
    if not keepdim:
        grid, found = [part.squeeze(axis) for part in grid], found.squeeze(axis)
    values = _REDUCE[name](array, axis, keepdims=keepdim)
    made = pick(
        input, values, tuple(grid), {"axes": tuple(range(array.ndim)), "position": 0}, name.capitalize(), unique=True
    )
    return _return_types[name](made, wrap(found))


def _need_elements(name: str, input: Any, dim: int | None) -> None:
    if dim is None and math.prod(input.shape) == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
            "with the 'dim' argument."
        )
    if dim is not None and input.shape and input.shape[dim_of(dim, len(input.shape))] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _picked(name: str, input: Any, dim: int, indices: Any, keepdim: bool) -> Extremum:
    """The elements at indices that were found along a dimension."""
    from srcgrad.eager.functions.indexing import gather

    @composite(f"{name.capitalize()}Backward0")
    def pick(x: Any) -> Any:
        found = gather(x, dim, indices)
        return found if keepdim else squeeze(found, dim)

    values = pick(input)
    if not keepdim:
        indices = squeeze(indices, dim)
    return _return_types[name](values, indices)  # type: ignore[no-any-return]


def amax(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """The largest element over dimensions; elements that tie share the gradient."""
    return _reduce(TABLE["max"], input, dim, keepdim, "AmaxBackward0")


def amin(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """The smallest element over dimensions; elements that tie share the gradient."""
    return _reduce(TABLE["min"], input, dim, keepdim, "AminBackward0")


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest element, of all in row-major order or along a dimension."""
    return _index_of("argmax", input, dim, keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest element, of all in row-major order or along a dimension."""
    return _index_of("argmin", input, dim, keepdim)


def _index_of(name: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    shape = tuple(input.shape)
    if dim is None or not shape:
        found = TABLE[name](reshape(input.detach() if isinstance(input, Tensor) else input, (-1,)), axis=0)
        return reshape(found, (1,) * len(shape)) if keepdim else found
    axis = dim_of(dim, len(shape))
    found = TABLE[name](input.detach() if isinstance(input, Tensor) else input, axis=axis)
    return reshape(found, kept_shape(shape, (axis,))) if keepdim else found


def any(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether an element differs from zero."""
    return _reduce(TABLE["any"], to_dtype(input, np.dtype(bool)), dim, keepdim, "")


def all(input: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Whether all elements differ from zero."""
    return _reduce(TABLE["all"], to_dtype(input, np.dtype(bool)), dim, keepdim, "")


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Along a dimension in order of size, and where each was."""
    axis = dim_of(dim, len(input.shape))
    return _picked("sort", input, axis, argsort(input, axis, descending), True)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Where the elements are that `sort` gives."""
    axis = dim_of(dim, len(input.shape))
    keys = input.detach() if isinstance(input, Tensor) else input
    if not input.shape:
        return TABLE["argmax"](reshape(keys, (1,)), axis=0)
    if descending:
        keys = ew.bitwise_not(keys) if keys.dtype.kind in "biu" else ew.neg(keys)
    return TABLE["argsort"](keys, axis=axis)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) elements along a dimension, and where they are."""
    axis = dim_of(dim, len(input.shape))
    if k > input.shape[axis]:
        raise RuntimeError("selected index k out of range")
    indices = argsort(input, axis, largest)
    return _picked("topk", input, axis, indices[(slice(None),) * axis + (slice(0, k),)], True)


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along a dimension, and where it is."""
    axis = dim_of(dim, len(input.shape))
    indices = argsort(input, axis)[(slice(None),) * axis + (slice(k - 1, k),)]
    return _picked("kthvalue", input, axis, indices, keepdim)


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The (lower) middle element; along a dimension with its index."""
    if dim is None:
        return _reduce(_MEDIAN, input, None, False, "MedianBackward0")
    axis = dim_of(dim, len(input.shape))
    middle = (input.shape[axis] - 1) // 2
    indices = argsort(input, axis)[(slice(None),) * axis + (slice(middle, middle + 1),)]
    return _picked("median", input, axis, indices, keepdim)


def _middle(x: Any, *, axes: Any) -> Any:
    flat = x.reshape(-1)
    return np.asarray(flat[np.argsort(flat)[(flat.size - 1) // 2]])


#: By the rule of the extrema: elements that equal the middle one share the gradient.
_MEDIAN = dataclasses.replace(TABLE["max"], reference=_middle)


# Running sums and products


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Sums of the elements up to each along a dimension."""
    return _along("cumsum", input, dim, dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Products of the elements up to each along a dimension."""
    return _along("cumprod", input, dim, dtype)


def _along(name: str, input: Any, dim: int, dtype: Any) -> Any:
    value = to_dtype(input, numpy_dtype(sum_dtype(input.dtype) if dtype is None else dtype))
    if not input.shape:
        return composite(f"{name.capitalize()}Backward0")(lambda x: ew.mul(x, 1))(value)
    axis = dim_of(dim, len(input.shape))
    return bind(TABLE[name], (value,), {"axis": axis}, f"{name.capitalize()}Backward0")


# Spread and size

_NO_FREEDOM = (
    "std(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
    "divided by output numel)."
)


@composite("VarBackward0")
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance; divided by the count less ``correction``, by default 1."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    axes = dims_of(dim if dim != () else None, len(input.shape))
    count = math.prod([input.shape[axis] for axis in axes])
    far = ew.square(ew.sub(input, mean(input, axes, True))) if axes else ew.sub(input, input)
    freedom = count - correction
    if freedom <= 0:
        warnings.warn(_NO_FREEDOM, UserWarning, stacklevel=5)
    total = sum(far, axes or None, keepdim)
    return ew.div(total, freedom if freedom > 0 else 0.0)


@composite("StdBackward0")
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation: the root of `var`."""
    return _root(var(input, dim, unbiased, keepdim, correction=correction))


def _root(x: Any) -> Any:
    """The square root, with derivative zero at zero."""
    zero = ew.eq(x, 0)
    return where(zero, 0.0, ew.sqrt(where(zero, 1.0, x)))


@composite("LinalgVectorNormBackward0")
def norm(input: Any, p: Any = 2, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The p-norm over all or some dimensions."""
    x = to_dtype(input, numpy_dtype(dtype)) if dtype is not None else input
    if p is None or p in ("fro", 2):
        return _root(sum(ew.square(x), dim, keepdim))
    size = ew.abs(x)
    if p == math.inf:
        return amax(size, dim, keepdim)
    if p == -math.inf:
        return amin(size, dim, keepdim)
    if p == 1:
        return sum(size, dim, keepdim)
    if p == 0:
        return sum(to_dtype(ew.ne(x, 0), numpy_dtype(x.dtype)), dim, keepdim)
    zero = ew.eq(size, 0)
    powers = where(zero, 0.0, ew.pow(where(zero, 1.0, size), float(p)))
    total = sum(powers, dim, keepdim)
    none = ew.eq(total, 0)
    return where(none, 0.0, ew.pow(where(none, 1.0, total), 1.0 / p))


@composite("LogsumexpBackward0")
def logsumexp(input: Any, dim: Dims, keepdim: bool = False) -> Any:
    """The logarithm of the sum of exponentials, without overflow."""
    x = to_dtype(input, inexact_dtype(input.dtype))
    axes = dims_of(dim, len(x.shape))
    top = amax(x.detach(), axes, True)
    top = where(ew.isfinite(top), top, 0.0)
    total = ew.add(ew.log(sum(ew.exp(ew.sub(x, top)), axes, True)), top)
    return total if keepdim or not axes else reshape(total, [n for k, n in enumerate(x.shape) if k not in axes])


def count_nonzero(input: Any, dim: Dims = None) -> Any:
    """How many elements differ from zero."""
    return sum(ew.ne(input, 0), dim)


def std_mean(input: Any, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """The standard deviation and the mean."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def var_mean(input: Any, dim: Any = None, **options: Any) -> tuple[Any, Any]:
    """The variance and the mean."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> tuple[Any, Any]:
    """The smallest and the largest element."""
    return amin(input, dim, keepdim), amax(input, dim, keepdim)


def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of the difference."""
    return norm(ew.sub(input, other), p)
