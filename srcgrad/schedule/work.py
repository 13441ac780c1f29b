"""What a scheduled program does: its phases, the operations in each, and the bytes that each moves.

A phase is what runs from one top-level item of the tree to the next: a nest of loops with the starts of its
accumulators, a product, a run of scalar statements. A region (a loop of the user's, a branch) is no phase of its own:
its programs' items are, each for one iteration.

Operations are counted as they are written: an addition, a multiplication, a division, a call of a transcendental
function are one each. Bytes are those of the elements that a phase touches, each array once: what has to come from
somewhere, however often a loop reads it again.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from srcgrad.core.location import Location
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Apply,
    Block,
    BranchRegion,
    Const,
    Expr,
    LibraryCall,
    Loop,
    LoopRegion,
    Part,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
    children,
    walk,
)
from srcgrad.schedule.sections import blocks
from srcgrad.schedule.storage import Storage

#: functions that cost at least this many multiplications are transcendental; the others (where, maximum) are cheap
EXPENSIVE = 4.0
#: where a value can live that is no variable
MEMORY = ("input", "constant", "output", "workspace", "stack")


@dataclass
class Work:
    """Operations by kind, and bytes by the place that they are in."""

    operations: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    #: operations by the bytes of an element, library calls that are not counted
    by_size: Counter[int] = field(default_factory=Counter)
    calls: int = 0

    def add(self, other: Work, times: int = 1) -> None:
        """Add what another phase does, so many times."""
        for mine, theirs in (
            (self.operations, other.operations),
            (self.read, other.read),
            (self.written, other.written),
            (self.by_size, other.by_size),
        ):
            for name, count in theirs.items():
                mine[name] += times * count  # type: ignore[index]
        self.calls += times * other.calls

    @property
    def arithmetic(self) -> int:
        """Additions, multiplications, divisions and functions."""
        return sum(self.operations[name] for name in ("add", "multiply", "divide", "function"))

    @property
    def traffic(self) -> int:
        """Bytes read and written, but those of the stack."""
        moved = self.read + self.written
        return sum(moved[place] for place in MEMORY if place != "stack")


@dataclass
class Phase:
    """A run of items of a block. ``iterations`` is how often it runs in one call, None if the data decides."""

    block: Block
    items: list[Part]
    iterations: int | None
    depth: int
    work: Work

    @property
    def what(self) -> str:
        """The kind of the phase and its extents."""
        last = self.items[-1]
        if isinstance(last, Loop):
            nest, inner = [], last
            while True:
                nest.append(str(inner.axis.extent))
                loops = [item for item in inner.body.items if isinstance(item, Loop)]
                if len(loops) != 1:
                    break
                inner = loops[0]
            products = sum(isinstance(s, Statement) and s.product is not None for s, _ in walk(last.body))
            text = ("split " if last.parallel else "") + "loop " + " x ".join(nest)
            return text + (f", {products} product{'s' * (products > 1)}" if products else "")
        if isinstance(last, LibraryCall):
            return last.function.rpartition(".")[2]
        if isinstance(last, Statement) and last.product is not None:
            return "product " + " x ".join(map(str, last.product_extents))
        return "scalars"

    @property
    def where(self) -> str:
        """The user's lines."""
        lines: dict[str, list[int]] = {}
        for item in self.items:
            inside = (entry for entry, _ in walk(item.body)) if isinstance(item, Loop) else (item,)
            for entry in inside:
                location: Location | None = None if isinstance(entry, Start) else entry.location
                if location is not None:
                    name, _, line = str(location).rpartition(":")
                    lines.setdefault(name, []).append(int(line))
        parts = (f"{n}:{min(k)}" + (f"-{max(k)}" if max(k) > min(k) else "") for n, k in lines.items())
        return ", ".join(parts)


def phases(program: Program, storage: Storage, iterations: int | None = 1, depth: int = 0) -> Iterator[Phase]:
    """The phases of a scheduled program, in the order in which they run."""
    assert program.tree is not None
    for block in blocks(program.tree):
        yield from _phases_of(block, storage, iterations, depth)


def _phases_of(block: Block, storage: Storage, iterations: int | None, depth: int) -> Iterator[Phase]:
    items: list[Part] = []

    def finished() -> Iterator[Phase]:
        if items:
            yield Phase(block, list(items), iterations, depth, _work(items, storage))
            items.clear()

    for entry in block.items:
        assert not isinstance(entry, Section)
        if isinstance(entry, LoopRegion | WhileRegion | BranchRegion):
            yield from finished()
            inside = _iterations(entry, iterations)
            for inner in inner_programs(entry):
                yield from phases(inner, storage, inside, depth + 1)
            continue
        is_scalar = isinstance(entry, Statement) and entry.product is None
        if items and not (isinstance(items[-1], Start) or (is_scalar and _is_scalar(items[-1]))):
            yield from finished()
        items.append(entry)
        if not is_scalar and not isinstance(entry, Start):
            yield from finished()
    yield from finished()


def _is_scalar(item: Part) -> bool:
    return isinstance(item, Statement) and item.product is None


def _iterations(region: Part, around: int | None) -> int | None:
    count = region.trip_count if isinstance(region, LoopRegion) else None
    return around * int(count.value) if isinstance(count, Const) and around is not None else None


def _work(items: Sequence[Part], storage: Storage) -> Work:
    work = Work()
    reads: Counter[Value] = Counter()
    writes: Counter[Value] = Counter()
    for entry, path in walk(Block(list(items))):
        if isinstance(entry, Start):
            continue
        axes = {loop.axis.find() for loop in path}
        if isinstance(entry, Statement):
            axes |= entry.classes | entry.product_classes
            count = math.prod(axis.extent for axis in axes)
            found = _operations(entry)
            for name, number in found.items():
                work.operations[name] += count * number
            work.by_size[entry.target.dtype.itemsize] += count * sum(found.values())
        elif isinstance(entry, LibraryCall):
            count = max(math.prod(value.shape) for value in (*entry.targets, *entry.operands))
            work.calls += 1
        else:
            continue
        for load in entry.reads():
            reads[load.value] += count
        for value in entry.writes():
            writes[value] += count
    for counts, bytes_ in ((reads, work.read), (writes, work.written)):
        for value, count in counts.items():
            place = storage.places.get(value)
            if place is not None and place.kind in MEMORY:
                bytes_[place.kind] += min(count, math.prod(place.shape)) * value.dtype.itemsize
    return work


def _operations(statement: Statement) -> Counter[str]:
    """The operations of one iteration."""
    found: Counter[str] = Counter()
    _count(statement.expr, found)
    if statement.key is not None:
        _count(statement.key, found)
    if statement.combine:
        found[statement.combine if statement.combine in ("add", "multiply") else "other"] += 1
    return found


def _count(expr: Expr, found: Counter[str]) -> None:
    if isinstance(expr, Apply):
        found.update(_of_formula(expr.formula, expr.cost >= EXPENSIVE))
    for child in children(expr):
        _count(child, found)


_KINDS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "add",
    ast.USub: "add",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "divide",
    ast.Mod: "divide",
    ast.Compare: "other",
}


@functools.cache
def _of_formula(formula: str, expensive: bool) -> dict[str, int]:
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(re.sub(r"\{(\d+)\}", r"x\1", formula).strip(), mode="eval")):
        if isinstance(node, ast.Call):
            found["function" if expensive else "other"] += 1
        elif type(node) in _KINDS:
            found[_KINDS[type(node)]] += 1
    return dict(found)
