"""``a is b`` for arrays: known while tracing, or a condition, or an error.

A name that a branch or a loop may bind to one of several objects stands for a `Choice`, whose condition then decides.
A loop gives a name such a choice only where that matters; so it is told which arrays were asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.graph.node import as_node
from srcgrad.graph.structure import INPUT
from srcgrad.numpy import Array
from srcgrad.numpy.geometry import Window
from srcgrad.numpy.messages import error
from srcgrad.staging.choices import Choice, Shared, choice_of, identity
from srcgrad.staging.places import held
from srcgrad.staging.unbound import truth_on_path

_asked: ContextVar[dict[int, Any] | None] = ContextVar("asked", default=None)


@contextmanager
def asking() -> Iterator[dict[int, Any]]:
    """The arrays, by `id`, of which the block asks whether they are some other object; outer blocks hear of them."""
    outer, own = _asked.get(), dict[int, Any]()
    token = _asked.set(own)
    try:
        yield own
    finally:
        _asked.reset(token)
        if outer is not None:
            outer |= own


def is_one(a: Any, b: Any) -> Any:
    """``a is b``: a bool, or an array where only the run decides."""
    if not (_is_object(a) and _is_object(b)):
        return a is b
    return _is_one(a, b)


def _is_object(value: Any) -> bool:
    return isinstance(value, Array) and not value.is_scalar


def _is_one(a: Array, b: Array, chosen: tuple[Choice, ...] = ()) -> Any:
    for one, other in ((a, b), (b, a)):
        choice = choice_of(one)
        if choice is not None and a is not b:
            known = truth_on_path(choice.predicate)
            if known is not None:
                return _is_one(choice.yes if known else choice.no, other, (*chosen, choice))
            yes, no = (_is_one(side, other, (*chosen, choice)) for side in (choice.yes, choice.no))
            return yes if yes is no else Array(apply("where", choice.predicate, as_node(yes), as_node(no)))
    asked = _asked.get()
    if asked is not None:
        asked |= {id(a): a, id(b): b}
    if chosen and _show_the_same(a, b) and not (a is b and a._base is None and all(one.is_exact for one in chosen)):
        raise error(TraceError, "whether these names are bound to one view is known only when the program runs", _CURE)
    if a is not b and _share_data(a, b):
        raise error(TraceError, "whether these names are bound to one array is known only when the program runs", _CURE)
    if a is not b and _are_arguments(a, b):
        what = "whether two arguments are one array is not known while tracing"
        raise error(TraceError, what, "Pass it once, or say so in an argument that is named in static_argnames")
    return a is b


def _show_the_same(a: Array, b: Array) -> bool:
    """Whether these show the same elements, as far as is known: views are known by what they show."""
    windows = [Window.whole(one.shape) if one._base is None else one._window for one in (a, b)]
    return a.owner is b.owner and (None in windows or windows[0] == windows[1])


def _share_data(a: Array, b: Array) -> bool:
    """Whether a loop has left it open whether these are one array."""
    owners = a.owner, b.owner
    return owners[0] is not owners[1] and any(
        isinstance(one, Shared) and (identity(one) == identity(other) or any(other is older for older in one.older))
        for one, other in (owners, owners[::-1])
    )


def _are_arguments(*arrays: Array) -> bool:
    """Whether these stand for different arguments that may be one array."""
    if any(array._base is not None or held[id(array)] for array in arrays):
        return False
    a, b = (array.__sg_node__ for array in arrays)
    return a is not b and a.op is b.op is INPUT and a.array_type == b.array_type


_CURE = "Keep a number beside it that says which one it is, and compare that"
