"""Functions of complex numbers, from the vector math of their parts, with NumPy's results at the edges.

What is short is computed in the precision of the operand; the rest in double precision, also for complex64: so the
formulas below read as they stand in the sources, and single precision is correct to its last bits.

Sources: Kahan, "Branch cuts for complex elementary functions, or much ado about nothing's sign bit" (1987), for tanh
and the inverse functions; Smith, "Algorithm 116: complex division" (1962).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from srcgrad.backends.runtime import scalar
from srcgrad.backends.scalars import where
from srcgrad.backends.vecmath.bits import copysign as _copysign
from srcgrad.backends.vecmath.bits import sqrt as _root
from srcgrad.backends.vecmath.exponential import exp_f32, exp_f64, expm1_f64
from srcgrad.backends.vecmath.hyperbolic import arcsinh_f64, cosh_f64, sinh_f64
from srcgrad.backends.vecmath.inverse_trigonometric import arctan2_f32, arctan2_f64
from srcgrad.backends.vecmath.logarithm import log1p_f64, log_f64
from srcgrad.backends.vecmath.root import hypot_f32, hypot_f64
from srcgrad.backends.vecmath.trigonometric import cos_f32, cos_f64, sin_f32, sin_f64, tan_f64

_COMPLEX = {types.float32: types.complex64, types.float64: types.complex128}
#: beyond this tanh is 1 to the last bit
_FAR = 22.0
_LN2 = math.log(2.0)


# parts


@intrinsic
def compose(typingctx: Any, x: Any, y: Any) -> Any:
    """The complex number with these parts."""
    if x != y or x not in _COMPLEX:
        return None
    kind = _COMPLEX[x]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = ir.Constant(context.get_value_type(kind), ir.Undefined)
        return builder.insert_value(builder.insert_value(made, args[0], 0), args[1], 1)

    return kind(x, y), codegen


def _part(name: str, position: int) -> Any:
    def part(typingctx: Any, z: Any) -> Any:
        if not isinstance(z, types.Complex):
            return None
        return z.underlying_float(z), lambda context, builder, sig, args: builder.extract_value(args[0], position)

    part.__name__ = part.__qualname__ = name
    part.__doc__ = f"The {name} part."
    return intrinsic(part)


real, imag = _part("real", 0), _part("imag", 1)


@intrinsic
def _like(typingctx: Any, z: Any, model: Any) -> Any:
    """A number in the dtype of another."""
    if not isinstance(model, types.Number):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[0], z, model)

    return model(z, model), codegen


def _in_double(function: Callable[..., Any]) -> Any:
    """A function of one or two complex128 for complex64 too."""
    inner = scalar(function)
    if function.__code__.co_argcount == 1:

        def outer(z: Any) -> Any:
            return _like(inner(_like(z, 0j)), z)

    else:

        def outer(z: Any, w: Any) -> Any:  # type: ignore[misc]
            return _like(inner(_like(z, 0j), _like(w, 0j)), z)

    outer.__name__ = outer.__qualname__ = function.__name__
    outer.__doc__ = function.__doc__
    return scalar(outer)


def _either(single: Any, double: Any) -> Callable[..., Any]:
    """A function of the vector math for either precision."""

    def stub(*args: Any) -> Any:
        raise NotImplementedError(double.__name__)

    def of_one(function: Any) -> Any:
        return lambda x: function(x)

    def of_two(function: Any) -> Any:
        return lambda x, y: function(x, y)

    def chosen(kind: Any) -> Any:
        return single if kind == types.float32 else double

    if double.py_func.__code__.co_argcount == 2:
        overload(stub)(lambda x, y: of_two(chosen(x)))
    else:
        overload(stub)(lambda x: of_one(chosen(x)))
    return stub


_any_exp, _any_sin, _any_cos = _either(exp_f32, exp_f64), _either(sin_f32, sin_f64), _either(cos_f32, cos_f64)
_any_hypot, _any_arctan2 = _either(hypot_f32, hypot_f64), _either(arctan2_f32, arctan2_f64)


@scalar
def conjugate(z: Any) -> Any:
    """The other sign of the imaginary part."""
    return compose(real(z), -imag(z))


@scalar
def absolute(z: Any) -> Any:
    """The length, without overflow on the way."""
    return _any_hypot(real(z), imag(z))


@scalar
def angle(z: Any) -> Any:
    """The argument in -pi .. pi; of zeros by their signs."""
    return _any_arctan2(imag(z), real(z))


@scalar
def isnan(z: Any) -> Any:
    """Whether a part is not a number."""
    return (real(z) != real(z)) | (imag(z) != imag(z))


@scalar
def isinf(z: Any) -> Any:
    """Whether a part is infinite."""
    return (abs(real(z)) == math.inf) | (abs(imag(z)) == math.inf)


@scalar
def isfinite(z: Any) -> Any:
    """Whether both parts are finite."""
    return (abs(real(z)) < math.inf) & (abs(imag(z)) < math.inf)


# quotients


@scalar
def divide(z: Any, w: Any) -> Any:
    """Smith's quotient, which scales by the larger part of the divisor; by zero as NumPy has it."""
    x, y, a, b = real(z), imag(z), real(w), imag(w)
    steep = abs(b) > abs(a)
    large, small = where(steep, b, a), where(steep, a, b)
    is_zero = large == 0
    large = where(is_zero, abs(large), large)
    ratio = where(is_zero, large, small / large)
    scale = large + small * ratio
    top, bottom = where(steep, x * ratio + y, x + y * ratio), where(steep, y * ratio - x, y - x * ratio)
    return compose(top / scale, bottom / scale)


