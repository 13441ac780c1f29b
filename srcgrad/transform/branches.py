"""The adjoint of a branch: a branch between adjoints.

``y = cond(p, x)`` is ``then(x)`` or ``orelse(x)``. The pullback of the function that ``p`` chooses is the pullback of
the chosen function, so

    x̄ = cond(p, x, ȳ)       with the pullbacks of ``then`` and ``orelse`` as branches.

Each pullback computes again what it reads of its own branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from srcgrad.core.types import TupleType
from srcgrad.graph.node import Graph, Node, bind, topological_until
from srcgrad.graph.structure import COND, items, new_input
from srcgrad.transform.rewrite import redirect, zeros

_BRANCHES = ("then", "orelse")


def pullback_of_cond(
    node: Node, cotangents: Sequence[Node | None], wanted: Sequence[bool], run_sweep: Callable[..., Any]
) -> list[Node | None]:
    """One cotangent, or None, per operand of the node, given one, or None, per result."""
    assert isinstance(node.type, TupleType)
    given = {k: cotangent for k, cotangent in enumerate(cotangents) if cotangent is not None}
    seeds = [new_input(node.type.elements[k], f"ct{k}") for k in given]
    targets = [k for k, flag in enumerate(wanted[1:]) if flag]
    swept = [_sweep_branch(node.params[name], given, seeds, targets, run_sweep) for name in _BRANCHES]
    reached = [k for k in targets if any(k in found for found in swept)]
    if not reached:
        return [None] * len(node.inputs)
    operands = node.inputs[1:]
    outputs = [[found[k] if k in found else zeros(operands[k].array_type) for k in reached] for found in swept]
    read = [_read_inputs(node.params[name], roots) for name, roots in zip(_BRANCHES, outputs, strict=True)]
    used = sorted(set().union(*read))
    pullbacks = {
        name: Graph(
            (*(node.params[name].inputs[k] for k in used), *seeds), tuple(roots), f"{node.params[name].name}_adjoint"
        )
        for name, roots in zip(_BRANCHES, outputs, strict=True)
    }
    made = items(bind(COND, (node.inputs[0], *(operands[k] for k in used), *given.values()), pullbacks))
    found = dict(zip(reached, made, strict=True))
    return [None, *(found.get(k) for k in range(len(operands)))]


def _sweep_branch(
    branch: Graph, given: Iterable[int], seeds: list[Node], targets: list[int], run_sweep: Callable[..., Any]
) -> dict[int, Node]:
    """The cotangents that reach the branch's inputs, reading loops that save residuals instead of those that do not."""
    swept = run_sweep([branch.outputs[k] for k in given], seeds, [branch.inputs[k] for k in targets])
    found = {k: c for k, c in zip(targets, swept.cotangents, strict=True) if c is not None}
    return dict(zip(found, redirect(list(found.values()), swept.replacements), strict=True))


def _read_inputs(branch: Graph, roots: list[Node]) -> set[int]:
    read = set(topological_until(roots, set(branch.inputs)))
    return {k for k, node in enumerate(branch.inputs) if node in read}
