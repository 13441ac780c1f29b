"""Which statement must come before which, and on which axes the two may meet inside one loop."""

from __future__ import annotations

import math
from collections.abc import Iterable

from srcgrad.schedule.ir import Affine, AnyStatement, Axis, Index, Statement, Value

Access = tuple[AnyStatement, tuple[Index, ...] | None]
#: for each statement, those before it and the axis classes on which the pair is aligned
Dependences = dict[AnyStatement, list[tuple[AnyStatement, frozenset[Axis]]]]


def dependences(statements: Iterable[AnyStatement]) -> Dependences:
    """Reads after writes, writes after reads, writes after writes.

    A pair is aligned on an axis where both touch the value at the same index, which moves with that axis: then
    iteration ``i`` of the later one needs only iteration ``i`` of the earlier one. Those that touch different parts do
    not meet.
    """
    found: dict[AnyStatement, dict[AnyStatement, frozenset[Axis]]] = {}
    writers: dict[Value, list[Access]] = {}
    readers: dict[Value, list[Access]] = {}
    for statement in statements:
        before: dict[AnyStatement, frozenset[Axis]] = {}
        reads = [(load.value, load.index) for load in statement.reads()]
        indexed = isinstance(statement, Statement)
        for value, index in reads:
            _meet(before, statement, writers.get(value, ()), index if indexed else None)
        for value in statement.writes():
            index_written = statement.index if isinstance(statement, Statement) else None
            _meet(before, statement, writers.get(value, ()), index_written)
            _meet(before, statement, readers.get(value, ()), index_written)
            writers.setdefault(value, []).append((statement, index_written))
        for value, index in reads:
            readers.setdefault(value, []).append((statement, index if indexed else None))
        found[statement] = before
    return {statement: list(before.items()) for statement, before in found.items()}


def _meet(
    before: dict[AnyStatement, frozenset[Axis]],
    statement: AnyStatement,
    others: Iterable[Access],
    index: tuple[Index, ...] | None,
) -> None:
    """Note that a statement touches, at an index, what others touched before."""
    for other, other_index in others:
        if other is not statement and not are_apart(other_index, index):
            aligned = _aligned(other_index, index)
            before[other] = before[other] & aligned if other in before else aligned


def _aligned(a: tuple[Index, ...] | None, b: tuple[Index, ...] | None) -> frozenset[Axis]:
    if a is None or b is None:
        return frozenset()
    return frozenset(axis for x, y in zip(a, b, strict=True) if (axis := _common_axis(x, y)) is not None)


def _common_axis(x: Index, y: Index) -> Axis | None:
    """The one axis with which two equal indices move: at different iterations of it they touch different elements."""
    if not isinstance(x, Affine) or not isinstance(y, Affine) or x.const != y.const:
        return None
    if len(x.terms) != 1 or len(y.terms) != 1 or x.terms[0][1] != y.terms[0][1]:
        return None
    axis = x.terms[0][0].find()
    return axis if axis is y.terms[0][0].find() else None


def are_apart(a: tuple[Index, ...] | None, b: tuple[Index, ...] | None) -> bool:
    """Whether two indices never name the same element, because in some dimension their ranges do not meet, or their
    steps pass one another by (the greatest common divisor test: Banerjee, "Dependence Analysis", 1997).
    """
    if a is None or b is None:
        return False
    for x, y in zip(a, b, strict=True):
        if isinstance(x, Affine) and isinstance(y, Affine):
            (low, high), (least, most) = x.bounds(), y.bounds()
            step = math.gcd(*(coefficient for _, coefficient in (*x.terms, *y.terms)))
            if high < least or most < low or (step > 1 and (x.const - y.const) % step):
                return True
    return False
