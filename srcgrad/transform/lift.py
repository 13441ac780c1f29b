"""Lift: constants inside of branches and loops become operands, so that regions that differ in them alone are alike.

`simplify` puts them back where they are constants still.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.graph.node import Graph, Node, make_node, substitute
from srcgrad.graph.structure import COND, CONSTANT, LOOP, new_input
from srcgrad.transform.rewrite import redirect


def lift_constants(graph: Graph, fewest: int) -> Graph:
    """The graph with lifted constants, if it has so many branches and loops."""
    regions = [node for node in graph.nodes() if node.op in (COND, LOOP)]
    if len(regions) < fewest:
        return graph
    replacements = {node: lifted for node in regions if (lifted := _lifted(node)) is not node}
    return replace(graph, outputs=tuple(redirect(graph.outputs, replacements))) if replacements else graph


def _lifted(node: Node) -> Node:
    graphs = {name: value for name, value in node.params.items() if isinstance(value, Graph)}
    constants = {part: None for graph in graphs.values() for part in graph.nodes() if part.op is CONSTANT}
    if not constants:
        return node
    slots = {part: new_input(part.array_type, f"k{k}") for k, part in enumerate(constants)}
    position = 1 + node.params.get("n_consts", 0)
    inside = 1 + node.params["n_consts"] if node.op is LOOP else 0
    params = dict(node.params)
    for name, graph in graphs.items():
        inputs = (*graph.inputs[:inside], *slots.values(), *graph.inputs[inside:])
        params[name] = Graph(inputs, tuple(substitute(graph.outputs, slots)), graph.name)
    if node.op is LOOP:
        params["n_consts"] += len(slots)
    operands = (*node.inputs[:position], *constants, *node.inputs[position:])
    return make_node(node.op, operands, params, node.type, node.location)
