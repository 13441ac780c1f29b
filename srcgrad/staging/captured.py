"""What traced code reads from outside of the function: globals, closure cells, defaults, attributes, items.

Arrays, floats and complex numbers become implicit inputs (`srcgrad.graph.captured`). All else is given out as it is;
the access path (`sources`) says what has to be the same at a later call: values are compared, functions are told by
identity and code, objects by their class and the attributes that were read. Containers are given out as
copies that notice what is read of them.
"""

from __future__ import annotations

import array
import functools
import operator
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError
from srcgrad.core.location import USERS, owner_of
from srcgrad.core.types import ArrayType, type_of
from srcgrad.graph.captured import Implicits, current
from srcgrad.graph.node import Node
from srcgrad.graph.trace import unwatched
from srcgrad.numpy import Array
from srcgrad.numpy.stand_ins import stand_in
from srcgrad.staging.escapes import Held
from srcgrad.staging.families import Families
from srcgrad.staging.seen import SeenDict, SeenList
from srcgrad.staging.sources import (
    ANY,
    CODE,
    CONTENTS,
    EQUAL,
    IDENTITY,
    INPUT,
    KIND,
    LENGTH,
    SAME,
    STATE,
    Source,
    contents,
    same,
)
from srcgrad.staging.states import has_operators, state_of

_NUMBERS = "qQlL?bhiBHIfdFD"

_PLAIN = (int, bool, str, bytes, type(None), type(Ellipsis), range, slice, np.dtype, frozenset, np.integer, np.bool_)


