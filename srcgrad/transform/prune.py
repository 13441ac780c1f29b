"""Prune: loops and branches without the results, carries and operands that nobody reads.

Everything else is pruned by construction: a graph is what its outputs depend on. A region is one node with several
results, so here it is decided, from the outputs backwards, which of them are live. A carry is live where a live result
depends on it, at any iteration, through any regions inside. What each output of a graph needs of its inputs is found
once for each graph and kept, so a graph is walked over without looking into its regions, and only those with something
dead are rebuilt: transformations prune at every level of nested regions, and most of what they find is pruned already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from srcgrad.core.lowering import Region
from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import COND, ITEM, LOOP, WHILE, item
from srcgrad.transform.rewrite import with_graphs, with_inputs

#: Graphs in which nothing is dead where all outputs are live.
_whole: WeakSet[Graph] = WeakSet()
#: For each output of a graph, the positions of the inputs that it needs: a set of bits.
_needs: WeakKeyDictionary[Graph, list[int]] = WeakKeyDictionary()


def prune(graph: Graph) -> Graph:
    """The graph without dead results, carries and operands of regions; itself where there are none."""
    return _pruned(graph, list(range(len(graph.inputs))), list(range(len(graph.outputs))))


def _bits(mask: int) -> Iterator[int]:
    """The members of a set of bits."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _is_result(node: Node) -> bool:
    return node.op is ITEM and node.inputs[0].op.name in _KEEP


def _needs_of(graph: Graph) -> list[int]:
    found = _needs.get(graph)
    if found is None:
        masks = {node: 1 << position for position, node in enumerate(graph.inputs)}
        reads: dict[Node, _Reads] = {}
        for node in graph.nodes():
            if node in masks:
                continue
            operands = node.inputs
            if _is_result(node):
                region = node.inputs[0]
                if region not in reads:
                    reads[region] = _Reads(region)
                operands = tuple(region.inputs[k] for k in _bits(reads[region].operands[node.params["index"]]))
            mask = 0
            for operand in operands:
                mask |= masks[operand]
            masks[node] = mask
        found = _needs[graph] = [masks[output] for output in graph.outputs]
    return found


class _Reads:
    """For each result of a region, which results are live where it is, and which operands: sets of bits."""

    def __init__(self, node: Node) -> None:
        self.results: list[int] = []
        self.operands: list[int] = []
        #: of a loop: the carries that never change, which are no results but constants
        self.fixed: frozenset[int] = frozenset()
        {COND: self._of_cond, LOOP: self._of_loop, WHILE: self._of_while}[node.op](node)

    def _of_cond(self, node: Node) -> None:
        sides = zip(_needs_of(node.params["then"]), _needs_of(node.params["orelse"]), strict=True)
        self.operands = [1 | (then | orelse) << 1 for then, orelse in sides]
        self.results = [1 << k for k in range(len(self.operands))]

    def _of_loop(self, node: Node) -> None:
        body, first, count = node.params["body"], 1 + node.params["n_consts"], node.params["n_carries"]
        self.fixed = frozenset(k for k in range(count) if body.outputs[k] is body.inputs[first + k])
        needs = [mask | 1 << (first + k) if k < count else mask for k, mask in enumerate(_needs_of(body))]
        # The operands of a loop are in the order of the inputs of its body, with the trip count for the index.
        changing = sum(1 << k for k in range(count) if k not in self.fixed)
        for k, mask in enumerate(_closed(needs, first, count)):
            self.results.append(0 if k in self.fixed else (mask >> first) & changing | 1 << k)
            self.operands.append(mask if k in self.fixed else mask | 1)

    def _of_while(self, node: Node) -> None:
        n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
        test, needs = _needs_of(node.params["cond"])[0], _needs_of(node.params["body"])
        needs = [mask | (1 << k | test >> n_cond) << n_body for k, mask in enumerate(needs)]
        for mask in _closed(needs, n_body, len(needs)):
            self.results.append(mask >> n_body)
            self.operands.append(test & ((1 << n_cond) - 1) | mask << n_cond)


def _closed(needs: list[int], first: int, count: int) -> list[int]:
    """What each output of a body needs at any iteration; the carries are its inputs from ``first`` on."""
    for k in range(count):
        bit, more = 1 << (first + k), needs[k]
        needs = [mask | more if mask & bit else mask for mask in needs]
    return needs


@dataclass(eq=False)
class _Live:
    """What is live of a graph where these of its outputs are."""

    nodes: set[Node] = field(default_factory=set)
    results: dict[Node, int] = field(default_factory=dict)
    operands: dict[Node, int] = field(default_factory=dict)
    reads: dict[Node, _Reads] = field(default_factory=dict)

    def walk(self, roots: list[Node]) -> None:
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node in self.nodes:
                continue
            self.nodes.add(node)
            if not _is_result(node):
                waiting.extend(node.inputs)
                continue
            region, index = node.inputs[0], node.params["index"]
            if region not in self.reads:
                self.reads[region] = _Reads(region)
                self.results[region] = self.operands[region] = 0
            reads = self.reads[region]
            self.results[region] |= reads.results[index]
            more = reads.operands[index] & ~self.operands[region]
            self.operands[region] |= more
            waiting.extend(region.inputs[k] for k in _bits(more))


