"""Python's built-in functions where an argument is traced."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.control.record import error
from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import Array
from srcgrad.numpy.ragged import Ragged
from srcgrad.numpy.static import static_of
from srcgrad.staging.branches import known_truth, truth
from srcgrad.staging.containers import refuse_older
from srcgrad.staging.logic import and_, or_
from srcgrad.staging.places import is_array
from srcgrad.staging.spaces import enumerate_, range_, reversed_, zip_

_LONG = 16


def _is_unknown(value: Any) -> bool:
    return isinstance(value, Tracer) and static_of(value) is None


def _converting(kind: type) -> Callable[..., Any]:
    @functools.wraps(kind)
    def convert(*args: Any, **kwargs: Any) -> Any:
        if kind is complex and len(args) == 2 and any(map(_is_unknown, args)):
            return Array(
                apply("compose", *(apply("astype", part, dtype=float, weak=True) for part in map(as_node, args)))
            )
        if len(args) != 1 or kwargs or not _is_unknown(args[0]) or args[0].size != 1:
            return kind(*args, **kwargs)
        (value,) = args
        node = apply("reshape", value.__sg_node__, shape=()) if value.shape else value.__sg_node__
        if kind is bool:
            return Array(truth(value))
        if kind in (int, float) and type_of(node).dtype.kind == "c":
            raise error(TraceError, f"{kind.__name__}() argument must be a real number, not a complex one")
        if kind is int and type_of(node).dtype.kind == "f":
            node = apply("trunc", node)
        return Array(apply("astype", node, dtype=np.result_type(kind), weak=True))

    return convert


def _casting(kind: type[np.generic]) -> Callable[..., Any]:
    @functools.wraps(kind, updated=())
    def convert(*args: Any) -> Any:
        if len(args) != 1 or not _is_unknown(args[0]):
            return kind(*args)
        return args[0].astype(kind)

    return convert


def _extremum(original: Callable[..., Any], less: bool) -> Callable[..., Any]:
    def choose(*args: Any, **kwargs: Any) -> Any:
        values = [*args[0]] if len(args) == 1 and not _is_unknown(args[0]) else args
        if len(args) == 1 and _is_unknown(args[0]) and args[0].ndim == 1 and not kwargs:
            return args[0].min() if less else args[0].max()
        if kwargs.keys() == {"key"} and kwargs["key"] is not None and (len(args) > 1 or len(values)):
            return _by_key(values if len(args) != 1 else args[0], kwargs["key"], less)
        if kwargs or not any(_is_unknown(value) for value in values):
            return original(values if len(args) == 1 else args[0], *args[1:], **kwargs)
        best = values[0]
        for value in values[1:]:
            wins = value < best if less else value > best
            known = known_truth(wins)
            best = _where(wins, value, best) if known is None else value if known else best
        return best

    return choose


def _by_key(values: Any, key: Callable[[Any], Any], less: bool) -> Any:
    """The first value whose key is the least (or greatest), where keys may be traced."""
    values = [*values]
    best, best_key = values[0], key(values[0])
    for value in values[1:]:
        own = key(value)
        wins = own < best_key if less else own > best_key
        known = known_truth(wins)
        if known is None:
            if not is_array(value) or type_of(value).shape != type_of(best).shape:
                raise error(
                    TraceError,
                    "min and max with a key that is known only when the program runs take numbers, or arrays of one "
                    "shape; use np.argmin (np.argmax) of the keys",
                )
            best, best_key = _where(wins, value, best), _where(wins, own, best_key)
        elif known:
            best, best_key = value, own
    return best


def _where(condition: Any, a: Any, b: Any) -> Any:
    import srcgrad.numpy as snp

    return snp.where(condition, a, b)


def _sum(values: Any, /, start: Any = 0) -> Any:
    if _is_unknown(values) and values.ndim and len(values) > _LONG:
        return start + values.sum(axis=0)
    return builtins.sum(values, start)


def _all(values: Any) -> Any:
    if _is_unknown(values):
        return values.all()
    found: Any = True
    for value in values:
        found = and_(found, functools.partial(_itself, value))
        if known_truth(found) is False:
            return False
    return _as_bool(found)


def _any(values: Any) -> Any:
    if _is_unknown(values):
        return values.any()
    found: Any = False
    for value in values:
        found = or_(found, functools.partial(_itself, value))
        if known_truth(found) is True:
            return True
    return _as_bool(found)


def _len(value: Any) -> Any:
    if not isinstance(value, Ragged):
        return builtins.len(value)
    length = value.spans[0].length if 0 in value.spans else value.array.shape[0]
    return Array(length) if isinstance(length, Node) else length


def _itself(value: Any) -> Any:
    return value


def _as_bool(value: Any) -> Any:
    known = known_truth(value)
    return Array(truth(value)) if known is None else known


def item(value: Any, key: Any) -> Any:
    """``value[key]``, where the index into a plain array or list may be traced."""
    if not isinstance(value, np.ndarray | list | tuple) or not involves_unknown(key):
        return value[key]
    whole = value if isinstance(value, np.ndarray) else _stacked(value)
    return Array.new(as_node(whole))[key]


def involves_unknown(key: Any) -> bool:
    """Whether an index has a part that is known only when the program runs."""
    if isinstance(key, tuple):
        return any(involves_unknown(part) for part in key)
    if isinstance(key, slice):
        return any(_is_unknown(part) for part in (key.start, key.stop, key.step))
    return _is_unknown(key)


def _stacked(values: Any) -> Any:
    """A list whose elements are alike, as one array."""
    import srcgrad.numpy as snp

    if not values or not all(is_array(value) for value in values):
        raise error(TraceError, "a list is indexed by a traced integer; its elements have to be arrays of one shape")
    return snp.stack([*values])


def _next(iterator: Any, *default: Any) -> Any:
    refuse_older(iterator)
    return builtins.next(iterator, *default)


def _consuming(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def consume(*args: Any, **kwargs: Any) -> Any:
        for arg in args:
            refuse_older(arg)
        return function(*args, **kwargs)

    return consume


def class_of(value: Any) -> type:
    """The class of the value that a traced one stands for."""
    if not isinstance(value, Array):
        return getattr(type(value), "__sg_stands_for__", type(value))
    type_ = type_of(value)
    if not value.is_scalar:
        return snp_ndarray()
    return {"b": bool, "i": int, "f": float, "c": complex}[type_.dtype.kind] if type_.weak else type_.dtype.type


def snp_ndarray() -> type:
    """`numpy.ndarray` as traced code sees it."""
    import srcgrad.numpy as snp

    return snp.ndarray


def _isinstance(value: Any, classes: Any, /) -> bool:
    if isinstance(value, classes) or not isinstance(value, Array):
        return isinstance(value, classes)
    kind = class_of(value)
    return issubclass(np.ndarray if kind is snp_ndarray() else kind, classes)


def _type(*args: Any, **kwargs: Any) -> Any:
    return class_of(args[0]) if len(args) == 1 and not kwargs else type(*args, **kwargs)


#: What traced code calls in place of a built-in function.
BUILTINS: dict[Any, Callable[..., Any]] = {
    range: range_,
    len: _len,
    float: _converting(float),
    int: _converting(int),
    complex: _converting(complex),
    bool: _converting(bool),
    min: _extremum(min, True),
    max: _extremum(max, False),
    next: _next,
    isinstance: _isinstance,
    type: _type,
    list: _consuming(list),
    tuple: _consuming(tuple),
    zip: _consuming(zip),
    enumerate: _consuming(enumerate),
    sum: _consuming(_sum),
    all: _all,
    any: _any,
    **{kind: _casting(kind) for kind in {*np.sctypeDict.values()} if issubclass(kind, np.number | np.bool_)},
}

#: Those that a loop can go over without iterating.
LOOPED: dict[Any, Callable[..., Any]] = {
    enumerate: _consuming(enumerate_),
    zip: _consuming(zip_),
    reversed: reversed_,
    range: range_,
}
