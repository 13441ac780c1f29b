"""Errors point into the user's program."""

from __future__ import annotations

import re

from srcgrad.core.errors import SrcgradError, TraceError
from srcgrad.core.location import Location
from srcgrad.core.location import _is_ours as is_ours
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import free_inputs

_HAS_LINE = re.compile(r"\S+:\d+: ")


def name_line(error: SrcgradError) -> None:
    """Let the message begin with the user's line in which the error was raised, unless it names one already."""
    text = str(error)
    if _HAS_LINE.match(text):
        return
    place = None
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not is_ours(code.co_filename):
            place = Location(code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    if place is not None:
        error.args = (f"{place}: {text}", *error.args[1:])


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
