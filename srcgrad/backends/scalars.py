"""Scalar functions of emitted code that are single instructions, or nearly: no branch, so that loops over them
become vector code.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from srcgrad.backends.native.compiler import KernelCompiler

Builder = Any


def _same(x: Any, y: Any) -> Any:
    """The common type of two operands of a select; literals give way."""
    x, y = types.unliteral(x), types.unliteral(y)
    return x if x == y else None


@intrinsic
def where(typingctx: Any, condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, else ``y``: an LLVM select, never a branch."""
    kind = _same(x, y)
    if kind is None or types.unliteral(condition) != types.boolean:
        return None

    def codegen(context: Any, builder: Builder, sig: Any, args: Any) -> Any:
        return builder.select(args[0], args[1], args[2])

    return kind(types.boolean, kind, kind), codegen


def _extremum(name: str, sign: str, nan_wins: bool) -> Any:
    def extremum(typingctx: Any, x: Any, y: Any) -> Any:
        kind = _same(x, y)
        if kind is None:
            return None

        def codegen(context: Any, builder: Builder, sig: Any, args: Any) -> Any:
            a, b = args
            if not isinstance(kind, types.Float):
                compare = builder.icmp_signed if getattr(kind, "signed", False) else builder.icmp_unsigned
                return builder.select(compare(sign, a, b), a, b)
            if nan_wins:  # LLVM knows this one in loops, which become vector code, and which operand cannot be NaN
                function = builder.module.declare_intrinsic(
                    f"llvm.{name}", (a.type,), ir.FunctionType(a.type, [a.type] * 2)
                )
                return builder.call(function, args, fastmath=("nsz",))
            # the processor's instruction is `a > b ? a : b`, which gives b where a is NaN: a constant takes its place
            if isinstance(a, ir.Constant):
                a, b = b, a
            number = builder.select(builder.fcmp_ordered(sign, a, b), a, b)
            return builder.select(builder.fcmp_unordered("uno", b, b), a, number)

        return kind(kind, kind), codegen

    extremum.__name__ = extremum.__qualname__ = name
    extremum.__doc__ = f"NumPy's {name}; of two zeros, either."
    return intrinsic(extremum)


maximum = _extremum("maximum", ">", nan_wins=True)
minimum = _extremum("minimum", "<", nan_wins=True)
fmax = _extremum("fmax", ">", nan_wins=False)
fmin = _extremum("fmin", "<", nan_wins=False)


@intrinsic
def absolute(typingctx: Any, x: Any) -> Any:
    """NumPy's absolute, of floats and integers."""
    kind = types.unliteral(x)

    def codegen(context: Any, builder: Builder, sig: Any, args: Any) -> Any:
        value = args[0]
        if isinstance(kind, types.Float):
            return builder.call(builder.module.declare_intrinsic("llvm.fabs", (value.type,)), (value,))
        if not getattr(kind, "signed", False):
            return value
        negative = builder.icmp_signed("<", value, ir.Constant(value.type, 0))
        return builder.select(negative, builder.neg(value), value)

    return kind(kind), codegen


@intrinsic
def signbit(typingctx: Any, x: Any) -> Any:
    """Whether the sign bit is set, of -0.0 and NaN too."""
    kind = types.unliteral(x)
    if not isinstance(kind, types.Float):
        return None

    def codegen(context: Any, builder: Builder, sig: Any, args: Any) -> Any:
        bits = ir.IntType(kind.bitwidth)
        return builder.icmp_signed("<", builder.bitcast(args[0], bits), ir.Constant(bits, 0))

    return types.boolean(kind), codegen


@njit(pipeline_class=KernelCompiler)
def checked_index(index: int, extent: int) -> int:
    """An index from data as NumPy reads it: negative ones count from the end; raises IndexError outside."""
    wrapped = index + extent if index < 0 else index
    if wrapped < 0 or wrapped >= extent:
        raise IndexError("index out of bounds")
    return wrapped


@njit(pipeline_class=KernelCompiler)
def noted_index(index: int, extent: int, outside: Any) -> int:
    """`checked_index` where nothing may be raised, in a part of a split loop: sets ``outside[0]`` and reads at 0."""
    wrapped = index + extent if index < 0 else index
    if wrapped < 0 or wrapped >= extent:
        outside[0] = 1
        return 0
    return wrapped


@njit(pipeline_class=KernelCompiler)
def raise_noted(outside: Any) -> None:
    """What `noted_index` left to raise, after the join."""
    if outside[0]:
        raise IndexError("index out of bounds")
