"""Values that are known while tracing: what depends on no input can be computed at once.

``mask = np.zeros(4); mask[::2] = 1`` inside a traced function makes handles, but nothing in them is unknown. Such a
value may steer the trace: ``if mask.sum() > 1``, ``range(n)``, an index, a shape.

What depends on implicit inputs alone (`srcgrad.graph.captured`) may steer it too; the program is then right for their
present values alone. So they are looked at where the value ``is_needed``, and where it is an integer or a flag of few.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.graph.captured import implicit_value
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, topological_until
from srcgrad.graph.structure import INPUT

_is_static: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()
_values: WeakKeyDictionary[Node, np.ndarray[Any, Any]] = WeakKeyDictionary()


def is_static(node: Node) -> bool:
    """Whether a node depends on no input."""
    known = _is_static.get(node)
    if known is None:
        for part in topological_until([node], _is_static):
            if part not in _is_static:
                _is_static[part] = part.op is not INPUT and all(_is_static[operand] for operand in part.inputs)
        known = _is_static[node]
    return known


def static_value(node: Node, *, is_needed: bool = False) -> np.ndarray[Any, Any] | None:
    """The value of a node that depends on no argument; None for any other."""
    if not is_static(node):
        return implicit_value(node, is_needed) if is_needed or node.dtype.kind in "iub" else None
    value = _values.get(node)
    if value is None:
        value = _values[node] = np.asarray(interpret(Graph((), (node,)), [])[0])
    return value


def static_of(value: Any, *, is_needed: bool = False) -> np.ndarray[Any, Any] | None:
    """As `static_value`, for a handle or a node; None for what is neither."""
    node = value if isinstance(value, Node) else getattr(value, "__sg_node__", None)
    return None if node is None else static_value(node, is_needed=is_needed)
