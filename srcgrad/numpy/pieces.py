"""More recipes: choices between functions, running sums, jumps taken out, polynomials by their coefficients."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy import systems
from srcgrad.numpy.checks import fail_where
from srcgrad.numpy.creation import array, asarray, linspace
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.geometry import reshaped
from srcgrad.numpy.indexing import compress, nonzero, take, where, within_bounds
from srcgrad.numpy.joining import concatenate, pad, stack
from srcgrad.numpy.messages import error
from srcgrad.numpy.numerics import convolve, diff, vander
from srcgrad.numpy.products import operands
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.reductions import any as any_
from srcgrad.numpy.reductions import cumprod, cumsum
from srcgrad.numpy.shaping import as_array, atleast_1d, broadcast_arrays, broadcast_to, moveaxis, one_axis, result_type
from srcgrad.numpy.views import with_axes, with_shape
from srcgrad.ops.families import convert

# choices


@implements
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """As `numpy.choose`; an index out of bounds is an IndexError, or clipped or wrapped by the mode."""
    places = within_bounds(a, len(choices), mode)
    shapes = [np.shape(one) for one in (places, *choices)]
    found: Any = choices[-1]
    for k in range(len(choices) - 2, -1, -1):
        found = where(apply("equal", places, k), choices[k], found)
    dtype = result_type(*(one if is_face(one) or np.isscalar(one) else np.asarray(one) for one in choices))
    made = array(broadcast_to(asarray(found), np.broadcast_shapes(*shapes)), dtype)
    return deliver(made, out, name="choose")


@implements
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """As `numpy.piecewise` of functions of one element: each is evaluated everywhere, and one of them chosen."""
    x = asarray(x)
    conditions = list(condlist) if isinstance(condlist, list | tuple) or np.ndim(condlist) > x.ndim else [condlist]
    functions = list(funclist)
    if len(functions) not in (len(conditions), len(conditions) + 1):
        raise error(TraceShapeError, f"with {len(conditions)} condition(s), as many functions or one more are expected")
    default: Any = functions[len(conditions)] if len(functions) > len(conditions) else 0
    found = convert(asarray(_value(default, x, args, kw)), x.dtype)
    for condition, function in zip(conditions, functions, strict=False):
        found = where(condition, convert(asarray(_value(function, x, args, kw)), x.dtype), found)
    return broadcast_arrays(found, x)[0] if found.shape != x.shape else found


def _value(function: Any, x: Any, args: Any, options: Any) -> Any:
    if callable(function):
        return function(x, *args, **options)
    if np.ndim(function):
        what = "piecewise: an array in funclist has as many elements as its condition holds for"
        raise error(UnsupportedError, what, "Give a number or a function")
    return function if is_face(function) else np.asarray(function, x.dtype)


@implements
def extract(condition: Any, arr: Any) -> Any:
    """As `numpy.extract`, with a condition that is known while tracing."""
    condition, arr = asarray(condition), as_array(arr)
    return compress(with_shape(condition, (condition.size,)), with_shape(arr, (arr.size,)))


@implements
def flatnonzero(a: Any) -> Any:
    """As `numpy.flatnonzero`, of what is known while tracing."""
    return nonzero(with_shape(as_array(a), (as_array(a).size,)))[0]


@implements
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """As `numpy.apply_along_axis`: the function is traced once for each line."""
    arr = as_array(arr)
    axis = one_axis(axis, len(arr.shape))
    lines = moveaxis(arr, axis, -1)
    results = [asarray(func1d(lines[place], *args, **kwargs)) for place in np.ndindex(*lines.shape[:-1])]
    found = reshaped(stack(results), (*lines.shape[:-1], *results[0].shape))
    rank, inner = len(found.shape), len(results[0].shape)
    return moveaxis(found, tuple(range(rank - inner, rank)), tuple(range(axis, axis + inner)))


@implements
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """As `numpy.apply_over_axes`."""
    found = as_array(a)
    rank = len(found.shape)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        place = one_axis(axis, rank)
        reduced = func(found, place)
        found = reduced if len(reduced.shape) == rank else with_axes(reduced, (place,))
    return found


# other lengths


@implements
def resize(a: Any, new_shape: Any) -> Any:
    """As `numpy.resize`: repeated as often as needed."""
    a = as_array(a)
    shape = tuple(new_shape) if isinstance(new_shape, tuple | list) else (operator.index(new_shape),)
    return take(with_shape(a, (a.size,)), np.resize(np.arange(a.size), shape))


@implements
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """As `numpy.insert`, at places that are known while tracing."""
    arr, values = as_array(arr), asarray(values)
    if axis is None:
        arr, axis = with_shape(arr, (arr.size,)), 0
    axis = one_axis(axis, len(arr.shape))
    extent = arr.shape[axis]
    count = 1 if np.ndim(obj) == 0 else np.asarray(obj).size
    if np.ndim(obj) == 0 and len(values.shape) == len(arr.shape):
        count = values.shape[axis] if len(arr.shape) > 1 or values.shape else 1
    elif np.ndim(obj) == 0 and len(arr.shape) > 1 and values.shape:
        values = moveaxis(values[None], 0, axis)
    places = obj if np.ndim(obj) else np.full(count, obj)
    shape = tuple(count if k == axis else n for k, n in enumerate(arr.shape))
    values = convert(values, arr.dtype)
    values = values if values.shape == shape else apply("broadcast_to", values, shape=shape)
    order = np.insert(np.arange(extent), places, extent + np.arange(count))
    return take(concatenate([arr, values], axis), order, axis=axis)


@implements
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, **options: Any) -> Any:
    """As `numpy.logspace`."""
    return apply("power", base, linspace(start, stop, num, endpoint, **options))


@implements
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """As `numpy.geomspace` between numbers of one sign."""
    start, stop = systems.floats(start, stop)
    has_zero = any_(apply("logical_or", apply("equal", start, 0), apply("equal", stop, 0)))
    fail_where(has_zero, ValueError("Geometric sequence cannot include zero"), optional=True)
    sign = apply("sign", start)
    logs = linspace(apply("log", sign * start), apply("log", sign * stop), num, endpoint, dtype=dtype, axis=axis)
    return apply("exp", logs) * sign


# running sums


@implements
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.nancumsum`."""
    return cumsum(_without_nan(a, 0), axis, dtype, out)


