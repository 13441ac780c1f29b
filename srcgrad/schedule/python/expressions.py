"""Expressions and indices of a scheduled program as Python's syntax trees, whose printer knows where parentheses go.

The dtypes are NumPy's: a literal is a plain one, which takes the dtype of what it meets.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import keyword
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.schedule.element import digit_run
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
    Value,
)
from srcgrad.schedule.storage import Place

#: rows whose NumPy reference stands for a scalar function that NumPy and SciPy lack
ROWS = {"threefry": "random_bits", "threefry_second": "random_bits_second"}
#: names that the text uses itself
RESERVED = frozenset((*keyword.kwlist, *dir(builtins), "np", "special", "TABLE"))


class PythonExpressions:
    """The names of values and of the axes around, and what is read with them."""

    def __init__(self, places: dict[Value, Place]) -> None:
        self.places = places
        self.axes: dict[Axis, str] = {}
        self.names: dict[Value, str] = {}
        #: values read once, whose expression is written where that is, and what it reads
        self.pending: dict[Value, tuple[ast.expr, set[Value]]] = {}
        #: rows whose reference is called, under these names
        self.helpers: dict[str, str] = {}
        #: the names that are used, or kept for values that the user calls so
        self.taken = set(RESERVED)

    def name(self, value: Value) -> str:
        if value not in self.names:
            wish = value.name or "t"
            is_first = value.name and not value.is_step and wish not in self.names.values()
            self.names[value] = wish if is_first and wish not in RESERVED else self.fresh(wish)
        return self.names[value]

    def fresh(self, stem: str) -> str:
        name, number = stem, 0
        while name in self.taken:
            number += 1
            name = f"{stem}{'_' if stem[-1].isdigit() else ''}{number}"
        self.taken.add(name)
        return name

    def kept(self, value: Value) -> tuple[int, ...]:
        """The dimensions that a value is stored with."""
        place = self.places.get(value)
        return () if place is None or not value.shape else place.kept

    def shape(self, value: Value) -> tuple[int, ...]:
        return tuple(value.shape[dim] for dim in self.kept(value))

    def expr(self, expr: Expr) -> ast.expr:
        match expr:
            case Load():
                if expr.value in self.pending:
                    return self.pending.pop(expr.value)[0]
                return self.element(expr.value, expr.index)
            case Const():
                return number(expr.value, expr.dtype)
            case Convert():
                return called(cast_name(expr.dtype), self.expr(expr.arg))
            case IndexValue():
                index = self.index(expr.index)
                return index if expr.dtype == np.int64 else called(cast_name(expr.dtype), index)
            case Apply(formula="{0} + {1}", args=(first, second)) if first == second:  # the same number
                return twice(self.expr(first))
            case Apply():
                self.helpers.update((name, row) for name, row in ROWS.items() if name in expr.formula)
                return applied(expr.formula, [self.expr(arg) for arg in expr.args], expr.dtype)
        raise AssertionError(expr)

    def element(self, value: Value, index: tuple[Index, ...]) -> ast.expr:
        name = ast.Name(self.name(value))
        parts = [index[dim] for dim in self.kept(value)]
        if not parts:
            return name
        run = digit_run(parts, self.shape(value))
        if run == len(parts) > 1 and isinstance(parts[0], Delinearised):  # every element in order, under any shape
            return ast.Subscript(ast.Attribute(name, "flat"), self.affine(parts[0].flat))
        indices = [self.index(part) for part in parts]
        return ast.Subscript(name, indices[0] if len(indices) == 1 else ast.Tuple(indices))

    def index(self, index: Index) -> ast.expr:
        match index:
            case Affine():
                return self.affine(index)
            case Delinearised():
                stride = math.prod(index.extents[index.position + 1 :])
                flat = self.affine(index.flat)
                if stride > 1:
                    flat = ast.BinOp(flat, ast.FloorDiv(), ast.Constant(stride))
                extent = ast.Constant(index.extents[index.position])
                return ast.BinOp(flat, ast.Mod(), extent) if index.position else flat
            case Dynamic():
                return self.expr(index.expr)

    def affine(self, index: Affine) -> ast.expr:
        total: ast.expr | None = None
        const = index.const
        terms = sorted(index.terms, key=lambda term: term[1] < 0)  # a positive one first
        for axis, step in terms:
            name: ast.expr = ast.Name(self.axes[axis.find()])
            term = name if abs(step) == 1 else ast.BinOp(ast.Constant(abs(step)), ast.Mult(), name)
            if total is None and step < 0:
                total, const = ast.Constant(const), 0
            total = term if total is None else ast.BinOp(total, ast.Add() if step > 0 else ast.Sub(), term)
        if total is None:
            return ast.Constant(const)
        if const:
            total = ast.BinOp(total, ast.Add() if const > 0 else ast.Sub(), ast.Constant(abs(const)))
        return total


def dtype_argument(dtype: np.dtype[Any]) -> str:
    """A dtype as the last argument of a function that makes float64 by itself."""
    return "" if dtype == np.float64 else f", {cast_name(dtype)}"


def cast_name(dtype: np.dtype[Any]) -> str:
    """The function that converts to a dtype."""
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"


def called(function: str, *args: ast.expr) -> ast.expr:
    """A call of a function by its dotted name."""
    return ast.Call(_name(function), list(args), [])


@functools.cache
def _name(dotted: str) -> ast.expr:
    return ast.parse(dotted, mode="eval").body


def number(value: Any, dtype: np.dtype[Any] | None = None) -> ast.expr:
    """A literal, whose type NumPy takes from what it meets."""
    plain = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(plain, float) and dtype == np.float32:
        plain = float(str(np.float32(plain)))  # as short as it can be
    if isinstance(plain, int) and dtype is not None and dtype.kind in "fc":
        plain = float(plain)
    if isinstance(plain, float) and not math.isfinite(plain):
        written = _name("np.nan" if math.isnan(plain) else "np.inf")
        return ast.UnaryOp(ast.USub(), written) if plain < 0 else written
    if isinstance(plain, float | int) and not isinstance(plain, bool) and str(plain).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-plain))
    return ast.Constant(plain)


def typed(value: Any, dtype: np.dtype[Any]) -> ast.expr:
    """A number that keeps its dtype."""
    written = number(value, dtype)
    return written if dtype in (np.float64, np.int64, np.bool_) else called(cast_name(dtype), written)


@functools.cache
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula.format(*(f"_{k}" for k in range(16))), mode="eval").body


def applied(formula: str, args: Sequence[ast.expr], dtype: np.dtype[Any]) -> ast.expr:
    """A formula of the table of operations with operands for its placeholders, and NumPy's functions."""

    class Filled(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return args[int(node.id[1:])]

        def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
            inverts = isinstance(node.op, ast.Invert) and dtype.kind == "b"  # ~True is -2
            return ast.UnaryOp(ast.Not() if inverts else node.op, self.visit(node.operand))

        def visit_Call(self, node: ast.Call) -> ast.expr:
            assert isinstance(node.func, ast.Name)
            given = [self.visit(arg) for arg in node.args]
            if node.func.id == "where":
                given[1:] = [typed(arg.value, dtype) if isinstance(arg, ast.Constant) else arg for arg in given[1:]]
            return scalar_call(node.func.id, given)

    return tidy(Filled().visit(copy.deepcopy(_parsed(formula))))


def twice(node: ast.expr) -> ast.expr:
    """``2.0 * x``, and ``0.02 * x`` of ``0.01 * x``."""
    match node:
        case ast.BinOp(left=ast.Constant(value=float(factor)), op=ast.Mult(), right=right):
            return ast.BinOp(ast.Constant(2.0 * factor), ast.Mult(), right)
    return ast.BinOp(ast.Constant(2.0), ast.Mult(), node)


def tidy(node: ast.expr) -> ast.expr:
    """``a + -b -> a - b``, ``a - -b -> a + b``: the same numbers."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
        return node
    left, right = node.left, node.right
    if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub):
        return ast.BinOp(left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), right.operand)
    return node


def scalar_call(name: str, args: list[ast.expr]) -> ast.expr:
    """A scalar function under the name that NumPy, SciPy or Python has for it."""
    match name:
        case "where":
            return ast.IfExp(*args)
        case "checked_index":  # NumPy's own indexing counts from the end, and checks
            return args[0]
        case "absolute":
            return called("abs", *args)
        case "compose":
            return called("complex", *args)
        case "divide":
            return ast.BinOp(args[0], ast.Div(), args[1])
        case "polygamma1":
            return called("special.polygamma", ast.Constant(1), *args)
        case "integer_power":
            return ast.BinOp(args[0], ast.Pow(), args[1])
    if hasattr(np, name):
        return called(f"np.{name}", *args)
    import scipy.special  # not with the package, which most programs use without it

    return called(f"special.{name}" if hasattr(scipy.special, name) else name, *args)
