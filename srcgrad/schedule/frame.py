"""One program being made: what is known so far, and how nodes become values and reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.target import Target
from srcgrad.core.types import ArrayType
from srcgrad.graph.names import Name, names_of
from srcgrad.graph.node import Graph, Node
from srcgrad.schedule.element import Element, element_of, fresh_axes, identity
from srcgrad.schedule.inplace import Owner, order
from srcgrad.schedule.ir import AnyStatement, Axis, Const, Convert, Expr, Index, IndexValue, Statement, Value, loads

INT64 = np.dtype(np.int64)
#: arrays up to this many elements may become local variables
MAX_VARIABLES = 64
#: what a reduction is called that is a step towards a value
_REDUCED = {"add": "sum", "multiply": "product", "maximum": "max", "minimum": "min"}
Environment = dict[Node, Any]


class Frame:
    """One program being made. ``env`` says how to read what is known so far, outer nodes included."""

    def __init__(self, env: Environment, constants: Environment, target: Target) -> None:
        self.env = env
        self.constants = constants
        self.target = target
        self.statements: list[AnyStatement] = []
        self.outputs: set[Value] = set()
        self.names: dict[Node, Name] = {}
        self.owner = Owner()

    def inner(self) -> Any:
        return type(self)(dict(self.env), self.constants, self.target)

    def run(self, graph: Graph) -> list[tuple[Element, Node]]:
        nodes = order(graph)
        self.names = names_of(nodes)
        self.owner.plan(graph, nodes)
        for node in graph.inputs:
            self.owner.saw(node, self.env[node])
        for position, node in enumerate(nodes):
            if node not in self.env:
                self.owner.position = position
                self.env[node] = self.node(node)
                self.owner.saw(node, self.env[node])
        return [(self.env[output], output) for output in graph.outputs]

    # values

    def value(self, type_: ArrayType, node: Node, name: str = "") -> Value:
        found, is_step = self.names.get(node, ("", False))
        made = Value(type_.shape, type_.dtype, fresh_axes(type_.shape), name or found, location=node.location)
        made.is_step = is_step and not name
        self.owner.own(made)
        return made

    def overwritten(self, node: Node, others: Sequence[Node], dtype: Any) -> Value | None:
        """The value of a node, to be changed in place: nobody reads it later, and none of ``others`` reads it now."""
        return None if self.env[node].whole_value() is None else self._claimed(node, others, dtype)

    def writable(self, node: Node, others: Sequence[Node], dtype: Any) -> Element | None:
        """The element of a node that may be changed in place, as `overwritten`, also through a view of all of a
        value.
        """
        return None if self._claimed(node, others, dtype) is None else self.env[node]

    def _claimed(self, node: Node, others: Sequence[Node], dtype: Any) -> Value | None:
        value = self.owner.may_overwrite(self.env[node])
        if value is None or value.dtype != dtype or any(self.reads(other, value) for other in others):
            return None
        value.mutable = True
        return value

    def reads(self, node: Node, value: Value) -> bool:
        """Whether the element of a node reads a value."""
        made = self.env[node]
        elements = made if isinstance(made, list) else [made]
        return any(load.value is value for element in elements for load in loads(element.expr))

    def accumulator(self, node: Node, combine: str) -> Value:
        """The value of a reduction: ``name_sum``, where it is a step towards the value that has the name."""
        target = self.value(node.array_type, node)
        if not target.name and combine == "add":
            target.name = "total"
        elif target.is_step and target.name and combine in _REDUCED:
            target.name, target.is_step = f"{target.name}_{_REDUCED[combine]}", False
        return target

    def store(self, element: Element, node: Node, target: Value | None = None) -> Value:
        """Every element, written to a value of its own."""
        target = target or self.value(ArrayType(element.shape, element.expr.dtype), node)
        expr = element.at(identity(target.axes))
        assert expr is not None
        self.statements.append(
            Statement(target, identity(target.axes), axes_of(target.axes), expr, location=node.location)
        )
        return target

    def output(self, element: Element, node: Node, registers: int) -> Value:
        """The element's value where it has one of its own (under any shape), else a copy: outputs are distinct, none is
        an input.
        """
        found = element.whole_value() if not element.shape else element.flat_value()
        taken = (
            found is None or found.role != "temporary" or found in self.outputs or (not found.shape and element.shape)
        )
        if found is None or taken or (found.mutable and math.prod(found.shape) <= registers):
            found = self.store(element, node)
        if node.location is not None and node.location.name and not node.location.is_step:
            found.name, found.is_step = node.location.name, False
        self.outputs.add(found)
        return found

    def flat(self, element: Element, node: Node) -> Value:
        """A value that holds every element in row-major order, under any shape that has dimensions."""
        found = element.flat_value()
        return found if found is not None and found.shape else self.store(element, node)

    def read(self, node: Node, indices: tuple[Index, ...]) -> Expr:
        """One element of a node; the node is stored first where the index has no form."""
        element: Element = self.env[node]
        expr = element.at(indices)
        if expr is None:
            element = self.env[node] = element_of(self.store(element, node))
            expr = element.at(indices)
            assert expr is not None
        return expr

    def node(self, node: Node) -> Any:
        """How to read a node: an element, or a list of them where it has several results."""
        raise NotImplementedError

    def restart(self, source: Node, view: Any) -> Element:
        """Store a node whose element is too complicated to view further, and view that."""
        self.env[source] = element_of(self.store(self.env[source], source))
        element = view(self.env[source])
        assert isinstance(element, Element)
        return element


def axes_of(axes: Sequence[Axis | None]) -> tuple[Axis, ...]:
    """The axes that are loops: all but those of extent one."""
    return tuple(axis for axis in axes if axis is not None)


def convert(expr: Expr, dtype: np.dtype[Any]) -> Expr:
    """The expression in another dtype."""
    if expr.dtype == dtype:
        return expr
    if isinstance(expr, Const):
        lost = expr.dtype.kind == "c" and dtype.kind not in "bc"
        return Const(dtype.type(np.real(expr.value) if lost else expr.value), dtype)
    return IndexValue(expr.index, dtype) if isinstance(expr, IndexValue) else Convert(expr, dtype)


def converted_scalar(expr: Expr, dtype: np.dtype[Any]) -> Element:
    """A scalar expression as an element."""
    return Element((), (), convert(expr, dtype))
