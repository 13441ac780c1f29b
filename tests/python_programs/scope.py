"""What a generated program knows at a place: names with their types."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Type:
    """``of`` is the type of the elements of a tuple, list or dict, or of the result of a function of ``takes``."""

    kind: str
    shape: tuple[int, ...] = ()
    of: tuple[Type, ...] = ()
    keys: tuple[str, ...] = ()
    #: of an integer: what it lies between; of a list: its least length
    low: int = 0
    high: int = 0
    takes: tuple[Type, ...] = ()


FLOAT = Type("float")
BOOL = Type("bool")
SHAPES = ((4,), (3,), (2,), (2, 3), (3, 2), (2, 2))


def integer(low: int, high: int) -> Type:
    return Type("int", low=low, high=high)


def array(*shape: int) -> Type:
    return Type("array", shape)


def tuple_of(*parts: Type) -> Type:
    return Type("tuple", of=parts)


def list_of(element: Type, least: int) -> Type:
    return Type("list", of=(element,), low=least)


def dict_of(element: Type, *keys: str) -> Type:
    return Type("dict", of=(element,), keys=keys)


BOX = Type("box", of=(FLOAT, array(3)))


@dataclass
class Scope:
    """The names at a place of a function; those of the functions around it can be read."""

    names: dict[str, Type] = field(default_factory=dict)
    outer: Scope | None = None
    #: may not be assigned: counters of loops around
    kept: frozenset[str] = frozenset()
    #: what the function returns
    returns: Type = FLOAT
    #: whether a loop of this function is around, and whether it may go on early
    in_loop: bool = False
    may_continue: bool = True
    in_finally: bool = False
    nesting: int = 0
    #: whether outer names that this function declared ``nonlocal``
    shared: frozenset[str] = frozenset()

    def block(self, **changes: object) -> Scope:
        """The scope inside a nested block: names made there do not reach outside."""
        return replace(self, names=dict(self.names), nesting=self.nesting + 1, **changes)  # type: ignore[arg-type]

    def function(self, returns: Type, shared: frozenset[str] = frozenset()) -> Scope:
        return Scope({}, self, frozenset(), returns, nesting=self.nesting + 1, shared=shared)

    def visible(self) -> dict[str, Type]:
        if self.outer is None:
            return self.names
        return {**self.outer.visible(), **self.names}

    def assignable(self) -> dict[str, Type]:
        """Names that this function may bind."""
        found = self.names
        if self.outer is not None and self.shared:
            outside = self.outer.visible()
            found = {**{name: outside[name] for name in self.shared if name in outside}, **found}
        return {name: type_ for name, type_ in found.items() if name not in self.kept and type_.kind != "function"}


class Writer:
    """Draws from a seed; names."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._fresh = itertools.chain("abcdegh", (f"v{k}" for k in itertools.count()))

    def fresh(self) -> str:
        return next(self._fresh)

    def chance(self, percent: float) -> bool:
        return self.random.random() * 100 < percent

    def choose(self, values: object) -> object:
        return self.random.choice(values)  # type: ignore[arg-type]

    def number(self, low: float = -1.5, high: float = 1.5) -> str:
        return repr(round(self.random.uniform(low, high), 2) + self.random.choice((0.001, 0.003, 0.007)))[:6]
