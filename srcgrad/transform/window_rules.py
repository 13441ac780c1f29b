"""Rewrites of windows, and of contractions with them: a convolution written as a product of copied windows copies
nothing.

contract(concatenate(shifted slices of x), w)    ->   contract(windows(x), w with an axis for each of the window's)
contract(reshape(windows(x)), w)                 ->   the same
"""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Callable, Sequence

from srcgrad.core.op import apply
from srcgrad.core.types import Shape
from srcgrad.graph.node import Node

Rewrite = Callable[[Node], Node | None]
Ints = tuple[int, ...]


def contract_of_windows(node: Node) -> Node | None:
    """An operand that is made of windows, with its axes of windows joined, is read through labels of their own."""
    operands, out = node.params["spec"].split("->")
    labels = operands.split(",")
    for side, x in enumerate(node.inputs):
        found = _unjoined(x)
        if found is None:
            continue
        source, groups = found
        inputs, specs = list(node.inputs), list(labels)
        unused = (label for label in string.ascii_letters if label not in node.params["spec"])
        new: list[str] = []
        for label, group in zip(labels[side], groups, strict=True):
            if len(group) == 1:
                new.append(label)
                continue
            if label in out or any(one.count(label) != 1 for one in labels):
                return None
            parts = "".join(itertools.islice(unused, len(group)))
            place = specs[1 - side].index(label)
            specs[1 - side] = specs[1 - side].replace(label, parts)
            other = inputs[1 - side]
            extents = [source.shape[axis] for axis in group]
            shape = (*other.shape[:place], *extents, *other.shape[place + 1 :])
            inputs[1 - side] = apply("reshape", other, shape=shape)
            new.append(parts)
        inputs[side], specs[side] = source, "".join(new)
        return apply("contract", *inputs, spec=f"{specs[0]},{specs[1]}->{out}")  # type: ignore[no-any-return]
    return None


def _unjoined(x: Node) -> tuple[Node, list[list[int]]] | None:
    """Windows, perhaps transposed, and which of their axes each axis of x joins."""
    if x.op.name == "concatenate":
        return windows_of_slices(x)
    if x.op.name != "reshape" or not _is_windows(x.inputs[0]):
        return None
    groups = _joined(x.inputs[0].shape, x.shape)
    return None if groups is None else (x.inputs[0], groups)


def _is_windows(x: Node) -> bool:
    return x.op.name == "windows" or (x.op.name == "transpose" and x.inputs[0].op.name == "windows")


def _joined(source: Shape, shape: Shape) -> list[list[int]] | None:
    """For each dimension of a reshape those of the source that it joins; None where it does anything else."""
    groups: list[list[int]] = []
    axis = 0
    for extent in shape:
        group = [axis]
        axis += 1
        while axis < len(source) and math.prod(source[k] for k in group) < extent:
            group.append(axis)
            axis += 1
        if group[-1] >= len(source) or math.prod(source[k] for k in group) != extent:
            return None
        groups.append(group)
    return groups if axis == len(source) else None


def windows_of_slices(x: Node) -> tuple[Node, list[list[int]]] | None:
    """Shifted slices of one array that are joined along an axis, as windows of it: the windows, transposed, and which
    of their axes each axis of the result joins. The slices may have got the axis only to be joined (a stack).
    """
    axis = x.params["axis"]
    slices = [_unstacked(operand, axis) for operand in x.inputs]
    first = slices[0]
    if first.op.name != "slice" or any(one.op is not first.op for one in slices):
        return None
    steps = first.params["steps"]
    if any(one.inputs[0] is not first.inputs[0] or one.shape != first.shape for one in slices):
        return None
    if min(steps) < 1 or first.size == 0 or any(one.params["steps"] != steps for one in slices):
        return None
    grid = _grid([one.params["starts"] for one in slices])
    if grid is None:
        return None
    axes, sizes, dilations = grid
    count = first.shape
    spans = [
        (extent - 1) * step + 1 + sum((n - 1) * d for k, n, d in zip(axes, sizes, dilations, strict=True) if k == dim)
        for dim, (extent, step) in enumerate(zip(count, steps, strict=True))
    ]
    inner_steps = tuple(1 if dim in axes else step for dim, step in enumerate(steps))
    covered = tuple(count[dim] if dim not in axes else spans[dim] for dim in range(len(count)))
    source = apply("slice", first.inputs[0], starts=first.params["starts"], shape=covered, steps=inner_steps)
    made = apply(
        "windows", source, axes=axes, sizes=sizes, steps=tuple(steps[dim] for dim in axes), dilations=dilations
    )
    inside = tuple(range(len(count), len(count) + len(axes)))
    stacked = len(x.shape) > len(count)
    order = (*range(axis), *inside, *range(axis, len(count)))
    lengths = [1] * len(x.shape)
    lengths[axis] = len(axes) + (0 if stacked else 1)
    ends = list(itertools.accumulate(lengths))
    groups = [list(range(end - length, end)) for end, length in zip(ends, lengths, strict=True)]
    return apply("transpose", made, axes=order), groups


