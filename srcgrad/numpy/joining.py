"""Putting arrays together, taking them apart, repeating and shifting them."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy.creation import array, face_for
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.geometry import Span
from srcgrad.numpy.indexing import take
from srcgrad.numpy.messages import COUNT, error
from srcgrad.numpy.protocols import implements, is_face, namespace
from srcgrad.numpy.shaping import along, as_array, atleast_1d, atleast_2d, atleast_3d, one_axis
from srcgrad.numpy.stack_slices import joined_rows
from srcgrad.numpy.static import static_of
from srcgrad.numpy.traced import Array
from srcgrad.numpy.views import part, with_axes, with_shape
from srcgrad.ops.creation import full_on
from srcgrad.ops.families import convert


def _arrays(values: Any, dtype: Any = None) -> list[Any]:
    """The arrays to be joined, of one dtype and on one face."""
    if is_face(values):
        values = [values[k] for k in range(values.shape[0])]
    if not values:
        raise error(TraceShapeError, "need at least one array to join")
    made = [array(value) if isinstance(value, list | tuple) else value for value in values]
    kind = np.result_type(*{type_of(value).dtype for value in made}) if dtype is None else np.dtype(dtype)
    face = face_for(*made)
    return [convert(value if is_face(value) else face.__sg_lift__(value), kind) for value in made]


def _join(arrays: list[Any], axis: int) -> Any:
    if len(arrays) == 1:
        return array(arrays[0]) if isinstance(arrays[0], Array) else arrays[0]
    return apply("concatenate", *arrays, axis=axis)


@implements
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """As `numpy.concatenate`."""
    made = _arrays(arrays, dtype)
    if axis is None:
        return deliver(_join([with_shape(one, (one.size,)) for one in made], 0), out)
    if any(not one.shape for one in made):
        raise error(TraceShapeError, "zero-dimensional arrays cannot be concatenated", "Use np.stack or np.array")
    return deliver(_join(made, one_axis(axis, len(made[0].shape))), out)


@implements
def concat(arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None) -> Any:
    """As `numpy.concatenate`."""
    return concatenate(arrays, axis, out, dtype=dtype)


@implements
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.stack`."""
    rows = joined_rows(arrays) if isinstance(arrays, list | tuple) and dtype is None else None
    if rows is not None:
        return deliver(namespace("moveaxis")(rows, 0, axis), out)
    made = _arrays(arrays, dtype)
    if any(one.shape != made[0].shape for one in made):
        raise error(TraceShapeError, "all input arrays must have the same shape")
    place = one_axis(axis, len(made[0].shape) + 1)
    return deliver(_join([with_axes(one, (place,)) for one in made], place), out)


