"""Comparisons, logic, bits, and questions about single numbers. Nothing here has a derivative."""

from __future__ import annotations

from srcgrad.core.op import Op
from srcgrad.ops.families import BOOL, arithmetic_dtypes, logical_dtypes, number_dtypes, pointwise


def _comparison(name: str, sign: str, kinds: str = "biuf") -> Op:
    formula = f"{{0}} {sign} {{1}}"
    return pointwise(name, None, None, formula=formula, dtypes=arithmetic_dtypes, result=BOOL, kinds=kinds)


less = _comparison("less", "<")
less_equal = _comparison("less_equal", "<=")
greater = _comparison("greater", ">")
greater_equal = _comparison("greater_equal", ">=")
equal = _comparison("equal", "==", "biufc")
not_equal = _comparison("not_equal", "!=", "biufc")


def _logical(name: str, formula: str, arity: int = 2) -> Op:
    """Operands of other dtypes count as true where they differ from zero (NaN does)."""
    return pointwise(name, *[None] * arity, formula=formula, dtypes=logical_dtypes, kinds="b", sample_kinds="b")


logical_and = _logical("logical_and", "{0} & {1}")
logical_or = _logical("logical_or", "{0} | {1}")
logical_xor = _logical("logical_xor", "{0} ^ {1}")
logical_not = _logical("logical_not", "~{0}", arity=1)


def _bitwise(name: str, formula: str, arity: int = 2) -> Op:
    partials = [None] * arity
    return pointwise(
        name, *partials, formula=formula, dtypes=arithmetic_dtypes, kinds="biu", domain=(-9.0, 9.0), sample_kinds="i"
    )


bitwise_and = _bitwise("bitwise_and", "{0} & {1}")
bitwise_or = _bitwise("bitwise_or", "{0} | {1}")
bitwise_xor = _bitwise("bitwise_xor", "{0} ^ {1}")
invert = _bitwise("invert", "~{0}", arity=1)


def _shift(name: str) -> Op:
    return pointwise(
        name,
        None,
        None,
        dtypes=number_dtypes,
        kinds="iu",
        domain=[(-9.0, 9.0), (0.0, 70.0)],
        sample_kinds="i",
        doc="A distance that is negative or no less than the width shifts everything out, as in NumPy.",
    )


left_shift = _shift("left_shift")
right_shift = _shift("right_shift")


def _question(name: str, answer: str, for_signed: str = "", kinds: str = "biufc") -> Op:
    """A question to floats whose answer for integers is always the same, but for signed ones perhaps."""
    formula = {"f": name + "({0})", "i": for_signed or answer, "u": answer, "b": answer}
    return pointwise(name, None, formula=formula, dtypes=arithmetic_dtypes, result=BOOL, kinds=kinds)


isnan = _question("isnan", "{0} != {0}")
isinf = _question("isinf", "{0} != {0}")
isfinite = _question("isfinite", "{0} == {0}")
signbit = _question("signbit", "{0} != {0}", "{0} < 0", kinds="biuf")
