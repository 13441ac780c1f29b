"""Loops that keep few snapshots for their reverse pass, and repeat iterations instead.

A loop of T iterations is cut into at most N segments, each a loop of at most N segments, and so on, d levels deep until
a segment is at most N iterations: N**d >= T. What a segment computes is repeated in the reverse pass
(`calls.Recompute`), so of each level only the carries at the starts of its segments are kept, and of the iterations of
one innermost segment what their adjoint reads:

    kept       at most d * N slices, where the plain loop keeps T
    repeated   every iteration is run d - 1 times more on the way back

With N about sqrt(T) it is two levels, and one more forward pass. The binomial schedule of Griewank and Walther
(Algorithm 799, ACM TOMS 26, 2000) covers more iterations with as many snapshots and repetitions, with segments of
different lengths, each of which would be another program here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.control.record import error
from srcgrad.core.errors import ArgumentError, ArgumentValueError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, substitute
from srcgrad.graph.structure import constant, loop, new_input
from srcgrad.transform.calls import Recompute, call

_INT64 = ArrayType((), np.dtype(np.int64))
_RECOMPUTE = Recompute()


class Checkpointed:
    """See `checkpointed`."""

    def __init__(self, values: Any, snapshots: int | bool) -> None:
        self.values, self.snapshots = values, snapshots

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def checkpointed(values: Sized, snapshots: int | bool = True) -> Checkpointed:
    """The same values, for a native loop over them that keeps at most so many snapshots a level (see `scan`).

    >>> sum(k for k in checkpointed(range(4)))
    6
    """
    if not hasattr(values, "__len__"):
        raise error(ArgumentError, f"checkpointed takes a range or an array, not a {type(values).__name__}")
    snapshots_for(len(values), snapshots)
    return Checkpointed(values, snapshots)


def snapshots_for(length: int, wish: Any) -> int:
    """How many snapshots a level keeps: the square root of the length for True."""
    if wish is True:
        return max(2, math.isqrt(max(length - 1, 0)) + 1)
    if not isinstance(wish, int) or wish is False:
        raise error(ArgumentError, f"checkpoint is {wish!r}; it takes a number of snapshots, or True")
    if wish < 2:
        raise error(ArgumentValueError, f"checkpoint is {wish}; a loop needs 2 snapshots at least")
    return int(wish)


def checkpointed_loop(
    consts: Sequence[Node],
    carries: Sequence[Node],
    xs: Sequence[Node],
    *,
    body: Graph,
    length: int,
    reverse: bool,
    snapshots: int,
) -> list[Node]:
    """As `loop`, with a known number of iterations."""
    fixed = [*consts, *xs]
    levels = _Levels(_iteration(body, len(consts), len(carries), length, reverse), len(fixed), len(carries), snapshots)
    zero, count = constant(np.int64(0)), constant(np.int64(length))
    results = levels.steps(zero, count, length, fixed, list(carries))
    return [*results[: len(carries)], *(_rows(y, length, reverse) for y in results[len(carries) :])]


def _iteration(body: Graph, n_consts: int, n_carries: int, length: int, reverse: bool) -> Graph:
    """The body over ``(step, *consts, *xs, *carries)``: it takes its slices of the inputs itself."""
    index, consts = body.inputs[0], body.inputs[1 : 1 + n_consts]
    carries, slices = body.inputs[1 + n_consts :][:n_carries], body.inputs[1 + n_consts + n_carries :]
    step = new_input(_INT64, "step")
    place = constant(np.int64(length - 1)) - step if reverse else step
    new: dict[Node, Node] = {index: apply("astype", place, dtype=index.dtype, weak=index.array_type.weak)}
    wholes = []
    for part in slices:
        whole = new_input(part.array_type.with_shape((length, *part.shape)), part.params["name"])
        new[part] = apply("gather", whole, place, axes=(0,), position=0)
        wholes.append(whole)
    return Graph((step, *consts, *wholes, *carries), tuple(substitute(body.outputs, new)), body.name)


@dataclass(frozen=True)
class _Levels:
    """Nested loops over an iteration ``(step, *fixed, *carries) -> (*carries, *ys)``."""

    iteration: Graph
    n_fixed: int
    n_carries: int
    snapshots: int

    def steps(self, first: Node, count: Node, length: int, fixed: list[Node], carries: list[Node]) -> list[Node]:
        """``count`` iterations, at most ``length``, from number ``first``; the ys have ``length`` slices."""
        depth = 1
        while self.snapshots**depth < length:
            depth += 1
        if depth == 1:
            return self.innermost(first, count, length, fixed, carries)
        segments = math.ceil(length ** (1 / depth) - 1e-9)
        size = math.ceil(length / segments)
        number, start, total, *inner = self.inputs("number", "first", "count")
        offset = number * size
        left = apply("maximum", apply("minimum", total - offset, size), 0)
        outputs = call(self.segment(size), [start + offset, left, *inner], _RECOMPUTE)
        body = Graph((number, start, total, *inner), tuple(outputs), "segments")
        iterations = constant(np.int64(math.ceil(length / size)))
        results = loop(iterations, [first, count, *fixed], carries, [], body=body, length=math.ceil(length / size))
        return [*results[: self.n_carries], *(_rows(_joined(y), length) for y in results[self.n_carries :])]

    def segment(self, size: int) -> Graph:
        first, count, *inner = inputs = self.inputs("first", "count")
        fixed, carries = inner[: self.n_fixed], inner[self.n_fixed :]
        return Graph(tuple(inputs), tuple(self.steps(first, count, size, fixed, carries)), "segment")

    def innermost(self, first: Node, count: Node, length: int, fixed: list[Node], carries: list[Node]) -> list[Node]:
        number, start, *inner = self.inputs("t", "first")
        step, *own = self.iteration.inputs
        outputs = substitute(self.iteration.outputs, {step: start + number, **dict(zip(own, inner, strict=True))})
        body = Graph((number, start, *inner), tuple(outputs), self.iteration.name)
        return loop(count, [first, *fixed], carries, [], body=body, length=length)

    def inputs(self, *numbers: str) -> list[Node]:
        """Fresh inputs: numbers of these names, then what an iteration reads."""
        own = self.iteration.inputs[1:]
        fresh = [new_input(node.array_type, node.params["name"]) for node in own]
        return [*(new_input(_INT64, name) for name in numbers), *fresh]


def _joined(y: Node) -> Node:
    return apply("reshape", y, shape=(y.shape[0] * y.shape[1], *y.shape[2:]))  # type: ignore[no-any-return]


def _rows(y: Node, length: int, reverse: bool = False) -> Node:
    """The first slices, in the order of the inputs."""
    if y.shape[0] == length and not reverse:
        return y
    rest = y.ndim - 1
    starts, steps = (length - 1 if reverse else 0, *(0,) * rest), (-1 if reverse else 1, *(1,) * rest)
    return apply("slice", y, starts=starts, steps=steps, shape=(length, *y.shape[1:]))  # type: ignore[no-any-return]
