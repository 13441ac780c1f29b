"""The adjoint of a graph: reverse-mode differentiation, graph to graph.

A graph computes values v1, v2, ..., vn in order, each from earlier ones: vm = f_m(vk, ...). The last is the result.
Let L be a scalar that depends on the results, and call

    v̄k = dL / dvk

the *cotangent* of vk; it has the shape of vk. A change of vk reaches L only through the nodes that read vk, so by
the chain rule

    v̄k = sum over the nodes m that read vk of  (∂f_m / ∂vk)ᵀ v̄m

Every reader of vk comes after it. So walk the nodes once in reverse order: when the walk arrives at a node, its
cotangent is complete. The rule of its row turns it into one contribution for each operand (the *pullback*), and
contributions to one node add up. That is the whole sweep:

1. start with the cotangents of the outputs;
2. from the last node to the first: pull the node's cotangent back to its operands, and add;
3. what has arrived at ``wrt`` is the gradient.

What makes the result small and exact:

* A cotangent that is known to be zero is None, is never computed, and stops the walk.
* Only nodes on a path from ``wrt`` are visited: no other has a derivative to receive. Integers and booleans have none.
* A pointwise row states partial derivatives. A partial of 1 or -1 costs nothing; one that selects (``maximum``,
  ``where``) becomes a selection, never a product with a mask, in which ``inf * 0`` would be NaN.
* Broadcasts and casts are nodes of their own, so no rule sums over broadcast axes: the broadcast's adjoint does.

The rules are written with ordinary operators: cotangents are nodes like the primal ones, may read any of them, and
can be differentiated again. The define-by-run face calls the same `pullback_of_row`.

Complex values use the transposed, not the conjugated Jacobian: a cotangent c and a change dz make ``Re(c dz)``. What
users see is the conjugate (``convention``). Loops and branches are in ``loops`` and ``branches``; ``docs/adjoint.md``
derives them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.op import Op, apply
from srcgrad.core.partial import Where
from srcgrad.core.types import TupleType
from srcgrad.graph.names import as_gradient, names_of, place_of_cotangent
from srcgrad.graph.node import Graph, Node, topological, topological_until
from srcgrad.graph.structure import COND, ITEM, LOOP, WHILE, is_run_time_stack, items
from srcgrad.transform.activity import differentiable_dependents, has_derivative_type, may_stay_unread
from srcgrad.transform.branches import pullback_of_cond
from srcgrad.transform.calls import CALL
from srcgrad.transform.convention import conjugated
from srcgrad.transform.loops import pullback_of_loop, sum_of_stacks
from srcgrad.transform.rewrite import Relocator, is_zero, redirect, zeros
from srcgrad.transform.whiles import pullback_of_while

Cotangent = Any


def pullback_of_row(
    op: Op,
    cotangent: Cotangent,
    out: Any,
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    wanted: Sequence[bool] | None = None,
) -> list[Any]:
    """One cotangent, or None, per input of a row that was applied on any face.
    Where the row has several results, ``cotangent`` and ``out`` are tuples, and the cotangent of a result may be None.
    """
    if op.partials is not None:
        skipped = [wanted is not None and not flag for flag in wanted or op.partials]
        contributions = [
            None if formula is None or skip else weigh(cotangent, formula(out, *inputs))
            for formula, skip in zip(op.partials, skipped, strict=True)
        ]
    elif op.adjoint is not None:
        contributions = list(op.adjoint(cotangent, out, *inputs, **params))
    else:
        raise UnsupportedError(
            f"{op.name} has no derivative; use sg.stop_gradient on its argument, or give it one with sg.custom_vjp"
        )
    return [None if c is None else _in_dtype(c, x) for c, x in zip(contributions, inputs, strict=True)]


def weigh(cotangent: Any, partial: Any) -> Any:
    """The cotangent times a partial derivative: a number, an array, or a selection."""
    if partial is None:
        return None
    if isinstance(partial, Where):
        return apply("where", partial.condition, weigh(cotangent, partial.weight), 0.0)
    if isinstance(partial, int | float):
        if partial == 1:
            return cotangent
        if partial == -1:
            return -cotangent
    return cotangent * partial


def _in_dtype(cotangent: Any, primal: Any) -> Any:
    return cotangent if cotangent.dtype == primal.dtype else apply("astype", cotangent, dtype=primal.dtype)


def is_selected(cotangent: Node) -> bool:
    """Whether a cotangent is zero wherever a condition does not hold.

    Then its pullback is zero there too, whatever the partial derivative is: ``where(x > 0, log(x), 0)`` has derivative
    zero at 0. So the selection is done after the product, and once for a chain of elementwise operations.
    """
    return cotangent.op.name == "where" and is_zero(cotangent.inputs[2])


def _select(condition: Node, cotangent: Node, zero: Node) -> Node:
    if cotangent.dtype != zero.dtype:
        zero = zeros(cotangent.array_type)
    return apply("where", condition, cotangent, zero)  # type: ignore[no-any-return]


def unless_zero(contribution: Node | None, node: Node, cotangent: Any) -> Node | None:
    """A contribution of a node, and 0 where its cotangent is, which may be so because nothing that ran read the node.

    Element by element for pointwise rows, for others where the whole cotangent is 0. A rule that reads no values, but
    indices at most, moves and adds cotangents: it makes zeros of zeros.
    """
    parts = [c for c in (cotangent if isinstance(cotangent, list) else [cotangent]) if c is not None]
    if contribution is None or contribution in parts or any(is_run_time_stack(c.type) for c in (contribution, *parts)):
        return contribution
    values = {value for value in (node, *node.inputs) if has_derivative_type(value)}
    if values.isdisjoint(topological_until([contribution], {node, *node.inputs, *parts})):
        return contribution
    if node.op.partials is None:
        sizes = [apply("sum", apply("absolute", c), axes=tuple(range(c.ndim))) for c in parts]
        return apply("unless_zero", contribution, functools.reduce(accumulate, sizes))  # type: ignore[no-any-return]
    return apply("unless_zero", contribution, cotangent)  # type: ignore[no-any-return]


def accumulate(first: Node | None, second: Node | None) -> Node | None:
    """The sum of two contributions.

    One that fills only a part of an array is added to that part: what touches one element costs one element.
    """
    if first is None or second is None:
        return second if first is None else first
    if is_run_time_stack(first.type):
        return sum_of_stacks(first, second)
    for base, part in ((first, second), (second, first)):
        if part.op.name == "place" and part.inputs[0].size < part.size:
            return _add_into(base, part)
        if part.op.name == "scatter_add" and is_zero(part.inputs[0]):
            return apply("scatter_add", base, *part.inputs[1:], **part.params)  # type: ignore[no-any-return]
    return apply("accumulate", first, second)  # type: ignore[no-any-return]


def _add_into(base: Node, placed: Node) -> Node:
    piece = placed.inputs[0]
    where = {"starts": placed.params["starts"], "steps": placed.params["steps"]}
    old = apply("slice", base, shape=piece.shape, **where)
    return apply("update", base, apply("accumulate", old, piece), **where)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Swept:
    """A cotangent (or None) per ``wrt`` node, and what has to replace primal nodes, so that they save residuals."""

    cotangents: list[Node | None]
    replacements: dict[Node, Node]


def sweep(outputs: Sequence[Node], cotangents: Sequence[Node | None], wrt: Sequence[Node]) -> list[Node | None]:
    """The cotangents of ``wrt``, given those of the outputs; None where it is zero everywhere."""
    return run_sweep(outputs, cotangents, wrt).cotangents


def run_sweep(
    outputs: Sequence[Node],
    cotangents: Sequence[Node | None],
    wrt: Sequence[Node],
    start: Mapping[Node, Node] | None = None,
) -> Swept:
    """As `sweep`, and says what replaces primal nodes; ``start`` holds cotangents of ``wrt`` nodes to add to."""
    order = topological(outputs)
    state = _Sweep(differentiable_dependents(order, wrt), may_stay_unread(order), dict(start or {}), {})
    for output, cotangent in zip(outputs, cotangents, strict=True):
        state.add(output, cotangent)
    ends = set(wrt)
    names = names_of(order)
    relocate = Relocator()
    for node in reversed(order):
        if node in state.found and node not in ends:
            for operand, cotangent in zip(node.inputs, state.pull_back(node), strict=False):
                if isinstance(cotangent, Node):
                    relocate([cotangent], place_of_cotangent(node.location, names[operand]))
    return Swept([state.found.get(node) for node in wrt], state.replacements)


@dataclass(frozen=True)
class _Sweep:
    """The walk's state. ``found``: a cotangent per node; a list of cotangents where the node has several results."""

    varied: set[Node]
    unread: set[Node]
    found: dict[Node, Any]
    replacements: dict[Node, Node]

    def add(self, node: Node, contribution: Node | None) -> None:
        if contribution is not None and node in self.varied:
            self.found[node] = accumulate(self.found.get(node), contribution)

    def pull_back(self, node: Node) -> list[Any]:
        """Hand the node's cotangent on to its operands; their cotangents so far."""
        cotangent = self.found.pop(node)
        if node.op is ITEM:
            self._add_part(node.inputs[0], node.params["index"], cotangent)
            return []
        if node.op in _REGIONS:
            self._pull_back_region(node, cotangent)
        else:
            wanted = [operand in self.varied for operand in node.inputs]
            contributions = self._contributions(node, cotangent, wanted)
            if node in self.unread and node.op is not CALL:
                contributions = [unless_zero(c, node, cotangent) for c in contributions]
            for operand, contribution in zip(node.inputs, contributions, strict=True):
                self.add(operand, contribution)
        return [self.found.get(operand) for operand in node.inputs]

    def _contributions(self, node: Node, cotangent: Any, wanted: list[bool]) -> list[Any]:
        if node.op is CALL:
            pulled = node.params["rule"](node, cotangent, wanted, run_sweep)
            self.replacements.update(pulled.replacements)
            return pulled.cotangents  # type: ignore[no-any-return]
        if node.op.partials is not None and is_selected(cotangent):
            condition, chosen, zero = cotangent.inputs
            found = pullback_of_row(node.op, chosen, node, node.inputs, node.params, wanted)
            return [None if c is None else _select(condition, c, zero) for c in found]
        if not isinstance(node.type, TupleType):
            return pullback_of_row(node.op, cotangent, node, node.inputs, node.params, wanted)
        return pullback_of_row(node.op, tuple(cotangent), tuple(items(node)), node.inputs, node.params, wanted)

    def _pull_back_region(self, node: Node, cotangents: list[Any]) -> None:
        """The cotangents of what a region reads go on from what has been found so far, where that is not ambiguous."""
        counts = Counter(node.inputs)
        wanted = [operand in self.varied for operand in node.inputs]
        so_far = [
            self.found.get(x) if counts[x] == 1 and _goes_on(node, k) else None for k, x in enumerate(node.inputs)
        ]
        result = _REGIONS[node.op](node, cotangents, wanted, so_far, run_sweep)
        self.replacements.update(result.replacements)
        for operand, contribution, old in zip(node.inputs, result.cotangents, so_far, strict=True):
            if contribution is not None and old is not None:
                self.found[operand] = contribution
            else:
                self.add(operand, contribution)

    def _add_part(self, node: Node, index: int, contribution: Any) -> None:
        assert isinstance(node.type, TupleType)
        parts = self.found.setdefault(node, [None] * len(node.type.elements))
        parts[index] = accumulate(parts[index], contribution)