@scalar
def reciprocal(z: Any) -> Any:
    """One over z."""
    x, y = real(z), imag(z)
    steep = abs(y) >= abs(x)
    large, small = where(steep, y, x), where(steep, x, y)
    ratio = small / large
    scale = large + small * ratio
    unit = _like(1.0, x)
    return compose(where(steep, ratio, unit) / scale, -where(steep, unit, ratio) / scale)


# exponentials and powers


@scalar
def exp(z: Any) -> Any:
    """``e^x (cos y + i sin y)``; on the real line real, also where ``e^x`` is infinite."""
    x, y = real(z), imag(z)
    size, vanishes = _any_exp(x), x == -math.inf
    has_no_angle = (x == math.inf) & ~(abs(y) < math.inf)
    still = where(y == 0, y, _copysign(size, y))
    is_real = (y == 0) | vanishes
    return compose(where(is_real | has_no_angle, size, size * _any_cos(y)), where(is_real, still, size * _any_sin(y)))


@_in_double
def exp2(z: Any) -> Any:
    """``exp(z log 2)``."""
    return exp(compose(_LN2 * real(z), _LN2 * imag(z)))


@_in_double
def expm1(z: Any) -> Any:
    """``expm1(x) cos y - 2 sin^2(y / 2) + i e^x sin y``."""
    x, y = real(z), imag(z)
    half = sin_f64(0.5 * y)
    return compose(expm1_f64(x) * cos_f64(y) - 2.0 * half * half, exp_f64(x) * sin_f64(y))


@scalar
def _log_length(x: Any, y: Any) -> Any:
    """``log |x + iy|``; near the unit circle by the square of the length less one."""
    length = hypot_f64(x, y)
    large, small = max(abs(x), abs(y)), min(abs(x), abs(y))
    near = 0.5 * log1p_f64((large - 1.0) * (large + 1.0) + small * small)
    return where((length > 0.5) & (length < 2.0), near, log_f64(length))


@_in_double
def log(z: Any) -> Any:
    """The principal branch: ``log |z| + i angle(z)``."""
    return compose(_log_length(real(z), imag(z)), arctan2_f64(imag(z), real(z)))


