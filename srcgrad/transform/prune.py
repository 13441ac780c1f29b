"""Prune: loops and branches without the results, carries and operands that nobody reads.

Everything else is pruned by construction: a graph is what its outputs depend on. A region is one node with several
results, so here it is decided, from the outputs backwards, which of them are live. A carry is live where a live result
depends on it, at any iteration, through any regions inside; so liveness is one walk over all nodes, those of the
regions included, that visits each node and each result once. Then the live part is rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from srcgrad.core.lowering import Region
from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import COND, ITEM, LOOP, WHILE, item
from srcgrad.transform.rewrite import with_inputs


def prune(graph: Graph) -> Graph:
    """The graph without dead results, carries and operands of regions; itself where there are none."""
    if not any(isinstance(node.op.lowering, Region) for node in graph.nodes()):
        return graph
    scope = _Scope(graph)
    _Walk().run(scope)
    return _rebuilt_graph(scope, list(range(len(graph.inputs))), list(range(len(graph.outputs))))


@dataclass(eq=False)
class _Scope:
    """A graph, on its own or as a part of a region, and what of it is live."""

    graph: Graph
    region: _Region | None = None
    live: set[Node] = field(default_factory=set)
    regions: dict[Node, _Region] = field(default_factory=dict)

    @property
    def read(self) -> list[int]:
        """The positions of the inputs that are live."""
        return [k for k, node in enumerate(self.graph.inputs) if node in self.live]


@dataclass(eq=False)
class _Region:
    """A region node in its scope, and which of its results are live."""

    node: Node
    outer: _Scope
    results: set[int] = field(default_factory=set)
    scopes: dict[str, _Scope] = field(default_factory=dict)
    #: of a loop: the carries that never change, which are no results but constants
    fixed: frozenset[int] = frozenset()


class _Walk:
    """Finds what is live. ``waiting``: nodes of scopes that are live, and what they need is not yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[_Scope, Node]] = []
        self._position: dict[_Scope, dict[Node, int]] = {}

    def run(self, scope: _Scope) -> None:
        for output in scope.graph.outputs:
            self._need(scope, output)
        while self._waiting:
            self._visit(*self._waiting.pop())

    def _need(self, scope: _Scope, node: Node) -> None:
        if node not in scope.live:
            scope.live.add(node)
            self._waiting.append((scope, node))

    def _visit(self, scope: _Scope, node: Node) -> None:
        if node.op is ITEM and node.inputs[0].op.name in _KEEP:
            self._need_result(self._region(scope, node.inputs[0]), node.params["index"])
            return
        for operand in node.inputs:
            self._need(scope, operand)
        if scope.region is not None and not node.inputs:
            position = self._positions(scope).get(node)
            if position is not None:
                self._need_operand(scope.region, scope, position)

    def _positions(self, scope: _Scope) -> dict[Node, int]:
        found = self._position.get(scope)
        if found is None:
            found = self._position[scope] = {node: k for k, node in enumerate(scope.graph.inputs)}
        return found

    def _region(self, scope: _Scope, node: Node) -> _Region:
        """The region of a node, which has a live result."""
        found = scope.regions.get(node)
        if found is not None:
            return found
        found = scope.regions[node] = _Region(node, scope)
        for name, part in node.params.items():
            if isinstance(part, Graph):
                found.scopes[name] = _Scope(part, found)
        if node.op is LOOP:
            body, first = node.params["body"], 1 + node.params["n_consts"]
            carries = range(node.params["n_carries"])
            found.fixed = frozenset(k for k in carries if body.outputs[k] is body.inputs[first + k])
        return found

    def _need_result(self, region: _Region, index: int) -> None:
        """Result ``index`` of the region is live."""
        if index in region.results:
            return
        node, outer = region.node, region.outer
        if index in region.fixed:
            self._need(outer, node.inputs[1 + node.params["n_consts"] + index])
            return
        region.results.add(index)
        if node.op is COND:
            self._need(outer, node.inputs[0])
            for scope in region.scopes.values():
                self._need(scope, scope.graph.outputs[index])
        elif node.op is LOOP:
            self._need(outer, node.inputs[0])
            self._need(region.scopes["body"], node.params["body"].outputs[index])
            if index < node.params["n_carries"]:
                self._need(outer, node.inputs[1 + node.params["n_consts"] + index])
        else:
            self._need(region.scopes["cond"], node.params["cond"].outputs[0])
            self._need(region.scopes["body"], node.params["body"].outputs[index])
            self._need(outer, node.inputs[node.params["n_cond_consts"] + node.params["n_body_consts"] + index])

    def _need_operand(self, region: _Region, scope: _Scope, position: int) -> None:
        """An input of a region's graph is live."""
        node, params = region.node, region.node.params
        if node.op is COND:
            self._need(region.outer, node.inputs[1 + position])
        elif node.op is LOOP:
            carry = position - 1 - params["n_consts"]
            if 0 <= carry < params["n_carries"]:
                self._need_result(region, carry)
            elif position:
                self._need(region.outer, node.inputs[position])
        else:
            is_test = scope is region.scopes["cond"]
            n_consts = params["n_cond_consts"] if is_test else params["n_body_consts"]
            if position >= n_consts:
                self._need_result(region, position - n_consts)
            else:
                self._need(region.outer, node.inputs[position + (0 if is_test else params["n_cond_consts"])])


