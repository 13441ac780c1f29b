"""Which nodes a derivative passes through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node, topological
from srcgrad.graph.structure import COND, LOOP, WHILE, constant_value

#: whether a graph has regions that may not run: each is looked through once, however deep it lies
_may_skip: WeakKeyDictionary[Graph, bool] = WeakKeyDictionary()


def differentiable_dependents(order: Sequence[Node], sources: Iterable[Node]) -> set[Node]:
    """The nodes on a differentiable path from the sources; ``order`` is topological."""
    found = {node for node in sources if has_derivative_type(node)}
    for node in order:
        if node not in found and passes_derivative(node) and any(operand in found for operand in node.inputs):
            found.add(node)
    return found


def differentiable_origins(outputs: Iterable[Node]) -> set[Node]:
    """The nodes from which a differentiable path leads to an output."""
    found: set[Node] = set()
    stack = [node for node in outputs if has_derivative_type(node)]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found.add(node)
        if passes_derivative(node):
            stack.extend(operand for operand in node.inputs if has_derivative_type(operand))
    return found


def has_derivative_type(node: Node) -> bool:
    """Whether the value is one that can change continuously."""
    if isinstance(node.type, TupleType):
        return any(element.is_differentiable for element in node.type.elements)
    return node.type.is_differentiable


def passes_derivative(node: Node) -> bool:
    """Whether the node's row has a derivative with respect to any operand at all."""
    partials = node.op.partials
    return has_derivative_type(node) and (partials is None or any(formula is not None for formula in partials))


def may_stay_unread(order: Sequence[Node]) -> set[Node]:
    """The nodes on which a region depends that may not run: a branch, or a loop of no iteration, inside a loop too.

    If it does not, their cotangents are 0 whatever their derivatives are: ``s`` of ``a = sqrt(s)`` has derivative 0
    where only the branch not taken reads ``a``, though the root's own be infinite or NaN.
    """
    found: set[Node] = set()
    for node in reversed(order):
        if node in found or _may_not_run(node):
            found.update(node.inputs)
    return found


def _may_not_run(node: Node) -> bool:
    if node.op is COND or node.op is WHILE:
        return True
    if node.op is not LOOP:
        return False
    count = constant_value(node.inputs[0])
    return count is None or not count or _has_such(node.params["body"])


def _has_such(graph: Graph) -> bool:
    if graph not in _may_skip:
        _may_skip[graph] = any(_may_not_run(node) for node in topological(graph.outputs))
    return _may_skip[graph]
