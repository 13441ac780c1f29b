"""What the values of a graph are called: the variable that the user's line assigns, ``d_x`` for the cotangent of x."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from srcgrad.core.location import Location
from srcgrad.graph.node import Node
from srcgrad.graph.structure import INPUT

#: a name, and whether it is only that of the line: another value there, made of this one, is what has it
Name = tuple[str, bool]


def names_of(nodes: Iterable[Node]) -> dict[Node, Name]:
    """The names of some nodes and of what they read; empty where there is none."""
    keys: dict[Node, object] = {}
    names: dict[Node, Name] = {}

    def look(node: Node) -> None:
        where = node.location
        if node.op is INPUT:
            keys[node], names[node] = node, (str(node.params["name"]), False)
        elif where is None:
            keys[node], names[node] = node, ("", False)
        else:
            keys[node] = where if where.name is None else (where.name, where.is_step)
            names[node] = where.variable, where.is_step

    for node in nodes:
        if node not in keys:
            look(node)
        for operand in node.inputs:
            if operand not in keys:
                look(operand)
            if keys[operand] == keys[node]:
                names[operand] = names[operand][0], True
    return names


def place_of_cotangent(place: Location | None, primal: Name) -> Location | None:
    """Where the cotangent of a value of this name is made: at a place, under a name of its own."""
    name, is_step = primal
    return place and replace(place, name=f"d_{name}" if name else "", is_step=is_step)


def as_gradient(cotangent: Node) -> None:
    """Call the cotangent of an input what it is for the user: the gradient."""
    place = cotangent.location
    if place is not None and place.name is not None and place.name.startswith("d_") and not place.is_step:
        cotangent.location = replace(place, name="grad_" + place.name.removeprefix("d_"))
