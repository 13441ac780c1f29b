"""A call: a graph as one node, with a derivative rule of its own.

    call(*operands)          params: graph, rule

It computes what its graph computes, and is replaced by it when all derivatives are taken (`finish`). Until then the
sweep does not look inside but asks the rule: `Recompute` for ``checkpoint``, the user's functions for ``custom_vjp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from srcgrad.core.lowering import Region
from srcgrad.core.op import TABLE, Op
from srcgrad.core.types import TupleType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind, substitute
from srcgrad.graph.structure import items
from srcgrad.transform.rewrite import of_type, redirect


@dataclass(frozen=True)
class CallPullback:
    """A cotangent or None per operand, and what replaces the results of the call."""

    cotangents: list[Node | None]
    replacements: dict[Node, Node]


class Rule(Protocol):
    """The derivative of a call."""

    def __call__(
        self, node: Node, cotangents: Sequence[Node | None], wanted: Sequence[bool], run_sweep: Callable[..., Any]
    ) -> CallPullback: ...


def _infer(*types: Any, graph: Graph, rule: Rule) -> TupleType:
    return TupleType(tuple(output.array_type for output in graph.outputs))


def _reference(*operands: Any, graph: Graph, rule: Rule) -> tuple[Any, ...]:
    return tuple(interpret(graph, operands))


CALL = TABLE.add(Op("call", _infer, _reference, Region("call")))


def call(graph: Graph, operands: Sequence[Node], rule: Rule) -> list[Node]:
    """The results of a call node."""
    return items(bind(CALL, tuple(operands), {"graph": graph, "rule": rule}))


def inlined(graph: Graph, operands: Sequence[Node]) -> list[Node]:
    """The graph's outputs for these operands."""
    return substitute(
        graph.outputs, {own: of_type(given, own) for own, given in zip(graph.inputs, operands, strict=True)}
    )


class Recompute:
    """The pullback of the graph, computed from the operands: nothing that it reads is kept from the forward pass.

    In a loop, this costs no residual: the forward iteration has the call, the reverse one its insides.
    """

    def __call__(
        self, node: Node, cotangents: Sequence[Node | None], wanted: Sequence[bool], run_sweep: Callable[..., Any]
    ) -> CallPullback:
        graph: Graph = node.params["graph"]
        given = {k: cotangent for k, cotangent in enumerate(cotangents) if cotangent is not None}
        targets = [k for k, flag in enumerate(wanted) if flag]
        outputs = [graph.outputs[k] for k in given]
        swept = run_sweep(outputs, list(given.values()), [graph.inputs[k] for k in targets])
        found = {k: c for k, c in zip(targets, swept.cotangents, strict=True) if c is not None}
        roots = redirect(list(found.values()), swept.replacements)
        placed = substitute(roots, dict(zip(graph.inputs, node.inputs, strict=True)))
        pulled = dict(zip(found, placed, strict=True))
        return CallPullback([pulled.get(k) for k in range(len(node.inputs))], {})