@implements
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.vstack`."""
    return _join([atleast_2d(one) for one in _arrays(tup, dtype)], 0)


@implements
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """As `numpy.hstack`."""
    made = [atleast_1d(one) for one in _arrays(tup, dtype)]
    return _join(made, 0 if len(made[0].shape) == 1 else 1)


@implements
def dstack(tup: Any) -> Any:
    """As `numpy.dstack`."""
    return _join([atleast_3d(one) for one in _arrays(tup)], 2)


@implements
def column_stack(tup: Any) -> Any:
    """As `numpy.column_stack`."""
    made = _arrays(tup)
    return _join([with_axes(atleast_1d(one), (1,)) if len(one.shape) < 2 else one for one in made], 1)


@implements
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """As `numpy.append`."""
    return concatenate((arr, values) if axis is not None else (as_array(arr), as_array(values)), axis)


@implements
def block(arrays: Any) -> Any:
    """As `numpy.block`."""
    if not isinstance(arrays, list):
        return array(arrays)
    return _blocked(arrays, _depth(arrays), builtins.max(_ranks(arrays), default=0))


def _depth(arrays: Any) -> int:
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _ranks(arrays: Any) -> list[int]:
    if isinstance(arrays, list):
        return [rank for one in arrays for rank in _ranks(one)]
    return [len(type_of(arrays).shape)]


def _blocked(arrays: Any, depth: int, rank: int) -> Any:
    """Nested lists joined: the innermost along the last axis, each level further out along the axis before."""
    if not isinstance(arrays, list):
        made = as_array(arrays)
        return with_axes(made, range(builtins.max(depth, rank) - len(made.shape)))
    return _join(_arrays([_blocked(one, depth, rank) for one in arrays]), builtins.max(depth, rank) - _depth(arrays))


@implements
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """As `numpy.delete`; what is deleted must be known while tracing."""
    arr = as_array(arr)
    if axis is None:
        arr, axis = with_shape(arr, (arr.size,)), 0
    known = static_of(obj, is_needed=True) if is_face(obj) else obj
    if known is None:
        raise error(TraceError, "delete: what decides the length of the result is not known while tracing", COUNT)
    return take(arr, np.delete(np.arange(arr.shape[one_axis(axis, len(arr.shape))]), known), axis=axis)


# taking apart


def _split(a: Any, indices_or_sections: Any, axis: int, *, equal: bool) -> list[Any]:
    a = as_array(a)
    axis = one_axis(axis, len(a.shape))
    extent = a.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = operator.index(indices_or_sections)
        if sections <= 0 or (equal and extent % sections):
            raise error(TraceShapeError, "array split does not result in an equal division")
        each, extra = divmod(extent, sections)
        sizes = [each + 1] * extra + [each] * (sections - extra)
        bounds = [int(bound) for bound in np.cumsum([0, *sizes])]
    else:
        bounds = [0, *(operator.index(bound) for bound in indices_or_sections), extent]
    ranges = [range(extent)[start:stop] for start, stop in pairwise(bounds)]
    return [part(a, axis, Span(one.start if len(one) else 0, len(one))) for one in ranges]


@implements
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `numpy.split`: views."""
    return _split(ary, indices_or_sections, axis, equal=True)


@implements
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `numpy.array_split`: views."""
    return _split(ary, indices_or_sections, axis, equal=False)


def _of_rank(name: str, a: Any, least: int) -> None:
    if len(as_array(a).shape) < least:
        raise error(TraceShapeError, f"{name} only works on arrays of {least} or more dimensions")


@implements
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.vsplit`."""
    _of_rank("vsplit", ary, 2)
    return _split(ary, indices_or_sections, 0, equal=True)


@implements
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.hsplit`."""
    _of_rank("hsplit", ary, 1)
    return _split(ary, indices_or_sections, 1 if len(as_array(ary).shape) > 1 else 0, equal=True)


@implements
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """As `numpy.dsplit`."""
    _of_rank("dsplit", ary, 3)
    return _split(ary, indices_or_sections, 2, equal=True)


@implements
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """As `numpy.unstack`."""
    x = as_array(x)
    axis = one_axis(axis, len(x.shape))
    index: list[Any] = [slice(None)] * axis
    return tuple(x[(*index, k, ...)] for k in range(x.shape[axis]))


# repetition and shifts


def _blocks(a: Any, counts: Sequence[int]) -> Any:
    """The array repeated as a whole, ``counts`` times along each dimension."""
    extents = a.shape
    spread = with_axes(a, range(0, 2 * len(extents), 2))
    wide = tuple(size for pair in zip(counts, extents, strict=True) for size in pair)
    joined = spread if spread.shape == wide else apply("broadcast_to", spread, shape=wide)
    return apply("reshape", joined, shape=tuple(n * m for n, m in zip(counts, extents, strict=True)))


@implements
def tile(A: Any, reps: Any) -> Any:
    """As `numpy.tile`."""
    a = as_array(A)
    counts = [operator.index(reps)] if np.ndim(reps) == 0 else [operator.index(one) for one in reps]
    if min(counts, default=0) < 0:
        raise error(TraceShapeError, "negative dimensions are not allowed")
    rank = builtins.max(len(counts), len(a.shape))
    a = with_shape(a, (*[1] * (rank - len(a.shape)), *a.shape))
    return _blocks(a, [*[1] * (rank - len(counts)), *counts])


