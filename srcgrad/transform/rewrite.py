"""Small tools that passes share: constants, redirecting nodes, and handing on the user's line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.core.location import Location
from srcgrad.core.lowering import Region
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import CONSTANT, LOOP, constant, items, new_input

_SCALAR = ArrayType((), np.dtype(np.float64))


def strong(type_: ArrayType) -> ArrayType:
    """The type of the same values without weakness."""
    return ArrayType(type_.shape, type_.dtype)


def filled(type_: ArrayType, value: float) -> Node:
    """An array of this shape and dtype with one value everywhere; never weak."""
    scalar = constant(np.asarray(value, type_.dtype))
    return scalar if type_.shape == () else apply("broadcast_to", scalar, shape=type_.shape)


def is_number(value: Any, number: Any) -> bool:
    """Whether they are equal, zeros with their signs."""
    if value != number:
        return False
    return bool(value) or all(
        math.copysign(1, a) == math.copysign(1, b) for a, b in zip(_parts(value), _parts(number), strict=True)
    )


def _parts(value: Any) -> tuple[Any, Any]:
    return (value.real, value.imag) if isinstance(value, complex) else (value, 0.0)


def is_zero(node: Node) -> bool:
    """Whether all elements are known to be zeros, none of them negative."""
    value = uniform_value(node)
    return value is not None and is_number(value, 0)


def zeros(type_: ArrayType) -> Node:
    """Zeros of this shape and dtype."""
    return filled(type_, 0)


def of_type(node: Node, like: Node) -> Node:
    """The value with the dtype and the weakness of what it replaces: promotion outside may still look at these."""
    if node.type == like.type:
        return node
    return apply("astype", node, dtype=like.dtype, weak=like.array_type.weak)  # type: ignore[no-any-return]


def uniform_value(node: Node) -> Any:
    """The one value that all elements of a node are known to have; None where there is none."""
    while node.op.name in ("broadcast_to", "reshape"):
        node = node.inputs[0]
    if node.op is not CONSTANT:
        return None
    array = node.params["value"].value
    return array.item() if array.size == 1 else None


def redirect(roots: Sequence[Node], replacements: Mapping[Node, Node]) -> list[Node]:
    """The roots with nodes replaced, also inside what replaces them; what depends on none of them stays as it is."""
    new: dict[Node, Node] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in new:
            stack.pop()
            continue
        target = replacements.get(node)
        needed = node.inputs if target is None else (target,)
        missing = [operand for operand in needed if operand not in new]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        new[node] = new[target] if target is not None else with_inputs(node, [new[operand] for operand in needed])
    return [new[root] for root in roots]


def with_inputs(node: Node, inputs: Sequence[Node]) -> Node:
    """The node applied to other operands of the same types; itself where they are its own."""
    operands = tuple(inputs)
    if all(a is b for a, b in zip(operands, node.inputs, strict=True)):
        return node
    return make_node(node.op, operands, node.params, node.type, node.location)


def with_graphs(node: Node, change: Callable[[Graph], Graph]) -> Node:
    """A region with its graphs changed, for others of the same type; itself where none changes."""
    params = {key: change(value) if isinstance(value, Graph) else value for key, value in node.params.items()}
    if all(params[key] is value for key, value in node.params.items()):
        return node
    return make_node(node.op, node.inputs, params, node.type, node.location)


def dependents(nodes: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """Of nodes in topological order, those that depend on a source; the sources included."""
    found = set(sources)
    for node in nodes:
        if any(operand in found for operand in node.inputs):
            found.add(node)
    return found


class Relocator:
    """Gives nodes that a pass makes the location of the node that they were made from, with its name for the roots."""

    def __init__(self) -> None:
        self._since = new_input(_SCALAR).serial
        self._seen: set[Node] = set()

    def __call__(self, roots: Iterable[Node], location: Location | None) -> None:
        inside = location if location is None or location.name is None else replace(location, name="", is_step=False)
        stack = [(root, location) for root in roots]
        while stack:
            node, place = stack.pop()
            if node.serial < self._since or node in self._seen:
                continue
            self._seen.add(node)
            node.location = place
            stack.extend((operand, inside) for operand in node.inputs)

    def keep(self, node: Node) -> Node:
        """A node that has the location that it shall have."""
        self._seen.add(node)
        return node


def with_loops(graph: Graph, change: Callable[[Node], Sequence[Node] | None]) -> Graph:
    """The graph, and the graphs inside its regions, with what replaces the results of its loops, where that is not
    None; inner loops first.
    """
    replacements: dict[Node, Node] = {}
    relocate = Relocator()
    for node in graph.nodes():
        if not isinstance(node.op.lowering, Region):
            continue
        inside = with_graphs(node, lambda inner: with_loops(inner, change))
        found = change(inside) if inside.op is LOOP else None
        if found is not None:
            relocate(found, node.location)
            replacements.update(zip(items(node), found, strict=True))
        elif inside is not node:
            replacements[node] = inside
    return replace(graph, outputs=tuple(redirect(graph.outputs, replacements))) if replacements else graph
