"""The adjoint of a `while`: count the iterations, then it is a loop.

    while p(c): c = b(c)        becomes        n = 0
                                               while p(c): c, n = b(c), n + 1

and with the number of iterations known, the final c is that of ``loop(n, b)``, whose adjoint (`loops`) saves what it
needs in stacks of exactly n slices. The loop repeats the iterations of the `while`, and is computed only where
something is saved.
See docs/design/while_adjoint.md for why the iterations are counted first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, bind, substitute
from srcgrad.graph.structure import LOOP, WHILE, constant, items, new_input
from srcgrad.transform.loops import LoopPullback, pullback_of_loop
from srcgrad.transform.rewrite import uniform_value

_INDEX = ArrayType((), np.dtype(np.int64))


def pullback_of_while(
    node: Node,
    cotangents: Sequence[Node | None],
    wanted: Sequence[bool],
    so_far: Sequence[Node | None],
    run_sweep: Callable[..., Any],
) -> LoopPullback:
    """The cotangents of a `while`'s operands, given those of its results; it is replaced by one that counts.

    ``so_far`` is as for a loop.
    """
    body: Graph = node.params["body"]
    n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
    iterations, counted = _counted(node)
    iteration = new_input(_INDEX, "i")
    known = _functions_of_the_iteration(node, iteration)
    region = Graph((iteration, *body.inputs), tuple(substitute(body.outputs, known)), body.name)
    params = {"body": region, "n_consts": n_body, "n_carries": len(body.outputs), "length": None, "reverse": False}
    as_loop = bind(LOOP, (iterations, *node.inputs[n_cond:]), params)
    as_loop.location = node.location
    flags, sums = [False, *wanted[n_cond:]], [None, *so_far[n_cond:]]
    pulled = pullback_of_loop(as_loop, cotangents, flags, sums, run_sweep)
    return LoopPullback([*([None] * n_cond), *pulled.cotangents[1:]], counted)


def _counted(node: Node) -> tuple[Node, dict[Node, Node]]:
    """How often a `while` runs, and what replaces its results: those of one that counts."""
    cond, body = node.params["cond"], node.params["body"]
    n_consts = node.params["n_cond_consts"] + node.params["n_body_consts"]
    initial = node.inputs[n_consts:]
    results = items(node)
    for start, inner, outer, result in zip(initial, body.inputs[-len(initial) :], body.outputs, results, strict=True):
        if uniform_value(start) == 0 and _step(inner, outer) == 1:
            return result, {}
    before = new_input(_INDEX, "iterations")
    params = {
        **node.params,
        "cond": Graph((*cond.inputs, new_input(_INDEX, "iterations")), cond.outputs, cond.name),
        "body": Graph((*body.inputs, before), (*body.outputs, before + 1), body.name),
    }
    made = bind(WHILE, (*node.inputs, constant(np.int64(0))), params)
    made.location = node.location
    counting = items(made)
    return counting[-1], dict(zip(results, counting[:-1], strict=True))


def _functions_of_the_iteration(node: Node, iteration: Node) -> dict[Node, Node]:
    """Integers that begin as a constant and change by the same step in every iteration: nothing has to be saved."""
    body: Graph = node.params["body"]
    initial = node.inputs[node.params["n_cond_consts"] + node.params["n_body_consts"] :]
    found = {}
    for start, inner, outer in zip(initial, body.inputs[-len(initial) :], body.outputs, strict=True):
        first, step = uniform_value(start), _step(inner, outer)
        if first is not None and step is not None:
            value = iteration * step + first
            found[inner] = apply("astype", value, dtype=inner.dtype, weak=inner.array_type.weak)
    return found


def _step(before: Node, after: Node) -> int | None:
    """By how much a whole number changes in an iteration; None where that is not a constant."""
    after = _unconverted(after)
    if before.shape or before.dtype != _INDEX.dtype or after.op.name not in ("add", "subtract"):
        return None
    left, right = (_unconverted(operand) for operand in after.inputs)
    if left is not before and after.op.name == "add":
        left, right = right, left
    step = uniform_value(right) if left is before else None
    return None if step is None else step if after.op.name == "add" else -step


def _unconverted(node: Node) -> Node:
    while node.op.name == "astype" and node.dtype == node.inputs[0].dtype:
        node = node.inputs[0]
    return node
