"""Which nodes were made only to see what a piece of code does.

A branch is recorded by running it. What it computes belongs inside, and so does what earlier runs of it (or of another
branch) computed, also where interning makes it the same node: `x[i]` that was guarded once must not be computed outside
of the guard because of that. Nodes are numbered, so a finished run is an interval of numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node
from srcgrad.graph.structure import CONSTANT, INPUT, new_input

_NUMBER = ArrayType((), np.dtype(bool))
_MOST = 4096
_finished: list[tuple[int, int]] = []


def now() -> int:
    """The number of the latest node."""
    return new_input(_NUMBER).serial


@contextmanager
def attempt() -> Iterator[None]:
    """Nodes that are made in the block belong to an attempt."""
    start = now()
    try:
        yield
    finally:
        while _finished and _finished[-1][0] >= start:
            _finished.pop()
        _finished.append((start, now()))
        del _finished[:-_MOST]


def is_inside(node: Node, mark: int) -> bool:
    """Whether a branch that was entered at ``mark`` has to compute the node itself."""
    if node.op is CONSTANT:
        return True
    if node.op is INPUT:
        return False
    if node.serial > mark:
        return True
    place = bisect_right(_finished, (node.serial, 1 << 62)) - 1
    return place >= 0 and node.serial <= _finished[place][1]
