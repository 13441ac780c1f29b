"""Rewrites of parts of arrays: slices, writes into slices, single elements at traced indices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node
from srcgrad.transform.rewrite import filled, is_zero, uniform_value, zeros
from srcgrad.transform.shape_rules import broadcast

Rewrite = Callable[[Node], Node | None]
Block = tuple[range, ...]


def block_of(starts: Sequence[int], shape: Sequence[int], steps: Sequence[int]) -> Block:
    """The indices, in each dimension, of a regular part."""
    return tuple(range(a, a + step * n, step) for a, n, step in zip(starts, shape, steps, strict=True))


def written_block(node: Node) -> Block:
    """The part of its result that a ``place`` or an ``update`` writes."""
    return block_of(node.params["starts"], node.inputs[-1].shape, node.params["steps"])


def whole(shape: Sequence[int]) -> Block:
    """All indices of an array of this shape."""
    return tuple(map(range, shape))


def are_disjoint(a: Block, b: Block) -> bool:
    """Whether two parts have no element in common."""
    return any(_no_common_index(p, q) for p, q in zip(a, b, strict=True))


def _no_common_index(p: range, q: range) -> bool:
    if not p or not q or max(p[0], p[-1]) < min(q[0], q[-1]) or max(q[0], q[-1]) < min(p[0], p[-1]):
        return True
    if len(p) == 1 or len(q) == 1:
        return p[0] not in q if len(p) == 1 else q[0] not in p
    return (p.start - q.start) % math.gcd(p.step, q.step) != 0


def is_within(inner: Block, outer: Block) -> bool:
    """Whether every element of a part is an element of the other."""
    return all(
        len(p) > 0 and p[0] in q and p[-1] in q and p.step % q.step == 0 for p, q in zip(inner, outer, strict=True)
    )


def slice_block(x: Node, block: Block) -> Node:
    """The elements of x with these indices."""
    return apply(  # type: ignore[no-any-return]
        "slice",
        x,
        starts=tuple(part.start for part in block),
        shape=tuple(map(len, block)),
        steps=tuple(part.step for part in block),
    )


def _within(inner: Block, outer: Block) -> Block:
    """The indices of a part of a part, counted in the outer one."""
    return tuple(
        range(q.index(p[0]), q.index(p[0]) + p.step // q.step * len(p), p.step // q.step)
        for p, q in zip(inner, outer, strict=True)
    )


def slice_of(node: Node) -> Node | None:
    """A slice of a slice, of a repetition, or of what was put together from parts is a slice of what is behind it."""
    x = node.inputs[0]
    block = _read_block(node)
    if block == whole(x.shape):
        return x
    if node.size == 0:
        return None
    match x.op.name:
        case "slice":
            outer = block_of(x.params["starts"], x.shape, x.params["steps"])
            return slice_block(
                x.inputs[0], tuple(q[p.start : _stop(p) : p.step] for p, q in zip(block, outer, strict=True))
            )
        case "broadcast_to":
            return _slice_of_broadcast(x, block)
        case "update" | "place":
            return _slice_of_written(x, block)
        case "concatenate":
            return _slice_of_concatenated(x, block)
    return None


def _stop(part: range) -> int | None:
    """The stop of the slice with these indices: one that would be -1 must be left out."""
    return part.stop if part.stop >= 0 else None


def _slice_of_broadcast(x: Node, block: Block) -> Node:
    source = x.inputs[0]
    lead = x.ndim - source.ndim
    inner = tuple(range(1) if extent == 1 else part for part, extent in zip(block[lead:], source.shape, strict=True))
    sliced = source if inner == whole(source.shape) else slice_block(source, inner)
    return broadcast(sliced, tuple(map(len, block)))


def _slice_of_written(x: Node, block: Block) -> Node | None:
    written = written_block(x)
    if is_within(block, written):
        return slice_block(x.inputs[-1], _within(block, written))
    if are_disjoint(block, written):
        rest = zeros(x.array_type) if x.op.name == "place" else x.inputs[0]
        return slice_block(rest, block)
    return None


def _slice_of_concatenated(x: Node, block: Block) -> Node | None:
    axis, offset = x.params["axis"], 0
    for operand in x.inputs:
        own = range(offset, offset + operand.shape[axis])
        if own and block[axis][0] in own and block[axis][-1] in own:
            moved = range(block[axis].start - offset, block[axis].stop - offset, block[axis].step)
            return slice_block(operand, (*block[:axis], moved, *block[axis + 1 :]))
        offset = own.stop
    return None


def _read_block(node: Node) -> Block:
    return block_of(node.params["starts"], node.shape, node.params["steps"])


def update_of(node: Node) -> Node | None:
    """What is overwritten needs no writing; a part written back as it was changes nothing."""
    base, part = node.inputs
    block = written_block(node)
    if part.shape == node.shape:  # all of it, perhaps backwards
        return slice_block(part, block)
    if part.size == 0:
        return base
    if part.op.name == "slice" and part.inputs[0] is base and _read_block(part) == block:
        return base
    if base.op.name in ("update", "place") and is_within(written_block(base), block):
        earlier = zeros(node.array_type) if base.op.name == "place" else base.inputs[0]
        return apply("update", earlier, part, **node.params)  # type: ignore[no-any-return]
    if is_zero(base):
        return apply("place", part, shape=node.shape, **node.params)  # type: ignore[no-any-return]
    return None


def tiled_of(node: Node) -> Node | None:
    """Parts that were written one after the other, and together are everything, are put side by side."""
    if _written_size(node) < node.size:
        return None
    parts: list[tuple[Block, Node]] = []
    x, missing = node, node.size
    while missing > 0 and x.op.name in ("update", "place"):
        block = written_block(x)
        if any(part.step != 1 for part in block):
            return None
        parts.append((block, x.inputs[-1]))
        missing -= x.inputs[-1].size
        x = x.inputs[0]
    axes = [k for k, extent in enumerate(node.shape) if any(len(block[k]) < extent for block, _ in parts)]
    if missing or len(axes) != 1:
        return None
    (axis,) = axes
    parts.sort(key=lambda part: part[0][axis].start)
    if any(block[axis].stop > after[axis].start for (block, _), (after, _) in itertools.pairwise(parts)):
        return None
    return apply("concatenate", *(piece for _, piece in parts), axis=axis)  # type: ignore[no-any-return]


#: the elements of all parts that were written one after the other, up to a node
_written: WeakKeyDictionary[Node, int] = WeakKeyDictionary()


def _written_size(node: Node) -> int:
    """The elements of all parts that were written one after the other: looked up, or added up once."""
    chain = []
    while node.op.name in ("update", "place") and node not in _written:
        chain.append(node)
        node = node.inputs[0]
    total = _written.get(node, 0)
    for written in reversed(chain):
        total += written.inputs[-1].size
        _written[written] = total
    return total


def place_of(node: Node) -> Node | None:
    """``place(x, everywhere) -> x``; places compose; a place of zeros is zeros."""
    x = node.inputs[0]
    if x.shape == node.shape:
        return slice_block(x, written_block(node))
    if x.size == 0 or is_zero(x):
        return zeros(node.array_type)
    if x.op is node.op:
        outer, inner = written_block(node), written_block(x)
        starts = tuple(q[p.start] for p, q in zip(inner, outer, strict=True))
        steps = tuple(p.step * q.step for p, q in zip(inner, outer, strict=True))
        return apply("place", x.inputs[0], shape=node.shape, starts=starts, steps=steps)  # type: ignore[no-any-return]
    return None


def concatenate_of(node: Node) -> Node | None:
    """Empty pieces fall away."""
    axis = node.params["axis"]
    filled = [operand for operand in node.inputs if operand.shape[axis] > 0]
    if len(filled) == 1:
        return filled[0]
    if filled and len(filled) < len(node.inputs):
        return apply("concatenate", *filled, axis=axis)  # type: ignore[no-any-return]
    return None


def joined_of(node: Node) -> Node | None:
    """Parts of one array, one after the other, are one part."""
    axis, first = node.params["axis"], node.inputs[0]
    if first.op.name != "slice":
        return None
    base, block = first.inputs[0], _read_block(first)
    following = block[axis].start
    for part in node.inputs:
        if part.op.name != "slice" or part.inputs[0] is not base or part.params["steps"] != first.params["steps"]:
            return None
        own = _read_block(part)
        if own[axis].start != following or any(
            a != b for k, (a, b) in enumerate(zip(own, block, strict=True)) if k != axis
        ):
            return None
        following = own[axis].stop
    whole = range(block[axis].start, following, block[axis].step)
    return slice_block(base, (*block[:axis], whole, *block[axis + 1 :]))


def gather_of(node: Node) -> Node | None:
    """An element at a known index is a slice; one just written at the same traced index is what was written."""
    source, indices = node.inputs[0], node.inputs[1:]
    known = {
        axis: uniform_value(index) for axis, index in zip(node.params["axes"], indices, strict=True) if index.ndim == 0
    }
    if len(known) == len(indices) and None not in known.values():
        return _slice_at(node, known)
    if source.op.name == "scatter_set" and source.inputs[2:] == indices and _is_last_write(source):
        same_place = all(source.params[key] == node.params[key] for key in ("axes", "position"))
        return source.inputs[1] if same_place else None
    return None


def _is_last_write(node: Node) -> bool:
    return node.inputs[2].ndim == 0 or bool(node.params.get("unique"))


def _slice_at(node: Node, known: dict[int, int]) -> Node | None:
    source = node.inputs[0]
    places = {axis: index + source.shape[axis] * (index < 0) for axis, index in known.items()}
    if any(not 0 <= index < source.shape[axis] for axis, index in places.items()):
        return None
    block = tuple(
        range(places[axis], places[axis] + 1) if axis in places else range(extent)
        for axis, extent in enumerate(source.shape)
    )
    return apply("reshape", slice_block(source, block), shape=node.shape)  # type: ignore[no-any-return]


def scatter_set_of(node: Node) -> Node | None:
    """Written twice at the same traced index: the first write is lost. A part written back changes nothing."""
    base, part, indices = node.inputs[0], node.inputs[1], node.inputs[2:]
    if base.op is node.op and base.inputs[2:] == indices and base.params == node.params and _is_last_write(base):
        return apply("scatter_set", base.inputs[0], part, *indices, **node.params)  # type: ignore[no-any-return]
    if part.op.name == "gather" and part.inputs == (base, *indices) and _is_last_write(node):
        return base
    return None


def scatter_add_of(node: Node) -> Node | None:
    """Added to what was just written at the same index: written at once."""
    base, part, indices = node.inputs[0], node.inputs[1], node.inputs[2:]
    if base.op.name != "scatter_set" or base.inputs[2:] != indices or not _is_last_write(base):
        return None
    if any(base.params[key] != node.params[key] for key in ("axes", "position")):
        return None
    written = apply("accumulate" if node.dtype.kind in "fc" else "add", base.inputs[1], part)
    return apply("scatter_set", base.inputs[0], written, *indices, **base.params)  # type: ignore[no-any-return]


def offset_of(node: Node) -> Node | None:
    """``(i + 2) - 1 -> i + 1`` for integers: indices that a loop computes again and again."""
    x, last = node.inputs[0], uniform_value(node.inputs[1])
    if last is None or node.dtype.kind not in "iu" or x.op.name not in ("add", "subtract"):
        return None
    first = uniform_value(x.inputs[1])
    if first is None:
        return None
    total = (first if x.op.name == "add" else -first) + (last if node.op.name == "add" else -last)
    name, amount = ("add", total) if total >= 0 else ("subtract", -total)
    return apply(name, x.inputs[0], filled(ArrayType(node.shape, node.dtype), amount))  # type: ignore[no-any-return]


PART_RULES: dict[str, tuple[Rewrite, ...]] = {
    "slice": (slice_of,),
    "update": (update_of, tiled_of),
    "place": (place_of,),
    "concatenate": (concatenate_of, joined_of),
    "gather": (gather_of,),
    "scatter_set": (scatter_set_of,),
    "scatter_add": (scatter_add_of,),
    "add": (offset_of,),
    "subtract": (offset_of,),
}
