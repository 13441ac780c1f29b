"""What the text of a program has to know before it is written: who reads and writes what, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Apply,
    Block,
    Load,
    Loop,
    Part,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
    control_of,
    loads,
)


class Uses:
    """What each item reads and writes, how often each value is read, and the block in which all of its uses lie."""

    def __init__(self, program: Program) -> None:
        self.reads: dict[int, set[Value]] = {}
        self.writes: dict[int, set[Value]] = {}
        self.count: Counter[Value] = Counter()
        self.writers: Counter[Value] = Counter()
        self.order: list[Value] = []
        self._paths: dict[Value, tuple[Block, ...]] = {}
        assert program.tree is not None
        self._block(program.tree, ())
        for value in program.outputs:
            self._use(value, (program.tree,))
        self.home = {value: path[-1] for value, path in self._paths.items()}

    def _block(self, block: Block, path: tuple[Block, ...]) -> tuple[set[Value], set[Value]]:
        path = (*path, block)
        found: tuple[set[Value], set[Value]] = set(), set()
        for item in flat(block):
            for total, more in zip(found, self._item(item, path), strict=True):
                total |= more
        return found

    def _item(self, item: Part, path: tuple[Block, ...]) -> tuple[set[Value], set[Value]]:
        read: set[Value] = set()
        written: set[Value] = set()
        blocks: list[Block] = []
        if isinstance(item, Loop):
            blocks = [item.body]
        else:
            values = [load.value for load in _reads(item)]
            if isinstance(item, WhileRegion):
                values += [load.value for load in loads(item.predicate)]
            if not isinstance(item, Start):
                blocks = [inner.tree for inner in inner_programs(item) if inner.tree is not None]
            if blocks:  # what its programs read is counted there
                control = control_of(item)  # type: ignore[arg-type]
                values = [load.value for load in loads(control)] if control is not None else []
            self.count.update(values)
            read.update(values)
            written.update(item.writes())
            if not blocks:
                self.writers.update(item.writes())
            for value in (*values, *item.writes()):
                self._use(value, path)
        for block in blocks:
            inner_read, inner_written = self._block(block, path)
            read |= inner_read
            written |= inner_written
        self.reads[id(item)], self.writes[id(item)] = read, written
        return read, written

    def _use(self, value: Value, path: tuple[Block, ...]) -> None:
        known = self._paths.get(value)
        if known is None:
            self.order.append(value)
            self._paths[value] = path
            return
        common = sum(1 for _ in _shared(known, path))
        self._paths[value] = path[:common]


def _shared(one: Sequence[Block], other: Sequence[Block]) -> Iterator[Block]:
    for a, b in zip(one, other, strict=False):
        if a is not b:
            return
        yield a


def _reads(item: Part) -> Iterator[Load]:
    """The loads of an item, those of ``x + x`` once."""
    doubled = isinstance(item, Statement) and isinstance(item.expr, Apply) and item.expr.formula == "{0} + {1}"
    if doubled and item.expr.args[0] == item.expr.args[1]:  # type: ignore[union-attr]
        yield from loads(item.expr.args[0])  # type: ignore[union-attr]
    else:
        yield from item.reads()  # type: ignore[union-attr]


def flat(block: Block) -> list[Part]:
    """The items of a block, those of its sections among them."""
    return [one for item in block.items for one in (flat(item.body) if isinstance(item, Section) else [item])]
