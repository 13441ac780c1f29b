"""What a reverse loop needs of the forward loop: save it, or compute it again.

The body of a reverse iteration reads values of the forward iteration. Each must be *available*: given anyway (a
constant, the loop index, a per-iteration input), or saved by the forward pass, or recomputed from available ones. Let

    s(v)   the price of saving v: its bytes
    r(v)   the price of computing v once more, in bytes that take as long; infinite for the carries and for the loops of
           the forward pass, zero for what the forward pass would not compute at all

Then the cheapest choice minimises  sum of s(v) over the saved + sum of r(v) over the recomputed,  where a recomputed
value needs its operands available. That is a minimum cut. Split each value into *in* and *out*, and connect

    source → in   r(v)          out of an operand → in of its reader   infinite
    in → out      s(v)          out → sink                             infinite, for what the reverse body reads

A value whose *out* is on the sink's side is available. If its *in* is on the source's side, the edge between them is
cut: it is saved. Otherwise the edge from the source is cut: it is recomputed. Among the cheapest cuts the one nearest
to the sink is taken: it recomputes least.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from srcgrad.core.lowering import (
    Assemble,
    Cast,
    Contract,
    Gather,
    Generate,
    Overlap,
    Pointwise,
    Reduce,
    Reshape,
    Scatter,
    Structure,
    View,
)
from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.node import Node, topological_until
from srcgrad.graph.structure import INPUT, is_run_time_stack
from srcgrad.transform.rewrite import dependents

#: the price of running a loop again whose trip count is known only at run time: its stacks cannot be saved
_STACKING = 1e12


def reads_of(roots: Sequence[Node], cotangent_inputs: Iterable[Node]) -> list[Node]:
    """The forward values that cotangents read: what does not depend on their inputs, but is an operand of what does."""
    order = topological_until(roots, set())
    backward = dependents(order, cotangent_inputs)
    operands = [operand for node in order if node in backward for operand in node.inputs]
    return [node for node in dict.fromkeys([*operands, *roots]) if node not in backward]


def residuals(
    needed: Iterable[Node], free: Iterable[Node], outputs: Iterable[Node], at_hand: Iterable[Node] = ()
) -> list[Node]:
    """Which values to save so that the needed ones are available, given the free ones; in topological order.

    ``outputs`` are what the forward pass computes in any case. Of two equal choices a value ``at_hand`` is saved.
    """
    needed, free = list(needed), set(free)
    order = [node for node in topological_until(needed, free) if not _costs_nothing(node, free)]
    available = set(order)
    needed = [node for node in needed if node in available]
    if not needed:
        return []
    computed = set(topological_until(outputs, free))
    preferred = set(at_hand)
    network = _Network(2 * len(order) + 2)
    source, sink = 2 * len(order), 2 * len(order) + 1
    position = {node: 2 * k for k, node in enumerate(order)}
    for node, into in position.items():
        network.connect(source, into, _recompute_price(node, node in computed))
        network.connect(into, into + 1, _save_price(node) * (0.5 if node in preferred else 1.0))
        for operand in set(node.inputs):
            if operand in position:
                network.connect(position[operand] + 1, into, math.inf)
    for node in set(needed):
        network.connect(position[node] + 1, sink, math.inf)
    network.saturate(source, sink)
    sink_side = network.reaching(sink)
    return [node for node, into in position.items() if into not in sink_side and into + 1 in sink_side]


def _costs_nothing(node: Node, free: set[Node]) -> bool:
    return node in free or (isinstance(node.op.lowering, Structure) and node.op is not INPUT and not node.inputs)


def _bytes(type_: ArrayType) -> float:
    return type_.size * type_.dtype.itemsize


def _save_price(node: Node) -> float:
    """Bytes; a node with several results cannot be saved as one, only its parts can, and a stack has no fixed size."""
    if isinstance(node.type, TupleType) or is_run_time_stack(node.type):
        return math.inf
    return max(_bytes(node.type), 1)


def _recompute_price(node: Node, is_computed_anyway: bool) -> float:
    if node.op is INPUT:
        return math.inf
    if isinstance(node.type, TupleType):
        if not is_computed_anyway:
            return 0.0
        return _STACKING if any(map(is_run_time_stack, node.type.elements)) else math.inf
    operations = _operations(node)
    return operations * node.dtype.itemsize / 8 if is_computed_anyway or operations == math.inf else 0.0


def _operations(node: Node) -> float:
    """How many multiplications take as long as this node."""
    kind = node.op.lowering
    match kind:
        case View() | Reshape():
            return 0.0
        case Structure():  # the projection of a tuple: as the tuple
            return 0.0
        case Pointwise():
            return kind.cost * node.size
        case Cast() | Assemble() | Gather() | Scatter() | Generate():
            return float(node.size)
        case Reduce() | Overlap():
            return float(node.inputs[0].size)
        case Contract():
            return _contracted_size(node.params["spec"], node.inputs)
    return math.inf


def _contracted_size(spec: str, operands: Sequence[Node]) -> float:
    extents: dict[str, int] = {}
    for labels, operand in zip(spec.partition("->")[0].split(","), operands, strict=True):
        extents.update(zip(labels, operand.shape, strict=True))
    return float(math.prod(extents.values()))


class _Network:
    """Maximum flow by shortest augmenting paths in levels (Dinic 1970). Small graphs only: a loop body."""

    def __init__(self, vertices: int) -> None:
        self._edges_of: list[list[int]] = [[] for _ in range(vertices)]
        self._target: list[int] = []
        self._capacity: list[float] = []

    def connect(self, start: int, end: int, capacity: float) -> None:
        for a, b, room in ((start, end, capacity), (end, start, 0.0)):
            self._edges_of[a].append(len(self._target))
            self._target.append(b)
            self._capacity.append(room)

    def saturate(self, source: int, sink: int) -> None:
        while True:
            level = self._levels(source)
            if level[sink] < 0:
                return
            unused = [iter(edges) for edges in self._edges_of]
            while self._augment(source, sink, level, unused):
                pass

    def reaching(self, sink: int) -> set[int]:
        """The vertices from which the sink can still be reached."""
        found = {sink}
        queue = deque([sink])
        while queue:
            vertex = queue.popleft()
            for edge in self._edges_of[vertex]:
                before = self._target[edge]
                if before not in found and self._capacity[edge ^ 1] > 0:
                    found.add(before)
                    queue.append(before)
        return found

    def _levels(self, source: int) -> list[int]:
        level = [-1] * len(self._edges_of)
        level[source] = 0
        queue = deque([source])
        while queue:
            vertex = queue.popleft()
            for edge in self._edges_of[vertex]:
                if self._capacity[edge] > 0 and level[self._target[edge]] < 0:
                    level[self._target[edge]] = level[vertex] + 1
                    queue.append(self._target[edge])
        return level

    def _augment(self, source: int, sink: int, level: list[int], unused: list[Iterator[int]]) -> bool:
        """Push flow along one path of falling distance to the sink, if there is one."""
        path: list[int] = []
        vertex = source
        while vertex != sink:
            for edge in unused[vertex]:
                if self._capacity[edge] > 0 and level[self._target[edge]] == level[vertex] + 1:
                    path.append(edge)
                    break
            else:
                if not path:
                    return False
                vertex = self._target[path.pop() ^ 1]
                continue
            vertex = self._target[path[-1]]
        room = min(self._capacity[edge] for edge in path)
        for edge in path:
            self._capacity[edge] -= room
            self._capacity[edge ^ 1] += room
        # Edges of the path that still have room stay usable: begin each vertex again there.
        for edge in path:
            if self._capacity[edge] > 0:
                vertex = self._target[edge ^ 1]
                unused[vertex] = chain([edge], unused[vertex])
        return True
