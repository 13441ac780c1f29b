"""Single-head attention over 128 tokens of width 64: value and the gradients of its four weight matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs

TOKENS, WIDTH = 128, 64
SCALE = 1.0 / WIDTH**0.5


def attention(np: Any) -> Callable[..., Any]:
    def loss(wq: Any, wk: Any, wv: Any, wo: Any, x: Any, target: Any) -> Any:
        scores = (x @ wq) @ (x @ wk).T * SCALE
        exponentials = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        probabilities = exponentials / np.sum(exponentials, axis=1, keepdims=True)
        return np.mean((probabilities @ (x @ wv) @ wo - target) ** 2)

    return loss


def jax_attention(wq: Any, wk: Any, wv: Any, wo: Any, x: Any, target: Any) -> Any:
    import jax
    import jax.numpy as jnp

    probabilities = jax.nn.softmax((x @ wq) @ (x @ wk).T * SCALE, axis=1)
    return jnp.mean((probabilities @ (x @ wv) @ wo - target) ** 2)


def torch_attention(wq: Any, wk: Any, wv: Any, wo: Any, x: Any, target: Any) -> Any:
    import torch

    probabilities = torch.softmax((x @ wq) @ (x @ wk).T * SCALE, dim=1)
    return ((probabilities @ (x @ wv) @ wo - target) ** 2).mean()


def make_inputs(generator: np.random.Generator) -> Inputs:
    weights = [generator.standard_normal((WIDTH, WIDTH)) * SCALE for _ in range(4)]
    x, target = generator.standard_normal((2, TOKENS, WIDTH))
    return tuple(array.astype(np.float32) for array in (*weights, x, target))


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    wq, wk, wv, wo, x, target = (array.astype(np.float64) for array in inputs)
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T * SCALE
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    context = p @ v
    residual = context @ wo - target
    d_out = 2 * residual / residual.size
    d_context = d_out @ wo.T
    d_p = d_context @ v.T
    d_scores = p * (d_p - np.sum(d_p * p, axis=1, keepdims=True)) * SCALE
    return (
        np.mean(residual**2),
        x.T @ (d_scores @ k),
        x.T @ (d_scores.T @ q),
        x.T @ (p.T @ d_context),
        context.T @ d_out,
    )


CASE = Case(
    name="attention",
    what="single-head attention, 128 x 64, value and the gradients of four weight matrices",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-4,
    gradient=Gradient(attention, torch_attention, n_differentiated=4, jax_loss=jax_attention),
)
