"""Scalar functions of emitted code that are short formulas, with NumPy's results at the edges, in the flags of
their own.

They are compiled once for each operand type; LLVM inlines them into the kernels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types, uint32
from numba.extending import intrinsic

from srcgrad.backends.runtime import scalar
from srcgrad.backends.scalars import where
from srcgrad.backends.vecmath.bits import copysign, floor


def _constant_like(name: str, number: int) -> Any:
    def constant_like(typingctx: Any, x: Any) -> Any:
        kind = types.unliteral(x)
        return kind(kind), lambda context, builder, sig, args: context.get_constant(kind, number)

    constant_like.__name__ = constant_like.__qualname__ = name
    constant_like.__doc__ = f"{number} in the type of x: Python's literals would widen float32."
    return intrinsic(constant_like)


_zero = _constant_like("_zero", 0)
_one = _constant_like("_one", 1)


@scalar
def sign(x: Any) -> Any:
    """-1, 0 or 1 in the type of x; NaN stays NaN, and of -0.0 it is 0.0."""
    return where(x > _zero(x), _one(x), where(x < _zero(x), -_one(x), x + _zero(x)))


@scalar
def isnan(x: Any) -> Any:
    """Whether x is not a number."""
    return x != x  # noqa: PLR0124  (true of NaN alone)


@scalar
def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    return x == math.inf or x == -math.inf  # noqa: PLR1714  (a tuple would be slower here)


@scalar
def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor NaN."""
    return (x - x) == (x - x)


@scalar
def reciprocal(x: Any) -> Any:
    """One over x, in the type of x."""
    return _one(x) / x


@intrinsic
def _frem(typingctx: Any, x: Any, y: Any) -> Any:
    """C's fmod: exact, with the sign of x."""
    kind = types.unliteral(x)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.frem(*args)

    return kind(kind, kind), codegen


@scalar
def float_remainder(x: Any, y: Any) -> Any:
    """``x - y floor(x / y)`` without its rounding: the sign of y, and an exact result, as Python and NumPy have it."""
    rest = _frem(x, y)
    shifted = where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    return where(shifted == 0, copysign(shifted, y), shifted)


@scalar
def float_floor_divide(x: Any, y: Any) -> Any:
    """``floor(x / y)`` from the exact remainder, rounded to the nearest integer, as NumPy does it."""
    rest = _frem(x, y)
    quotient = (x - rest) / y
    quotient = where((rest != 0) & ((rest < 0) != (y < 0)), quotient - _one(x), quotient)
    nearest = floor(quotient)
    rounded = where(quotient - nearest > 0.5, nearest + _one(x), nearest)
    finite = where(quotient != 0, rounded, copysign(quotient, x / y))
    return where(y == 0, x / y, finite)


@scalar
def integer_remainder(x: Any, y: Any) -> Any:
    """The sign of y; 0 for y = 0."""
    return x % y if y != 0 else _zero(x)


@scalar
def integer_floor_divide(x: Any, y: Any) -> Any:
    """Rounded down; 0 for y = 0."""
    return x // y if y != 0 else _zero(x)


@scalar
def float_fmod(x: Any, y: Any) -> Any:
    """The sign of x."""
    return _frem(x, y)


@scalar
def integer_fmod(x: Any, y: Any) -> Any:
    """The sign of x; 0 for y = 0."""
    if y == 0:
        return _zero(x)
    rest = x % y
    return rest - y if rest != 0 and (x < 0) != (y < 0) else rest


@scalar
def integer_power(x: Any, y: Any) -> Any:
    """``x**y`` by squaring, modulo the width; 0 for a negative exponent (NumPy raises), except of 1 and -1."""
    result = _one(x)
    if y < 0:
        return result if x == 1 else (result if y % 2 == 0 else -result) if x == -1 else _zero(x)
    while y > 0:
        if y & 1:
            result *= x
        x *= x
        y >>= 1
    return result


def _shift(name: str, left: bool) -> Any:
    def shift(typingctx: Any, x: Any, y: Any) -> Any:
        kind = types.unliteral(x)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            value, distance = args
            width = ir.Constant(value.type, kind.bitwidth)
            inside = builder.icmp_unsigned("<", distance, width)
            near = builder.select(inside, distance, ir.Constant(value.type, 0))
            if left:
                return builder.select(inside, builder.shl(value, near), ir.Constant(value.type, 0))
            if not kind.signed:
                return builder.select(inside, builder.lshr(value, near), ir.Constant(value.type, 0))
            sign = builder.ashr(value, ir.Constant(value.type, kind.bitwidth - 1))
            return builder.select(inside, builder.ashr(value, near), sign)

        return kind(kind, kind), codegen

    shift.__name__ = shift.__qualname__ = name
    shift.__doc__ = "A distance that is negative or not below the width shifts everything out."
    return intrinsic(shift)


left_shift = _shift("left_shift", left=True)
right_shift = _shift("right_shift", left=False)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


@scalar
def _block(key0: Any, key1: Any, counter: Any) -> Any:
    """Threefry-2x32, 20 rounds, of the block (counter, 0): Salmon et al., "Parallel random numbers: as easy as 1,
    2, 3" (2011).
    """
    keys = (key0, key1, uint32(key0 ^ key1 ^ _PARITY))
    x, y = uint32(counter + key0), uint32(key1)
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = uint32(x + y)
            y = uint32((y << uint32(rotation)) | (y >> uint32(32 - rotation)))
            y = uint32(y ^ x)
        x = uint32(x + keys[(group + 1) % 3])
        y = uint32(y + keys[(group + 2) % 3] + uint32(group + 1))
    return x, y


@scalar
def threefry(key0: Any, key1: Any, counter: Any) -> Any:
    """The first word of the block."""
    return _block(key0, key1, counter)[0]


@scalar
def threefry_second(key0: Any, key1: Any, counter: Any) -> Any:
    """The second word of the block."""
    return _block(key0, key1, counter)[1]
