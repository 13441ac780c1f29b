"""Algebra as data: ``before -> after``.

A rule of `algebra` is exact: what it puts in place has the same bits, for NaN, infinities and signed zeros too. ``x +
0`` is not ``x`` for ``x = -0.0``, nor ``0 - x`` its negative for ``x = 0.0``, nor ``-(x - y)`` the difference ``y - x``
where both are equal; ``x * 0`` and ``x - x`` stay what they are; a complex ``x * 1`` is a NaN where x is infinite. Of
sums of cotangents alone (``accumulate``) zeros are left out. Powers may change in their last bits. Of an array NumPy
takes ``x**0.5`` for ``sqrt(x)``; of a number it is C's ``pow``, which differs from it at -0 and -inf.

A rule of `algebra` also keeps the derivative: what `adjoint` makes of the after is what it makes of the before, at 0
and infinity as well. ``x * sqrt(x)`` in place of ``x**1.5`` does not (``0 * inf`` at 0), so such a rule is one of
`powers`, which apply once all derivatives are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

from srcgrad.core.op import apply
from srcgrad.graph.node import Node
from srcgrad.transform.patterns import Pattern, Rule, commuted, variables
from srcgrad.transform.rewrite import uniform_value

Condition = Callable[[Node], bool] | None


def _kinds(kinds: str) -> Callable[[Node], bool]:
    return lambda node: node.dtype.kind in kinds


def _is_array(node: Node) -> bool:
    return node.dtype.kind in "fc" and node.shape != ()


def _is_with_number(node: Node) -> bool:
    """Whether the comparison in front is with a number that is known, and is one."""
    known = uniform_value(node.inputs[0].inputs[1])
    return known is not None and known == known  # noqa: PLR0124


def _is_real(node: Node) -> bool:
    return node.dtype.kind == "f"


def _is_of_positive(node: Node) -> bool:
    """Whether the first operand is real, and never -0 or below."""
    return _is_real(node) and _is_positive(node.inputs[0])


def _is_positive(x: Node, depth: int = 6) -> bool:
    """Whether it is certain that a real value is NaN or at least +0."""
    name = x.op.name
    if name in ("absolute", "square", "exp", "exp2") or depth == 0:
        return depth > 0
    if name in ("reshape", "broadcast_to", "sum", "slice", "transpose", "astype"):
        return x.inputs[0].dtype.kind == "f" and _is_positive(x.inputs[0], depth - 1)
    if name == "multiply" and x.inputs[0] is x.inputs[1]:
        return True
    if name in ("add", "accumulate", "multiply", "divide"):
        return all(_is_positive(operand, depth - 1) for operand in x.inputs)
    value = uniform_value(x)
    return value is not None and value > 0


def _apply(name: str) -> Callable[..., Pattern]:
    return lambda *args: apply(name, *args)


@cache
def algebra() -> dict[str, tuple[Rule, ...]]:
    """The rules, by the name of the row at the root of what they replace."""
    x, y, z, c = variables("x y z c")
    either = _apply("bitwise_or")
    where, sqrt, square = _apply("where"), _apply("sqrt"), _apply("square")
    anything = [
        (where(True, x, y), x),
        (where(False, x, y), y),
        (where(c, x, x), x),
        (where(_apply("invert")(c), x, y), where(c, y, x)),
        (where(c, where(c, x, y), z), where(c, x, z)),
        (where(c, x, where(c, y, z)), where(c, x, z)),
        (_apply("maximum")(x, x), x),
        (_apply("minimum")(x, x), x),
        (_apply("logical_not")(_apply("logical_not")(x)), x),
        (either(x, False), x),
        (either(False, x), x),
    ]
    not_less = _apply("invert")(_apply("less")(x, y))  # of NaN as well
    not_greater = _apply("invert")(_apply("greater")(x, y))
    with_known = [
        (either(_apply("greater_equal")(x, y), _apply("isnan")(x)), not_less),
        (either(_apply("less_equal")(x, y), _apply("isnan")(x)), not_greater),
    ]
    numbers = [
        (x - 0, x),
        (_apply("accumulate")(x, 0), x),
        (_apply("negative")(-x), x),
        (x + (-y), x - y),
        (x - (-y), x + y),
        (square(-x), x * x),
        (square(x), x * x),
        (x**1, x),
        (x**2, x * x),
        (x**3, x * x * x),
        (x**4, (x * x) * (x * x)),
    ]
    reals = [
        (x * 1, x),
        (x * -1, -x),
        (x / 1, x),
        (x / -1, -x),
        ((-x) * (-y), x * y),
        ((-x) * y, -(x * y)),
        ((-x) / y, -(x / y)),
        (x / (-y), -(x / y)),
    ]
    integers = [
        (x + 0, x),
        (0 - x, -x),
        (-(x - y), y - x),
    ]
    floats = [
        (x**-1, 1 / x),
    ]
    real_floats = [
        (x + -0.0, x),
        (_apply("reciprocal")(x), 1 / x),
    ]
    roots = [(x**0.5, sqrt(x))]
    groups = (
        (with_known, _is_with_number),
        (anything, None),
        (numbers, _kinds("iufc")),
        (reals, _kinds("iuf")),
        (integers, _kinds("iu")),
        (floats, _kinds("fc")),
        (real_floats, _is_real),
        (roots, _is_array),
    )
    return _by_root(*groups)


@cache
def powers() -> dict[str, tuple[Rule, ...]]:
    """Powers by roots and quotients, once all derivatives are taken; otherwise as `algebra`.

    Of reciprocals rather than reciprocals of: ``x * x`` overflows where ``x**-2`` is a denormal number.
    """
    (x,) = variables("x")
    sqrt, magnitude = _apply("sqrt"), _apply("absolute")

    def at_minus_infinity(value: float, elsewhere: Pattern) -> Pattern:
        return _apply("where")(_apply("equal")(x, -math.inf), value, elsewhere)

    roots = [
        (x**0.5, sqrt(x), math.inf),
        (x**1.5, x * sqrt(x), math.inf),
        (x**-0.5, 1 / sqrt(x), 0.0),
        (x**-1.5, (1 / x) / sqrt(x), 0.0),
    ]
    of_positive = [(before, after) for before, after, _ in roots]
    of_any = [(before, at_minus_infinity(value, magnitude(after))) for before, after, value in roots]
    quotients = [(x**-2, (1 / x) * (1 / x)), (x**-3, (1 / x) * (1 / x) * (1 / x))]
    return _by_root((of_positive, _is_of_positive), (of_any, _is_real), (quotients, _is_real))


def _by_root(*groups: tuple[Sequence[tuple[Pattern, Pattern]], Condition]) -> dict[str, tuple[Rule, ...]]:
    """Rules by the name of the row that they look for, in the given order."""
    rules: dict[str, list[Rule]] = {}
    for pairs, when in groups:
        for before, after in pairs:
            for variant in commuted(before):
                assert variant.op is not None
                rules.setdefault(variant.op.name, []).append(Rule(variant, after, when))
    return {name: tuple(found) for name, found in rules.items()}
