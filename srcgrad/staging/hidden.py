"""Inputs that a function takes behind its arguments: random numbers, clocks, the keyboard.

A trace would draw once, and every later call would get the same number. So they are an error that names the cure; what
is meant to be drawn once goes through `sg.constant`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import numpy as np

from srcgrad.control.record import error
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.graph.captured import current
from srcgrad.graph.node import as_node
from srcgrad.graph.trace import Tracer, is_tracing
from srcgrad.numpy.static import static_value

_GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_MODULES = {"random": "random", "secrets": "random", "uuid": "random", "time": "clock", "numpy.random": "random"}
_KINDS = {
    "random": (
        "draws random numbers: the trace would draw once, and every call would use the same",
        "Draw with sg.random and a key that is an argument, pass the numbers in, or wrap what is to be drawn once in "
        "sg.constant(lambda: ...)",
    ),
    "clock": (
        "asks the clock: the trace would ask once, and every call would get the same time",
        "Ask outside, or wrap what is to be asked once in sg.constant(lambda: ...)",
    ),
    "input": (
        "reads from outside: the trace would read once, and every call would get the same",
        "Read outside and pass the value in, or wrap what is to be read once in sg.constant(lambda: ...). For random "
        "numbers there is sg.random",
    ),
}
_allowed: ContextVar[bool] = ContextVar("hidden_inputs_allowed", default=False)
#: generators that were made, with a seed, by the function that is being traced
_own: ContextVar[list[Any] | None] = ContextVar("own_generators", default=None)


@contextmanager
def allowed() -> Iterator[None]:
    """In the block hidden inputs are meant."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


def checked(function: Any, call: Any) -> Any:
    """What is called for a function: an error for one with hidden inputs; one that makes a generator is watched."""
    if _allowed.get() or not is_tracing():
        return call
    if _is_maker(function):
        return _watched(function)
    kind = _kind(function)
    if kind is None:
        return call
    what, cure = _KINDS[kind]
    raise error(TraceError, f"{_name(function)} {what}. {cure}")


def fixed(value: Any) -> Any:
    """See `srcgrad.constant`."""
    with allowed():
        found = value() if callable(value) else value
    return tree.map(_fixed_leaf, found)


def _fixed_leaf(leaf: Any) -> Any:
    if not isinstance(leaf, Tracer):
        return leaf
    node = as_node(leaf)
    known, implicits = static_value(node), current.get()
    if known is None and implicits is not None:
        known = implicits.value_of(node, is_needed=True, notes=False)
    if known is None:
        raise error(
            TraceError,
            "sg.constant of a value that depends on an argument: it is not known while tracing, and would be another "
            "one at every call; sg.stop_gradient(x) is x without a derivative",
        )
    return known.item() if node.array_type.weak and not node.shape else known.copy()[()]


def _kind(function: Any) -> str | None:
    if function is input:
        return "input"
    owner = getattr(function, "__self__", None) if isinstance(function, BuiltinMethodType | MethodType) else None
    if isinstance(owner, _GENERATORS):
        return None if any(owner is one for one in _own.get() or ()) else "random"
    if isinstance(owner, type):
        module = owner.__module__
        return "clock" if module == "datetime" and function.__name__ in ("now", "utcnow", "today") else None
    if not isinstance(function, BuiltinMethodType | FunctionType) and not _is_cython(function):
        return None
    module = getattr(function, "__module__", None) or ""
    if module in ("posix", "nt") and getattr(function, "__name__", "") == "urandom":
        return "random"
    return _MODULES.get(module) or ("random" if module.startswith("numpy.random") else None)


def _is_cython(function: Any) -> bool:
    return type(function).__name__ == "cython_function_or_method"


def _is_maker(function: Any) -> bool:
    makers = (np.random.default_rng, *_GENERATORS)
    is_class = isinstance(function, type) and issubclass(function, _GENERATORS)
    return is_class or any(function is maker for maker in makers)


def _watched(maker: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        if all(arg is None for arg in (*args, *kwargs.values())):
            what, cure = _KINDS["random"]
            raise error(TraceError, f"{_name(maker)}() without a seed {what}. {cure}")
        made = maker(*args, **kwargs)
        own = _own.get()
        if own is None:
            _own.set(own := [])
        own.append(made)
        return made

    return make


def _name(function: Any) -> str:
    with contextlib.suppress(AttributeError):
        return str(function.__qualname__)
    return str(function)