class Captured(Implicits):
    """The reads of one program from outside."""

    def __init__(self, unsteady: frozenset[tuple[Any, ...]] = frozenset()) -> None:
        super().__init__()
        #: the paths of numbers that were compared and have had several values: integers of these become inputs
        self.unsteady = unsteady
        self.sources: list[Source] = []
        self.copies: dict[FunctionType, FunctionType] = {}
        self._roots: dict[int, Source] = {}
        self._seen: dict[int, Any] = {}
        self._cells: dict[int, tuple[CellType, CellType]] = {}
        self._owners: dict[int, Source] = {}
        self._arrays: dict[int, Array] = {}
        self.held = Held()
        #: whether code ran whose source is not to be had: it reads attributes unseen
        self.is_blind = False
        self._firsts: dict[int, Source] = {}
        self.families = Families()

    # where from

    def root(self, value: Any, name: str) -> Source:
        """A path that begins at an object which stays the same."""
        known = self._roots.get(id(value))
        if known is None:
            known = self._roots[id(value)] = Source(None, "value", None, name, value)
            self._owners.setdefault(id(value), known)
        return known

    def source_of(self, value: Any) -> Source | None:
        """The path on which an object was found; None for objects of the program's own."""
        found = self._owners.get(id(value))
        return found if found is not None and found.value is value else None

    def read(self, parent: Source, step: str, key: Any, name: str) -> Any:
        """The value at the end of a path as traced code sees it."""
        source = parent.children.get((step, key))
        is_written = source is None and self.held.is_written(parent.value, key)
        value = parent.value[key] if step == "item" else getattr(parent.value, key)
        if source is not None and not source.is_made and not _is_same(value, source.value):
            return value  # the program has written it
        if source is None:
            if is_written:
                return value
            source = parent.children[step, key] = Source(parent, step, key, name, value)
            self.sources.append(source)
            self._seen[id(source)] = self._see(source)
            if step == "attribute" and source.check == IDENTITY and getattr(parent.value, key) is not value:
                source.check, source.known = KIND, type(value)  # made anew whenever it is asked for
                source.is_made = True
        return self._seen[id(source)]

    def global_(self, names: dict[str, Any], name: str) -> Any:
        """A module's global."""
        value = names[name]
        if isinstance(value, ModuleType) and stand_in(value) is not value:
            return stand_in(value)
        seen = self.read(self.root(names, "globals()"), "item", name, name)
        return self.own_copy(seen) if isinstance(seen, FunctionType) else stand_in(seen)

    def cell(self, name: str, cell: CellType) -> CellType:
        """The cell of a variable around a function, in whose place a copy is given to traced code."""
        known = self._cells.get(id(cell))
        if known is not None:
            return known[1]
        try:
            value = cell.cell_contents
        except ValueError:
            return cell
        if isinstance(value, ModuleType) and stand_in(value) is not value:
            made = CellType(stand_in(value))
        else:
            seen = self.read(self.root(cell, name), "attribute", "cell_contents", name)
            made = cell if seen is value else CellType(seen)
        self._cells[id(cell)] = cell, made
        self.held.cell(name, cell, made)
        return made

    def defaults(self, function: FunctionType) -> tuple[tuple[Any, ...] | None, dict[str, Any] | None]:
        """The defaults of a function's parameters."""
        owner = self.root(function, function.__name__)
        found: list[Any] = []
        for attribute in ("__defaults__", "__kwdefaults__"):
            values = getattr(function, attribute)
            found.append(self.read(owner, "attribute", attribute, f"{owner.name}.{attribute}") if values else values)
        return found[0], None if found[1] is None else dict(found[1])

    def attribute(self, value: Any, name: str) -> Any:
        """``value.name``."""
        source = self.source_of(value)
        if source is None or name.startswith("__"):
            return getattr(value, name)
        return self.read_attribute(source, name)

    def read_attribute(self, source: Source, name: str) -> Any:
        value, shown = source.value, f"{source.name}.{name}"
        if isinstance(value, ModuleType):
            if isinstance(vars(value).get(name), ModuleType) or name not in vars(value):
                return stand_in(getattr(value, name))
            return self.global_(vars(value), name)
        kind = type(value)
        found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
        own = getattr(value, "__dict__", {})
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            return self.own_copy(found.fget)(value)
        if isinstance(found, FunctionType) and name not in own and not isinstance(value, type):
            function = self.read(self.root(kind, kind.__name__), "attribute", name, f"{kind.__name__}.{name}")
            return MethodType(function, value)
        if isinstance(value, type) or (isinstance(found, classmethod) and name not in own):
            made = getattr(value, name)
            if isinstance(made, MethodType):
                return made
        return self.read(source, "attribute", name, shown)

    def own_copy(self, function: Any) -> Any:
        """The traced copy of a function of the user's."""
        from srcgrad.staging.convert import seen_function

        return seen_function(function)

    # what it looks like

    def _see(self, source: Source) -> Any:
        value = source.value
        kind = type(value)
        unsteady = kind is int and source.path in self.unsteady
        if unsteady or isinstance(value, float | complex | np.inexact):
            return self._input(source, type_of(value))
        if isinstance(value, np.ndarray):
            return self._array(source)
        if isinstance(value, _PLAIN):
            source.check = EQUAL
        elif isinstance(value, tuple):
            return self._tuple(source)
        elif kind is list or kind is dict:
            return self._container(source)
        elif isinstance(value, FunctionType):
            source.check, source.known = CODE, value.__code__
            self._owners.setdefault(id(value), source)
        elif isinstance(value, MethodType | functools.partial):
            return self._callable(source)
        elif isinstance(value, set | bytearray | memoryview | array.array | deque | list | dict):
            self._whole(source)
        elif isinstance(value, type | ModuleType | CodeType) or not hasattr(value, "__dict__"):
            source.check = IDENTITY
            self._owners.setdefault(id(value), source)
        else:
            source.check, source.known = KIND, kind
            self.own(source)
            if has_operators(kind, _is_users):
                self._whole(source)
        return value

    def _whole(self, source: Source) -> None:
        """All that an object holds counts."""
        if source.check != STATE:
            source.check, source.known = STATE, state_of(source.value)

    def opaque(self, values: Iterable[Any]) -> None:
        """These objects are handed to what is not traced."""
        for value in values:
            source = self.source_of(value)
            if source is not None and source.check == KIND and source.parent is not None:
                self._whole(source)

    def own(self, source: Source) -> None:
        """An object with attributes was found on this path."""
        self._owners.setdefault(id(source.value), source)
        self.held.instance(source.name, source.value)

    def _input(self, source: Source, type_: ArrayType) -> Array:
        source.check, source.known = INPUT, type(source.value)
        source.implicit = self.add(source.value, type_, _identifier(source.name))
        source.implicit.is_unsteady = source.path in self.unsteady
        self.families.add(source)
        with unwatched():
            made = Array(source.implicit.node)
        self.held.originals[id(made)] = made, source.value
        return made

    def _array(self, source: Source) -> Any:
        value = source.value
        native = value.dtype.newbyteorder("=")
        if native.char not in _NUMBERS or isinstance(value, np.ma.MaskedArray):
            self._whole(source)
            return value
        known = self._arrays.get(id(value))
        if known is not None:
            source.check, source.known = SAME, self._firsts[id(value)]
            return known
        source.check, source.known = INPUT, type(value)
        source.implicit = self.add(value, ArrayType(value.shape, np.dtype(native.type)), _identifier(source.name))
        with unwatched():
            made = self._arrays[id(value)] = Array.new(source.implicit.node)
        self._firsts[id(value)] = source
        self.held.originals[id(made)] = made, value
        return made

    def _tuple(self, source: Source) -> Any:
        value = source.value
        if all(isinstance(part, _PLAIN) for part in value):
            source.check = EQUAL
            return value
        source.check, source.known = LENGTH, (type(value), len(value))
        parts = [self.read(source, "item", k, f"{source.name}[{k}]") for k in range(len(value))]
        if all(map(operator.is_, parts, value)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)

    def _container(self, source: Source) -> Any:
        made = SeenList(self, source) if type(source.value) is list else SeenDict(self, source)
        self._owners.setdefault(id(source.value), source)
        return made

    def _callable(self, source: Source) -> Any:
        value = source.value
        source.check, source.known = KIND, type(value)
        if isinstance(value, MethodType):
            function = self.read(source, "attribute", "__func__", source.name)
            owner = self.read(source, "attribute", "__self__", "self")
            return MethodType(function, owner)
        function = self.read(source, "attribute", "func", f"{source.name}.func")
        args = self.read(source, "attribute", "args", f"{source.name}.args")
        keywords = self.read(source, "attribute", "keywords", f"{source.name}.keywords")
        return functools.partial(function, *args, **keywords)

    def entry(self, function: Any) -> Any:
        """The function that is transformed, as traced code sees it: what it is bound to is read like anything else."""
        if isinstance(function, MethodType):
            self.own(self.root(function.__self__, "self"))
        elif type(function) is functools.partial:
            return self._callable(self.root(function, "partial"))
        elif not isinstance(function, FunctionType):
            self.own(self.root(function, "self"))
        return function

    # the end

    def restart(self) -> None:
        """The function is traced once more: the arrays are what they were at first."""
        for handle, first in zip(self._arrays.values(), self._firsts.values(), strict=True):
            assert first.implicit is not None
            handle._node = first.implicit.node

    @property
    def written(self) -> dict[Source, Node]:
        """The captured arrays that the program writes into, and what they hold in the end."""
        found = {}
        for handle, first in zip(self._arrays.values(), self._firsts.values(), strict=True):
            assert first.implicit is not None
            if handle.__sg_node__ is not first.implicit.node:
                found[first] = handle.__sg_node__
        return found

    def stack_of(self, nodes: Sequence[Node]) -> tuple[Node, list[int]] | None:
        return self.families.stack_of(nodes)

    def finish(self, used: set[Node], written: dict[Source, Node]) -> dict[Source, Node]:
        """Decide what is checked; the implicit inputs that a program which uses these nodes has."""
        inputs: dict[Source, Node] = {}
        for source in self.sources:
            implicit = source.implicit
            if source.check == KIND and self.is_blind and type(source.value) not in (list, dict):
                self._whole(source)
            if source.check == KIND and not source.children and not source.is_made:
                source.check = IDENTITY  # nothing was read of the object
            if implicit is None:
                continue
            if implicit.is_known:
                is_array = isinstance(source.value, np.ndarray)
                source.check = CONTENTS if is_array else EQUAL
                source.known = contents(source.value) if is_array else source.value
            elif implicit.node not in used and source not in written:
                source.check = ANY
            if implicit.node in used:
                inputs[source] = implicit.node
        wholes = self.families.wholes(used)
        self.sources += wholes
        return inputs | wholes


