"""The text form of a graph: one line a node, regions indented."""

from __future__ import annotations

from typing import Any

from srcgrad.graph.node import Graph, Node


def _param_text(value: Any) -> str:
    return f"<{value.name}>" if isinstance(value, Graph) else repr(value)


def _node_line(node: Node, names: dict[Node, str]) -> str:
    operands = [names[operand] for operand in node.inputs]
    params = [f"{key}={_param_text(value)}" for key, value in node.params.items() if key != "serial"]
    where = f"  # {node.location}" if node.location else ""
    return f"{names[node]}: {node.type} = {node.op.name}({', '.join(operands + params)}){where}"


def graph_text(graph: Graph, indent: str = "") -> str:
    """The graph as text; stable across runs, so that it can be kept as a golden file."""
    names: dict[Node, str] = {}
    for position, node in enumerate(graph.inputs):
        names[node] = f"%{node.params['name']}" if node.params["name"] else f"%in{position}"
        if list(names.values()).count(names[node]) > 1:
            names[node] += f"_{position}"
    lines = [f"{indent}{graph.name}({', '.join(f'{names[n]}: {n.type}' for n in graph.inputs)}):"]
    counter = 0
    for node in graph.nodes():
        if node in names:
            continue
        names[node] = f"%{counter}"
        counter += 1
        lines.append(f"{indent}    {_node_line(node, names)}")
        regions = [value for value in node.params.values() if isinstance(value, Graph)]
        lines += [graph_text(region, indent + "        ") for region in regions]
    lines.append(f"{indent}    return {', '.join(names[output] for output in graph.outputs)}")
    return "\n".join(lines)
