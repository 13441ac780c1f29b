"""Layers: functions of parameters and an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.nn.faces import mean_over, shape_of, swap_last
from srcgrad.random import bernoulli

Params = Mapping[str, Any]


def linear(params: Params, x: Any) -> Any:
    """``x @ weight.T + bias``; ``weight`` has shape (outputs, inputs), ``bias`` is optional."""
    product = x @ swap_last(params["weight"])
    bias = params.get("bias")
    return product if bias is None else product + bias


def layer_norm(params: Params, x: Any, eps: float = 1e-5, count: int = 1) -> Any:
    """Mean 0 and variance 1 over the last ``count`` axes, times ``weight`` plus ``bias``, where they are given (Ba et
    al. 2016).
    """
    ndim = len(shape_of(x))
    return normalized(params, x, tuple(range(ndim - count, ndim)), eps)


def normalized(params: Params, x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Mean 0 and variance 1 over axes, times ``weight`` plus ``bias``, where they are given."""
    centred = x - mean_over(x, axes)
    normal = centred / apply("sqrt", mean_over(centred * centred, axes) + eps)
    return affine(params, normal)


def affine(params: Params, x: Any) -> Any:
    """Times ``weight`` plus ``bias``, where they are given."""
    weight, bias = params.get("weight"), params.get("bias")
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def embedding(params: Params, indices: Any) -> Any:
    """The rows of ``weight`` that the integers name."""
    return apply("gather", params["weight"], indices, axes=(0,), position=0)


def dropout(key: Any, x: Any, p: float = 0.5) -> Any:
    """Zero with probability p, the rest scaled by ``1 / (1 - p)``. ``key`` is one of ``sg.random``."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p in (0, 1):
        return x * (1 - p)
    kept = bernoulli(key, np.float64(1 - p), shape_of(x))
    return apply("where", kept, x / (1 - p), 0)
