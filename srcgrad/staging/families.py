"""Numbers that are found on alike paths in a long list: a loop over the list reads them from one input.

`for a in A`, `for a, b in pairs`, `for layer in layers: ... layer["w"]` read the same of every item. Each value is an
implicit input of its own while the function is traced. Where many are read as one stack (`transform.rolled`), and where
many are left over, an input that holds them all takes their place: a call makes one array of them (`dispatch.stacks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node
from srcgrad.graph.structure import new_input
from srcgrad.staging.sources import STACK, Source

#: lists of up to this many items are read one by one
FEW = 16

_Step = tuple[str, object]


@dataclass(eq=False)
class Family:
    """Values on alike paths: of the items of ``holder``, by ``steps`` from the item."""

    holder: Source
    steps: tuple[_Step, ...]
    members: dict[int, Source] = field(default_factory=dict)
    #: once it is there no member is added
    whole: Source | None = None
    node: Node | None = None
    place: dict[int, int] = field(default_factory=dict)

    def close(self) -> Node:
        """The input that holds them all, in the order of the list."""
        if self.node is None:
            order = sorted(self.members)
            self.place = {k: n for n, k in enumerate(order)}
            sources = [self.members[k] for k in order]
            assert sources[0].implicit is not None
            first = sources[0].implicit.node
            kind = type(self.members[order[0]].value)
            name = f"{self.holder.name}[...]{''.join(f'[{key!r}]' for _, key in self.steps)}"
            values = np.array([source.value for source in sources], first.dtype)
            self.node = new_input(ArrayType(values.shape, first.dtype), str(first.params["name"]))
            key = self.steps, tuple(order)
            self.whole = Source(self.holder, "stack", key, name, values, STACK, kind)
            self.holder.children["stack", key] = self.whole
        return self.node


class Families:
    """Those of one program."""

    def __init__(self) -> None:
        self._families: dict[object, Family] = {}
        self._of: dict[Node, tuple[Family, int]] = {}

    def add(self, source: Source) -> None:
        """A number was read."""
        assert source.implicit is not None
        found = _place_in_list(source)
        if found is None:
            return
        holder, steps, k = found
        node = source.implicit.node
        key = holder, steps, node.type, type(source.value)
        family = self._families.get(key)
        if family is None:
            family = self._families[key] = Family(holder, steps)
        if family.node is None:
            family.members[k] = source
            self._of[node] = family, k

    def stack_of(self, nodes: Sequence[Node]) -> tuple[Node, list[int]] | None:
        """The input that holds these values, and their places in it; None where there is no such."""
        found = [self._of.get(node) for node in nodes]
        first = found[0]
        if first is None:
            return None
        family = first[0]
        if len(family.members) <= FEW:
            return None
        node = family.close()
        places = []
        for one in found:
            if one is None or one[0] is not family:
                return None
            places.append(family.place[one[1]])
        return node, places

    def left_over(self, used: Iterable[Node]) -> dict[Node, tuple[Node, int]]:
        """Which of the inputs in use are to be read from an input that holds many: that, and their places in it."""
        inside: dict[Family, list[Node]] = {}
        for node in used:
            found = self._of.get(node)
            if found is not None:
                inside.setdefault(found[0], []).append(node)
        parts: dict[Node, tuple[Node, int]] = {}
        for family, nodes in inside.items():
            if family.node is not None or len(nodes) > FEW:
                whole = family.close()
                parts.update((node, (whole, family.place[self._of[node][1]])) for node in nodes)
        return parts

    def wholes(self, used: set[Node]) -> dict[Source, Node]:
        """The inputs that hold many values, of those in use."""
        return {
            family.whole: family.node
            for family in self._families.values()
            if family.whole is not None and family.node is not None and family.node in used
        }


def _place_in_list(source: Source) -> tuple[Source, tuple[_Step, ...], int] | None:
    """The long list or tuple that a path goes through last, the steps from its item on, and the item's number."""
    steps: list[_Step] = []
    step = source
    while step.parent is not None:
        holder = step.parent
        if step.step == "item" and isinstance(holder.value, list | tuple) and len(holder.value) > FEW:
            return holder, tuple(reversed(steps)), step.key
        steps.append((step.step, step.key))
        step = holder
    return None
