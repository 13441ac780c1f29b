"""What a recorded program reads from outside becomes part of it: implicit inputs after its arguments, and guards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from srcgrad.dispatch.guards import Guards
from srcgrad.graph.node import Graph, Node, substitute
from srcgrad.graph.structure import constant, free_inputs
from srcgrad.staging import Captured
from srcgrad.transform.rewrite import of_type
from srcgrad.transform.rolled import part

if TYPE_CHECKING:
    from srcgrad.dispatch.function import Recorded


def with_captured(recorded: Recorded, captured: Captured) -> tuple[Recorded, Guards]:
    """The program with an input for each captured array and number that it uses, and an output for each that it writes.

    What the trace looked at is a constant of the program: it runs for no other value.
    """
    written = captured.written
    outputs = [*recorded.graph.outputs, *written.values()]
    known: dict[Node, Node] = {
        node: constant(implicit.value) for node, implicit in captured.inputs.items() if implicit.is_known
    }
    outputs = substitute(outputs, known)
    graph = Graph(recorded.graph.inputs, tuple(outputs), recorded.graph.name)
    parts = captured.families.left_over(free_inputs(graph))
    if parts:
        slices = {node: of_type(part(whole, place), node) for node, (whole, place) in parts.items()}
        graph = replace(graph, outputs=tuple(substitute(outputs, slices)))
    inputs = captured.finish(set(free_inputs(graph)), written)
    graph = replace(graph, inputs=(*graph.inputs, *inputs.values()))
    return replace(recorded, graph=graph), Guards(captured.sources, inputs, tuple(written))
