"""The interpreter: the oracle that every back end is compared with. One NumPy evaluation a node, regions as
Python loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import COND, CONSTANT, INPUT, ITEM, LOOP, WHILE, is_run_time_stack


def interpret(graph: Graph, args: Sequence[Any]) -> list[Any]:
    """The outputs of a graph for these inputs, in the dtypes that the graph declares."""
    values: dict[Node, Any] = {}
    for node, arg in zip(graph.inputs, args, strict=True):
        values[node] = np.asarray(arg, dtype=node.dtype)
    for node in graph.nodes():
        if node not in values:
            values[node] = _evaluate(node, [values[operand] for operand in node.inputs])
    return [values[output] for output in graph.outputs]


def _evaluate(node: Node, operands: list[Any]) -> Any:
    params = node.params
    if node.op is CONSTANT:
        return params["value"].value
    if node.op is ITEM:
        return operands[0][params["index"]]
    if node.op is LOOP:
        return _loop(operands, node)
    if node.op is COND:
        return tuple(interpret(params["then"] if operands[0] else params["orelse"], operands[1:]))
    if node.op is WHILE:
        return _while(operands, **params)
    assert node.op is not INPUT, f"{node} is not an input of the graph"
    with np.errstate(all="ignore"):
        result = node.op.reference(*operands, **params)
    if isinstance(node.type, TupleType):
        return tuple(
            np.asarray(part, dtype=type_.dtype) for part, type_ in zip(result, node.type.elements, strict=True)
        )
    return np.asarray(result, dtype=node.dtype)


def _loop(operands: list[Any], node: Node) -> tuple[Any, ...]:
    body, n_consts, n_carries = node.params["body"], node.params["n_consts"], node.params["n_carries"]
    assert isinstance(node.type, TupleType)
    count = int(operands[0])
    consts, rest = operands[1 : 1 + n_consts], operands[1 + n_consts :]
    carries, xs = list(rest[:n_carries]), rest[n_carries:]
    shapes = [(count, *y.shape[1:]) if is_run_time_stack(y) else y.shape for y in node.type.elements[n_carries:]]
    ys = [np.zeros(shape, y.dtype) for shape, y in zip(shapes, node.type.elements[n_carries:], strict=True)]
    for i in reversed(range(count)) if node.params["reverse"] else range(count):
        results = interpret(body, [i, *consts, *carries, *(x[i] for x in xs)])
        carries = results[:n_carries]
        for y, row in zip(ys, results[n_carries:], strict=True):
            y[i] = row
    return (*carries, *ys)


def _while(operands: list[Any], *, cond: Graph, body: Graph, n_cond_consts: int, n_body_consts: int) -> tuple[Any, ...]:
    cond_consts = operands[:n_cond_consts]
    body_consts = operands[n_cond_consts : n_cond_consts + n_body_consts]
    carries = list(operands[n_cond_consts + n_body_consts :])
    while interpret(cond, [*cond_consts, *carries])[0]:
        carries = interpret(body, [*body_consts, *carries])
    return tuple(carries)
