"""Elementwise functions that are more than a row of the table: by options, by the kinds of operands, made of others."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE, apply
from srcgrad.core.partial import Where
from srcgrad.eager.functions import pointwise as pw
from srcgrad.eager.functions.pointwise import unary_variant, variant
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.nodes import kind_of
from srcgrad.eager.recording.operands import same_dtype
from srcgrad.eager.recording.pointwise import function_of
from srcgrad.eager.recording.rows import RECORDED, record
from srcgrad.eager.tensors.dtypes import numpy_dtype
from srcgrad.eager.tensors.errors import do_not_fit
from srcgrad.eager.tensors.tensor import Tensor, wrap

Function = Callable[..., Any]
add_operands, sub_operands, true_divide, square = pw.add, pw.sub, pw.div, pw.square
_FIRST, _SECOND = (0,), (1,)  # which operands PyTorch has as such

# Selection

_WHERE = kind_of(TABLE["where"], "WhereBackward0", 3)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """The input's elements where the condition holds, else the other's; with the condition alone, where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if not (isinstance(input, Tensor) and isinstance(other, Tensor) and input._array.dtype is other._array.dtype):
        input, other = same_dtype(input, other)
    if not (isinstance(condition, Tensor) and isinstance(input, Tensor) and isinstance(other, Tensor)):
        return TABLE["where"](condition, input, other)
    if condition._array.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.type()}"
        )
    try:
        result = np.where(condition._array, input._array, other._array)
    except ValueError as error:
        raise do_not_fit("where", input, other, error) from None
    return record(_WHERE, wrap(result), (condition, input, other))


RECORDED["where"] = where

# Arithmetic

_rsub = function_of(TABLE["subtract"], "sub", "RsubBackward1", _SECOND)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``."""
    return add_operands(input, other) if alpha == 1 else _add_scaled(input, other, alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input - alpha * other``."""
    return sub_operands(input, other) if alpha == 1 else _sub_scaled(input, other, alpha)


@composite("AddBackward0")
def _add_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return add_operands(input, pw.mul(other, alpha))


@composite("SubBackward0")
def _sub_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return sub_operands(input, pw.mul(other, alpha))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``."""
    return _rsub(other, input if alpha == 1 else pw.mul(input, alpha))


def rdiv(x: Any, other: Any) -> Any:
    """``other / x``."""
    return pw.mul(pw.reciprocal(x), other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """The quotient; rounded to zero ("trunc") or down ("floor")."""
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    x, y = same_dtype(input, other)
    return pw.trunc(true_divide(x, y)) if x.dtype.kind == "f" else pw.trunc(true_divide(x.double(), y)).to(x.dtype)


def _no_zero_divisor(function: Function) -> Function:
    """Integers divided by zero are an error, as in PyTorch."""

    @functools.wraps(function)
    def checked(input: Any, other: Any) -> Any:
        x, y = (getattr(value, "_array", value) for value in (input, other))
        if isinstance(input, Tensor | int) and getattr(x, "dtype", np.dtype(int)).kind in "iu":
            divisor = np.asarray(y)
            if divisor.dtype.kind in "iub" and not divisor.all():
                raise RuntimeError("ZeroDivisionError")
        return function(input, other)

    checked.__module__ = __name__
    return checked


floor_divide, remainder, fmod = map(_no_zero_divisor, (pw.floor_divide, pw.remainder, pw.fmod))


@composite("RsqrtBackward0")
def rsqrt(input: Any) -> Any:
    """One over the square root."""
    return pw.reciprocal(pw.sqrt(input))


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest whole number, halves to even; or with decimals."""
    if decimals == 0:
        return input if input.dtype.kind in "iub" else pw.rint(input)
    scale = 10.0**decimals
    return div(pw.rint(pw.mul(input, scale)), scale)


@composite("FracBackward0")
def frac(input: Any) -> Any:
    """What is behind the point."""
    return sub(input, pw.trunc(input).detach() if isinstance(input, Tensor) else pw.trunc(input))


@composite("LogitBackward0")
def logit(input: Any, eps: float | None = None) -> Any:
    """``pw.log(x / (1 - x))``, of x clamped to ``eps .. 1 - eps`` where eps is given."""
    x = input if eps is None else clamp(input, eps, 1 - eps)
    return pw.log(div(x, sub(1, x)))


def deg2rad(input: Any) -> Any:
    """Degrees in radians."""
    return pw.mul(input, math.pi / 180)


def rad2deg(input: Any) -> Any:
    """Radians in degrees."""
    return pw.mul(input, 180 / math.pi)