@_in_double
def log2(z: Any) -> Any:
    """``log(z) / log(2)``."""
    return compose(_log_length(real(z), imag(z)) / _LN2, arctan2_f64(imag(z), real(z)) / _LN2)


@_in_double
def log10(z: Any) -> Any:
    """``log(z) / log(10)``."""
    return compose(_log_length(real(z), imag(z)) / math.log(10.0), arctan2_f64(imag(z), real(z)) / math.log(10.0))


@_in_double
def log1p(z: Any) -> Any:
    """``log(1 + z)``, for small z by ``|1 + z|^2 = 1 + x (2 + x) + y^2``."""
    x, y = real(z), imag(z)
    near = 0.5 * log1p_f64(x * (2.0 + x) + y * y)
    small = abs(x) + abs(y) < 0.5
    return compose(where(small, near, _log_length(1.0 + x, y)), arctan2_f64(y, 1.0 + x))


@scalar
def sqrt(z: Any) -> Any:
    """The root with the positive real part, or the sign of the imaginary part where z is negative."""
    x, y = real(z), imag(z)
    half = _like(0.5, x)
    large = _root(half * abs(x) + half * _any_hypot(x, y))
    is_plain = (large != 0) & (large < math.inf)
    small = where(is_plain, half * abs(y) / where(is_plain, large, _like(1.0, x)), where(large == 0, large, abs(y)))
    infinite = abs(y) == math.inf
    small = where((large == math.inf) & ~infinite, where(y == y, _like(0.0, y), y), small)  # noqa: PLR0124  NaN
    first, second = where(x >= 0, large, small), where(x >= 0, small, large)
    return compose(where(infinite, abs(y), where(x != x, x, first)), _copysign(second, y))  # noqa: PLR0124


@_in_double
def power(z: Any, w: Any) -> Any:
    """By squaring for whole exponents below 100, as NumPy does it, else ``exp(w log z)``; ``0**w`` is 0 or NaN."""
    if real(w) == 0.0 and imag(w) == 0.0:
        return compose(1.0, 0.0)
    if real(z) == 0.0 and imag(z) == 0.0:
        known = real(w) > 0.0 and imag(w) == 0.0
        return compose(0.0, 0.0) if known else compose(math.nan, math.nan)
    if imag(w) == 0.0 and abs(real(w)) < 100.0 and real(w) == float(int(real(w))):
        left = abs(int(real(w)))
        found, factor = compose(1.0, 0.0), z
        while left > 0:
            if left & 1:
                found = found * factor
            factor = factor * factor
            left >>= 1
        return reciprocal(found) if real(w) < 0.0 else found
    return exp(w * compose(_log_length(real(z), imag(z)), arctan2_f64(imag(z), real(z))))


# circular and hyperbolic functions


@scalar
def _product(x: Any, y: Any) -> Any:
    """A product in which zero, of either sign, wins over infinity."""
    return where(y == 0.0, y, x * y)


@scalar
def _sinh_of(x: Any, y: Any) -> Any:
    return compose(_product(sinh_f64(x), cos_f64(y)) if x != 0.0 else x, _product(cosh_f64(x), sin_f64(y)))


@scalar
def _cosh_of(x: Any, y: Any) -> Any:
    return compose(cosh_f64(x) * cos_f64(y), _product(sinh_f64(x), sin_f64(y)) if x != 0.0 else x * sin_f64(y))


@scalar
def _tanh_of(x: Any, y: Any) -> Any:
    if abs(x) > _FAR:
        turn = sin_f64(y) * cos_f64(y) if abs(y) < math.inf else 0.0
        return compose(_copysign(1.0, x), 4.0 * turn * exp_f64(-2.0 * abs(x)))
    tangent, s = tan_f64(y), sinh_f64(x)
    beta = 1.0 + tangent * tangent
    scale = 1.0 + beta * s * s
    return compose(beta * _root(1.0 + s * s) * s / scale, tangent / scale)


