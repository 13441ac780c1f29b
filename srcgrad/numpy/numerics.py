"""Recipes made of slices, sums and products: differences, integrals, interpolation, polynomials, comparison."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy.creation import array, shape_sizes
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.geometry import Span, reshaped
from srcgrad.numpy.indexing import diagonal, take, where
from srcgrad.numpy.joining import concatenate, pad
from srcgrad.numpy.messages import error
from srcgrad.numpy.ordering import searchsorted
from srcgrad.numpy.products import conjugate, contracted, operands
from srcgrad.numpy.protocols import implements, implements_as, is_face
from srcgrad.numpy.reductions import all, any, argsort, max, mean, min, prod, std, sum, var
from srcgrad.numpy.rounding import clip
from srcgrad.numpy.shaping import as_array, as_float, atleast_1d, atleast_2d, broadcast_arrays, one_axis, squeeze
from srcgrad.numpy.traced import Array
from srcgrad.numpy.views import part, with_shape
from srcgrad.ops.families import BOOL, convert


def _piece(x: Any, axis: int, start: int, stop: int) -> Any:
    return part(x, axis, Span(start, builtins.max(stop - start, 0)))


@implements
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """As `numpy.diff`."""
    a = as_array(a)
    if operator.index(n) == 0:
        return a
    axis = one_axis(axis, len(a.shape))
    pieces = [_end(a, prepend, axis), a, _end(a, append, axis)]
    a = concatenate([piece for piece in pieces if piece is not None], axis)
    row = "not_equal" if a.dtype == BOOL else "subtract"
    if operator.index(n) < 0:
        raise error(TraceShapeError, f"order must be non-negative but got {n}")
    for _ in range(operator.index(n)):
        extent = a.shape[axis]
        a = apply(row, _piece(a, axis, builtins.min(1, extent), extent), _piece(a, axis, 0, extent - 1))
    return a


def _end(a: Any, value: Any, axis: int) -> Any:
    """What is put before or behind, as an array."""
    if value is None:
        return None
    value = array(value)
    if value.shape:
        return value
    return apply("broadcast_to", value, shape=tuple(1 if k == axis else n for k, n in enumerate(a.shape)))


def _subtracted(a: Any) -> Any:
    a = as_array(a)
    if a.dtype == BOOL:
        raise error(TraceError, "booleans are not subtracted", "Convert them: x.astype(int)")
    return a


@implements
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """As `numpy.ediff1d`."""
    ary = _subtracted(ary)
    found = diff(with_shape(ary, (ary.size,)))
    begin, end = (None if one is None else with_shape(array(one), (array(one).size,)) for one in (to_begin, to_end))
    pieces = [one for one in (begin, found, end) if one is not None]
    return concatenate([convert(one, found.dtype) for one in pieces]) if len(pieces) > 1 else found


@implements
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """As `numpy.gradient`."""
    f = as_float(_subtracted(f))
    given = range(len(f.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [one_axis(one, len(f.shape)) for one in given]
    steps = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    if len(steps) != len(axes):
        raise error(TraceShapeError, "gradient takes no spacing, one for all axes, or one for each")
    found = [_central(f, one, step, edge_order) for one, step in zip(axes, steps, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _central(f: Any, axis: int, step: Any, edge_order: int) -> Any:
    """Second-order differences within, one-sided ones at the ends; ``step`` is a spacing or coordinates."""
    extent = f.shape[axis]
    if extent < edge_order + 1:
        raise error(TraceShapeError, "Shape of array too small to calculate a numerical gradient")
    if type_of(step).shape:
        (steps,) = operands(diff(step))
        if steps.shape != (extent - 1,):
            raise error(TraceShapeError, "when 1d, distances must match the length of the corresponding dimension")
        steps = reshaped(steps, tuple(extent - 1 if k == axis else 1 for k in range(len(f.shape))))
        before, after = _piece(steps, axis, 0, extent - 2), _piece(steps, axis, 1, extent - 1)
    else:
        before = after = step

    def at(k: int) -> Any:
        return _piece(f, axis, k, k + 1)

    def step_at(k: int) -> Any:
        return _piece(steps, axis, k, k + 1) if type_of(step).shape else step

    lower, middle, upper = (_piece(f, axis, k, extent - 2 + k) for k in range(3))
    if type_of(step).shape:
        whole = before + after
        inside = (after - before) / (before * after) * middle
        inside = inside - after / (before * whole) * lower + before / (after * whole) * upper
    else:
        inside = (upper - lower) / (2.0 * step)
    if edge_order == 1:
        first, last = (at(1) - at(0)) / step_at(0), (at(extent - 1) - at(extent - 2)) / step_at(extent - 2)
    else:
        first = _one_sided(at(0), at(1), at(2), step_at(0), step_at(1))
        last = -_one_sided(at(extent - 1), at(extent - 2), at(extent - 3), step_at(extent - 2), step_at(extent - 3))
    return convert(concatenate([first, inside, last], axis), f.dtype)


def _one_sided(a: Any, b: Any, c: Any, near: Any, far: Any) -> Any:
    """The derivative at the end of three points that are ``near`` and ``far`` apart, to second order."""
    whole = near + far
    return -(near + whole) / (near * whole) * a + whole / (near * far) * b - near / (far * whole) * c


@implements
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """As `numpy.trapezoid`."""
    y = as_array(y) if is_face(y) else np.asarray(y)
    axis = one_axis(axis, len(y.shape))
    extent = y.shape[axis]
    steps: Any = dx
    if x is not None:
        x = as_array(x) if is_face(x) else np.asarray(x)
        steps = diff(x, axis=axis if len(x.shape) > 1 else 0)
        if len(x.shape) == 1:
            shape = tuple(extent - 1 if k == axis else 1 for k in range(len(y.shape)))
            steps = reshaped(steps, shape)
    ends = apply("add", y[_behind(y, axis, 1, extent)], y[_behind(y, axis, 0, extent - 1)])
    return sum(apply("divide", apply("multiply", steps, ends), 2.0), axis)


def _behind(y: Any, axis: int, start: int, stop: int) -> Any:
    return tuple(slice(start, stop) if k == axis else slice(None) for k in range(len(y.shape)))


@implements
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """As `numpy.convolve`."""
    a, v = (atleast_1d(one) for one in operands(a, v))
    if a.shape[0] < v.shape[0]:
        a, v = v, a
    return _windows(a, v[::-1], mode)


@implements
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """As `numpy.correlate`: v is conjugated."""
    a, v = operands(a, v)
    if len(a.shape) != 1 or len(v.shape) != 1:
        raise error(TraceShapeError, f"correlate takes 1-d arrays, not of shapes {a.shape} and {v.shape}")
    v = conjugate(v)
    if a.shape[0] < v.shape[0]:
        return _windows(v, a, mode)[::-1]
    return _windows(a, v, mode)


def _windows(a: Any, v: Any, mode: str) -> Any:
    """The inner products of v with every window of a."""
    size = v.shape[0]
    if size == 0:
        raise error(TraceShapeError, "a and v cannot be empty")
    before, after = {"full": (size - 1, size - 1), "same": (size // 2, (size - 1) // 2), "valid": (0, 0)}[mode]
    padded = pad(a, (before, after)) if size > 1 and mode != "valid" else a
    rows = apply("windows", padded, axes=(0,), sizes=(size,), steps=(1,), dilations=(1,))
    return contracted(rows, "ij", v, "j", "i")


@implements
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """As `numpy.interp`; the derivative is that of the straight piece."""
    kind = np.result_type(type_of(array(fp) if isinstance(fp, list | tuple) else fp).dtype, float)
    x, xp = (convert(one, np.dtype(float)) for one in operands(x, xp))
    fp = operands(fp, x)[0] if kind.kind == "c" else convert(operands(fp, x)[0], np.dtype(float))
    if period is not None:
        x, xp = apply("remainder", x, period), apply("remainder", xp, period)
        order = argsort(xp)
        xp, fp = take(xp, order), take(fp, order)
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    last = xp.shape[0] - 1
    place = searchsorted(xp, x, side="right")
    low = apply("minimum", apply("maximum", apply("subtract", place, 1), 0), builtins.max(last - 1, 0))
    high = apply("minimum", apply("add", low, 1), last)
    x0, y0 = take(xp, low), take(fp, low)
    slope = apply("divide", take(fp, high) - y0, where(apply("equal", low, high), 1, take(xp, high) - x0))
    found = y0 + slope * (x - x0)
    found = where(apply("less", x, xp[0]), fp[0] if left is None else left, found)
    return where(apply("greater_equal", x, xp[last]), _right(x, xp[last], fp[last], right), found)


def _right(x: Any, end: Any, value: Any, right: Any) -> Any:
    return value if right is None else where(apply("greater", x, end), right, value)


@implements
def polyval(p: Any, x: Any) -> Any:
    """As `numpy.polyval`: Horner's scheme."""
    p, x = (one if is_face(one) else np.asarray(one) for one in (p, x))
    if not p.shape:
        raise error(TraceError, "the coefficients of a polynomial are a 1-d array, not one of shape ()")
    found = apply("multiply", x, 0) if is_face(x) else np.zeros_like(x)
    for k in range(p.shape[0]):
        found = found * x + p[k]
    return found


