"""The formulas of the table of operations as trees of the kernel IR.

A formula is Python text over ``{0}``, ``{1}``, ... in a row of the table, where people read it. It is read once, by
Python's own parser.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Callable, Sequence

from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS
from srcgrad.kernel.ir import BOOL, INT64, Call, Callee, DType, Expr, Number, Operation, result_dtype

#: Python's operators by the names that they have in the kernel IR
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.USub: "negative",
    ast.Invert: "~",
    ast.Not: "not",
}


@functools.cache
def parsed(formula: str) -> ast.expr:
    """The syntax tree of a formula, in which operand k is the name ``_k``."""
    return ast.parse(formula.format(*(f"_{k}" for k in range(16))), mode="eval").body


@functools.cache
def read_twice(formula: str) -> tuple[int, ...]:
    """The operands that a formula reads more than once."""
    names = Counter(node.id for node in ast.walk(parsed(formula)) if isinstance(node, ast.Name))
    return tuple(sorted(int(name[1:]) for name, count in names.items() if name[0] == "_" and count > 1))


@functools.cache
def function_of(formula: str) -> str:
    """The function that a formula is a call of; empty where it is none."""
    node = parsed(formula)
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def applied(formula: str, args: Sequence[Expr], operand: DType, callee: Callable[[str, DType], Callee]) -> Expr:
    """A formula of operands; ``callee`` finds a scalar function for operands of a dtype."""

    def build(node: ast.expr) -> Expr:
        match node:
            case ast.Name(id=name):
                return args[int(name[1:])]
            case ast.Constant(value=int(literal)):
                return Number(literal, INT64)
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return _operation(OPERATORS[type(op)], build(left), build(right))
            case ast.UnaryOp(op=op, operand=inner):
                value = build(inner)
                negated = isinstance(op, ast.Invert) and value.dtype == BOOL  # ~True is -2
                return _operation("not" if negated else OPERATORS[type(op)], value)
            case ast.Call(func=ast.Name(id=name), args=given):
                operands = tuple(build(arg) for arg in given)
                result = SCALAR_FUNCTIONS[name].result_dtype(operands[-1].dtype)
                return Call(callee(name, operand), operands, result)
        raise ValueError(f"the formula {formula}")

    return build(parsed(formula))


def _operation(operator: str, *args: Expr) -> Operation:
    return Operation(operator, args, result_dtype(operator, *(arg.dtype for arg in args)))