@dataclass(frozen=True)
class _Kept:
    """What stays of a region node: positions of its operands; for each live result its new position.

    A carry that never changes is no result: ``passed`` says which operand it is. ``params`` is None if nothing stays.
    """

    params: dict[str, Any] | None
    operands: list[int]
    results: dict[int, int]
    passed: dict[int, int]


def _pruned(graph: Graph, inputs: list[int], outputs: list[int]) -> Graph:
    """The live part of a graph, with these of its inputs and outputs; the graph itself where it has no other part."""
    is_all = len(inputs) == len(graph.inputs) and len(outputs) == len(graph.outputs)
    if is_all and graph in _whole:
        return graph
    live = _Live()
    live.walk([graph.outputs[k] for k in outputs])
    new: dict[Node, Node] = {}
    kept: dict[Node, _Kept] = {}
    for node in graph.nodes():
        if node in live.reads:
            kept[node] = _KEEP[node.op.name](node, list(_bits(live.results[node])), live.reads[node])
            if kept[node].params is not None:
                new[node] = _rebuilt(node, kept[node], new)
        elif node not in live.nodes:
            continue
        elif _is_result(node):
            new[node] = _projected(node, kept[node.inputs[0]], new)
        else:
            operands = [new[operand] for operand in node.inputs]
            new[node] = with_inputs(node, operands)
            if isinstance(node.op.lowering, Region):  # all of it is kept, as its rule asks for its graph
                new[node] = with_graphs(new[node], prune)
    made = tuple(new[graph.outputs[k]] for k in outputs)
    if is_all and all(a is b for a, b in zip(made, graph.outputs, strict=True)):
        _whole.add(graph)
        return graph
    return Graph(tuple(graph.inputs[k] for k in inputs), made, graph.name)


def _rebuilt(node: Node, kept: _Kept, new: dict[Node, Node]) -> Node:
    operands = tuple(new[node.inputs[k]] for k in kept.operands)
    assert kept.params is not None
    assert isinstance(node.type, TupleType)
    if len(kept.results) == len(node.type.elements) and all(
        kept.params[key] is node.params[key] for key in node.params
    ):
        return with_inputs(node, operands)
    type_ = TupleType(tuple(node.type.elements[k] for k in kept.results))
    return make_node(node.op, operands, kept.params, type_, node.location)


def _projected(node: Node, kept: _Kept, new: dict[Node, Node]) -> Node:
    index, source = node.params["index"], node.inputs[0]
    if index in kept.passed:
        return new[source.inputs[kept.passed[index]]]
    is_same = new[source] is source and kept.results[index] == index
    return node if is_same else item(new[source], kept.results[index])


def _read(graph: Graph, outputs: list[int]) -> list[int]:
    """The positions of the inputs that these outputs need."""
    needs, mask = _needs_of(graph), 0
    for k in outputs:
        mask |= needs[k]
    return list(_bits(mask))


def _kept_of_loop(node: Node, live: list[int], reads: _Reads) -> _Kept:
    body = node.params["body"]
    n_consts, n_carries = node.params["n_consts"], node.params["n_carries"]
    passed = {k: 1 + n_consts + k for k in reads.fixed}
    if not live:
        return _Kept(None, [], {}, passed)
    read = _read(body, live)
    consts = [k for k in read if 1 <= k < 1 + n_consts or k - 1 - n_consts in reads.fixed]
    carries = [k for k in live if k < n_carries]
    xs = [k for k in read if k >= 1 + n_consts + n_carries]
    inputs = [0, *consts, *(1 + n_consts + k for k in carries), *xs]
    smaller = _pruned(body, inputs, live)
    results = {k: position for position, k in enumerate(live)}
    params = {**node.params, "body": smaller, "n_consts": len(consts), "n_carries": len(carries)}
    return _Kept(params, inputs, results, passed)


def _kept_of_while(node: Node, live: list[int], reads: _Reads) -> _Kept:
    cond, body = node.params["cond"], node.params["body"]
    n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
    cond_consts, body_consts = [k for k in _read(cond, [0]) if k < n_cond], [k for k in _read(body, live) if k < n_body]
    params = {
        "cond": _pruned(cond, [*cond_consts, *(n_cond + k for k in live)], [0]),
        "body": _pruned(body, [*body_consts, *(n_body + k for k in live)], live),
        "n_cond_consts": len(cond_consts),
        "n_body_consts": len(body_consts),
    }
    operands = [*cond_consts, *(n_cond + k for k in body_consts), *(n_cond + n_body + k for k in live)]
    return _Kept(params, operands, {k: position for position, k in enumerate(live)}, {})


def _kept_of_cond(node: Node, live: list[int], reads: _Reads) -> _Kept:
    graphs = {name: node.params[name] for name in ("then", "orelse")}
    inputs = sorted({k for graph in graphs.values() for k in _read(graph, live)})
    params = {name: _pruned(graph, inputs, live) for name, graph in graphs.items()}
    return _Kept(params, [0, *(1 + k for k in inputs)], {k: position for position, k in enumerate(live)}, {})


_KEEP = {LOOP.name: _kept_of_loop, WHILE.name: _kept_of_while, COND.name: _kept_of_cond}
