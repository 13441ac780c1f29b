"""Implicit inputs: what a program that is being recorded reads from outside, as inputs of its own.

A captured array or number is an input like an argument: its contents count at every call. Where the trace has to know a
value (an index, a shape, a condition), the value at the time of the trace is given out, and noted: the program is right
for that value alone, and a guard says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.types import ArrayType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, topological_until
from srcgrad.graph.structure import INPUT, new_input
from srcgrad.graph.trace import is_tracing

#: up to how many elements the trace may look at values that it could do without: integers and flags, and others
_FEW_INTEGERS, _FEW = 1024, 64

_Leaves = frozenset[Node]


@dataclass(eq=False)
class Implicit:
    """An implicit input: its node, and the value that it had when it was read first."""

    node: Node
    value: Any
    #: whether the trace depends on the value
    is_known: bool = False
    #: whether it has had several values: the trace does without where it can
    is_unsteady: bool = False


class Implicits:
    """The implicit inputs of one program."""

    def __init__(self) -> None:
        self.inputs: dict[Node, Implicit] = {}
        self._leaves: dict[Node, _Leaves | None] = {}

    def add(self, value: Any, type_: ArrayType, name: str) -> Implicit:
        made = Implicit(new_input(type_, name), value)
        self.inputs[made.node] = made
        return made

    def stack_of(self, nodes: Sequence[Node]) -> tuple[Node, list[int]] | None:
        """The input that holds these implicit inputs as its slices, and their places in it."""
        return None

    def value_of(self, node: Node, is_needed: bool, *, notes: bool = True) -> np.ndarray[Any, Any] | None:
        """The present value of a node that depends on implicit inputs alone; None for others.

        Where it ``is_needed`` it is given out however large what it depends on is. It is noted, unless the program does
        not depend on it (``notes``).
        """
        leaves = self.leaves_of(node)
        if not leaves:
            return None
        found = [self.inputs[leaf] for leaf in leaves]
        if not is_needed and any(self._is_better_unknown(leaf) for leaf in leaves):
            return None
        for implicit in found:
            implicit.is_known |= notes
        graph = Graph(tuple(implicit.node for implicit in found), (node,))
        return np.asarray(interpret(graph, [implicit.value for implicit in found])[0])

    def _is_better_unknown(self, leaf: Node) -> bool:
        implicit = self.inputs[leaf]
        return not implicit.is_known and (implicit.is_unsteady or _is_large(leaf))

    def leaves_of(self, node: Node) -> _Leaves | None:
        """The implicit inputs that a node depends on; None where it depends on others as well."""
        if not self.inputs:
            return None
        for part in topological_until([node], self._leaves):
            if part not in self._leaves:
                self._leaves[part] = self._union(part)
        return self._leaves[node]

    def _union(self, node: Node) -> _Leaves | None:
        if node.op is INPUT:
            return frozenset((node,)) if node in self.inputs else None
        found: set[Node] = set()
        for operand in node.inputs:
            leaves = self._leaves[operand]
            if leaves is None:
                return None
            found |= leaves
        return frozenset(found)


def _is_large(node: Node) -> bool:
    return node.size > (_FEW_INTEGERS if node.dtype.kind in "iub" else _FEW)


#: those of the program that is being recorded; None outside, where what is read from outside is a constant
current: ContextVar[Implicits | None] = ContextVar("implicits", default=None)


def is_recording() -> bool:
    """Whether a program is being recorded: until that ends, its graphs read inputs that become its own only then."""
    return is_tracing() or current.get() is not None


def implicit_value(node: Node, is_needed: bool) -> np.ndarray[Any, Any] | None:
    """See `Implicits.value_of`."""
    implicits = current.get()
    return None if implicits is None else implicits.value_of(node, is_needed)


def implicit_stack(nodes: Sequence[Node]) -> tuple[Node, list[int]] | None:
    """See `Implicits.stack_of`."""
    implicits = current.get()
    return None if implicits is None else implicits.stack_of(nodes)


def is_implicit(node: Node) -> bool:
    """Whether it is an implicit input of the program that is being recorded."""
    implicits = current.get()
    return implicits is not None and node in implicits.inputs
