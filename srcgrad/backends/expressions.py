"""Expressions and indices of the loop IR as expressions of the kernel IR.

Python's own promotion is not NumPy's, so dtypes are spelled out: constants of other dtypes than float64, int64
and bool are named at the top of the module, and results of narrow integer arithmetic are cast back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.backends.formulas import applied, function_of, read_twice
from srcgrad.backends.functions import library_function, scalar_function
from srcgrad.core.types import real_dtype
from srcgrad.kernel import ir
from srcgrad.kernel.build import Names
from srcgrad.kernel.ir import Buffer, Call, Callee, Cast, Element, Number, Operation, Variable
from srcgrad.schedule.ir import (
    Affine,
    Apply,
    Axis,
    Const,
    Convert,
    Delinearised,
    Dynamic,
    Expr,
    Index,
    IndexValue,
    Load,
)

_NATIVE = {np.dtype(name) for name in ("float64", "int64", "bool", "float32", "complex64", "complex128")}


class Expressions:
    """Makes expressions; gives out the names of the constants and the functions that they need."""

    def __init__(self, names: Names, load: Callable[[Load], ir.Expr], spill: Callable[[ir.Expr], ir.Expr]) -> None:
        self.names = names
        self.load = load
        self.spill = spill
        self.fixed: dict[Axis, int] = {}
        #: of an axis several iterations of which are written side by side: which iteration after its variable this is
        self.shift: dict[Axis, int] = {}
        self.indices: dict[Axis, Variable] = {}
        #: in a part of a split loop: the buffer that notes an index out of bounds
        self.outside: Buffer | None = None
        self.noted = False
        self.constants: dict[tuple[str, str], Number] = {}
        self.functions: dict[tuple[str, str], Callee] = {}

    # expressions

    def of(self, expr: Expr) -> ir.Expr:
        match expr:
            case Load():
                return self.load(expr)
            case Const():
                return self.constant(expr.value, expr.dtype)
            case Convert():
                return self.cast(self.of(expr.arg), expr.dtype)
            case IndexValue():
                return self.cast(self.index(expr.index), expr.dtype)
            case Apply():
                return self.apply(expr)
        raise AssertionError(expr)

    def apply(self, expr: Apply) -> ir.Expr:
        args = [self.of(arg) for arg in expr.args]
        for position in read_twice(expr.formula):
            if not is_short(args[position]):
                args[position] = self.spill(args[position])
        short = self.neutral(expr, args) if expr.dtype.kind == "f" else None
        if short is not None:
            return short
        if expr.unordered:
            return sum_of_cotangents(args, expr.dtype)
        operand = expr.args[-1].dtype if expr.args else expr.dtype
        if self.outside is not None and function_of(expr.formula) == "checked_index":
            return self.note_index(expr, args, operand)
        found = applied(expr.formula, args, operand, self.function)
        return found if expr.dtype in _NATIVE else Cast(found, expr.dtype)

    def note_index(self, expr: Apply, args: list[ir.Expr], dtype: np.dtype[Any]) -> ir.Expr:
        """An index whose error is raised after the join."""
        self.noted = True
        checked = applied(expr.formula, args, dtype, lambda _, dtype: self.function("noted_index", dtype))
        assert isinstance(checked, Call)
        assert self.outside is not None
        return Call(checked.callee, (*checked.args, self.outside), checked.dtype)

    def neutral(self, expr: Apply, args: list[ir.Expr]) -> ir.Expr | None:
        """Differences from zero, products with one, and sums of cotangents with zero, which unrolled structural zeros
        bring about.
        """
        if expr.unordered:
            return args[1] if is_number(args[0], 0.0) else args[0] if is_number(args[1], 0.0) else None
        if expr.formula == "{0} - {1}":
            return args[0] if is_number(args[1], 0.0) else None
        if expr.formula == "{0} * {1}":
            return args[1] if is_number(args[0], 1.0) else args[0] if is_number(args[1], 1.0) else None
        return None

    def function(self, name: str, dtype: np.dtype[Any]) -> Callee:
        """A scalar function for operands of a dtype."""
        key = (name, dtype.name)
        if key not in self.functions:
            wish = name if dtype == np.dtype(np.float64) else f"{name}_{dtype.kind}{8 * dtype.itemsize}"
            self.functions[key] = scalar_function(name, dtype, self.names.fresh(wish))
        return self.functions[key]

    def library_function(self, name: str, types: str) -> Callee:
        """A function that works on whole values, for arguments of these types."""
        key = (name, types)
        if key not in self.functions:
            self.functions[key] = library_function(name, types, self.names.fresh(name.rpartition(".")[2]))
        return self.functions[key]

    def constant(self, value: Any, dtype: np.dtype[Any]) -> Number:
        if dtype.kind == "b":
            return Number(bool(value), dtype)
        if dtype == np.dtype(np.int64):
            return Number(int(value), dtype)
        if dtype == np.dtype(np.float64) and math.isfinite(value):
            return Number(float(value), dtype)
        plain = complex(value) if dtype.kind == "c" else value.item() if isinstance(value, np.generic) else value
        wish = f"{plain.real!r}_{plain.imag!r}j" if isinstance(plain, complex) else repr(plain)
        key = (dtype.name, wish)
        if key not in self.constants:
            name = "c_" + wish.replace("-", "m").replace(".", "_").replace("+", "")
            self.constants[key] = Number(plain, dtype, self.names.fresh(name))
        return self.constants[key]

    def cast(self, expr: ir.Expr, target: np.dtype[Any]) -> ir.Expr:
        source = expr.dtype
        if target.kind == "b":
            return Operation("!=", (expr, self.constant(source.type(0), source)), target)
        if source == target and target in _NATIVE:
            return expr
        if source.kind == "c" and target.kind != "c":
            return self.cast(Call(self.function("real", source), (expr,), real_dtype(source)), target)
        return Cast(expr, target)

    # indices

    def index(self, index: Index) -> ir.Expr:
        match index:
            case Affine():
                return self.affine(index)
            case Delinearised():
                return self.delinearised(index)
            case Dynamic():
                return self.of(index.expr)

    def affine(self, index: Affine) -> ir.Affine | Variable | Number:
        const = index.const
        terms: list[tuple[Variable, int]] = []
        for axis, coefficient in index.terms:
            axis = axis.find()
            if axis in self.fixed:
                const += coefficient * self.fixed[axis]
                continue
            const += coefficient * self.shift.get(axis, 0)
            terms.append((self.indices[axis], coefficient))
        return ir.affine(tuple(terms), const)

    def delinearised(self, index: Delinearised) -> ir.Expr:
        stride = math.prod(index.extents[index.position + 1 :])
        flat: ir.Expr = self.affine(index.flat)
        if stride > 1:
            flat = ir.integer("//", flat, ir.number(stride))
        return ir.integer("%", flat, ir.number(index.extents[index.position])) if index.position else flat

    def static(self, index: Index) -> int | None:
        """The number that an index is right here, if it is one."""
        if not isinstance(index, Affine):
            return None
        total = index.const
        for axis, coefficient in index.terms:
            if axis.find() not in self.fixed:
                return None
            total += coefficient * self.fixed[axis.find()]
        return total


def is_short(expr: ir.Expr) -> bool:
    """Whether an expression may as well be written twice."""
    if isinstance(expr, Element):
        found: list[Any] = []
        for index in expr.index:
            ir.collect(index, found)
        return not any(isinstance(leaf, Buffer) for leaf in found)
    return isinstance(expr, Variable | Number)


def is_number(expr: ir.Expr, number: float) -> bool:
    """Whether an expression is a number in floating point, its sign included."""
    return isinstance(expr, Number) and expr.dtype.kind == "f" and repr(float(expr.value)) == repr(number)


def sum_of_cotangents(args: list[ir.Expr], dtype: np.dtype[Any]) -> Operation:
    """A sum of cotangents: the terms of sums among its operands are its own, and come first."""
    sums: list[ir.Expr] = []
    others: list[ir.Expr] = []
    for arg in args:
        if isinstance(arg, Operation) and arg.unordered:
            sums += arg.args
        else:
            others.append(arg)
    return Operation("+", (*sums, *others), dtype, unordered=True)


def rest_of_sum(value: ir.Expr, total: ir.Place) -> ir.Expr | None:
    """What a sum of cotangents adds to a total that it begins or ends with; None where it is no such sum."""
    if not (isinstance(value, Operation) and value.unordered):
        return None
    terms = value.args
    if terms[0] == total:
        rest = terms[1:]
    elif terms[-1] == total:
        rest = terms[:-1]
    else:
        return None
    return rest[0] if len(rest) == 1 else Operation("+", rest, value.dtype, unordered=True)