@dataclass(frozen=True)
class _Kept:
    """What stays of a region node: positions of its operands; for each live result its new position.

    A carry that never changes is no result: ``passed`` says which operand it is. ``params`` is None if nothing stays.
    """

    params: dict[str, Any] | None
    operands: list[int]
    results: dict[int, int]
    passed: dict[int, int]


def _rebuilt_graph(scope: _Scope, inputs: list[int], outputs: list[int]) -> Graph:
    """The live part of a graph, with these of its inputs and outputs; the graph itself where it has no other part."""
    graph = scope.graph
    new: dict[Node, Node] = {}
    kept: dict[Node, _Kept] = {}
    for node in graph.nodes():
        if node in scope.regions:
            kept[node] = _KEEP[node.op.name](scope.regions[node])
            if kept[node].params is not None:
                new[node] = _rebuilt(node, kept[node], new)
        elif node.op is ITEM and node.inputs[0] in kept:
            if node not in scope.live:
                continue
            found = _projected(node, kept[node.inputs[0]], new)
            if found is not None:
                new[node] = found
        elif node in scope.live:
            operands = [new[operand] for operand in node.inputs]
            new[node] = _with_pruned_graphs(with_inputs(node, operands))
    made = tuple(new[graph.outputs[k]] for k in outputs)
    is_same = len(made) == len(graph.outputs) and all(a is b for a, b in zip(made, graph.outputs, strict=True))
    if is_same and inputs == list(range(len(graph.inputs))):
        return graph
    return Graph(tuple(graph.inputs[k] for k in inputs), made, graph.name)


def _with_pruned_graphs(node: Node) -> Node:
    """A region of which everything is kept, as its rule asks for its graph."""
    if not isinstance(node.op.lowering, Region):
        return node
    params = {key: prune(value) if isinstance(value, Graph) else value for key, value in node.params.items()}
    if all(params[key] is value for key, value in node.params.items()):
        return node
    return make_node(node.op, node.inputs, params, node.type, node.location)


def _rebuilt(node: Node, kept: _Kept, new: dict[Node, Node]) -> Node:
    operands = tuple(new[node.inputs[k]] for k in kept.operands)
    if kept.params is node.params:
        return with_inputs(node, operands)
    assert kept.params is not None
    assert isinstance(node.type, TupleType)
    type_ = TupleType(tuple(node.type.elements[k] for k in kept.results))
    return make_node(node.op, operands, kept.params, type_, node.location)


def _projected(node: Node, kept: _Kept, new: dict[Node, Node]) -> Node | None:
    index, source = node.params["index"], node.inputs[0]
    if index in kept.passed:
        return new[source.inputs[kept.passed[index]]]
    return item(new[source], kept.results[index]) if index in kept.results else None


def _kept_of_loop(region: _Region) -> _Kept:
    node, body = region.node, region.scopes["body"]
    n_consts, n_carries = node.params["n_consts"], node.params["n_carries"]
    passed = {k: 1 + n_consts + k for k in region.fixed}
    if not region.results:
        return _Kept(None, [], {}, passed)
    consts = [k for k in body.read if 1 <= k < 1 + n_consts or k - 1 - n_consts in region.fixed]
    carries = [k for k in sorted(region.results) if k < n_carries]
    ys = [k for k in sorted(region.results) if k >= n_carries]
    xs = [k for k in body.read if k >= 1 + n_consts + n_carries]
    inputs = [0, *consts, *(1 + n_consts + k for k in carries), *xs]
    results = {k: position for position, k in enumerate((*carries, *ys))}
    smaller = _rebuilt_graph(body, inputs, list(results))
    if smaller is body.graph:
        return _Kept(dict(node.params), inputs, results, passed)
    params = {**node.params, "body": smaller, "n_consts": len(consts), "n_carries": len(carries)}
    return _Kept(params, inputs, results, passed)


def _kept_of_while(region: _Region) -> _Kept:
    node, cond, body = region.node, region.scopes["cond"], region.scopes["body"]
    n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
    carries = sorted(region.results)
    cond_consts, body_consts = [k for k in cond.read if k < n_cond], [k for k in body.read if k < n_body]
    params = {
        "cond": _rebuilt_graph(cond, [*cond_consts, *(n_cond + k for k in carries)], [0]),
        "body": _rebuilt_graph(body, [*body_consts, *(n_body + k for k in carries)], carries),
        "n_cond_consts": len(cond_consts),
        "n_body_consts": len(body_consts),
    }
    operands = [*cond_consts, *(n_cond + k for k in body_consts), *(n_cond + n_body + k for k in carries)]
    return _Kept(params, operands, {k: position for position, k in enumerate(carries)}, {})


def _kept_of_cond(region: _Region) -> _Kept:
    outputs = sorted(region.results)
    inputs = sorted(set().union(*(scope.read for scope in region.scopes.values())))
    params = {name: _rebuilt_graph(scope, inputs, outputs) for name, scope in region.scopes.items()}
    results = {k: position for position, k in enumerate(outputs)}
    return _Kept(params, [0, *(1 + k for k in inputs)], results, {})


_KEEP = {LOOP.name: _kept_of_loop, WHILE.name: _kept_of_while, COND.name: _kept_of_cond}
