"""New arrays. Within a traced function they are traced, so that traced values can be written into them."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.op import apply, face_of
from srcgrad.core.types import Shape, inexact, promote, type_of
from srcgrad.graph.node import as_node
from srcgrad.numpy.assignment import warn_of_lost_part
from srcgrad.numpy.geometry import is_contiguous
from srcgrad.numpy.messages import COUNT, error
from srcgrad.numpy.protocols import creates, implements, involves_face, is_face
from srcgrad.numpy.stack_slices import joined_rows
from srcgrad.numpy.static import static_of
from srcgrad.numpy.traced import Array, lift
from srcgrad.numpy.views import permuted, with_axes
from srcgrad.ops.creation import full_on, iota_on
from srcgrad.ops.families import convert


def face_for(*values: Any) -> Any:
    """The face of the first traced value; that of traced arrays where there is none."""
    face = face_of(values)
    return lift(0) if face is None else face


def fresh(value: Any) -> Any:
    """A result as an array of its own: also 0-d it is no scalar."""
    return Array.new(as_node(value)) if isinstance(value, Array) else value


def normal_shape(shape: Any) -> Shape:
    """A shape argument as a tuple of ints."""
    made = shape_sizes(shape)
    if any(size < 0 for size in made):
        raise error(TraceShapeError, "negative dimensions are not allowed")
    return made


def shape_sizes(shape: Any) -> tuple[int, ...]:
    """The ints of a shape argument, whatever they are."""
    if is_face(shape):
        known = static_of(shape, is_needed=True)
        if known is None:
            raise error(TraceError, "a shape is not known while the function is traced", COUNT)
        shape = known.tolist()
    return tuple(operator.index(size) for size in (shape if isinstance(shape, Iterable) else (shape,)))


def _filled(shape: Any, value: Any, dtype: Any) -> Any:
    return fresh(full_on(face_for(value), normal_shape(shape), value, np.dtype(dtype)))


@creates
def zeros(shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.zeros`."""
    return _filled(shape, 0, dtype)


