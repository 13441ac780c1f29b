"""Expressions and indices of the loop IR as Python text.

Python's own promotion is not NumPy's, so dtypes are spelled out: constants of other dtypes than float64, int64
and bool are named at the top of the module, and results of narrow integer arithmetic are cast back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.backends.writer import Names
from srcgrad.core.types import real_dtype
from srcgrad.schedule.ir import Affine, Apply, Axis, Const, Convert, Digit, Dynamic, Expr, Index, IndexValue, Load

_NATIVE = {np.dtype(name) for name in ("float64", "int64", "bool", "float32", "complex64", "complex128")}
_CALL = re.compile(r"\b([a-z_]\w*)\(")
_ATOM = re.compile(r"[\w.]+(\[[^\[\]]*\])?|\w+\([^()]*\)")


class Expressions:
    """Text of expressions; collects the constants and the functions that the module has to define."""

    def __init__(self, names: Names, load: Callable[[Load], str], spill: Callable[[str], str]) -> None:
        self.names = names
        self.load = load
        self.spill = spill
        self.fixed: dict[Axis, int] = {}
        #: of an axis several turns of which are written side by side: which turn after its variable this is
        self.shift: dict[Axis, int] = {}
        self.axis_names: dict[Axis, str] = {}
        #: in a part of a split loop: the name of the array that notes an index out of bounds
        self.outside = ""
        self.noted = False
        self.constants: dict[tuple[str, str], str] = {}
        self.functions: dict[tuple[str, str], str] = {}
        #: texts of sums of cotangents, ``a + b + c``
        self.sums: set[str] = set()

    # expressions

    def text(self, expr: Expr) -> str:
        match expr:
            case Load():
                return self.load(expr)
            case Const():
                return self.constant(expr.value, expr.dtype)
            case Convert():
                return self.cast(self.text(expr.arg), expr.arg.dtype, expr.dtype)
            case IndexValue():
                return self.cast(self.index(expr.index), np.dtype(np.int64), expr.dtype)
            case Apply():
                return self.apply(expr)
        raise AssertionError(expr)

    def apply(self, expr: Apply) -> str:
        args = [self.text(arg) for arg in expr.args]
        for position, arg in enumerate(args):
            if expr.formula.count(f"{{{position}}}") > 1 and not _ATOM.fullmatch(arg):
                args[position] = self.spill(arg)
        short = self.neutral(expr, args) if expr.dtype.kind == "f" else None
        if short is not None:
            return short
        if expr.unordered:
            return self.sum_of_cotangents(args)
        operand = expr.args[-1].dtype if expr.args else expr.dtype
        if self.outside and expr.formula.startswith("checked_index("):
            return self.note_index(expr, args, operand)
        negated = expr.formula == "~{0}" and operand.kind == "b"  # ~True is -2
        formula = (
            "not {0}" if negated else _CALL.sub(lambda match: self.function(match[1], operand) + "(", expr.formula)
        )
        if not _is_call(formula):
            args = [arg if _ATOM.fullmatch(arg) else f"({arg})" for arg in args]
        text = formula.format(*args)
        native = expr.dtype in _NATIVE
        return text if native else self.cast(text, np.dtype(np.int64), expr.dtype)

    def sum_of_cotangents(self, args: list[str]) -> str:
        """A sum of cotangents: the terms of sums among its operands are its own."""
        terms = [arg if _ATOM.fullmatch(arg) or arg in self.sums else f"({arg})" for arg in args]
        text = " + ".join(sorted(terms, key=lambda term: term not in self.sums))
        self.sums.add(text)
        return text

    def rest_of_sum(self, text: str, total: str) -> str | None:
        """What a sum of cotangents adds to a total that it begins or ends with; None where it is no such sum."""
        if text not in self.sums:
            return None
        if text.startswith(f"{total} + "):
            return text.removeprefix(f"{total} + ")
        return text.removesuffix(f" + {total}") if text.endswith(f" + {total}") else None

    def note_index(self, expr: Apply, args: list[str], dtype: np.dtype[Any]) -> str:
        """An index whose error is raised after the join."""
        self.noted = True
        call = expr.formula.replace("checked_index(", self.function("noted_index", dtype) + "(")
        return call.format(*args)[:-1] + f", {self.outside})"

    def neutral(self, expr: Apply, args: list[str]) -> str | None:
        """Differences from zero, products with one, and sums of cotangents with zero, which unrolled structural zeros
        bring about.
        """
        if expr.unordered:
            return args[1] if self.is_number(args[0], 0.0) else args[0] if self.is_number(args[1], 0.0) else None
        if expr.formula == "{0} - {1}":
            return args[0] if self.is_number(args[1], 0.0) else None
        if expr.formula == "{0} * {1}":
            return args[1] if self.is_number(args[0], 1.0) else args[0] if self.is_number(args[1], 1.0) else None
        return None

    def is_number(self, text: str, number: float) -> bool:
        return text == repr(number) or self.constants.get(("float32", repr(number))) == text

    def function(self, name: str, dtype: np.dtype[Any]) -> str:
        """The name, in the module, of a scalar function for operands of a dtype."""
        key = (name, dtype.name)
        if key not in self.functions:
            wish = name if dtype == np.dtype(np.float64) else f"{name}_{dtype.kind}{8 * dtype.itemsize}"
            self.functions[key] = self.names.fresh(wish)
        return self.functions[key]

    def library_function(self, name: str, types: str) -> str:
        """The name, in the module, of a function that works on whole values, for arguments of these types."""
        key = (f'"{name}", "{types}"', "library")
        if key not in self.functions:
            self.functions[key] = self.names.fresh(name.partition(".")[2])
        return self.functions[key]

    def constant(self, value: Any, dtype: np.dtype[Any]) -> str:
        if dtype.kind == "b":
            return str(bool(value))
        if dtype == np.dtype(np.int64):
            return str(int(value)) if value >= 0 else f"({int(value)})"
        if dtype == np.dtype(np.float64) and math.isfinite(value):
            return repr(float(value)) if math.copysign(1, value) > 0 else f"({float(value)!r})"
        if dtype.kind == "c":
            return self.complex_constant(complex(value), dtype)
        key = (dtype.name, repr(value.item() if isinstance(value, np.generic) else value))
        if key not in self.constants:
            self.constants[key] = self.names.fresh(_constant_name(value))
        return self.constants[key]

    def complex_constant(self, value: complex, dtype: np.dtype[Any]) -> str:
        """Named by its parts: Python's text of a complex number is none of NaN, infinity and negative zero."""
        key = (dtype.name, f'complex("{value.real!r}{value.imag:+}j")')
        if key not in self.constants:
            self.constants[key] = self.names.fresh(_constant_name(f"{value.real!r}_{value.imag!r}j"))
        return self.constants[key]

    def cast(self, text: str, source: np.dtype[Any], target: np.dtype[Any]) -> str:
        if target.kind == "b":
            return f"({text}) != {self.constant(source.type(0), source)}"
        if source == target and target in _NATIVE:
            return text
        if source.kind == "c" and target.kind != "c":
            return self.cast(f"{self.function('real', source)}({text})", real_dtype(source), target)
        return f"{self.type_name(target.name)}({text})"

    def type_name(self, dtype: str) -> str:
        """Numba's type of a number, which the module then imports."""
        self.functions[f"cast {dtype}", ""] = dtype
        return dtype

    # indices

    def index(self, index: Index) -> str:
        match index:
            case Affine():
                return self.affine(index)
            case Digit():
                return self.digit(index)
            case Dynamic():
                return self.text(index.expr)

    def affine(self, index: Affine) -> str:
        const = index.const
        parts: list[str] = []
        for axis, coefficient in index.terms:
            axis = axis.find()
            if axis in self.fixed:
                const += coefficient * self.fixed[axis]
                continue
            const += coefficient * self.shift.get(axis, 0)
            name = self.axis_names[axis]
            if coefficient == -1 and not parts:
                parts.append(f"-{name}")
                continue
            sign = ("- " if coefficient < 0 else "+ ") if parts else ("-" if coefficient < 0 else "")
            parts.append(f"{sign}{name}" if abs(coefficient) == 1 else f"{sign}{abs(coefficient)} * {name}")
        if const or not parts:
            parts.append(f"{'-' if const < 0 else '+'} {abs(const)}" if parts else str(const))
        if len(parts) == 2 and parts[0].startswith("-") and const > 0:
            return f"{const} - {parts[0][1:]}"
        return " ".join(parts)

    def digit(self, index: Digit) -> str:
        stride = math.prod(index.extents[index.position + 1 :])
        flat = self.affine(index.flat)
        flat = flat if flat.isidentifier() else f"({flat})"
        text = f"{flat} // {stride}" if stride > 1 else flat
        return f"{text} % {index.extents[index.position]}" if index.position else text

    def static(self, index: Index) -> int | None:
        """The number that an index is in the text right now, if it is one."""
        if not isinstance(index, Affine):
            return None
        total = index.const
        for axis, coefficient in index.terms:
            if axis.find() not in self.fixed:
                return None
            total += coefficient * self.fixed[axis.find()]
        return total


def _is_call(formula: str) -> bool:
    return bool(re.fullmatch(r"\w+\([^()]*\)", formula))


def _constant_name(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value.item() if isinstance(value, np.generic) else value)
    return "c_" + text.replace("-", "m").replace(".", "_").replace("+", "")
