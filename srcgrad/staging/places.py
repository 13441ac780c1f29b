"""Where a program keeps what a region may change: variables, items of lists and dicts, attributes of objects.

Variables are the closure cells of the functions that the rewriting made. Lists, dicts and the attributes of the user's
own objects count as places where a region changes them in place.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import CellType, FunctionType
from typing import Any, Protocol

import numpy as np

from srcgrad.core import tree
from srcgrad.core.types import ArrayType, type_of
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.trace import Tracer, watched_references
from srcgrad.numpy import Array


class _Unbound:
    def __repr__(self) -> str:
        return "unbound"


#: The value of a variable that has none yet.
UNBOUND: Any = _Unbound()


class Place(Protocol):
    """Something that holds a value and has a name for messages."""

    name: str

    def get(self) -> Any: ...

    def set(self, value: Any) -> None: ...


class Variable:
    """A local variable, by its closure cell."""

    def __init__(self, name: str, cell: CellType) -> None:
        self.name, self.cell = name, cell

    def get(self) -> Any:
        try:
            return self.cell.cell_contents
        except ValueError:
            return UNBOUND

    def set(self, value: Any) -> None:
        if value is not UNBOUND:
            self.cell.cell_contents = value
        elif self.get() is not UNBOUND:
            del self.cell.cell_contents


class Entry:
    """An item of a list or dict, an attribute of an object, a global variable."""

    def __init__(self, name: str, container: Any, key: Any, is_new: bool = False) -> None:
        self.name, self.container, self.key, self.is_new = name, container, key, is_new

    @property
    def identity(self) -> tuple[int, Any]:
        """The same for two entries that are one place."""
        return id(getattr(self.container, "owner", self.container)), self.key

    def get(self) -> Any:
        return self.container[self.key]

    def set(self, value: Any) -> None:
        if isinstance(self.container, list) and self.key == len(self.container):
            self.container.append(value)
        else:
            self.container[self.key] = value


class Box:
    """A place of its own, for the value of an expression."""

    def __init__(self, name: str) -> None:
        self.name, self.value = name, UNBOUND

    def get(self) -> Any:
        return self.value

    def set(self, value: Any) -> None:
        self.value = value


#: references to handles that loops hold while their bodies are recorded
held: Counter[int] = Counter()
#: handles that stand for arrays, in an iteration, that others may refer to
known_elsewhere: Counter[int] = Counter()


def is_private(place: Place) -> bool:
    """Whether a place holds the only reference to the array that it is bound to, as far as is known.

    Then no other name can see what happens to that array. It need not be certain: who relies on it spoils the array.
    """
    if not isinstance(place, Variable):
        return False
    value = place.get()
    if not isinstance(value, Array) or value._base is not None or known_elsewhere[id(value)]:
        return False
    extra = watched_references(value) + held[id(value)]
    del value
    return _references(place) <= _ALONE + extra


def _references(variable: Variable) -> int:
    return sys.getrefcount(variable.cell.cell_contents)


_ALONE = _references(Variable("", CellType(object())))


def cells_of(*functions: Callable[..., Any] | None) -> dict[str, CellType]:
    """The variables around these functions that they read or write, by name."""
    found: dict[str, CellType] = {}
    for function in functions:
        if isinstance(function, FunctionType):
            found |= zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return found


def around(*functions: Callable[..., Any] | None) -> dict[str, CellType]:
    """The variables around these functions, and the functions themselves: all that a region starts from."""
    made = {f"$function{k}": CellType(function) for k, function in enumerate(functions) if function is not None}
    return {**cells_of(*functions), **made}


# leaves


def is_array(leaf: Any) -> bool:
    """Whether a leaf can be carried: a traced array, a number or a plain array of numbers."""
    if isinstance(leaf, Tracer):
        return True
    if not isinstance(leaf, int | float | complex | np.generic | np.ndarray):
        return False
    return type_of(leaf).dtype.kind in "biufc"


def is_number(leaf: Any) -> bool:
    """Whether it is a number that a program computes with: neither an array nor a flag."""
    if isinstance(leaf, Array):
        return leaf.is_scalar
    return isinstance(leaf, int | float | complex | np.number) and not isinstance(leaf, bool)


def same(a: Any, b: Any) -> bool:
    """Whether two values are one, as far as a program can tell without looking into arrays."""
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, bool | int | float | complex | str | bytes | None) and a == b


def handle_like(leaf: Any, node: Node) -> Array:
    """A handle on a node, of the leaf's class, a scalar or an array as the leaf is."""
    kind = type(leaf) if isinstance(leaf, Array) else Array
    scalar = leaf.is_scalar if isinstance(leaf, Array) else not isinstance(leaf, np.ndarray | Tracer)
    return kind(node) if scalar and node.array_type.shape == () else kind.new(node)


def leaf_type(leaf: Any) -> ArrayType:
    """The type of a leaf that `is_array`."""
    return as_node(leaf).array_type if isinstance(leaf, Tracer) else type_of(leaf)


def describe(value: Any) -> str:
    """A value as messages name it: the type of an array, the structure of a container, the class of anything else."""
    if value is UNBOUND:
        return "not assigned"
    leaves, structure = tree.flatten(value)
    if structure.kind is None:
        return str(leaf_type(value)) if is_array(value) else f"{value!r} ({type(value).__name__})"
    if value is None:
        return "None"
    inner = ", ".join(describe(leaf) for leaf in leaves[:4])
    return f"{structure.kind.__name__} of {inner}{', ...' if len(leaves) > 4 else ''}"


def shown(name: str) -> str:
    """A variable as the user knows it."""
    return "the returned value" if name.startswith("$value") else name


def places(cells: dict[str, CellType], names: Iterable[str]) -> list[Place]:
    """The variables of these names."""
    return [Variable(name, cells[name]) for name in names if name in cells]
