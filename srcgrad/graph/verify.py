"""The verifier: what every pass may assume of a graph, and must leave true."""

from __future__ import annotations

from srcgrad.core.errors import VerifyError
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import COND, INPUT, LOOP, WHILE, free_inputs


def verify(graph: Graph, *, where: str = "graph") -> None:
    """Raise `VerifyError` unless the graph is closed, and every node's type is what its row infers."""
    undeclared = free_inputs(graph)
    if undeclared:
        raise VerifyError(f"{where}: {graph.name} reads {undeclared}, which are not its inputs")
    if len(set(graph.inputs)) != len(graph.inputs):
        raise VerifyError(f"{where}: {graph.name} declares an input twice")
    for node in graph.nodes():
        _verify_node(node, where)


def _verify_node(node: Node, where: str) -> None:
    if node.op is INPUT:
        return
    inferred = node.op.infer(*[operand.type for operand in node.inputs], **node.params)
    if inferred != node.type:
        raise VerifyError(f"{where}: {node} should have type {inferred}")
    if node.op is LOOP:
        _verify_loop(node, where)
    elif node.op is COND:
        for branch in (node.params["then"], node.params["orelse"]):
            verify(branch, where=where)
            _match(branch, node.inputs[1:], where)
    elif node.op is WHILE:
        n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
        carries = node.inputs[n_cond + n_body :]
        for region, consts in (("cond", node.inputs[:n_cond]), ("body", node.inputs[n_cond : n_cond + n_body])):
            verify(node.params[region], where=where)
            _match(node.params[region], (*consts, *carries), where)


def _verify_loop(node: Node, where: str) -> None:
    body, n_consts, n_carries = node.params["body"], node.params["n_consts"], node.params["n_carries"]
    verify(body, where=where)
    fixed = node.inputs[1 : 1 + n_consts + n_carries]
    _match(body, fixed, where, skip=1)
    for carried, output in zip(fixed[n_consts:], body.outputs, strict=False):
        if _plain(carried.array_type) != _plain(output.array_type):
            raise VerifyError(f"{where}: a loop carries {carried.type} in and {output.type} out")


def _match(region: Graph, operands: tuple[Node, ...], where: str, skip: int = 0) -> None:
    for inner, outer in zip(region.inputs[skip:], operands, strict=False):
        if _plain(inner.array_type) != _plain(outer.array_type):
            raise VerifyError(f"{where}: region {region.name} takes {inner.type}, is given {outer.type}")


def _plain(type_: ArrayType) -> tuple[object, ...]:
    return type_.shape, type_.dtype
