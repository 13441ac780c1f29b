"""The objects that a region may change: lists, dicts, attributes and globals within reach of its functions.

What is within reach is found from the closure cells and the globals of the functions that are recorded, and of the
user's functions that they call. Lists, dicts, attributes and global variables are compared with what they were; for
sets and the like a change is an error; plain arrays are read-only for the while; iterators must not be advanced, as a
region is recorded more than once.
"""

from __future__ import annotations

import copy
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.control.record import error
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.graph.trace import Tracer
from srcgrad.staging.places import UNBOUND, Variable, cells_of

_FEW = 4096
_PLAIN = (Tracer, str, bytes, int, float, complex, type, ModuleType)
_OPAQUE = (set, deque, bytearray)
#: iterators that were there before the regions that are being recorded
_older_iterators: ContextVar[dict[int, Any] | None] = ContextVar("older_iterators", default=None)
_names: WeakKeyDictionary[CodeType, tuple[str, ...]] = WeakKeyDictionary()
_MISSING: Any = object()


class _Attributes:
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


class _Globals(_Attributes):
    """The global variables that traced code assigned, as a dict."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner, ())

    def copy(self) -> dict[str, Any]:
        return {key: value for key, value in dict.items(self.owner) if not key.startswith(("$", "__"))}

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self.owner, name)


class Containers:
    """The containers within reach of some variables and functions, as they are now."""

    def __init__(self, cells: dict[str, CellType], functions: Iterable[Any] = ()) -> None:
        #: name, container, and what it holds, by the identity of the object
        self._found: dict[int, tuple[str, Any, Any]] = {}
        self._seen: set[int] = set()
        self._arrays: list[np.ndarray[Any, Any]] = []
        self._iterators: dict[int, Any] = {}
        for name, cell in cells.items():
            value = Variable(name, cell).get()
            if value is not UNBOUND:
                self._visit(name, value)
        for function in functions:
            if isinstance(function, FunctionType):
                self._visit_globals(function.__code__, function.__globals__)

    def __contains__(self, container: Any) -> bool:
        """Whether it was there before."""
        return id(container) in self._found or id(getattr(container, "__dict__", None)) in self._found

    def _visit(self, name: str, value: Any) -> None:
        value = getattr(value, "__sg_real__", value)
        if (
            isinstance(value, Tracer | str | bytes | int | float | complex | type | ModuleType)
            or id(value) in self._seen
        ):
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.flags.writeable:
                self._arrays.append(value)
        elif isinstance(value, tuple):
            for part in value[:_FEW]:
                self._visit(name, part)
        elif isinstance(value, list | dict):
            if len(value) <= _FEW:
                self._note(name, value, value)
                items = [*(value.items() if isinstance(value, dict) else enumerate(value))]
                for key, part in items:
                    self._visit(f"{name}[{key!r}]", part)
        elif isinstance(value, _OPAQUE):
            self._note(name, value, value)
        elif isinstance(value, FunctionType):
            for inner, cell in cells_of(value).items():
                if not inner.startswith("$"):
                    self._visit(inner, Variable(inner, cell).get())
            self._visit_globals(value.__code__, value.__globals__)
        elif isinstance(value, MethodType):
            self._visit(name, value.__self__)
            self._visit(name, value.__func__)
        elif hasattr(type(value), "__next__"):
            self._iterators[id(value)] = value
        elif _is_users(value):
            attributes = vars(value) if hasattr(value, "__dict__") else {}
            slots = _slots(type(value))
            self._note(name, attributes, attributes)
            if slots:
                self._note(name, value, _Attributes(value, slots))
            for key, inner in [*attributes.items(), *_Attributes(value, slots).items()]:
                self._visit(f"{name}.{key}", inner)

    def _note(self, name: str, owner: Any, container: Any) -> None:
        self._found.setdefault(id(owner), (name, container, container.copy()))

    def _visit_globals(self, code: CodeType, scope: dict[str, Any]) -> None:
        """The globals that a function may change, where it is the traced copy of a user's function."""
        actual = getattr(scope, "actual", None)
        if actual is None or id(code) in self._seen:
            return
        self._seen.add(id(code))
        if id(scope) not in self._found:
            self._note("a global variable", scope, _Globals(scope))
            for name, value in _Globals(scope).items():
                self._visit(name, value)
        for name in _global_names(code):
            value = actual.get(name, _MISSING)
            if isinstance(value, FunctionType) and value.__globals__ is actual:
                self._visit_globals(value.__code__, scope)
            elif value is not _MISSING and not isinstance(value, FunctionType):
                self._visit(name, value)

    def _differing(self) -> Iterator[tuple[str, Any, Any]]:
        for name, container, before in self._found.values():
            if isinstance(container, _Globals):  # a global that was not assigned had the module's value
                actual = container.owner.actual
                before.update({key: actual[key] for key in container.keys() - before.keys() if key in actual})
            if not _same_items(container, before):
                yield name, container, before

    def changed(self) -> Iterator[tuple[str, Any, Any]]:
        """Name, container, and what it held before, of those that hold something else now."""
        for name, container, before in self._differing():
            if isinstance(container, _OPAQUE):
                what = f"{name} ({type(container).__name__}) is changed in a branch or loop that is part of the program"
                raise error(TraceError, f"{what}; use a list of fixed length, or change it outside")
            yield name, container, before

    def original(self, value: Any) -> Any:
        """A value with what the containers in it held before."""
        if type(value) is tuple:
            return tuple(map(self.original, value))
        attributes = getattr(value, "__dict__", None)
        found = self._found.get(id(value if attributes is None or isinstance(value, dict) else attributes))
        if found is None:
            return value
        _, container, before = found
        if isinstance(container, list):
            return [self.original(part) for part in before]
        if not isinstance(before, dict) or isinstance(container, _Attributes):
            return value
        held = {key: self.original(part) for key, part in before.items()}
        if container is value:
            return held
        made = copy.copy(value)
        vars(made).update(held)
        return made

    def restore(self) -> None:
        """Undo every change."""
        for _, container, before in self._differing():
            container.clear()
            container.extend(before) if isinstance(container, list | deque | bytearray) else container.update(before)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """In the block plain arrays are read-only, and iterators stay where they are."""
        token = _older_iterators.set({**(_older_iterators.get() or {}), **self._iterators})
        for array in self._arrays:
            array.flags.writeable = False
        try:
            yield
        except ValueError as failure:
            if "read-only" in str(failure) and self._arrays and not isinstance(failure, TraceError):
                what = "a NumPy array from outside of the traced function is written in a branch or loop"
                raise error(
                    TraceError, f"{what}; pass it as an argument, or write into a copy that is made inside"
                ) from None
            raise
        finally:
            for array in reversed(self._arrays):
                array.flags.writeable = True
            _older_iterators.reset(token)


