"""The last step before a graph is scheduled: what only tracing and differentiation needed goes away.

Weak types become plain ones (promotion is done). All derivatives are taken: ``stop_gradient`` becomes its argument, a
call its graph. Then the graph is simplified, and what differentiation wrote piece by piece is put together (`shifts`).
"""

from __future__ import annotations

from typing import Any

from srcgrad.core.types import TupleType, Type
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import ITEM
from srcgrad.transform.calls import CALL, inlined
from srcgrad.transform.hoist import hoist
from srcgrad.transform.rewrite import strong
from srcgrad.transform.shifts import gather_shifts
from srcgrad.transform.simplify import simplify_last
from srcgrad.transform.sliding import hand_on_elements
from srcgrad.transform.stacks import stack_slices
from srcgrad.transform.stop import stop_gradient


def finish(graph: Graph) -> Graph:
    """A simple graph of plain types without marks for differentiation; its inputs are new where they were weak."""
    last = simplify_last
    return last(hand_on_elements(last(gather_shifts(hoist(last(stack_slices(last(_plain(graph)))))))))


def _plain(graph: Graph) -> Graph:
    new: dict[Node, Node] = {}
    called: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        if node.op is CALL:
            called[node] = inlined(_plain(node.params["graph"]), [new[operand] for operand in node.inputs])
        elif node.op is ITEM and node.inputs[0] in called:
            new[node] = called[node.inputs[0]][node.params["index"]]
        else:
            new[node] = _plain_node(node, [new[operand] for operand in node.inputs])
    return Graph(tuple(new[node] for node in graph.inputs), tuple(new[node] for node in graph.outputs), graph.name)


def _plain_node(node: Node, operands: list[Node]) -> Node:
    if node.op is stop_gradient:
        return operands[0]
    if node.op.name == "astype" and operands[0].dtype == node.dtype:
        return operands[0]
    params: dict[str, Any] = {
        k: _plain(value) if isinstance(value, Graph) else value for k, value in node.params.items()
    }
    if "weak" in params:
        params["weak"] = False
    return make_node(node.op, tuple(operands), params, _plain_type(node.type), node.location)


def _plain_type(type_: Type) -> Type:
    return TupleType(tuple(map(strong, type_.elements))) if isinstance(type_, TupleType) else strong(type_)