@implements
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """As `numpy.vander`."""
    x = as_array(x)
    if len(x.shape) != 1:
        raise error(TraceShapeError, "x must be a one-dimensional array or sequence.")
    count = x.shape[0] if N is None else operator.index(N)
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return apply("power", x[:, None], powers)


@implements
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """As `numpy.meshgrid`; without copies views of the lines, which are read-only where they repeat elements."""
    if indexing not in ("xy", "ij"):
        raise error(TraceShapeError, "Valid values for `indexing` are 'xy' and 'ij'.")
    count = len(xi)
    lines = []
    for k, one in enumerate(xi):
        line = as_array(one)
        place = {0: 1, 1: 0}.get(k, k) if indexing == "xy" and count > 1 else k
        lines.append(with_shape(line, tuple(line.size if j == place else 1 for j in range(count))))
    grids = tuple(lines) if sparse or count == 1 else broadcast_arrays(*lines)
    return tuple(array(one) for one in grids) if copy else tuple(grids)


@implements_as("lib.stride_tricks.sliding_window_view")
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **_: Any) -> Any:
    """As `numpy.lib.stride_tricks.sliding_window_view`: a view that is read-only, also where it is asked to be none."""
    x = as_array(x)
    rank = len(x.shape)
    sizes = shape_sizes(window_shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(one_axis(k, rank) for k in axes)
    if len(axes) != len(sizes):
        raise error(TraceShapeError, f"{len(sizes)} window sizes for {len(axes)} axes")
    if len(set(axes)) < len(axes):  # one after the other
        for one, size in zip(axes, sizes, strict=True):
            x = sliding_window_view(x, size, one)
        return x
    if builtins.any(x.shape[one] < size for one, size in zip(axes, sizes, strict=True)):
        raise error(TraceShapeError, "window shape cannot be larger than input array shape")
    ones = (1,) * len(axes)
    params = {"axes": axes, "sizes": tuple(sizes), "steps": ones, "dilations": ones}
    if not isinstance(x, Array):
        return apply("windows", x, **params)
    strides = x.element_strides
    return x.derive(lambda base: apply("windows", base, **params), None, (*strides, *(strides[k] for k in axes)))


# statistics of several variables


@implements
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, dtype: Any = None
) -> Any:
    """As `numpy.cov`, without weights."""
    x = _variables(m, rowvar)
    if y is not None:
        x = concatenate([x, _variables(y, rowvar)], axis=0)
    x = x if dtype is None else convert(x, np.dtype(dtype))
    free = ddof if ddof is not None else 0 if bias else 1
    deviation = x - mean(x, axis=1, keepdims=True)
    found = contracted(deviation, "ik", conjugate(deviation), "jk", "ij") / builtins.max(x.shape[1] - free, 0)
    return squeeze(found)