def nan_to_num(input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """NaN and infinities replaced by numbers, by default 0 and the extremes of the dtype."""
    kind = numpy_dtype(input.dtype)
    limits = np.finfo(kind)
    high, low = (
        wrap(np.asarray(limit if given is None else given, kind))
        for limit, given in ((limits.max, posinf), (limits.min, neginf))
    )
    found = where(pw.isnan(input), nan, input)
    return where(pw.isinf(input), where(pw.gt(input, 0), high, low), found)


@composite("LerpBackward0")
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``input + weight * (end - input)``."""
    return add(input, pw.mul(sub(end, input), weight))


@composite("AddcmulBackward0")
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 * tensor2``."""
    product = pw.mul(tensor1, tensor2)
    return add(input, product if value == 1 else pw.mul(product, value))


@composite("AddcdivBackward0")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 / tensor2``."""
    quotient = true_divide(tensor1, tensor2)
    return add(input, quotient if value == 1 else pw.mul(quotient, value))


# Powers


def _power_by_exponent(out: Any, x: Any, y: Any) -> Where:
    """``x**y * pw.log(x)``, zero for ``0**y``; of a negative base NaN, as its logarithm is."""
    zero = apply("equal", x, 0) & apply("greater_equal", y, 0)
    return Where(~zero, out * apply("log", apply("where", zero, 1, x)))


_power = variant("power", TABLE["power"].partials[0], _power_by_exponent)  # type: ignore[index]
_pow_by_number = function_of(_power, "pow", "PowBackward0", _FIRST)
_pow_of_number = function_of(_power, "pow", "PowBackward2", _SECOND)
RECORDED["power"] = _pow_by_tensor = function_of(_power, "pow", "PowBackward1")


def pow(input: Any, exponent: Any) -> Any:
    """The power, of or by a number or a tensor."""
    kind = type(exponent)
    if kind is not int and kind is not float:
        if type(input) is int or type(input) is float:
            return _pow_of_number(input, exponent)
        return _pow_by_tensor(input, exponent)
    if not isinstance(input, Tensor):
        return _pow_by_number(input, exponent)
    if input._array.dtype.kind == "f":
        if exponent == 2:
            return square(input)
        if exponent in _COMMON_EXPONENTS:
            return _constant_power(exponent)(input)
    elif kind is int and exponent < 0 and input._array.dtype.kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return _pow_by_number(input, exponent)


_COMMON_EXPONENTS = frozenset(half / 2 for half in range(-8, 17) if half)


@functools.cache
def _constant_power(n: float) -> Function:
    """``x ** n`` for a constant n other than zero, where the general rule has nothing to select."""
    return function_of(unary_variant("power", lambda x: x**n, lambda out, x: n * x ** (n - 1)), "pow", "PowBackward0")  # type: ignore[no-any-return]


# Clamping. Within the bounds and at them the gradient passes.

_clamp = {
    (name, node): function_of(TABLE[name], "clamp", node, None if node == "ClampBackward0" else _FIRST)
    for name in ("maximum", "minimum")
    for node in ("ClampBackward0", "ClampBackward1", "ClampMinBackward0", "ClampMaxBackward0")
}


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Within bounds, numbers or tensors; None is no bound."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    node = "ClampBackward0" if isinstance(min, Tensor) or isinstance(max, Tensor) else "ClampBackward1"
    if max is None:
        return _clamp["maximum", node](input, min)
    if min is None:
        return _clamp["minimum", node](input, max)
    return _clamp_both(input, min, max)


@composite("ClampBackward1")
def _clamp_both(input: Any, low: Any, high: Any) -> Any:
    return _clamp["minimum", "ClampBackward1"](_clamp["maximum", "ClampBackward1"](input, low), high)


def clamp_min(input: Any, min: Any) -> Any:
    """No less than a bound."""
    return _clamp["maximum", "ClampMinBackward0"](input, min)


def clamp_max(input: Any, max: Any) -> Any:
    """No more than a bound."""
    return _clamp["minimum", "ClampMaxBackward0"](input, max)


_relu = function_of(variant("maximum", lambda out, x, y: Where(out > 0), None), "relu")


@functools.cache
def _zero(dtype: Any) -> Any:
    return np.zeros((), dtype)


#: The same row with its second operand in place, for the one call that a network makes at every layer.
_relu_of_floats = function_of(
    unary_variant("maximum", lambda x: np.maximum(x, _zero(x.dtype)), lambda out, x: Where(out > 0)),
    "relu",
    inexact=False,
)


def relu(input: Any) -> Any:
    """The value where it is positive, else 0."""
    return _relu_of_floats(input) if isinstance(input, Tensor) else _relu(input, 0)


# Comparison


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether elements differ by no more than ``atol + rtol * |other|``."""
    near = pw.le(pw.abs(sub(input, other)), add(pw.mul(pw.abs(other), rtol), atol))
    found = pw.logical_or(pw.eq(input, other), pw.logical_and(near, pw.isfinite(other)))
    return pw.logical_or(found, pw.logical_and(pw.isnan(input), pw.isnan(other))) if equal_nan else found


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements."""
    return input._array.shape == other._array.shape and bool((input._array == other._array).all())


# What is a row and no more.
globals().update({name: function for name, function in pw.FUNCTIONS.items() if name not in globals()})


def __getattr__(name: str) -> Any:
    return getattr(pw, name)
