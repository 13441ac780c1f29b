"""Scalar functions of emitted code that are short formulas, with NumPy's results at the edges, in the flags of
their own.

They are compiled once for each operand type; LLVM inlines them into the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types, uint32
from numba.extending import intrinsic

from srcgrad.backends.native.compiler import KernelCompiler
from srcgrad.backends.scalars import copysign, floor, where
from srcgrad.backends.vecmath.gamma import digamma_f64


def _scalar(function: Callable[..., Any]) -> Any:
    return njit(error_model="numpy", fastmath=False, pipeline_class=KernelCompiler)(function)


def _constant_like(name: str, number: int) -> Any:
    def constant_like(typingctx: Any, x: Any) -> Any:
        kind = types.unliteral(x)
        return kind(kind), lambda context, builder, sig, args: context.get_constant(kind, number)

    constant_like.__name__ = constant_like.__qualname__ = name
    constant_like.__doc__ = f"{number} in the type of x: Python's literals would widen float32."
    return intrinsic(constant_like)


_zero = _constant_like("_zero", 0)
_one = _constant_like("_one", 1)


@_scalar
def sign(x: Any) -> Any:
    """-1, 0 or 1 in the type of x; NaN stays NaN, and of -0.0 it is 0.0."""
    return where(x > _zero(x), _one(x), where(x < _zero(x), -_one(x), x + _zero(x)))


@_scalar
def isnan(x: Any) -> Any:
    """Whether x is not a number."""
    return x != x  # noqa: PLR0124  (true of NaN alone)


@_scalar
def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    return x == math.inf or x == -math.inf  # noqa: PLR1714  (a tuple would be slower here)


@_scalar
def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor NaN."""
    return (x - x) == (x - x)


@_scalar
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


@_scalar
def float_remainder(x: Any, y: Any) -> Any:
    """``x - y floor(x / y)`` without its rounding: the sign of y, and an exact result, as Python and NumPy have it."""
    rest = _frem(x, y)
    shifted = where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    return where(shifted == 0, copysign(shifted, y), shifted)


@_scalar
def float_floor_divide(x: Any, y: Any) -> Any:
    """``floor(x / y)`` from the exact remainder, rounded to the nearest integer, as NumPy does it."""
    rest = _frem(x, y)
    quotient = (x - rest) / y
    quotient = where((rest != 0) & ((rest < 0) != (y < 0)), quotient - _one(x), quotient)
    nearest = floor(quotient)
    rounded = where(quotient - nearest > 0.5, nearest + _one(x), nearest)
    finite = where(quotient != 0, rounded, copysign(quotient, x / y))
    return where(y == 0, x / y, finite)


@_scalar
def integer_remainder(x: Any, y: Any) -> Any:
    """The sign of y; 0 for y = 0."""
    return x % y if y != 0 else _zero(x)


@_scalar
def integer_floor_divide(x: Any, y: Any) -> Any:
    """Rounded down; 0 for y = 0."""
    return x // y if y != 0 else _zero(x)


@_scalar
def float_fmod(x: Any, y: Any) -> Any:
    """The sign of x."""
    return _frem(x, y)


@_scalar
def integer_fmod(x: Any, y: Any) -> Any:
    """The sign of x; 0 for y = 0."""
    if y == 0:
        return _zero(x)
    rest = x % y
    return rest - y if rest != 0 and (x < 0) != (y < 0) else rest


@_scalar
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


#: B(2j) / (2j)! for j = 1 ... 6
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)


@_scalar
def polygamma(order: Any, x: Any) -> Any:
    """``(-1)**(n + 1) n! zeta(n + 1, x)``, the Hurwitz zeta by Euler's and Maclaurin's formula; digamma for n = 0.

    NIST Digital Library of Mathematical Functions, 25.11.28 and 5.15.
    """
    if order == 0:
        return x * 0 + digamma_f64(np.float64(x))
    s = np.float64(order + 1)
    shifted = np.float64(x)
    if shifted <= 0.0 and shifted == floor(shifted):
        return x * 0 + math.inf
    total = 0.0
    while shifted < 10.0:
        total += shifted**-s
        shifted += 1.0
    power = shifted**-s
    total += power * shifted / (s - 1.0) + 0.5 * power
    term = s * power / shifted
    for j in range(6):
        total += _BERNOULLI[j] * term
        term *= (s + 2 * j + 1) * (s + 2 * j + 2) / (shifted * shifted)
    sign_and_factorial = math.gamma(s) if order % 2 else -math.gamma(s)
    return x * 0 + sign_and_factorial * total


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


@_scalar
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


@_scalar
def threefry(key0: Any, key1: Any, counter: Any) -> Any:
    """The first word of the block."""
    return _block(key0, key1, counter)[0]


@_scalar
def threefry_second(key0: Any, key1: Any, counter: Any) -> Any:
    """The second word of the block."""
    return _block(key0, key1, counter)[1]


#: functions of one name with an implementation for floats and one for integers
BY_KIND = frozenset({"remainder", "floor_divide", "fmod"})

NUMERIC: dict[str, Callable[..., Any]] = {
    "sign": sign,
    "isnan": isnan,
    "isinf": isinf,
    "isfinite": isfinite,
    "reciprocal": reciprocal,
    "float_remainder": float_remainder,
    "integer_remainder": integer_remainder,
    "float_floor_divide": float_floor_divide,
    "integer_floor_divide": integer_floor_divide,
    "float_fmod": float_fmod,
    "integer_fmod": integer_fmod,
    "polygamma": polygamma,
    "integer_power": integer_power,
    "left_shift": left_shift,
    "right_shift": right_shift,
    "threefry": threefry,
    "threefry_second": threefry_second,
}
