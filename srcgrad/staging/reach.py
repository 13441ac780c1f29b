"""What is within reach of the variables and functions of a region: all that running it may change.

The walk goes from closure cells and globals through lists, dicts, attributes and classes, and through functions into
what they hold: their own cells, defaults and attributes, those of bound methods and of `functools.partial`.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.core.location import USERS, owner_of
from srcgrad.graph.trace import Tracer
from srcgrad.staging.places import UNBOUND, Variable, cells_of
from srcgrad.staging.unbound import Maybe

#: what is only compared: it must not change
OPAQUE = (set, deque, bytearray)
#: parts of a container that are looked into
_FEW = 4096
_LEAVES = (Tracer, str, bytes, int, float, complex, ModuleType)
_MISSING: Any = object()
_names: WeakKeyDictionary[CodeType, tuple[str, ...]] = WeakKeyDictionary()
_users: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


class Attributes:
    """The attributes of an object without a dict, as a dict."""

    def __init__(self, owner: Any, names: Iterable[str]) -> None:
        self.owner, self._names = owner, tuple(names)

    def copy(self) -> dict[str, Any]:
        return {name: getattr(self.owner, name) for name in self._names if hasattr(self.owner, name)}

    def keys(self) -> Iterable[str]:
        return self.copy().keys()

    def items(self) -> Any:
        return self.copy().items()

    def __len__(self) -> int:
        return len(self.copy())

    def __contains__(self, name: str) -> bool:
        return name in self.copy()

    def __getitem__(self, name: str) -> Any:
        return self.copy()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        object.__setattr__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        object.__delattr__(self.owner, name)

    def clear(self) -> None:
        for name in self.copy():
            del self[name]

    def update(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self[name] = value


class Globals(Attributes):
    """The global variables that traced code assigned, as a dict."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner, ())

    def copy(self) -> dict[str, Any]:
        return {key: value for key, value in dict.items(self.owner) if not key.startswith(("$", "__"))}

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self.owner, name)


class ClassAttributes(Attributes):
    """The attributes of a class, as a dict."""

    def __init__(self, owner: type) -> None:
        super().__init__(owner, ())

    def copy(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self.owner).items() if not key.startswith("__")}

    def __setitem__(self, name: str, value: Any) -> None:
        type.__setattr__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        type.__delattr__(self.owner, name)