@implements
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.nancumprod`."""
    return cumprod(_without_nan(a, 1), axis, dtype, out)


def _without_nan(a: Any, value: float) -> Any:
    a = as_array(a)
    return where(apply("isnan", a), np.asarray(value, a.dtype), a) if a.dtype.kind == "f" else a


@implements
def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """As `numpy.cumulative_sum`."""
    return _with_initial(cumsum, x, axis, dtype, 0 if include_initial else None)


@implements
def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """As `numpy.cumulative_prod`."""
    return _with_initial(cumprod, x, axis, dtype, 1 if include_initial else None)


def _with_initial(function: Any, x: Any, axis: int | None, dtype: Any, initial: int | None) -> Any:
    x = as_array(x)
    x = atleast_1d(x)
    if axis is None and len(x.shape) != 1:
        raise error(TraceShapeError, "For arrays which have more than one dimension ``axis`` argument is required.")
    axis = one_axis(0 if axis is None else axis, len(x.shape))
    found = function(x, axis, dtype)
    if initial is None:
        return found
    widths = [(int(k == axis), 0) for k in range(len(x.shape))]
    return pad(found, widths, constant_values=initial)


@implements
def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    """As `numpy.unwrap` of floats; jumps have no derivative."""
    (p,) = systems.floats(p)
    axis = one_axis(axis, len(p.shape))
    if p.shape[axis] == 0:
        return p
    jumps = apply("stop_gradient", diff(p, axis=axis))
    high = period / 2
    wrapped = apply("remainder", jumps + high, period) - high
    is_edge = apply("logical_and", apply("equal", wrapped, -high), apply("greater", jumps, 0))
    wrapped = where(is_edge, np.asarray(high, p.dtype), wrapped)
    small = apply("less", apply("absolute", jumps), high if discont is None else discont)
    turns = where(small, np.zeros((), p.dtype), wrapped - jumps)
    widths = [(int(k == axis), 0) for k in range(len(p.shape))]
    return p + pad(cumsum(turns, axis), widths)


# polynomials, by their coefficients from the highest power down


def _aligned(a1: Any, a2: Any) -> list[Any]:
    a1, a2 = (atleast_1d(one) for one in operands(a1, a2))
    length = builtins.max(a1.shape[0], a2.shape[0])
    return [pad(one, (length - one.shape[0], 0)) if one.shape[0] < length else one for one in (a1, a2)]


@implements
def polyadd(a1: Any, a2: Any) -> Any:
    """As `numpy.polyadd`."""
    return apply("add", *_aligned(a1, a2))


@implements
def polysub(a1: Any, a2: Any) -> Any:
    """As `numpy.polysub`."""
    return apply("subtract", *_aligned(a1, a2))


@implements
def polymul(a1: Any, a2: Any) -> Any:
    """As `numpy.polymul`; leading zeros stay."""
    return convolve(*(atleast_1d(one) for one in operands(a1, a2)))


@implements
def poly(seq_of_zeros: Any) -> Any:
    """As `numpy.poly` of real zeros."""
    (zeros,) = systems.floats(seq_of_zeros)
    if len(zeros.shape) != 1:
        raise error(UnsupportedError, "poly: the characteristic polynomial of a matrix is not supported")
    found = convert(zeros[:0].sum() + 1, zeros.dtype)[None]
    for k in range(zeros.shape[0]):
        found = pad(found, (0, 1)) - zeros[k] * pad(found, (1, 0))
    return found


def _line(p: Any) -> Any:
    p = as_array(p)
    if len(p.shape) != 1:
        raise error(TraceError, f"the coefficients of a polynomial are a 1-d array, not one of shape {p.shape}")
    return p


@implements
def polyder(p: Any, m: int = 1) -> Any:
    """As `numpy.polyder`."""
    p = _line(p)
    if operator.index(m) < 0:
        raise error(TraceShapeError, "Order of derivative must be positive (see polyint)")
    for _ in range(operator.index(m)):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@implements
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """As `numpy.polyint`."""
    p = _line(p)
    count = operator.index(m)
    if count < 0:
        raise error(TraceShapeError, "Order of integral must be positive (see polyder)")
    constants = [0] * count if k is None else [k] * count if np.ndim(k) == 0 else k
    for number in range(count):
        p = concatenate([p / np.arange(p.shape[0], 0, -1), convert(array([constants[number]]), type_of(p / 1).dtype)])
    return p


@implements
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: bool = False) -> Any:
    """As `numpy.polyfit`, the coefficients only."""
    if full or cov:
        raise error(UnsupportedError, "polyfit: full and cov are not supported on traced arrays")
    x, y = systems.floats(x, y)
    points = vander(x, operator.index(deg) + 1)
    if w is not None:
        w = as_array(w) if is_face(w) else np.asarray(w)
        points, y = points * w[:, None], y * (w if len(y.shape) == 1 else w[:, None])
    scale = apply("stop_gradient", apply("sqrt", apply("sum", points * points, axes=(0,))))
    precise = len(x) * float(np.finfo(points.dtype).eps)
    found = systems.lstsq(points / scale, y, precise if rcond is None else rcond)[0]
    return found / (scale if len(y.shape) == 1 else scale[:, None])
