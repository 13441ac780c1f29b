"""Reductions with NumPy's dtypes, and the statistics that are made of them."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.node import as_node
from srcgrad.numpy.checks import fail_where
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.shaping import along, as_array, one_axis
from srcgrad.numpy.traced import Array
from srcgrad.numpy.views import with_axes, with_shape
from srcgrad.ops.families import BOOL, convert, normalize_axes

Axis = Any


def _axes(axis: Axis, rank: int) -> tuple[int, ...]:
    if axis is not None:
        axis = tuple(map(operator.index, axis)) if isinstance(axis, tuple) else operator.index(axis)
        if rank == 0 and axis in (0, -1):  # as NumPy's ufuncs take it
            return ()
    return normalize_axes(axis, rank)


def _present_axes(axis: Axis, rank: int) -> tuple[int, ...]:
    """As `_axes`, for functions that look for the axis of a 0-d array."""
    if rank == 0 and axis not in (None, ()):
        raise np.exceptions.AxisError(operator.index(axis[0] if isinstance(axis, tuple) else axis), 0)
    return _axes(axis, rank)


def _reduce(row: str, a: Any, axis: Axis, keepdims: bool) -> Any:
    """The row over the axes; with the reduced ones kept as ones on request."""
    axes = _axes(axis, len(a.shape))
    if not axes:
        return type(a)(as_node(a)) if isinstance(a, Array) else a
    made = apply(row, a, axes=axes)
    return with_axes(made, axes) if keepdims else made


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy sums integers and booleans."""
    if dtype.kind in "bi":
        return np.result_type(dtype, np.int64)
    return np.result_type(dtype, np.uint64) if dtype.kind == "u" else dtype


def _masked(a: Any, where: Any, neutral: Any) -> Any:
    """The array with a neutral value where the mask does not hold."""
    return a if _is_default(where) else apply("where", where, a, _initial(neutral, a.dtype))


def _initial(value: Any, dtype: np.dtype[Any]) -> Any:
    """A value to start from, which NumPy casts to the dtype of the reduction."""
    return apply("astype", value, dtype=dtype) if is_face(value) else np.asarray(value, dtype)


def _started(row: str, found: Any, initial: Any) -> Any:
    """A reduction from an initial value, which is None where there is none."""
    return found if initial is None else apply(row, found, _initial(initial, type_of(found).dtype))


def _is_default(option: Any) -> bool:
    """Whether an option was not given: None, or True for a mask."""
    return option is None or option is True