def _is_users(code: CodeType) -> bool:
    return owner_of(code.co_filename) == USERS


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (isinstance(a, int | float | complex | np.generic) and same(a, b))


def _identifier(name: str) -> str:
    made = re.sub(r"\W+", "_", name).strip("_") or "captured"
    return f"x{made}" if made[0].isdigit() else made


def reads() -> Captured | None:
    """The reads of the program that is being recorded."""
    found = current.get()
    assert found is None or isinstance(found, Captured)
    return found


def attribute(value: Any, name: str) -> Any:
    """``value.name`` in traced code."""
    found = current.get()
    return getattr(value, name) if found is None else found.attribute(value, name)  # type: ignore[attr-defined]


def get_attribute(value: Any, name: str, *default: Any) -> Any:
    """``getattr(value, name, *default)``."""
    if default and not has_attribute(value, name):
        return default[0]
    return attribute(value, name)


def has_attribute(value: Any, name: str) -> bool:
    """``hasattr(value, name)``."""
    found, is_there = reads(), hasattr(value, name)
    if found is not None:
        if is_there:
            found.attribute(value, name)
        else:
            found.opaque([value])
    return is_there


def all_attributes(value: Any) -> dict[str, Any]:
    """``vars(value)``."""
    found = reads()
    if found is not None:
        found.opaque([value])
    attributes: dict[str, Any] = vars(value)
    return attributes


def storing(value: Any) -> Any:
    """An object of which the user's line sets an attribute."""
    found = reads()
    if found is not None:
        found.held.note_line(value)
    return value


@contextmanager
def capturing(unsteady: frozenset[tuple[Any, ...]] = frozenset()) -> Iterator[Captured]:
    """In the block, what traced code reads from outside is collected."""
    made = Captured(unsteady)
    token = current.set(made)
    failure: TraceError | None = None
    try:
        yield made
    finally:
        current.reset(token)
        failure = made.held.settle()
    if failure is not None:
        raise failure