_REGIONS: dict[Op, Callable[..., Any]] = {LOOP: pullback_of_loop, WHILE: pullback_of_while, COND: pullback_of_cond}


def _goes_on(node: Node, position: int) -> bool:
    """Whether the cotangent of an operand of a region goes on from what has been found so far."""
    params = node.params
    if node.op is COND:
        return position > 0 and bool(node.inputs[position].shape)
    first, count = (1, "n_consts") if node.op is LOOP else (params["n_cond_consts"], "n_body_consts")
    return position in range(first, first + params[count])


def with_gradients(graph: Graph, wrt: Sequence[int], seeds: Sequence[Node | None]) -> Graph:
    """The graph of the same outputs, followed by a gradient for each of the inputs ``wrt``: the conjugate of its
    cotangent, zeros where none reaches it.
    """
    outputs, cotangents = adjoint(graph, wrt, seeds)
    gradients = [
        zeros(graph.inputs[k].array_type) if cotangent is None else conjugated(cotangent)
        for k, cotangent in zip(wrt, cotangents, strict=True)
    ]
    return Graph(graph.inputs, (*outputs, *gradients), f"grad_{graph.name}")


def adjoint(graph: Graph, wrt: Sequence[int], seeds: Sequence[Node | None]) -> tuple[list[Node], list[Node | None]]:
    """The outputs of a graph, saving residuals where it loops, and the cotangents of its inputs ``wrt``.

    ``seeds`` are the cotangents of the outputs, None for zero.
    """
    swept = run_sweep(graph.outputs, seeds, [graph.inputs[k] for k in wrt])
    known = [cotangent for cotangent in swept.cotangents if cotangent is not None]
    for cotangent in known:
        as_gradient(cotangent)
    if swept.replacements:
        nodes = iter(redirect([*graph.outputs, *known], swept.replacements))
        outputs = [next(nodes) for _ in graph.outputs]
        return outputs, [None if cotangent is None else next(nodes) for cotangent in swept.cotangents]
    return list(graph.outputs), swept.cotangents
