"""Products of matrices in the text of a program: ``h = images @ w.T`` where the operands are rows and columns."""

from __future__ import annotations

import ast

from srcgrad.schedule.ir import Affine, Apply, Axis, Index, Load, Statement, Value
from srcgrad.schedule.python.expressions import PythonExpressions


def product_text(at: PythonExpressions, statement: Statement) -> tuple[str, str] | None:
    """Where a product goes, and the product, where its operands are rows and columns of arrays."""
    assert statement.product is not None
    if any(len(group) != 1 for group in statement.product) or not isinstance(statement.expr, Apply):
        return None
    row, col, deep = (group[0].find() for group in statement.product)
    left, right = statement.expr.args
    assert isinstance(left, Load)
    assert isinstance(right, Load)
    a, b = matrix(at, left.value, left.index, row, deep), matrix(at, right.value, right.index, deep, col)
    c = matrix(at, statement.target, statement.index, row, col)
    if a is None or b is None or c is None:
        return None
    if c.endswith(".T"):
        return _turned(c), f"{_turned(b)} @ {_turned(a)}"
    return c, f"{a} @ {b}"


def matrix(at: PythonExpressions, value: Value, index: tuple[Index, ...], row: Axis, col: Axis) -> str | None:
    """A matrix whose rows and columns go over two axes: an array, or a part of it, transposed where need be."""
    order: list[Axis] = []
    parts: list[str] = []
    for dim, extent in zip(at.kept(value), at.shape(value), strict=True):
        part = index[dim]
        if not isinstance(part, Affine):
            return None
        moving = [(axis.find(), step) for axis, step in part.terms if axis.find() in (row, col)]
        fixed = Affine(tuple(term for term in part.terms if term[0].find() not in (row, col)), part.const)
        if not moving:
            parts.append(ast.unparse(at.affine(fixed)))
            continue
        if len(moving) > 1 or moving[0][1] != 1:
            return None
        axis = moving[0][0]
        order.append(axis)
        start, stop = ast.unparse(at.affine(fixed)), ast.unparse(at.affine(fixed.plus(Affine((), axis.extent))))
        parts.append(":" if start == "0" and axis.extent == extent else f"{start}:{stop}")
    if order not in ([row, col], [col, row]):
        return None
    while parts and parts[-1] == ":":
        parts.pop()
    name = f"{at.name(value)}[{', '.join(parts)}]" if parts else at.name(value)
    return name if order == [row, col] else f"{name}.T"


def _turned(matrix: str) -> str:
    return matrix.removesuffix(".T") if matrix.endswith(".T") else f"{matrix}.T"
