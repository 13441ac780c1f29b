"""Lifetimes: values that are never alive together share the workspace.

The outermost items of the trees are numbered in the order in which they run. A value lives from the first item
that touches it to the last; where a region touches a value from outside it, that is the whole region, which may
run many times.
"""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass

from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import Block, Loop, Program, Start, Value, WhileRegion, loads, walk
from srcgrad.schedule.sections import top_items

LINE = 64
#: requests from which on they are not compared in pairs
_MANY = 1000


@dataclass(slots=True)
class Lifetime:
    """The first and the last item that touches a value."""

    first: int
    last: int

    def extend(self, first: int, last: int) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)


class Lifetimes:
    """The lifetimes of all values of a program, and the numbers of the loops at the top of its trees."""

    def __init__(self, program: Program) -> None:
        self.of: dict[Value, Lifetime] = {}
        self.loops: dict[int, int] = {}
        self._next = 0
        self._visit(program)

    def _touch(self, value: Value, first: int, last: int) -> None:
        if value in self.of:
            self.of[value].extend(first, last)
        else:
            self.of[value] = Lifetime(first, last)

    def _visit(self, program: Program) -> None:
        assert program.tree is not None
        for item in top_items(program.tree):
            number = self._next
            self._next += 1
            if isinstance(item, Loop):
                self.loops[id(item)] = number
            if not isinstance(item, Loop | Start):
                for inner in inner_programs(item):
                    self._visit(inner)
                if isinstance(item, WhileRegion):
                    for load in loads(item.predicate):
                        self._touch(load.value, number, self._next)
            last = self._next if not isinstance(item, Loop | Start) and inner_programs(item) else number
            for entry, _ in walk(Block([item])):
                for value in (*entry.writes(), *(load.value for load in entry.reads())):
                    self._touch(value, number, last)


@dataclass(slots=True)
class Request:
    """Bytes that are wanted for a lifetime; ``offset`` is the answer."""

    size: int
    lifetime: Lifetime
    offset: int = 0


def allocate(requests: list[Request]) -> int:
    """Give every request the lowest offset at which it meets no other that lives at the same time; the bytes needed
    in all.
    """
    if len(requests) > _MANY:
        return _allocate_many(requests)
    placed: list[Request] = []  # by their offsets
    total = 0
    for request in sorted(requests, key=lambda r: (-r.size, r.lifetime.first)):
        rounded = -(-request.size // LINE) * LINE
        offset = 0
        for other in placed:
            apart = (
                other.lifetime.last < request.lifetime.first
                or request.lifetime.last < other.lifetime.first
                or other.offset >= offset + rounded
            )
            if not apart:
                offset = max(offset, other.offset + -(-other.size // LINE) * LINE)
        request.offset = offset
        bisect.insort(placed, request, key=lambda r: r.offset)
        total = max(total, offset + rounded)
    return total


def _allocate_many(requests: list[Request]) -> int:
    """As `allocate`, in the order of the lifetimes: each takes the smallest free block that will do, else new bytes."""
    free: list[tuple[int, int]] = []  # size, offset
    alive: list[tuple[int, int, int]] = []  # last, offset, size
    total = 0
    for request in sorted(requests, key=lambda r: r.lifetime.first):
        while alive and alive[0][0] < request.lifetime.first:
            _, offset, size = heapq.heappop(alive)
            bisect.insort(free, (size, offset))
        rounded = -(-request.size // LINE) * LINE
        at = bisect.bisect_left(free, (rounded, 0))
        if at < len(free):
            size, request.offset = free.pop(at)
            if size > rounded:
                bisect.insort(free, (size - rounded, request.offset + rounded))
        else:
            request.offset, total = total, total + rounded
        heapq.heappush(alive, (request.lifetime.last, request.offset, rounded))
    return total
