"""Selection: `where`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import sum_to, weigh_array
from srcgrad.eager.recording.operands import same_dtype
from srcgrad.eager.recording.rows import RECORDED
from srcgrad.eager.tensors.errors import do_not_fit
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import FREED, Edges, Node, modified, sequence
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.transform.adjoint import weigh

Function = Callable[..., Any]


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """The input's elements where the condition holds, else the other's; with the condition alone, where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not (isinstance(input, Tensor) and isinstance(other, Tensor) and input._array.dtype is other._array.dtype):
        input, other = same_dtype(input, other)
    if not (isinstance(condition, Tensor) and isinstance(input, Tensor) and isinstance(other, Tensor)):
        return TABLE["where"](condition, input, other)
    flags, x, y = condition._array, input._array, other._array
    if flags.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.type()}"
        )
    try:
        result = np.where(flags, x, y)
    except ValueError as error:
        raise do_not_fit("where", input, other, error) from None
    made = wrap(result)
    x_edge, y_edge = input._node, other._node
    if (x_edge is None and y_edge is None) or state.mode == OFF:
        return made
    node = WhereBackward0()
    node.edges, node.seq, node.extra = (x_edge, y_edge), next(sequence), None
    node.condition, node.version, node.shapes = condition, condition._version, (x.shape, y.shape)
    made._node = node
    if state.mode == ANOMALY:
        annotate(node)
    return made


RECORDED["where"] = where


class WhereBackward0(Node):
    """A selection: each operand gets the cotangent where it was selected."""

    __slots__ = ("condition", "shapes", "version")
    condition: Any
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    version: int

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        return self._weighed(weigh_array, cotangent, edges, self._checked()._array)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        return self._weighed(weigh, cotangent, edges, self._checked())

    def _checked(self) -> Any:
        counter = self.condition._counter
        if (0 if counter is None else counter.count) != self.version:
            raise modified(self.condition, self.version)
        return self.condition

    def _weighed(self, weigh: Function, cotangent: Any, edges: Edges, condition: Any) -> Any:
        assert TABLE["where"].partials is not None
        _, by_x, by_y = TABLE["where"].partials
        assert by_x is not None
        assert by_y is not None
        x, y = self.shapes
        return (
            None if edges[0] is None else sum_to(weigh(cotangent, by_x(None, condition, None, None)), x),
            None if edges[1] is None else sum_to(weigh(cotangent, by_y(None, condition, None, None)), y),
        )

    def release(self) -> None:
        self.condition = FREED
