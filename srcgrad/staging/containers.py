"""The objects that a region may change: lists, dicts, attributes and globals within reach of its functions.

What is within reach is found from the closure cells and the globals of the functions that are recorded, and of the
user's functions that they call. Lists, dicts, attributes and global variables are compared with what they were; for
sets and the like a change is an error; plain arrays are read-only for the while; iterators must not be advanced, as a
region is recorded more than once.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any

from srcgrad.control.record import error
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.staging.places import Variable
from srcgrad.staging.reach import OPAQUE, Attributes, Globals, Reach

#: iterators that were there before the regions that are being recorded
_older_iterators: ContextVar[dict[int, Any] | None] = ContextVar("older_iterators", default=None)


class Containers:
    """The containers within reach of some variables and functions, as they are now."""

    def __init__(self, cells: dict[str, CellType], functions: Iterable[Any] = ()) -> None:
        self.reach = Reach(cells, functions)
        self._found = self.reach.containers

    def __contains__(self, container: Any) -> bool:
        """Whether it was there before."""
        return id(container) in self._found or id(getattr(container, "__dict__", None)) in self._found

    def variables_beside(self, known: Iterable[Any]) -> list[Variable]:
        """The variables that calling a function within reach may change, without those that are among the known."""
        cells = {id(place.cell) for place in known if isinstance(place, Variable)}
        return [variable for cell, variable in self.reach.variables.items() if cell not in cells]

    def _differing(self) -> Iterator[tuple[str, Any, Any]]:
        for name, container, before in self._found.values():
            if isinstance(container, Globals):  # a global that was not assigned had the module's value
                actual = container.owner.actual
                before.update({key: actual[key] for key in container.keys() - before.keys() if key in actual})
            if not _same_items(container, before):
                yield name, container, before

    def changed(self) -> Iterator[tuple[str, Any, Any]]:
        """Name, container, and what it held before, of those that hold something else now."""
        for name, container, before in self._differing():
            if isinstance(container, OPAQUE):
                what = f"{name} ({type(container).__name__}) is changed in a branch or loop that is part of the program"
                raise error(TraceError, f"{what}; use a list of fixed length, or change it outside")
            yield name, container, before

    def original(self, value: Any) -> Any:
        """A value with what the containers in it held before."""
        if type(value) is tuple:
            return tuple(map(self.original, value))
        if isinstance(value, FunctionType | type):
            return value
        attributes = getattr(value, "__dict__", None)
        found = self._found.get(id(value if attributes is None or isinstance(value, dict) else attributes))
        if found is None:
            return value
        _, container, before = found
        if isinstance(container, list):
            return [self.original(part) for part in before]
        if not isinstance(before, dict) or isinstance(container, Attributes):
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
        token = _older_iterators.set({**(_older_iterators.get() or {}), **self.reach.iterators})
        for array in self.reach.arrays:
            array.flags.writeable = False
        try:
            yield
        except ValueError as failure:
            if "read-only" in str(failure) and self.reach.arrays and not isinstance(failure, TraceError):
                what = "a NumPy array from outside of the traced function is written in a branch or loop"
                raise error(
                    TraceError, f"{what}; pass it as an argument, or write into a copy that is made inside"
                ) from None
            raise
        finally:
            for array in reversed(self.reach.arrays):
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


def _same_items(container: Any, before: Any) -> bool:
    if isinstance(container, set | bytearray):
        return bool(container == before)
    if len(container) != len(before):
        return False
    if isinstance(container, Attributes):
        container = container.copy()
    if isinstance(before, dict):
        return all(key in container and container[key] is value for key, value in before.items())
    return all(a is b for a, b in zip(container, before, strict=True))
