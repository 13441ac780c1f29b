"""Stacks: an array of zeros of which each iteration writes its own slice, and reads nothing, is an output of the loop.

    y = zeros(n);  for i in range(n): y[i] = f(x[i])     ->    y = loop's output i: f(x[i])
    b[i, 0] = u;  b[i, 1] = v                            ->    the slice (u, v); also through a reshape or a transpose

What comes out of an iteration needs no zeros before, no carried state, and other passes can move it out of the loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srcgrad.core.op import apply
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import loop
from srcgrad.transform.loops import LoopParts
from srcgrad.transform.rewrite import uniform_value, with_loops, zeros

_WRITES = ("scatter_set", "scatter_add")
_VIEWS = ("reshape", "transpose")


def stack_slices(graph: Graph) -> Graph:
    """The same graph, and the graphs inside its regions, with such arrays as outputs of their loops."""
    return with_loops(graph, _stacked)


def _stacked(node: Node) -> list[Node] | None:
    """What replaces the results of a loop, None where nothing changes."""
    parts = LoopParts(node)
    length = node.params["length"]
    if not length or uniform_value(node.inputs[0]) != length:
        return None
    slices = {k: found for k in range(parts.n_carries) if (found := _slice_of(parts, k, length)) is not None}
    if not slices:
        return None
    first = parts.n_consts
    kept = [k for k in range(parts.n_carries) if k not in slices]
    inputs = (
        parts.body.inputs[0],
        *parts.inner[:first],
        *(parts.inner[first + k] for k in kept),
        *parts.inner[parts.carries.stop :],
    )
    outputs = (
        *(parts.body.outputs[k] for k in kept),
        *parts.body.outputs[parts.n_carries :],
        *slices.values(),
    )
    results = loop(
        node.inputs[0],
        parts.operands[:first],
        [parts.operands[first + k] for k in kept],
        parts.operands[parts.carries.stop :],
        body=Graph(inputs, outputs, parts.body.name),
        length=length,
        reverse=node.params["reverse"],
    )
    n_stacks = len(parts.body.outputs) - parts.n_carries
    carried, stacks, made = (
        results[: len(kept)],
        results[len(kept) : len(kept) + n_stacks],
        results[len(kept) + n_stacks :],
    )
    seen = [_as_carried(stack, parts.body.outputs[k]) for stack, k in zip(made, slices, strict=True)]
    of_carry = dict(zip(kept, carried, strict=True)) | dict(zip(slices, seen, strict=True))
    return [*(of_carry[k] for k in range(parts.n_carries)), *stacks]


def _slice_of(parts: LoopParts, k: int, length: int) -> Node | None:
    """The slice that an iteration makes of carry ``k``, None where it does something else with it."""
    carry, initial, output = parts.inner[parts.n_consts + k], parts.operands[parts.n_consts + k], parts.body.outputs[k]
    if not _is_zero(initial):
        return None
    writes: list[Node] = []
    through = [output] if output.op.name in _VIEWS else []
    node = top = output.inputs[0] if through else output
    while node.op.name in _WRITES and _is_own_slice(node, parts.body.inputs[0]):
        writes.append(node)
        node = node.inputs[0]
    if through and node.op.name == output.op.name:
        through.append(node)
        node = node.inputs[0]
    is_view = len(through) == 2 and through[1].shape == top.shape
    if node is not carry or not writes or bool(through) != is_view or top.shape[:1] != (length,):
        return None
    if _is_read(parts.body, [carry, *writes, *through]):
        return None
    made = zeros(top.array_type.with_shape(top.shape[1:]))
    for write in reversed(writes):
        made = _written(made, write)
    return made


def _as_carried(stack: Node, output: Node) -> Node:
    """The stack as the array was, where the iterations wrote through a view of it."""
    if output.op.name not in _VIEWS:
        return stack
    return apply(output.op.name, stack, **output.params)  # type: ignore[no-any-return]


def _is_zero(node: Node) -> bool:
    value = uniform_value(node)
    return value is not None and value == 0 and not np.signbit(np.real(value))


def _is_own_slice(write: Node, index: Node) -> bool:
    """Whether a write goes into the slice along the first axis that has the number of the iteration."""
    operands, axes = write.inputs[2:], write.params["axes"]
    if 0 not in axes:
        return False
    place = operands[axes.index(0)]
    if len(axes) == 1:
        return place is index
    while place.op.name in ("broadcast_to", "reshape"):
        place = place.inputs[0]
    return place is index


def _is_read(body: Graph, chain: Sequence[Node]) -> bool:
    """Whether anything but the next write reads a state of the array."""
    states = set(chain)
    count = sum(operand in states for node in body.nodes() for operand in node.inputs)
    count += sum(output in states for output in body.outputs)
    return count != len(chain)


def _written(base: Node, write: Node) -> Node:
    """One slice after a write into it."""
    update, operands, axes = write.inputs[1], write.inputs[2:], write.params["axes"]
    others = [(axis - 1, place) for axis, place in zip(axes, operands, strict=True) if axis]
    is_sum = write.op.name == "scatter_add"
    if not others:
        return apply("add", base, update) if is_sum else update
    params = {**write.params, "axes": tuple(axis for axis, _ in others)}
    return apply(write.op.name, base, update, *(place for _, place in others), **params)  # type: ignore[no-any-return]