@dataclass(frozen=True)
class _Choice:
    """A list, dict or object that was made of two, as a condition says that is not known: a copy of the one it is."""

    name: str
    where: str
    held: tuple[tuple[Any, Any], ...]


_choices: ContextVar[list[_Choice] | None] = ContextVar("choices", default=None)


def note_choice(name: str, *containers: Any) -> None:
    """These are not to be changed any more: the first is a copy of one of the others."""
    found = _choices.get()
    if found is not None:
        held = tuple((part, part.copy()) for part in map(_parts, containers) if part is not None)
        found.append(_Choice(name, str(user_location()), held))


def _parts(container: Any) -> Any:
    return container if isinstance(container, list | dict) else getattr(container, "__dict__", None)


@contextmanager
def checking_choices() -> Iterator[None]:
    """Around a traced function: at its end, an error where one of two containers was changed after it was chosen."""
    token = _choices.set([])
    try:
        yield
        for choice in _choices.get() or ():
            if not all(_same_items(container, before) for container, before in choice.held):
                raise TraceError(
                    f"{choice.where}: {choice.name} is one of two lists, dicts or objects, as a condition says that is "
                    "known only when the program runs, and one of them is changed afterwards; bind it to a copy"
                )
    finally:
        _choices.reset(token)


@contextmanager
def forget_choices() -> Iterator[Callable[[], None]]:
    """What the block is given undoes what was noted in it."""
    found = _choices.get()
    count = 0 if found is None else len(found)

    def forget() -> None:
        if found is not None:
            del found[count:]

    yield forget


def refuse_older(iterator: Any) -> None:
    """An error where a region advances an iterator that was there before: it is recorded more than once."""
    older = _older_iterators.get()
    if older and id(iterator) in older:
        what = (
            f"a {type(iterator).__name__} that was made before a branch or loop of the program is advanced inside of it"
        )
        raise error(TraceError, f"{what}; make a list of it, or the iterator inside")


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


def _is_users(value: Any) -> bool:
    """Whether it is an instance of a class that a user wrote in Python."""
    module = type(value).__module__
    if module.split(".")[0] in ("builtins", "numpy", "srcgrad", "scipy", "numba", "ast", *sys.builtin_module_names):
        return False
    return hasattr(value, "__dict__") or hasattr(type(value), "__slots__")


def _same_items(container: Any, before: Any) -> bool:
    if isinstance(container, set | bytearray):
        return bool(container == before)
    if len(container) != len(before):
        return False
    if isinstance(before, dict):
        return all(key in container and container[key] is value for key, value in before.items())
    return all(a is b for a, b in zip(container, before, strict=True))
