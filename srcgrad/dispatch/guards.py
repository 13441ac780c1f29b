"""Guards: whether what a program read from outside is still there, and the values of its implicit inputs.

For globals ``K = 2.0``, ``DEPTH = 3``, a helper and ``self.rate`` the text of a closure (`closures`) reads

    try:
        c1 = G1['K']
        c2 = G1['DEPTH']
        if c2 is not K3 and not same(c2, K3): return MISS
        if G1['helper'] is not K4 or K4.__code__ is not K5: return MISS
        c6 = R7.rate
    except Exception: return MISS
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.types import ArrayType
from srcgrad.dispatch.arguments import NotDynamicError, leaf_type
from srcgrad.dispatch.stacks import Column, Stack, columns
from srcgrad.graph.node import Node
from srcgrad.staging.sources import (
    ANY,
    CODE,
    CONTENTS,
    EQUAL,
    IDENTITY,
    INPUT,
    KEYS,
    KIND,
    LENGTH,
    SAME,
    STACK,
    STATE,
    Source,
    same_contents,
)
from srcgrad.staging.sources import same as same_values
from srcgrad.staging.states import same_state

Name = Callable[[Any, str], str]


class Guards:
    """The access paths of one program: ``inputs`` are those of its implicit inputs, ``written`` those written back."""

    def __init__(self, sources: Sequence[Source], inputs: dict[Source, Node], written: Sequence[Source]) -> None:
        self._needed = _needed(sources)
        self.inputs, self.written = inputs, tuple(written)
        self._holding: Callable[[], list[Any] | None] | None = None

    def __bool__(self) -> bool:
        return bool(self._needed)

    def current(self) -> list[Any] | None:
        """The values of the implicit inputs; None where something has changed that the program depends on."""
        if not self._needed:
            return []
        if self._holding is None:
            self._holding = self._compiled()
        values = self._holding()
        if values is None or not all(map(_fits, values, self.inputs.values())):
            return None
        return values

    def as_traced(self) -> Guards:
        """For one call, where the trace itself has changed what it had read: what it was traced with."""
        every = [*dict.fromkeys((*self.inputs, *self.written))]
        values = Source(None, "value", None, "values", [source.value for source in every])
        fixed = {
            source: Source(values, "item", k, source.name, source.value, INPUT, type(source.value))
            for k, source in enumerate(every)
        }
        inputs = {fixed[source]: node for source, node in self.inputs.items()}
        return Guards([*fixed.values()], inputs, [fixed[source] for source in self.written])

    def forget(self) -> None:
        """Let go of the arrays that the program was traced with: it reads those of each call."""
        for source in self.inputs:
            if source.check == INPUT:
                source.value = source.implicit = None

    def changed_numbers(self) -> set[tuple[Any, ...]]:
        """The paths of numbers that were compared, and are others now."""
        found = set()
        for source in self._needed:
            if source.check == EQUAL and type(source.value) in (int, float):
                try:
                    value = source.follow()
                except Exception:  # whatever an access raises: it is another program
                    continue
                if type(value) is type(source.value) and value != source.value:
                    found.add(source.path)
        return found

    def differences(self, other: Guards) -> str:
        """The names of what two programs were made for different values of."""
        mine = {source.path: source for source in self._needed}
        theirs = {source.path: source for source in other._needed}
        found = [
            source.name
            for path, source in mine.items()
            if source.check != INPUT and (path not in theirs or not same_values(source.value, theirs[path].value))
        ]
        return ", ".join(found[:4]) or "objects that it uses"

    def write(self, add: Callable[..., None], name: Name, miss: str) -> list[str]:
        """Add the lines of the checks; the variables that hold the implicit inputs, then those written back."""
        writer = _Writer(add, name, miss)
        add("try:")
        known = {source.known for source in self._needed if source.check == SAME}
        groups = columns(self._needed, {*self.inputs, *self.written, *known})
        done = {source for group in groups.values() for members in group for source in members}
        for source in self._needed:
            if source.parent in done:
                done.add(source)
            if source in done:
                continue
            writer.source(source)
            for members in groups.get(source, ()):
                writer.column(source, Column(members, {*self._needed}))
        add(f"except Exception: return {miss}")
        return [writer.variables[source] for source in (*self.inputs, *self.written)]

    def _compiled(self) -> Callable[[], list[Any] | None]:
        names: dict[str, Any] = {}
        lines = ["def holding():"]

        def name(value: Any, stem: str) -> str:
            text = f"{stem}{len(names)}"
            names[text] = value
            return text

        def add(line: str, depth: int = 1) -> None:
            lines.append("    " * depth + line)

        variables = self.write(add, name, "None")[: len(self.inputs)]
        add(f"return [{', '.join(variables)}]")
        exec(compile("\n".join(lines) + "\n", "<srcgrad guards>", "exec"), names)
        return names["holding"]  # type: ignore[no-any-return]


def _fits(value: Any, node: Node) -> bool:
    try:
        found = leaf_type(value)
    except NotDynamicError:
        return False
    return found == ArrayType(node.shape, node.dtype, node.array_type.weak)


def _needed(sources: Sequence[Source]) -> list[Source]:
    """Those that are checked, are inputs, or lie on the way to such, in the order in which they were read."""
    needed: set[Source] = set()
    for source in sources:
        if source.check == ANY:
            continue
        if source.check == SAME:
            needed.add(source.known)
        step: Source | None = source
        while step is not None and step not in needed:
            needed.add(step)
            step = step.parent
    return [source for source in sources if source in needed]


class _Writer:
    """Writes the checks of sources as lines."""

    def __init__(self, add: Callable[..., None], name: Name, miss: str) -> None:
        self._add, self._name, self._miss = add, name, miss
        self._roots: dict[int, str] = {}
        self.variables: dict[Source, str] = {}
        self._same = name(same_values, "same")

    def source(self, source: Source) -> None:
        parent = source.parent
        assert parent is not None
        holder = self.variables[parent] if parent.parent is not None else self._root(parent.value)
        text = self._access(holder, source)
        if source.check == CODE and not source.children:
            known = self._root(source.value)
            self._miss_if(f"{text} is not {known} or {known}.__code__ is not {self._name(source.known, 'K')}")
            return
        if source.check == IDENTITY and not source.children:
            self._miss_if(f"{text} is not {self._root(source.value)}")
            return
        variable = self.variables[source] = f"c{len(self.variables)}"
        self._add(f"{variable} = {text}", 2)
        for condition in self._conditions(variable, source):
            self._miss_if(condition)

    def column(self, source: Source, column: Column) -> None:
        """Check items of a list or tuple all at once."""
        self._miss_if(f"not {self._name(column, 'column')}({self.variables[source]})")

    def _access(self, holder: str, source: Source) -> str:
        key = source.key
        if source.step == "stack":
            return f"{self._name(Stack(source), 'stack')}({holder})"
        if source.step == "item":
            return f"{holder}[{key!r}]" if type(key) in (str, int) else f"{holder}[{self._name(key, 'key')}]"
        return f"{holder}.{key}" if key.isidentifier() else f"getattr({holder}, {key!r})"

    def _conditions(self, c: str, source: Source) -> list[str]:
        known = source.known
        match source.check:
            case x if x == IDENTITY:
                return [f"{c} is not {self._root(source.value)}"]
            case x if x == SAME:
                return [f"{c} is not {self.variables[known]}"]
            case x if x == CODE:
                function = self._root(source.value)
                return [f"{c} is not {function} or {c}.__code__ is not {self._name(known, 'K')}"]
            case x if x == EQUAL:
                value = source.value if known is None else known
                if value is None or value is True or value is False:
                    return [f"{c} is not {value!r}"]
                text = self._name(value, "K")
                return [f"{c} is not {text} and not {self._same}({c}, {text})"]
            case x if x == CONTENTS:
                kind = self._name(type(source.value), "T")
                test = f"{self._name(same_contents, 'same')}({c}, {self._name(known, 'K')})"
                return [f"type({c}) is not {kind} or not {test}"]
            case x if x == STATE:
                return [f"not {self._name(same_state, 'same')}({c}, {self._name(known, 'K')})"]
            case x if x == STACK:
                return [f"{c} is None"]
            case x if x == KIND:
                return [f"type({c}) is not {self._name(known, 'T')}"]
            case x if x == LENGTH:
                return [f"type({c}) is not {self._name(known[0], 'T')} or len({c}) != {known[1]}"]
            case x if x == KEYS:
                return [f"type({c}) is not dict or [*{c}] != {self._name(known, 'K')}"]
            case x if x == INPUT and not issubclass(known, np.ndarray):
                return [f"type({c}) is not {self._name(known, 'T')}"]
        return []

    def _root(self, value: Any) -> str:
        name = self._roots.get(id(value))
        if name is None:
            name = self._roots[id(value)] = self._name(value, "R")
        return name

    def _miss_if(self, condition: str) -> None:
        self._add(f"if {condition}: return {self._miss}", 2)
