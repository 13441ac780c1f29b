"""Initial values of parameters, from a NumPy generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


def init_linear(rng: Rng, inputs: int, outputs: int, bias: bool = True, dtype: Any = np.float32) -> dict[str, Array]:
    """Parameters of `linear`, uniform within ``1 / sqrt(inputs)``, as PyTorch's."""
    bound = 1 / math.sqrt(inputs) if inputs else 0.0
    params = {"weight": rng.uniform(-bound, bound, (outputs, inputs)).astype(dtype)}
    if bias:
        params["bias"] = rng.uniform(-bound, bound, outputs).astype(dtype)
    return params


def init_layer_norm(size: int, dtype: Any = np.float32) -> dict[str, Array]:
    """Parameters of `layer_norm`: ones and zeros."""
    return {"weight": np.ones(size, dtype), "bias": np.zeros(size, dtype)}


def init_embedding(rng: Rng, count: int, size: int, dtype: Any = np.float32) -> dict[str, Array]:
    """Parameters of `embedding`: normal."""
    return {"weight": rng.standard_normal((count, size)).astype(dtype)}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """The inputs and outputs of each unit of a weight of shape (outputs, inputs, ...)."""
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def xavier_uniform(rng: Rng, shape: tuple[int, ...], gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """Uniform within ``gain * sqrt(6 / (inputs + outputs))`` (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape).astype(dtype)


def xavier_normal(rng: Rng, shape: tuple[int, ...], gain: float = 1.0, dtype: Any = np.float32) -> Array:
    """Normal with standard deviation ``gain * sqrt(2 / (inputs + outputs))``."""
    return (gain * math.sqrt(2 / sum(fans(shape))) * rng.standard_normal(shape)).astype(dtype)


def kaiming_uniform(rng: Rng, shape: tuple[int, ...], gain: float = math.sqrt(2.0), dtype: Any = np.float32) -> Array:
    """Uniform within ``gain * sqrt(3 / inputs)`` (He et al. 2015); the default gain is that of `relu`."""
    bound = gain * math.sqrt(3 / fans(shape)[0])
    return rng.uniform(-bound, bound, shape).astype(dtype)


def kaiming_normal(rng: Rng, shape: tuple[int, ...], gain: float = math.sqrt(2.0), dtype: Any = np.float32) -> Array:
    """Normal with standard deviation ``gain / sqrt(inputs)``."""
    return (gain / math.sqrt(fans(shape)[0]) * rng.standard_normal(shape)).astype(dtype)
