"""Which variables and buffers statements define, and which they need from before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from srcgrad.kernel.ir import (
    Block,
    Buffer,
    Declare,
    For,
    If,
    Let,
    Number,
    Section,
    Statement,
    Store,
    Variable,
    While,
    collect,
    leaves,
    statements,
)

Name = Variable | Buffer


def assigned(block: Iterable[Statement]) -> set[str]:
    """The names of all that some statements assign to, anywhere."""
    found: set[str] = set()
    for statement in statements(tuple(block)):
        found.update(name.name for name in defined(statement))
        if isinstance(statement, Store) and isinstance(statement.target, Variable):
            found.add(statement.target.name)
    return found


def defined(statement: Statement) -> tuple[Name, ...]:
    """What a statement defines by itself."""
    match statement:
        case For():
            return (statement.index,)
        case Let():
            return (statement.variable,)
        case Declare():
            return (statement.buffer,)
    return ()


def used(statement: Statement) -> list[Name]:
    """What a statement reads by itself, without the blocks inside it."""
    return [leaf for leaf in leaves(statement) if type(leaf) is Variable or type(leaf) is Buffer]


def runs(loop: For) -> bool:
    """Whether a loop certainly has an iteration."""
    start, stop = loop.start, loop.stop
    if not isinstance(start, Number) or not isinstance(stop, Number):
        return False
    return bool(start.value < stop.value if loop.step > 0 else start.value > stop.value)


def exposed(block: Block) -> list[Name]:
    """What some statements need from before: it is used where it is not certain to be defined by them. In the order of
    the text.
    """
    analysis = _Exposed()
    analysis.block(block)
    return [name for name in analysis.seen.values() if name.name in analysis.needed]


class _Exposed:
    def __init__(self) -> None:
        self.seen: dict[str, Name] = {}
        self.needed: set[str] = set()
        self.known: set[str] = set()

    def block(self, block: Block) -> list[str]:
        """What becomes known in a block: it stays so."""
        return [name for statement in block for name in self.statement(statement)]

    def statement(self, statement: Statement) -> list[str]:
        for name in defined(statement):
            self.seen.setdefault(name.name, name)
        for name in used(statement):
            self.seen.setdefault(name.name, name)
            if name.name not in self.known:
                self.needed.add(name.name)
        match statement:
            case For():
                made = [*self.define(statement), *self.block(statement.body)]
                return made if runs(statement) else self.forget(made)
            case While() | Section():  # what a section defines stays in its function
                return self.forget(self.block(statement.body))
            case If():
                then = self.forget(self.block(statement.body))
                orelse = set(self.forget(self.block(statement.orelse)))
                both = [name for name in then if name in orelse]
                self.known.update(both)
                return both
        return self.define(statement)

    def define(self, statement: Statement) -> list[str]:
        new = [name.name for name in defined(statement) if name.name not in self.known]
        self.known.update(new)
        return new

    def forget(self, names: list[str]) -> list[str]:
        """The names, known no more."""
        self.known.difference_update(names)
        return names


def names_in(node: Any) -> set[str]:
    """The variables and buffers of an argument."""
    found: list[Any] = []
    collect(node, found)
    return {leaf.name for leaf in found if isinstance(leaf, Variable | Buffer)}
