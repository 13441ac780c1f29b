"""What is known of an integer of the schedule before it is computed.

A loop with a known trip count bounds its counter; what is computed from it by sums, differences and products
with numbers is bounded too. An index that cannot be out of range needs no check.
"""

from __future__ import annotations

from srcgrad.core.intervals import Interval, of_operation
from srcgrad.schedule.ir import Affine, Apply, Const, Convert, Delinearised, Dynamic, Expr, Index, IndexValue, Load

_OPERATORS = {"{0} + {1}": "+", "{0} - {1}": "-", "{0} * {1}": "*", "-{0}": "-"}


def bounds_of(expr: Expr) -> Interval | None:
    """The least and the greatest value of an integer expression; None where nothing is known."""
    match expr:
        case Const() if expr.dtype.kind in "iu":
            return int(expr.value), int(expr.value)
        case Load():
            return expr.value.bounds
        case Convert() if expr.dtype.kind in "iu":
            return bounds_of(expr.arg)
        case IndexValue():
            return bounds_of_index(expr.index)
        case Apply() if expr.formula in _OPERATORS:
            return of_operation(_OPERATORS[expr.formula], *map(bounds_of, expr.args))
    return None


def bounds_of_index(index: Index) -> Interval | None:
    """The least and the greatest that an index can be."""
    match index:
        case Affine():
            return index.bounds()
        case Delinearised():
            return 0, index.extents[index.position] - 1
        case Dynamic():
            return bounds_of(index.expr)
