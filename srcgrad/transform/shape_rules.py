"""Rewrites of shapes, casts and reductions: each gives a node equal to the one it takes, or None."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import Shape
from srcgrad.graph.node import Node
from srcgrad.transform.region_rules import chosen_branch
from srcgrad.transform.rewrite import filled, uniform_value

Rewrite = Callable[[Node], Node | None]

# elementwise


def scalar_work_once(node: Node) -> Node | None:
    """``exp(broadcast(x)) -> broadcast(exp(x))``, for any pointwise row whose operands are all repeated."""
    sources = []
    for operand in node.inputs:
        if operand.op.name != "broadcast_to":
            return None
        sources.append(operand.inputs[0])
    shape = np.broadcast_shapes(*(source.shape for source in sources))
    if math.prod(shape) >= node.size:
        return None
    smaller = node.op(*(broadcast(source, shape) for source in sources), **node.params)
    return broadcast(smaller, node.shape)


def cast_of_cast(node: Node) -> Node | None:
    """``astype(x, its own dtype) -> x``; ``astype(astype(x, wider), narrow) -> astype(x, narrow)``."""
    x = node.inputs[0]
    if x.type == node.type:
        return x
    if x.op is node.op and _is_exact(x.inputs[0].dtype, x.dtype):
        return apply("astype", x.inputs[0], **node.params)  # type: ignore[no-any-return]
    return None


def _is_exact(before: np.dtype[Any], after: np.dtype[Any]) -> bool:
    """Whether every value survives the cast. NumPy calls int64 to float64 safe, which it is not."""
    if before.kind in "iu" and after.kind in "fc":
        return before.itemsize * (1 if after.kind == "f" else 2) < after.itemsize
    return np.can_cast(before, after, "safe")


# views


def broadcast(x: Node, shape: Shape) -> Node:
    """The value repeated to a shape; itself where it has it."""
    return x if x.shape == shape else apply("broadcast_to", x, shape=shape)


def broadcast_of(node: Node) -> Node | None:
    """Broadcasts compose; one of a reshape that only adds leading ones needs no reshape."""
    x = node.inputs[0]
    if x.shape == node.shape:
        return x
    if x.op is node.op:
        return broadcast(x.inputs[0], node.shape)
    if x.op.name == "reshape" and x.inputs[0].ndim <= node.ndim:
        source = x.inputs[0]
        same = _without_leading_ones(x.shape) == _without_leading_ones(source.shape)
        return broadcast(source, node.shape) if same else None
    return None


def _without_leading_ones(shape: Shape) -> Shape:
    start = next((k for k, extent in enumerate(shape) if extent != 1), len(shape))
    return shape[start:]


def reshape_of(node: Node) -> Node | None:
    """Reshapes compose; a repetition stays one where only extents of one come or go."""
    x = node.inputs[0]
    if x.shape == node.shape:
        return x
    if x.op is node.op:
        return apply("reshape", x.inputs[0], shape=node.shape)  # type: ignore[no-any-return]
    if x.op.name == "broadcast_to":
        return _reshape_of_broadcast(x, node.shape)
    return None


def _reshape_of_broadcast(x: Node, shape: Shape) -> Node | None:
    """One value everywhere in any shape; or dimensions of extent one that come or go."""
    source = x.inputs[0]
    if source.size == 1:
        return broadcast(source if source.ndim == 0 else apply("reshape", source, shape=()), shape)
    if [extent for extent in shape if extent != 1] != [extent for extent in x.shape if extent != 1]:
        return None
    aligned = (1,) * (x.ndim - source.ndim) + source.shape
    squeezed = [inner for inner, extent in zip(aligned, x.shape, strict=True) if extent != 1]
    extents = iter(squeezed)
    before = tuple(1 if extent == 1 else next(extents) for extent in shape)
    return broadcast(apply("reshape", source, shape=before), shape)


def transpose_of(node: Node) -> Node | None:
    """Transposes compose, move behind a repetition, and go into the labels of a contraction."""
    x, axes = node.inputs[0], node.params["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if x.op is node.op:
        inner = x.params["axes"]
        return apply("transpose", x.inputs[0], axes=tuple(inner[axis] for axis in axes))  # type: ignore[no-any-return]
    if x.op.name == "broadcast_to":
        return _transpose_of_broadcast(x, axes, node.shape)
    if x.op.name == "contract":
        operands, out = x.params["spec"].split("->")
        spec = f"{operands}->{''.join(out[axis] for axis in axes)}"
        return apply("contract", *x.inputs, spec=spec)  # type: ignore[no-any-return]
    return None


def _transpose_of_broadcast(x: Node, axes: tuple[int, ...], shape: Shape) -> Node:
    """The broadcast of the transposed source."""
    source = x.inputs[0]
    if source.ndim < x.ndim:
        source = apply("reshape", source, shape=(1,) * (x.ndim - source.ndim) + source.shape)
    if source.size != 1:
        source = apply("transpose", source, axes=axes)
    elif source.ndim:
        source = apply("reshape", source, shape=())
    return broadcast(source, shape)


# reductions


def sum_of(node: Node) -> Node | None:
    """Sums compose; over extents of one they are reshapes, over repetitions multiples."""
    x, axes = node.inputs[0], node.params["axes"]
    if not axes:
        return x
    ones = tuple(axis for axis in axes if x.shape[axis] == 1)
    if ones:
        rest = _sum(x, tuple(axis for axis in axes if axis not in ones))
        return apply("reshape", rest, shape=node.shape)  # type: ignore[no-any-return]
    if x.op is node.op:
        kept = [axis for axis in range(x.inputs[0].ndim) if axis not in x.params["axes"]]
        return _sum(x.inputs[0], tuple(sorted((*x.params["axes"], *(kept[axis] for axis in axes)))))
    from_zero = x.op.name == "subtract" and uniform_value(x.inputs[0]) == 0 and x.inputs[1].shape == x.shape
    if x.op.name == "negative" or from_zero:  # from 0, where a sum starts: the negative of a sum of 0 would be -0
        return apply("subtract", 0, _sum(x.inputs[-1], axes))  # type: ignore[no-any-return]
    if x.op.name == "broadcast_to":
        return _sum_of_broadcast(x, axes)
    if x.op.name == "transpose":
        order = x.params["axes"]
        total = _sum(x.inputs[0], tuple(sorted(order[axis] for axis in axes)))
        kept = [order[axis] for axis in range(x.ndim) if axis not in axes]
        ranks = tuple(sorted(kept).index(axis) for axis in kept)
        return apply("transpose", total, axes=ranks)  # type: ignore[no-any-return]
    return None


def _sum(x: Node, axes: tuple[int, ...]) -> Node:
    return apply("sum", x, axes=axes) if axes else x


def _without(shape: Sequence[int], axes: Sequence[int]) -> Shape:
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _sum_of_broadcast(x: Node, axes: tuple[int, ...]) -> Node | None:
    """A sum over repetitions of one value is a multiple of it."""
    source = x.inputs[0]
    lead = x.ndim - source.ndim
    repeated = {axis for axis in axes if axis < lead or (source.shape[axis - lead] == 1 and x.shape[axis] != 1)}
    count = math.prod(x.shape[axis] for axis in repeated)
    if not repeated or not count or x.dtype.kind not in "iufc":
        return None
    source = apply("reshape", source, shape=(1,) * lead + source.shape) if lead else source
    once = broadcast(source, tuple(1 if axis in repeated else extent for axis, extent in enumerate(x.shape)))
    total = apply("sum", once, axes=axes)
    return apply("multiply", total, filled(total.array_type, count))  # type: ignore[no-any-return]


# contractions


def contract_of(node: Node) -> Node | None:
    """Transposes and repetitions of an operand go into the labels; what only one operand sums over is summed first."""
    operands, out = node.params["spec"].split("->")
    labels = operands.split(",")
    for side, x in enumerate(node.inputs):
        found = _relabelled(x, labels[side], labels[1 - side], out)
        if found is not None:
            inputs, specs = list(node.inputs), list(labels)
            inputs[side], specs[side] = found
            return apply("contract", *inputs, spec=f"{specs[0]},{specs[1]}->{out}")  # type: ignore[no-any-return]
    for side, x in enumerate(node.inputs):
        if not labels[side]:
            return _scaled(node.inputs[1 - side], labels[1 - side], x, out)
    return None


def _relabelled(x: Node, labels: str, other: str, out: str) -> tuple[Node, str] | None:
    alone = tuple(axis for axis, label in enumerate(labels) if label not in other and label not in out)
    if alone:
        return _sum(x, alone), _labels_without(labels, alone)
    if x.op.name == "transpose":
        order = x.params["axes"]
        return x.inputs[0], "".join(labels[order.index(axis)] for axis in range(x.ndim))
    if x.op.name == "broadcast_to":
        return _unrepeated(x, labels, other)
    return None


def _unrepeated(x: Node, labels: str, other: str) -> tuple[Node, str] | None:
    """A repeated operand without the repeated axes that the other operand has too."""
    source = x.inputs[0]
    lead = x.ndim - source.ndim
    dropped = tuple(
        axis
        for axis, label in enumerate(labels)
        if label in other and (axis < lead or (source.shape[axis - lead] == 1 and x.shape[axis] != 1))
    )
    if not dropped:
        return None
    aligned = (1,) * lead + source.shape
    smaller = apply("reshape", source, shape=_without(aligned, dropped))
    return broadcast(smaller, _without(x.shape, dropped)), _labels_without(labels, dropped)


def _labels_without(labels: str, axes: Sequence[int]) -> str:
    return "".join(label for axis, label in enumerate(labels) if axis not in axes)


def _scaled(x: Node, labels: str, factor: Node, out: str) -> Node:
    """``contract(x, 0-d)``: a multiple of x, in the order of the result."""
    ordered = apply("transpose", x, axes=tuple(labels.index(label) for label in out))
    return apply("multiply", ordered, broadcast(factor, ordered.shape))  # type: ignore[no-any-return]


SHAPE_RULES: dict[str, tuple[Rewrite, ...]] = {
    "astype": (cast_of_cast,),
    "broadcast_to": (broadcast_of,),
    "reshape": (reshape_of,),
    "transpose": (transpose_of,),
    "sum": (sum_of,),
    "contract": (contract_of,),
    "item": (chosen_branch,),
}
