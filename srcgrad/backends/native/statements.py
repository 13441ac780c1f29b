"""Emitted text to LLVM instructions in one pass over its syntax tree.

Numba's own front end recovers from bytecode what emitted text says plainly: where a loop begins and ends, and, since
dtypes are spelled out, the type of everything from the types of its parts. That recovery took half of the time to
compile a kernel. Here a statement is lowered as it is read.

What is not known here raises `Unknown`; Numba's own pipeline then compiles the function.
"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.bytecode import FunctionIdentity
from numba.core.funcdesc import PythonFunctionDescriptor

from srcgrad.backends.native.expressions import I64, OPERATORS, Expressions, Operand, Unknown
from srcgrad.backends.threads import run_parts


def define(contexts: tuple[Any, Any], module: Any, function: Callable[..., Any], descriptor: Any, flags: Any) -> Any:
    """Write a function into a module.

    Args:
        contexts: Numba's typing and target contexts.
        module: the LLVM module.
        function: the Python function.
        descriptor: its name and types there.
        flags: how it is compiled, it and those of our functions that it calls.
    """
    call_convention = contexts[1].call_conv
    declared = contexts[1].declare_function(module, descriptor)
    builder = ir.IRBuilder(declared.append_basic_block("entry"))
    helper = call_convention.init_call_helper(builder)
    values = call_convention.decode_arguments(builder, descriptor.argtypes, declared)
    arguments = [Operand(kind, value) for kind, value in zip(descriptor.argtypes, values, strict=True)]
    Lowering(contexts, builder, function, arguments, descriptor.restype, flags).run()
    return helper


def describe(context: Any, function: Callable[..., Any], kinds: Sequence[Any], return_type: Any, flags: Any) -> Any:
    """What Numba has to know of a function to declare and call it."""
    identity = FunctionIdentity.from_function(function)
    return PythonFunctionDescriptor(
        native=True,
        modname=identity.modname,
        qualname=identity.func_qualname,
        unique_name=identity.unique_name,
        doc="",
        typemap=None,
        restype=return_type,
        calltypes=None,
        args=list(identity.arg_names),
        kws=(),
        mangler=context.mangler,
        argtypes=tuple(kinds),
        inline=flags.forceinline,
        noalias=flags.noalias,
        abi_tags=[flags.get_mangle_string()],
        uid=identity.unique_id,
    )


def syntax(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a function."""
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    definitions = _definitions(text)
    if function.__closure__ or code.co_name not in definitions:
        raise Unknown(f"the text of {code.co_name}")
    return definitions[code.co_name]


@functools.lru_cache(maxsize=8)
def _definitions(text: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}


class Lowering(Expressions):
    """Lowers the body of one function into the function that the builder stands in."""

    def __init__(
        self,
        contexts: tuple[Any, Any],
        builder: Any,
        function: Callable[..., Any],
        arguments: Sequence[Operand],
        return_type: types.Type,
        flags: Any,
    ) -> None:
        tree = syntax(function)
        super().__init__(contexts, builder, function, tree)
        self.body = tree.body
        self.return_type = return_type
        self.flags = flags
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

    # statements

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.builder.block.is_terminated:
                return
            self.statement(statement)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[target], value=value):
                self.assign(target, self.expression(value))
            case ast.AugAssign(target=target, op=op, value=value):
                before = self.load(target.id) if isinstance(target, ast.Name) else self.expression(target)
                self.assign(target, self.apply(OPERATORS[type(op)], before, self.expression(value)))
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
            case ast.Tuple(elts=parts) if isinstance(value, tuple) and len(value) == len(parts):
                for part, own in zip(parts, value, strict=True):
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
        builder.branch(head)
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
        if value is None:
            result = self.context.get_dummy_value()
            if self.return_type != types.none:
                raise Unknown("a function that returns something, or nothing")
        else:
            result = self.cast(self.operand(value), self.return_type)
        result = self.context.get_return_value(self.builder, self.return_type, result)
        self.context.call_conv.return_value(self.builder, result)

    # functions of our own

    def call_own(self, function: Any, operands: list[Operand]) -> None:
        descriptor, signature = self.own(function, [operand.type for operand in operands])
        values = [operand.value for operand in operands]
        self.context.call_internal(self.builder, descriptor, signature, values)

    def call_fork(self, function: Any, parts: Operand, captured: list[Operand]) -> None:
        kinds = [types.int64, types.int64, *(operand.type for operand in captured)]
        descriptor, signature = self.own(function, kinds)

        def call(builder: Any, values: Sequence[Any]) -> None:
            self.context.call_internal_no_propagate(builder, descriptor, signature, values)

        run_parts(self.builder, call, parts.value, [operand.value for operand in captured])

    def own(self, function: Any, kinds: Sequence[types.Type]) -> tuple[Any, Any]:
        """A function that returns nothing, in the same module, with the same flags."""
        descriptor = describe(self.context, function.py_func, kinds, types.none, self.flags)
        module = self.builder.module
        if descriptor.mangled_name not in module.globals:
            define((self.typing_context, self.context), module, function.py_func, descriptor, self.flags)
            own = module.globals[descriptor.mangled_name]
            own.linkage = "internal"
            own.attributes.add("noinline")  # inlined, its arguments would not be known to be apart any more
        return descriptor, types.none(*kinds)