class Reach:
    """What is within reach of some variables and functions.

    Attributes:
        containers: name, container, and what it holds now, by the identity of the object.
        variables: those of functions within reach, by the identity of their cells; calling these may change them.
        arrays: plain ones that can be written.
        iterators: by their identity.
    """

    def __init__(self, cells: dict[str, CellType], functions: Iterable[Any] = ()) -> None:
        self.containers: dict[int, tuple[str, Any, Any]] = {}
        self.variables: dict[int, Variable] = {}
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.iterators: dict[int, Any] = {}
        self._seen: set[int] = set()
        for name, cell in cells.items():
            value = Variable(name, cell).get()
            if not name.startswith("$function"):
                self._visit(name, value)
            elif isinstance(value, FunctionType):  # the region itself: its variables are these
                self._visit_globals(value.__code__, value.__globals__)
        for function in functions:
            if isinstance(function, FunctionType):
                self._visit_globals(function.__code__, function.__globals__)

    def _visit(self, name: str, value: Any) -> None:
        value = getattr(value, "__sg_real__", value)
        if isinstance(value, Maybe):
            value = value.value
        if value is UNBOUND or isinstance(value, _LEAVES) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.flags.writeable:
                self.arrays.append(value)
        elif isinstance(value, tuple):
            for part in value[:_FEW]:
                self._visit(name, part)
        elif isinstance(value, list | dict):
            self._note(name, value, value)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for _, (key, part) in zip(range(_FEW), [*items], strict=False):
                self._visit(f"{name}[{key!r}]", part)
        elif isinstance(value, OPAQUE):
            self._note(name, value, value)
        elif isinstance(value, type):
            self._visit_class(value)
        elif isinstance(value, FunctionType):
            self._visit_function(name, value)
        elif (parts := _parts_of_callable(value)) is not None:
            for part in parts:
                self._visit(name, part)
        elif hasattr(type(value), "__next__"):
            self.iterators[id(value)] = value
        elif _is_users(type(value)):
            self._visit_object(name, value)

    def _visit_object(self, name: str, value: Any) -> None:
        attributes = vars(value) if hasattr(value, "__dict__") else {}
        slots = _slots(type(value))
        self._note(name, attributes, attributes)
        if slots:
            self._note(name, value, Attributes(value, slots))
        for key, inner in [*attributes.items(), *Attributes(value, slots).items()]:
            self._visit(f"{name}.{key}", inner)
        self._visit(type(value).__name__, type(value))

    def _visit_class(self, kind: type) -> None:
        for part in kind.__mro__:
            if _has_users_file(part) and (part is kind or id(part) not in self._seen):
                self._seen.add(id(part))
                attributes = ClassAttributes(part)
                self._note(part.__name__, part, attributes)
                for key, inner in vars(part).items():
                    if key not in ("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__"):
                        self._visit(f"{part.__name__}.{key}", inner)

    def _visit_function(self, name: str, function: FunctionType) -> None:
        for inner, cell in cells_of(function).items():
            if not inner.startswith("$"):
                variable = self.variables[id(cell)] = Variable(inner, cell)
                self._visit(inner, variable.get())
        for part in (function.__defaults__, function.__kwdefaults__):
            if part:
                self._visit(name, part)
        if owner_of(function.__code__.co_filename) == USERS:
            attributes = function.__dict__
            self._note(name, attributes, attributes)
            for key, inner in [*attributes.items()]:
                self._visit(f"{name}.{key}", inner)
        self._visit_globals(function.__code__, function.__globals__)

    def _note(self, name: str, owner: Any, container: Any) -> None:
        self.containers.setdefault(id(owner), (name, container, container.copy()))

    def _visit_globals(self, code: CodeType, scope: dict[str, Any]) -> None:
        """The globals that a function may change, where it is the traced copy of a user's function."""
        actual = getattr(scope, "actual", None)
        if actual is None or id(code) in self._seen:
            return
        self._seen.add(id(code))
        if id(scope) not in self.containers:
            self._note("a global variable", scope, Globals(scope))
            for name, value in Globals(scope).items():
                self._visit(name, value)
        for name in _global_names(code):
            value = actual.get(name, _MISSING)
            if isinstance(value, FunctionType) and value.__globals__ is actual:
                self._visit_globals(value.__code__, scope)
            elif value is not _MISSING and not isinstance(value, FunctionType):
                self._visit(name, value)


def _parts_of_callable(value: Any) -> tuple[Any, ...] | None:
    """What a callable, or what makes a method, holds; None for anything else."""
    if isinstance(value, MethodType):
        return value.__self__, value.__func__
    if isinstance(value, functools.partial):
        return value.func, value.args, value.keywords, value.__dict__
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, functools.cached_property):
        return (value.func,)
    return None


def _global_names(code: CodeType) -> tuple[str, ...]:
    known = _names.get(code)
    if known is None:
        inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _global_names(part)]
        known = _names[code] = tuple(dict.fromkeys([*code.co_names, *inner]))
    return known


def _slots(kind: type) -> list[str]:
    found = [getattr(part, "__slots__", ()) for part in kind.__mro__]
    names = [name for part in found for name in ((part,) if isinstance(part, str) else part)]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _is_users(kind: type) -> bool:
    """Whether the class is written in Python, and none of those that programs are made of."""
    module = kind.__module__
    if module.split(".")[0] in ("builtins", "numpy", "srcgrad", "scipy", "numba", "ast", *sys.builtin_module_names):
        return False
    return hasattr(kind, "__dict__") or hasattr(kind, "__slots__")


def _has_users_file(kind: type) -> bool:
    """Whether a user wrote the class."""
    known = _users.get(kind)
    if known is None:
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        known = _users[kind] = _is_users(kind) and (file is None or owner_of(file) == USERS)
    return known
