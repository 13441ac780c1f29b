"""Which traced integers are never negative: counters of loops, and what is computed from them without a minus."""

from __future__ import annotations

from weakref import WeakSet

from srcgrad.graph.node import Node
from srcgrad.graph.structure import constant_value

_counters: WeakSet[Node] = WeakSet()


def declare_natural(node: Node) -> None:
    """Say that an input is never negative."""
    _counters.add(node)


def is_natural(node: Node, depth: int = 8) -> bool:
    """Whether it is certain that an integer scalar is not negative."""
    if node in _counters:
        return True
    value = constant_value(node)
    if value is not None:
        return value.shape == () and value.dtype.kind in "iub" and int(value) >= 0
    if depth == 0 or not node.inputs:
        return False
    operands = (is_natural(operand, depth - 1) for operand in node.inputs)
    if node.op.name == "maximum":
        return any(operands)
    return node.op.name in ("add", "multiply", "minimum", "floor_divide", "remainder", "astype") and all(operands)
