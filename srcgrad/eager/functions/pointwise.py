"""The table of pointwise functions: PyTorch's names of the table's rows.

A line here is all that a function needs. A pointwise row that has no line is a function under its own name.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from srcgrad.core.lowering import Pointwise
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.partial import Where
from srcgrad.eager.recording.nodes import nothing
from srcgrad.eager.recording.pointwise import function_of
from srcgrad.eager.recording.rows import RECORDED

#: ``name=row/Node``: the row where it has another name, the node where it is not called after the function.
NAMES = """
sin cos tan sinh cosh tanh asin=arcsin acos=arccos atan=arctan asinh=arcsinh acosh=arccosh atanh=arctanh
exp exp2 expm1 log log2 log10 log1p/Log1P sqrt square/Pow reciprocal neg=negative abs=absolute
sigmoid=expit logsigmoid=log_expit/LogSigmoid erf erfc erfinv lgamma=gammaln digamma sinc
sign floor ceil trunc rint/Round add sub=subtract mul=multiply div=divide
maximum minimum fmax fmin fmod remainder floor_divide atan2=arctan2 hypot copysign heaviside
logaddexp logaddexp2 xlogy
eq=equal ne=not_equal lt=less le=less_equal gt=greater ge=greater_equal isnan isinf isfinite signbit
logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not=invert
bitwise_left_shift=left_shift bitwise_right_shift=right_shift
"""
#: Rows that are no functions of their own for a user.
INTERNAL = frozenset(("accumulate", "compose", "random_bits", "random_bits_second", "stop_gradient", "unless_zero"))


def variant(name: str, *partials: Any, **changes: Any) -> Op:
    """A row with other partial derivatives: those that PyTorch chooses where there are several."""
    return dataclasses.replace(TABLE[name], partials=partials or TABLE[name].partials, **changes)


def unary_variant(name: str, reference: Any, partial: Any) -> Op:
    """A row whose other operands are in its reference."""
    square = TABLE["square"]
    return variant(name, partial, reference=reference, samples=square.samples, infer=square.infer)


def _share(first: str) -> tuple[Any, Any]:
    """At a tie both operands get half."""

    def half_if_tied(x: Any, y: Any) -> Any:
        return apply("where", apply("equal", x, y), apply("astype", 0.5, dtype=x.dtype), 1)

    return (
        lambda out, x, y: Where(apply(first, x, y), half_if_tied(x, y)),
        lambda out, x, y: Where(apply(first, y, x), half_if_tied(x, y)),
    )


#: Rows as PyTorch has them. Of steps the gradient is zero everywhere, but it is one. The rule of the quotient reads the
#: operands and not the result, which may then be changed in place; integers have a reciprocal.
VARIANTS: dict[str, Op] = {
    **{name: variant(name, nothing) for name in ("sign", "floor", "ceil", "trunc", "rint")},
    "div": variant("divide", lambda out, x, y: 1 / y, lambda out, x, y: -(x / y) / y),
    "reciprocal": variant("reciprocal", reference=lambda x: np.divide(np.asarray(1, x.dtype), x)),
    "maximum": variant("maximum", *_share("greater_equal")),
    "minimum": variant("minimum", *_share("less_equal")),
    "copysign": variant("copysign", TABLE["copysign"].partials[0], nothing),  # type: ignore[index]
}


def _made() -> dict[str, Any]:
    found = {}
    for entry in NAMES.split():
        names, _, node = entry.partition("/")
        name, _, row = names.partition("=")
        op = VARIANTS.get(name, TABLE[row or name])
        inexact = True if name == "reciprocal" else None
        function = found[name] = function_of(op, name, node and node + "Backward0", inexact=inexact)
        if name not in VARIANTS or name == "div":  # what rules and layers ask of the table by a row's name
            RECORDED[op.name] = function
    return found


FUNCTIONS: dict[str, Any] = _made()
_LATE: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    found = FUNCTIONS.get(name) or _LATE.get(name)
    if found is None:
        op = TABLE[name] if name in TABLE and name not in INTERNAL else None
        if op is None or not isinstance(op.lowering, Pointwise):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = _LATE[name] = function_of(op, name)
    return found
