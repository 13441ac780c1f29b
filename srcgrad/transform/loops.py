"""The adjoint of a loop: a loop that runs backwards.

An iteration t maps the carried values c, the constants w and its slice x of the inputs to the next carried values and
a slice y of the outputs. With λt = dL/dct, the pullback of the body b at iteration t gives

    c(t+1), yt = b(t, w, ct, xt)
    λt, Δt, x̄t = (∂b / ∂(ct, w, xt))ᵀ (λ(t+1), ȳt)              w̄ = sum over t of Δt

So λ and the sum w̄ are carried by a loop over the same iterations in the opposite order; ȳ is one of its inputs and x̄
one of its outputs, slice by slice.

1. Which carries take part: those that depend on what is differentiated and also reach a result that has a cotangent.
   Both are fixed points over the body.
2. Sweep the body, with λ(t+1) and ȳt as fresh inputs. For the constants the sweep goes on from the sum w̄ so far: a
   contribution to a part of an array is added to that part, in place.
3. See which values of the forward body the result reads; `partition.residuals` decides which to save. The forward loop
   is replaced by one that also puts these out. A loop whose iterations are linear saves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.names import names_of
from srcgrad.graph.node import Graph, Node, substitute, topological_until
from srcgrad.graph.structure import items, loop, new_input
from srcgrad.transform.activity import differentiable_dependents, differentiable_origins, has_derivative_type
from srcgrad.transform.partition import reads_of, residuals
from srcgrad.transform.rewrite import redirect, strong, zeros
from srcgrad.transform.simplify import simplify


@dataclass(frozen=True)
class LoopPullback:
    """A cotangent or None per operand of the node, and what replaces its results so that residuals are saved."""

    cotangents: list[Node | None]
    replacements: dict[Node, Node]


@dataclass(frozen=True)
class LoopParts:
    """A loop node and its body, by role."""

    node: Node

    @property
    def body(self) -> Graph:
        return self.node.params["body"]  # type: ignore[no-any-return]

    @property
    def length(self) -> int | None:
        return self.node.params["length"]  # type: ignore[no-any-return]

    @property
    def n_consts(self) -> int:
        return self.node.params["n_consts"]  # type: ignore[no-any-return]

    @property
    def n_carries(self) -> int:
        return self.node.params["n_carries"]  # type: ignore[no-any-return]

    @property
    def trip_count(self) -> Node:
        return self.node.inputs[0]

    @property
    def operands(self) -> tuple[Node, ...]:
        """Consts, carries and xs as given from outside; they pair with ``inner``."""
        return self.node.inputs[1:]

    @property
    def inner(self) -> tuple[Node, ...]:
        return self.body.inputs[1:]

    @property
    def carries(self) -> range:
        """Positions of the carries among the operands."""
        return range(self.n_consts, self.n_consts + self.n_carries)


def pullback_of_loop(
    node: Node,
    cotangents: Sequence[Node | None],
    wanted: Sequence[bool],
    so_far: Sequence[Node | None],
    run_sweep: Callable[..., Any],
) -> LoopPullback:
    """The cotangents of a loop's operands, given those of its results.

    For a constant with a cotangent ``so_far`` the result includes it; otherwise it is this loop's contribution alone.
    """
    parts = LoopParts(node)
    varied = _varied(parts, wanted[1:])
    active = _active_carries(parts, varied, cotangents)
    ys = [k for k in range(parts.n_carries, len(cotangents)) if cotangents[k] is not None]
    wrt = [p for p in sorted(varied) if p not in parts.carries or p - parts.n_consts in active]
    back = _sweep_body(parts, active, ys, wrt, run_sweep)
    saved = residuals(reads_of(back.roots, back.cotangent_inputs), _given(parts), back.forward_outputs)
    forward, stacks = _saving(parts, back.forward_outputs, saved)
    found: list[Node | None] = [None] * len(node.inputs)
    for position, cotangent in back.run(parts, cotangents, so_far, saved, stacks).items():
        found[1 + position] = cotangent
    return LoopPullback(found, forward)


def _varied(parts: LoopParts, wanted: Sequence[bool]) -> set[int]:
    """The operands that depend on what is differentiated, at some iteration."""
    order = parts.body.nodes()
    varied = {p for p, flag in enumerate(wanted) if flag and has_derivative_type(parts.inner[p])}
    while True:
        reached = differentiable_dependents(order, [parts.inner[p] for p in varied])
        fed = {p for p in parts.carries if parts.body.outputs[p - parts.n_consts] in reached}
        if fed <= varied:
            return varied
        varied |= fed


def _active_carries(parts: LoopParts, varied: set[int], cotangents: Sequence[Node | None]) -> list[int]:
    """The carries that have a cotangent: varied, and reaching at some iteration a result that has one."""
    reaching = {k for k, cotangent in enumerate(cotangents) if cotangent is not None}
    while True:
        origins = differentiable_origins([parts.body.outputs[k] for k in reaching])
        new = {p - parts.n_consts for p in parts.carries if parts.inner[p] in origins}
        if new <= reaching:
            return [p - parts.n_consts for p in parts.carries if p in varied and p - parts.n_consts in reaching]
        reaching |= new


def _given(parts: LoopParts) -> list[Node]:
    """What an iteration can read at no cost: its index, constants, slices of inputs, and carries that never change."""
    varying = {parts.inner[p] for p in parts.carries if parts.body.outputs[p - parts.n_consts] is not parts.inner[p]}
    return [node for node in parts.body.inputs if node not in varying]


@dataclass(frozen=True)
class _BackwardBody:
    """The pullback of one iteration: nodes over the forward body's inputs and the fresh inputs for the cotangents."""

    forward_outputs: list[Node]
    active: list[int]
    ys: list[int]
    ct_carries: list[Node]
    ct_ys: list[Node]
    sums: dict[int, tuple[Node, Node]]  # position of a constant: (its cotangent before the iteration, after it)
    carries: list[Node]
    xs: dict[int, Node]

    @property
    def roots(self) -> list[Node]:
        return [*self.carries, *(after for _, after in self.sums.values()), *self.xs.values()]

    @property
    def cotangent_inputs(self) -> list[Node]:
        return [*self.ct_carries, *self.ct_ys, *(before for before, _ in self.sums.values())]

    def run(
        self,
        parts: LoopParts,
        cotangents: Sequence[Node | None],
        so_far: Sequence[Node | None],
        saved: Sequence[Node],
        stacks: Sequence[Node],
    ) -> dict[int, Node]:
        """The reverse loop; a cotangent for each operand position that gets one."""
        if not self.roots:
            return {}
        names = names_of(saved)
        slices = {value: new_input(value.array_type, names[value][0] or "saved") for value in saved}
        roots = substitute(self.roots, slices)
        read = set(topological_until(roots, set(parts.body.inputs)))
        fixed = [p for p, inner in enumerate(parts.inner) if inner in read and p < parts.carries.stop]
        xs = [p for p, inner in enumerate(parts.inner) if inner in read and p >= parts.carries.stop]
        carried = [*self.ct_carries, *(before for before, _ in self.sums.values())]
        inputs = (
            parts.body.inputs[0],
            *[parts.inner[p] for p in fixed],
            *carried,
            *self.ct_ys,
            *slices.values(),
            *[parts.inner[p] for p in xs],
        )
        results = loop(
            parts.trip_count,
            [parts.operands[p] for p in fixed],
            [
                *(_or_zeros(cotangents[k], parts.body.outputs[k].array_type) for k in self.active),
                *(_or_zeros(so_far[1 + p], parts.inner[p].array_type) for p in self.sums),
            ],
            [*(cotangents[k] for k in self.ys), *stacks, *(parts.operands[p] for p in xs)],  # type: ignore[list-item]
            body=Graph(inputs, tuple(roots), f"{parts.body.name}_adjoint"),
            length=parts.length,
            reverse=not parts.node.params["reverse"],
        )
        positions = [*(parts.n_consts + k for k in self.active), *self.sums, *self.xs]
        return dict(zip(positions, results, strict=True))


