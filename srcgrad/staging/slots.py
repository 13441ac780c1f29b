"""Places whose values a loop carries, leaf by leaf."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad.control.record import carried_type, converted
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import new_input
from srcgrad.numpy import Array
from srcgrad.staging.joining import zeros_like
from srcgrad.staging.places import UNBOUND, Place, describe, handle_like, is_array, leaf_type, same, shown
from srcgrad.staging.unbound import Maybe, flagged


class Changing(TraceError):
    """A carried value changes its shape, dtype or structure."""


@dataclass(eq=False)
class Slot:
    """A place whose value is carried: its leaves on entry, and their types (None: no array, stays as it is)."""

    place: Place
    structure: tree.Structure
    leaves: list[Any]
    types: list[ArrayType | None]
    fresh: list[Any] = field(default_factory=list)
    leaving: list[Any] = field(default_factory=list)
    #: whether the last leaf is a flag: the variable is bound
    flagged: bool = False
    #: whether zeros stand in for what it has no value for before the loop
    is_absent: bool = False

    @staticmethod
    def of(place: Place, entry: Any, leaving: Any) -> Slot:
        slot = Slot(place, tree.LEAF, [], [])
        slot.is_absent = entry is UNBOUND
        slot.flagged = _is_uncertain(entry) or _is_uncertain(leaving)
        if place.name.startswith("$"):
            entry, slot.flagged = zeros_like(leaving) if entry is UNBOUND else entry, False
        slot.leaves, slot.structure = slot.flatten(entry, leaving)
        slot.types = [leaf_type(leaf) if is_array(leaf) else None for leaf in slot.leaves]
        return slot

    def flatten(self, value: Any, like: Any) -> tuple[list[Any], tree.Structure]:
        """Its leaves, with the flag; where it is unbound there are zeros in place of what ``like`` holds."""
        if not self.flagged:
            return tree.flatten(value)
        value, flag = flagged(value, UNBOUND)
        return tree.flatten((zeros_like(flagged(like, UNBOUND)[0]) if value is UNBOUND else value, Array(flag)))

    def built(self, leaves: Sequence[Any]) -> Any:
        """The value of the variable that has these leaves."""
        value = tree.unflatten(self.structure, [*leaves])
        return Maybe.of(value[0], value[1].__sg_node__) if self.flagged else value

    def enter(self) -> list[Node]:
        """Make fresh handles for the leaves; their nodes."""
        self.fresh, nodes = [], []
        paths = tree.paths(tree.unflatten(self.structure, [*self.leaves]))
        for leaf, type_, path in zip(self.leaves, self.types, paths, strict=True):
            if type_ is None:
                self.fresh.append(leaf)
                continue
            node = new_input(type_, re.sub(r"\W+", "_", self.place.name.lstrip("$") + path).rstrip("_"))
            nodes.append(node)
            self.fresh.append(handle_like(leaf, node))
        return nodes

    def put(self) -> None:
        """Put the handles into the place."""
        self.place.set(self.built(self.fresh))

    def refit(self, leaving: Any) -> bool:
        """Take the types that carry what leaves an iteration as well; whether they changed."""
        if not self.flagged and _is_uncertain(leaving):
            fresh = Slot.of(self.place, self.built(self.leaves), leaving)
            self.flagged, self.structure, self.leaves, self.types = True, fresh.structure, fresh.leaves, fresh.types
            return True
        self.leaving, structure = self.flatten(leaving, self.built(self.leaves))
        if structure != self.structure:
            raise self.changing(leaving)
        types: list[ArrayType | None] = []
        for type_, before, after in zip(self.types, self.leaves, self.leaving, strict=True):
            found = None
            if type_ is None:
                if not same(before, after):
                    raise self.changing(leaving)
            elif not is_array(after) or (found := carried_type(type_, leaf_type(after))) is None:
                raise self.changing(leaving)
            types.append(found)
        changed, self.types = types != self.types, types
        return changed

    def changing(self, leaving: Any) -> Changing:
        before = describe(flagged(self.built(self.leaves), UNBOUND)[0])
        leaving = flagged(leaving, UNBOUND)[0]
        where = user_location()
        return Changing(
            f"{f'{where}: ' if where else ''}{shown(self.place.name)} changes in the loop: it comes into an iteration "
            f"as {before} and leaves it as {describe(leaving)}; what is carried keeps its shape and dtype"
        )

    def outputs(self) -> list[Node]:
        pairs = zip(self.leaving, self.types, strict=True)
        return [converted(as_node(leaf), type_) for leaf, type_ in pairs if type_ is not None]

    def initial(self) -> list[Node]:
        pairs = zip(self.leaves, self.types, strict=True)
        return [converted(as_node(leaf), type_) for leaf, type_ in pairs if type_ is not None]

    def results(self, nodes: list[Node]) -> list[Any]:
        """The leaves after the loop; takes their nodes from the front of the list."""
        return [
            before if type_ is None else handle_like(after, nodes.pop(0))
            for before, after, type_ in zip(self.leaves, self.leaving, self.types, strict=True)
        ]


def _is_uncertain(value: Any) -> bool:
    return value is UNBOUND or isinstance(value, Maybe)
