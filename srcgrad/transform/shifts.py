"""Shifts: an array to which one value was added at several offsets is computed in one pass.

The adjoint of a stencil ``u[1:-1] + u[:-2] + u[2:]`` adds one cotangent v to overlapping windows of an array, each in a
pass over it:

    b[1:-1] += v; b[:-2] += v; b[2:] += v

With v padded by zeros, p[k + 2] = v[k], every element of the result is one sum, whatever windows it lies in:

    b[i] + p[i + 1] + p[i + 2] + p[i]

Where a block of the result is then overwritten (by the adjoint of writing a block), or was before, the block and the
frame around it are computed apart: the block in one pass that shares its loop with whatever reads the same block, the
frame as thin slabs.

Only sums of cotangents are taken apart: what the user has added up is added up as it is written. This is for the graph
that is scheduled, after all derivatives are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from srcgrad.core.lowering import Region, frame
from srcgrad.core.op import apply
from srcgrad.graph.node import Graph, Node
from srcgrad.transform.part_rules import Block, block_of, is_within, slice_block, whole, written_block
from srcgrad.transform.rewrite import Relocator, filled, redirect, uniform_value, with_graphs

#: arrays with fewer elements than this are left alone: their updates are unrolled
_SMALLEST = 64
#: a sum of windows is computed again for so many slices of it rather than stored
_MOST_SLICES = 2

Users = dict[Node, list[Node]]


def gather_shifts(graph: Graph) -> Graph:
    """The same graph, and the graphs inside its regions, with sums over overlapping windows computed in one pass."""
    nodes = graph.nodes()
    users: Users = {node: [] for node in nodes}
    for node in nodes:
        for operand in node.inputs:
            users[operand].append(node)
    for output in graph.outputs:
        users[output].append(output)  # as if it read itself: nobody knows where it goes
    replacements: dict[Node, Node] = {}
    relocate = Relocator()
    for node in nodes:
        if isinstance(node.op.lowering, Region):
            replacements[node] = with_graphs(node, gather_shifts)
        else:
            chain = _chain_ending_at(node, users)
            replacements.update(_rewritten(chain, users) if chain is not None else {})
    changed = {node: new for node, new in replacements.items() if new is not node}
    for node, new in changed.items():
        relocate([new], node.location)
    return replace(graph, outputs=tuple(redirect(graph.outputs, changed))) if changed else graph


@dataclass(frozen=True)
class _Window:
    """``factor * value``, added to a block of the value's shape at ``starts``."""

    value: Node
    starts: tuple[int, ...]
    factor: float = 1

    def without_factor(self) -> _Window:
        """The window of what is negated or multiplied by a known finite number; the zeros around it stay zeros."""
        value, factor = self.value, self.factor
        while True:
            if value.op.name == "negative":
                value, factor = value.inputs[0], -factor
                continue
            numbers = [uniform_value(x) for x in value.inputs] if value.op.name == "multiply" else []
            known = [k for k, number in enumerate(numbers) if number is not None and np.isfinite(number)]
            if not known:
                return _Window(value, self.starts, factor)
            value, factor = value.inputs[1 - known[0]], factor * numbers[known[0]]

    def of(self, x: Node) -> Node:
        if self.factor == 1:
            return x
        if self.factor == -1:
            return apply("negative", x)  # type: ignore[no-any-return]
        return apply("multiply", x, filled(x.array_type, self.factor))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Chain:
    """``base``, to which values are added at windows, one after the other; ``end`` is the result."""

    base: Node
    end: Node
    windows: tuple[_Window, ...]

    def part(self, block: Block) -> Node:
        """A block of the result."""
        total = slice_block(self.base, block)
        for window in self.windows:
            padded, origin = self.padded(window.value)
            moved = tuple(
                range(part.start + offset, part.stop + offset)
                for part, offset in zip(block, np.subtract(origin, window.starts).tolist(), strict=True)
            )
            total = apply("accumulate", total, window.of(slice_block(padded, moved)))
        return total

    def padded(self, value: Node) -> tuple[Node, tuple[int, ...]]:
        """A value with zeros on all sides, as many as its windows need, and where in it the value begins."""
        starts = list(zip(*(window.starts for window in self.windows if window.value is value), strict=True))
        origin = tuple(map(max, starts))
        shape = tuple(e + last - min(own) for e, last, own in zip(self.end.shape, origin, starts, strict=True))
        return apply("place", value, shape=shape, starts=origin, steps=(1,) * len(shape)), origin

    def around(self, block: Block, part: Node) -> Node:
        """The result where it is not in a block, and a part written over the block."""
        base = self.base
        if base.op.name == "update" and is_within(written_block(base), block):
            base = base.inputs[0]
        for slab in frame(self.end.shape, block):
            base = _written(base, self.part(slab), slab)
        return _written(base, part, block)


def _written(base: Node, part: Node, block: Block) -> Node:
    starts, steps = tuple(p.start for p in block), tuple(p.step for p in block)
    return apply("update", base, part, starts=starts, steps=steps)  # type: ignore[no-any-return]


