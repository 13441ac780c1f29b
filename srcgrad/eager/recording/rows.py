"""Rows on tensors: evaluated by their reference, recorded as nodes.

`record` gives a result its node, and `bind` does all there is to do for any row. Functions that are called all the time
compute their result themselves and only record it; those of one and two operands have a faster way still, in
``pointwise``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import View
from srcgrad.core.op import Op
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import Spec
from srcgrad.eager.recording.nodes import PairNode, RowNode, has_rule, keep, kind_of, node_name
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import BackwardNode, Edges, Port, sequence
from srcgrad.eager.tensors.tensor import Tensor, lift, new, wrap

ndarray = np.ndarray


def record_pair(kind: type[RowNode], made: Tensor, x: Tensor, y: Tensor, params: dict[str, Any]) -> Tensor:
    """As `record`, for a `PairNode`."""
    to_x, to_y = x._node, y._node
    if (to_x is None and to_y is None) or state.mode == OFF:
        if state.inference:
            made.more().inference = True
        return made
    node = new(kind)
    node.edges, node.seq, node.extra, node.params = (to_x, to_y), next(sequence), None, params
    node.saved = None if to_y is None else (x, x._version), None if to_x is None else (y, y._version)
    node.specs = x._array.shape, y._array.shape
    made._node = node
    if state.mode == ANOMALY:
        annotate(node)
    return made


def _plan(kind: Any, wanted: tuple[bool, ...]) -> tuple[bool, tuple[int, ...]]:
    """Whether the result, and which operands, are read by the contributions to those operands that are wanted."""
    is_joint = kind.op.partials is None  # the rule gives all contributions
    found = [read for read, flag in zip(kind.reads, wanted, strict=True) if (flag or is_joint) and read]
    needed: frozenset[int] = frozenset().union(*found)
    plan = kind.plans[wanted] = 0 in needed, tuple(sorted(position - 1 for position in needed if position))
    return plan


def record_one(kind: type[RowNode], made: Tensor, operand: Tensor, params: dict[str, Any]) -> Tensor:
    """As `record`, for a `ShapeNode`."""
    edge = operand._node
    if edge is not None and state.mode != OFF:
        made._node = one_node(kind, edge, operand._array, params)
        if kind.saves_out:  # type: ignore[attr-defined]
            made._node.saved = keep(made)
    elif state.inference:
        made.more().inference = True
    return made


def one_node(kind: type[RowNode], edge: BackwardNode, array: Any, params: dict[str, Any]) -> RowNode:
    """The node of a row applied to an array, a `ShapeNode` that saves nothing so far."""
    node = new(kind)
    node.edges, node.seq, node.extra, node.params, node.saved = (edge,), next(sequence), None, params, None
    spec = new(Spec)
    node.specs = (spec,)
    spec.shape, spec.dtype = array.shape, array.dtype
    if state.mode == ANOMALY:
        annotate(node)
    return node


def record(kind: type[RowNode], made: Tensor, operands: Sequence[Tensor], params: dict[str, Any] | None = None) -> Any:
    """The result of a row, with its node where an operand has one and recording is on."""
    edges = tuple([operand._node for operand in operands])
    if not any(edges) or state.mode == OFF:
        if state.inference:
            made.more().inference = True
        return made
    made._node = make_node(kind, made, operands, edges, params)
    return made


def make_node(
    kind: type[RowNode], made: Any, operands: Sequence[Tensor], edges: Edges, params: dict[str, Any] | None
) -> RowNode:
    """The node of an application. ``made``: the result, or a tuple of results."""
    node = new(kind)
    node.edges, node.seq, node.extra = edges, next(sequence), None
    if kind.reads_shapes:
        node.params, node.saved = params or {}, keep(made) if kind.saves_out else None  # type: ignore[attr-defined]
        node.specs = [Spec(operand._array.shape, operand._array.dtype) for operand in operands]
        if state.mode == ANOMALY:
            annotate(node)
        return node
    wanted = tuple([edge is not None for edge in edges])
    saves_out, positions = kind.plans.get(wanted) or _plan(kind, wanted)
    out: Any = None
    if saves_out:
        out = [keep(part) for part in made] if isinstance(made, tuple) else keep(made)
    parts: list[Any] = [None] * len(edges)
    for position in positions:
        operand = operands[position]
        parts[position] = (operand, operand._version)
    node.saved = (out, *parts)
    node.specs = None
    if params is not None:
        node.params = params
        node.specs = [None]
        for operand, part in zip(operands, parts, strict=True):
            node.specs.append(Spec(operand._array.shape, operand._array.dtype) if part is None else None)
    else:
        array = made._array
        for k in kind.contributing:
            x = operands[k]._array
            if x.shape != array.shape or x.dtype is not array.dtype:
                node.specs = [Spec(operand._array.shape, operand._array.dtype) for operand in operands]
                break
    if state.mode == ANOMALY:
        annotate(node)
    return node


#: Rows that have a recording function of their own, which takes the operands and the params.
RECORDED: dict[str, Callable[..., Any]] = {}


def bind(op: Op, args: Sequence[Any], params: dict[str, Any], name: str | None = None) -> Any:
    """Apply a row to tensors (and arrays and numbers): no promotion, one node. Beside traced values it is the row
    itself.
    """
    for arg in args:
        if not isinstance(arg, Tensor) and hasattr(arg, "__sg_bind__"):
            return op(*args, **params)
    operands = [arg if isinstance(arg, Tensor) else lift(arg) for arg in args]
    result = state.run(op.reference, *[operand._array for operand in operands], **params)
    several = type(result) is tuple
    if isinstance(op.lowering, View):  # NumPy gives a view, which would be none here: nobody knows its base
        result = np.array(result)
    made = tuple([wrap(np.asarray(part)) for part in result]) if several else wrap(np.asarray(result))
    if not has_rule(op):
        return made
    kind = kind_of(op, name or node_name(op), len(operands))
    if issubclass(kind, PairNode):
        return record_pair(kind, made, operands[0], operands[1], params)  # type: ignore[arg-type]
    if not several:
        return record(kind, made, operands, None if op.partials is not None else params)  # type: ignore[arg-type]
    edges = tuple([operand._node for operand in operands])
    if state.mode != OFF and any(edges):
        node = make_node(kind, made, operands, edges, params)
        for number, part in enumerate(made):
            if part._array.dtype.kind in "fc":
                part._node = Port(node, number)
    return made
