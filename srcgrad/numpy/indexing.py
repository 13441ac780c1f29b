"""Elements picked and placed by index: take, diagonals, triangles, selection."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.node import as_node
from srcgrad.numpy.creation import array, asarray, face_for, lower_mask
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.keys import parse_key
from srcgrad.numpy.messages import COUNT, error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.shaping import as_array, one_axis
from srcgrad.numpy.static import static_of
from srcgrad.numpy.traced import Array, lift
from srcgrad.numpy.views import with_shape
from srcgrad.ops.creation import iota_on
from srcgrad.ops.families import BOOL, convert

INT64 = np.dtype(np.int64)


def _indices(values: Any, axis: int, extent: int, mode: str) -> Any:
    """Index values of a face, or plain non-negative ones that were checked."""
    if isinstance(values, list | tuple):
        values = asarray(values)
    known = static_of(values) if is_face(values) else np.asarray(values)
    if known is not None and known.dtype.kind not in "iu" and known.size:
        raise error(TraceError, f"indices must be integers, not {known.dtype}")
    if mode == "wrap":
        return np.mod(known, extent) if known is not None else apply("remainder", convert(values, INT64), extent)
    if mode == "clip":
        if known is not None:
            return np.clip(known, 0, extent - 1)
        return apply("minimum", apply("maximum", convert(values, INT64), 0), extent - 1)
    if known is None:
        return convert(values, INT64)
    if known.ndim:
        (item,) = parse_key(known.astype(np.int64), (extent,)).items
    else:
        (item,) = parse_key((operator.index(known[()]),), (extent,)).items
        return np.int64(item)  # type: ignore[arg-type]
    return item.known  # type: ignore[union-attr]


@implements
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """As `numpy.take`."""
    face = face_for(a, indices)
    a = as_array(a) if is_face(a) else face.__sg_lift__(np.asarray(a))
    if axis is None:
        a, axis = with_shape(a, (a.size,)), 0
    axis = one_axis(axis, len(a.shape))
    index = face.__sg_lift__(_indices(indices, axis, a.shape[axis], mode))
    return deliver(apply("gather", a, index, axes=(axis,), position=axis), out)


def _along_axis(a: Any, indices: Any, axis: int | None) -> tuple[Any, list[Any]]:
    """The array, and one index array per dimension: the given one along the axis, iotas along the others."""
    face = face_for(a, indices)
    a, indices = as_array(a), indices if is_face(indices) else face.__sg_lift__(np.asarray(indices))
    if axis is None:
        a, axis = with_shape(a, (a.size,)), 0
    axis = one_axis(axis, len(a.shape))
    if len(indices.shape) != len(a.shape):
        raise error(TraceShapeError, "`indices` and `arr` must have the same number of dimensions")
    others = [1 if k == axis else extent for k, extent in enumerate(a.shape)]
    full = np.broadcast_shapes(
        indices.shape, tuple(indices.shape[axis] if k == axis else n for k, n in enumerate(others))
    )
    if indices.shape != full:
        indices = apply("broadcast_to", indices, shape=full)
    return a, [convert(indices, INT64) if k == axis else iota_on(face, full, k) for k in range(len(full))]


@implements
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """As `numpy.take_along_axis`."""
    arr, places = _along_axis(arr, indices, axis)
    return apply("gather", arr, *places, axes=tuple(range(len(places))), position=0)


@implements
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """As `numpy.put_along_axis`: writes in place."""
    flat, places = _along_axis(arr, indices, axis)
    flat[tuple(places)] = values


@implements
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """As `numpy.compress`, with a condition that is known while tracing."""
    if isinstance(condition, Array) and static_of(condition) is None and not is_face(a):
        condition, a = a, condition
    known = static_of(condition, is_needed=True) if is_face(condition) else np.asarray(condition)
    if known is None:
        raise error(
            TraceError, "compress: the condition decides the length of the result and is not known while tracing", COUNT
        )
    return take(a, np.nonzero(known)[0], axis=axis, out=out)


@implements
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """As `numpy.where`; with one argument only where that is known while tracing."""
    if x is None and y is None:
        return nonzero(condition)
    condition, x, y = (array(one) if isinstance(one, list | tuple) else one for one in (condition, x, y))
    if type_of(condition).dtype != BOOL:
        condition = apply("not_equal", condition, 0) if is_face(condition) else np.asarray(condition) != 0
    if type_of(x).weak and type_of(y).weak:
        dtype = np.result_type(type_of(x).dtype, type_of(y).dtype)
        x, y = convert(x, dtype), convert(y, dtype)
    return apply("where", condition, x, y)


@implements
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """As `numpy.select`: the first condition that holds decides."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


@implements
def nonzero(a: Any) -> Any:
    """As `numpy.nonzero`, of what is known while tracing."""
    known = static_of(as_array(a), is_needed=True)
    if known is None:
        what = "the number of non-zero elements is not known while the function is traced"
        raise error(TraceError, what, "Use np.where(condition, a, b) with three arguments, or a mask")
    return tuple(lift(index) for index in known.nonzero())


# diagonals and triangles