def _unstacked(x: Node, axis: int) -> Node:
    """What an operand was before it got an axis of extent one to be joined along."""
    if x.op.name == "reshape" and x.inputs[0].shape == (*x.shape[:axis], *x.shape[axis + 1 :]) and x.shape[axis] == 1:
        return x.inputs[0]
    return x


def _grid(starts: Sequence[Ints]) -> tuple[Ints, Ints, Ints] | None:
    """The axes along which starts move, the slowest first, how often and how far; None where they are no grid in
    order.
    """
    first = starts[0]
    moved = [dim for dim in range(len(first)) if any(start[dim] != first[dim] for start in starts)]
    period = {dim: next(k for k, start in enumerate(starts) if start[dim] != first[dim]) for dim in moved}
    axes = tuple(sorted(moved, key=lambda dim: -period[dim]))
    sizes, dilations = [], []
    before = len(starts)
    for dim in axes:
        if before % period[dim]:
            return None
        sizes.append(before // period[dim])
        dilations.append(starts[period[dim]][dim] - first[dim])
        before = period[dim]
    if before != 1 or not axes or min(dilations) < 1:
        return None
    for inside, start in zip(itertools.product(*map(range, sizes)), starts, strict=True):
        expected = list(first)
        for dim, k, dilation in zip(axes, inside, dilations, strict=True):
            expected[dim] += k * dilation
        if tuple(expected) != start:
            return None
    return axes, tuple(sizes), tuple(dilations)


def slice_of_windows(node: Node) -> Node | None:
    """Every other window, or a part of each, as windows that are further apart, smaller, or more dilated."""
    x = node.inputs[0]
    if x.op.name != "windows" or node.size == 0 or min(node.params["steps"]) < 1:
        return None
    source, axes = x.inputs[0], x.params["axes"]
    ndim = source.ndim
    starts, counts, strides = list(node.params["starts"]), list(node.shape), list(node.params["steps"])
    steps, dilations = [], []
    for k, axis in enumerate(axes):
        step, dilation = x.params["steps"][k], x.params["dilations"][k]
        starts[axis] = starts[axis] * step + starts[ndim + k] * dilation
        steps.append(strides[axis] * step)
        dilations.append(strides[ndim + k] * dilation)
        counts[axis] = (counts[axis] - 1) * steps[-1] + (counts[ndim + k] - 1) * dilations[-1] + 1
        strides[axis] = 1
    shape, inner = tuple(counts[:ndim]), {"starts": tuple(starts[:ndim]), "steps": tuple(strides[:ndim])}
    part = source if shape == source.shape else apply("slice", source, shape=shape, **inner)
    sizes = node.shape[ndim:]
    return apply("windows", part, axes=axes, sizes=sizes, steps=tuple(steps), dilations=tuple(dilations))  # type: ignore[no-any-return]


def windows_side_by_side(node: Node) -> Node | None:
    """Windows that neither overlap nor leave anything out are a reshape with axes in another order."""
    x, axes, sizes = node.inputs[0], node.params["axes"], node.params["sizes"]
    if set(node.params["dilations"]) != {1} or node.params["steps"] != sizes:
        return None
    if any(x.shape[axis] != node.shape[axis] * size for axis, size in zip(axes, sizes, strict=True)):
        return None
    shape: list[int] = []
    outer: list[int] = []
    inner: dict[int, int] = {}
    for axis, extent in enumerate(x.shape):
        outer.append(len(shape))
        if axis in axes:
            inner[axis] = len(shape) + 1
            shape += [node.shape[axis], sizes[axes.index(axis)]]
        else:
            shape.append(extent)
    order = (*outer, *(inner[axis] for axis in axes))
    return apply("transpose", apply("reshape", x, shape=tuple(shape)), axes=order)  # type: ignore[no-any-return]


WINDOW_RULES: dict[str, tuple[Rewrite, ...]] = {
    "contract": (contract_of_windows,),
    "slice": (slice_of_windows,),
    "windows": (windows_side_by_side,),
}
