"""Elementwise functions: rows of one or two operands, recorded at the cost of one NumPy call and little else.

`unary` and `binary` make a function and its class of nodes from a row. Operands of one dtype go straight to NumPy,
whose broadcasting is undone in the backward pass where shapes differ; anything else (numbers, mixed dtypes, traced
arrays) is brought to that case first. Only what the row's rule reads is saved, and only for operands that need a
gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.core.partial import Where
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import sum_to, weigh_array
from srcgrad.eager.recording.operands import is_traced, pair, same_dtype, to_dtype
from srcgrad.eager.recording.reads import partial_reads
from srcgrad.eager.tensors.errors import do_not_fit, not_a_tensor, undefined
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import FREED, Edges, Node, modified, sequence
from srcgrad.eager.tensors.promotion import inexact_dtype
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, new, wrap
from srcgrad.transform.adjoint import weigh

ndarray = np.ndarray
asarray = np.asarray
Function = Callable[..., Any]


def nothing(*values: Any) -> Where:
    """The partial derivative of a step function: zero, but passed on, and a constant."""
    return Where(np.False_)


def _zeros(cotangent: Any) -> Tensor:
    return wrap(np.zeros_like(cotangent._array))


class Unary(Node):
    """A row of one operand. A subclass has slots for what its rule reads: the operand ``x``, the result ``out``."""

    __slots__ = ()
    partial: Callable[..., Any]
    x: Any = None
    out: Any = None
    x_version: int
    out_version: int
    counter: Version

    def check(self) -> None:
        """Raise where what was saved has been freed or overwritten."""
        x = self.x
        if x is not None:
            counter = x._counter
            if (0 if counter is None else counter.count) != self.x_version:
                raise modified(x, self.x_version)
        if self.out is not None and self.counter.count != self.out_version:
            raise modified(self.saved_out(), self.out_version)

    def saved_out(self: Any) -> Tensor | None:
        """The result as a tensor again."""
        if self.out is None:
            return None
        made = wrap(self.out)
        made._node, made._counter = self, self.counter
        return made

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        self.check()
        x = self.x
        return (weigh_array(cotangent, self.partial(self.out, None if x is None else x._array)),)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        self.check()
        if self.partial is nothing:
            return (_zeros(cotangent),)
        return (weigh(cotangent, self.partial(self.saved_out(), self.x)),)

    def adopt(self: Any, array: Any, counter: Any) -> None:
        if self.out is not None:
            self.out, self.counter, self.out_version = array, counter, counter.count

    def release(self) -> None:
        if self.x is not None:
            self.x = FREED
        if self.out is not None:
            self.out, self.counter = False, FREED  # type: ignore[misc]


class Binary(Node):
    """A row of two operands. ``shapes`` holds theirs where an operand was broadcast, else None."""

    __slots__ = ("shapes",)
    #: the operands that may be tensors
    operands = slice(None)
    partials: tuple[Callable[..., Any] | None, Callable[..., Any] | None]
    x: Any = None
    y: Any = None
    out: Any = None
    x_version: int
    y_version: int
    out_version: int
    counter: Version
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None

    def check(self) -> None:
        """Raise where what was saved has been freed or overwritten."""
        x, y = self.x, self.y
        if x is not None:
            counter = x._counter
            if (0 if counter is None else counter.count) != self.x_version:
                raise modified(x, self.x_version)
        if y is not None:
            counter = y._counter
            if (0 if counter is None else counter.count) != self.y_version:
                raise modified(y, self.y_version)
        if self.out is not None and self.counter.count != self.out_version:
            raise modified(self.saved_out(), self.out_version)

    def shown_edges(self) -> Edges:
        return super().shown_edges()[self.operands]

    saved_out, adopt = Unary.saved_out, Unary.adopt

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        self.check()
        x, y = self.x, self.y
        x, y = None if x is None else x._array, None if y is None else y._array
        return self._weighed(weigh_array, cotangent, edges, self.out, x, y)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        self.check()
        return self._weighed(weigh, cotangent, edges, self.saved_out(), self.x, self.y)

    def _weighed(self, weigh: Function, cotangent: Any, edges: Edges, out: Any, x: Any, y: Any) -> Sequence[Any]:
        by_x, by_y = self.partials
        first = second = None
        if edges[0] is not None and by_x is not None:
            first = weigh(cotangent, by_x(out, x, y))
        if edges[1] is not None and by_y is not None:
            second = weigh(cotangent, by_y(out, x, y))
        shapes = self.shapes
        if shapes is not None:
            if first is not None:
                first = sum_to(first, shapes[0])
            if second is not None:
                second = sum_to(second, shapes[1])
        return first, second

    def release(self) -> None:
        if self.x is not None:
            self.x = FREED
        if self.y is not None:
            self.y = FREED
        if self.out is not None:
            self.out, self.counter = False, FREED  # type: ignore[misc]


def unary(op: Op, name: str, node_name: str, *, inexact: bool = False) -> Function:
    """The function of one operand that a row describes, under PyTorch's names."""
    assert op.partials is not None
    (partial,) = op.partials
    reads = partial_reads(op)[0] or frozenset()
    saves_x, saves_out = 1 in reads, 0 in reads
    slots = [*(["x", "x_version"] if saves_x else []), *(["out", "out_version", "counter"] if saves_out else [])]
    members: dict[str, Any] = {"__slots__": slots, "__module__": __name__}
    if partial is not None:
        members["partial"] = staticmethod(partial)
    kind: Any = type(node_name, (Unary,), members)
    evaluate = op.reference
    is_recorded = partial is not None

    def function(input: Any) -> Any:
        if not isinstance(input, Tensor):
            if is_traced(input):
                return op(to_dtype(input, inexact_dtype(input.__sg_type__.dtype)) if inexact else input)
            raise not_a_tensor(name, input)
        array, mode = input._array, state.mode
        try:
            result = state.run(evaluate, array)
        except TypeError:
            raise undefined(name, input) from None
        if inexact and result.dtype is not array.dtype and result.dtype != array.dtype:
            return function(to_dtype(input, inexact_dtype(array.dtype)))
        made = new(Tensor)
        made._array = result if type(result) is ndarray else asarray(result)
        made._node = made._counter = made._meta = None
        edge = input._node
        if edge is None or mode == OFF or not is_recorded:
            if state.inference:
                made.more().inference = True
            return made
        node = new(kind)
        node.edges, node.seq, node.extra = (edge,), next(sequence), None
        if saves_x:
            node.x, node.x_version = input, input._version
        if saves_out:
            made._counter = counter = Version()
            node.out, node.out_version, node.counter = made._array, 0, counter
        made._node = node
        if mode == ANOMALY:
            annotate(node)
        return made

    return named(function, name, op)


