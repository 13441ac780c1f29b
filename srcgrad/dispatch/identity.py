"""When two functions are the same to a trace: equal code, and equal values of all that it may read from outside.

``sg.vjp(lambda x: x * k, x)`` makes a new function at every call; its programs are those of the last one. What can be
compared by value in little time is numbers, strings, tuples, small arrays, and functions, whose closures, defaults and
globals are looked at in turn. A function that may read anything else (a list, an instance, a large array) is the same
as itself only.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from srcgrad.dispatch.function import Function

#: bytes of arrays that are compared by their content
_SMALL = 1 << 14
#: functions within functions that are looked at
_DEEP = 8
_FIXED = (types.BuiltinFunctionType, np.ufunc, np.dtype)
#: modules whose attributes nobody changes while a program runs
_LIBRARIES = ("math", "numpy", "scipy", "srcgrad")


class _UnknownError(Exception):
    """Something that cannot be compared by value."""


class Keyed:
    """A function, equal to others that are the same to a trace."""

    __slots__ = ("_hash", "function", "is_by_value", "key")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        try:
            self.key, self.is_by_value = _key(function, _DEEP), True
        except _UnknownError:
            self.key, self.is_by_value = _Same(function), False
        self._hash = hash(self.key)

    def serves(self, other: Keyed, *programs: Function) -> bool:
        """Whether the programs of this function are those of an equal one: they read arrays from around it at every
        call, so these must still be what they were, and nobody may write into them.
        """
        if self.function is other.function:
            return True
        return not any(program.writes_outside for program in programs) and Keyed(self.function) == other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and self.key == other.key

    def __hash__(self) -> int:
        return self._hash


class SharedPrograms:
    """As ``make(function, ...)``, but a function that is the same to a trace gets the programs made before."""

    def __init__(self, make: Callable[..., tuple[Function, ...]]) -> None:
        self.make = make
        self.lasting = functools.lru_cache(maxsize=256)(self._keyed)
        #: of functions that may never come again
        self.passing = functools.lru_cache(maxsize=16)(self._keyed)

    def _keyed(self, keyed: Keyed, *rest: Any) -> tuple[Keyed, tuple[Function, ...]]:
        return keyed, self.make(keyed.function, *rest)

    def __call__(self, function: Callable[..., Any], *rest: Any) -> tuple[Function, ...]:
        keyed = Keyed(function)
        known, programs = (self.lasting if keyed.is_by_value else self.passing)(keyed, *rest)
        return programs if known.serves(keyed, *programs) else self.make(function, *rest)


class _Same:
    """Equal to itself only, and keeps the object, so that no other gets its address."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _key(value: Any, depth: int) -> Hashable:
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return kind, value
    if kind in (float, complex):
        return kind, repr(value)  # tells -0.0 from 0.0, and NaN is itself
    if kind is types.FunctionType:
        return _key_of_function(value, depth)
    if kind is tuple:
        return kind, tuple(_key(part, depth) for part in value)
    if (kind is np.ndarray or isinstance(value, np.generic)) and value.nbytes <= _SMALL and value.dtype.kind in "biufc":
        return kind, value.dtype.str, value.shape, value.flags.writeable, value.tobytes()
    if isinstance(value, _FIXED) or _is_of_library(value):
        return kind, _Same(value)
    if isinstance(value, Function):
        return kind, _Same(value), _key(value.function, depth)
    raise _UnknownError


def _is_of_library(value: Any) -> bool:
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in _LIBRARIES
    if isinstance(value, type):
        return value.__module__.partition(".")[0] in (*_LIBRARIES, "builtins")
    return False


def _key_of_function(function: types.FunctionType, depth: int) -> Hashable:
    if function.__module__ and function.__module__.partition(".")[0] in _LIBRARIES and _is_global(function):
        return _Same(function)
    if not depth or function.__dict__:
        raise _UnknownError
    code = function.__code__
    try:
        cells = tuple(_key(cell.cell_contents, depth - 1) for cell in function.__closure__ or ())
    except ValueError:  # not bound yet
        raise _UnknownError from None
    known = function.__globals__
    read = [(name, _key(known[name], depth - 1)) for name in sorted(set(_names(code))) if name in known]
    defaults = _key(function.__defaults__ or (), depth - 1)
    keywords = tuple((name, _key(value, depth - 1)) for name, value in (function.__kwdefaults__ or {}).items())
    return code, code.co_filename, function.__module__, cells, tuple(read), defaults, keywords


def _is_global(function: types.FunctionType) -> bool:
    return getattr(sys.modules.get(function.__module__), function.__name__, None) is function


def _names(code: types.CodeType) -> Iterator[str]:
    """What a function and those within it may read of its globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
