"""Slices whose length is known only when the program runs: ``x[:i]``, ``A[k + 1 :, k]`` in a loop over i or k.

A `Ragged` is an array of the full length, of which along some axes only the positions from start to stop count. What is
elementwise is computed at all positions, sums and products leave out those beyond, and a write changes none of them. So
it costs what the full length costs, vectorised, and memory of fixed size. Two slices are brought to the same positions
before they meet; that their lengths are equal is checked only as far as it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.errors import OutOfBoundsError, TraceError, UnsupportedError
from srcgrad.core.lowering import Cast, Pointwise
from srcgrad.core.op import Op, apply
from srcgrad.core.operators import Operators
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.keys import known_difference
from srcgrad.numpy.messages import error
from srcgrad.numpy.traced_slices import TracedSlice, TracedSlices, checked, is_simple, mask_of, position_in, within

_CURE = (
    "Along such a slice there are elementwise functions, sum, prod, max, min, mean, all, any, dot, @, outer, norm, "
    "slices, and assignments; otherwise mask, as in np.where(np.arange(len(x)) < n, x, 0)"
)


class Ragged(Operators):
    """An array of which only some positions count along the axes in ``spans``; ``array`` has all positions."""

    __slots__ = ("array", "is_view", "spans")
    __sg_level__ = 2
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: Any, spans: TracedSlices, is_view: bool = False) -> None:
        self.array, self.spans, self.is_view = array, spans, is_view

    @property
    def __sg_type__(self) -> ArrayType:
        return self.array.__sg_type__  # type: ignore[no-any-return]

    @property
    def __sg_node__(self) -> Node:
        raise _unsupported("a result, an index, or a part of another array")

    @property
    def dtype(self) -> Any:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return int(self.array.ndim)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _unsupported(f"array.{name}")

    def __sg_bind__(self, op: Op, args: Any, params: Any) -> Any:
        return self.__sg_apply__(op, args, params)

    def __sg_apply__(self, op: Op, args: Any, params: dict[str, Any]) -> Any:
        """An elementwise row, before its operands are broadcast."""
        if not isinstance(op.lowering, Pointwise | Cast):
            raise _unsupported(op.name)
        plain, spans = _aligned(args)
        made = op(*plain, **params)
        return Ragged(made if hasattr(made, "spans") else type(self.array).new(as_node(made)), spans)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from srcgrad.numpy.protocols import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def mask(self) -> Any:
        """Where the positions count, for the array's shape up to broadcasting."""
        return mask_of(self.spans, self.array.shape)

    def filled(self, neutral: Any) -> Any:
        """The full array with another value where the positions do not count."""
        value = np.asarray(neutral, self.dtype)
        return type(self.array).new(as_node(apply("where", self.mask(), self.array, value)))

    def __getitem__(self, key: Any) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        if any(part is Ellipsis or not (part is None or is_simple(part)) for part in parts):
            raise _unsupported("this index")
        parts += [slice(None)] * (self.ndim - sum(part is not None for part in parts))
        plain: list[Any] = []
        spans: TracedSlices = {}
        reverse: list[int] = []
        axis = result = 0
        for part in parts:
            if part is None:
                plain.append(None)
                result += 1
                continue
            own = self.spans.get(axis)
            if own is None:
                plain.append(part)
            elif not isinstance(part, slice):
                plain.append(self._place(own, part))
            else:
                if part.step == -1 and part.start is None and part.stop is None:
                    reverse.append(result)
                elif part.step not in (None, 1):
                    raise _unsupported("a slice with a step")
                spans[result] = own if part.step == -1 else within(own, part)
                plain.append(slice(None))
            axis += 1
            result += isinstance(part, slice)
        array = self.array[tuple(plain)]
        if not spans:
            return array
        made = Ragged(array, spans, self.is_view and not reverse)
        for turned in reverse:
            span = spans[turned]
            mirror = as_node(span.start) + span.stop - 1
            made = _moved(made, turned, array.shape[turned], mirror.__sub__)
        return made

    def _place(self, span: TracedSlice, index: Any) -> Any:
        """Where an element of the slice is in the array."""
        place = position_in(span, index)
        return type(self.array)(place) if isinstance(place, Node) else place

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.is_view:
            raise _unsupported("a write into a result")
        part = self[key]
        if isinstance(part, Ragged):
            part.write(value)
            return
        position, spans = key if isinstance(key, tuple) else (key,), self.spans
        places = [
            self._place(spans[k], one) if k in spans and not isinstance(one, slice) else one
            for k, one in enumerate(position)
        ]
        self.array[tuple(places)] = value

    def is_same(self, other: Ragged) -> bool:
        """Whether both are the same elements at the same positions."""
        spans = self.spans.keys() == other.spans.keys() and all(
            s.is_same(other.spans[k]) for k, s in self.spans.items()
        )
        return spans and self.array.__sg_node__ is other.array.__sg_node__

    def write(self, value: Any) -> None:
        """Change the positions that count."""
        if isinstance(value, Ragged) and value.is_view and value.is_same(self):
            return
        from srcgrad.numpy.assignment import assigned_value

        (_, new), spans = _aligned((self, value))
        node = assigned_value(new, self.array.shape, self.dtype, indexed=False)
        mask = apply("broadcast_to", mask_of(spans, self.array.shape), shape=self.array.shape)
        self.array.assign(apply("where", as_node(mask), node, self.array.__sg_node__))

    def _in_place(self, name: str, other: Any) -> Any:
        result = apply(name, self, other)
        if not self.is_view:
            return result
        self.write(result)
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place("add", other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place("subtract", other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place("multiply", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place("divide", other)

    def __matmul__(self, other: Any) -> Any:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _matmul(other, self)

    def __eq__(self, other: Any) -> Any:
        return apply("equal", self, other)

    def __ne__(self, other: Any) -> Any:
        return apply("not_equal", self, other)

    @property
    def T(self) -> Ragged:
        """The axes in reverse order."""
        last = self.ndim - 1
        return Ragged(self.array.T, {last - axis: span for axis, span in self.spans.items()}, self.is_view)

    def __len__(self) -> int:
        raise _unsupported("len() outside of a traced function")

    def copy(self) -> Ragged:
        """A copy of the positions that count."""
        return Ragged(self.array.copy(), self.spans)

    def sum(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.sum`."""
        return _reduced(self, "sum", 0, axis, options)

    def prod(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.prod`."""
        return _reduced(self, "prod", 1, axis, options)

    def max(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.max`."""
        return _reduced(self, "max", _limits(self.dtype)[0], axis, options)

    def min(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.min`."""
        return _reduced(self, "min", _limits(self.dtype)[1], axis, options)

    def all(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.all`."""
        return _reduced(self, "all", True, axis, options)

    def any(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.any`."""
        return _reduced(self, "any", False, axis, options)

    def mean(self, axis: Any = None, **options: Any) -> Any:
        """As `numpy.mean`."""
        _no_options("mean", options)
        count: Any = 1
        axis = _axis(self, axis, "mean")
        for k in range(self.ndim) if axis is None else [axis]:
            count = (self.spans[k].length if k in self.spans else self.array.shape[k]) * count
        return self.sum(axis) / (type(self.array)(count) if isinstance(count, Node) else count)

    def dot(self, other: Any) -> Any:
        """As `numpy.dot`."""
        return _dot(self, other)


def _unsupported(what: str) -> UnsupportedError:
    return error(UnsupportedError, f"{what} on a slice whose length is known only when the program runs", _CURE)


def _limits(dtype: Any) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return False, True


def _moved(
    value: Ragged, axis: int, extent: int, source: Callable[[Any], Any], span: TracedSlice | None = None
) -> Ragged:
    """The array with the elements along an axis taken from other positions: ``source`` of each position."""
    places = as_node(source(as_node(np.arange(extent))))
    last = value.array.shape[axis] - 1
    places = apply("minimum", apply("maximum", places, 0), last)
    made = apply("gather", value.array.__sg_node__, places, axes=(axis,), position=axis)
    spans = {**value.spans, axis: span or value.spans[axis]}
    return Ragged(type(value.array).new(made), spans)


def _aligned(args: Any) -> tuple[list[Any], TracedSlices]:
    """The operands of something elementwise as full arrays, at the positions of the first slice; their spans."""
    ragged = [arg for arg in args if isinstance(arg, Ragged)]
    rank = max([arg.ndim for arg in ragged] + [np.ndim(arg) for arg in args if not isinstance(arg, Ragged)])
    spans: TracedSlices = {}
    extents: dict[int, int] = {}
    for arg in ragged:
        for axis, span in arg.spans.items():
            spans.setdefault(axis + rank - arg.ndim, span)
            extents.setdefault(axis + rank - arg.ndim, arg.array.shape[axis])
    aligned = [_at(arg, spans, extents, rank) for arg in args]
    for arg in ragged:
        for axis, span in arg.spans.items():
            place = axis + rank - arg.ndim
            spans[place] = _of_same_length(spans[place], span)
    return aligned, spans


def _of_same_length(span: TracedSlice, other: TracedSlice) -> TracedSlice:
    """The span, and an IndexError when the program runs if the other has another length."""
    if span.is_same(other):
        return span
    starts, ends = (known_difference(a, b) for a, b in zip(span.written, other.written, strict=True))
    if starts == ends == 0:
        return span
    return checked(span, apply("equal", span.length, other.length))


def _at(arg: Any, spans: TracedSlices, extents: dict[int, int], rank: int) -> Any:
    offset = rank - (arg.ndim if isinstance(arg, Ragged) else np.ndim(arg))
    for place, span in spans.items():
        axis = place - offset
        if axis < 0:
            continue
        own = arg.spans.get(axis) if isinstance(arg, Ragged) else None
        if own is not None:
            arg = _shifted(arg, axis, own, span, extents[place])
        elif (arg.array if isinstance(arg, Ragged) else arg).shape[axis] != 1:
            what = f"a slice whose length is known only when the program runs beside an axis of {np.shape(arg)[axis]}"
            raise error(TraceError, what, "Slice both alike")
    return arg.array if isinstance(arg, Ragged) else arg


def _shifted(arg: Ragged, axis: int, own: TracedSlice, span: TracedSlice, extent: int) -> Ragged:
    if own.is_longer_or_shorter(span):
        raise error(OutOfBoundsError, "two slices of different lengths do not broadcast", "Slice both alike")
    if own.is_same(span) and arg.array.shape[axis] == extent:
        return arg
    shift = known_difference(own.start, span.start)
    if shift == 0 and arg.array.shape[axis] == extent:
        return Ragged(arg.array, {**arg.spans, axis: span})
    distance = shift if shift is not None else as_node(own.start) - span.start
    return _moved(arg, axis, extent, lambda place: place + distance, span)


#: what an initial value is brought into a reduction by
_PAIRS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}


def _no_options(name: str, options: dict[str, Any]) -> None:
    if options:
        raise _unsupported(f"{name} with {', '.join(options)}")


def _axis(value: Ragged, axis: Any, name: str) -> int | None:
    from srcgrad.numpy.shaping import one_axis

    if isinstance(axis, tuple):
        raise _unsupported(f"{name} over several axes")
    return None if axis is None else one_axis(axis, value.ndim)


def _reduced(value: Ragged, name: str, neutral: Any, axis: Any, options: dict[str, Any]) -> Any:
    from srcgrad.numpy.protocols import namespace

    options = {key: given for key, given in options.items() if given is not None}
    initial = options.pop("initial", None) if name in _PAIRS else None
    _no_options(name, options)
    axis = _axis(value, axis, name)
    if name in ("max", "min") and initial is None:
        gone = value.spans if axis is None else {axis: value.spans[axis]} if axis in value.spans else {}
        some = {k: checked(span, apply("greater", span.length, 0)) for k, span in gone.items()}
        value = Ragged(value.array, {**value.spans, **some})
    left = {} if axis is None else {k - (k > axis): span for k, span in value.spans.items() if k != axis}
    made = namespace(name)(value.filled(neutral), axis=axis)
    made = made if initial is None else apply(_PAIRS[name], made, initial)
    return Ragged(made, left) if left else made


def _matmul(a: Any, b: Any) -> Any:
    from srcgrad.numpy.protocols import namespace

    rank = [x.ndim if isinstance(x, Ragged) else np.ndim(x) for x in (a, b)]
    if max(rank) > 2 or min(rank) < 1:
        raise _unsupported("a product of stacks of matrices")
    left, right = rank[0] - 1, max(rank[1] - 2, 0)
    spans = [dict(x.spans) if isinstance(x, Ragged) else {} for x in (a, b)]
    first, second = spans[0].pop(left, None), spans[1].pop(right, None)
    if (first is None) != (second is None):
        raise error(TraceError, "a product over a slice of unknown length and a whole axis", "Slice both alike")
    if first is not None and second is not None:
        b = _shifted(b, right, second, first, a.array.shape[left])
        a = Ragged(a.array, {**a.spans, left: _of_same_length(first, second)})
    kept = dict(spans[0])
    if rank[1] == 2 and spans[1]:
        (kept[rank[0] - 1],) = spans[1].values()
    a, b = (x.filled(0) if isinstance(x, Ragged) else x for x in (a, b))
    made = namespace("matmul")(a, b)
    return Ragged(made, kept) if kept else made


def _dot(a: Any, b: Any) -> Any:
    if 0 in (x.ndim if isinstance(x, Ragged) else np.ndim(x) for x in (a, b)):
        return apply("multiply", a, b)
    return _matmul(a, b)


def _outer(a: Any, b: Any) -> Any:
    from srcgrad.numpy.protocols import namespace

    spans = {k: x.spans[0] for k, x in enumerate((a, b)) if isinstance(x, Ragged)}
    if any((x.ndim if isinstance(x, Ragged) else np.ndim(x)) != 1 for x in (a, b)):
        raise _unsupported("outer of what is not 1-d")
    return Ragged(namespace("outer")(*(x.array if isinstance(x, Ragged) else x for x in (a, b))), spans)


def _norm(value: Any) -> Any:
    return apply("sqrt", (value * value).sum())


#: NumPy's functions that take such slices, by qualified name; those of the methods' names are the methods
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(Ragged, name) for name in ("sum", "prod", "max", "min", "all", "any", "mean", "copy")},
    "amax": Ragged.max,
    "amin": Ragged.min,
    "transpose": lambda a: a.T,
    "flip": lambda a: a[::-1],
    "dot": _dot,
    "inner": _dot,
    "vdot": _dot,
    "matmul": _matmul,
    "outer": _outer,
    "linalg.norm": _norm,
}


def call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's, an argument of which is such a slice."""
    found = FUNCTIONS.get(name)
    if found is None:
        raise _unsupported(f"numpy.{name}")
    try:
        return found(*args, **kwargs)
    except TypeError as failure:
        if "argument" not in str(failure):
            raise
        raise _unsupported(f"numpy.{name} with these options") from None
