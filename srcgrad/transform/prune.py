"""Prune: loops and branches without the results, carries and operands that nobody reads.

Everything else is pruned by construction: a graph is what its outputs depend on. A region is one node with several
results, so here it is decided, from the outputs backwards, which of them are live; then the live part is rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.core.lowering import Region
from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node, make_node, topological_until
from srcgrad.graph.structure import COND, ITEM, LOOP, WHILE, item
from srcgrad.transform.rewrite import with_inputs


@dataclass(frozen=True)
class _Kept:
    """What stays of a region node: positions of its operands; for each live result its new position.

    A carry that never changes is no result: ``passed`` says which operand it is. ``params`` is None if nothing stays.
    """

    params: dict[str, Any] | None
    operands: list[int]
    results: dict[int, int]
    passed: dict[int, int]

    def reads(self, node: Node) -> list[Node]:
        return [node.inputs[k] for k in (*self.operands, *self.passed.values())]


def prune(graph: Graph) -> Graph:
    """The graph without dead results, carries and operands of regions; itself where there are none."""
    order = graph.nodes()
    if not any(isinstance(node.op.lowering, Region) for node in order):
        return graph
    kept = _live_regions(order, graph.outputs)
    new: dict[Node, Node] = {}
    for node in order:
        if node in kept:
            if kept[node].params is not None:
                new[node] = _rebuilt(node, kept[node], new)
        elif node.op is ITEM and node.inputs[0] in kept:
            found = _projected(node, kept[node.inputs[0]], new)
            if found is not None:
                new[node] = found
        elif all(operand in new for operand in node.inputs):
            new[node] = with_inputs(node, [new[operand] for operand in node.inputs])
    outputs = tuple(new[output] for output in graph.outputs)
    if all(a is b for a, b in zip(outputs, graph.outputs, strict=True)):
        return graph
    return replace(graph, outputs=outputs)


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


def _live_regions(order: list[Node], outputs: Iterable[Node]) -> dict[Node, _Kept]:
    live = set(outputs)
    used: dict[Node, set[int]] = {}
    kept: dict[Node, _Kept] = {}
    for node in reversed(order):
        if isinstance(node.op.lowering, Region):
            kept[node] = _KEEP.get(node.op.name, _keep_all)(node, used.get(node, set()))
            live.update(kept[node].reads(node))
        elif node in live:
            live.update(node.inputs)
            if node.op is ITEM:
                used.setdefault(node.inputs[0], set()).add(node.params["index"])
    return kept


def _keep_all(node: Node, used: set[int]) -> _Kept:
    assert isinstance(node.type, TupleType)
    if not used:
        return _Kept(None, [], {}, {})
    params = {key: prune(value) if isinstance(value, Graph) else value for key, value in node.params.items()}
    unchanged = all(params[key] is value for key, value in node.params.items())
    results = {k: k for k in range(len(node.type.elements))}
    return _Kept(dict(node.params) if unchanged else params, list(range(len(node.inputs))), results, {})


def _keep_loop(node: Node, used: set[int]) -> _Kept:
    body: Graph = node.params["body"]
    n_consts, n_carries = node.params["n_consts"], node.params["n_carries"]
    fixed = {k for k in range(n_carries) if body.outputs[k] is body.inputs[1 + n_consts + k]}
    passed = {k: 1 + n_consts + k for k in used & fixed}
    live = used - fixed
    while True:
        read = _read(body, live)
        added = {k for k in range(n_carries) if 1 + n_consts + k in read} - fixed - live
        if not added:
            break
        live |= added
    if not live:
        return _Kept(None, [], {}, passed)
    consts = [k for k in read if 1 <= k < 1 + n_consts or k - 1 - n_consts in fixed]
    carries = [k for k in sorted(live) if k < n_carries]
    ys = [k for k in sorted(live) if k >= n_carries]
    xs = [k for k in read if k >= 1 + n_consts + n_carries]
    inputs = [0, *consts, *(1 + n_consts + k for k in carries), *xs]
    results = {k: position for position, k in enumerate((*carries, *ys))}
    smaller = prune(_part(body, inputs, list(results)))
    if smaller is body:
        return _Kept(dict(node.params), inputs, results, passed)
    params = {**node.params, "body": smaller, "n_consts": len(consts), "n_carries": len(carries)}
    return _Kept(params, inputs, results, passed)


def _keep_while(node: Node, used: set[int]) -> _Kept:
    cond, body = node.params["cond"], node.params["body"]
    n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
    if not used:
        return _Kept(None, [], {}, {})
    tested = _read(cond, [0])
    live = used | {k - n_cond for k in tested if k >= n_cond}
    while True:
        read = _read(body, live)
        added = {k - n_body for k in read if k >= n_body} - live
        if not added:
            break
        live |= added
    carries = sorted(live)
    cond_consts, body_consts = [k for k in tested if k < n_cond], [k for k in read if k < n_body]
    params = {
        "cond": prune(_part(cond, [*cond_consts, *(n_cond + k for k in carries)], [0])),
        "body": prune(_part(body, [*body_consts, *(n_body + k for k in carries)], carries)),
        "n_cond_consts": len(cond_consts),
        "n_body_consts": len(body_consts),
    }
    operands = [*cond_consts, *(n_cond + k for k in body_consts), *(n_cond + n_body + k for k in carries)]
    return _Kept(params, operands, {k: position for position, k in enumerate(carries)}, {})


def _keep_cond(node: Node, used: set[int]) -> _Kept:
    if not used:
        return _Kept(None, [], {}, {})
    branches: dict[str, Graph] = dict(node.params)
    outputs = sorted(used)
    inputs = sorted(set().union(*(_read(branch, used) for branch in branches.values())))
    params = {name: prune(_part(branch, inputs, outputs)) for name, branch in branches.items()}
    results = {k: position for position, k in enumerate(outputs)}
    return _Kept(params, [0, *(1 + k for k in inputs)], results, {})


def _read(graph: Graph, outputs: Iterable[int]) -> list[int]:
    """The positions of the inputs that these outputs depend on, in order."""
    read = set(topological_until([graph.outputs[k] for k in outputs], set(graph.inputs)))
    return [k for k, node in enumerate(graph.inputs) if node in read]


def _part(graph: Graph, inputs: list[int], outputs: list[int]) -> Graph:
    if inputs == list(range(len(graph.inputs))) and outputs == list(range(len(graph.outputs))):
        return graph
    return Graph(tuple(graph.inputs[k] for k in inputs), tuple(graph.outputs[k] for k in outputs), graph.name)


_KEEP = {LOOP.name: _keep_loop, WHILE.name: _keep_while, COND.name: _keep_cond}
