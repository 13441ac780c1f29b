"""The verifier: what every pass may assume of a graph, and must leave true."""

from __future__ import annotations

from weakref import WeakSet

from srcgrad.core.errors import VerifyError
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, topological_until
from srcgrad.graph.structure import COND, INPUT, LOOP, WHILE, free_inputs

#: nodes are immutable: what was valid once is valid
_valid: WeakSet[Node] = WeakSet()


def verify(graph: Graph, *, is_open: bool = False) -> None:
    """Raise `VerifyError` unless the graph reads its own inputs alone, and every node's type is what its row infers.

    A graph of a program that is still being recorded ``is_open``: it reads inputs of what is recorded around it.
    """
    undeclared = [] if is_open else free_inputs(graph)
    if undeclared:
        raise VerifyError(f"{graph.name} reads {undeclared}, which are not its inputs")
    if len(set(graph.inputs)) != len(graph.inputs):
        raise VerifyError(f"{graph.name} declares an input twice")
    for node in topological_until([*graph.inputs, *graph.outputs], _valid):
        if node not in _valid:
            _verify_node(node)
            _valid.add(node)


def _verify_node(node: Node) -> None:
    if node.op is INPUT:
        return
    inferred = node.op.infer(*[operand.type for operand in node.inputs], **node.params)
    if inferred != node.type:
        raise VerifyError(f"{node} should have type {inferred}")
    if node.op is LOOP:
        _verify_loop(node)
    elif node.op is COND:
        for branch in (node.params["then"], node.params["orelse"]):
            verify(branch)
            _match(branch, node.inputs[1:])
    elif node.op is WHILE:
        n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
        carries = node.inputs[n_cond + n_body :]
        for region, consts in (("cond", node.inputs[:n_cond]), ("body", node.inputs[n_cond : n_cond + n_body])):
            verify(node.params[region])
            _match(node.params[region], (*consts, *carries))


def _verify_loop(node: Node) -> None:
    body, n_consts, n_carries = node.params["body"], node.params["n_consts"], node.params["n_carries"]
    verify(body)
    fixed = node.inputs[1 : 1 + n_consts + n_carries]
    _match(body, fixed, skip=1)
    for carried, output in zip(fixed[n_consts:], body.outputs, strict=False):
        if _plain(carried.array_type) != _plain(output.array_type):
            raise VerifyError(f"a loop carries {carried.type} in and {output.type} out")


def _match(region: Graph, operands: tuple[Node, ...], skip: int = 0) -> None:
    for inner, outer in zip(region.inputs[skip:], operands, strict=False):
        if _plain(inner.array_type) != _plain(outer.array_type):
            raise VerifyError(f"region {region.name} takes {inner.type}, is given {outer.type}")


def _plain(type_: ArrayType) -> tuple[object, ...]:
    return type_.shape, type_.dtype