def _variables(m: Any, rowvar: bool) -> Any:
    """One variable a row, as floats: in float64 unless wider, as NumPy has it."""
    m = as_array(m)
    m = convert(m, np.result_type(m.dtype, np.float64))
    m = atleast_2d(m)
    return m if rowvar or m.shape[0] == 1 else m.T


@implements
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """As `numpy.corrcoef`."""
    found = cov(x, y, rowvar, dtype=dtype)
    if not found.shape:
        return found / found
    variances = diagonal(found)
    scale = apply("sqrt", apply("real", variances) if variances.dtype.kind == "c" else variances)
    found = found / scale[:, None] / scale[None, :]
    if found.dtype.kind != "c":
        return clip(found, -1, 1)
    return apply("compose", *(clip(apply(part, found), -1, 1) for part in ("real", "imag")))


# comparison


@implements
def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """As `numpy.isclose`."""
    a, b = (convert(one, np.dtype(int)) if one.dtype == BOOL else one for one in operands(a, b))
    near = apply("less_equal", apply("absolute", a - b), atol + rtol * apply("absolute", b))
    close = apply("logical_or", apply("logical_and", near, apply("isfinite", b)), apply("equal", a, b))
    both = apply("logical_and", apply("isnan", a), apply("isnan", b))
    return apply("logical_or", close, both) if equal_nan else close


