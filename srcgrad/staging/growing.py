"""Lists that a loop appends to: what each iteration appends becomes one slice of an output of the loop.

While the body is recorded, a stand-in takes the list's place, which can be appended to and nothing else: what the body
does must not depend on what is in the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from srcgrad.control.record import converted
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.trace import Tracer, Watch
from srcgrad.numpy import Array
from srcgrad.numpy.stack_slices import StackSlice
from srcgrad.staging.choices import possible
from srcgrad.staging.places import is_array, is_number


class Growing:
    """In place of a list."""

    def __init__(self, name: str, target: list[Any]) -> None:
        self.name, self.target = name, target
        self.values: list[Any] = []

    def append(self, value: Any) -> None:
        """As `list.append`."""
        self.values.append(value)

    def _refuse(self, *_: Any) -> NoReturn:
        where = user_location()
        place = f"{where}: " if where else ""
        raise TraceError(f"{place}{self.name} is read or changed in the loop that appends to it")

    __len__ = __iter__ = __getitem__ = __setitem__ = __delitem__ = __contains__ = __bool__ = _refuse
    __add__ = __radd__ = __iadd__ = __mul__ = __eq__ = __ne__ = __lt__ = __gt__ = __reversed__ = _refuse
    extend = insert = pop = remove = clear = index = count = sort = reverse = copy = _refuse
    __hash__ = object.__hash__

    def nodes(self, watch: Watch, carried: Sequence[Any]) -> list[Node]:
        """What an iteration appends; arrays that another iteration, or another name, may change are refused."""
        leaves = tree.leaves(self.values)
        for leaf in leaves:
            if not is_array(leaf):
                raise TraceError(f"{self.name} grows by a {type(leaf).__name__}")
            is_object = isinstance(leaf, Tracer) and not is_number(leaf)
            is_shared = is_object and any(watch.is_older(owner) for owner in possible(leaf))
            if is_shared or any(leaf is one for one in carried):
                raise TraceError(f"{self.name} grows by an array that has another name, which may be written through")
        return [_strong(as_node(leaf)) for leaf in leaves]

    def extended(self, stacks: Iterator[Node], iterations: int) -> None:
        """Append what all iterations do."""
        arrays = [[Array.new(next(stacks)) for _ in tree.leaves(value)] for value in self.values]
        structures = [tree.flatten(value)[1] for value in self.values]
        for iteration in range(iterations):
            for structure, stacked in zip(structures, arrays, strict=True):
                self.target.append(tree.unflatten(structure, [StackSlice.of(stack, iteration) for stack in stacked]))


def _strong(node: Node) -> Node:
    return converted(node, ArrayType(node.shape, node.dtype))
