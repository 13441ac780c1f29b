"""A classifier's step, 64-256-128-10 on a batch of 128: softmax cross entropy and the gradients of all layers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs

WIDTHS = (64, 256, 128, 10)
BATCH = 128


def classifier(np: Any) -> Callable[..., Any]:
    def loss(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, labels: Any) -> Any:
        hidden = np.maximum(x @ w1 + b1, 0)
        hidden = np.maximum(hidden @ w2 + b2, 0)
        logits = hidden @ w3 + b3
        logits = logits - np.max(logits, axis=1, keepdims=True)
        log_normalisers = np.log(np.sum(np.exp(logits), axis=1))
        return np.mean(log_normalisers - logits[np.arange(BATCH), labels])

    return loss


def jax_classifier(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, labels: Any) -> Any:
    import jax
    import jax.numpy as jnp

    hidden = jax.nn.relu(x @ w1 + b1)
    hidden = jax.nn.relu(hidden @ w2 + b2)
    log_probabilities = jax.nn.log_softmax(hidden @ w3 + b3)
    return -jnp.mean(log_probabilities[jnp.arange(BATCH), labels])


def torch_classifier(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, labels: Any) -> Any:
    import torch
    from torch.nn.functional import cross_entropy, relu

    hidden = relu(torch.addmm(b1, x, w1))
    hidden = relu(torch.addmm(b2, hidden, w2))
    return cross_entropy(torch.addmm(b3, hidden, w3), labels)


def make_inputs(generator: np.random.Generator) -> Inputs:
    parameters = []
    for fan_in, fan_out in pairwise(WIDTHS):
        parameters.append(generator.standard_normal((fan_in, fan_out)) * (2 / fan_in) ** 0.5)
        parameters.append(0.1 * generator.standard_normal(fan_out))
    x = generator.random((BATCH, WIDTHS[0]))
    labels = generator.integers(0, WIDTHS[-1], BATCH)
    return (*(array.astype(np.float32) for array in (*parameters, x)), labels)


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    w1, b1, w2, b2, w3, b3, x = (array.astype(np.float64) for array in inputs[:-1])
    labels = inputs[-1]
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    logits = h2 @ w3 + b3
    log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    rows = np.arange(BATCH)
    d3 = np.exp(log_probabilities)
    d3[rows, labels] -= 1
    d3 /= BATCH
    d2 = (d3 @ w3.T) * (h2 > 0)
    d1 = (d2 @ w2.T) * (h1 > 0)
    gradients = (x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0))
    return -np.mean(log_probabilities[rows, labels]), *gradients


CASE = Case(
    name="digits",
    what="classifier 64-256-128-10, batch of 128, cross entropy and all gradients",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-4,
    gradient=Gradient(classifier, torch_classifier, n_differentiated=6, jax_loss=jax_classifier),
)
