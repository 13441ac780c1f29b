"""A transformer's feed-forward block on 512 tokens of width 256: LayerNorm, GELU, residual; all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs

TOKENS, WIDTH, HIDDEN = 512, 256, 1024
EPSILON = 1e-5
ROOT, CUBIC = (2 / np.pi) ** 0.5, 0.044715


def block(np: Any) -> Callable[..., Any]:
    """The mean squared error of ``x + gelu(layer_norm(x) @ w1 + b1) @ w2 + b2``."""

    def loss(x: Any, scale: Any, shift: Any, w1: Any, b1: Any, w2: Any, b2: Any, target: Any) -> Any:
        centred = x - np.mean(x, axis=1, keepdims=True)
        normal = centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + EPSILON)
        h = (normal * scale + shift) @ w1 + b1
        h = 0.5 * h * (1 + np.tanh(ROOT * (h + CUBIC * h * h * h)))
        return np.mean((x + h @ w2 + b2 - target) ** 2)

    return loss


def jax_block(x: Any, scale: Any, shift: Any, w1: Any, b1: Any, w2: Any, b2: Any, target: Any) -> Any:
    import jax
    import jax.numpy as jnp

    normal = jax.nn.standardize(x, axis=1, epsilon=EPSILON)
    h = jax.nn.gelu((normal * scale + shift) @ w1 + b1, approximate=True)
    return jnp.mean((x + h @ w2 + b2 - target) ** 2)


def torch_block(x: Any, scale: Any, shift: Any, w1: Any, b1: Any, w2: Any, b2: Any, target: Any) -> Any:
    import torch
    from torch.nn.functional import gelu, layer_norm, mse_loss

    normal = layer_norm(x, (WIDTH,), scale, shift, EPSILON)
    h = gelu(torch.addmm(b1, normal, w1), approximate="tanh")
    return mse_loss(x + torch.addmm(b2, h, w2), target)


def make_inputs(generator: np.random.Generator) -> Inputs:
    def normal(*shape: int, scale: float = 1.0) -> Any:
        return scale * generator.standard_normal(shape)

    arrays = (
        normal(TOKENS, WIDTH),
        1 + normal(WIDTH, scale=0.1),
        normal(WIDTH, scale=0.1),
        normal(WIDTH, HIDDEN, scale=WIDTH**-0.5),
        normal(HIDDEN, scale=0.1),
        normal(HIDDEN, WIDTH, scale=HIDDEN**-0.5),
        normal(WIDTH, scale=0.1),
        normal(TOKENS, WIDTH),
    )
    return tuple(array.astype(np.float32) for array in arrays)


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    x, scale, shift, w1, b1, w2, b2, target = (array.astype(np.float64) for array in inputs)
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + EPSILON)
    normal = centred / deviation
    scaled = normal * scale + shift
    h = scaled @ w1 + b1
    t = np.tanh(ROOT * (h + CUBIC * h**3))
    active = 0.5 * h * (1 + t)
    residual = x + active @ w2 + b2 - target
    d_out = 2 * residual / residual.size
    d_h = (d_out @ w2.T) * (0.5 * (1 + t) + 0.5 * h * (1 - t**2) * ROOT * (1 + 3 * CUBIC * h**2))
    d_scaled = d_h @ w1.T
    d_normal = d_scaled * scale
    d_x = d_normal - d_normal.mean(axis=1, keepdims=True) - normal * np.mean(d_normal * normal, axis=1, keepdims=True)
    return (
        np.mean(residual**2),
        d_out + d_x / deviation,
        np.sum(d_scaled * normal, axis=0),
        np.sum(d_scaled, axis=0),
        scaled.T @ d_h,
        np.sum(d_h, axis=0),
        active.T @ d_out,
        np.sum(d_out, axis=0),
    )


CASE = Case(
    name="block",
    what="LayerNorm and GELU MLP with residual, 512 x 256, hidden 1024, value and all gradients",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-4,
    gradient=Gradient(block, torch_block, n_differentiated=7, jax_loss=jax_block),
)