def _diagonal_indices(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    """The rows and the columns of a diagonal's elements, as nodes."""
    low_row, low_column = max(-offset, 0), max(offset, 0)
    count = iota_on(as_node(np.int64(0)), (max(min(rows - low_row, columns - low_column), 0),), 0)
    return tuple(apply("add", count, low) if low else count for low in (low_row, low_column))


@implements
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """As `numpy.diagonal`: a read-only view."""
    a = as_array(a)
    rank = len(a.shape)
    if rank < 2:
        raise error(TraceShapeError, "diag requires an array of at least two dimensions")
    first, second = one_axis(axis1, rank), one_axis(axis2, rank)
    if first == second:
        raise error(TraceShapeError, "axis1 and axis2 cannot be the same")
    row, column = _diagonal_indices(a.shape[first], a.shape[second], operator.index(offset))
    axes, indices = ((first, second), (row, column)) if first < second else ((second, first), (column, row))

    def read(base: Any) -> Any:
        return apply("gather", base, *indices, axes=axes, position=rank - 2)

    if not isinstance(a, Array):
        return read(a)
    strides = a.element_strides
    kept = [stride for axis, stride in enumerate(strides) if axis not in axes]
    return a.derive(read, None, (*kept, strides[first] + strides[second]))


@implements
def diag(v: Any, k: int = 0) -> Any:
    """As `numpy.diag`: the diagonal of a matrix, or the matrix with that diagonal."""
    v = as_array(v)
    if len(v.shape) == 2:
        return diagonal(v, k)
    if len(v.shape) != 1:
        raise error(TraceShapeError, "Input must be 1- or 2-d.")
    size = v.shape[0] + abs(k)
    row, column = (iota_on(v, (size, size), axis) for axis in (0, 1))
    on_diagonal = apply("equal", row if k == 0 else apply("add", row, operator.index(k)), column)
    low = max(k, 0)
    line = v if k == 0 else apply("place", v, shape=(size,), starts=(low,), steps=(1,))
    return apply("where", on_diagonal, line, np.zeros((), v.dtype))


@implements
def diagflat(v: Any, k: int = 0) -> Any:
    """As `numpy.diagflat`."""
    v = as_array(v)
    return diag(with_shape(v, (v.size,)), k)


@implements
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """As `numpy.fill_diagonal` of a matrix: writes in place."""
    if wrap or len(a.shape) != 2:
        raise error(UnsupportedError, "fill_diagonal is supported on traced matrices, without wrap")
    rows, columns = a.shape
    a[_diagonal_indices(rows, columns, 0)] = val


@implements
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """As `numpy.trace`."""
    from srcgrad.numpy.reductions import sum

    return sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


def _triangle(m: Any, k: int, *, lower: bool) -> Any:
    m = as_array(m)
    if len(m.shape) == 1:
        m = apply("broadcast_to", m, shape=(m.shape[0], m.shape[0]))
    rows, columns = m.shape[-2:]
    mask = lower_mask(m, rows, columns, k)
    zero = np.zeros((), m.dtype)
    return apply("where", mask, m, zero) if lower else apply("where", mask, zero, m)


@implements
def tril(m: Any, k: int = 0) -> Any:
    """As `numpy.tril`."""
    return _triangle(m, k, lower=True)


@implements
def triu(m: Any, k: int = 0) -> Any:
    """As `numpy.triu`."""
    return _triangle(m, k - 1, lower=False)


# indices of parts, by the shape alone, and their arithmetic


def _corner_of(name: str, a: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = as_array(a).shape
    if len(shape) != 2:
        raise error(TraceShapeError, f"{name}: input array must be 2-d")
    return shape


@implements
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    """As `numpy.tril_indices_from`."""
    rows, columns = _corner_of("tril_indices_from", arr)
    return np.tril_indices(rows, k=k, m=columns)


@implements
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    """As `numpy.triu_indices_from`."""
    rows, columns = _corner_of("triu_indices_from", arr)
    return np.triu_indices(rows, k=k, m=columns)


@implements
def diag_indices_from(arr: Any) -> Any:
    """As `numpy.diag_indices_from`."""
    shape = as_array(arr).shape
    if len(shape) < 2 or len(set(shape)) > 1:
        raise error(TraceShapeError, "diag_indices_from: all dimensions of input must be of equal length")
    return np.diag_indices(shape[0], len(shape))


@implements
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """As `numpy.unravel_index`, without a check of bounds."""
    shape = (operator.index(shape),) if not isinstance(shape, tuple | list) else tuple(shape)
    rest = convert(as_array(indices), INT64)
    places = []
    for extent in shape if order == "F" else shape[::-1]:
        places.append(apply("remainder", rest, extent))
        rest = apply("floor_divide", rest, extent)
    return tuple(places if order == "F" else places[::-1])


@implements
def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> Any:
    """As `numpy.ravel_multi_index`, without a check of bounds."""
    places = [convert(asarray(one), INT64) for one in multi_index]
    if mode == "clip":
        places = [np.clip(one, 0, extent - 1) for one, extent in zip(places, dims, strict=True)]
    if mode == "wrap":
        places = [one % extent for one, extent in zip(places, dims, strict=True)]
    pairs = list(zip(places, dims, strict=True))
    total: Any = 0
    for place, extent in pairs if order == "C" else pairs[::-1]:
        total = total * extent + place
    return total


# writing


@implements
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """As `numpy.copyto`."""
    if not isinstance(dst, Array):
        deliver(src, dst, name="copyto")
    if where is True:
        dst[...] = src
        return
    dst.assign(as_node(apply("where", where, convert(lift(src), dst.dtype), dst)))


@implements
def putmask(a: Any, mask: Any, values: Any) -> None:
    """As `numpy.putmask`, for one value or values of the array's shape."""
    copyto(a, values, where=mask)


@implements
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """As `numpy.put`."""
    with_shape(a, (a.size,))[_indices(ind, 0, a.size, mode)] = v
