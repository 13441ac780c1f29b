"""Sums, differences and products of complex numbers, by their parts, with the flags of the operation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

_SUMS = {operator.add: "fadd", operator.sub: "fsub"}
BY_PARTS = {*_SUMS, operator.mul}


def by_parts(builder: Any, function: Callable[..., Any], first: Any, second: Any, flags: Sequence[str]) -> Any:
    """``first`` and ``second``, two complex numbers of one type, combined by one of `BY_PARTS`."""
    (a, b), (c, d) = ([builder.extract_value(number, part) for part in (0, 1)] for number in (first, second))

    def apply(name: str, x: Any, y: Any) -> Any:
        return getattr(builder, name)(x, y, flags=flags)

    if function is operator.mul:
        real = apply("fsub", apply("fmul", a, c), apply("fmul", b, d))
        imag = apply("fadd", apply("fmul", a, d), apply("fmul", b, c))
    else:
        real, imag = apply(_SUMS[function], a, c), apply(_SUMS[function], b, d)
    made = builder.insert_value(ir.Constant(first.type, ir.Undefined), real, 0)
    return builder.insert_value(made, imag, 1)
