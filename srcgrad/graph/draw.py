"""The picture of a graph: operations with their types, inputs above, outputs below."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from srcgrad.graph.node import Graph, Node
from srcgrad.graph.picture import Box, Picture
from srcgrad.graph.structure import INPUT, constant_value

_LONGEST = 28


def graph_picture(graph: Graph) -> Picture:
    """The graph as boxes and arrows; regions of loops and branches are one box each."""
    boxes: dict[Hashable, Box] = {}
    arrows: list[tuple[Hashable, Hashable]] = []
    outputs = set(graph.outputs)
    for node in graph.nodes():
        constant = constant_value(node)
        if constant is not None and constant.ndim == 0:
            continue  # written where it is read
        boxes[node] = Box(_text(node), "leaf" if node.op is INPUT else "result" if node in outputs else _kind(constant))
        arrows += [(operand, node) for operand in node.inputs if operand in boxes]
    return Picture(boxes, arrows, graph.name)


def _kind(constant: Any) -> str:
    return "step" if constant is None else "constant"


def _text(node: Node) -> str:
    if node.op is INPUT:
        return f"{node.params['name']}\n{node.type}"
    operands = [constant_value(operand) for operand in node.inputs]
    numbers = [str(value) for value in operands if value is not None and value.ndim == 0]
    params = [f"{k}={v}" for k, v in node.params.items() if isinstance(v, int | tuple | str) and k != "weak"]
    details = ", ".join([*numbers, *params])
    if len(details) > _LONGEST:
        details = details[: _LONGEST - 1] + "…"
    place = f"\n{node.location}" if node.location else ""
    return f"{node.op.name}{f'({details})' if details else ''}\n{node.type}{place}"
