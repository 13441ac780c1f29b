"""Scalar replacement across iterations: what an iteration reads where the one before has written is handed on.

    for i: a[i + 1] = f(a[i], ...)      ->      e = a[0];  for i: e = f(e, ...); a[i + 1] = e

A recurrence along an array waits in every iteration for the store and for the load behind it, which takes longer than
most of its arithmetic; a number that the loop carries stays in a register (Callahan, Carr and Kennedy, "Improving
register allocation for subscripted variables", 1990). But of a longer sum LLVM adds that number first, and the
recurrence waits for all of the sum: there the read stays.

Places are linear in the index of the loop: i, minus i or neither, plus something that the loop does not change. A read
slides if its place in the next iteration is that of a write in this one, and no later write of the iteration is there.
What the element then holds is what was written, or what was there with something added. This is for the graph that is
scheduled, after all derivatives are taken; only loops of known length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from srcgrad.core.op import apply
from srcgrad.graph.node import Graph, Node, substitute
from srcgrad.graph.structure import constant, loop, new_input
from srcgrad.transform.loops import LoopParts
from srcgrad.transform.rewrite import dependents, redirect, uniform_value, with_loops

_SUMS = ("add", "accumulate", "subtract")


def hand_on_elements(graph: Graph) -> Graph:
    """The same graph, and the graphs inside its regions, with elements handed on from iteration to iteration."""
    return with_loops(graph, lambda loop: _Sliding(loop).run() if (loop.params["length"] or 0) > 1 else None)


@dataclass(frozen=True)
class _Line:
    """An index: ``slope`` times the loop's, plus a node that the loop does not change (or none), plus a number."""

    slope: int
    base: Node | None
    offset: int

    def plus(self, number: int) -> _Line:
        return replace(self, offset=self.offset + number)

    def is_apart(self, other: _Line, extent: int) -> bool:
        """Whether the two name different places in every iteration, also counted from the end."""
        same_line = (self.slope, self.base) == (other.slope, other.base)
        return same_line and (self.offset - other.offset) % extent != 0


_Place = tuple[_Line, ...]


class _Sliding:
    """What one loop hands on."""

    def __init__(self, node: Node) -> None:
        self.parts = parts = LoopParts(node)
        self.index = parts.body.inputs[0]
        self.order = parts.body.nodes()
        self.varying = dependents(self.order, [self.index, *parts.inner[parts.n_consts :]])
        self.step = -1 if node.params["reverse"] else 1
        self.users: dict[Node, list[Node]] = {}
        for user in self.order:
            for operand in user.inputs:
                self.users.setdefault(operand, []).append(user)

    def run(self) -> list[Node] | None:
        """What replaces the results of the loop, None where nothing slides."""
        parts = self.parts
        found = {}  # the read: what it is in the next iteration
        for position in parts.carries:
            for read in self.reads_of(parts.inner[position]):
                following = self.handed_on(read, parts.body.outputs[position - parts.n_consts])
                if following is not None:
                    found[read] = following
        if not found:
            return None
        slots = {read: new_input(read.array_type, "element") for read in found}
        outputs = redirect([*parts.body.outputs, *found.values()], slots)
        count, added = parts.n_carries, len(found)
        inner = parts.body.inputs
        stop = 1 + parts.carries.stop
        results = loop(
            parts.trip_count,
            parts.operands[: parts.n_consts],
            [*parts.operands[parts.n_consts : parts.carries.stop], *map(self.at_first, found)],
            parts.operands[parts.carries.stop :],
            body=Graph(
                (*inner[:stop], *slots.values(), *inner[stop:]),
                (*outputs[:count], *outputs[len(outputs) - added :], *outputs[count : len(outputs) - added]),
                parts.body.name,
            ),
            length=parts.length,
            reverse=parts.node.params["reverse"],
        )
        return [*results[:count], *results[count + added :]]

    def reads_of(self, carry: Node) -> list[Node]:
        """The reads of one element that an iteration finds in an array."""
        reads = [n for n in self.order if n.op.name == "gather" and n.inputs[0] is carry and n.ndim == 0]
        return [read for read in reads if not self.is_in_long_sum(read)]

    def is_in_long_sum(self, read: Node) -> bool:
        """Whether a read is added to two terms or more, one after the other."""
        sums = [user for user in self.users.get(read, ()) if user.op.name in _SUMS]
        above = [user for one in sums for user in self.users.get(one, ()) if user.op.name in _SUMS]
        beside = [operand for one in sums for operand in one.inputs if operand.op.name in _SUMS]
        return bool(above or beside)

    def handed_on(self, read: Node, end: Node) -> Node | None:
        """What an iteration leaves, in the array that it ends with, where the next one reads."""
        place = self.place(read, 1)
        if place is None:
            return None
        following = tuple(line.plus(line.slope * self.step) for line in place)
        if following == place:
            return None
        while end.op.name in ("scatter_set", "scatter_add"):
            written = self.place(end, 2)
            if written is None or end.params["axes"] != read.params["axes"]:
                return None
            if written == following:
                base, value = end.inputs[:2]
                if end.op.name == "scatter_set":
                    return value
                params = {key: end.params[key] for key in ("axes", "position")}
                row = "accumulate" if end.dtype.kind in "fc" else "add"
                return apply(row, apply("gather", base, *end.inputs[2:], **params), value)  # type: ignore[no-any-return]
            extents = [end.shape[axis] for axis in end.params["axes"]]
            if not any(a.is_apart(b, e) for a, b, e in zip(written, following, extents, strict=True)):
                return None
            end = end.inputs[0]
        return None

    def place(self, node: Node, first: int) -> _Place | None:
        """Where a node reads or writes one element; ``first`` is its first index among its operands."""
        if len(node.params["axes"]) != node.inputs[0].ndim or any(index.ndim for index in node.inputs[first:]):
            return None
        lines = [self.line(index) for index in node.inputs[first:]]
        known = tuple(line for line in lines if line is not None)
        return known if len(known) == len(lines) else None

    def line(self, node: Node) -> _Line | None:
        if node is self.index:
            return _Line(1, None, 0)
        number = uniform_value(node)
        if number is not None:
            return _Line(0, None, number)
        if node.op.name in ("add", "subtract"):
            left, right = map(uniform_value, node.inputs)
            sign = 1 if node.op.name == "add" else -1
            if right is not None:
                line = self.line(node.inputs[0])
                return line and line.plus(sign * right)
            if left is not None:
                line = self.line(node.inputs[1])
                if line is None or (sign < 0 and line.base is not None):
                    return None
                return _Line(sign * line.slope, line.base, left + sign * line.offset)
        return None if node in self.varying else _Line(0, node, 0)

    def at_first(self, read: Node) -> Node:
        """What the first iteration reads."""
        assert self.parts.length is not None
        first = self.parts.length - 1 if self.step < 0 else 0
        given = dict(zip(self.parts.inner[: self.parts.carries.stop], self.parts.operands, strict=False))
        given[self.index] = constant(np.asarray(first, self.index.dtype))
        return substitute([read], given)[0]