def _sweep_body(
    parts: LoopParts, active: list[int], ys: list[int], wrt: list[int], run_sweep: Callable[..., Any]
) -> _BackwardBody:
    outputs = [parts.body.outputs[k] for k in (*active, *ys)]
    names = names_of([*parts.inner, *outputs])
    primals = [parts.inner[parts.n_consts + k] for k in active] + outputs[len(active) :]
    seeds = [
        new_input(strong(output.array_type), f"d_{names[primal][0]}")
        for output, primal in zip(outputs, primals, strict=True)
    ]
    consts = [p for p in wrt if p < parts.n_consts]
    sums = {p: new_input(strong(parts.inner[p].array_type), f"d_{names[parts.inner[p]][0]}") for p in consts}
    start = {parts.inner[p]: total for p, total in sums.items()}
    swept = run_sweep(outputs, seeds, [parts.inner[p] for p in wrt], start)
    cotangents = dict(zip(wrt, swept.cotangents, strict=True))
    found = [cotangent for cotangent in cotangents.values() if cotangent is not None]
    joint = Graph(
        (*parts.body.inputs, *seeds, *sums.values()),
        tuple(redirect([*parts.body.outputs, *found], swept.replacements)),
        parts.body.name,
    )
    nodes = list(simplify(joint).outputs)
    new = dict(zip(found, nodes[len(parts.body.outputs) :], strict=True))
    reached = {p: new[cotangent] for p, cotangent in cotangents.items() if cotangent is not None}
    return _BackwardBody(
        forward_outputs=nodes[: len(parts.body.outputs)],
        active=active,
        ys=ys,
        ct_carries=seeds[: len(active)],
        ct_ys=seeds[len(active) :],
        sums={p: (sums[p], reached[p]) for p in consts if reached[p] is not sums[p]},
        carries=[_or_zeros(reached.get(parts.n_consts + k), parts.body.outputs[k].array_type) for k in active],
        xs={p: reached[p] for p in wrt if p >= parts.carries.stop and p in reached},
    )


