"""Shapes: the same elements in other dimensions. On traced arrays these are views wherever NumPy makes views."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.types import Shape, type_of
from srcgrad.numpy.creation import asarray, copy, face_for, fresh, normal_shape, shape_sizes
from srcgrad.numpy.geometry import Span, is_contiguous
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.traced import Array
from srcgrad.numpy.views import owner, permuted, repeated, selected, windowed, with_axes, with_shape, without_axes
from srcgrad.ops.families import broadcast_shapes, convert


def as_array(a: Any) -> Any:
    """An array-like as an array of a face."""
    return a if is_face(a) and not type_of(a).weak else asarray(a)


def as_float(a: Any) -> Any:
    """An array-like as an array of a face of floats or complex numbers; anything else becomes float64."""
    a = as_array(a)
    return a if a.dtype.kind in "fc" else convert(a, np.dtype(float))


def one_axis(axis: int, ndim: int) -> int:
    """An axis as a non-negative int; AxisError as NumPy raises it."""
    place = operator.index(axis)
    if not -ndim <= place < ndim:
        raise np.exceptions.AxisError(place, ndim)
    return place % ndim


def along(a: Any, axis: int | None) -> tuple[Any, int]:
    """The array and the axis along which NumPy takes or repeats: no axis, or no dimension, means the flat array."""
    if axis is None or not a.shape:
        return with_shape(a, (a.size,)), one_axis(0 if axis is None else axis, 1)
    return a, one_axis(axis, len(a.shape))


def some_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """One axis or several as non-negative ints in the given order, without repetition."""
    made = tuple(one_axis(axis, ndim) for axis in (axes if isinstance(axes, Sequence) else (axes,)))
    if len(set(made)) != len(made):
        raise error(TraceShapeError, "repeated axis")
    return made


@implements
def shape(a: Any) -> Shape:
    """As `numpy.shape`."""
    return tuple(as_array(a).shape)


@implements
def ndim(a: Any) -> int:
    """As `numpy.ndim`."""
    return len(as_array(a).shape)


@implements
def size(a: Any, axis: int | None = None) -> int:
    """As `numpy.size`."""
    extents = as_array(a).shape
    return math.prod(extents) if axis is None else extents[one_axis(axis, len(extents))]


@implements
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """As `numpy.reshape`: a view where NumPy makes one."""
    a = as_array(a)
    wanted = _inferred(a.shape, shape)
    if order not in ("C", "A", "F"):
        raise error(TraceShapeError, f"order must be one of 'C', 'F', or 'A' (got {order!r})")
    if order == "F" or (order == "A" and _lies_backwards(a)):
        made = permuted(with_shape(permuted(a, _reversed(a)), wanted[::-1]), range(len(wanted))[::-1])
    else:
        made = with_shape(a, wanted)
    if copy is False and isinstance(a, Array) and not a.is_scalar and owner(made) is not owner(a):
        raise error(TraceShapeError, "Unable to avoid creating a copy while reshaping.")
    return _copied(made) if copy else made


def _lies_backwards(a: Any) -> bool:
    """Whether the elements lie as those of a contiguous array with the dimensions reversed, and not as they stand."""
    if not isinstance(a, Array):
        return False
    shape, strides = a.shape, a.element_strides
    return is_contiguous(shape[::-1], strides[::-1]) and not is_contiguous(shape, strides)


def _reversed(a: Any) -> Sequence[int]:
    return range(len(a.shape))[::-1]


def _copied(a: Any) -> Any:
    return copy(a) if isinstance(a, Array) else a


def _inferred(old: Shape, shape: Any) -> Shape:
    """The new shape with -1 filled in."""
    total = math.prod(old)
    sizes = list(shape_sizes(shape))
    known = math.prod(extent for extent in sizes if extent != -1)
    if sizes.count(-1) == 1 and known and total % known == 0:
        sizes[sizes.index(-1)] = total // known
    if any(extent < 0 for extent in sizes) or math.prod(sizes) != total:
        raise error(TraceShapeError, f"cannot reshape array of size {total} into shape {tuple(sizes)}")
    return tuple(sizes)


@implements
def ravel(a: Any, order: str = "C") -> Any:
    """As `numpy.ravel`: a view of a contiguous array, else a copy."""
    a = as_array(a)
    if order not in ("C", "F", "A", "K"):
        raise error(TraceShapeError, f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if order == "F" or (order == "A" and _lies_backwards(a)):
        a = permuted(a, _reversed(a))
    elif order == "K" and isinstance(a, Array):  # as they lie in memory
        strides = a.element_strides
        a = permuted(a, sorted(range(len(a.shape)), key=lambda axis: -abs(strides[axis])))
    made = reshape(a, -1)
    return made if isinstance(a, Array) and is_contiguous(a.shape, a.element_strides) else _copied(made)


@implements
def transpose(a: Any, axes: Any = None) -> Any:
    """As `numpy.transpose`."""
    a = as_array(a)
    rank = len(a.shape)
    order = tuple(_reversed(a)) if axes is None else some_axes(axes, rank)
    if len(order) != rank:
        raise error(TraceShapeError, "axes don't match array")
    return permuted(a, order)


@implements
def permute_dims(a: Any, axes: Any = None) -> Any:
    """As `numpy.transpose`."""
    return transpose(a, axes)


@implements
def matrix_transpose(x: Any, /) -> Any:
    """The last two dimensions swapped."""
    if len(as_array(x).shape) < 2:
        raise error(TraceShapeError, "matrix transpose with ndim < 2 is undefined")
    return swapaxes(x, -1, -2)


@implements
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """As `numpy.swapaxes`."""
    a = as_array(a)
    order = list(range(len(a.shape)))
    first, second = one_axis(axis1, len(order)), one_axis(axis2, len(order))
    order[first], order[second] = order[second], order[first]
    return permuted(a, order)


@implements
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """As `numpy.moveaxis`."""
    a = as_array(a)
    rank = len(a.shape)
    sources, targets = some_axes(source, rank), some_axes(destination, rank)
    if len(sources) != len(targets):
        raise error(TraceShapeError, "`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return permuted(a, order)


@implements
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """As `numpy.rollaxis`."""
    a = as_array(a)
    rank = len(a.shape)
    axis = one_axis(axis, rank)
    if not -rank <= start <= rank:
        raise np.exceptions.AxisError(f"'start' arg requires {-rank} <= start < {rank + 1}, but {start} was passed in")
    start = start + rank if start < 0 else start
    order = [k for k in range(rank) if k != axis]
    order.insert(start - (axis < start), axis)
    return permuted(a, order)


@implements
def squeeze(a: Any, axis: Any = None) -> Any:
    """As `numpy.squeeze`."""
    a = as_array(a)
    if isinstance(a, Array) and a.is_scalar:
        return a
    if axis is None:
        return without_axes(a, [k for k, extent in enumerate(a.shape) if extent == 1])
    axes = some_axes(axis, len(a.shape))
    if any(a.shape[k] != 1 for k in axes):
        raise error(TraceShapeError, "cannot select an axis to squeeze out which has size not equal to one")
    return without_axes(a, axes)


@implements
def expand_dims(a: Any, axis: Any) -> Any:
    """As `numpy.expand_dims`."""
    a = as_array(a)
    axes = axis if isinstance(axis, Sequence) else (axis,)
    return with_axes(a, some_axes(tuple(axes), len(a.shape) + len(axes)))


@implements
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """As `numpy.broadcast_to`: a read-only view."""
    array, wanted = as_array(array), normal_shape(shape)
    if len(wanted) < len(array.shape) or np.broadcast_shapes(array.shape, wanted) != wanted:
        what = "operands could not be broadcast together with remapped shapes"
        raise error(TraceShapeError, f"{what}: {array.shape} into {wanted}")
    return repeated(array, wanted)


@implements
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """As `numpy.broadcast_arrays`."""
    arrays = [face_for(*args).__sg_lift__(one) if not is_face(one) else one for one in args]
    wanted = broadcast_shapes("broadcast_arrays", [type_of(one) for one in arrays])
    return tuple(repeated(as_array(one), wanted) for one in arrays)


def _atleast(a: Any, rank: int) -> Any:
    a = as_array(a)
    have = len(a.shape)
    if have >= rank:
        return fresh(a) if isinstance(a, Array) and a.is_scalar else a
    if rank == 3 and have:
        return with_axes(a, (2,) if have == 2 else (0, 2))
    return with_axes(a, range(rank - have))


def _each(arrays: tuple[Any, ...], rank: int) -> Any:
    made = tuple(_atleast(one, rank) for one in arrays)
    return made[0] if len(made) == 1 else made


@implements
def atleast_1d(*arys: Any) -> Any:
    """As `numpy.atleast_1d`."""
    return _each(arys, 1)


@implements
def atleast_2d(*arys: Any) -> Any:
    """As `numpy.atleast_2d`."""
    return _each(arys, 2)


@implements
def atleast_3d(*arys: Any) -> Any:
    """As `numpy.atleast_3d`."""
    return _each(arys, 3)


def reversed_along(a: Any, axes: Sequence[int]) -> Any:
    """A view with the elements along some axes in reverse order."""
    if not a.shape:
        return a[()]
    spans = [
        Span(extent - 1, extent, -1) if axis in axes and extent > 1 else Span(0, extent)
        for axis, extent in enumerate(a.shape)
    ]
    return selected(a, spans)


@implements
def flip(m: Any, axis: Any = None) -> Any:
    """As `numpy.flip`: a view."""
    m = as_array(m)
    return reversed_along(m, range(len(m.shape)) if axis is None else some_axes(axis, len(m.shape)))


@implements
def flipud(m: Any) -> Any:
    """As `numpy.flipud`."""
    return reversed_along(as_array(m), some_axes(0, len(as_array(m).shape)))


@implements
def fliplr(m: Any) -> Any:
    """As `numpy.fliplr`."""
    return reversed_along(as_array(m), some_axes(1, len(as_array(m).shape)))


@implements
def rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """As `numpy.rot90`."""
    m = as_array(m)
    first, second = some_axes(tuple(axes), len(m.shape))
    turns = k % 4
    if turns == 0:
        return windowed(m, lambda window: window)
    if turns == 2:
        return reversed_along(m, (first, second))
    flipped = reversed_along(m, (second,)) if turns == 1 else m
    turned = swapaxes(flipped, first, second)
    return turned if turns == 1 else reversed_along(turned, (second,))


@implements
def result_type(*arrays_and_dtypes: Any) -> Any:
    """As `numpy.result_type`."""
    types = [type_of(one) for one in arrays_and_dtypes if is_face(one)]
    weak = [type_.dtype.type(0).item() for type_ in types if type_.weak]
    strong = [type_.dtype for type_ in types if not type_.weak]
    return np.result_type(*weak, *strong, *[one for one in arrays_and_dtypes if not is_face(one)])
