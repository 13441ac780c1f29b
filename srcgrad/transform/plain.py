"""What only tracing and differentiation needed goes away.

Weak types become plain ones (promotion is done). All derivatives are taken: ``stop_gradient`` becomes its argument, a
call its graph.
"""

from __future__ import annotations

from typing import Any

from srcgrad.core.types import TupleType, Type
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import ITEM
from srcgrad.transform.calls import CALL, inlined
from srcgrad.transform.rewrite import strong
from srcgrad.transform.stop import stop_gradient


def plain(graph: Graph) -> Graph:
    """A graph of plain types without marks for differentiation; its inputs are new where they were weak."""
    new: dict[Node, Node] = {}
    called: dict[Node, list[Node]] = {}
    for node in graph.nodes():
        if node.op is CALL:
            called[node] = inlined(plain(node.params["graph"]), [new[operand] for operand in node.inputs])
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
        k: plain(value) if isinstance(value, Graph) else value for k, value in node.params.items()
    }
    if "weak" in params:
        params["weak"] = False
    return make_node(node.op, tuple(operands), params, _plain_type(node.type), node.location)


def _plain_type(type_: Type) -> Type:
    return TupleType(tuple(map(strong, type_.elements))) if isinstance(type_, TupleType) else strong(type_)
