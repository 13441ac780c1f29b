"""Which statement must come before which, and on which axes the two may meet inside one loop."""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.schedule.ir import Affine, AnyStatement, Axis, Index, Statement, Value

Access = tuple[AnyStatement, tuple[Index, ...] | None]
#: for each statement, those before it and the axis classes on which the pair is aligned
Dependences = dict[AnyStatement, list[tuple[AnyStatement, frozenset[Axis]]]]


def dependences(statements: Iterable[AnyStatement]) -> Dependences:
    """Reads after writes, writes after reads, writes after writes.

    A pair is aligned on an axis where both touch the value at that axis's own turn: then turn ``i`` of the
    later one needs only turn ``i`` of the earlier one.
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
        if other is not statement:
            aligned = _aligned(other_index, index)
            before[other] = before[other] & aligned if other in before else aligned


def _aligned(a: tuple[Index, ...] | None, b: tuple[Index, ...] | None) -> frozenset[Axis]:
    if a is None or b is None:
        return frozenset()
    return frozenset(
        x.axis
        for x, y in zip(a, b, strict=True)
        if isinstance(x, Affine) and isinstance(y, Affine) and x.axis is not None and x.axis is y.axis
    )
