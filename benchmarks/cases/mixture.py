"""The log-likelihood of a Gaussian mixture with diagonal covariances, and its gradient in all parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs

SAMPLES, DIMENSIONS, COMPONENTS = 1000, 10, 25


def mixture(np: Any) -> Callable[[Any, Any, Any, Any], Any]:
    """Up to the constant ``-samples * dimensions / 2 * log(2 pi)``."""

    def logsumexp(a: Any) -> Any:
        top = np.max(a, axis=-1, keepdims=True)
        return top[..., 0] + np.log(np.sum(np.exp(a - top), axis=-1))

    def log_likelihood(weights: Any, means: Any, log_scales: Any, x: Any) -> Any:
        standardised = (x[:, None, :] - means) * np.exp(-log_scales)
        log_densities = -0.5 * np.sum(standardised**2, axis=2) - np.sum(log_scales, axis=1)
        return np.sum(logsumexp(weights + log_densities)) - len(x) * logsumexp(weights)

    return log_likelihood


def jax_mixture(weights: Any, means: Any, log_scales: Any, x: Any) -> Any:
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    standardised = (x[:, None, :] - means) * jnp.exp(-log_scales)
    log_densities = -0.5 * jnp.sum(standardised**2, axis=2) - jnp.sum(log_scales, axis=1)
    return jnp.sum(logsumexp(weights + log_densities, axis=1)) - len(x) * logsumexp(weights)


def torch_mixture(weights: Any, means: Any, log_scales: Any, x: Any) -> Any:
    import torch

    standardised = (x[:, None, :] - means) * torch.exp(-log_scales)
    log_densities = -0.5 * (standardised**2).sum(2) - log_scales.sum(1)
    return torch.logsumexp(weights + log_densities, 1).sum() - len(x) * torch.logsumexp(weights, 0)


def make_inputs(generator: np.random.Generator) -> Inputs:
    return (
        generator.standard_normal(COMPONENTS),
        generator.standard_normal((COMPONENTS, DIMENSIONS)),
        0.3 * generator.standard_normal((COMPONENTS, DIMENSIONS)),
        1.5 * generator.standard_normal((SAMPLES, DIMENSIONS)),
    )


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    weights, means, log_scales, x = inputs
    precisions = np.exp(-2 * log_scales)
    differences = x[:, None, :] - means
    joint = weights - 0.5 * np.sum(differences**2 * precisions, axis=2) - np.sum(log_scales, axis=1)
    evidence = np.logaddexp.reduce(joint, axis=1, keepdims=True)
    responsibilities = np.exp(joint - evidence)
    normaliser = np.logaddexp.reduce(weights)
    weighted = responsibilities[:, :, None] * differences * precisions
    return (
        np.sum(evidence) - len(x) * normaliser,
        np.sum(responsibilities, axis=0) - len(x) * np.exp(weights - normaliser),
        np.sum(weighted, axis=0),
        np.sum(weighted * differences - responsibilities[:, :, None], axis=0),
    )


CASE = Case(
    name="mixture",
    what="log-likelihood of a Gaussian mixture, 1000 x 10, 25 components, value and all gradients",
    dtype="float64",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-10,
    gradient=Gradient(mixture, torch_mixture, n_differentiated=3, jax_loss=jax_mixture),
)