def binary(op: Op, name: str, node_name: str, *, inexact: bool = False, operands: slice = slice(None)) -> Function:
    """The function of two operands that a row describes, under PyTorch's names."""
    assert op.partials is not None
    reads = partial_reads(op)
    by_x, by_y = (found or frozenset() for found in reads)
    x_for_x, x_for_y, y_for_x, y_for_y = 1 in by_x, 1 in by_y, 2 in by_x, 2 in by_y
    saves_x, saves_y = x_for_x or x_for_y, y_for_x or y_for_y
    out_for_x, out_for_y = 0 in by_x, 0 in by_y
    saves_out = out_for_x or out_for_y
    slots = [name for name, flag in zip(("x", "y", "out"), (saves_x, saves_y, saves_out), strict=True) if flag]
    slots += [f"{name}_version" for name in slots] + ["counter"] * saves_out
    members = {"__slots__": slots, "__module__": __name__, "partials": op.partials, "operands": operands}
    kind: Any = type(node_name, (Binary,), members)
    evaluate = op.reference
    is_recorded = any(partial is not None for partial in op.partials)

    def function(input: Any, other: Any) -> Any:
        if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
            if is_traced(input) or is_traced(other):
                return op(*same_dtype(input, other, inexact))
            input, other = pair(input, other, name)
        x, y, mode = input._array, other._array, state.mode
        if x.dtype is not y.dtype:
            input, other = same_dtype(input, other, inexact)
            x, y = input._array, other._array
        try:
            result = state.run(evaluate, x, y)
        except (TypeError, ValueError) as error:
            raise do_not_fit(name, input, other, error) from None
        if inexact and result.dtype is not x.dtype and result.dtype != x.dtype:
            return function(*same_dtype(input, other, inexact))
        made = new(Tensor)
        made._array = result if type(result) is ndarray else asarray(result)
        made._node = made._counter = made._meta = None
        x_edge, y_edge = input._node, other._node
        if (x_edge is None and y_edge is None) or mode == OFF or not is_recorded:
            if state.inference:
                made.more().inference = True
            return made
        node = new(kind)
        node.edges, node.seq, node.extra = (x_edge, y_edge), next(sequence), None
        if saves_x:
            if (x_for_x and x_edge is not None) or (x_for_y and y_edge is not None):
                node.x, node.x_version = input, input._version
            else:
                node.x = None
        if saves_y:
            if (y_for_x and x_edge is not None) or (y_for_y and y_edge is not None):
                node.y, node.y_version = other, other._version
            else:
                node.y = None
        if saves_out:
            if (out_for_x and x_edge is not None) or (out_for_y and y_edge is not None):
                made._counter = counter = Version()
                node.out, node.out_version, node.counter = result, 0, counter
            else:
                node.out = None
        node.shapes = None if x.shape == y.shape else (x.shape, y.shape)
        made._node = node
        if mode == ANOMALY:
            annotate(node)
        return made

    return named(function, name, op)


def comparison(op: Op, name: str) -> Function:
    """A function of two operands that is never recorded, and whose result is boolean."""
    evaluate = op.reference

    def function(input: Any, other: Any) -> Any:
        if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
            if is_traced(input) or is_traced(other):
                return op(*same_dtype(input, other))
            input, other = pair(input, other, name)
        elif input._array.dtype is not other._array.dtype:
            input, other = same_dtype(input, other)
        try:
            return wrap(asarray(state.run(evaluate, input._array, other._array)))
        except (TypeError, ValueError) as error:
            raise do_not_fit(name, input, other, error) from None

    return named(function, name, op)


def named(function: Function, name: str, op: Op) -> Function:
    """The function under its public name."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.doc or f"`{op.name}` of every element."
    return function
