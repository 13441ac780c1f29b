"""Running sums and products, and sorting: each line along one axis becomes a line of the same length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply, face_of
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.ops.arithmetic import astype, where
from srcgrad.ops.creation import iota_on, zeros_like
from srcgrad.ops.families import INT64, along
from srcgrad.ops.logic import equal

Tangents = Sequence[Any]


def _flip(x: Any, axis: int) -> Any:
    """The elements in reverse order along an axis."""
    starts = tuple(max(extent - 1, 0) if k == axis else 0 for k, extent in enumerate(x.shape))
    steps = tuple(-1 if k == axis else 1 for k in range(len(x.shape)))
    return apply("slice", x, starts=starts, shape=x.shape, steps=steps)


def _sum_from(x: Any, axis: int) -> Any:
    """At each position the sum from there to the end."""
    return _flip(cumsum(_flip(x, axis), axis=axis), axis)


def _adjoint_cumsum(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    return (_sum_from(cotangent, axis),)


def _tangent_cumsum(tangents: Tangents, out: Any, x: Any, *, axis: int) -> Any:
    return cumsum(tangents[0], axis=axis)


# The derivative of out[k] by x[i], for i <= k, is the product of the elements up to k other than i. It is taken apart
# as for `prod`, and right to second order for the same reason. Until k there are count[k] zeros, whose sum is
# zeros_until[k]; of these i itself is one if x[i] is zero. So for x[i] != 0 the other zeros multiply to 1 where the
# count is 0 and to zeros_until where it is 1; for x[i] == 0 to 1 where the count is 1 and to zeros_until - x[i] where
# it is 2. What remains is the product of the non-zero elements until k, over x[i] if that is one of them.


def _factors(x: Any, axis: int) -> tuple[Any, Any, Any, Any, Any]:
    """Which elements are zero; the zeros; the other elements; counts and sums of the zeros until each position."""
    zero = equal(x, 0)
    zeros = where(zero, x, 0)
    count = cumsum(astype(zero, dtype=x.dtype), axis=axis)
    return zero, zeros, where(zero, 1, x), count, cumsum(zeros, axis=axis)


def _adjoint_cumprod(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    zero, zeros, factor, count, zeros_until = _factors(x, axis)
    rest = cotangent * cumprod(factor, axis=axis)
    with_one, with_two = where(equal(count, 1), rest, 0), where(equal(count, 2), rest, 0)
    of_nonzero = _sum_from(where(equal(count, 0), rest, with_one * zeros_until), axis)
    of_zero = _sum_from(with_one + with_two * zeros_until, axis) - zeros * _sum_from(with_two, axis)
    return (where(zero, of_zero, of_nonzero / factor),)


def _tangent_cumprod(tangents: Tangents, out: Any, x: Any, *, axis: int) -> Any:
    zero, zeros, factor, count, zeros_until = _factors(x, axis)
    (tangent,) = tangents
    of_nonzero = cumsum(where(zero, 0, tangent / factor), axis=axis)
    at_zeros = where(zero, tangent, 0)
    of_zero = cumsum(at_zeros, axis=axis)
    with_one = of_nonzero * zeros_until + of_zero
    with_two = of_zero * zeros_until - cumsum(at_zeros * zeros, axis=axis)
    moved = where(equal(count, 0), of_nonzero, where(equal(count, 1), with_one, where(equal(count, 2), with_two, 0)))
    return moved * cumprod(factor, axis=axis)


def _reference_cumsum(x: Any, *, axis: int) -> Any:
    return np.cumsum(x, axis, dtype=x.dtype)


def _reference_cumprod(x: Any, *, axis: int) -> Any:
    return np.cumprod(x, axis, dtype=x.dtype)


_ZEROS = tuple(
    Sample((Arg((6,), values=values),), {"axis": 0})
    for values in ((2.0, 0.0, 3.0, -1.0, 0.5, 1.5), (2.0, 0.0, 3.0, 0.0, 0.5, 1.5), (0.0, 0.0, 3.0, 0.0, 0.5, 1.5))
)

cumsum = along("cumsum", _reference_cumsum, _adjoint_cumsum, _tangent_cumsum, kinds="iufc")
cumprod = along("cumprod", _reference_cumprod, _adjoint_cumprod, _tangent_cumprod, kinds="iufc", samples=_ZEROS)


def _reference_argsort(x: Any, *, axis: int) -> Any:
    return np.argsort(x, axis=axis, kind="stable")


def _reference_sort(x: Any, *, axis: int) -> Any:
    return np.sort(x, axis=axis, kind="stable")


def _along(x: Any, places: Any, axis: int) -> Any:
    """At each position along the axis the element of x at that place of the same line."""
    return apply("gather", x, *_places(x, places, axis), axes=tuple(range(len(x.shape))), position=0)


def _places(x: Any, places: Any, axis: int) -> list[Any]:
    """The index in every dimension of what stands at these places of the same line."""
    face = face_of((x, places))
    return [places if k == axis else iota_on(face, x.shape, k) for k in range(len(x.shape))]


def _adjoint_sort(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    order = _places(x, argsort(x, axis=axis), axis)
    params = {"axes": tuple(range(len(x.shape))), "position": 0, "unique": True}
    return (apply("scatter_set", zeros_like(cotangent), cotangent, *order, **params),)


def _tangent_sort(tangents: Tangents, out: Any, x: Any, *, axis: int) -> Any:
    return _along(tangents[0], argsort(x, axis=axis), axis)


argsort = along("argsort", _reference_argsort, None, result=INT64, doc="Stable; NaN last.")
sort = along("sort", _reference_sort, _adjoint_sort, _tangent_sort, doc="Stable; NaN last.")


# places of running extrema, and of numbers in an ascending line


def _reference_argcummax(x: Any, *, axis: int) -> Any:
    return _running_place(x, np.maximum.accumulate(x, axis=axis), axis)


def _reference_argcummin(x: Any, *, axis: int) -> Any:
    return _running_place(x, np.minimum.accumulate(x, axis=axis), axis)


def _running_place(x: Any, running: Any, axis: int) -> Any:
    """Where the running extremum was reached: the last position at which it changed."""
    lines, extrema = np.moveaxis(x, axis, -1), np.moveaxis(running, axis, -1)
    changed = np.zeros(lines.shape, bool)
    before, now = extrema[..., :-1], extrema[..., 1:]
    changed[..., 1:] = (now != before) & ~((now != now) & (before != before))  # noqa: PLR0124
    places = np.maximum.accumulate(np.where(changed, np.arange(lines.shape[-1]), 0), axis=-1)
    return np.moveaxis(places, -1, axis)


_TIES = (Sample((Arg((6,), values=(1.0, 3.0, 3.0, -1.0, -1.0, 4.0)),), {"axis": 0}),)
argcummax = along("argcummax", _reference_argcummax, None, result=INT64, samples=_TIES, doc="The first of equals.")
argcummin = along("argcummin", _reference_argcummin, None, result=INT64, samples=_TIES, doc="The first of equals.")


def _infer_searchsorted(a: ArrayType, x: ArrayType, *, right: bool) -> ArrayType:
    if a.ndim != 1 or x.ndim != 1 or a.dtype != x.dtype:
        raise TraceShapeError(f"searchsorted: {a} and {x} are not two lines of one dtype")
    return ArrayType(x.shape, INT64)


def _reference_searchsorted(a: Any, x: Any, *, right: bool) -> Any:
    return np.searchsorted(a, x, side="right" if right else "left")


searchsorted = TABLE.add(
    Op(
        "searchsorted",
        _infer_searchsorted,
        _reference_searchsorted,
        Library("lines.searchsorted", lambda params, types: (types[0].size, types[1].size, int(params["right"]))),
        samples=tuple(
            Sample((Arg((5,), values=(-1.0, 0.0, 0.0, 1.5, 2.0)), Arg((4,), values=values)), {"right": right})
            for right in (False, True)
            for values in ((-2.0, 0.0, 1.0, 3.0), (-1.0, 2.0, 1.5, 0.5))
        ),
        doc="How many elements of the ascending line stand before each number; with right, also those equal to it.",
    )
)
