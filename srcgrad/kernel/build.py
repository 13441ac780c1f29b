"""Making functions of the kernel IR: statements in the order in which they run, and names for what they compute."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from contextlib import contextmanager

from srcgrad.kernel.ir import Block, Expr, For, Let, Place, Statement, Store, Variable


class Body:
    """Statements as they are made, in the blocks that are open."""

    def __init__(self) -> None:
        self._open: list[list[Statement]] = [[]]

    def add(self, statement: Statement) -> None:
        self._open[-1].append(statement)

    @contextmanager
    def block(self) -> Iterator[list[Statement]]:
        """What is added inside becomes a block, which is handed out."""
        self._open.append([])
        try:
            yield self._open[-1]
        finally:
            self._open.pop()

    @contextmanager
    def loop(self, index: Variable, start: Expr, stop: Expr, step: int = 1, note: str = "") -> Iterator[None]:
        """A serial loop over what is added inside."""
        with self.block() as body:
            yield
        self.add(For(index, start, stop, step, tuple(body), note=note))

    def let(self, variable: Variable, value: Expr, note: str = "") -> None:
        self.add(Let(variable, value, note))

    def write(self, place: Place, value: Expr, note: str = "") -> None:
        """An assignment."""
        self.add(Let(place, value, note) if isinstance(place, Variable) else Store(place, value, "", note))

    def step(self, place: Place, combine: str, value: Expr, note: str = "") -> None:
        """A step of a reduction."""
        self.add(Store(place, value, combine, note))

    @property
    def statements(self) -> Block:
        return tuple(self._open[0])


class Names:
    """Names that clash with nothing given out before, with no keyword and with no builtin."""

    def __init__(self) -> None:
        self._taken: set[str] = {*keyword.kwlist, *dir(builtins)}
        self._next: dict[str, int] = {}

    def fresh(self, wish: str, *, numbered: bool = False) -> str:
        """The wish itself where it is free and need not be ``numbered``, else with the first free number."""
        wish = re.sub(r"\W", "_", wish) or "v"
        if wish[0].isdigit():
            wish = "_" + wish
        if wish not in self._taken and not numbered:
            self._taken.add(wish)
            return wish
        number = self._next.get(wish, 1)
        separator = "_" if wish[-1].isdigit() else ""
        while f"{wish}{separator}{number}" in self._taken:
            number += 1
        self._next[wish] = number + 1
        name = f"{wish}{separator}{number}"
        self._taken.add(name)
        return name

    def reserve(self, name: str) -> None:
        self._taken.add(name)
