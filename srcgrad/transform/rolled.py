"""The loop node of a closure of bundles, and what takes the place of the nodes that it computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.captured import implicit_stack
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import CONSTANT, Literal, constant, loop, new_input
from srcgrad.transform.bundles import Bundle, Closure, Result, Same, Stack
from srcgrad.transform.part_rules import slice_block
from srcgrad.transform.rewrite import of_type, strong, zeros

K = TypeVar("K")
_INDEX = ArrayType((), np.dtype(np.int64))


def rolled(closure: Closure, position: dict[Node, int], is_read: Callable[[Node], bool]) -> dict[Node, Node]:
    """What replaces the nodes that ``is_read`` says are read outside of the loop."""
    return _Loop(closure, position).replacing(is_read)


class _Loop:
    """The body of a loop and its operands, as they are collected."""

    def __init__(self, closure: Closure, position: dict[Node, int]) -> None:
        self.closure = closure
        self.range = range(closure.first, closure.stop)
        self.consts: dict[Node, Node] = {}
        self.xs: dict[tuple[Node, ...], Node] = {}
        #: slots by the bundle whose results they carry, and the values of the first, second, ... iteration of delay
        self.carries: dict[tuple[Bundle, tuple[Node, ...]], Node] = {}
        self.inside: dict[Bundle, Node] = {}
        first = closure.first
        for bundle in sorted(closure.bundles, key=lambda bundle: _place(bundle, first, position)):
            self.inside[bundle] = self.computed(bundle)

    def computed(self, bundle: Bundle) -> Node:
        """The node of the body."""
        node = bundle.nodes[self.closure.first]
        assert node is not None
        operands = tuple(self.operand(operand) for operand in bundle.operands)
        return make_node(node.op, operands, node.params, node.type, node.location)

    def operand(self, operand: Same | Stack | Result) -> Node:
        match operand:
            case Same(node):
                return node if node.op is CONSTANT else _slot(self.consts, node, node.array_type, "c")
            case Stack(nodes):
                given = tuple(node for node in nodes[self.closure.first : self.closure.stop] if node is not None)
                types = {node.array_type for node in given}
                type_ = types.pop() if len(types) == 1 else strong(given[0].array_type)
                return _slot(self.xs, given, type_, "x")
            case Result(bundle, 0, _):
                return self.inside[bundle]
            case Result(bundle, delay, nodes):
                first = self.closure.first
                before = [node for node in nodes[first : first + delay] if node is not None]
                return self.carried(bundle, before[::-1])

    def carried(self, bundle: Bundle, before: Sequence[Node]) -> Node:
        """The slot of a result as many iterations earlier as there are values from before the loop, the last first."""
        result = bundle.nodes[self.closure.first]
        assert result is not None
        for delay in range(1, len(before)):
            _slot(self.carries, (bundle, tuple(before[:delay])), result.array_type, "carry")
        return _slot(self.carries, (bundle, tuple(before)), result.array_type, "carry")

    def replacing(self, is_read: Callable[[Node], bool]) -> dict[Node, Node]:
        found: dict[Node, Node] = {}
        last = self.closure.stop - 1
        outs: dict[Bundle, list[int]] = {}
        for bundle in self.closure.results():
            seen = [k for k in self.range if (node := bundle.nodes[k]) and node not in found and is_read(node)]
            if seen:
                outs[bundle] = seen
        stacked = [bundle for bundle, seen in outs.items() if seen != [last]]
        for bundle in outs:
            if bundle not in stacked and not any(own is bundle and len(key) == 1 for own, key in self.carries):
                node = bundle.nodes[last]
                assert node is not None
                self.carried(bundle, [zeros(node.array_type)])  # nobody reads what it starts with
        carries, ys = self.results(stacked)
        for bundle, seen in outs.items():
            for k in seen:
                node = bundle.nodes[k]
                assert node is not None
                if bundle in ys:
                    found[node] = of_type(part(ys[bundle], k - self.closure.first), node)
                else:
                    found[node] = of_type(carries[bundle], node)
        return found

    def results(self, stacked: Sequence[Bundle]) -> tuple[dict[Bundle, Node], dict[Bundle, Node]]:
        """Of the loop: the last values of bundles that it carries, and stacks."""
        following = [
            self.inside[bundle] if len(before) == 1 else self.carries[bundle, before[:-1]]
            for bundle, before in self.carries
        ]
        body = Graph(
            (new_input(_INDEX, "i"), *self.consts.values(), *self.carries.values(), *self.xs.values()),
            (*following, *(self.inside[bundle] for bundle in stacked)),
            "rolled",
        )
        length = len(self.range)
        results = loop(
            constant(np.int64(length)),
            list(self.consts),
            [before[-1] for _, before in self.carries],
            [stack(nodes) for nodes in self.xs],
            body=body,
            length=length,
        )
        lasts = {
            bundle: result for (bundle, before), result in zip(self.carries, results, strict=False) if len(before) == 1
        }
        return lasts, dict(zip(stacked, results[len(self.carries) :], strict=True))


def _place(bundle: Bundle, first: int, position: dict[Node, int]) -> tuple[int, int]:
    """Where a bundle stands in the body: as its node of the first iteration in the graph."""
    node = bundle.nodes[first]
    assert node is not None
    if node in position:
        return position[node], 0
    return position[node.inputs[0]], 1  # a result that nobody reads but the next iteration


def _slot(slots: dict[K, Node], key: K, type_: ArrayType, name: str) -> Node:
    slot = slots.get(key)
    if slot is None:
        slot = slots[key] = new_input(type_, f"{name}{len(slots)}")
    return slot


def part(stacked: Node, k: int) -> Node:
    """Slice k of a stack."""
    rest = stacked.shape[1:]
    part = slice_block(stacked, (range(k, k + 1), *map(range, rest)))
    return apply("reshape", part, shape=rest)  # type: ignore[no-any-return]


# stacks


def stack(nodes: Sequence[Node]) -> Node:
    """The values as slices of one array: of constants a constant, of parts of an array in a row that array."""
    if all(node.op is CONSTANT for node in nodes):
        array = np.stack([node.params["value"].value for node in nodes])
        type_ = ArrayType(array.shape, array.dtype)
        return make_node(CONSTANT, (), {"value": Literal(array), "weak": False}, type_, None)
    captured = implicit_stack(nodes)
    if captured is not None:
        return _taken(*captured)
    parts = _parts_of_one(nodes)
    if parts is not None:
        return parts
    distinct = list(dict.fromkeys(nodes))
    if 2 * len(distinct) <= len(nodes):
        number = {node: k for k, node in enumerate(distinct)}
        which = constant(np.array([number[node] for node in nodes]))
        return apply("gather", stack(distinct), which, axes=(0,), position=0)  # type: ignore[no-any-return]
    rows = [apply("reshape", node, shape=(1, *node.shape)) for node in nodes]
    return rows[0] if len(rows) == 1 else apply("concatenate", *rows, axis=0)  # type: ignore[no-any-return]


def _taken(whole: Node, places: Sequence[int]) -> Node:
    """Slices of an array along its first axis."""
    step = places[1] - places[0] if len(places) > 1 else 1
    taken = range(places[0], places[0] + len(places) * step, step or 1)
    if step > 0 and [*taken] == places:
        is_all = len(taken) == whole.shape[0]
        return whole if is_all else slice_block(whole, (taken, *map(range, whole.shape[1:])))
    return apply("gather", whole, constant(np.array(places)), axes=(0,), position=0)  # type: ignore[no-any-return]


def _parts_of_one(nodes: Sequence[Node]) -> Node | None:
    """The stack of slices that move by their extent, or one element, along one axis of an array."""
    first, base = nodes[0], nodes[0].inputs[:1]
    if any(node.op.name != "slice" or node.inputs != base or node.shape != first.shape for node in nodes):
        return None
    if any(node.params["steps"] != first.params["steps"] for node in nodes):
        return None
    starts = np.array([node.params["starts"] for node in nodes])
    strides = np.diff(starts, axis=0)
    (axes,) = np.nonzero(strides[0])
    if len(axes) != 1 or (strides != strides[0]).any():
        return None
    axis, stride = int(axes[0]), int(strides[0][axes[0]])
    step, extent = first.params["steps"][axis], first.shape[axis]
    if extent != 1 and stride != step * extent:
        return None
    block = [
        range(a, a + n * s, s)
        for a, n, s in zip(first.params["starts"], first.shape, first.params["steps"], strict=True)
    ]
    start = block[axis].start
    block[axis] = (
        range(start, start + len(nodes) * stride, stride)
        if extent == 1
        else range(start, start + len(nodes) * extent * step, step)
    )
    whole = slice_block(base[0], tuple(block))
    shape = whole.shape
    split = apply("reshape", whole, shape=(*shape[:axis], len(nodes), extent, *shape[axis + 1 :]))
    order = (axis, *(k for k in range(split.ndim) if k != axis))
    return apply("transpose", split, axes=order)  # type: ignore[no-any-return]