@implements
def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """As `numpy.allclose`; a traced boolean."""
    return all(isclose(a, b, rtol, atol, equal_nan))


@implements
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """As `numpy.array_equal`; a traced boolean where the shapes agree."""
    if type_of(a1).shape != type_of(a2).shape:
        return False
    same = apply("equal", a1, a2)
    if equal_nan:
        same = apply("logical_or", same, apply("logical_and", apply("isnan", a1), apply("isnan", a2)))
    return all(same)


@implements
def array_equiv(a1: Any, a2: Any) -> Any:
    """As `numpy.array_equiv`; a traced boolean where the shapes broadcast."""
    try:
        np.broadcast_shapes(type_of(a1).shape, type_of(a2).shape)
    except ValueError:
        return False
    return all(apply("equal", a1, a2))


@implements
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    """As `numpy.isin`: compares with each element."""
    element, tests = operands(element, test_elements)
    found = any(apply("equal", element[..., None], with_shape(tests, (tests.size,))), axis=-1)
    return apply("logical_not", found) if invert else found


@implements
def isposinf(x: Any, out: Any = None) -> Any:
    """As `numpy.isposinf`."""
    return apply("equal", as_array(x), np.inf)


@implements
def isneginf(x: Any, out: Any = None) -> Any:
    """As `numpy.isneginf`."""
    return apply("equal", as_array(x), -np.inf)


# without NaN


def _replaced(a: Any, value: float) -> Any:
    a = as_array(a)
    return where(apply("isnan", a), np.asarray(value, a.dtype), a) if a.dtype.kind in "fc" else a


def _present(a: Any) -> Any:
    return apply("logical_not", apply("isnan", as_array(a)))


@implements
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """As `numpy.nansum`."""
    return sum(_replaced(a, 0.0), axis, dtype, out, keepdims, **options)


@implements
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any
) -> Any:
    """As `numpy.nanprod`."""
    return prod(_replaced(a, 1.0), axis, dtype, out, keepdims, **options)


@implements
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """As `numpy.nanmax`; NaN where every element is."""
    return deliver(_extreme_present(max, -np.inf, a, axis, keepdims, options), out)


@implements
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """As `numpy.nanmin`; NaN where every element is."""
    return deliver(_extreme_present(min, np.inf, a, axis, keepdims, options), out)


def _extreme_present(extreme: Any, neutral: float, a: Any, axis: Any, keepdims: bool, options: dict[str, Any]) -> Any:
    """The extremum of what is not NaN. Where it is the value that stands for NaN, all that is not NaN ties: then it is
    the mean of that, which has the derivative too; of no element the mean is NaN.
    """
    found = extreme(_replaced(a, neutral), axis, keepdims=keepdims, **options)
    if type_of(found).dtype.kind != "f" or options.get("initial") is not None:
        return found
    return where(apply("equal", found, neutral), nanmean(a, axis, keepdims=keepdims), found)


@implements
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """As `numpy.nanmean`."""
    return mean(a, axis, dtype, out, keepdims, where=_present(a))


@implements
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """As `numpy.nanvar`."""
    return var(a, axis, dtype, out, ddof, keepdims, where=_present(a))


@implements
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """As `numpy.nanstd`."""
    return std(a, axis, dtype, out, ddof, keepdims, where=_present(a))
