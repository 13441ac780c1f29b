"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.nn.faces import Fused, axis_of, constant, largest, shape_of, total


def relu(x: Any) -> Any:
    """The value where it is positive, else 0; the derivative at 0 is 0."""
    return apply("where", apply("greater", x, 0), x, 0)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """The value where it is positive, else a fraction of it."""
    return apply("where", apply("greater", x, 0), x, x * negative_slope)


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``"""
    return apply("expit", x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid`, without underflow."""
    return apply("log_expit", x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return apply("tanh", x)


def softplus(x: Any, beta: float = 1.0) -> Any:
    """``log(1 + exp(beta x)) / beta``, without overflow."""
    return -apply("log_expit", -(x * beta)) / beta


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``"""
    return x * sigmoid(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """``x`` times the normal distribution function of ``x``; "tanh" approximates it (Hendrycks and Gimpel 2016)."""
    if approximate == "tanh":
        return x * 0.5 * (1 + apply("tanh", math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    if approximate != "none":
        raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")
    return x * 0.5 * (1 + apply("erf", x * math.sqrt(0.5)))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """The value where it is positive, else ``alpha * (exp(x) - 1)``."""
    positive = apply("greater", x, 0)
    return apply("where", positive, x, apply("expm1", apply("where", positive, 0, x)) * alpha)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def selu(x: Any) -> Any:
    """`elu` scaled so that mean 0 and variance 1 are kept (Klambauer et al. 2017)."""
    return elu(x, _SELU_ALPHA) * _SELU_SCALE


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``"""
    return x * tanh(softplus(x))


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``"""
    return x / (abs(x) + 1)


def tanhshrink(x: Any) -> Any:
    """``x - tanh(x)``"""
    return x - tanh(x)


# softmax and its logarithm. On faces that record each operation they are one row, whose rule reads the result alone.


_sum: Any = np.add.reduce  # its stubs do not know positional arguments, which cost less
_largest: Any = np.maximum.reduce


def _composed_softmax(x: Any, *, axis: int) -> Any:
    parts = apply("exp", _shifted(x, axis))
    return parts / total(parts, axis)


def _composed_log_softmax(x: Any, *, axis: int) -> Any:
    shifted = _shifted(x, axis)
    return shifted - apply("log", total(apply("exp", shifted), axis))


def _shifted(x: Any, axis: int) -> Any:
    return x - constant(largest(x, axis))


def _top(x: Any, axis: int) -> Any:
    return _largest(x, axis, None, None, True) if x.shape[axis] else 0


def _reference_softmax(x: Any, *, axis: int) -> Any:
    made = np.exp(x - _top(x, axis))
    made /= _sum(made, axis, None, None, True)
    return made


def _reference_log_softmax(x: Any, *, axis: int) -> Any:
    shifted = x - _top(x, axis)
    shifted -= np.log(_sum(np.exp(shifted), axis, None, None, True))
    return shifted


def _total(x: Any, axis: int) -> Any:
    return _sum(x, axis, None, None, True) if type(x) is np.ndarray else total(x, axis)


def _adjoint_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    return ((cotangent - _total(cotangent * out, axis)) * out,)


def _adjoint_log_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    exponential = np.exp(out) if type(out) is np.ndarray else apply("exp", out)
    return (cotangent - exponential * _total(cotangent, axis),)


SOFTMAX = Fused("softmax", _composed_softmax, _reference_softmax, _adjoint_softmax)
LOG_SOFTMAX = Fused("log_softmax", _composed_log_softmax, _reference_log_softmax, _adjoint_log_softmax)


def softmax(x: Any, axis: int = -1) -> Any:
    """Exponentials over their sum along an axis."""
    return SOFTMAX(x, axis=axis_of(axis, len(shape_of(x))))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without overflow."""
    return LOG_SOFTMAX(x, axis=axis_of(axis, len(shape_of(x))))
