"""Interval arithmetic: what is known of an integer before it is computed.

Traced indices (`staging.intervals`), indices of the schedule (`schedule.bounds`) and of kernels (`kernel.verify`) are
bounded by this one arithmetic: the loops around say what their counters can be, an operator what its result can be.
"""

from __future__ import annotations

from collections.abc import Iterable

#: the least and the greatest value, both included
Interval = tuple[int, int]


def of_operation(operator: str, *operands: Interval | None) -> Interval | None:
    """What an operator (``+ - * // % min max``; ``-`` of one operand, too) gives; None where nothing is known."""
    if operator == "%" and operands[-1] is not None:
        low, high = operands[-1]
        return (0, high - 1) if low == high > 0 else None
    known = [operand for operand in operands if operand is not None]
    if len(known) < len(operands):
        return None
    match operator, known:
        case "+", [(a, b), (c, d)]:
            return a + c, b + d
        case "-", [(a, b), (c, d)]:
            return a - d, b - c
        case "-", [(a, b)]:
            return -b, -a
        case "*", [(a, b), (c, d)]:
            corners = (a * c, a * d, b * c, b * d)
            return min(corners), max(corners)
        case "//", [(a, b), (c, d)] if c == d > 0:
            return a // c, b // c
        case "min" | "max", _:
            choose = min if operator == "min" else max
            return choose(low for low, _ in known), choose(high for _, high in known)
    return None


def of_affine(const: int, terms: Iterable[tuple[int, Interval | None]]) -> Interval | None:
    """``const + sum(coefficient * operand)``; None where an operand is not known."""
    low = high = const
    for coefficient, operand in terms:
        if operand is None:
            return None
        ends = coefficient * operand[0], coefficient * operand[1]
        low, high = low + min(ends), high + max(ends)
    return low, high


def is_inside(interval: Interval | None, extent: int) -> bool:
    """Whether an index is, as far as it is known, one of an axis of this extent."""
    return interval is None or (interval[0] >= 0 and interval[1] < extent)
