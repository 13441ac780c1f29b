"""Simplify: the same values with less work.

One pass over the nodes, operands first. Each is rebuilt on its simplified operands and rewritten until no rule applies.
Rules are looked up by the node's row: algebra is data (``rules``); shapes and contractions (``shape_rules``), parts of
arrays (``part_rules``) and windows (``window_rules``) are small functions; loops and branches are simplified inside and
out (``region_rules``).
Nodes are interned, so equal results are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from weakref import WeakSet

import numpy as np

from srcgrad.core.lowering import Cast, Generate, Library, Pointwise, Region, Structure
from srcgrad.core.op import Op
from srcgrad.core.types import ArrayType, is_uniform
from srcgrad.graph.node import Graph, Node, make_node, topological_until
from srcgrad.graph.structure import CONSTANT, Literal
from srcgrad.transform.part_rules import PART_RULES
from srcgrad.transform.prune import prune
from srcgrad.transform.region_rules import simplify_region
from srcgrad.transform.rewrite import Relocator, filled, of_type, uniform_value
from srcgrad.transform.rules import algebra, powers
from srcgrad.transform.shape_rules import SHAPE_RULES, scalar_work_once
from srcgrad.transform.window_rules import WINDOW_RULES

Rewrite = Callable[[Node], Node | None]

#: Results up to this many elements are computed here, once.
_FOLD = 64
#: A node is rewritten at most so often: a fixpoint is reached long before, unless rules run in circles.
_PATIENCE = 50

#: Graphs that are simple already: the bodies of loops come by more than once. By whether more derivatives are taken.
_done: tuple[WeakSet[Graph], WeakSet[Graph]] = WeakSet(), WeakSet()


def simplify(graph: Graph) -> Graph:
    """A graph with the same inputs, and outputs of the same types and derivatives."""
    return _simplified(graph, False)


def simplify_last(graph: Graph) -> Graph:
    """As `simplify`, of a graph of which no derivative will be taken any more."""
    return _simplified(graph, True)


def _simplified(graph: Graph, is_last: bool) -> Graph:
    if graph in _done[is_last]:
        return graph
    smaller = prune(graph)
    outputs = tuple(map(of_type, _Simplifier(is_last).run(smaller.outputs), graph.outputs))
    if any(a is not b for a, b in zip(outputs, smaller.outputs, strict=True)):
        smaller = prune(replace(graph, outputs=outputs))
    _done[is_last].add(smaller)
    return smaller


class _Simplifier:
    """The memo of one pass. Nodes in ``normal`` have been rewritten as far as they can be."""

    def __init__(self, is_last: bool) -> None:
        self._is_last = is_last
        self._normal: dict[Node, Node] = {}
        self._relocate = Relocator()

    def run(self, roots: Sequence[Node]) -> list[Node]:
        for node in topological_until(roots, self._normal):
            if node not in self._normal:
                found = self._simplify(node)
                self._normal[node] = self._normal[found] = found
        return [self._normal[root] for root in roots]

    def _simplify(self, node: Node) -> Node:
        """A node whose operands are done, rewritten until no rule applies."""
        if node.op is CONSTANT:
            return _uniform(node) or node
        if not node.inputs:
            return node
        current = self._on_simple_operands(node)
        for _ in range(_PATIENCE):
            known = self._normal.get(current)
            if known is not None:
                return known
            found = _rewritten(current, self._is_last)
            if found is None:
                return current
            self._relocate([found], node.location)
            self.run(found.inputs)
            current = self._on_simple_operands(found)
        return current

    def _on_simple_operands(self, node: Node) -> Node:
        operands = tuple(self._normal[operand] for operand in node.inputs)
        if all(a is b for a, b in zip(operands, node.inputs, strict=True)):
            return node
        type_ = node.type
        if any(a.type != b.type for a, b in zip(operands, node.inputs, strict=True)):
            type_ = node.op.infer(*(operand.type for operand in operands), **node.params)
        return self._relocate.keep(make_node(node.op, operands, node.params, type_, node.location))


def _rewritten(node: Node, is_last: bool) -> Node | None:
    """The node after one rule, None where none applies."""
    if isinstance(node.op.lowering, Region):
        simpler = simplify_region(node, simplify_last if is_last else simplify)
        return None if simpler is node else simpler
    if _is_foldable(node):
        return _folded(node, [_known_array(operand) for operand in node.inputs])
    for rule in _rules(node.op, is_last):
        found = rule(node)
        if found is not None and found is not node:
            return found
    return None


def _is_foldable(node: Node) -> bool:
    kind = node.op.lowering
    if isinstance(kind, Structure | Library | Generate) or not isinstance(node.type, ArrayType) or node.size > _FOLD:
        return False
    if all(operand.op is CONSTANT for operand in node.inputs):
        return node.op.name != "broadcast_to"
    is_elementwise = isinstance(kind, Pointwise) and any(operand.op is CONSTANT for operand in node.inputs)
    return is_elementwise and all(_known_array(operand) is not None for operand in node.inputs)


def _known_array(node: Node) -> np.ndarray[Any, Any] | None:
    """The elements of a constant, or of a repeated one."""
    if node.op is CONSTANT:
        return node.params["value"].value  # type: ignore[no-any-return]
    value = uniform_value(node)
    return None if value is None else np.full(node.shape, value, node.dtype)


def _uniform(node: Node) -> Node | None:
    """A constant array of one value as that value, repeated."""
    array = node.params["value"].value
    if array.ndim == 0 or not is_uniform(array):
        return None
    return filled(node.array_type, array.flat[0])


def _folded(node: Node, operands: Sequence[Any]) -> Node:
    with np.errstate(all="ignore"):
        value = node.op.reference(*operands, **node.params)
    literal = Literal(np.asarray(value, node.dtype))
    folded = make_node(CONSTANT, (), {"value": literal, "weak": node.array_type.weak}, node.type, node.location)
    return _uniform(folded) or folded


@cache
def _rules(op: Op, is_last: bool) -> tuple[Rewrite, ...]:
    shapes = tuple(rule for rules in (SHAPE_RULES, PART_RULES, WINDOW_RULES) for rule in rules.get(op.name, ()))
    once = (scalar_work_once,) if isinstance(op.lowering, Pointwise | Cast) else ()
    last = powers().get(op.name, ()) if is_last else ()
    return (*shapes, *algebra().get(op.name, ()), *last, *once)
