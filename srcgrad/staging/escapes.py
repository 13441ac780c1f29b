"""Traced values that a program would leave in objects around its function, where they have no number.

While the function is traced, a captured list, dict or object may hold a traced value (`self.t = x; ...; self.t = 0`).
What is left there at the end would be read by whoever comes next: that is an error, which names the line.
"""

from __future__ import annotations

from types import CellType
from typing import Any

from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.location import Location, user_location
from srcgrad.graph.node import as_node
from srcgrad.graph.trace import Tracer

_EMPTY: Any = object()


class Held:
    """Objects and variables from outside that traced code can write, as they were at first."""

    def __init__(self) -> None:
        self._containers: dict[int, tuple[str, Any, Any]] = {}
        self._attributes: dict[int, Any] = {}
        self._cells: list[tuple[str, CellType, CellType, Any]] = []
        self._lines: dict[int, Location | None] = {}
        #: handles on captured arrays and numbers, and these
        self.originals: dict[int, tuple[Tracer, Any]] = {}

    def container(self, name: str, value: Any) -> None:
        """A list or dict."""
        self._containers.setdefault(id(value), (name, value, value.copy()))

    def instance(self, name: str, value: Any) -> None:
        """An object with attributes."""
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is dict:
            self.container(name, attributes)
            self._attributes[id(value)] = attributes

    def cell(self, name: str, cell: CellType, seen: CellType) -> None:
        """A variable of a function around: its cell, and the one in its place."""
        self._cells.append((name, cell, seen, _contents(seen)))

    def note_line(self, value: Any) -> None:
        """The user's present line writes into an object."""
        container = self._attributes.get(id(value), value)
        if id(container) in self._containers:
            self._lines[id(container)] = user_location()

    def is_written(self, owner: Any, key: Any) -> bool:
        """Whether the program has put something there."""
        held = self._containers.get(id(self._attributes.get(id(owner), owner)))
        if held is None:
            return False
        _, now, before = held
        if isinstance(before, dict):
            return key in now and (key not in before or before[key] is not now[key])
        return key >= len(before) or before[key] is not now[key]

    def settle(self) -> TraceError | None:
        """What is to be said of traced values that were left, in whose place is what was there before."""
        failures = [self._settled(*held) for held in self._containers.values()]
        failures += [self._settled_cell(*held) for held in self._cells]
        return next((failure for failure in failures if failure is not None), None)

    def _settled(self, name: str, container: Any, before: Any) -> TraceError | None:
        items = [*(container.items() if isinstance(container, dict) else enumerate(container))]
        for key, value in items:
            if id(value) in self.originals:
                container[key] = self.originals[id(value)][1]
        items = [*(container.items() if isinstance(container, dict) else enumerate(container))]
        held = self._containers
        left = next(((key, value) for key, value in items if id(value) not in held and _is_traced(value)), None)
        if left is None:
            return None
        container.clear()
        container.update(before) if isinstance(container, dict) else container.extend(before)
        is_object = any(container is attributes for attributes in self._attributes.values())
        return _error(self._lines.get(id(container)), f"{name}.{left[0]}" if is_object else name, left[1])

    def _settled_cell(self, name: str, cell: CellType, seen: CellType, before: Any) -> TraceError | None:
        value = _contents(seen)
        if value is before:
            return None
        if id(value) in self.originals:
            value = self.originals[id(value)][1]
        if not _is_traced(value):
            cell.cell_contents = value
            return None
        if before is not _EMPTY:
            seen.cell_contents = before
        return _error(None, name, value)


def escape_error(name: str, value: Any) -> TraceError | None:
    """The error for a traced value that would be left under this name; None for other values."""
    return _error(None, name, value) if _is_traced(value) else None


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _is_traced(value: Any) -> bool:
    if hasattr(type(value), "__sg_stands_for__"):  # what a captured container holds is looked at by itself
        return False
    return any(isinstance(leaf, Tracer) for leaf in tree.leaves(value))


def _error(place: Location | None, name: str, value: Any) -> TraceError:
    leaf = next(leaf for leaf in tree.leaves(value) if isinstance(leaf, Tracer))
    place = place or as_node(leaf).location
    return TraceError(
        f"{f'{place}: ' if place else ''}a traced value would be left in {name}, outside of the function that it "
        "belongs to; it has no number there, and later calls would not write it: return it, and keep it after the call"
    )
