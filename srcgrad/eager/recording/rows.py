"""Any row of the table on tensors: evaluated by its reference, recorded with its rule.

This is the general way. Functions that are called all the time have a faster one in ``pointwise`` and ``linear``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import Spec, sum_to
from srcgrad.eager.recording.reads import all_adjoint_reads, partial_reads
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import FREED, Edges, Node, modified, sequence
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, lift, wrap
from srcgrad.transform.adjoint import pullback_of_row

_NONE: frozenset[int] = frozenset()


class Saved:
    """A tensor that a rule reads, with the version that it had."""

    __slots__ = ("dtype", "tensor", "version")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.version, self.dtype = tensor, tensor._version, tensor._array.dtype

    def get(self) -> Tensor:
        """The tensor; raises where it was freed or overwritten."""
        tensor = self.tensor
        counter = tensor._counter
        if (0 if counter is None else counter.count) != self.version:
            raise modified(tensor, self.version)
        return tensor


class RowNode(Node):
    """An application of a row. ``saved`` holds the result (or None) and the operands: what the rule does not read
    as `Spec`.
    """

    __slots__ = ("op", "params", "saved")
    op: Op
    params: dict[str, Any]
    saved: list[Any]

    def _values(self) -> list[Any]:
        values = [part.get() if type(part) is Saved else part for part in self.saved]
        out = values[0]
        if out is not None:
            values[0] = wrap(out._array)
            values[0]._node, values[0]._counter = self, out._counter
        return values

    def _apply(self, cotangent: Any, edges: Edges, values: list[Any]) -> Sequence[Any]:
        if self.op.partials is None:
            return pullback_of_row(self.op, cotangent, values[0], values[1:], self.params)
        wanted = [edge is not None for edge in edges]
        found = pullback_of_row(self.op, cotangent, values[0], values[1:], self.params, wanted)
        return [_fit(part, value.shape) for part, value in zip(found, values[1:], strict=True)]

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        return self._apply(cotangent, edges, [_array_of(value) for value in self._values()])

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        return self._apply(cotangent, edges, self._values())

    def shown_edges(self) -> Edges:
        if self.extra is not None and self.extra.shown is not None:
            return self.extra.shown
        return tuple(edge for edge, part in zip(self.edges, self.saved[1:], strict=True) if part.dtype.kind in "fc")

    def adopt(self, array: Any, counter: Any) -> None:
        out = self.saved[0]
        if type(out) is Saved:
            out.tensor._array, out.tensor._counter, out.version = array, counter, counter.count

    def release(self) -> None:
        for part in self.saved:
            if type(part) is Saved:
                part.tensor = FREED


def _array_of(value: Any) -> Any:
    return (
        value._array if isinstance(value, Tensor) else tuple(map(_array_of, value)) if type(value) is tuple else value
    )


def _fit(contribution: Any, shape: tuple[int, ...]) -> Any:
    return None if contribution is None else sum_to(contribution, shape)


def node_name(op: Op) -> str:
    """``ReduceSumBackward0`` for ``reduce_sum``."""
    return "".join(part.capitalize() for part in op.name.split("_")) + "Backward0"


_kinds: dict[str, type[RowNode]] = {}


def node_kind(name: str) -> type[RowNode]:
    """The class of row nodes of that name."""
    kind = _kinds.get(name)
    if kind is None:
        kind = _kinds[name] = type(name, (RowNode,), {"__slots__": (), "__module__": __name__})
    return kind


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
    if isinstance(result, tuple):
        raise NotImplementedError(f"{op.name} has several results")
    made = wrap(result if type(result) is np.ndarray else np.asarray(result))
    mode = state.mode
    edges = tuple([operand._node for operand in operands])
    if mode == OFF or not any(edges) or (op.partials is None and op.adjoint is None):
        if state.inference:
            made.more().inference = True
        return made
    node = node_kind(name or node_name(op))()
    node.edges, node.seq, node.extra = edges, next(sequence), None
    node.op, node.params = op, params
    node.saved = _save(op, operands, made, edges)
    made._node = node
    if mode == ANOMALY:
        annotate(node)
    return made


def _save(op: Op, operands: list[Tensor], made: Tensor, edges: Edges) -> list[Any]:
    if op.partials is not None:
        found = [read for read, edge in zip(partial_reads(op), edges, strict=True) if edge is not None and read]
        needed = _NONE.union(*found) if found else _NONE
    else:  # an adjoint gives the cotangents of all operands, wanted or not
        needed = all_adjoint_reads(op, len(operands))
    saved: list[Any] = [
        Saved(operand) if position in needed else Spec(operand._array.shape, operand._array.dtype)
        for position, operand in enumerate(operands, start=1)
    ]
    if 0 in needed:
        copy = wrap(made._array)  # without the node that is to hold it, sharing its version
        copy._counter = made._counter = Version()
        return [Saved(copy), *saved]
    return [None, *saved]