@implements
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """As `numpy.repeat`; the counts must be known while tracing."""
    a, known = as_array(a), static_of(repeats, is_needed=True) if is_face(repeats) else np.asarray(repeats)
    if known is None:
        raise error(TraceError, "repeat: what decides the length of the result is not known while tracing", COUNT)
    a, axis = along(a, axis)
    if (known < 0).any() and a.shape[axis]:
        raise error(TraceShapeError, "repeats may not contain negative values.")
    if known.size != 1:
        return take(a, np.repeat(np.arange(a.shape[axis]), known), axis=axis)
    count = builtins.max(operator.index(known.ravel()[0]), 0)
    wide = (*a.shape[: axis + 1], count, *a.shape[axis + 1 :])
    shape = (*a.shape[:axis], a.shape[axis] * count, *a.shape[axis + 1 :])
    return apply("reshape", apply("broadcast_to", with_axes(a, (axis + 1,)), shape=wide), shape=shape)


@implements
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """As `numpy.roll`; a traced shift is allowed along one axis."""
    a = as_array(a)
    if axis is None:
        return with_shape(_rolled(with_shape(a, (a.size,)), shift, 0), a.shape)
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    shifts = tuple(shift) if isinstance(shift, Sequence) else (shift,)
    axes, shifts = (
        group if len(group) > 1 else group * builtins.max(len(axes), len(shifts)) for group in (axes, shifts)
    )
    for one, by in zip(axes, shifts, strict=True):
        a = _rolled(a, by, one_axis(one, len(a.shape)))
    return a


def _rolled(a: Any, shift: Any, axis: int) -> Any:
    extent = a.shape[axis]
    if is_face(shift) and static_of(shift) is None:
        place = apply("subtract", np.arange(extent), shift)
        return take(a, apply("remainder", place, extent), axis=axis)
    by = operator.index(shift) % extent if extent else 0
    if by == 0:
        return array(a)
    back, front = Span(extent - by, by), Span(0, extent - by)
    return apply("concatenate", part(a, axis, back), part(a, axis, front), axis=axis)


@implements
def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """As `numpy.pad` for the modes constant, edge, reflect, symmetric, wrap and empty."""
    a = as_array(array)
    rank = len(a.shape)
    if not isinstance(pad_width, dict) and np.min(pad_width, initial=0) < 0:
        raise error(TraceShapeError, "index can't contain negative values")
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * rank
        for axis, width in pad_width.items():
            widths[one_axis(axis, rank)] = (width, width) if np.ndim(width) == 0 else tuple(width)
    else:
        widths = _pairs(pad_width, rank)
    if any(width < 0 for pair in widths for width in pair):
        raise error(TraceShapeError, "index can't contain negative values")
    if mode in ("constant", "empty"):
        return _pad_constant(a, widths, kwargs.get("constant_values", 0))
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise error(UnsupportedError, f"pad: mode={mode!r} is not supported on traced arrays")
    for axis, pair in enumerate(widths):
        if pair != (0, 0):
            index: Any = np.pad(np.arange(a.shape[axis]), pair, mode, **kwargs)  # type: ignore[call-overload]
            a = take(a, index, axis=axis)
    return a


def _pairs(values: Any, rank: int) -> list[tuple[Any, Any]]:
    """NumPy's shorthands for one (before, after) pair per axis."""
    if not is_face(values) and np.ndim(values) <= 2 and not any(map(is_face, np.atleast_1d(values).ravel())):
        full = np.broadcast_to(np.asarray(values), (rank, 2))
        return [(before, after) for before, after in full.tolist()]
    return [(values, values)] * rank


def _pad_constant(a: Any, widths: list[tuple[int, int]], constants: Any) -> Any:
    values = _pairs(constants, len(a.shape))
    shape = tuple(before + extent + after for (before, after), extent in zip(widths, a.shape, strict=True))
    starts = tuple(before for before, _ in widths)
    steps = (1,) * len(shape)
    if all(not is_face(one) and one == 0 for pair in values for one in pair):
        return apply("place", a, shape=shape, starts=starts, steps=steps)
    first = values[0][0]
    if all(
        one is first or (not is_face(one) and not is_face(first) and one == first) for pair in values for one in pair
    ):
        return apply("update", full_on(a, shape, first, a.dtype), a, starts=starts, steps=steps)
    for axis, (pair, ends) in enumerate(zip(widths, values, strict=True)):
        before, after = ((*a.shape[:axis], width, *a.shape[axis + 1 :]) for width in pair)
        low, high = full_on(a, before, ends[0], a.dtype), full_on(a, after, ends[1], a.dtype)
        a = apply("concatenate", low, a, high, axis=axis)
    return a
