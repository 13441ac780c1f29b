"""Elementwise functions under PyTorch's names.

Where PyTorch chooses another derivative than NumPy's table at a point where there are several, the row is taken with
that choice (`dataclasses.replace`); the compiled face then makes the same choice for functions written with tensors.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE, apply
from srcgrad.core.partial import Where
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.operands import same_dtype
from srcgrad.eager.recording.pointwise import binary, comparison, nothing, unary
from srcgrad.eager.recording.rows import RECORDED
from srcgrad.eager.tensors.tensor import Tensor

Function = Callable[..., Any]


def _row(name: str, *partials: Any) -> Any:
    """A row, with other partial derivatives where they are given."""
    return dataclasses.replace(TABLE[name], partials=partials) if partials else TABLE[name]


def _inexact(name: str, torch_name: str, node: str) -> Function:
    return unary(_row(name), torch_name, node + "Backward0", inexact=True)


def _flat(name: str, torch_name: str, node: str) -> Function:
    """A step function: its gradient is zero everywhere, but it is one."""
    return unary(_row(name, nothing), torch_name, node + "Backward0")


# Functions of one operand

sin, cos, tan = _inexact("sin", "sin", "Sin"), _inexact("cos", "cos", "Cos"), _inexact("tan", "tan", "Tan")
asin, acos, atan = (
    _inexact("arcsin", "asin", "Asin"),
    _inexact("arccos", "acos", "Acos"),
    _inexact("arctan", "atan", "Atan"),
)
sinh, cosh, tanh = _inexact("sinh", "sinh", "Sinh"), _inexact("cosh", "cosh", "Cosh"), _inexact("tanh", "tanh", "Tanh")
asinh, acosh = _inexact("arcsinh", "asinh", "Asinh"), _inexact("arccosh", "acosh", "Acosh")
atanh = _inexact("arctanh", "atanh", "Atanh")
exp, exp2, expm1 = _inexact("exp", "exp", "Exp"), _inexact("exp2", "exp2", "Exp2"), _inexact("expm1", "expm1", "Expm1")
log, log2 = _inexact("log", "log", "Log"), _inexact("log2", "log2", "Log2")
log10, log1p = _inexact("log10", "log10", "Log10"), _inexact("log1p", "log1p", "Log1P")
sqrt = _inexact("sqrt", "sqrt", "Sqrt")
sigmoid = _inexact("expit", "sigmoid", "Sigmoid")
log_sigmoid = _inexact("log_expit", "logsigmoid", "LogSigmoid")
erf, erfc, erfinv = (
    _inexact("erf", "erf", "Erf"),
    _inexact("erfc", "erfc", "Erfc"),
    _inexact("erfinv", "erfinv", "Erfinv"),
)
lgamma, digamma = _inexact("gammaln", "lgamma", "Lgamma"), _inexact("digamma", "digamma", "Digamma")
sinc = _inexact("sinc", "sinc", "Sinc")
square = unary(_row("square"), "square", "PowBackward0")
neg = unary(_row("negative"), "neg", "NegBackward0")
absolute = unary(_row("absolute"), "abs", "AbsBackward0")
sign, floor, ceil = _flat("sign", "sign", "Sign"), _flat("floor", "floor", "Floor"), _flat("ceil", "ceil", "Ceil")
trunc = _flat("trunc", "trunc", "Trunc")
_rint = _flat("rint", "round", "Round")


def _one_over(x: Any) -> Any:
    return np.divide(np.asarray(1, x.dtype), x)


reciprocal = unary(
    dataclasses.replace(TABLE["reciprocal"], reference=_one_over), "reciprocal", "ReciprocalBackward0", inexact=True
)


@composite("RsqrtBackward0")
def rsqrt(input: Any) -> Any:
    """One over the square root."""
    return reciprocal(sqrt(input))


def round(input: Any, *, decimals: int = 0) -> Any:
    """The nearest whole number, halves to even; or with decimals."""
    if decimals == 0:
        return input if input.dtype.kind in "iub" else _rint(input)
    scale = 10.0**decimals
    return div(_rint(mul(input, scale)), scale)


@composite("FracBackward0")
def frac(input: Any) -> Any:
    """What is behind the point."""
    return sub(input, trunc(input).detach() if isinstance(input, Tensor) else trunc(input))


@composite("LogitBackward0")
def logit(input: Any, eps: float | None = None) -> Any:
    """``log(x / (1 - x))``, of x clamped to ``eps .. 1 - eps`` where eps is given."""
    x = input if eps is None else clamp(input, eps, 1 - eps)
    return log(div(x, sub(1, x)))


# Arithmetic

_add = binary(_row("add"), "add", "AddBackward0")
_sub = binary(_row("subtract"), "sub", "SubBackward0")
mul = binary(_row("multiply"), "mul", "MulBackward0")
#: As PyTorch's, the rule reads the operands and not the result, which may then be changed in place.
_divide = _row("divide", lambda out, x, y: 1 / y, lambda out, x, y: -(x / y) / y)
true_divide = binary(_divide, "div", "DivBackward0", inexact=True)
add_operands, sub_operands = _add, _sub
_rsub = binary(_row("subtract"), "sub", "RsubBackward1", operands=slice(1, None))
_FIRST, _SECOND = slice(0, 1), slice(1, None)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input + alpha * other``."""
    return _add(input, other) if alpha == 1 else _add_scaled(input, other, alpha)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``input - alpha * other``."""
    return _sub(input, other) if alpha == 1 else _sub_scaled(input, other, alpha)


@composite("AddBackward0")
def _add_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return _add(input, mul(other, alpha))


@composite("SubBackward0")
def _sub_scaled(input: Any, other: Any, alpha: Any) -> Any:
    return _sub(input, mul(other, alpha))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """``other - alpha * input``."""
    return _rsub(other, input if alpha == 1 else mul(input, alpha))


def rdiv(input: Any, other: Any) -> Any:
    """``other / input``."""
    return mul(reciprocal(input), other)


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
    return trunc(true_divide(x, y)) if x.dtype.kind == "f" else trunc(true_divide(x.double(), y)).to(x.dtype)


def _no_zero_divisor(function: Function) -> Function:
    """Integers divided by zero are an error, as in PyTorch."""

    def checked(input: Any, other: Any) -> Any:
        x, y = (getattr(value, "_array", value) for value in (input, other))
        if isinstance(input, Tensor | int) and getattr(x, "dtype", np.dtype(int)).kind in "iu":
            divisor = np.asarray(y)
            if divisor.dtype.kind in "iub" and not divisor.all():
                raise RuntimeError("ZeroDivisionError")
        return function(input, other)

    checked.__name__, checked.__doc__ = function.__name__, function.__doc__
    return checked


floor_divide = _no_zero_divisor(binary(_row("floor_divide"), "floor_divide", "FloorDivideBackward0"))
remainder = _no_zero_divisor(binary(_row("remainder"), "remainder", "RemainderBackward0"))
fmod = _no_zero_divisor(binary(_row("fmod"), "fmod", "FmodBackward0"))


# Powers


def _power_by_exponent(out: Any, x: Any, y: Any) -> Where:
    """``x**y * log(x)``, zero for ``0**y``; of a negative base NaN, as its logarithm is."""
    zero = apply("equal", x, 0) & apply("greater_equal", y, 0)
    return Where(~zero, out * apply("log", apply("where", zero, 1, x)))


_power = _row("power", TABLE["power"].partials[0], _power_by_exponent)  # type: ignore[index]
_pow_by_number = binary(_power, "pow", "PowBackward0", operands=_FIRST)
_pow_of_number = binary(_power, "pow", "PowBackward2", operands=_SECOND)
_pow_by_tensor = binary(_power, "pow", "PowBackward1")


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
    row = dataclasses.replace(TABLE["power"], reference=lambda x: x**n, partials=(lambda out, x: n * x ** (n - 1),))
    return unary(
        dataclasses.replace(row, samples=TABLE["square"].samples, infer=TABLE["square"].infer), "pow", "PowBackward0"
    )


# Extrema. At a tie both operands get half.


def _share(first: str) -> tuple[Any, Any]:
    def of_first(out: Any, x: Any, y: Any) -> Where:
        return Where(apply(first, x, y), _half_if_tied(x, y))

    def of_second(out: Any, x: Any, y: Any) -> Where:
        return Where(apply(first, y, x), _half_if_tied(x, y))

    return of_first, of_second


def _half_if_tied(x: Any, y: Any) -> Any:
    return apply("where", apply("equal", x, y), apply("astype", 0.5, dtype=x.dtype), 1)


maximum = binary(_row("maximum", *_share("greater_equal")), "maximum", "MaximumBackward0")
minimum = binary(_row("minimum", *_share("less_equal")), "minimum", "MinimumBackward0")
fmax = binary(_row("fmax"), "fmax", "FmaxBackward0")
fmin = binary(_row("fmin"), "fmin", "FminBackward0")

# Clamping. Within the bounds and at them the gradient passes.

_clamp = {
    (name, node): binary(_row(name), "clamp", node, operands=slice(None) if node == "ClampBackward0" else _FIRST)
    for name in ("maximum", "minimum")
    for node in ("ClampBackward0", "ClampBackward1", "ClampMinBackward0", "ClampMaxBackward0")
}


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """Within bounds, numbers or tensors; None is no bound."""
    node = "ClampBackward1"
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        node = "ClampBackward0"
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


_relu = binary(_row("maximum", lambda out, x, y: Where(out > 0), None), "relu", "ReluBackward0", operands=_FIRST)


@functools.cache
def _zero(dtype: Any) -> Any:
    return np.zeros((), dtype)


#: The same row with its second operand in place, for the one call that a network makes at every layer.
_relu_of_floats = unary(
    dataclasses.replace(
        TABLE["maximum"],
        reference=lambda x: np.maximum(x, _zero(x.dtype)),
        partials=(lambda out, x: Where(out > 0),),
        infer=TABLE["square"].infer,
        samples=TABLE["square"].samples,
    ),
    "relu",
    "ReluBackward0",
)


def relu(input: Any) -> Any:
    """The value where it is positive, else 0."""
    return _relu_of_floats(input) if isinstance(input, Tensor) else _relu(input, 0)


# Two operands

atan2 = binary(_row("arctan2"), "atan2", "Atan2Backward0", inexact=True)
hypot = binary(_row("hypot"), "hypot", "HypotBackward0", inexact=True)
_copysign = _row("copysign", TABLE["copysign"].partials[0], nothing)  # type: ignore[index]
copysign = binary(_copysign, "copysign", "CopysignBackward0", inexact=True)
logaddexp = binary(_row("logaddexp"), "logaddexp", "LogaddexpBackward0", inexact=True)
logaddexp2 = binary(_row("logaddexp2"), "logaddexp2", "Logaddexp2Backward0", inexact=True)
xlogy = binary(_row("xlogy"), "xlogy", "XlogyBackward0", inexact=True)
heaviside = binary(_row("heaviside"), "heaviside", "HeavisideBackward0")


# What rules and layers ask of the table by a row's name is recorded by the functions above.

RECORDED.update(
    sin=sin,
    cos=cos,
    tan=tan,
    sinh=sinh,
    cosh=cosh,
    tanh=tanh,
    exp=exp,
    exp2=exp2,
    expm1=expm1,
    log=log,
    log1p=log1p,
    sqrt=sqrt,
    expit=sigmoid,
    log_expit=log_sigmoid,
    erf=erf,
    square=square,
    negative=neg,
    absolute=absolute,
    add=_add,
    subtract=_sub,
    multiply=mul,
    divide=true_divide,
    power=_pow_by_tensor,
)


@composite("LerpBackward0")
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``input + weight * (end - input)``."""
    return _add(input, mul(sub(end, input), weight))


