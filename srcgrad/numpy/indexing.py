"""Elements picked and placed by index: take, diagonals, triangles, selection."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from srcgrad.core.errors import OutOfBoundsError, TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.node import as_node
from srcgrad.numpy.creation import array, asarray, face_for, lower_mask
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.keys import parse_key
from srcgrad.numpy.messages import COUNT, error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.shaping import along, as_array, one_axis
from srcgrad.numpy.static import static_of
from srcgrad.numpy.traced import Array, lift
from srcgrad.numpy.views import owner, with_shape
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
    a, axis = along(a, axis)
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
    if axis is None:  # NumPy writes into a copy
        raise error(UnsupportedError, "put_along_axis: axis=None is not supported", "Use np.put(arr, indices, values)")
    arr, places = _along_axis(arr, indices, axis)
    arr[tuple(places)] = values


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
    for k, condition in enumerate(condlist):
        if type_of(condition).dtype.kind != "b":
            raise error(TraceError, f"invalid entry {k} in condlist: should be boolean ndarray")
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


def _diagonal_indices(rows: int, columns: int, offset: int, face: Any = None) -> tuple[Any, Any]:
    """The rows and the columns of a diagonal's elements, on a face, by default as nodes."""
    low_row, low_column = max(-offset, 0), max(offset, 0)
    count = iota_on(
        as_node(np.int64(0)) if face is None else face, (max(min(rows - low_row, columns - low_column), 0),), 0
    )
    return tuple(apply("add", count, low) if low else count for low in (low_row, low_column))


@implements
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """As `numpy.diagonal`: a read-only view."""
    return diagonal_view(a, offset, axis1, axis2, writable=False)


def diagonal_view(a: Any, offset: int, axis1: int, axis2: int, *, writable: bool) -> Any:
    """As `diagonal`; what is written into one that is writable goes into the array."""
    a = as_array(a)
    rank = len(a.shape)
    if rank < 2:
        raise error(TraceShapeError, "diag requires an array of at least two dimensions")
    first, second = one_axis(axis1, rank), one_axis(axis2, rank)
    if first == second:
        raise error(TraceShapeError, "axis1 and axis2 cannot be the same")
    face = None if isinstance(a, Array) else a
    row, column = _diagonal_indices(a.shape[first], a.shape[second], operator.index(offset), face)
    axes, indices = ((first, second), (row, column)) if first < second else ((second, first), (column, row))

    def read(base: Any) -> Any:
        return apply("gather", base, *indices, axes=axes, position=rank - 2)

    if not isinstance(a, Array):
        return read(a)
    strides = a.element_strides
    kept = [stride for axis, stride in enumerate(strides) if axis not in axes]

    def write(base: Any, value: Any) -> Any:
        return apply("scatter_set", base, value, *indices, axes=axes, position=rank - 2, unique=True)

    return a.derive(read, write if writable else None, (*kept, strides[first] + strides[second]))


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
    if not m.shape:
        raise error(TraceError, "a 0-d array has no triangle")
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


