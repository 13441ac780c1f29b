"""A function of the kernel IR to LLVM instructions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba.core import types
from numba.np.numpy_support import from_dtype

from srcgrad.backends import buffer
from srcgrad.backends.native.control import Control
from srcgrad.backends.native.expressions import Operand, Site, Unknown
from srcgrad.backends.native.names import in_memory_of
from srcgrad.kernel import ir
from srcgrad.kernel.outline import FORK

#: the attribute of a kernel's Python function that holds its tree
KERNEL = "__srcgrad_kernel__"

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "negative": operator.neg,
    "~": operator.invert,
}
_BUILTINS: dict[str, Callable[..., Any]] = {"min": min, "max": max}


class KernelLowering(Control):
    """Lowers a function of the kernel IR; see `Control`."""

    def __init__(self, site: Site, kernel: ir.Function, return_type: types.Type | None) -> None:
        calls = _calls_outside_loops(kernel.body)
        super().__init__(site, [p.name for p in kernel.parameters], in_memory_of(kernel), return_type, calls)
        self.kernel = kernel

    def body(self) -> None:
        self.block(self.kernel.body)
        if self.kernel.results:
            results = tuple(self.argument(result) for result in self.kernel.results)
            self.leave(results if len(results) > 1 else results[0])

    def block(self, block: ir.Block) -> None:
        for statement in block:
            if self.builder.block.is_terminated:
                return
            self.statement(statement)

    def statement(self, statement: ir.Statement) -> None:
        match statement:
            case ir.Let():
                self.bind(statement.variable.name, self.argument(statement.value))
            case ir.Store():
                self.store(statement.target, statement.combine, statement.value)
            case ir.Declare():
                self.bind(statement.buffer.name, self.argument(statement.call))
            case ir.Do():
                self.argument(statement.call)
            case ir.For():
                bounds = (self.argument(statement.start), self.argument(statement.stop), statement.step)
                inner = any(isinstance(part, ir.For | ir.While) for part in ir.statements(statement.body))
                self.for_loop(statement.index.name, bounds, partial(self.block, statement.body), not inner)
            case ir.While():
                self.while_loop(partial(self.argument, statement.test), partial(self.block, statement.body))
            case ir.If():
                body, orelse = partial(self.block, statement.body), partial(self.block, statement.orelse)
                self.branch(self.argument(statement.test), body, orelse)
            case ir.Break():
                self.builder.branch(self.loops[-1][1])
            case ir.Section():
                raise Unknown("a section that is no function")

    def store(self, target: ir.Place, combine: str, value: ir.Expr) -> None:
        if not combine:
            assert isinstance(target, ir.Element)
            found = self.argument(value)
            self.set_item(self.load(target.buffer.name), self.index(target), found)
            return
        total = self.argument(target)
        found = self.step(OPERATORS[combine], total, self.argument(value))
        if isinstance(target, ir.Variable):
            self.bind(target.name, found)
        else:
            self.set_item(self.load(target.buffer.name), self.index(target), found)

    def index(self, element: ir.Element) -> Any:
        index = tuple(self.argument(part) for part in element.index)
        return index if len(index) > 1 else index[0]

    def argument(self, node: Any) -> Any:
        """An expression, or what else a call is given: what is known now as a Python object."""
        match node:
            case ir.Variable() | ir.Buffer() | ir.Callee():
                return self.load(node.name)
            case ir.Number():
                return node.dtype.type(node.value) if node.name else node.value
            case ir.Element():
                return self.get_item(self.load(node.buffer.name), self.index(node))
            case ir.Operation():
                return self.operation(node)
            case ir.Affine():
                return self.affine(node)
            case ir.Call():
                return self.call(self.load(node.callee.name), [self.argument(arg) for arg in node.args])
            case ir.Cast():
                kind = from_dtype(node.dtype)
                return Operand(kind, self.cast(self.operand(self.argument(node.arg)), kind))
            case ir.Address():
                return self.call(buffer.at, [self.load(node.buffer.name), self.argument(node.offset)])
            case np.dtype():
                return from_dtype(node)
            case tuple():
                return tuple(self.argument(part) for part in node)
        return node

    def operation(self, node: ir.Operation) -> Any:
        name, args = node.operator, node.args
        if name in ("and", "or"):
            return self.logic(name == "and", [partial(self.argument, arg) for arg in args])
        if name == "not":
            return Operand(types.boolean, self.builder.not_(self.truth(self.argument(args[0]))))
        if name in _BUILTINS:
            return self.call(_BUILTINS[name], [self.argument(arg) for arg in args])
        found = self.argument(args[0])
        if len(args) == 1:
            return self.apply(OPERATORS[name], found)
        for arg in args[1:]:
            found = self.apply(OPERATORS[name], found, self.argument(arg))
        return found

    def affine(self, node: ir.Affine) -> Any:
        """In the order of its text."""
        (first, weight), *rest = node.terms
        const, found = node.const, self.load(first.name)
        if weight == -1 and const > 0 and not rest:
            return self.apply(operator.sub, const, found)
        if abs(weight) != 1:
            found = self.apply(operator.mul, weight, found)
        elif weight == -1:
            found = self.apply(operator.neg, found)
        for variable, weight in rest:
            term = self.load(variable.name)
            if abs(weight) != 1:
                term = self.apply(operator.mul, abs(weight), term)
            found = self.apply(operator.add if weight > 0 else operator.sub, found, term)
        if const:
            found = self.apply(operator.add if const > 0 else operator.sub, found, abs(const))
        return found


def _calls_outside_loops(block: ir.Block) -> int:
    found = 0
    for statement in block:
        if isinstance(statement, ir.If):
            found += _calls_outside_loops(statement.body) + _calls_outside_loops(statement.orelse)
        if isinstance(statement, ir.Declare):
            found += 1
        elif not isinstance(statement, ir.For | ir.While):
            is_fork = isinstance(statement, ir.Do) and statement.call.callee == FORK
            found += sum(isinstance(leaf, ir.Callee | np.dtype) for leaf in ir.leaves(statement)) - is_fork
    return found
