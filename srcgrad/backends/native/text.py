"""The text of a Python function to LLVM instructions in one pass over its syntax tree.

Numba's own frontend recovers from bytecode what the text of our functions says plainly: where a loop begins and ends,
and, since dtypes are spelled out, the type of everything from the types of its parts. Here a statement is lowered as it
is read. Kernels whose tree is at hand are not read (`kernel.py`).

What is not known here raises `Unknown`; Numba's own pipeline then compiles the function.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from numba.core import types

from srcgrad.backends.formulas import OPERATORS as OPERATOR_NAMES
from srcgrad.backends.native.control import Control
from srcgrad.backends.native.expressions import Operand, Site, Unknown, common
from srcgrad.backends.native.kernel import OPERATORS as BY_NAME
from srcgrad.backends.native.names import in_memory

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    **{kind: BY_NAME[name] for kind, name in OPERATOR_NAMES.items() if name in BY_NAME},
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


class TextLowering(Control):
    """Lowers the syntax tree of a function; see `Control`."""

    def __init__(self, site: Site, tree: ast.FunctionDef, return_type: types.Type | None) -> None:
        calls = _calls_outside_loops(tree.body)
        super().__init__(site, [parameter.arg for parameter in tree.args.args], in_memory(tree), return_type, calls)
        self.tree = tree

    def body(self) -> None:
        self.block(self.tree.body)

    # statements

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.builder.block.is_terminated:
                return
            self.statement(statement)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                result = self.expression(value)
                for target in targets:
                    self.assign(target, result)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.expression(value))
            case ast.AugAssign(target=target, op=op, value=value):
                before = self.load(target.id) if isinstance(target, ast.Name) else self.expression(target)
                self.assign(target, self.step(OPERATORS[type(op)], before, self.expression(value)))
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=value):
                self.expression(value)
            case ast.For(target=ast.Name(id=name), iter=span, body=body, orelse=[]):
                self.loop(name, span, body)
            case ast.While(test=test, body=body, orelse=[]):
                self.while_loop(partial(self.expression, test), partial(self.block, body))
            case ast.If(test=test, body=body, orelse=orelse):
                self.branch(self.expression(test), partial(self.block, body), partial(self.block, orelse))
            case ast.Return(value=value):
                self.leave(None if value is None else self.expression(value))
            case ast.Raise(exc=ast.Call(func=error, args=args, keywords=[]), cause=None):
                reason = tuple(self.expression(arg) for arg in args)
                self.context.call_conv.return_user_exc(self.builder, self.expression(error), reason)
            case ast.Break() if self.loops:
                self.builder.branch(self.loops[-1][1])
            case ast.Continue() if self.loops:
                self.builder.branch(self.loops[-1][0])
            case _:
                raise Unknown(f"statement {ast.unparse(statement)}")

    def assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Subscript(value=base, slice=index):
                self.set_item(self.expression(base), self.expression(index), value)
            case ast.Tuple(elts=parts):
                for part, own in zip(parts, self.unpacked(value, len(parts)), strict=True):
                    self.assign(part, own)
            case _:
                raise Unknown(f"target {ast.unparse(target)}")

    def loop(self, name: str, span: ast.expr, body: list[ast.stmt]) -> None:
        match span:
            case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]) if 1 <= len(bounds) <= 3:
                values = [self.expression(bound) for bound in bounds]
            case _:
                raise Unknown(f"loop over {ast.unparse(span)}")
        inner = any(isinstance(part, ast.For | ast.While) for statement in body for part in ast.walk(statement))
        self.for_loop(name, values, partial(self.block, body), not inner)

    # expressions

    def expression(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return self.load(name)
            case ast.Constant(value=value):
                return value
            case ast.BinOp(left=left, op=op, right=right):
                return self.apply(OPERATORS[type(op)], self.expression(left), self.expression(right))
            case ast.Subscript(value=base, slice=index):
                return self.get_item(self.expression(base), self.expression(index))
            case ast.Call(func=function, args=args, keywords=[]):
                return self.call(self.expression(function), [self.expression(arg) for arg in args])
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                return self.apply(OPERATORS[type(op)], self.expression(left), self.expression(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Operand(types.boolean, self.builder.not_(self.truth(self.expression(operand))))
            case ast.UnaryOp(op=op, operand=operand):
                return self.apply(OPERATORS[type(op)], self.expression(operand))
            case ast.Tuple(elts=parts):
                return tuple(self.expression(part) for part in parts)
            case ast.BoolOp(op=op, values=values):
                return self.logic(isinstance(op, ast.And), [partial(self.expression, value) for value in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.choice(test, body, orelse)
            case ast.Attribute(value=value, attr=name):
                base = self.expression(value)
                if isinstance(base, ModuleType):
                    return getattr(base, name)
        raise Unknown(f"expression {ast.unparse(node)}")

    def choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> Operand:
        builder = self.builder
        condition = self.truth(self.expression(test))
        then, other, after = self.blocks("then", "else", "after")
        builder.cbranch(condition, then, other)
        builder.position_at_end(then)
        first = self.operand(self.expression(body))
        then = builder.block
        builder.position_at_end(other)
        second = self.operand(self.expression(orelse))
        kind = common(first.type, second.type)
        second_value = self.cast(second, kind)
        other = builder.block
        builder.branch(after)
        builder.position_at_end(then)
        first_value = self.cast(first, kind)
        builder.branch(after)
        builder.position_at_end(after)
        result = builder.phi(first_value.type)
        result.add_incoming(first_value, then)
        result.add_incoming(second_value, other)
        return Operand(kind, result)


def _calls_outside_loops(statements: Sequence[ast.stmt]) -> int:
    found, stack = 0, [*statements]
    while stack:
        node: ast.AST = stack.pop()
        found += isinstance(node, ast.Call)
        if not isinstance(node, ast.For | ast.While):
            stack += ast.iter_child_nodes(node)  # type: ignore[arg-type]
    return found
