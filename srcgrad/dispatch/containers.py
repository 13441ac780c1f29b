"""Lists, dicts and other containers among the arguments: what the function does to them the caller would not see.

A trace is given containers of its own. Writes into the arrays that they hold are written back; a new item, key or
attribute is not, and so it is an error, with the line that made the first change.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.location import USERS, Location, owner_of
from srcgrad.dispatch.arguments import Arguments

#: the file of methods that dataclasses write for themselves
_GENERATED = "<string>"


class Containers:
    """The containers among the arguments of one run of the function, and what they hold before it."""

    def __init__(self, arguments: Arguments, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = [*map(arguments.name_of_argument, range(len(args))), *kwargs]
        self._held = [
            (name, value, leaves, structure)
            for name, value in zip(names, (*args, *kwargs.values()), strict=True)
            for leaves, structure in (tree.flatten(value),)
            if structure.kind is not None
        ]

    def changed(self) -> tuple[str, str] | None:
        """Name and class of the first argument whose items are others now."""
        for name, value, held, before in self._held:
            leaves, structure = tree.flatten(value)
            if structure != before or any(new is not old for new, old in zip(leaves, held, strict=True)):
                return name, type(value).__name__
        return None


def check_containers(
    containers: Containers, again: Callable[[], tuple[Containers, Callable[[], Any]]], function: str
) -> None:
    """Raise `TraceError` where the run changed what a container holds; ``again`` prepares another run of it."""
    found = containers.changed()
    if found is None:
        return
    name, kind = found
    place = _line_of_change(*again())
    raise TraceError(
        f"{f'{place}: ' if place else ''}{function} changes the items of its argument {name} (a {kind}): what is "
        f"written into the arrays that {name} holds is written back to the caller, another item is not. Return the "
        f"new {kind}, or change a copy of it"
    )


def _line_of_change(containers: Containers, run: Callable[[], Any]) -> Location | None:
    """The line of the user's code that made the first change: found by running it line by line."""
    place: Location | None = None
    last: Location | None = None

    def at_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal place, last
        if place is None and containers.changed() is not None:
            place = last
        last = Location(frame.f_code.co_filename, frame.f_lineno)
        return at_line if place is None else None

    def at_call(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        is_users = name != _GENERATED and owner_of(name) == USERS
        return at_line if place is None and is_users else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        with contextlib.suppress(Exception):
            run()
    finally:
        sys.settrace(before)
    return place or last
