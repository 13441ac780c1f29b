"""Layers: functions of parameters and an input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.nn.faces import mean_along, shape_of, swap_last
from srcgrad.random import bernoulli

Params = Mapping[str, Any]


def linear(params: Params, x: Any) -> Any:
    """``x @ weight.T + bias``; ``weight`` has shape (outputs, inputs), ``bias`` is optional."""
    product = x @ swap_last(params["weight"])
    bias = params.get("bias")
    return product if bias is None else product + bias


def layer_norm(params: Params, x: Any, eps: float = 1e-5) -> Any:
    """Mean 0 and variance 1 over the last axis, times ``weight`` plus ``bias``, where they are given (Ba et al.
    2016).
    """
    axis = len(shape_of(x)) - 1
    centred = x - mean_along(x, axis)
    normal = centred / apply("sqrt", mean_along(centred * centred, axis) + eps)
    weight, bias = params.get("weight"), params.get("bias")
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias


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
