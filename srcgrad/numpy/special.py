"""Functions that are written with care for rounding: soft maxima, clipping, rounding, replacing NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.indexing import where
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.reductions import max, sum
from srcgrad.numpy.shaping import as_array, some_axes
from srcgrad.numpy.views import without_axes
from srcgrad.ops.families import convert


def _as_float(a: Any) -> Any:
    a = as_array(a) if is_face(a) else np.asarray(a)
    return a if type_of(a).dtype.kind in "fc" else convert(a, np.dtype(float))


def _shift(a: Any, axis: Any) -> Any:
    """The largest element, or zero where that is not finite: inf - inf is NaN.

    Its derivative cancels from every formula that shifts by it, so it has none.
    """
    largest = max(a, axis, keepdims=True)
    return apply("stop_gradient", where(apply("isfinite", largest), largest, np.zeros((), type_of(a).dtype)))


@implements
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """As `scipy.special.logsumexp`: ``log(sum(b * exp(a)))`` without overflow; -inf where nothing is summed."""
    a = _as_float(a)
    shift = _shift(a, axis)
    terms = apply("exp", apply("subtract", a, shift))
    if b is not None:
        terms = where(apply("equal", b, 0), np.zeros((), terms.dtype), apply("multiply", b, terms))
    total = sum(terms, axis, keepdims=True)
    sign = apply("sign", total)
    if return_sign:
        total = apply("absolute", total)
    found = apply("add", apply("log", total), shift)
    axes = tuple(range(len(found.shape))) if axis is None else some_axes(axis, len(found.shape))
    found, sign = (one if keepdims or not axes else without_axes(one, axes) for one in (found, sign))
    found, sign = (_scalar(one) for one in (found, sign))
    return (found, sign) if return_sign else found


def _scalar(value: Any) -> Any:
    """A 0-d view as the scalar that NumPy gives."""
    return value[()] if value.shape == () else value


@implements
def softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.softmax`."""
    x = _as_float(x)
    terms = apply("exp", apply("subtract", x, _shift(x, axis)))
    return apply("divide", terms, sum(terms, axis, keepdims=True))


@implements
def log_softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.log_softmax`."""
    x = _as_float(x)
    shifted = apply("subtract", x, _shift(x, axis))
    return apply("subtract", shifted, apply("log", sum(apply("exp", shifted), axis, keepdims=True)))


# rounding and clipping


@implements
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """As `numpy.clip`. Inside the limits and on them the derivative is 1."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = as_array(a) if is_face(a) else np.asarray(a)
    if low is not None:
        result = apply("maximum", result, low)
    if high is not None:
        result = apply("minimum", result, high)
    if low is None and high is None:
        result = apply("astype", result, dtype=result.dtype)
    return deliver(result, out, name="clip")


@implements
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """As `numpy.round`: halves go to the even neighbour."""
    a = as_array(a)
    if a.dtype.kind in "iu" and decimals >= 0:
        return deliver(apply("astype", a, dtype=a.dtype), out)
    if decimals == 0:
        return deliver(apply("rint", a), out)
    scale = float(10 ** abs(decimals))
    if decimals > 0:
        return deliver(apply("divide", apply("rint", apply("multiply", a, scale)), scale), out)
    rounded = apply("multiply", apply("rint", apply("divide", a, scale)), scale)
    return deliver(convert(rounded, a.dtype), out)


@implements
def around(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """As `numpy.round`."""
    return round(a, decimals, out)


@implements
def fix(x: Any, out: Any = None) -> Any:
    """As `numpy.fix`: towards zero."""
    return deliver(apply("trunc", as_array(x)), out)


@implements
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """As `numpy.nan_to_num`."""
    x = as_array(x)
    if x.dtype.kind != "f":
        return apply("astype", x, dtype=x.dtype)
    limits = np.finfo(x.dtype)
    high = np.asarray(limits.max if posinf is None else posinf, x.dtype)
    low = np.asarray(limits.min if neginf is None else neginf, x.dtype)
    finite = apply("where", apply("isfinite", x), x, apply("where", apply("greater", x, 0), high, low))
    return apply("where", apply("isnan", x), np.asarray(nan, x.dtype), finite)