def _saving(parts: LoopParts, outputs: list[Node], saved: Sequence[Node]) -> tuple[dict[Node, Node], list[Node]]:
    """What replaces the loop's results so that it puts out the saved values too, and these, stacked."""
    if not saved and all(a is b for a, b in zip(outputs, parts.body.outputs, strict=True)):
        return {}, []
    already = outputs[parts.n_carries :]
    added = [value for value in saved if value not in already]
    results = loop(
        parts.trip_count,
        parts.operands[: parts.n_consts],
        parts.operands[parts.n_consts : parts.carries.stop],
        parts.operands[parts.carries.stop :],
        body=Graph(parts.body.inputs, (*outputs, *added), parts.body.name),
        length=parts.length,
        reverse=parts.node.params["reverse"],
    )
    stack_of = dict(zip([*already, *added], results[parts.n_carries :], strict=True))
    replaced = dict(zip(items(parts.node), results, strict=False))
    return replaced, [stack_of[value] for value in saved]


def _or_zeros(cotangent: Node | None, type_: ArrayType) -> Node:
    return zeros(type_) if cotangent is None else cotangent


def sum_of_stacks(first: Node, second: Node) -> Node:
    """The sum of two stacks of slices whose number is known only at run time: results of loops with one trip count."""
    trip_count = first.inputs[0].inputs[0]
    row = first.array_type.with_shape(first.shape[1:])
    index, a, b = new_input(ArrayType((), np.dtype(np.int64)), "t"), new_input(row, "a"), new_input(row, "b")
    body = Graph((index, a, b), (apply("accumulate", a, b),), "sum")
    return loop(trip_count, [], [], [first, second], body=body, length=None)[0]
