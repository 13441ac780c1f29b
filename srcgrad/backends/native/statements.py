"""Emitted text to LLVM instructions in one pass over its syntax tree.

Numba's own front end recovers from bytecode what emitted text says plainly: where a loop begins and ends, and, since
dtypes are spelled out, the type of everything from the types of its parts. That recovery took half of the time to
compile a kernel. Here a statement is lowered as it is read.

What is not known here raises `Unknown`; Numba's own pipeline then compiles the function.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types

from srcgrad.backends.native.expressions import I64, OPERATORS, Expressions, Operand, Unknown
from srcgrad.backends.native.flags import FloatFlags

#: turns that fill a vector of float64
WHOLE = 8
#: calls outside of loops from which on a function does not have formulas inlined there: they are dozens of instructions
MOST_INLINED = 48


class Lowering(Expressions):
    """Lowers the body of one function into the function that the builder stands in.

    Args:
        unit: the library, which knows the functions of our own.
        context: Numba's target context.
        function: the Python function, of whose module the text uses names.
        tree: its syntax.
        floats: the flags of its floating-point operations.
        arguments: a type and an LLVM value for each parameter.
        return_type: what it returns; None where that is to be found out, and nothing is returned.
    """

    def __init__(
        self,
        unit: Any,
        context: Any,
        builder: Any,
        function: Callable[..., Any],
        tree: ast.FunctionDef,
        floats: FloatFlags,
        arguments: Sequence[Operand],
        return_type: types.Type | None,
    ) -> None:
        super().__init__(unit, context, builder, function, tree, floats)
        self.body = tree.body
        self.return_type = return_type
        self.trial = return_type is None
        self.crowded = _calls_outside_loops(tree.body) > MOST_INLINED
        #: where `continue` and `break` go, for each loop around
        self.loops: list[tuple[Any, Any]] = []
        for parameter, argument in zip(tree.args.args, arguments, strict=True):
            self.bind(parameter.arg, argument)

    def run(self) -> None:
        """Lower the whole body; the entry block keeps what has to stand before it."""
        entry = self.builder.block
        body = self.builder.append_basic_block("body")
        self.builder.position_at_end(body)
        self.block(self.body)
        if not self.builder.block.is_terminated:
            self.leave(None)
        self.builder.position_at_end(entry)
        self.builder.branch(body)

    def call_own(self, descriptor: Any, signature: Any, operands: list[Operand]) -> Operand:
        """Of formulas of the vector math, which raise nothing, a crowded function makes calls that stay calls."""
        if not descriptor.inline or self.loops or not self.crowded:
            return super().call_own(descriptor, signature, operands)
        function = self.context.declare_function(self.builder.module, descriptor)
        values = [operand.value for operand in operands]
        _, result = self.context.call_conv.call_function(
            self.builder, function, signature.return_type, signature.args, values, attrs=("noinline",)
        )
        return Operand(signature.return_type, result)

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
                self.for_loop(name, span, body)
            case ast.While(test=test, body=body, orelse=[]):
                self.while_loop(test, body)
            case ast.If(test=test, body=body, orelse=orelse):
                self.branch(test, body, orelse)
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

    def for_loop(self, name: str, span: ast.expr, body: list[ast.stmt]) -> None:
        match span:
            case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]) if 1 <= len(bounds) <= 3:
                values = [self.integer(self.expression(bound)) for bound in bounds]
            case _:
                raise Unknown(f"loop over {ast.unparse(span)}")
        one = ir.Constant(I64, 1)
        start, stop, step = (
            (ir.Constant(I64, 0), values[0], one)
            if len(values) == 1
            else (*values, one)
            if len(values) == 2
            else values
        )
        builder = self.builder
        before = builder.block
        head, inside, following, after = self.blocks("head", "inside", "following", "after")
        builder.branch(head)
        builder.position_at_end(head)
        turn = builder.phi(I64)
        turn.add_incoming(start, before)
        builder.cbranch(self.is_before(turn, stop, step), inside, after)
        builder.position_at_end(inside)
        self.bind(name, Operand(types.int64, turn))
        self.loop_body(body, following, after)
        builder.position_at_end(following)
        turn.add_incoming(builder.add(turn, step, flags=["nsw"]), following)
        back = builder.branch(head)
        if is_of_whole_vectors(start, stop, step, body):
            keep_rolled(builder.module, back)
        builder.position_at_end(after)

    def is_before(self, turn: Any, stop: Any, step: Any) -> Any:
        """Whether a range goes on."""
        builder = self.builder
        if isinstance(step, ir.Constant):
            return builder.icmp_signed("<" if step.constant > 0 else ">", turn, stop)
        upwards = builder.icmp_signed(">", step, ir.Constant(I64, 0))
        return builder.select(upwards, builder.icmp_signed("<", turn, stop), builder.icmp_signed(">", turn, stop))

    def while_loop(self, test: ast.expr, body: list[ast.stmt]) -> None:
        builder = self.builder
        head, inside, after = self.blocks("head", "inside", "after")
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(self.truth(self.expression(test)), inside, after)
        builder.position_at_end(inside)
        self.loop_body(body, head, after)
        builder.position_at_end(after)

    def loop_body(self, body: list[ast.stmt], following: Any, after: Any) -> None:
        self.loops.append((following, after))
        self.block(body)
        self.loops.pop()
        if not self.builder.block.is_terminated:
            self.builder.branch(following)

    def branch(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        builder = self.builder
        condition = self.truth(self.expression(test))
        then, other, after = self.blocks("then", "else", "after")
        builder.cbranch(condition, then, other)
        for block, statements in ((then, body), (other, orelse)):
            builder.position_at_end(block)
            self.block(statements)
            if not builder.block.is_terminated:
                builder.branch(after)
        builder.position_at_end(after)

    def leave(self, value: Any) -> None:
        operand = Operand(types.none, self.context.get_dummy_value()) if value is None else self.operand(value)
        if self.trial:
            if self.return_type not in (None, operand.type):
                raise Unknown(f"returns {self.return_type} and {operand.type}")
            self.return_type = operand.type
            self.builder.unreachable()
            return
        if (operand.type == types.none) != (self.return_type == types.none):
            raise Unknown("a function that returns something, or nothing")
        result = self.cast(operand, self.return_type)
        result = self.context.get_return_value(self.builder, self.return_type, result)
        self.context.call_conv.return_value(self.builder, result)


def _calls_outside_loops(statements: Sequence[ast.stmt]) -> int:
    found, stack = 0, [*statements]
    while stack:
        node: ast.AST = stack.pop()
        found += isinstance(node, ast.Call)
        if not isinstance(node, ast.For | ast.While):
            stack += ast.iter_child_nodes(node)  # type: ignore[arg-type]
    return found


def is_of_whole_vectors(start: Any, stop: Any, step: Any, body: list[ast.stmt]) -> bool:
    """Whether an innermost loop has so many turns that they fill vectors without rest."""
    if not all(isinstance(bound, ir.Constant) for bound in (start, stop, step)) or step.constant != 1:
        return False
    turns = stop.constant - start.constant
    inner = any(isinstance(part, ast.For | ast.While) for statement in body for part in ast.walk(statement))
    return turns >= WHOLE and turns % WHOLE == 0 and not inner


def keep_rolled(module: ir.Module, back: Any) -> None:
    """Let LLVM not write out the turns of a loop before it makes vectors of them: short loops would stay scalar. Those
    of the loop over vectors it may: what short loops keep in memory then stays in registers.
    """
    rolled = module.add_metadata(["llvm.loop.unroll.disable"])
    vectorised = module.add_metadata(["llvm.loop.isvectorized", ir.Constant(ir.IntType(32), 1)])
    then = module.add_metadata(["llvm.loop.vectorize.followup_vectorized", vectorised])
    loop = ir.MDValue(module, [], name=str(len(module.metadata)))
    loop.operands = (loop, rolled, then)
    back.set_metadata("llvm.loop", loop)
