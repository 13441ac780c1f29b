"""Activation functions."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.core.op import apply
from srcgrad.nn.faces import axis_of, constant, largest, shape_of, total


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


def softmax(x: Any, axis: int = -1) -> Any:
    """Exponentials over their sum along an axis."""
    parts = apply("exp", _shifted(x, axis))
    return parts / total(parts, axis_of(axis, len(shape_of(x))))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without overflow."""
    shifted = _shifted(x, axis)
    return shifted - apply("log", total(apply("exp", shifted), axis_of(axis, len(shape_of(x)))))


def _shifted(x: Any, axis: int) -> Any:
    return x - constant(largest(x, axis_of(axis, len(shape_of(x)))))
