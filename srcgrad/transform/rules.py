"""Algebra as data: ``before -> after``.

A rule may change the last bits of a result and the sign of a zero (``x + 0`` is ``x``, also for ``x = -0.0``). It never
turns a NaN or an infinity into a number or back: ``x * 0`` and ``x - x`` stay what they are. Powers follow NumPy's
operator, which takes ``x**0.5`` for ``sqrt(x)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from srcgrad.core.op import apply
from srcgrad.graph.node import Node
from srcgrad.transform.patterns import Pattern, Rule, commuted, variables


def _is_float(node: Node) -> bool:
    return node.dtype.kind in "fc"


def _is_number(node: Node) -> bool:
    return node.dtype.kind in "iufc"


def _apply(name: str) -> Callable[..., Pattern]:
    return lambda *args: apply(name, *args)


@cache
def algebra() -> dict[str, tuple[Rule, ...]]:
    """The rules, by the name of the row at the root of what they replace."""
    x, y, z, c = variables("x y z c")
    where, sqrt, square = _apply("where"), _apply("sqrt"), _apply("square")
    anything = [
        (where(True, x, y), x),
        (where(False, x, y), y),
        (where(c, x, x), x),
        (where(c, where(c, x, y), z), where(c, x, z)),
        (where(c, x, where(c, y, z)), where(c, x, z)),
        (_apply("maximum")(x, x), x),
        (_apply("minimum")(x, x), x),
        (_apply("logical_not")(_apply("logical_not")(x)), x),
    ]
    numbers = [
        (x + 0, x),
        (x - 0, x),
        (0 - x, -x),
        (x * 1, x),
        (x * -1, -x),
        (x / 1, x),
        (x / -1, -x),
        (_apply("negative")(-x), x),
        (-(x - y), y - x),
        (x + (-y), x - y),
        (x - (-y), x + y),
        ((-x) * (-y), x * y),
        ((-x) * y, -(x * y)),
        ((-x) / y, -(x / y)),
        (x / (-y), -(x / y)),
        (square(-x), x * x),
        (square(x), x * x),
        (x**1, x),
        (x**2, x * x),
        (x**3, x * x * x),
        (x**4, (x * x) * (x * x)),
    ]
    floats = [
        (x**0.5, sqrt(x)),
        (x**1.5, x * sqrt(x)),
        (x**-0.5, 1 / sqrt(x)),
        (x**-1, 1 / x),
        (x**-2, 1 / (x * x)),
        (x**-3, 1 / (x * x * x)),
        (_apply("reciprocal")(x), 1 / x),
    ]
    rules: dict[str, list[Rule]] = {}
    for pairs, when in ((anything, None), (numbers, _is_number), (floats, _is_float)):
        for before, after in pairs:
            for variant in commuted(before):
                assert variant.op is not None
                rules.setdefault(variant.op.name, []).append(Rule(variant, after, when))
    return {name: tuple(found) for name, found in rules.items()}
