"""Guards: results that are worth something only if the program did not fail.

    guarded(x, flag)          params: causes

is ``x``; ``flag`` is 0, or the number (from 1) of the exception in ``causes`` that the program would have raised. A
guard hands its flag on to cotangents and tangents, so that what is computed from a function knows whether it failed. It
is no row of the table: before a program is compiled, or becomes part of another one, `unguarded` takes the guards off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import Structure
from srcgrad.core.op import Op, apply
from srcgrad.graph.node import Graph, Node, bind, topological
from srcgrad.graph.structure import constant
from srcgrad.transform.rewrite import with_inputs

Causes = tuple[Exception, ...]


def _reference(x: Any, flag: Any, *, causes: Causes) -> Any:
    if flag:
        raise causes[int(flag) - 1]
    return x


GUARDED = Op(
    "guarded",
    lambda x, flag, *, causes: x,
    _reference,
    Structure(),
    adjoint=lambda ct, out, x, flag, *, causes: (guarded(ct, flag, causes), None),
    tangent=lambda tangents, out, x, flag, *, causes: guarded(tangents[0], flag, causes),
)


def guarded(x: Node, flag: Node, causes: Causes) -> Node:
    """``x``, if ``flag`` is 0."""
    return bind(GUARDED, (x, flag), {"causes": causes})


def unguarded(outputs: Sequence[Node]) -> tuple[list[Node], list[tuple[Node, Causes]]]:
    """The outputs without guards, and the distinct flags of these with their causes."""
    new: dict[Node, Node] = {}
    flags: dict[Node, Causes] = {}
    for node in topological(outputs):
        operands = [new[operand] for operand in node.inputs]
        if node.op is GUARDED:
            new[node] = operands[0]
            flags[operands[1]] = node.params["causes"]
        else:
            new[node] = with_inputs(node, operands)
    return [new[output] for output in outputs], list(flags.items())


def with_flag(graph: Graph) -> tuple[Graph, Causes]:
    """The graph without guards; where there were some its last output is 0, or which of the causes it failed for."""
    outputs, flags = unguarded(graph.outputs)
    if not flags:
        return graph, ()
    total: Node = constant(np.int64(0))
    causes: Causes = ()
    for flag, own in flags:
        total = joined(total, flag, len(causes))
        causes += own
    return Graph(graph.inputs, (*outputs, total), graph.name), causes


def joined(first: Node, second: Node, offset: int) -> Node:
    """The first flag where it is set, else the second, counted from ``offset``."""
    later = apply("where", apply("not_equal", second, 0), second + offset, 0)
    return apply("where", apply("not_equal", first, 0), first, later)  # type: ignore[no-any-return]
