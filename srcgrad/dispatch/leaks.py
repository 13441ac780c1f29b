"""Values that escape from the function that computed them."""

from __future__ import annotations

from srcgrad.core.errors import TraceError
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import free_inputs


def check_closed(graph: Graph) -> None:
    """Raise `TraceError` where a graph reads an input of another one."""
    undeclared = free_inputs(graph)
    if not undeclared:
        return
    strangers = set(undeclared)
    reader = next((node for node in graph.nodes() if strangers & set(node.inputs)), None)
    place = f"{reader.location}: " if reader is not None and reader.location is not None else ""
    raise TraceError(
        f"{place}a traced value is used outside of the function that it belongs to (here {graph.name}): it was kept "
        "from another call, written into an array of an outer function, or stored by a side effect; "
        "return it, or make it part of the loop's carried value"
    )
