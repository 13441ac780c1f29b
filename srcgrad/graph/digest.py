"""A digest of a graph, the same in every process: what a process made of a graph another one may take over.

It covers all that later stages read: rows, operands, types, parameters, and where in the user's code a node was
written, with the text of that line, since names come from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import linecache
from typing import Any

import numpy as np

from srcgrad.core.lowering import Pointwise, Reduce
from srcgrad.core.op import TABLE
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import Literal

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def digest_of(graph: Graph) -> str | None:
    """The digest; None for a graph that holds something whose content cannot be told."""
    state = hashlib.blake2b(digest_size=16)
    try:
        _graph(state, graph, {})
    except _Untold:
        return None
    return state.hexdigest()


class _Untold(Exception):
    pass


def _graph(state: Any, graph: Graph, numbers: dict[Node, int]) -> None:
    for node in graph.nodes():
        if node not in numbers:
            _node(state, node, numbers)
            numbers[node] = len(numbers)
    _tell(state, graph.name, [numbers[node] for node in graph.inputs], [numbers[node] for node in graph.outputs])


def _node(state: Any, node: Node, numbers: dict[Node, int]) -> None:
    if node.op.name not in TABLE or TABLE[node.op.name] is not node.op:
        raise _Untold(node.op.name)
    where = node.location and (node.location.file, node.location.line)
    named = node.location and (node.location.name, node.location.is_step)
    line = linecache.getline(*where) if where else ""
    lowering = node.op.lowering if isinstance(node.op.lowering, Pointwise | Reduce) else None  # all that such a row is
    _tell(state, node.op.name, lowering, [numbers[operand] for operand in node.inputs], where, line, named)
    _value(state, node.type, numbers)
    for name, value in sorted(node.params.items()):
        if name != "serial":
            _tell(state, name)
            _value(state, value, numbers)


def _value(state: Any, value: Any, numbers: dict[Node, int]) -> None:
    match value:
        case Graph():
            _graph(state, value, numbers)
        case Literal():
            _value(state, value.value, numbers)
        case np.dtype():
            _tell(state, "dtype", value.str)
        case np.ndarray() | np.generic() if value.dtype != object:
            _tell(state, type(value).__name__, value.dtype.str, value.shape, value.tobytes())
        case tuple() | list():
            _tell(state, type(value).__name__, len(value))
            for part in value:
                _value(state, part, numbers)
        case slice():
            _tell(state, "slice")
            _value(state, (value.start, value.stop, value.step), numbers)
        case _ if type(value) in _PLAIN:
            _tell(state, type(value).__name__, value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            _tell(state, type(value).__qualname__)
            for field in dataclasses.fields(value):
                _value(state, getattr(value, field.name), numbers)
        case _:
            raise _Untold(type(value))


def _tell(state: Any, *parts: Any) -> None:
    state.update(repr(parts).encode())
