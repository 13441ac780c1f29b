"""The data path, on one page: every arrow one function, nothing returns upward.

    python function --trace--> Graph --adjoint--> Graph --simplify--> Graph --fuse--> Schedule --emit--> source --build--> callable
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.core.settings import settings
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.graph.verify import verify


def stage(name: str, function: Callable[..., Graph], *values: Any) -> Graph:
    """Run one graph-to-graph stage; check and show its result on request."""
    result = function(*values)
    if settings.verify:
        verify(result, where=name)
    if settings.dump:
        print(f"--- {name}\n{result}")
    return result


class Executable:
    """A compiled graph: call it with one array or scalar per input, get a list with one array per output."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, *arrays: Any) -> Sequence[Any]:
        return interpret(self.graph, arrays)


def compile_graph(graph: Graph) -> Executable:
    """Graph to callable."""
    return Executable(graph)
