"""Pytrees: arguments and results as nested containers with arrays at the leaves.

Containers: tuples, lists, dicts (in sorted key order), named tuples, dataclasses, None, and what `register` declares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Flatten = Callable[[Any], tuple[Sequence[Any], Any]]
Unflatten = Callable[[Any, Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a pytree without its leaves. Hashable when the containers' static data are.

    ``kind`` is None for a leaf, else the container's class; ``static`` what the class needs besides its children.
    """

    kind: type | None
    static: Any
    children: tuple[Structure, ...]

    @property
    def num_leaves(self) -> int:
        return 1 if self.kind is None else sum(child.num_leaves for child in self.children)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        return f"{self.kind.__name__}({', '.join([str(child) for child in self.children])})"


LEAF = Structure(None, None, ())
_registered: dict[type, tuple[Flatten, Unflatten]] = {}


def register(kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Declare a container class: ``flatten(obj) -> (children, static)`` and ``unflatten(static, children) -> obj``."""
    _registered[kind] = (flatten, unflatten)


def _is_namedtuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _kind(value: Any) -> type:
    """The class of a container; a class that stands for another one while a function is traced says for which."""
    kind = type(value)
    return getattr(kind, "__sg_stands_for__", kind)


def _open(value: Any) -> tuple[Sequence[Any], Any] | None:
    """Children and static data of a container; None for a leaf."""
    kind = _kind(value)
    if kind in _registered:
        return _registered[kind][0](value)
    if kind is tuple or kind is list or _is_namedtuple(kind):
        return value, None
    if isinstance(value, dict):
        keys = _sorted(value)
        return [value[key] for key in keys], (tuple(keys))
    if value is None:
        return (), None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = tuple(f.name for f in dataclasses.fields(value) if f.init)
        return [getattr(value, name) for name in names], names
    return None


def _sorted(keys: Iterable[Any]) -> list[Any]:
    keys = list(keys)
    try:
        return sorted(keys)
    except TypeError:
        return keys


def _close(structure: Structure, children: Sequence[Any]) -> Any:
    kind, static = structure.kind, structure.static
    assert kind is not None
    if kind in _registered:
        return _registered[kind][1](static, children)
    if kind is tuple or kind is list:
        return kind(children)
    if kind is type(None):
        return None
    if _is_namedtuple(kind):
        return kind(*children)
    if issubclass(kind, dict):
        return kind(zip(static, children, strict=True))
    return kind(**dict(zip(static, children, strict=True)))


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves, in order, and the structure that `unflatten` needs to put leaves back.

    >>> leaves, structure = flatten({"b": 2, "a": (1, None)})
    >>> leaves
    [1, 2]
    >>> unflatten(structure, [10, 20])
    {'a': (10, None), 'b': 20}
    """
    found: list[Any] = []

    def visit(value: Any) -> Structure:
        opened = _open(value)
        if opened is None:
            found.append(value)
            return LEAF
        children, static = opened
        return Structure(_kind(value), static, tuple(visit(child) for child in children))

    structure = visit(tree)
    return found, structure


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The inverse of `flatten`."""
    iterator = iter(leaves)

    def build(part: Structure) -> Any:
        if part.kind is None:
            return next(iterator)
        return _close(part, [build(child) for child in part.children])

    return build(structure)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a pytree, in order."""
    return flatten(tree)[0]


def map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to the leaves of one or several pytrees of one structure.

    >>> map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    first, structure = flatten(tree)
    columns = [first]
    for other in rest:
        other_leaves, other_structure = flatten(other)
        if other_structure != structure:
            raise ValueError(f"pytrees differ: {structure} and {other_structure}")
        columns.append(other_leaves)
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])


def paths(tree: Any) -> list[str]:
    """The path of each leaf as Python would write it, for messages: ``['w'][0]``.

    >>> paths({"w": (1, 2)})
    ["['w'][0]", "['w'][1]"]
    """
    found: list[str] = []

    def visit(value: Any, path: str) -> None:
        opened = _open(value)
        if opened is None:
            found.append(path)
            return
        children, static = opened
        for position, child in enumerate(children):
            key = f"[{position}]"
            if isinstance(value, dict):
                key = f"[{static[position]!r}]"
            elif isinstance(static, tuple) and dataclasses.is_dataclass(value):
                key = f".{static[position]}"
            visit(child, path + key)

    visit(tree, "")
    return found
