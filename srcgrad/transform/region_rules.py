"""Loops and branches: simplified inside, and made to take fewer operands.

* A constant operand moves into the region, where it can be folded.
* Two operands that are the same value become one.
* A per-iteration input that is the same in every iteration becomes a constant of the loop.
* A constant that is a repeated value is repeated inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.core.op import apply
from srcgrad.graph.node import Graph, Node, bind, substitute
from srcgrad.graph.structure import COND, CONSTANT, LOOP, new_input
from srcgrad.transform.rewrite import redirect, uniform_value

Simplify = Callable[[Graph], Graph]


def simplify_region(node: Node, simplify: Simplify) -> Node:
    """The region node with simplified graphs and fewer operands; its results are the same."""
    if node.op is LOOP:
        return _simplify_loop(node, simplify)
    if node.op is COND:
        return _simplify_cond(node, simplify)
    params = {key: simplify(value) if isinstance(value, Graph) else value for key, value in node.params.items()}
    return _with_params(node, node.inputs, params)


def _with_params(node: Node, inputs: Sequence[Node], params: dict[str, Any]) -> Node:
    if inputs == node.inputs and all(params[key] is value for key, value in node.params.items()):
        return node
    made = bind(node.op, inputs, params)
    made.location = node.location
    return made


def _simplify_loop(node: Node, simplify: Simplify) -> Node:
    body: Graph = node.params["body"]
    n_consts, n_carries = node.params["n_consts"], node.params["n_carries"]
    first_x = 1 + n_consts + n_carries
    consts = list(zip(node.inputs[1 : 1 + n_consts], body.inputs[1 : 1 + n_consts], strict=True))
    carries = list(zip(node.inputs[1 + n_consts : first_x], body.inputs[1 + n_consts : first_x], strict=True))
    xs = []
    inside: dict[Node, Node] = {}
    for outer, inner in zip(node.inputs[first_x:], body.inputs[first_x:], strict=True):
        same = _same_in_every_iteration(outer)
        if same is None:
            xs.append((outer, inner))
        else:
            slot = new_input(inner.array_type, inner.params["name"])
            consts.append((same, slot))
            inside[inner] = slot
    consts = _fewer(_repeated_inside(consts, inside), inside)
    xs = _distinct(xs, inside)
    outputs = redirect(body.outputs, inside)
    kept = [body.inputs[0], *(inner for _, inner in (*consts, *carries, *xs))]
    if kept != list(body.inputs) or inside:
        body = Graph(tuple(kept), tuple(outputs), body.name)
    params = {**node.params, "body": simplify(body), "n_consts": len(consts)}
    operands = (node.inputs[0], *(outer for outer, _ in (*consts, *carries, *xs)))
    return _with_params(node, operands, params)


def _simplify_cond(node: Node, simplify: Simplify) -> Node:
    graphs: list[Graph] = [node.params["then"], node.params["orelse"]]
    operands = node.inputs[1:]
    slots: dict[Node, int] = {}
    inside: list[dict[Node, Node]] = [{} for _ in graphs]
    for position, outer in enumerate(operands):
        fixed = _small_constant(outer)
        first = slots.setdefault(outer, position)
        for graph, moved in zip(graphs, inside, strict=True):
            if fixed is not None:
                moved[graph.inputs[position]] = fixed
            elif first != position:
                moved[graph.inputs[position]] = graph.inputs[first]
    kept = [k for k, outer in enumerate(operands) if slots[outer] == k and _small_constant(outer) is None]
    if len(kept) < len(operands):
        graphs = [
            Graph(tuple(graph.inputs[k] for k in kept), tuple(substitute(graph.outputs, moved)), graph.name)
            for graph, moved in zip(graphs, inside, strict=True)
        ]
    params = {"then": simplify(graphs[0]), "orelse": simplify(graphs[1])}
    return _with_params(node, (node.inputs[0], *(operands[k] for k in kept)), params)


def _fewer(pairs: list[tuple[Node, Node]], inside: dict[Node, Node]) -> list[tuple[Node, Node]]:
    """The constants of a loop without those that can be written into the body, and each once."""
    kept = []
    for outer, inner in pairs:
        fixed = _small_constant(outer)
        if fixed is None:
            kept.append((outer, inner))
        else:
            inside[inner] = fixed
    return _distinct(kept, inside)


def _distinct(pairs: list[tuple[Node, Node]], inside: dict[Node, Node]) -> list[tuple[Node, Node]]:
    first: dict[Node, Node] = {}
    for outer, inner in pairs:
        if first.setdefault(outer, inner) is not inner:
            inside[inner] = first[outer]
    return list(first.items())


def _repeated_inside(pairs: list[tuple[Node, Node]], inside: dict[Node, Node]) -> list[tuple[Node, Node]]:
    """The constants of a loop with the broadcasts moved into the body."""
    moved = []
    for outer, inner in pairs:
        if outer.op.name == "broadcast_to" and outer.inputs[0].size < outer.size:
            source = outer.inputs[0]
            slot = new_input(source.array_type, inner.params["name"])
            inside[inner] = apply("broadcast_to", slot, shape=outer.shape)
            moved.append((source, slot))
        else:
            moved.append((outer, inner))
    return moved


def _small_constant(node: Node) -> Node | None:
    """The node, if it is known here and needs no array."""
    return node if node.op is CONSTANT or uniform_value(node) is not None else None


def _same_in_every_iteration(node: Node) -> Node | None:
    """The slice of a per-iteration input, if all are equal."""
    if node.op.name != "broadcast_to":
        return None
    source, shape = node.inputs[0], node.shape[1:]
    if source.ndim == node.ndim:
        if source.shape[0] != 1 or node.shape[0] == 1:
            return None
        source = apply("reshape", source, shape=source.shape[1:])
    return source if source.shape == shape else apply("broadcast_to", source, shape=shape)


def chosen_branch(node: Node) -> Node | None:
    """A result of a branch whose predicate is known, computed in place."""
    source = node.inputs[0]
    if source.op is not COND:
        return None
    known = uniform_value(source.inputs[0])
    if known is None:
        return None
    branch: Graph = source.params["then" if known else "orelse"]
    given = dict(zip(branch.inputs, source.inputs[1:], strict=True))
    return substitute([branch.outputs[node.params["index"]]], given)[0]
