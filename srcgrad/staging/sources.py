"""Where a trace found what it read from outside: access paths, which can be followed again at every call.

Source(None, "value", f)                  an object that is known for good: the function, a module's globals, a cell
Source(globals, "item", "K")              a global
Source(cell, "attribute", "cell_contents")      a variable of a function around
Source(self, "attribute", "rate")         an attribute
Source(params, "item", "w")               an item of a dict, list or tuple
Source(rows, "stack", (steps, numbers))  one array of what is found by these steps from many items (`families`)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.graph.captured import Implicit

#: how a value that was found is checked
ANY, IDENTITY, EQUAL, KIND, LENGTH, KEYS, CODE, INPUT, SAME, CONTENTS, STATE, STACK = range(12)


@dataclass(eq=False)
class Source:
    """An access path, the value that was found there, and what of it the trace depends on."""

    parent: Source | None
    step: str
    key: Any
    #: as the user would write it
    name: str
    value: Any
    check: int = ANY
    #: what the value is compared with, where it is not the value itself
    known: Any = None
    implicit: Implicit | None = None
    #: whether the access makes another object each time
    is_made: bool = False
    children: dict[tuple[str, Any], Source] = field(default_factory=dict)

    @property
    def path(self) -> tuple[Any, ...]:
        """What tells it from other paths."""
        if self.parent is None:
            return (id(self.value),)
        return (*self.parent.path, self.step, type(self.key), self.key)

    def follow(self) -> Any:
        """What is there now; raises whatever the access raises."""
        if self.parent is None:
            return self.value
        found = self.parent.follow()
        return found[self.key] if self.step == "item" else getattr(found, self.key)


def same(a: Any, b: Any) -> bool:
    """Whether two plain values are one to a program: of one type, and bit for bit the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, np.ndarray | np.generic):
        return same_contents(a, contents(b))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(key in b and same(value, b[key]) for key, value in a.items())
    try:
        return bool(a == b)
    except Exception:  # an object whose comparison fails is another one
        return False


Contents = tuple[Any, tuple[int, ...], bytes]


def contents(array: Any) -> Contents:
    """The numbers of an array, to be compared with later ones."""
    return array.dtype, array.shape, array.tobytes()


def same_contents(array: Any, known: Contents) -> bool:
    """Whether an array holds these numbers."""
    return bool(array.dtype == known[0] and array.shape == known[1] and array.tobytes() == known[2])
