"""Loops, branches and returns to LLVM instructions, for whoever reads what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types

from srcgrad.backends.native.expressions import I1, I64, ExpressionLowering, Operand, Site, Unknown

#: iterations that fill a vector of float64
WHOLE = 8
#: calls outside of loops from which on a function does not have formulas inlined there: they are dozens of instructions
MOST_INLINED = 48


class Control(ExpressionLowering):
    """Lowers the body of one function into the function that the builder stands in.

    Args:
        site: where it is lowered.
        parameters: their names.
        in_memory: the variables that need memory.
        return_type: what it returns; None where that is to be found out, and nothing is returned.
        calls: how many calls it has outside of loops.
    """

    def __init__(
        self,
        site: Site,
        parameters: Iterable[str],
        in_memory: set[str],
        return_type: types.Type | None,
        calls: int,
    ) -> None:
        super().__init__(site, in_memory)
        self.return_type = return_type
        self.trial = return_type is None
        self.crowded = calls > MOST_INLINED
        #: where `continue` and `break` go, for each loop around
        self.loops: list[tuple[Any, Any]] = []
        for name, argument in zip(parameters, site.arguments, strict=True):
            self.bind(name, argument)

    def body(self) -> None:
        """Lower the body."""
        raise NotImplementedError

    def run(self) -> None:
        """Lower the whole body; the entry block keeps what has to stand before it."""
        entry = self.builder.block
        body = self.builder.append_basic_block("body")
        self.builder.position_at_end(body)
        self.body()
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

    def for_loop(self, name: str, bounds: Sequence[Any], body: Callable[[], None], innermost: bool) -> None:
        """A loop over the range with these bounds."""
        values = [self.integer(bound) for bound in bounds]
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
        index = builder.phi(I64)
        index.add_incoming(start, before)
        builder.cbranch(self.is_before(index, stop, step), inside, after)
        builder.position_at_end(inside)
        self.bind(name, Operand(types.int64, index))
        self.loop_body(body, following, after)
        builder.position_at_end(following)
        index.add_incoming(builder.add(index, step, flags=["nsw"]), following)
        back = builder.branch(head)
        if innermost and is_of_whole_vectors(start, stop, step):
            keep_rolled(builder.module, back)
        builder.position_at_end(after)

    def is_before(self, index: Any, stop: Any, step: Any) -> Any:
        """Whether a range goes on."""
        builder = self.builder
        if isinstance(step, ir.Constant):
            return builder.icmp_signed("<" if step.constant > 0 else ">", index, stop)
        upwards = builder.icmp_signed(">", step, ir.Constant(I64, 0))
        return builder.select(upwards, builder.icmp_signed("<", index, stop), builder.icmp_signed(">", index, stop))

    def while_loop(self, test: Callable[[], Any], body: Callable[[], None]) -> None:
        builder = self.builder
        head, inside, after = self.blocks("head", "inside", "after")
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(self.truth(test()), inside, after)
        builder.position_at_end(inside)
        self.loop_body(body, head, after)
        builder.position_at_end(after)

    def loop_body(self, body: Callable[[], None], following: Any, after: Any) -> None:
        self.loops.append((following, after))
        body()
        self.loops.pop()
        if not self.builder.block.is_terminated:
            self.builder.branch(following)

    def branch(self, test: Any, body: Callable[[], None], orelse: Callable[[], None]) -> None:
        builder = self.builder
        condition = self.truth(test)
        then, other, after = self.blocks("then", "else", "after")
        builder.cbranch(condition, then, other)
        for block, write in ((then, body), (other, orelse)):
            builder.position_at_end(block)
            write()
            if not builder.block.is_terminated:
                builder.branch(after)
        builder.position_at_end(after)

    def logic(self, conjunction: bool, values: Sequence[Callable[[], Any]]) -> Operand:
        """`and`, `or`: what follows is computed only where it matters."""
        first = self.operand(values[0]())
        if first.type != types.boolean:
            raise Unknown("`and` and `or` of numbers")
        if len(values) == 1:
            return first
        builder = self.builder
        before = builder.block
        more, after = self.blocks("more", "after")
        builder.cbranch(first.value, *((more, after) if conjunction else (after, more)))
        builder.position_at_end(more)
        rest = self.logic(conjunction, values[1:])
        end = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        result = builder.phi(I1)
        result.add_incoming(ir.Constant(I1, 0 if conjunction else 1), before)
        result.add_incoming(rest.value, end)
        return Operand(types.boolean, result)

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


def is_of_whole_vectors(start: Any, stop: Any, step: Any) -> bool:
    """Whether a loop has so many iterations that they fill vectors without rest."""
    if not all(isinstance(bound, ir.Constant) for bound in (start, stop, step)) or step.constant != 1:
        return False
    iterations = stop.constant - start.constant
    return bool(iterations >= WHOLE and iterations % WHOLE == 0)


def keep_rolled(module: ir.Module, back: Any) -> None:
    """Forbid LLVM to unroll a loop before it is vectorised: short loops would stay scalar.

    The loop over vectors may be unrolled: what short loops keep in memory then stays in registers.
    """
    rolled = module.add_metadata(["llvm.loop.unroll.disable"])
    vectorised = module.add_metadata(["llvm.loop.isvectorized", ir.Constant(ir.IntType(32), 1)])
    then = module.add_metadata(["llvm.loop.vectorize.followup_vectorized", vectorised])
    loop = ir.MDValue(module, [], name=str(len(module.metadata)))
    loop.operands = (loop, rolled, then)
    back.set_metadata("llvm.loop", loop)