@_in_double
def sinh(z: Any) -> Any:
    """``sinh x cos y + i cosh x sin y``."""
    return _sinh_of(real(z), imag(z))


@_in_double
def cosh(z: Any) -> Any:
    """``cosh x cos y + i sinh x sin y``."""
    return _cosh_of(real(z), imag(z))


@_in_double
def tanh(z: Any) -> Any:
    """Kahan's formula."""
    return _tanh_of(real(z), imag(z))


@_in_double
def sin(z: Any) -> Any:
    """``-i sinh(i z)``."""
    turned = _sinh_of(-imag(z), real(z))
    return compose(imag(turned), -real(turned))


@_in_double
def cos(z: Any) -> Any:
    """``cosh(i z)``."""
    return _cosh_of(-imag(z), real(z))


@_in_double
def tan(z: Any) -> Any:
    """``-i tanh(i z)``."""
    turned = _tanh_of(-imag(z), real(z))
    return compose(imag(turned), -real(turned))


@_in_double
def sinc(z: Any) -> Any:
    """``sin(pi z) / (pi z)``, and 1 at 0."""
    x, y = math.pi * real(z), math.pi * imag(z)
    if x == 0.0 and y == 0.0:
        return compose(1.0, 0.0)
    turned = _sinh_of(-y, x)
    return divide(compose(imag(turned), -real(turned)), compose(x, y))


# their inverses, in terms of roots of 1 - z and 1 + z


@scalar
def _arcsinh_of(x: Any, y: Any) -> Any:
    plus, minus = sqrt(compose(1.0 + y, -x)), sqrt(compose(1.0 - y, x))
    return compose(
        arcsinh_f64(real(plus) * imag(minus) - real(minus) * imag(plus)),
        arctan2_f64(y, real(plus) * real(minus) - imag(plus) * imag(minus)),
    )


@scalar
def _arctanh_of(x: Any, y: Any) -> Any:
    sign = _copysign(1.0, x)
    x, y = sign * x, sign * y
    far = max(x, abs(y)) > 1e150
    if far:
        length = hypot_f64(x * 0.5, y * 0.5)
        return compose(sign * (x / 4.0 / length / length), sign * _copysign(0.5 * math.pi, y))
    distance = (1.0 - x) * (1.0 - x) + y * y
    turn = 0.5 * arctan2_f64(2.0 * y, (1.0 - x) * (1.0 + x) - y * y)
    return compose(sign * 0.25 * log1p_f64(4.0 * x / distance), sign * turn)


@_in_double
def arcsin(z: Any) -> Any:
    """``-i arcsinh(i z)``."""
    turned = _arcsinh_of(-imag(z), real(z))
    return compose(imag(turned), -real(turned))


@_in_double
def arccos(z: Any) -> Any:
    """Kahan's formula."""
    minus, plus = sqrt(compose(1.0 - real(z), -imag(z))), sqrt(compose(1.0 + real(z), imag(z)))
    return compose(
        2.0 * arctan2_f64(real(minus), real(plus)), arcsinh_f64(real(plus) * imag(minus) - imag(plus) * real(minus))
    )


@_in_double
def arctan(z: Any) -> Any:
    """``-i arctanh(i z)``."""
    turned = _arctanh_of(-imag(z), real(z))
    return compose(imag(turned), -real(turned))


@_in_double
def arcsinh(z: Any) -> Any:
    """Kahan's formula."""
    return _arcsinh_of(real(z), imag(z))


@_in_double
def arccosh(z: Any) -> Any:
    """Kahan's formula."""
    minus, plus = sqrt(compose(real(z) - 1.0, imag(z))), sqrt(compose(real(z) + 1.0, imag(z)))
    return compose(
        arcsinh_f64(real(minus) * real(plus) + imag(minus) * imag(plus)), 2.0 * arctan2_f64(imag(minus), real(plus))
    )


@_in_double
def arctanh(z: Any) -> Any:
    """Kahan's formula."""
    return _arctanh_of(real(z), imag(z))
