"""The gradient of Rosenbrock's function in ten dimensions: what a call from Python costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Gradient, Inputs, Program
from benchmarks.cases import by_hand


def rosenbrock(np: Any) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return loss


def torch_rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def make_inputs(generator: np.random.Generator) -> Inputs:
    return (generator.standard_normal(10),)


def expected(inputs: Inputs, units: int) -> tuple[Array, ...]:
    (x,) = inputs
    valley = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] += 200.0 * valley
    gradient[:-1] -= 400.0 * x[:-1] * valley + 2.0 * (1.0 - x[:-1])
    return (gradient,)


def numba_program(inputs: Inputs) -> Program:
    return Program(by_hand.compiled(by_hand.rosenbrock_gradient), inputs)


CASE = Case(
    name="rosenbrock",
    what="gradient of Rosenbrock's function, 10 dimensions, one call from Python",
    dtype="float64",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-12,
    gradient=Gradient(rosenbrock, torch_rosenbrock, with_value=False),
    programs={"numba": numba_program},
)
