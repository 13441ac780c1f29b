"""Bit-level building blocks of the vector math: each is one or a few LLVM instructions.

They are Numba intrinsics rather than Python helpers for two reasons. A polynomial of twelve coefficients is one
statement for Numba's type inference instead of twenty-four, so a function compiles in a fraction of the time;
and integers keep the width of the float they belong to (`int32 + int32` is `int64` in Numba, which would halve
the vector width of every float32 loop).

Rule of types: an intrinsic computes in float32 if one of its float operands is float32, in float64 otherwise.
Constants may therefore be written as plain Python floats in the float32 functions too.

No instruction carries fast-math flags. The arithmetic relies on it: `(x + magic) - magic` rounds `x` to an
integer only as long as nobody reassociates it, whatever the flags of the loop it is inlined into.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from srcgrad.backends.native.compiler import KernelCompiler

Real = Any  # a float64 or float32 in compiled code


def vector_function(function: Callable[..., Any]) -> Any:
    """Compile `function` when it is first called by itself; kernels have it written into their own library.

    Not with Numba's cache on disk, whose index is a pickle that anybody may have written. `forceinline` has LLVM inline
    it into the calling loop; Numba does not, so the caller's flags stay outside. `fastmath=False` must be said: a
    function that does not say it inherits the flags of the first caller that happens to compile it.
    """
    return njit(error_model="numpy", fastmath=False, forceinline=True, pipeline_class=KernelCompiler)(function)


def in_float64(function: Any) -> Any:
    """A function of one float64 for float32: computed in float64, and rounded once more."""

    def narrowed(x: Real) -> Real:
        return np.float32(function(np.float64(x)))

    name = function.__name__.replace("_f64", "_f32")
    narrowed.__name__ = narrowed.__qualname__ = name
    narrowed.__doc__ = function.__doc__
    return vector_function(narrowed)


_NAME = {types.float32: "f32", types.float64: "f64"}
_LLVM = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
_INTEGER = {types.float32: types.int32, types.float64: types.int64}
_FLOAT = {types.int32: types.float32, types.int64: types.float64}
_MANTISSA_BITS = {types.float32: 23, types.float64: 52}
_EXPONENT_BIAS = {types.float32: 127, types.float64: 1023}
_SQRT_HALF_BITS = {types.float32: 0x3F3504F3, types.float64: 0x3FE6A09E667F3BCD}
# Adding 1.5 * 2**mantissa_bits rounds to an integer, which then stands in the low bits of the sum.
_MAGIC = {types.float32: 1.5 * 2.0**23, types.float64: 1.5 * 2.0**52}
_MAGIC_BITS = {types.float32: 0x4B400000, types.float64: 0x4338000000000000}

Emit = Callable[[Any, Any, Any, list[Any]], Any]


def _float_operation(operands: Sequence[Any], emit: Emit) -> Any:
    """Typing and code of an operation from floats to a float of the working type (see the rule of types)."""
    if not all(isinstance(operand, types.Number) for operand in operands):
        return None
    working = types.float32 if types.float32 in operands else types.float64

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        cast = [context.cast(builder, v, t, working) for v, t in zip(values, signature.args, strict=True)]
        return emit(context, builder, working, cast)

    return working(*operands), codegen


def _call(builder: Any, name: str, working: Any, arguments: Sequence[Any]) -> Any:
    """Call `llvm.<name>` on floats of the working type."""
    function_type = ir.FunctionType(_LLVM[working], [_LLVM[working]] * len(arguments))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.{_NAME[working]}")
    return builder.call(function, arguments)


def _integer_constant(working: Any, value: int) -> Any:
    return ir.Constant(ir.IntType(_INTEGER[working].bitwidth), value)


def _as_integer(builder: Any, working: Any, value: Any) -> Any:
    return builder.bitcast(value, ir.IntType(_INTEGER[working].bitwidth))


def _power_of_two(builder: Any, working: Any, exponent: Any) -> Any:
    biased = builder.add(exponent, _integer_constant(working, _EXPONENT_BIAS[working]))
    shifted = builder.shl(biased, _integer_constant(working, _MANTISSA_BITS[working]))
    return builder.bitcast(shifted, _LLVM[working])


def _has_fma(context: Any) -> bool:
    """Whether the processor that the code is compiled for multiplies and adds with one rounding."""
    triple, _, features = context.codegen().magic_tuple()
    return "+fma" in features.split(",") or triple.startswith(("aarch64", "arm64"))


def _product_error(context: Any, builder: Any, working: Any, x: Any, y: Any, product: Any) -> Any:
    if _has_fma(context):
        return _call(builder, "fma", working, [x, y, builder.fneg(product)])
    # Dekker 1971: halves of the factors, whose products are exact
    splitter = ir.Constant(_LLVM[working], 2.0 ** ((_MANTISSA_BITS[working] + 2) // 2) + 1.0)
    halves = []
    for value in (x, y):
        shifted = builder.fmul(value, splitter)
        high = builder.fsub(shifted, builder.fsub(shifted, value))
        halves += [high, builder.fsub(value, high)]
    x_high, x_low, y_high, y_low = halves
    error = builder.fsub(builder.fmul(x_high, y_high), product)
    error = builder.fadd(error, builder.fmul(x_high, y_low))
    error = builder.fadd(error, builder.fmul(x_low, y_high))
    return builder.fadd(error, builder.fmul(x_low, y_low))


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c`, with one rounding where the processor has the instruction, two elsewhere (never a libm call)."""
    return _float_operation((a, b, c), lambda context, builder, working, v: _call(builder, "fmuladd", working, v))


