"""The adjoint of a branch: a branch between adjoints.

``y = cond(p, x)`` is ``then(x)`` or ``orelse(x)``. The pullback of the function that ``p`` chooses is the pullback of
the chosen function, so

    x̄ = cond(p, x, r, ȳ)       with the pullbacks of ``then`` and ``orelse`` as branches.

What a pullback reads of its own branch is passed on as an operand (r): the branch is replaced by one that also puts
these residuals out, zeros for those of the other branch, which shares the places. What to save, what to take from the
operands and what to compute again is decided as for a loop (`partition.residuals`): in a loop, an element that a branch
reads of an array is saved, and not the array. An array's cotangent so far is handed in as well, and each pullback goes
on from it: an element that a branch reads costs one element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.node import Graph, Node, bind, substitute, topological_until
from srcgrad.graph.structure import COND, items, new_input
from srcgrad.transform.partition import reads_of, residuals
from srcgrad.transform.rewrite import redirect, strong, zeros
from srcgrad.transform.simplify import simplify

_BRANCHES = ("then", "orelse")


@dataclass(frozen=True)
class CondPullback:
    """A cotangent or None per operand of the node, and what replaces its results so that residuals are saved."""

    cotangents: list[Node | None]
    replacements: dict[Node, Node]


@dataclass(frozen=True)
class _Side:
    """One branch with its pullback: nodes over the branch's inputs and the seeds."""

    branch: Graph
    outputs: list[Node]
    cotangents: dict[int, Node]
    saved: list[Node]

    @property
    def residuals(self) -> list[Node]:
        return [node for node in self.saved if node not in self.branch.inputs]

    @property
    def operands(self) -> set[int]:
        """The positions of the branch's inputs that its pullback reads."""
        roots = list(self.cotangents.values())
        read = set(topological_until(roots, {*self.residuals, *self.branch.inputs}))
        return {k for k, node in enumerate(self.branch.inputs) if node in read}


def pullback_of_cond(
    node: Node,
    cotangents: Sequence[Node | None],
    wanted: Sequence[bool],
    so_far: Sequence[Node | None],
    run_sweep: Callable[..., Any],
) -> CondPullback:
    """The cotangents of the operands, given one, or None, per result; they include those ``so_far``."""
    assert isinstance(node.type, TupleType)
    given = {k: cotangent for k, cotangent in enumerate(cotangents) if cotangent is not None}
    seeds = [new_input(strong(node.type.elements[k]), f"ct{k}") for k in given]
    targets = [k for k, flag in enumerate(wanted[1:]) if flag]
    before = {k: found for k, found in enumerate(so_far[1:]) if found is not None and k in targets}
    sums = {k: new_input(strong(found.array_type), f"sum{k}") for k, found in before.items()}
    sides = [_sweep_branch(node.params[name], list(given), seeds, targets, sums, run_sweep) for name in _BRANCHES]
    reached = [k for k in targets if any(side.cotangents.get(k) is not sums.get(k) for side in sides)]
    sums = {k: total for k, total in sums.items() if k in reached}
    if not reached:
        return CondPullback([None] * len(node.inputs), {})
    places = _shared_places(sides)
    replacements, stored = _saving(node, sides, places)
    used = sorted(set().union(*(side.operands for side in sides)))
    slots = [new_input(type_, "saved") for k, type_ in enumerate(places)]
    types = {k: strong(node.inputs[1 + k].array_type) for k in reached}
    pullbacks = {
        name: _pullback_graph(side, places, slots, used, seeds, sums, types)
        for name, side in zip(_BRANCHES, sides, strict=True)
    }
    read = [node.inputs[1 + k] for k in used]
    operands = (node.inputs[0], *read, *stored, *given.values(), *(before[k] for k in sums))
    found = dict(zip(reached, items(bind(COND, operands, pullbacks)), strict=True))
    return CondPullback([None, *(found.get(k) for k in range(len(node.inputs) - 1))], replacements)


def _sweep_branch(
    branch: Graph,
    given: list[int],
    seeds: list[Node],
    targets: list[int],
    sums: dict[int, Node],
    run_sweep: Callable[..., Any],
) -> _Side:
    start = {branch.inputs[k]: total for k, total in sums.items()}
    swept = run_sweep([branch.outputs[k] for k in given], seeds, [branch.inputs[k] for k in targets], start)
    found = {k: c for k, c in zip(targets, swept.cotangents, strict=True) if c is not None}
    nodes = redirect([*branch.outputs, *found.values()], swept.replacements)
    inputs = (*branch.inputs, *seeds, *sums.values())
    joint = list(simplify(Graph(inputs, tuple(nodes), branch.name)).outputs)
    outputs, roots = joint[: len(branch.outputs)], joint[len(branch.outputs) :]
    saved = residuals(reads_of(roots, [*seeds, *sums.values()]), (), outputs, at_hand=branch.inputs)
    return _Side(branch, outputs, dict(zip(found, roots, strict=True)), saved)


def _shared_places(sides: Sequence[_Side]) -> list[ArrayType]:
    """The types of the places for residuals: as many of each as the side that needs most of them."""
    places: list[ArrayType] = []
    for side in sides:
        types = [strong(node.array_type) for node in side.residuals]
        for type_ in dict.fromkeys(types):
            places += [type_] * (types.count(type_) - places.count(type_))
    return places


def _placed(side: _Side, places: Sequence[ArrayType]) -> list[Node | None]:
    """Which residual of a side is in which place."""
    waiting = list(side.residuals)
    placed: list[Node | None] = []
    for type_ in places:
        fitting = next((node for node in waiting if strong(node.array_type) == type_), None)
        if fitting is not None:
            waiting.remove(fitting)
        placed.append(fitting)
    return placed


def _saving(node: Node, sides: Sequence[_Side], places: list[ArrayType]) -> tuple[dict[Node, Node], list[Node]]:
    """What replaces the results so that residuals are put out too, and these."""
    if not places:
        return {}, []
    branches = {}
    for name, side in zip(_BRANCHES, sides, strict=True):
        placed = _placed(side, places)
        extra = [zeros(type_) if value is None else value for type_, value in zip(places, placed, strict=True)]
        branches[name] = Graph(side.branch.inputs, (*side.outputs, *extra), side.branch.name)
    results = items(bind(COND, node.inputs, branches))
    count = len(sides[0].outputs)
    return dict(zip(items(node), results, strict=False)), results[count:]


def _pullback_graph(
    side: _Side,
    places: list[ArrayType],
    slots: list[Node],
    used: list[int],
    seeds: list[Node],
    sums: dict[int, Node],
    types: dict[int, ArrayType],
) -> Graph:
    placed = {value: slot for value, slot in zip(_placed(side, places), slots, strict=True) if value is not None}
    roots = [side.cotangents[k] if k in side.cotangents else zeros(type_) for k, type_ in types.items()]
    inputs = (*(side.branch.inputs[k] for k in used), *slots, *seeds, *sums.values())
    return Graph(inputs, tuple(substitute(roots, placed)), f"{side.branch.name}_adjoint")
