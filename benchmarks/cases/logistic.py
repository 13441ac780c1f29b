"""Logistic regression on 569 samples of 30 features: value and gradient, as an optimiser calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs, Program
from benchmarks.cases import by_hand

SAMPLES, FEATURES = 569, 30


def logistic(np: Any) -> Callable[[Any, Any, Any], Any]:
    def loss(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return np.mean(np.logaddexp(0.0, z) - y * z)

    return loss


def torch_logistic(w: Any, x: Any, y: Any) -> Any:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(x @ w, y)


def make_inputs(generator: np.random.Generator) -> Inputs:
    x = generator.standard_normal((SAMPLES, FEATURES))
    w = generator.standard_normal(FEATURES) * 0.3
    y = (generator.random(SAMPLES) < 1 / (1 + np.exp(-(x @ w)))).astype(np.float64)
    return generator.standard_normal(FEATURES) * 0.3, x, y


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    w, x, y = inputs
    z = x @ w
    return np.mean(np.logaddexp(0.0, z) - y * z), x.T @ (1 / (1 + np.exp(-z)) - y) / len(y)


def numba_program(inputs: Inputs) -> Program:
    return Program(by_hand.compiled(by_hand.logistic_value_and_gradient), inputs)


CASE = Case(
    name="logistic",
    what="logistic regression, 569 samples x 30 features, value and gradient",
    dtype="float64",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-12,
    gradient=Gradient(logistic, torch_logistic),
    programs={"numba": numba_program},
)
