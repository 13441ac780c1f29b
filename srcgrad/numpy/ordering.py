"""What rests on order: partitions, quantiles, places in an ascending line, counts in bins."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.numpy.checks import fail_where
from srcgrad.numpy.creation import asarray, face_for, linspace
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.geometry import reshaped
from srcgrad.numpy.indexing import take, take_along_axis, where
from srcgrad.numpy.messages import error
from srcgrad.numpy.products import operands
from srcgrad.numpy.protocols import implements, implements_as, is_face
from srcgrad.numpy.reductions import all, any, argmax, argmin, argsort, max, min, sort, sum
from srcgrad.numpy.shaping import as_array, moveaxis, one_axis
from srcgrad.numpy.static import static_of
from srcgrad.numpy.views import with_shape
from srcgrad.ops.families import convert, normalize_axes

INT64 = np.dtype(np.int64)
#: up to this many elements, counting those that are smaller is cheaper than a search
FEW = 16


# places in an ascending line


@implements
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """As `numpy.searchsorted`."""
    if side not in ("left", "right"):
        raise error(TraceShapeError, f"'{side}' is an invalid value for keyword 'side'")
    a, v = operands(a if sorter is None else take(a, sorter), v)
    if len(a.shape) != 1:
        depth = "too deep" if a.shape else "of too small depth"
        raise error(TraceShapeError, f"searchsorted: object {depth} for desired array, which is 1-d")
    if a.shape[0] <= FEW and a.dtype.kind != "f":
        return sum(apply("less" if side == "left" else "less_equal", a, v[..., None]), axis=-1)
    places = apply("searchsorted", a, reshaped(v, (v.size,)), right=side == "right")
    return reshaped(places, v.shape)


@implements
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """As `numpy.digitize`; the bins ascend or descend."""
    known = static_of(bins) if is_face(bins) else np.asarray(bins)
    if known is not None:
        steps = np.diff(known)
        if (steps < 0).any() and (steps > 0).any():
            raise error(TraceShapeError, "bins must be monotonically increasing or decreasing")
        if known.size and known[0] > known[-1]:
            return _places_descending(known, x, right)
        return searchsorted(bins, x, side="left" if right else "right")
    ascending = searchsorted(bins, x, side="left" if right else "right")
    if bins.shape[0] < 2:
        return ascending
    return where(apply("greater", bins[0], bins[-1]), _places_descending(bins, x, right), ascending)


def _places_descending(bins: Any, x: Any, right: bool) -> Any:
    return bins.shape[0] - searchsorted(bins[::-1], x, side="left" if right else "right")


@implements
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """As `numpy.bincount`, for integers that are known while tracing: they decide the length of the result."""
    known = static_of(x, is_needed=True) if is_face(x) else np.asarray(x)
    if known is None:
        what = "bincount: the integers decide the length of the result and are not known while tracing"
        raise error(UnsupportedError, what, "Use np.add.at(np.zeros(n), x, weights)")
    known = known.astype(np.int64)
    assert weights is not None, "all is known"
    weights = convert(as_array(weights), np.dtype(float))
    length = builtins.max(int(known.max(initial=-1)) + 1, minlength)
    return _sums_at(known, weights, length)


def _sums_at(places: Any, values: Any, length: int) -> Any:
    start = face_for(values, places).__sg_lift__(np.zeros(length, values.dtype))
    return apply("scatter_add", start, values, places, axes=(0,), position=0)


@implements
def histogram(a: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None) -> Any:
    """As `numpy.histogram`, with a number of bins or their edges; differentiable in the weights."""
    if isinstance(bins, str):
        raise error(UnsupportedError, f"histogram: bins={bins!r} is not supported on traced arrays", "Give a number")
    a = with_shape(as_array(a), (as_array(a).size,))
    a = a if a.dtype.kind == "f" else convert(a, np.dtype(float))
    edges = bins
    if not np.ndim(bins):
        low, high = _limits_of(a) if range is None else range
        edges = linspace(low, high, operator.index(bins) + 1, dtype=None if range is None else a.dtype)
    edges = convert(asarray(edges), a.dtype) if is_face(edges) else np.asarray(edges, a.dtype)
    count = edges.shape[0] - 1
    place = searchsorted(edges, a, side="right") - 1
    place = where(apply("equal", a, edges[count]), count - 1, place)
    inside = apply("logical_and", apply("greater_equal", place, 0), apply("less", place, count))
    amounts = np.ones((), np.int64) if weights is None else with_shape(asarray(weights), (a.size,))
    amounts = where(inside, amounts, np.zeros((), amounts.dtype))
    counts = _sums_at(apply("minimum", apply("maximum", place, 0), count - 1), amounts, count)
    if density:
        counts = counts / (edges[1:] - edges[:-1]) / sum(counts)
    return counts, edges


def _limits_of(a: Any) -> tuple[Any, Any]:
    """The range of what is counted: half to each side where all is equal, 0 to 1 where there is nothing."""
    if not a.size:
        return 0.0, 1.0
    low, high = min(a), max(a)
    is_finite = apply("logical_and", apply("isfinite", low), apply("isfinite", high))
    failure = ValueError("autodetected range of the histogram is not finite")
    fail_where(apply("logical_not", is_finite), failure, optional=True)
    half = where(apply("equal", low, high), np.asarray(0.5, a.dtype), np.asarray(0, a.dtype))
    return low - half, high + half


# running extrema


@implements_as("maximum.accumulate")
def running_max(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """As ``numpy.maximum.accumulate``; the first of equals takes the derivative."""
    return _running("argcummax", array, axis, dtype, out)


@implements_as("minimum.accumulate")
def running_min(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """As ``numpy.minimum.accumulate``; the first of equals takes the derivative."""
    return _running("argcummin", array, axis, dtype, out)


def _running(row: str, a: Any, axis: int, dtype: Any, out: Any) -> Any:
    a = as_array(a) if dtype is None else convert(as_array(a), np.dtype(dtype))
    axis = one_axis(axis, len(a.shape))
    return deliver(take_along_axis(a, apply(row, a, axis=axis), axis), out)


# partitions


@implements
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """As `numpy.partition`: all is sorted."""
    return sort(a, axis)


@implements
def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Any:
    """As `numpy.argpartition`: the order that sorts all."""
    return argsort(a, axis)


@implements
def nanargmax(a: Any, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """As `numpy.nanargmax`; a line of only NaN is a ValueError."""
    _refuse_only_nan(a, axis)
    return argmax(_present(a, -np.inf), axis, out, keepdims=keepdims)


@implements
def nanargmin(a: Any, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """As `numpy.nanargmin`; a line of only NaN is a ValueError."""
    _refuse_only_nan(a, axis)
    return argmin(_present(a, np.inf), axis, out, keepdims=keepdims)


def _refuse_only_nan(a: Any, axis: int | None) -> None:
    a = as_array(a)
    if a.dtype.kind == "f" and a.size:
        fail_where(any(all(apply("isnan", a), axis)), ValueError("All-NaN slice encountered"), optional=True)


def _present(a: Any, other: float) -> Any:
    """Another value in place of NaN."""
    a = as_array(a)
    return where(apply("isnan", a), np.asarray(other, a.dtype), a) if a.dtype.kind == "f" else a


# quantiles: how far q reaches into n ordered elements (Hyndman and Fan, "Sample quantiles in statistical packages")

_CONTINUOUS: dict[str, tuple[float, float]] = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_ROUNDED: dict[str, Callable[[Any], Any]] = {
    "lower": np.floor,
    "higher": np.ceil,
    "nearest": np.rint,
    "midpoint": lambda position: (np.floor(position) + np.ceil(position)) / 2,
}


#: those that give one of the elements
_ELEMENTS = ("lower", "higher", "nearest")


def _position(q: Any, n: Any, method: str) -> Any:
    """The real-valued place of a quantile among n elements, or beyond them; n and q may be traced."""
    if method in _ROUNDED:
        return _ROUNDED[method](q * (n - 1))
    if method not in _CONTINUOUS:
        raise error(UnsupportedError, f"quantile: method {method!r} is not supported on traced arrays")
    alpha, beta = _CONTINUOUS[method]
    if alpha == beta == 1:
        return q * (n - 1)
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def _lines(a: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """Every group over which a quantile is taken as a sorted line in the last dimension; and the axes taken."""
    a = as_array(a)
    a = a if a.dtype.kind == "f" else convert(a, np.dtype(float))
    axes = normalize_axes(axis, len(a.shape))
    rest = len(a.shape) - len(axes)
    moved = moveaxis(a, axes, tuple(range(rest, len(a.shape)))) if axes else a
    moved = reshaped(moved, (*moved.shape[:rest], int(np.prod(moved.shape[rest:], dtype=int))))
    return sort(moved, -1), axes


def _numbers(a: Any) -> Any:
    a = as_array(a)
    if a.dtype.kind == "b":
        raise error(TraceError, "quantiles of booleans are not defined, since NumPy does not subtract them")
    return a


def _nan_for(ordered: Any, shape: tuple[int, ...] = ()) -> Any:
    """NaN for each line, and as many as the shape has."""
    return apply("broadcast_to", as_array(np.asarray(np.nan, ordered.dtype)), shape=(*ordered.shape[:-1], *shape))


def _known(q: Any) -> tuple[Any, bool]:
    """A quantile as an array, or traced; whether its dtype gives way, as that of a Python number."""
    if is_face(q):
        inside = apply("logical_and", apply("greater_equal", q, 0), apply("less_equal", q, 1))
        fail_where(
            any(apply("logical_not", inside)), ValueError("Quantiles must be in the range [0, 1]"), optional=True
        )
        return q, False
    if not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
        raise error(TraceShapeError, "Quantiles must be in the range [0, 1]")
    return np.asarray(q, float), not isinstance(q, np.ndarray | np.generic | list | tuple)


def _shaped(found: Any, q: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """The dimensions of q first, and those reduced kept as ones on request."""
    extra = np.ndim(q)
    rank = len(found.shape)
    found = moveaxis(found, tuple(range(rank - extra, rank)), tuple(range(extra))) if extra else found
    if keepdims:
        found = reshaped(found, (*np.shape(q), *(1 if k in axes else n for k, n in enumerate(shape))))
    return found[()] if not found.shape else found


@implements
def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """As `numpy.quantile`, also for a traced q; without the methods that jump by design, and without weights."""
    ordered, axes = _lines(_numbers(a), axis)
    is_whole = _is_whole(q)
    q, is_weak = _known(q)
    last = ordered.shape[-1] - 1
    if last < 0:
        raise error(TraceShapeError, "quantile of no elements")
    position = _position(q, last + 1, method)
    low = np.floor(position).astype(np.int64)
    if method in _ELEMENTS or (method == "linear" and is_whole):
        found = _nan_where_any(ordered, take(ordered, low, axis=-1), np.ndim(q))
        return deliver(_shaped(convert(found, as_array(a).dtype), q, np.shape(a), axes, keepdims), out)
    low, high = (apply("minimum", apply("maximum", k, 0), last) for k in (low, low + 1))
    weight = position - low
    if not is_face(weight):
        weight = np.asarray(weight, ordered.dtype if is_weak else np.result_type(ordered.dtype, float))
    below, above = take(ordered, low, axis=-1), take(ordered, high, axis=-1)
    found = _between(below, above, weight)
    return deliver(_shaped(_nan_where_any(ordered, found, np.ndim(q)), q, np.shape(a), axes, keepdims), out)


def _is_whole(q: Any) -> bool:
    """Whether the fractions are integers: of 0 and 1 NumPy takes the element itself, also beside an infinite one."""
    return (q.dtype if is_face(q) else np.asarray(q).dtype).kind in "biu"


def _between(below: Any, above: Any, weight: Any) -> Any:
    """On the straight line from one to the other, from the nearer end as in NumPy: with infinite ends that counts."""
    length = above - below
    if not is_face(weight) and (np.all(weight < 0.5) or np.all(weight >= 0.5)):
        return below + length * weight if np.all(weight < 0.5) else above - length * (1 - weight)
    return where(apply("less", weight, 0.5), below + length * weight, above - length * (1 - weight))


def _nan_where_any(ordered: Any, found: Any, extra: int) -> Any:
    """NaN is ordered last, and takes the derivative where there is one."""
    last = ordered[(..., -1, *[None] * extra)]
    return where(apply("isnan", last), convert(last, found.dtype), found)


@implements
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Any:
    """As `numpy.nanquantile`; see `quantile`."""
    ordered, axes = _lines(_numbers(a), axis)
    is_whole = _is_whole(q)
    q, is_weak = _known(q)
    if not ordered.shape[-1]:
        return deliver(_shaped(_nan_for(ordered, np.shape(q)), q, np.shape(a), axes, keepdims), out)
    flat = reshaped(q, (q.size,))
    present = apply("logical_not", apply("isnan", ordered))
    count = sum(present, -1)[..., None]
    position = _position(flat, count, method)
    low = np.floor(position).astype(np.int64)
    low, high = (apply("maximum", apply("minimum", k, count - 1), 0) for k in (low, low + 1))
    weight = position - low
    weight = convert(weight, ordered.dtype) if is_weak else weight
    below, above = take_along_axis(ordered, low, -1), take_along_axis(ordered, high, -1)
    found = below if method == "linear" and is_whole else _between(below, above, weight)
    found = where(apply("greater", count, 0), found, np.asarray(np.nan, found.dtype))
    found = reshaped(found, (*ordered.shape[:-1], *np.shape(q)))
    return deliver(_shaped(found, q, np.shape(a), axes, keepdims), out)


def _hundredth(q: Any) -> Any:
    return q / 100 if is_face(q) or isinstance(q, float | int) else np.asarray(q, float) / 100


@implements
def percentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    """As `numpy.percentile`; see `quantile`."""
    return quantile(a, _hundredth(q), *args, **options)


@implements
def nanpercentile(a: Any, q: Any, *args: Any, **options: Any) -> Any:
    """As `numpy.nanpercentile`; see `quantile`."""
    return nanquantile(a, _hundredth(q), *args, **options)


@implements
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """As `numpy.median`: the mean of the two elements in the middle, or the one."""
    ordered, axes = _lines(a, axis)
    count = ordered.shape[-1]
    if not count:
        return deliver(_shaped(_nan_for(ordered), 0.5, np.shape(a), axes, keepdims), out)
    found = ordered[..., count // 2]
    if count % 2 == 0:
        found = (ordered[..., count // 2 - 1] + found) / 2
    return deliver(_shaped(_nan_where_any(ordered, found, 0), 0.5, np.shape(a), axes, keepdims), out)


@implements
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """As `numpy.nanmedian`; see `median`."""
    ordered, axes = _lines(a, axis)
    if not ordered.shape[-1]:
        return deliver(_shaped(_nan_for(ordered), 0.5, np.shape(a), axes, keepdims), out)
    count = sum(apply("logical_not", apply("isnan", ordered)), -1)[..., None]
    low, high = apply("maximum", (count - 1) // 2, 0), count // 2
    below, above = take_along_axis(ordered, low, -1), take_along_axis(ordered, high, -1)
    found = where(apply("equal", low, high), below, (below + above) / 2)[..., 0]
    return deliver(_shaped(found, 0.5, np.shape(a), axes, keepdims), out)