@implements
def sum(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """As `numpy.sum`."""
    a = as_array(a)
    a = convert(a, np.dtype(dtype) if dtype is not None else _wide(a.dtype))
    if a.dtype == BOOL:
        holds = _reduce("any", _masked(a, where, False), axis, keepdims)
        return deliver(_started("logical_or", holds, initial), out)
    total = _reduce("sum", _masked(a, where, 0), axis, keepdims)
    return deliver(_started("add", total, initial), out)


@implements
def prod(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """As `numpy.prod`."""
    a = as_array(a)
    a = convert(a, np.dtype(dtype) if dtype is not None else _wide(a.dtype))
    product = _reduce("prod", _masked(a, where, 1), axis, keepdims)
    return deliver(_started("multiply", product, initial), out)


def _extremum(row: str, pair: str, a: Any, axis: Axis, out: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    a = as_array(a)
    if not _is_default(where) and initial is None:
        raise error(TraceShapeError, f"reduction operation '{row}' does not have an identity, so where= needs initial=")
    if initial is None:
        return deliver(_reduce(row, a, axis, keepdims), out)
    axes = _axes(axis, len(a.shape))
    if builtins.any(a.shape[k] == 0 for k in axes):
        neutral, pair = ("any", "logical_or") if a.dtype == BOOL else ("sum", "add")
        return deliver(_started(pair, _reduce(neutral, a, axis, keepdims), initial), out)
    return deliver(_started(pair, _reduce(row, _masked(a, where, initial), axis, keepdims), initial), out)


@implements
def max(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """As `numpy.max`. Elements that tie share the derivative."""
    return _extremum("max", "maximum", a, axis, out, keepdims, initial, where)


@implements
def min(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """As `numpy.min`. Elements that tie share the derivative."""
    return _extremum("min", "minimum", a, axis, out, keepdims, initial, where)


@implements
def amax(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """As `numpy.max`."""
    return max(a, axis, out, keepdims, initial, where)


@implements
def amin(
    a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """As `numpy.min`."""
    return min(a, axis, out, keepdims, initial, where)


@implements
def ptp(a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False) -> Any:
    """As `numpy.ptp`. Where there is a NaN, it takes the derivative, as that of `max`."""
    high, low = max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims)
    length = apply("subtract", high, low)
    if type_of(length).dtype.kind == "f":
        length = apply("where", apply("isnan", high), high, length)
    return deliver(length, out)


def _truth(a: Any) -> Any:
    return a if a.dtype == BOOL else apply("not_equal", a, 0)


@implements
def any(a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """As `numpy.any`."""
    return deliver(_reduce("any", _masked(_truth(as_array(a)), where, False), axis, keepdims), out)


@implements
def all(a: Any, axis: Axis = None, out: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    """As `numpy.all`."""
    return deliver(_reduce("all", _masked(_truth(as_array(a)), where, True), axis, keepdims), out)


@implements
def count_nonzero(a: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """As `numpy.count_nonzero`."""
    return sum(_truth(as_array(a)), axis, keepdims=keepdims)


def _arg(row: str, a: Any, axis: int | None, out: Any, keepdims: bool) -> Any:
    a = as_array(a)
    if axis is None:
        found = apply(row, with_shape(a, (a.size,)), axis=0)
        found = with_axes(found, range(len(a.shape))) if keepdims is True else found
        return deliver(found, out)
    line, place = along(a, axis)
    found = apply(row, line, axis=place)
    return deliver(with_axes(found, (place,)) if keepdims is True and a.shape else found, out)


@implements
def argmax(a: Any, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """As `numpy.argmax`."""
    return _arg("argmax", a, axis, out, keepdims)


@implements
def argmin(a: Any, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """As `numpy.argmin`."""
    return _arg("argmin", a, axis, out, keepdims)


# statistics


def _count(a: Any, axis: Axis, where: Any, keepdims: bool) -> Any:
    """How many elements each sum has."""
    if not _is_default(where):
        mask = apply("broadcast_to", where, shape=a.shape) if is_face(where) else np.broadcast_to(where, a.shape)
        return sum(mask, axis, keepdims=keepdims)
    count = 1
    for k in _present_axes(axis, len(a.shape)):
        count *= a.shape[k]
    return count


def _inexact(a: Any, dtype: Any) -> Any:
    """Integers and booleans as float64: what NumPy averages in."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        what = f"the mean and the variance in dtype {np.dtype(dtype)} are not supported on traced arrays"
        raise error(UnsupportedError, what, "Convert the result: np.mean(x).astype(dtype)")
    return convert(a, np.dtype(dtype) if dtype is not None else a.dtype if a.dtype.kind in "fc" else np.dtype(float))


@implements
def mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """As `numpy.mean`; float32 is accumulated in float32."""
    a = _inexact(as_array(a), dtype)
    total = sum(a, axis, keepdims=keepdims, where=where)
    return deliver(apply("divide", total, convert(_count(a, axis, where, keepdims), a.dtype)), out)


@implements
def var(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Any:
    """As `numpy.var`: the mean of the squared deviations from the mean, in two passes."""
    a = _inexact(as_array(a), dtype)
    centre = _mean_of(a, axis, where) if _is_default(mean) else mean
    deviation = squared_length(apply("subtract", a, centre))
    free = ddof if _is_default(correction) else correction
    count = _count(a, axis, where, bool(keepdims))
    if is_face(count):
        count = apply("maximum", apply("subtract", count, free), 0)
    else:
        count = builtins.max(count - free, 0)
    total = sum(deviation, axis, keepdims=keepdims, where=where)
    return deliver(apply("divide", total, convert(count, total.dtype)), out)


def squared_length(x: Any) -> Any:
    """``|x|^2``, without the root that would be squared again."""
    if x.dtype.kind != "c":
        return apply("square", x)
    return apply("add", apply("square", apply("real", x)), apply("square", apply("imag", x)))


def _mean_of(a: Any, axis: Axis, where: Any) -> Any:
    return mean(a, axis, keepdims=True, where=where)


@implements
def std(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Any:
    """As `numpy.std`."""
    found = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return deliver(apply("sqrt", found), out)


@implements
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """As `numpy.average`; weights that sum to zero are a ZeroDivisionError."""
    a = as_array(a) if is_face(a) else np.asarray(a)
    if weights is None:
        found = mean(a, axis, keepdims=keepdims)
        if found.size == 0:
            fail_where(True, ZeroDivisionError("division by zero"))
        total: Any = _count(a, axis, True, False)
    else:
        _present_axes(axis, len(a.shape))
        weights = as_array(weights) if is_face(weights) else np.asarray(weights)
        kind = np.result_type(type_of(_inexact(a, None)).dtype, type_of(weights).dtype)
        if weights.shape != a.shape:
            weights = _spread_weights(a, weights, axis)
        total = sum(weights, axis, dtype=kind, keepdims=keepdims)
        _refuse_no_weight(total)
        products = apply("multiply", convert(a, kind), convert(weights, kind))  # integers would overflow
        found = apply("divide", sum(products, axis, keepdims=keepdims), total)
    if not returned:
        return found
    total = (
        apply("broadcast_to", total, shape=found.shape) if is_face(total) else np.full(found.shape, total, found.dtype)
    )
    return found, total


def _refuse_no_weight(total: Any) -> None:
    failure = ZeroDivisionError("Weights sum to zero, can't be normalized")
    fail_where(any(apply("equal", total, 0)) if is_face(total) else (total == 0).any(), failure, optional=True)


def _spread_weights(a: Any, weights: Any, axis: Axis) -> Any:
    """Weights along some axes, in the order in which these are given, for each element."""
    if axis is None:
        raise error(TraceError, "Axis must be specified when shapes of a and weights differ.")
    axes = tuple(one_axis(k, len(a.shape)) for k in (axis if isinstance(axis, tuple) else (axis,)))
    if weights.shape != tuple(a.shape[k] for k in axes):
        raise error(TraceShapeError, "Shape of weights must be consistent with shape of a along specified axis.")
    shape = tuple(extent if k in axes else 1 for k, extent in enumerate(a.shape))
    order = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    turned = apply("reshape", apply("transpose", weights, axes=order), shape=shape)
    return apply("broadcast_to", turned, shape=a.shape) if is_face(turned) else np.broadcast_to(turned, a.shape)


# running sums, sorting


def _running(row: str, a: Any, axis: int | None, dtype: Any, out: Any) -> Any:
    a = as_array(a)
    a = convert(a, np.dtype(dtype) if dtype is not None else _wide(a.dtype))
    if axis is None or not a.shape:
        one_axis(0 if axis is None else axis, 1)
        a, axis = with_shape(a, (a.size,)), 0
    return deliver(apply(row, a, axis=one_axis(axis, len(a.shape))), out)


@implements
def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.cumsum`."""
    return _running("cumsum", a, axis, dtype, out)


@implements
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.cumprod`."""
    return _running("cumprod", a, axis, dtype, out)


@implements
def sort(a: Any, axis: int | None = -1, kind: str | None = None, order: Any = None, *, stable: Any = None) -> Any:
    """As `numpy.sort`."""
    a = as_array(a)
    a = with_shape(a, (a.size,)) if axis is None else a
    return apply("sort", a, axis=one_axis(-1 if axis is None else axis, len(a.shape)))


@implements
def argsort(a: Any, axis: int | None = -1, kind: str | None = None, order: Any = None, *, stable: Any = None) -> Any:
    """As `numpy.argsort`, stable whatever the kind."""
    a = as_array(a)
    a, place = along(a, axis)
    return apply("argsort", a, axis=place)
