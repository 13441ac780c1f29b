"""A whole program: a file's text, and the arguments that its function takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.python_programs.forms import Forms
from tests.python_programs.scope import FLOAT, SHAPES, Scope, Type, array, integer, list_of
from tests.python_programs.statements import indented

_IMPORTS = "import contextlib\nimport functools\nimport math\nimport numpy as np\n"
_BOX = """
class Box:
    def __init__(self, s, v):
        self.s = s
        self.v = v

    def move(self, amount):
        self.s = self.s * 0.5 + amount
        self.v[0] = amount

    def turn(self):
        self.v = self.v[::-1]
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.s = self.s * 0.9
"""
_PARAMETERS: dict[str, Type] = {
    "x": array(4),
    "s": FLOAT,
    "y": array(3),
    "m": array(2, 3),
    "t": FLOAT,
    "n": integer(1, 3),
    "k": integer(0, 2),
    "p": Type("dict", of=(array(3),), keys=("a", "b")),
    "l": list_of(array(2), 2),
    "mode": Type("word"),
}


@dataclass(frozen=True)
class Program:
    """The text of a file that defines ``f``; seeds of its arguments are small numbers."""

    text: str
    parameters: tuple[str, ...]

    def arguments(self, seed: int) -> tuple[Any, ...]:
        rng = np.random.default_rng([seed, 7])
        return tuple(_argument(_PARAMETERS[name], rng) for name in self.parameters)


def _argument(type_: Type, rng: np.random.Generator) -> Any:
    if type_.kind == "array":
        return rng.uniform(-1.3, 1.3, type_.shape)
    if type_.kind == "float":
        return float(rng.uniform(-1.3, 1.3))
    if type_.kind == "int":
        return int(rng.integers(type_.low, type_.high + 1))
    if type_.kind == "dict":
        return {key: _argument(type_.of[0], rng) for key in type_.keys}
    if type_.kind == "list":
        return [_argument(type_.of[0], rng) for _ in range(type_.low)]
    return ("sine", "plain")[int(rng.integers(2))]


def random_program(seed: int) -> Program:
    return _Programs(seed).program()


class _Programs(Forms):
    def program(self) -> Program:
        self.depth = self.random.choice((1, 2, 2, 2, 3))
        names = ["x", "s", *(name for name in list(_PARAMETERS)[2:] if self.chance(25))]
        scope = Scope({name: _PARAMETERS[name] for name in names})
        helpers: list[str] = []
        for _ in range(self.random.choice((0, 0, 0, 0, 1, 1, 2))):
            lines = self.function(None, [])
            scope.names[lines[0][4:].partition("(")[0]] = self.made
            helpers += [*lines, ""]
        scope.returns = self.result_type()
        copies = [f"{name} = {kind}({name})" for name, kind in (("p", "dict"), ("l", "list")) if name in names]
        lines = copies if self.chance(90) else []
        lines += self.block(scope, self.random.choice((1, 2, 2, 3, 3, 4)))
        lines.append(f"return {self.expression(scope.returns, scope, 2)}")
        boxes = [_BOX] if any("Box" in line for line in (*helpers, *lines)) else []
        text = "\n".join(
            [
                "import contextlib",
                "import functools",
                "import math",
                "import numpy as np",
                "",
                *boxes,
                *helpers,
                f"def f({', '.join(names)}):",
                *indented(lines),
            ]
        )
        return Program(text + "\n", tuple(names))

    def result_type(self) -> Type:
        e = self.random.randrange(6)
        if e < 2:
            return FLOAT
        if e < 4:
            return array(*self.random.choice(SHAPES))
        parts = tuple(self.random.choice((FLOAT, array(*self.random.choice(SHAPES)))) for _ in range(2))
        return Type("tuple", of=parts)