def within_bounds(places: Any, extent: int, mode: str = "raise") -> Any:
    """Integers from 0 to below the extent: clipped or wrapped into it by the mode, else an IndexError outside."""
    places = _integers(places)
    if mode not in ("raise", "wrap", "clip"):
        raise error(TraceShapeError, f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    known = static_of(places) if is_face(places) else places
    if mode == "wrap":
        return apply("remainder", places, extent) if known is None else np.mod(known, extent)
    if mode == "clip":
        if known is None:
            return apply("minimum", apply("maximum", places, 0), extent - 1)
        return np.clip(known, 0, extent - 1)
    if known is not None:
        if ((known < 0) | (known >= extent)).any():
            raise error(OutOfBoundsError, f"an index is out of bounds for size {extent}")
        return places
    beyond = apply("where", apply("less", places, 0), extent, places)  # negative ones would count from the end
    return apply("gather", iota_on(places, (extent,), 0), beyond, axes=(0,), position=0)


def _integers(values: Any) -> Any:
    values = as_array(values) if is_face(values) else asarray(values)
    if values.dtype.kind not in "biu":
        raise error(TraceError, f"only int indices permitted, not {values.dtype}")
    return convert(values, INT64)


@implements
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """As `numpy.unravel_index`; out of bounds it is an IndexError."""
    shape = (operator.index(shape),) if not isinstance(shape, tuple | list) else tuple(map(operator.index, shape))
    if order not in ("C", "F"):
        raise error(TraceShapeError, "only 'C' or 'F' order is permitted")
    rest = _integers(indices)
    places: list[Any] = []
    *inner, outermost = shape[::-1] if order == "C" else shape
    for extent in inner:
        places.append(apply("remainder", rest, extent))
        rest = apply("floor_divide", rest, extent)
    places.append(within_bounds(rest, outermost))
    return tuple(places if order == "F" else places[::-1])


@implements
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """As `numpy.ravel_multi_index`; out of bounds it is an IndexError, unless the mode clips or wraps."""
    dims = tuple(dims) if isinstance(dims, tuple | list) else (dims,)
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    if len(multi_index) != len(dims):
        raise error(TraceShapeError, f"parameter multi_index must be a sequence of length {len(dims)}")
    triples = zip(multi_index, dims, modes, strict=True)
    pairs = [(within_bounds(one, extent, how), extent) for one, extent, how in triples]
    total: Any = 0
    for place, extent in pairs if order == "C" else pairs[::-1]:
        total = total * extent + place
    return total


# writing


@implements
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """As `numpy.copyto`."""
    if not isinstance(dst, Array):
        deliver(src, dst, name="copyto")
    type_ = type_of(array(src) if isinstance(src, list | tuple) else src)
    if not type_.weak and not np.can_cast(type_.dtype, dst.dtype, casting):
        what = f"Cannot cast array data from {type_.dtype!r} to {dst.dtype!r} according to the rule '{casting}'"
        raise error(TraceError, what, "Write dst[...] = src, or convert it with .astype")
    if where is True:
        dst[...] = src
        return
    chosen = apply("where", where, convert(lift(array(src)), dst.dtype), dst)
    dst[...] = chosen


@implements
def putmask(a: Any, mask: Any, values: Any) -> None:
    """As `numpy.putmask`: values are repeated as often as needed."""
    mask, values = array(mask), array(values)
    if mask.size != a.size:
        raise error(TraceShapeError, "putmask: mask and data must be the same size")
    if values.shape != a.shape and values.size != 1:
        values = with_shape(_repeated(values, a.size), a.shape)
    copyto(a, values, "unsafe", where=with_shape(convert(mask, BOOL), a.shape))


def _repeated(values: Any, count: int) -> Any:
    """As many elements, from the beginning again where there are too few."""
    values = array(values)
    flat = with_shape(values, (values.size,))
    if values.size in (1, count):
        return flat
    return take(flat, np.arange(count) % max(values.size, 1))


@implements
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """As `numpy.put`: in the order of the elements, whether the array is a view or not; values are repeated."""
    places = _indices(ind, 0, a.size, mode)
    count = places.size if hasattr(places, "size") else 1
    if type_of(array(v)).size:
        put_flat(a, reshape_flat(places, count), _repeated(v, count))


def reshape_flat(places: Any, count: int) -> Any:
    """Places in one dimension."""
    return with_shape(places, (count,)) if is_face(places) else np.reshape(places, (count,))


def put_flat(a: Any, places: Any, values: Any) -> None:
    """Write at places that count the elements in row-major order; negative ones count from the end."""
    line = with_shape(a, (a.size,))
    if owner(line) is owner(a):
        line[places] = values
        return
    places = apply("where", apply("less", places, 0), apply("add", places, a.size), places)
    a[unravel_index(places, a.shape)] = values


class Flat:
    """As `numpy.ndarray.flat`: the elements in row-major order, to be read, written and gone through."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return self._array.size

    def __getitem__(self, key: Any) -> Any:
        found = with_shape(self._array, (self._array.size,))[key]
        return array(found) if found.shape else found

    def __setitem__(self, key: Any, value: Any) -> None:
        places = key if is_face(key) else np.arange(self._array.size)[key]
        count = int(np.prod(places.shape))
        put_flat(self._array, reshape_flat(places, count), _repeated(value, count))

    def __iter__(self) -> Iterator[Any]:
        return iter(with_shape(self._array, (self._array.size,)))

    def copy(self) -> Any:
        """The elements as a new array of one dimension."""
        return self[:]
