"""Sections: a long program is cut into runs of statements of bounded length, each scheduled and compiled by itself.

    statements 1 ... 2,000    ->    section 1: a tree over statements 1 ... 250     a function each, called in a row
                                    section 2: a tree over statements 251 ... 500
                                    ...

The search for a tree, LLVM's passes over a function and its allocation of registers take time that grows faster than
what they look at. Of sections of bounded length they take time in proportion to the program. The price is that what one
section leaves for another has to be stored: so cuts lie where few values cross.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from srcgrad.core.settings import settings
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    AnyStatement,
    Block,
    LoopRegion,
    Part,
    Program,
    Section,
    Start,
    Value,
    WhileRegion,
    loads,
    walk,
)


def cut(statements: Sequence[AnyStatement]) -> list[tuple[AnyStatement, ...]]:
    """The statements in runs of at most `settings.section`; one run where there are not more."""
    count = -(-len(statements) // settings.section)
    if count < 2:
        return [tuple(statements)]
    crossing = _crossing(statements)
    runs = []
    start = 0
    slack = max(1, settings.section // 4)
    while len(statements) - start > settings.section:
        last = start + settings.section
        end = min(range(last, last - slack, -1), key=crossing.__getitem__)
        runs.append(tuple(statements[start:end]))
        start = end
    return [*runs, tuple(statements[start:])]


def _crossing(statements: Sequence[AnyStatement]) -> list[int]:
    """For each position between two statements, the bytes of values that are touched on both sides."""
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    for position, statement in enumerate(statements):
        for value in touched(statement):
            first.setdefault(value, position)
            last[value] = position
    change = [0] * (len(statements) + 1)
    for value, position in first.items():
        if value.role == "temporary" and last[value] > position:
            size = value.dtype.itemsize
            for extent in value.shape:
                size *= extent
            change[position + 1] += size
            change[last[value] + 1] -= size
    total, found = 0, []
    for step in change:
        total += step
        found.append(total)
    return found


def touched(entry: AnyStatement | Start) -> Iterator[Value]:
    """The values that an entry of a tree reads or writes; of a region, what it touches of those outside."""
    yield from entry.writes()
    for load in entry.reads():
        yield load.value
    if isinstance(entry, WhileRegion):  # in the text of the loop, after the condition's program
        for load in loads(entry.predicate):
            yield load.value
    if isinstance(entry, LoopRegion):
        yield entry.counter


def sections_of(program: Program) -> Iterator[Section]:
    """All sections, those of the programs inside regions first."""
    for statement in program.statements:
        for inner in inner_programs(statement):
            yield from sections_of(inner)
    assert program.tree is not None
    for item in program.tree.items:
        if isinstance(item, Section):
            yield item


def blocks(tree: Block) -> list[Block]:
    """The blocks of the sections of a tree; the tree itself where it has none."""
    return [item.body for item in tree.items if isinstance(item, Section)] or [tree]


def top_items(tree: Block) -> Iterator[Part]:
    """The items at the top of a tree, those of its sections."""
    for block in blocks(tree):
        for item in block.items:
            assert not isinstance(item, Section)
            yield item


class Uses:
    """How often each value is touched in a whole program, and where it is not touched from outside a section."""

    def __init__(self, program: Program) -> None:
        self._total = _counts(program.tree)
        self._total.update(program.outputs)
        self._within: dict[Section, Counter[Value]] = {}
        #: the innermost section in which all uses of a value lie
        self.home: dict[Value, Section] = {}
        for section in sections_of(program):
            counts = self._within[section] = _counts(section.body)
            for value, count in counts.items():
                if value not in self.home and count == self._total[value]:
                    self.home[value] = section

    def leave(self, section: Section) -> list[Value]:
        """The values written in a section that are touched outside of it too."""
        written: dict[Value, None] = {}
        for entry in _entries(section.body):
            written.update((value, None) for value in entry.writes())
        counts = self._within[section]
        return [value for value in written if self._total[value] > counts[value]]


def _counts(block: Block | None) -> Counter[Value]:
    assert block is not None
    return Counter(value for entry in _entries(block) for value in touched(entry))


def _entries(block: Block) -> Iterator[AnyStatement | Start]:
    """Every entry of a tree and of those inside its regions."""
    for entry, _ in walk(block):
        yield entry
        if not isinstance(entry, Start):
            for inner in inner_programs(entry):
                assert inner.tree is not None
                yield from _entries(inner.tree)
