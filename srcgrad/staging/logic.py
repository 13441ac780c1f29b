"""`and`, `or`, `not`, chained comparisons and `assert`, where the operands may be traced.

The second operand is computed only if the first does not decide, as in Python, unless it is harmless to compute:
``i < n and x[i] > 0`` reads no element outside of the array.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import CellType
from typing import Any

import numpy as np

from srcgrad.control.failures import fail_if, not_failed, raising
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import Array
from srcgrad.staging.attempts import now
from srcgrad.staging.branches import (
    branch,
    if_else,
    is_harmless,
    known_truth,
    made_since,
    truth,
    value_without_effects,
)
from srcgrad.staging.identities import is_one
from srcgrad.staging.places import Box, around, places

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    **{name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    "is_": is_one,
    "is_not": lambda a, b: not_(is_one(a, b)),
    "in_": lambda a, b: _in(a, b),
    "not_in": lambda a, b: not_(_in(a, b)),
}


_AUGMENTED: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.iadd,
    "Sub": operator.isub,
    "Mult": operator.imul,
    "MatMult": operator.imatmul,
    "Div": operator.itruediv,
    "Mod": operator.imod,
    "Pow": operator.ipow,
    "LShift": operator.ilshift,
    "RShift": operator.irshift,
    "BitOr": operator.ior,
    "BitXor": operator.ixor,
    "BitAnd": operator.iand,
    "FloorDiv": operator.ifloordiv,
}


def and_(a: Any, b: Callable[[], Any], names: Sequence[str] = ()) -> Any:
    """``a and b()``; ``names`` are the variables that this binds."""
    return _connect("logical_and", a, b, names)


def or_(a: Any, b: Callable[[], Any], names: Sequence[str] = ()) -> Any:
    """``a or b()``; ``names`` are the variables that this binds."""
    return _connect("logical_or", a, b, names)


def _connect(name: str, a: Any, b: Callable[[], Any], names: Sequence[str]) -> Any:
    known = known_truth(a)
    if known is not None:
        return b() if known == (name == "logical_and") else a
    mark = now()
    box, cells = Box("the second operand"), around(b)
    before = None if names else _harmless_value(b, cells, mark)
    if before is not None and _is_bool(a) and _is_bool(before):
        return Array(apply(name, truth(a), truth(before) if isinstance(before, Tracer) else before))
    first, second = (lambda: box.set(a)), (lambda: box.set(b()))
    then, orelse = (second, first) if name == "logical_and" else (first, second)
    branch(a, then, orelse, [box, *places(cells, names)], cells)
    return box.get()


def _harmless_value(b: Callable[[], Any], cells: dict[str, CellType], mark: int) -> Any:
    """The operand, which binds no names, where it may be computed in any case; None where it may not."""
    value = value_without_effects(b, cells)
    if not isinstance(value, Tracer):
        return value
    return value if all(is_harmless(node) for node in made_since(mark, value)) else None


def _is_bool(value: Any) -> bool:
    if not isinstance(value, Tracer | bool | np.bool_):
        return False
    return type_of(value).dtype == np.dtype(bool)


def not_(a: Any) -> Any:
    """``not a``."""
    known = known_truth(a)
    return Array(apply("logical_not", truth(a))) if known is None else not known


def compared(name: str, left: Any, right: Any) -> Any:
    """``left in right`` and the like."""
    return _COMPARE[name](left, right)


def chain(left: Any, *steps: tuple[str, Callable[[], Any]]) -> Any:
    """``left < b() < c()`` and the like: each operand is computed once."""
    name, operand = steps[0]
    right = operand()
    result = _COMPARE[name](left, right)
    return result if len(steps) == 1 else and_(result, lambda: chain(right, *steps[1:]))


def _in(item: Any, container: Any) -> Any:
    """``item in container``, which for an array is traced as its truth value may be."""
    if isinstance(container, Array) and not container.is_scalar:
        return (container == item).any()
    return item in container


def augmented(name: str, value: Any, other: Any) -> Any:
    """``value += other`` and the like; ``name`` is the operator's class in the syntax tree."""
    return _AUGMENTED[name](value, other)


def assert_(test: Any, message: Callable[[], Any]) -> None:
    """``assert test, message()``."""
    known = known_truth(test)
    if known:
        return
    failure = raising(AssertionError(*[text for text in (message(),) if text is not None]))
    if known is False:
        raise failure
    fail_if(apply("logical_not", truth(test)), failure)


def unless_failed(going: Any) -> Any:
    """Whether a loop goes on: not once the program has failed."""
    passed = not_failed()
    return going if passed is True else and_(going, lambda: passed)


__all__ = ["and_", "assert_", "chain", "compared", "if_else", "not_", "or_", "unless_failed"]
