"""What integers a traced index can be: an interval, from the trip counts of the loops around it.

A loop ``for k in range(i)`` inside ``for i in range(n)`` runs at most n - 1 times. Its reverse pass can then keep what
it saves in arrays of that length.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from srcgrad.graph.node import Node
from srcgrad.graph.structure import constant_value

Interval = tuple[int, int]
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
    if node.op.name in ("minimum", "maximum"):
        return _extremum(node.op.name, operands)
    if not operands or any(operand is None for operand in operands):
        return None
    return _of_operation(node.op.name, [operand for operand in operands if operand is not None])


def _extremum(name: str, operands: list[Interval | None]) -> Interval | None:
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return None
    choose = min if name == "minimum" else max
    return choose(low for low, _ in known), choose(high for _, high in known)


def _of_operation(name: str, operands: list[Interval]) -> Interval | None:
    (low, high), *others = operands
    match name:
        case "astype":
            return low, high
        case "negative":
            return -high, -low
        case "add":
            return low + others[0][0], high + others[0][1]
        case "subtract":
            return low - others[0][1], high - others[0][0]
        case "multiply":
            ends = [a * b for a in (low, high) for b in others[0]]
            return min(ends), max(ends)
        case "floor_divide" if others[0][0] == others[0][1] > 0:
            return low // others[0][0], high // others[0][0]
    return None
