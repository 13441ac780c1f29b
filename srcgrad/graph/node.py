"""Immutable, interned, typed nodes, and graphs of them.

Two nodes with the same row, operands and params are one object, so common subexpressions are shared from the
start and equality is identity. The pool holds nodes weakly: what nobody uses goes away.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from srcgrad.core.location import Location, user_location
from srcgrad.core.op import Op
from srcgrad.core.operators import Operators
from srcgrad.core.types import ArrayType, TupleType, Type


class Node(Operators):
    """One operation applied to operands. Arithmetic on nodes makes nodes."""

    __slots__ = ("__weakref__", "inputs", "location", "op", "params", "serial", "type")
    __sg_level__ = 0

    op: Op
    inputs: tuple[Node, ...]
    params: Mapping[str, Any]
    type: Type
    location: Location | None
    serial: int

    def __sg_bind__(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Node:
        return bind(op, [as_node(arg) for arg in args], params)

    def __sg_lift__(self, value: Any) -> Node:
        return as_node(value)

    @property
    def __sg_type__(self) -> ArrayType:
        return self.array_type

    @property
    def array_type(self) -> ArrayType:
        assert isinstance(self.type, ArrayType), f"{self} has several results"
        return self.type

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array_type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array_type.dtype

    @property
    def ndim(self) -> int:
        return len(self.array_type.shape)

    @property
    def size(self) -> int:
        return self.array_type.size

    def __repr__(self) -> str:
        return f"<{self.op.name} {self.type} #{self.serial}>"


_pool: WeakValueDictionary[Any, Node] = WeakValueDictionary()
_serials = itertools.count()


def make_node(
    op: Op, inputs: tuple[Node, ...], params: Mapping[str, Any], type_: Type, location: Location | None
) -> Node:
    """The one node of this description: an existing one where there is one. Its first location stays."""
    key = (op, inputs, tuple(sorted(params.items())), type_)
    node = _pool.get(key)
    if node is not None:
        return node
    node = object.__new__(Node)
    node.op, node.inputs, node.params, node.type = op, inputs, params, type_
    node.location, node.serial = location, next(_serials)
    return _pool.setdefault(key, node)


def bind(op: Op, inputs: Iterable[Node], params: Mapping[str, Any]) -> Node:
    """Apply a row to nodes: infer the type, intern the node."""
    operands = tuple(inputs)
    type_ = op.infer(*[operand.type for operand in operands], **params)
    return make_node(op, operands, params, type_, user_location())


def as_node(value: Any) -> Node:
    """A node as it is, a traced array's current node, anything else as a constant."""
    if isinstance(value, Node):
        return value
    node = getattr(value, "__sg_node__", None)
    if node is not None:
        return node  # type: ignore[no-any-return]
    from srcgrad.graph.structure import constant

    return constant(value)


@dataclass(frozen=True, eq=False)
class Graph:
    """Inputs and outputs; the nodes between them follow from the outputs."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    name: str = "f"

    def nodes(self) -> list[Node]:
        """Every node that the outputs need, inputs included, operands before users."""
        return topological([*self.inputs, *self.outputs])

    def __str__(self) -> str:
        from srcgrad.graph.text import graph_text

        return graph_text(self)


def topological(roots: Iterable[Node]) -> list[Node]:
    """The roots and all they depend on, operands before users, without recursion."""
    order: list[Node] = []
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, int]] = [(root, 0)]
        while stack:
            node, position = stack.pop()
            if position == 0:
                if node in seen:
                    continue
                seen.add(node)
            if position < len(node.inputs):
                stack.append((node, position + 1))
                operand = node.inputs[position]
                if operand not in seen:
                    stack.append((operand, 0))
            else:
                order.append(node)
    return order


def substitute(roots: Sequence[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """The roots with some nodes replaced; what does not depend on a replaced node stays the same object."""
    new: dict[Node, Node] = dict(replacements)
    for node in topological_until(roots, replacements):
        if node in new:
            continue
        operands = tuple(new[operand] for operand in node.inputs)
        unchanged = all(a is b for a, b in zip(operands, node.inputs, strict=True))
        new[node] = node if unchanged else make_node(node.op, operands, node.params, node.type, node.location)
    return [new[root] for root in roots]


def topological_until(roots: Iterable[Node], stops: Container[Node]) -> list[Node]:
    """As `topological`, without looking behind the nodes in ``stops`` (which are included)."""
    order: list[Node] = []
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, int]] = [(root, 0)]
        while stack:
            node, position = stack.pop()
            if position == 0:
                if node in seen:
                    continue
                seen.add(node)
            if position < len(node.inputs) and node not in stops:
                stack.append((node, position + 1))
                if node.inputs[position] not in seen:
                    stack.append((node.inputs[position], 0))
            else:
                order.append(node)
    return order


def is_tuple(node: Node) -> bool:
    """Whether a node has several results."""
    return isinstance(node.type, TupleType)
