"""Writing Python text: lines, indentation, fresh names."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_ASSIGNED = re.compile(r"^\s*(?:for )?([A-Za-z_]\w*)(?: in | [-+*|&]?= )")


def assigned(lines: Iterable[str]) -> set[str]:
    """The names that some lines assign to."""
    return {match[1] for line in lines if (match := _ASSIGNED.match(line))}


class Writer:
    """Lines of source text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0
        self._assigned: set[str] = set()
        self._looked_at = 0

    def assigned(self) -> set[str]:
        """The names that the lines so far assign to."""
        self._assigned |= assigned(self.lines[self._looked_at :])
        self._looked_at = len(self.lines)
        return self._assigned

    def line(self, text: str, comment: str = "") -> None:
        padded = f"{'    ' * self._depth}{text}"
        self.lines.append(f"{padded:<72}  # {comment}" if comment else padded)

    @contextmanager
    def block(self, header: str, comment: str = "") -> Iterator[None]:
        """An indented suite; ``pass`` where nothing was written into it."""
        self.line(header, comment)
        self._depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.line("pass")
        self._depth -= 1

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Names:
    """Names that clash with nothing given out before, with no keyword and with no builtin."""

    def __init__(self) -> None:
        self._taken: set[str] = {*keyword.kwlist, *dir(builtins)}
        self._next: dict[str, int] = {}

    def fresh(self, wish: str) -> str:
        """The wish itself where it is free, else with the first free number."""
        wish = re.sub(r"\W", "_", wish) or "v"
        if wish[0].isdigit():
            wish = "_" + wish
        if wish not in self._taken:
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