def _has_unit_steps(block: Block) -> bool:
    return all(part.step == 1 and len(part) > 0 for part in block)


def _added(node: Node) -> tuple[Node, _Window] | None:
    """The base and the window, where a node is an array with something added to a block of it."""
    if node.op.name != "update" or not _has_unit_steps(written_block(node)):
        return None
    base, part = node.inputs
    terms = list(_terms(part))
    own = [term for term in terms if _is_block_of(term, base, written_block(node))]
    if not own:  # a smaller block was written before: the update went on from below that
        own = [term for term in terms if _is_written_over(term, base, written_block(node))]
    if len(own) != 1 or len(terms) < 2:
        return None
    base = own[0].inputs[0]
    first, *others = (term for term in terms if term is not own[0])
    for other in others:
        first = apply("accumulate", first, other)
    return base, _Window(first, node.params["starts"])


def _terms(node: Node) -> Iterator[Node]:
    """What a sum of cotangents is made of."""
    if node.op.name == "accumulate":
        for operand in node.inputs:
            yield from _terms(operand)
    else:
        yield node


def _is_block_of(node: Node, base: Node, block: Block) -> bool:
    return node.op.name == "slice" and node.inputs[0] is base and _read_block(node) == block


def _is_written_over(node: Node, base: Node, block: Block) -> bool:
    """Whether a node is a block of the base after a write inside that block."""
    if node.op.name != "slice" or node.inputs[0].op.name != "update":
        return False
    written = node.inputs[0]
    return written.inputs[0] is base and _read_block(node) == block and is_within(written_block(written), block)


def _read_block(node: Node) -> Block:
    return block_of(node.params["starts"], node.shape, node.params["steps"])


def _is_passed_on(node: Node, users: Users) -> bool:
    """Whether all that becomes of an array is that something is added to a block of it."""
    if node.op.name == "update" and set(users[node.inputs[1]]) != {node}:
        return False
    updates = {user for user in users[node] if user.op.name == "update" and user.inputs[0] is node}
    if len(updates) != 1 or any(user is node for user in users[node]):
        return False
    (update,) = updates
    return _added(update) is not None and all(
        user is update or _is_block_of(user, node, written_block(update)) for user in users[node]
    )


def _chain_ending_at(node: Node, users: Users) -> _Chain | None:
    if node.op.name != "update" or node.size < _SMALLEST or _is_passed_on(node, users):
        return None
    windows: list[_Window] = []
    base = node
    while (added := _added(base)) is not None and (base is node or _is_passed_on(base, users)):
        base, window = added
        windows.append(window)
    return _Chain(base, node, tuple(reversed(windows))) if len(windows) > 1 else None


def _rewritten(chain: _Chain, users: Users) -> dict[Node, Node]:
    """What replaces the end of a chain, or what reads it."""
    gathered = _gathered(chain)
    if gathered is None:
        return {}
    block = written_block(chain.end)
    beside = set(users[chain.end.inputs[1]]) - {chain.end}  # they read the last block before it is written
    readers = set(users[chain.end])
    overwrites = [u for u in readers if u.op.name == "update" and u.inputs[0] is chain.end and _added(u) is None]
    slices = [u for u in readers if _is_slice(u)]
    found = {u: gathered.part(_within_block(_read_block(u), block)) for u in beside if _is_slice(u)}
    if len(slices) + len(beside) > _MOST_SLICES or len(found) < len(beside):
        return {}
    if len(overwrites) == 1 and len(overwrites) + len(slices) == len(readers):
        (last,) = overwrites
        if _has_unit_steps(written_block(last)) and last.inputs[1] is not chain.end:
            found |= {reader: gathered.part(_read_block(reader)) for reader in slices}
            return {**found, last: gathered.around(written_block(last), last.inputs[1])}
    if gathered.base.op.name == "update" and _has_unit_steps(block := written_block(gathered.base)):
        return {**found, chain.end: gathered.around(block, gathered.part(block))}
    return {**found, chain.end: gathered.part(whole(chain.end.shape))}


def _is_slice(node: Node) -> bool:
    return node.op.name == "slice" and _has_unit_steps(_read_block(node))


def _within_block(inner: Block, block: Block) -> Block:
    """A block of a block."""
    return tuple(range(p.start + q.start, p.stop + q.start) for p, q in zip(inner, block, strict=True))


def _gathered(chain: _Chain) -> _Chain | None:
    """The chain with as few different values as possible; None where windows are small or hardly share any."""
    values = {window.value for window in chain.windows}
    plain = tuple(window.without_factor() for window in chain.windows)
    windows = plain if len({window.value for window in plain}) < len(values) else chain.windows
    values = {window.value for window in windows}
    if 2 * len(values) > len(windows) or any(2 * value.size < chain.end.size for value in values):
        return None
    return replace(chain, windows=windows)
