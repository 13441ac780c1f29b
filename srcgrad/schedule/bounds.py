"""What is known of an integer before it is computed: interval arithmetic over index expressions.

A loop with a known trip count bounds its counter; what is computed from it by sums, differences and products
with numbers is bounded too. An index that cannot be out of range needs no check.
"""

from __future__ import annotations

from srcgrad.schedule.ir import Affine, Apply, Const, Convert, Expr, IndexValue, Load

Bounds = tuple[int, int]


def bounds_of(expr: Expr) -> Bounds | None:
    """The least and the greatest value of an integer expression; None where nothing is known."""
    match expr:
        case Const() if expr.dtype.kind in "iu":
            return int(expr.value), int(expr.value)
        case Load():
            return expr.value.bounds
        case Convert() if expr.dtype.kind in "iu":
            return bounds_of(expr.arg)
        case IndexValue() if isinstance(expr.index, Affine):
            reach = [coefficient * (axis.extent - 1) for axis, coefficient in expr.index.terms]
            low, high = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach)
            return expr.index.const + low, expr.index.const + high
        case Apply():
            return _of_formula(expr.formula, [bounds_of(arg) for arg in expr.args])
    return None


def _of_formula(formula: str, args: list[Bounds | None]) -> Bounds | None:
    known = [arg for arg in args if arg is not None]
    if len(known) < len(args):
        return None
    match formula, known:
        case "{0} + {1}", [(a, b), (c, d)]:
            return a + c, b + d
        case "{0} - {1}", [(a, b), (c, d)]:
            return a - d, b - c
        case "{0} * {1}", [(a, b), (c, d)]:
            corners = (a * c, a * d, b * c, b * d)
            return min(corners), max(corners)
        case "-{0}", [(a, b)]:
            return -b, -a
    return None
