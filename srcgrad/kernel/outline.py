"""Outlining: parallel loops and sections become functions of what they need from before.

for part in range(parts), parallel:               def f_part1(part, parts, x, g, g_parts):
    g_own = own_part(g, g_parts, part)      ->        g_own = own_part(g, g_parts, part)
    ...                                               ...
                                                  fork(f_part1, parts, (x, g, g_parts))

section: t = error * x[0] ...               ->    def f_section2(x, error): ...
                                                  f_section2(x, error)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcgrad.kernel.ir import (
    INT64,
    Block,
    Call,
    Callee,
    Declare,
    Do,
    For,
    Function,
    If,
    Kind,
    Section,
    Statement,
    Variable,
    While,
)
from srcgrad.kernel.names import Name, defined, exposed, names_in, used

FORK = Callee("fork", "srcgrad.backends.threads")


def outline(function: Function, fresh: Callable[[str], str]) -> tuple[Function, ...]:
    """The functions that a function becomes, itself the last; ``fresh`` gives out names."""
    outliner = _Outliner(function.name, fresh)
    known = {parameter.name: parameter for parameter in function.parameters}
    body = outliner.block(function.body, known)
    return *outliner.made, replace(function, body=body)


class _Outliner:
    def __init__(self, stem: str, fresh: Callable[[str], str]) -> None:
        self.stem = stem
        self.fresh = fresh
        self.made: list[Function] = []

    def block(self, block: Block, known: dict[str, Name]) -> Block:
        """The block with calls; what it defines becomes known."""
        return tuple(self.statement(statement, known) for statement in block)

    def statement(self, statement: Statement, known: dict[str, Name]) -> Statement:
        known.update((name.name, name) for name in defined(statement))
        match statement:
            case For(kind=Kind.PARALLEL):
                assert isinstance(statement.stop, Variable)
                own = statement.index, statement.stop
                function, captured = self.function("part", statement.body, own, known)
                return Do(Call(FORK, (function, statement.stop, captured), INT64))
            case Section():
                function, captured = self.function("section", statement.body, (), known)
                return Do(Call(function, captured, INT64))
            case For() | While():
                return replace(statement, body=self.block(statement.body, known))
            case If():
                body, orelse = self.block(statement.body, known), self.block(statement.orelse, known)
                return replace(statement, body=body, orelse=orelse)
        return statement

    def function(
        self, what: str, body: Block, own: tuple[Variable, ...], known: dict[str, Name]
    ) -> tuple[Callee, tuple[Name, ...]]:
        """A function of a block, and what it is to be given after ``own``."""
        name = self.fresh(f"{self.stem}_{what}{len(self.made) + 1}")
        captured = tuple(known[n.name] for n in exposed(body) if n.name in known and n not in own)
        parameters = (*own, *captured)
        inside = {parameter.name: parameter for parameter in parameters}
        self.made.append(Function(name, parameters, self.block(body, inside)))
        return Callee(name), captured


def without_unused(function: Function) -> Function:
    """A function without the buffers among its first statements that nothing uses."""
    count = next((k for k, s in enumerate(function.body) if not isinstance(s, Declare)), len(function.body))
    declared, rest = function.body[:count], function.body[count:]
    needed = names_in(function.results)
    needed.update(name.name for name in _used(rest))
    kept: list[Declare] = []
    for statement in reversed(declared):
        assert isinstance(statement, Declare)
        if statement.buffer.name in needed:
            kept.append(statement)
            needed.update(name.name for name in used(statement))
    return replace(function, body=(*reversed(kept), *rest))


def _used(block: Block) -> list[Name]:
    from srcgrad.kernel.ir import statements

    return [name for statement in statements(block) for name in used(statement)]