@creates
def ones(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.ones`."""
    return _filled(shape, 1, dtype)


@creates
def empty(shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None, like: Any = None) -> Any:
    """As `numpy.zeros`: uninitialised memory would make a traced program depend on chance."""
    return _filled(shape, 0, dtype)


@creates
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Any:
    """As `numpy.full`."""
    value = fill_value if is_face(fill_value) else np.asarray(fill_value, dtype)
    dtype = value.dtype if dtype is None else np.dtype(dtype)
    if value.ndim == 0:
        return _filled(shape, value if is_face(value) else value[()], dtype)
    return fresh(apply("broadcast_to", convert(lift(value), dtype), shape=normal_shape(shape)))


def _like(a: Any, dtype: Any, shape: Any) -> tuple[Any, Any]:
    type_ = type_of(array(a) if isinstance(a, list | tuple) else a)
    return type_.shape if shape is None else shape, dtype or type_.dtype


@creates
def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Any:
    """As `numpy.zeros_like`."""
    return _filled(*_filled_args(_like(a, dtype, shape), 0))


@creates
def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Any:
    """As `numpy.ones_like`."""
    return _filled(*_filled_args(_like(a, dtype, shape), 1))


@creates
def empty_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Any:
    """As `numpy.zeros_like`."""
    return _filled(*_filled_args(_like(a, dtype, shape), 0))


@creates
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Any:
    """As `numpy.full_like`."""
    shape, dtype = _like(a, dtype, shape)
    return full(shape, fill_value, dtype)


def _filled_args(shape_dtype: tuple[Any, Any], value: Any) -> tuple[Any, Any, Any]:
    shape, dtype = shape_dtype
    return shape, value, dtype


def _static_number(value: Any, what: str) -> Any:
    if not is_face(value):
        return value
    known = static_of(value, is_needed=True)
    if known is None:
        raise error(TraceError, f"{what} decides the length of the result and is not known while tracing", COUNT)
    return known[()]


@creates
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, **_: Any) -> Any:
    """As `numpy.arange`; the bounds must be known while tracing."""
    numbers = [_static_number(value, "a bound of np.arange") for value in (start, stop, step)]
    low, high, stride = numbers if numbers[1] is not None else (0, numbers[0], numbers[2])
    plain: Any = np.arange(low, high, stride, dtype)  # type: ignore[call-overload]
    if plain.dtype.kind not in "iu" or plain.size == 0:
        return lift(plain)
    index = iota_on(lift(0), plain.shape, 0, plain.dtype)
    first = int(plain[0])
    stride = int(plain[1]) - first if plain.size > 1 else 1
    if stride != 1:
        index = apply("multiply", index, stride)
    return index if first == 0 else apply("add", index, first)


@creates
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    **_: Any,
) -> Any:
    """As `numpy.linspace`; the ends may be traced arrays, the number of points not."""
    count = operator.index(_static_number(num, "num of np.linspace"))
    if not involves_face((start, stop)):
        made: Any = np.linspace(start, stop, count, endpoint, retstep, dtype, axis)  # type: ignore[call-overload]
        return (lift(made[0]), made[1]) if retstep else lift(made)
    start, stop = (array(end) if isinstance(end, list | tuple) else end for end in (start, stop))
    kind = inexact(promote([type_of(start), type_of(stop)])[0])
    start, stop = (convert(lift(end), kind) for end in (start, stop))
    steps = count - 1 if endpoint else count
    delta = apply("subtract", stop, start)
    shape = np.broadcast_shapes(start.shape, stop.shape)
    place = iota_on(face_for(start), (count, *[1] * len(shape)), 0)
    step = apply("divide", delta, steps) if steps > 0 else np.nan
    points = apply("add", apply("multiply", convert(place, kind), step if steps > 0 else delta), start)
    if endpoint and count > 1:
        points = apply("where", apply("equal", place, count - 1), stop, points)
    if axis:
        order = list(range(1, points.ndim))
        order.insert(axis % points.ndim, 0)
        points = permuted(points, order)
    if dtype is not None and np.dtype(dtype).kind in "iu":
        points = apply("floor", points)
    made = points if dtype is None else convert(points, np.dtype(dtype))
    return (made, step) if retstep else made


@creates
def eye(N: int, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C", **_: Any) -> Any:
    """As `numpy.eye`."""
    rows, columns = normal_shape((N, N if M is None else M))
    row, column = (iota_on(lift(0), (rows, columns), axis) for axis in (0, 1))
    return convert(apply("equal", row if k == 0 else apply("add", row, operator.index(k)), column), np.dtype(dtype))


@creates
def identity(n: int, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.identity`."""
    return eye(n, dtype=np.dtype(dtype))


@creates
def tri(N: int, M: Any = None, k: int = 0, dtype: Any = float, *, like: Any = None) -> Any:
    """As `numpy.tri`."""
    rows, columns = normal_shape((N, N if M is None else M))
    return convert(lower_mask(lift(0), rows, columns, k), np.dtype(dtype))


def lower_mask(face: Any, rows: int, columns: int, k: int) -> Any:
    """Whether the column is at most the row plus k."""
    row, column = (iota_on(face, (rows, columns), axis) for axis in (0, 1))
    return apply("less_equal", column, row if k == 0 else apply("add", row, operator.index(k)))


# from values


@creates
def array(object: Any, dtype: Any = None, *, copy: bool | None = True, ndmin: int = 0, **_: Any) -> Any:
    """As `numpy.array`; nested lists may hold traced numbers and arrays."""
    made = _stacked(object) if isinstance(object, list | tuple) and involves_face(object) else object
    if not is_face(made):
        made = lift(np.array(made))
    if dtype is not None or type_of(made).weak:
        made = convert(made, np.dtype(dtype) if dtype is not None else made.dtype)
    is_new = made is not object
    if is_new and copy is False:
        raise error(TraceShapeError, "Unable to avoid copy while creating an array as requested.")
    if copy or is_new or (isinstance(made, Array) and made.is_scalar):
        made = fresh(made)
    return with_axes(made, range(ndmin - made.ndim)) if made.ndim < ndmin else made


@creates
def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, **_: Any) -> Any:
    """As `numpy.asarray`: a traced array as it is, where it has the dtype already."""
    return _in_order(array(a, dtype, copy=copy), order)


def _in_order(a: Any, order: str | None) -> Any:
    """The array itself if its elements lie in this order, else a copy in which they do."""
    if order not in ("C", "F") or not isinstance(a, Array):
        return a
    backwards = range(a.ndim)[::-1]
    turned = permuted(a, backwards) if order == "F" else a
    if is_contiguous(turned.shape, turned.element_strides):
        return a
    made = fresh(turned)
    return permuted(made, backwards) if order == "F" else made


@creates
def asanyarray(a: Any, dtype: Any = None, order: str | None = None, **options: Any) -> Any:
    """As `numpy.asarray`."""
    return asarray(a, dtype, order, **options)


@creates
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.ascontiguousarray`: the array itself if it is contiguous, else a copy; of at least one dimension."""
    made = asarray(a, dtype, "C")
    return made if made.ndim else with_axes(made, (0,))


@creates
def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """As `numpy.asfortranarray`: the array itself if its transpose is contiguous, else a copy."""
    return asarray(a, dtype, "F")


@creates
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """As `numpy.require`."""
    names = [requirements] if isinstance(requirements, str) else requirements or []
    wanted = {_FLAGS.get(str(name).upper(), "?") for name in names}
    if "?" in wanted or {"C", "F"} <= wanted:
        raise error(TraceShapeError, f"require: {requirements!r} are not requirements, or contradict each other")
    made = asarray(a, dtype, "F" if "F" in wanted else "C" if "C" in wanted else None)
    is_view = isinstance(made, Array) and made._base is not None
    return fresh(made) if is_view and wanted & {"O", "W"} else made


_FLAGS = {
    **dict.fromkeys(("C", "C_CONTIGUOUS", "CONTIGUOUS"), "C"),
    **dict.fromkeys(("F", "F_CONTIGUOUS", "FORTRAN"), "F"),
    **dict.fromkeys(("A", "ALIGNED", "E", "ENSUREARRAY"), "A"),
    **dict.fromkeys(("W", "WRITEABLE"), "W"),
    **dict.fromkeys(("O", "OWNDATA"), "O"),
}


@creates
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """As `numpy.copy`."""
    return array(a)


@implements
def astype(x: Any, dtype: Any, /, *, copy: bool = True, casting: str = "unsafe", device: Any = None) -> Any:
    """As `numpy.astype`."""
    dtype = np.dtype(dtype)
    if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
        raise error(
            TraceError, f"cannot cast array data from {x.dtype!r} to {dtype!r} according to the rule '{casting}'"
        )
    warn_of_lost_part(x.dtype, dtype)
    if x.dtype == dtype and not type_of(x).weak:
        return x if not copy else type(x)(as_node(x)) if isinstance(x, Array) else x
    return apply("astype", x, dtype=dtype)


def _stacked(values: Sequence[Any]) -> Any:
    """Nested lists with traced values in them as one array: one concatenation of all leaves, one reshape."""
    rows = joined_rows(values)
    if rows is not None:
        return rows
    leaves: list[Any] = []
    outer = _collect(values, leaves)
    inner = type_of(leaves[0]).shape
    if outer is None or any(type_of(leaf).shape != inner for leaf in leaves):
        leaves = [array(value) for value in values]
        outer, inner = (len(values),), leaves[0].shape
    if any(type_of(leaf).shape != inner for leaf in leaves):
        shapes = ", ".join(sorted({str(type_of(leaf).shape) for leaf in leaves}))
        raise error(TraceShapeError, f"the array would be ragged: its parts have the shapes {shapes}")
    dtype = np.result_type(*{type_of(leaf).dtype for leaf in leaves})
    flat = (math.prod(inner),)
    pieces = [apply("reshape", lift(convert(leaf, dtype)), shape=flat) for leaf in leaves]
    joined = apply("concatenate", *pieces, axis=0) if len(pieces) > 1 else pieces[0]
    return apply("reshape", joined, shape=(*outer, *inner))


def _collect(values: Any, leaves: list[Any]) -> Shape | None:
    """Gather the leaves of nested lists; the lists' shape, or None where they differ."""
    if not isinstance(values, list | tuple):
        leaves.append(values if is_face(values) else np.asarray(values))
        return ()
    shapes = [_collect(value, leaves) for value in values]
    if not shapes:
        return (0,)
    first = shapes[0]
    return None if first is None or any(shape != first for shape in shapes) else (len(values), *first)