@intrinsic
def product_error(typingctx: Any, a: Any, b: Any, product: Any) -> Any:
    """`a * b - product` exactly, where `product` is the rounded `a * b`."""
    return _float_operation(
        (a, b, product),
        lambda context, builder, working, v: _product_error(context, builder, working, *v),
    )


@intrinsic
def fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c` with one rounding on every processor, provided that `a * b + c` nearly cancels without `fma`."""

    def emit(context: Any, builder: Any, working: Any, values: list[Any]) -> Any:
        x, y, z = values
        if _has_fma(context):
            return _call(builder, "fma", working, values)
        product = builder.fmul(x, y)
        return builder.fadd(builder.fadd(z, product), _product_error(context, builder, working, x, y, product))

    return _float_operation((a, b, c), emit)


@intrinsic
def sum_error(typingctx: Any, a: Any, b: Any, total: Any) -> Any:
    """`a + b - total` exactly, where `total` is the rounded `a + b`, whichever is larger (Knuth's two-sum)."""

    def emit(context: Any, builder: Any, working: Any, values: list[Any]) -> Any:
        x, y, s = values
        y_part = builder.fsub(s, x)
        x_part = builder.fsub(s, y_part)
        return builder.fadd(builder.fsub(x, x_part), builder.fsub(y, y_part))

    return _float_operation((a, b, total), emit)


def _instruction(name: str, llvm_name: str, doc: str) -> Any:
    """A function of one float that is one instruction."""

    def instruction(typingctx: Any, x: Any) -> Any:
        return _float_operation((x,), lambda context, builder, working, v: _call(builder, llvm_name, working, v))

    instruction.__name__ = instruction.__qualname__ = name
    instruction.__doc__ = doc
    return intrinsic(instruction)


rint = _instruction("rint", "rint", "The nearest integer, ties to even, as a float.")
floor = _instruction("floor", "floor", "The nearest integer that is not larger, as a float.")
ceil = _instruction("ceil", "ceil", "The nearest integer that is not smaller, as a float.")
trunc = _instruction("trunc", "trunc", "The nearest integer that is not further from zero, as a float.")
absolute = _instruction("absolute", "fabs", "`x` without its sign bit.")
sqrt = _instruction("sqrt", "sqrt", "The correctly rounded square root.")


@intrinsic
def copysign(typingctx: Any, x: Any, sign: Any) -> Any:
    """`x` with the sign bit of `sign`."""
    return _float_operation((x, sign), lambda context, builder, working, v: _call(builder, "copysign", working, v))


@intrinsic
def clamp(typingctx: Any, x: Any, low: Any, high: Any) -> Any:
    """`x` limited to `[low, high]`; NaN stays NaN (the order of the comparisons sees to it)."""

    def emit(context: Any, builder: Any, working: Any, values: list[Any]) -> Any:
        value, low_value, high_value = values
        value = builder.select(builder.fcmp_ordered("<", high_value, value), high_value, value)
        return builder.select(builder.fcmp_ordered(">", low_value, value), low_value, value)

    return _float_operation((x, low, high), emit)


@intrinsic
def select(typingctx: Any, condition: Any, then: Any, otherwise: Any) -> Any:
    """`then if condition else otherwise`, both computed, no branch."""
    if not isinstance(condition, types.Boolean):
        return None
    typed = _float_operation((then, otherwise), lambda context, builder, working, v: v)
    if typed is None:
        return None
    signature, cast = typed

    def codegen(context: Any, builder: Any, full: Any, values: Any) -> Any:
        return builder.select(values[0], *cast(context, builder, signature, values[1:]))

    return signature.return_type(condition, then, otherwise), codegen


@intrinsic
def polynomial(typingctx: Any, x: Any, coefficients: Any) -> Any:
    """`c[0] + c[1] x + c[2] x**2 + ...` by Horner's rule; `coefficients` is a tuple of constants."""
    if not isinstance(x, types.Float) or not isinstance(coefficients, types.BaseTuple):
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        argument, packed = values
        constants = [
            context.cast(builder, value, given, x)
            for value, given in zip(cgutils.unpack_tuple(builder, packed), coefficients, strict=True)
        ]
        result = constants[-1]
        for constant in reversed(constants[:-1]):
            result = _call(builder, "fmuladd", x, [result, argument, constant])
        return result

    return x(x, coefficients), codegen


@intrinsic
def to_bits(typingctx: Any, x: Any) -> Any:
    """The bits of a float as the signed integer of its width."""
    if x not in _INTEGER:
        return None
    return _INTEGER[x](x), lambda context, builder, signature, values: _as_integer(builder, x, values[0])


@intrinsic
def from_bits(typingctx: Any, n: Any) -> Any:
    """The float whose bits are the int32 or int64 `n`."""
    if n not in _FLOAT:
        return None
    working = _FLOAT[n]
    return working(n), lambda context, builder, signature, values: builder.bitcast(values[0], _LLVM[working])


@intrinsic
def to_integer(typingctx: Any, k: Any) -> Any:
    """An integer-valued float, |k| < 2**22 (float32) or 2**51 (float64), as an integer of its width.

    Unlike a conversion instruction this exists as a vector on every processor, and NaN is harmless.
    """
    if k not in _INTEGER:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        shifted = builder.fadd(values[0], ir.Constant(_LLVM[k], _MAGIC[k]))
        return builder.sub(_as_integer(builder, k, shifted), _integer_constant(k, _MAGIC_BITS[k]))

    return _INTEGER[k](k), codegen


@intrinsic
def to_float(typingctx: Any, n: Any) -> Any:
    """The inverse of `to_integer`."""
    if n not in _FLOAT:
        return None
    working = _FLOAT[n]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        shifted = builder.add(values[0], _integer_constant(working, _MAGIC_BITS[working]))
        return builder.fsub(builder.bitcast(shifted, _LLVM[working]), ir.Constant(_LLVM[working], _MAGIC[working]))

    return working(n), codegen


@intrinsic
def to_negative_float(typingctx: Any, n: Any) -> Any:
    """``-n`` as a float, and 0.0 for 0: times a negative number it is -0.0, which keeps the sign of what it joins."""
    if n not in _FLOAT:
        return None
    working = _FLOAT[n]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        shifted = builder.add(values[0], _integer_constant(working, _MAGIC_BITS[working]))
        return builder.fsub(ir.Constant(_LLVM[working], _MAGIC[working]), builder.bitcast(shifted, _LLVM[working]))

    return working(n), codegen


@intrinsic
def power_of_two(typingctx: Any, n: Any) -> Any:
    """`2.0**n` for an integer `n` in the range of normal numbers."""
    if n not in _FLOAT:
        return None
    working = _FLOAT[n]
    return working(n), lambda context, builder, signature, values: _power_of_two(builder, working, values[0])


@intrinsic
def scale(typingctx: Any, x: Any, n: Any) -> Any:
    """`x * 2**n` with one rounding, for every `n` whose half is the exponent of a normal number.

    Two factors, because `2**n` itself overflows or vanishes before `x * 2**n` does.
    """
    if n not in _FLOAT or x != _FLOAT[n]:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value, exponent = values
        half = builder.ashr(exponent, _integer_constant(x, 1))
        once = builder.fmul(value, _power_of_two(builder, x, half))
        return builder.fmul(once, _power_of_two(builder, x, builder.sub(exponent, half)))

    return x(x, n), codegen


@intrinsic
def exponent(typingctx: Any, x: Any) -> Any:
    """The integer `e` with `x = m * 2**e` and `m` in `[sqrt(1/2), sqrt(2))`, for a positive normal `x`."""
    if x not in _INTEGER:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        above = builder.sub(_as_integer(builder, x, values[0]), _integer_constant(x, _SQRT_HALF_BITS[x]))
        return builder.ashr(above, _integer_constant(x, _MANTISSA_BITS[x]))

    return _INTEGER[x](x), codegen


@intrinsic
def subtract_exponent(typingctx: Any, x: Any, n: Any) -> Any:
    """`x * 2**-n` by subtraction in the exponent field; `x` and the result normal."""
    if n not in _FLOAT or x != _FLOAT[n]:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        shifted = builder.shl(values[1], _integer_constant(x, _MANTISSA_BITS[x]))
        return builder.bitcast(builder.sub(_as_integer(builder, x, values[0]), shifted), _LLVM[x])

    return x(x, n), codegen


@intrinsic
def quotient(typingctx: Any, numerator: Any, a: Any, b: Any) -> Any:
    """`numerator / (a + b)` with little more than one rounding if `a >= b` (with little more than two otherwise)."""

    def emit(context: Any, builder: Any, working: Any, values: list[Any]) -> Any:
        top, larger, smaller = values
        denominator = builder.fadd(larger, smaller)
        lost = builder.fsub(smaller, builder.fsub(denominator, larger))
        inverse = builder.fdiv(ir.Constant(_LLVM[working], 1.0), denominator)
        first = builder.fmul(top, inverse)
        minus_first = builder.fneg(first)
        residual = _call(builder, "fmuladd", working, [minus_first, denominator, top])
        residual = _call(builder, "fmuladd", working, [minus_first, lost, residual])
        return _call(builder, "fmuladd", working, [residual, inverse, first])

    return _float_operation((numerator, a, b), emit)


@intrinsic
def flip_sign(typingctx: Any, x: Any, n: Any) -> Any:
    """`x * (-1)**n`."""
    if x not in _INTEGER or not isinstance(n, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        parity = context.cast(builder, values[1], n, _INTEGER[x])
        sign = builder.shl(parity, _integer_constant(x, _INTEGER[x].bitwidth - 1))
        return builder.bitcast(builder.xor(_as_integer(builder, x, values[0]), sign), _LLVM[x])

    return x(x, n), codegen
