"""What integers a traced index can be: an interval, from the trip counts of the loops around it.

A loop ``for k in range(i)`` inside ``for i in range(n)`` runs at most n - 1 times. Its reverse pass can then keep what
it saves in arrays of that length.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from srcgrad.core.intervals import Interval, of_operation
from srcgrad.graph.node import Node
from srcgrad.graph.structure import constant_value

_OPERATORS = {
    "add": "+",
    "subtract": "-",
    "negative": "-",
    "multiply": "*",
    "floor_divide": "//",
    "minimum": "min",
    "maximum": "max",
}
_known: WeakKeyDictionary[Node, Interval] = WeakKeyDictionary()


def declare(node: Node, low: int, high: int) -> None:
    """Say that an input is always within these bounds, both included."""
    _known[node] = (low, high)


def interval(node: Node) -> Interval | None:
    """Bounds of an integer scalar, both included; None where nothing is known."""
    if node in _known:
        return _known[node]
    value = constant_value(node)
    if value is not None:
        return (int(value), int(value)) if value.shape == () and value.dtype.kind in "iub" else None
    if node.type.__class__.__name__ != "ArrayType" or node.dtype.kind not in "iu" or node.shape:
        return None
    operands = [interval(operand) for operand in node.inputs]
    if node.op.name == "astype":
        return operands[0]
    operator = _OPERATORS.get(node.op.name)
    return None if operator is None else of_operation(operator, *operands)
