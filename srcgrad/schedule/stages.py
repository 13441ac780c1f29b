"""Loop distribution: a long chain of transcendental functions as several short loops, its stages.

    for i: y[i] = cos(log1p(exp(tanh(x[i]))))    ->    for i: a[i] = tanh(x[i])
                                                       for i: b[i] = exp(a[i])
                                                       ...

A vector iteration of such a chain takes some two hundred cycles from end to end, and a core looks ahead little
further than one of them: the loop waits. Loops over one function each overlap many iterations. What they hand on
stays in L1, because a long axis is cut first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from srcgrad.core.settings import settings
from srcgrad.schedule.dependence import Dependences, dependences
from srcgrad.schedule.ir import AnyStatement, Apply, Axis, Expr, Statement, children

#: functions that are chains of instructions of their own, in multiplications
EXPENSIVE = 8.0
#: the longest row that is handed from one stage to the next, and the shortest that is worth it
LONGEST, SHORTEST = 1024, 32


def count_expensive(expr: Expr) -> int:
    """How many transcendental functions an expression has."""
    own = 1 if isinstance(expr, Apply) and expr.cost >= EXPENSIVE else 0
    return own + sum(count_expensive(child) for child in children(expr))


def runs_along(statement: AnyStatement, axis: Axis) -> bool:
    """Whether a statement's last axis, that of its vectors, is this one."""
    if not isinstance(statement, Statement) or statement.product is not None or not statement.axes:
        return False
    return statement.axes[-1].find() is axis


def stages(group: Iterable[AnyStatement], axis: Axis, before: Dependences) -> dict[AnyStatement, int]:
    """The stage of each statement along an axis: how many functions there are on its longest chain. Empty where one
    will do.
    """
    if axis.unrolled or axis.over_blocks or not SHORTEST <= axis.extent <= LONGEST:
        return {}
    found: dict[AnyStatement, int] = {}
    for statement in group:
        if axis not in statement.classes:
            continue
        depth = max((found[o] for o, aligned in before[statement] if o in found and axis in aligned), default=0)
        is_expensive = (
            isinstance(statement, Statement) and runs_along(statement, axis) and count_expensive(statement.expr) > 0
        )
        found[statement] = depth + is_expensive
    if max(found.values(), default=0) < 2:
        return {}
    return {statement: max(1, depth) for statement, depth in found.items()}  # what leads up to the first is with it


def has_chain(statements: Sequence[Statement], axis: Axis) -> bool:
    """Whether a transcendental function follows another along an axis, whatever its extent. Of a long program it looks
    at some statements at a time.
    """
    return any(
        _longest_chain(part, axis, dependences(part)) > 1
        for start in range(0, len(statements), settings.section)
        if (part := statements[start : start + settings.section])
    )


def _longest_chain(statements: Iterable[Statement], axis: Axis, before: Dependences) -> int:
    depth: dict[AnyStatement, int] = {}
    for statement in statements:
        if not runs_along(statement, axis):
            continue
        known = (depth[o] for o, aligned in before[statement] if o in depth and axis in aligned)
        depth[statement] = max(known, default=0) + count_expensive(statement.expr)
    return max(depth.values(), default=0)
