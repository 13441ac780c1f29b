"""Patterns: expressions over variables, written with the operators that every face has, matched against nodes.

`x + 0` for a variable ``x`` applies the row ``add`` to a face that, instead of computing, notes what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.core.operators import Operators
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, bind
from srcgrad.transform.rewrite import filled, is_number, uniform_value

Bindings = dict[str, Node]


class Pattern(Operators):
    """A variable (``name``), a number (``value``), or a row applied to patterns (``op``, ``args``)."""

    __slots__ = ("args", "name", "op", "value")
    __sg_level__ = 9
    __sg_type__ = ArrayType((), np.dtype(np.float64), weak=True)

    def __init__(
        self, name: str | None = None, value: Any = None, op: Op | None = None, args: tuple[Pattern, ...] = ()
    ) -> None:
        self.name, self.value, self.op, self.args = name, value, op, args

    def __sg_bind__(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Pattern:
        if op.name == "astype":  # promotion of numbers: patterns have no dtype
            return self.__sg_lift__(args[0])
        return Pattern(op=op, args=tuple(map(self.__sg_lift__, args)))

    def __sg_lift__(self, value: Any) -> Pattern:
        return value if isinstance(value, Pattern) else Pattern(value=np.asarray(value).item())

    def __repr__(self) -> str:
        if self.op is None:
            return self.name or repr(self.value)
        return f"{self.op.name}({', '.join(map(repr, self.args))})"


def variables(names: str) -> list[Pattern]:
    """Patterns that match anything, and the same thing wherever they stand."""
    return [Pattern(name) for name in names.split()]


def match(pattern: Pattern, node: Node, found: Bindings) -> bool:
    """Whether the node has the form of the pattern; the variables' nodes are put into ``found``."""
    if pattern.op is not None:
        return (
            node.op is pattern.op
            and len(node.inputs) == len(pattern.args)
            and all(match(part, operand, found) for part, operand in zip(pattern.args, node.inputs, strict=True))
        )
    if pattern.name is not None:
        return found.setdefault(pattern.name, node) is node
    value = uniform_value(node)
    return value is not None and is_number(value, pattern.value)


def build(pattern: Pattern, found: Bindings, type_: ArrayType) -> Node:
    """The node that the pattern describes; numbers take shape and dtype of the result."""
    if pattern.name is not None:
        return found[pattern.name]
    if pattern.op is None:
        return filled(type_, pattern.value)
    return bind(pattern.op, [build(part, found, type_) for part in pattern.args], {})


@dataclass(frozen=True)
class Rule:
    """``before -> after``, where ``when`` holds for the node that matched."""

    before: Pattern
    after: Pattern
    when: Callable[[Node], bool] | None = None

    def __call__(self, node: Node) -> Node | None:
        found: Bindings = {}
        if not match(self.before, node, found) or (self.when is not None and not self.when(node)):
            return None
        return build(self.after, found, ArrayType(node.shape, node.dtype))


def commuted(pattern: Pattern) -> list[Pattern]:
    """The pattern with the operands of commutative rows in every order."""
    if pattern.op is None:
        return [pattern]
    orders: list[tuple[Pattern, ...]] = [()]
    for part in pattern.args:
        orders = [(*order, variant) for order in orders for variant in commuted(part)]
    if pattern.op.name in ("add", "accumulate", "multiply", "maximum", "minimum") and len(pattern.args) == 2:
        orders += [(right, left) for left, right in orders]
    return [Pattern(op=pattern.op, args=order) for order in orders]
