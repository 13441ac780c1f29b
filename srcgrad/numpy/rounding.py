"""Rounding, clipping, and replacing what is not a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.shaping import as_array
from srcgrad.numpy.traced import Array
from srcgrad.ops.families import convert


@implements
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """As `numpy.clip`. Inside the limits and on them the derivative is 1."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = as_array(a) if is_face(a) else np.asarray(a)
    low, high = _reached(result.dtype, low, high)
    if low is not None:
        result = apply("maximum", result, low)
    if high is not None:
        result = apply("minimum", result, high)
    if low is None and high is None:
        if result.dtype.kind == "b":
            raise error(TraceError, "clip of booleans without limits is not defined")
        result = apply("astype", result, dtype=result.dtype)
    return deliver(result, out, name="clip")


def _reached(dtype: np.dtype[Any], low: Any, high: Any) -> tuple[Any, Any]:
    """The limits without Python integers that no number of an integer dtype is beyond."""
    if dtype.kind not in "iu":
        return low, high
    limits = np.iinfo(dtype)
    return (
        None if type(low) is int and low <= limits.min else low,
        None if type(high) is int and high >= limits.max else high,
    )


@implements
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """As `numpy.round`: halves go to the even neighbour."""
    a = as_array(a)
    if a.dtype.kind == "b" and decimals != 0:
        raise error(TraceError, "round of booleans to decimals is not defined")
    if a.dtype.kind == "c":
        return deliver(apply("compose", *(round(apply(part, a), decimals) for part in ("real", "imag"))), out)
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
    """As `numpy.nan_to_num`; without a copy it writes into the array and gives it back."""
    x = as_array(x)
    in_place = not copy and isinstance(x, Array) and not x.is_scalar
    if x.dtype.kind not in "fc":
        return x if in_place else apply("astype", x, dtype=x.dtype)
    parts = [apply(part, x) for part in ("real", "imag")] if x.dtype.kind == "c" else [x]
    made = [_as_number(part, nan, posinf, neginf) for part in parts]
    found = made[0] if len(made) == 1 else apply("compose", *made)
    if not in_place:
        return found
    x[...] = found
    return x


def _as_number(x: Any, nan: float, posinf: Any, neginf: Any) -> Any:
    limits = np.finfo(x.dtype)
    high = np.asarray(limits.max if posinf is None else posinf, x.dtype)
    low = np.asarray(limits.min if neginf is None else neginf, x.dtype)
    finite = apply("where", apply("isfinite", x), x, apply("where", apply("greater", x, 0), high, low))
    return apply("where", apply("isnan", x), np.asarray(nan, x.dtype), finite)
