"""Roll: what a program repeats becomes a loop.

    x = sin(x) * a0 + b0; x = sin(x) * a1 + b1; ...     ->   for t: x = sin(x) * a[t] + b[t]
    h = tanh(w0 @ h + b0); h = tanh(w1 @ h + b1); ...   ->   for t: h = tanh(w[t] @ h + b[t])
    y = f(p, x0) + f(p, x1) + ...                       ->   for t: y = y + f(p, x[t])
    [f(x0), f(x1), ...]                                 ->   for t: y[t] = f(x[t])

Python's own loops over lists, comprehensions, helpers called again and again, and code that was written out, all leave
a graph with a part for every repetition. Everything that comes later takes time for each of its nodes, machine code
most of all; a loop is one node. The order in which numbers are added stays as it was.

This comes before differentiation: the adjoint of a loop is a loop.

1. The graph is cut into paths: from each node to its deepest operand. A repetition that reads the one before is a path
   whose operations come again and again (`periods`).
2. From the nodes of the path, all other nodes of the repetition follow (`bundles`).
3. They are replaced by a loop node (`rolled`), if that saves enough.

Repetitions that do not read each other are found at what reads them all: the operands of a concatenation, or the
graph's own results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from weakref import WeakSet

from srcgrad.core.lowering import Assemble, Region
from srcgrad.core.settings import settings
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import CONSTANT, INPUT
from srcgrad.transform.bundles import Bundle, Closure, Kinds, Regroup, Stack, Unfit, is_computed, is_free
from srcgrad.transform.lift import lift_constants
from srcgrad.transform.periods import Repetition, longest_repetition
from srcgrad.transform.rewrite import Relocator, redirect, with_graphs
from srcgrad.transform.rolled import rolled

#: rounds over a graph: one finds what one left over, or loops that are alike
_ROUNDS = 8
#: how often several iterations are made one
_REGROUPINGS = 4

#: graphs in which nothing is to be rolled
_done: WeakSet[Graph] = WeakSet()


def roll(graph: Graph) -> Graph:
    """The same graph with loops in place of repetitions; the graphs inside its regions too."""
    if graph in _done or not settings.roll_repetitions:
        return graph
    for _ in range(_ROUNDS):
        order = graph.nodes()
        if any(isinstance(node.op.lowering, Region) for node in order):
            graph = _inside(graph)
            lifted = lift_constants(graph, settings.roll_repetitions + 1)
            order = lifted.nodes()
        else:
            lifted = graph
        smaller = _Round(lifted, order).run()
        if smaller is lifted:
            break
        graph = smaller
    _done.add(graph)
    return graph


def _inside(graph: Graph) -> Graph:
    """The graph with loops inside of its regions."""
    replacements = {}
    for node in graph.nodes():
        if isinstance(node.op.lowering, Region):
            inside = with_graphs(node, roll)
            if inside is not node:
                replacements[node] = inside
    return replace(graph, outputs=tuple(redirect(graph.outputs, replacements))) if replacements else graph


class _Round:
    """One pass over a graph: loops that do not overlap."""

    def __init__(self, graph: Graph, nodes: Sequence[Node]) -> None:
        self.graph = graph
        self.order = sorted(nodes, key=lambda node: node.serial)  # as the program was written
        self.position = {node: k for k, node in enumerate(self.order)}
        self.least = settings.roll_repetitions + 1
        self.kinds = Kinds()
        self.taken: list[tuple[int, int]] = []
        self.replacements: dict[Node, Node] = {}
        self.relocate = Relocator()

    def run(self) -> Graph:
        if len(self.order) < settings.roll_operations:
            return self.graph
        self.readers: dict[Node, list[Node]] = {}
        for node in self.order:
            for operand in node.inputs:
                self.readers.setdefault(operand, []).append(node)
        self.ends = set(self.graph.outputs)
        for path in self.paths():
            self.roll_along(path)
        for nodes in self.joined():
            self.roll_along(nodes)
        if not self.replacements:
            return self.graph
        return replace(self.graph, outputs=tuple(redirect(self.graph.outputs, self.replacements)))

    # where repetitions are looked for

    def paths(self) -> Iterator[list[Node]]:
        """Paths from an operand to its reader, each node in one, the longest first."""
        height: dict[Node, int] = {}
        deepest: dict[Node, Node] = {}
        for node in self.order:
            height[node] = 0
            if is_computed(node) and node.inputs:
                deepest[node] = max(node.inputs, key=height.__getitem__)
                height[node] = 1 + height[deepest[node]]
        seen: set[Node] = set()
        for node in sorted(self.order, key=lambda node: -height[node]):
            path = []
            end: Node | None = node
            while end is not None and end not in seen and is_computed(end):
                seen.add(end)
                path.append(end)
                end = deepest.get(end)
            if len(path) >= self.least:
                yield path[::-1]

    def joined(self) -> Iterator[Sequence[Node]]:
        """Values that are put together to one, or are results together."""
        for node in self.order:
            if isinstance(node.op.lowering, Assemble) and len(node.inputs) >= self.least:
                yield node.inputs
        if len(self.graph.outputs) >= self.least:
            yield self.graph.outputs

    def roll_along(self, nodes: Sequence[Node]) -> None:
        """Find and replace the repetitions in a sequence of nodes, the longest first."""
        waiting = [nodes]
        while waiting:
            part = waiting.pop()
            symbols = [self.kinds[node] for node in part]
            found = longest_repetition(symbols, self.least)
            if found is None:
                continue
            first, stop = self.replace(part, found) or (found.start, found.start + found.covered)
            waiting += [rest for rest in (part[:first], part[stop:]) if len(rest) >= self.least]

    # replacing

    def replace(self, path: Sequence[Node], found: Repetition) -> tuple[int, int] | None:
        """Replace a repetition; the part of the sequence that the loop has taken, None where there is none."""
        for _ in range(_REGROUPINGS):
            nodes = path[found.start : found.start + found.covered]
            seeds = [nodes[k :: found.period] for k in range(found.period)]
            try:
                closure = Closure(seeds, self.kinds, self.least)
                closure.settle(self.order, self.position)
            except Regroup as better:
                found = Repetition(
                    found.start + better.start * found.period, found.period * better.period, better.count
                )
                continue
            except Unfit:
                return None
            if not self.is_worth_it(closure) or self.overlaps(closure):
                return None
            self.commit(closure)
            return found.start + closure.first * found.period, found.start + closure.stop * found.period
        return None

    def overlaps(self, closure: Closure) -> bool:
        """Whether it lies among the nodes of another loop: two loops that wait for each other would be the end."""
        first, last = closure.span(self.position)
        return any(first <= b and a <= last for a, b in self.taken)

    def is_worth_it(self, closure: Closure) -> bool:
        count = closure.stop - closure.first
        computed = count * sum(_operations(_some(bundle, closure)) for bundle in closure.bundles)
        stacks = {tuple(x.nodes) for bundle in closure.bundles for x in bundle.operands if isinstance(x, Stack)}
        copied = {node for nodes in stacks for node in nodes if node is not None and not _is_at_hand(node)}
        if sum(_bytes(node) for nodes in stacks for node in nodes if node is not None) > settings.roll_bytes:
            return False
        return computed - len(copied) >= settings.roll_operations

    def commit(self, closure: Closure) -> None:
        computed = closure.computed()
        self.taken.append(closure.span(self.position))

        def is_read(node: Node) -> bool:
            return node in self.ends or any(reader not in computed for reader in self.readers.get(node, ()))

        replacements = rolled(closure, self.position, is_read)
        self.relocate(replacements.values(), _some(closure.bundles[0], closure).location)
        self.replacements.update(replacements)


def _operations(node: Node) -> int:
    """Of one iteration; a region counts by what is in it."""
    if not isinstance(node.op.lowering, Region):
        return 0 if is_free(node) else 1
    return 1 + sum(len(value.nodes()) for value in node.params.values() if isinstance(value, Graph))


def _bytes(node: Node) -> int:
    """What a stack takes for it."""
    return 0 if node.op.name == "slice" else node.size * node.dtype.itemsize


def _is_at_hand(node: Node) -> bool:
    """Whether a stack of such nodes takes no statements: constants, parts of an array, and inputs (`pack`)."""
    return node.op in (CONSTANT, INPUT) or node.op.name == "slice"


def _some(bundle: Bundle, closure: Closure) -> Node:
    node = bundle.nodes[closure.first]
    assert node is not None
    return node
