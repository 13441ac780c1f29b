"""Pointwise rows as functions of tensors, at the cost of one NumPy call and little else.

Operands of one dtype go straight to NumPy, whose broadcasting is undone in the backward pass where shapes differ;
anything else (numbers, mixed dtypes, traced arrays) is brought to that case first. Rows of one and two operands are
written out here, since programs are made of them; all others take the way of every row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.core.types import ArrayType
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import Spec
from srcgrad.eager.recording.nodes import keep, kind_of
from srcgrad.eager.recording.operands import is_traced, pair, same_dtype, to_dtype
from srcgrad.eager.recording.rows import bind
from srcgrad.eager.tensors.errors import do_not_fit, not_a_tensor, undefined
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import sequence
from srcgrad.eager.tensors.promotion import inexact_dtype, result_dtype
from srcgrad.eager.tensors.tensor import Tensor, new
from srcgrad.graph.structure import new_input

ndarray = np.ndarray
asarray = np.asarray
Function = Callable[..., Any]
Shown = tuple[int, ...] | None


def function_of(op: Op, name: str, node: str | None = None, shown: Shown = None, inexact: bool | None = None) -> Any:
    """The function of tensors that a pointwise row describes, under PyTorch's name.

    ``node`` is the name of its nodes, ``shown`` the operands that are edges for PyTorch. ``inexact``: integers become
    floats first, by default where they do for the row.
    """
    assert op.partials is not None
    arity = len(op.partials)
    node = node or (name.capitalize() if arity < 3 else name.title()) + "Backward0"
    if inexact is None:
        inexact = _makes_floats(op, arity)
    function = (_unary, _binary, _general)[min(arity, 3) - 1](op, name, node, shown, inexact)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.doc or f"`{op.name}` of every element."
    return function


def _makes_floats(op: Op, arity: int) -> bool:
    """Whether the row's promotion turns integers into floats."""
    integers = [new_input(ArrayType((1,), np.dtype(np.int64)), "x") for _ in range(arity)]
    return op.prepare is not None and op.prepare(integers, {})[0].dtype.kind == "f"


def _general(op: Op, name: str, node: str, shown: Shown, inexact: bool) -> Function:
    def function(*operands: Any) -> Any:
        dtype = result_dtype(operands)
        same = [to_dtype(operand, inexact_dtype(dtype) if inexact else dtype) for operand in operands]
        return bind(op, same, {}, node)

    return function


def _unary(op: Op, name: str, node: str, shown: Shown, inexact: bool) -> Function:
    evaluate = op.reference
    is_recorded = op.partials != (None,)
    kind: Any = kind_of(op, node, 1, shown) if is_recorded else None
    reads = (is_recorded and kind.reads[0]) or ()
    saves_out, saves_x = 0 in reads, 1 in reads

    def function(input: Any) -> Any:
        if not isinstance(input, Tensor):
            if is_traced(input):
                return op(to_dtype(input, inexact_dtype(input.__sg_type__.dtype)) if inexact else input)
            raise not_a_tensor(name, input)
        array, mode = input._array, state.mode
        dtype = array.dtype
        if inexact and dtype.kind not in "fc":
            return function(to_dtype(input, inexact_dtype(dtype)))
        try:
            result = state.run(evaluate, array)
        except TypeError:
            raise undefined(name, input) from None
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
        node.specs = None if made._array.dtype is dtype else (Spec(array.shape, dtype),)
        node.saved = keep(made) if saves_out else None, (input, input._version) if saves_x else None
        made._node = node
        if mode == ANOMALY:
            annotate(node)
        return made

    return function


def _binary(op: Op, name: str, node: str, shown: Shown, inexact: bool) -> Function:
    evaluate = op.reference
    is_recorded = op.partials != (None, None)
    kind: Any = kind_of(op, node, 2, shown) if is_recorded else None
    by_x, by_y = [read or frozenset() for read in kind.reads] if is_recorded else ((), ())
    x_for_x, x_for_y, y_for_x, y_for_y = 1 in by_x, 1 in by_y, 2 in by_x, 2 in by_y
    out_for_x, out_for_y = 0 in by_x, 0 in by_y
    reads_nothing = not by_x and not by_y
    nothing = None, None, None

    def function(input: Any, other: Any) -> Any:
        if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
            if is_traced(input) or is_traced(other):
                return op(*same_dtype(input, other, inexact))
            input, other = pair(input, other, name)
        x, y, mode = input._array, other._array, state.mode
        if x.dtype is not y.dtype:
            input, other = same_dtype(input, other, inexact)
            x, y = input._array, other._array
        if inexact and x.dtype.kind not in "fc":
            return function(*same_dtype(input, other, inexact))
        try:
            result = state.run(evaluate, x, y)
        except (TypeError, ValueError) as error:
            raise do_not_fit(name, input, other, error) from None
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
        if reads_nothing:
            node.saved = nothing
        else:
            for_x, for_y = x_edge is not None, y_edge is not None
            node.saved = (
                keep(made) if (out_for_x and for_x) or (out_for_y and for_y) else None,
                (input, input._version) if (x_for_x and for_x) or (x_for_y and for_y) else None,
                (other, other._version) if (y_for_x and for_x) or (y_for_y and for_y) else None,
            )
        node.specs = None
        if x.shape != y.shape:
            of_x = None if x_edge is None else Spec(x.shape, x.dtype)
            node.specs = of_x, None if y_edge is None else Spec(y.shape, y.dtype)
        made._node = node
        if mode == ANOMALY:
            annotate(node)
        return made

    return function