@composite("AddcmulBackward0")
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 * tensor2``."""
    product = mul(tensor1, tensor2)
    return _add(input, product if value == 1 else mul(product, value))


@composite("AddcdivBackward0")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """``input + value * tensor1 / tensor2``."""
    quotient = true_divide(tensor1, tensor2)
    return _add(input, quotient if value == 1 else mul(quotient, value))


# Comparison and logic

eq, ne = comparison(_row("equal"), "eq"), comparison(_row("not_equal"), "ne")
lt, le = comparison(_row("less"), "lt"), comparison(_row("less_equal"), "le")
gt, ge = comparison(_row("greater"), "gt"), comparison(_row("greater_equal"), "ge")
logical_and, logical_or = comparison(_row("logical_and"), "logical_and"), comparison(_row("logical_or"), "logical_or")
logical_xor = comparison(_row("logical_xor"), "logical_xor")
logical_not = unary(_row("logical_not"), "logical_not", "")
isnan, isinf, isfinite = (unary(_row(name), name, "") for name in ("isnan", "isinf", "isfinite"))
signbit = unary(_row("signbit"), "signbit", "")
bitwise_and = binary(_row("bitwise_and"), "bitwise_and", "")
bitwise_or = binary(_row("bitwise_or"), "bitwise_or", "")
bitwise_xor = binary(_row("bitwise_xor"), "bitwise_xor", "")
bitwise_not = unary(_row("invert"), "bitwise_not", "")
bitwise_left_shift = binary(_row("left_shift"), "bitwise_left_shift", "")
bitwise_right_shift = binary(_row("right_shift"), "bitwise_right_shift", "")


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether elements differ by no more than ``atol + rtol * |other|``."""
    near = le(absolute(sub(input, other)), add(mul(absolute(other), rtol), atol))
    found = logical_or(eq(input, other), logical_and(near, isfinite(other)))
    return logical_or(found, logical_and(isnan(input), isnan(other))) if equal_nan else found


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and elements."""
    return input._array.shape == other._array.shape and bool((input._array == other._array).all())
