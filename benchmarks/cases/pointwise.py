"""The gradient of a sum of a chain of four transcendental functions: what fusion and vector math are worth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Gradient, Inputs, Program
from benchmarks.cases import by_hand


def chain(np: Any) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        return np.sum(np.sin(np.log1p(np.exp(np.tanh(x)))))

    return loss


def torch_chain(x: Any) -> Any:
    import torch

    return torch.sin(torch.log1p(torch.exp(torch.tanh(x)))).sum()


def make_inputs(generator: np.random.Generator, *, size: int, dtype: str) -> Inputs:
    return (generator.standard_normal(size).astype(dtype),)


def expected(inputs: Inputs, units: int) -> tuple[Array, ...]:
    x = inputs[0].astype(np.float64)
    a = np.tanh(x)
    b = np.exp(a)
    return (np.cos(np.log1p(b)) * b / (1 + b) * (1 - a**2),)


def numba_program(inputs: Inputs) -> Program:
    return Program(by_hand.compiled(by_hand.chain_gradient), inputs)


def _case(size: int, dtype: str) -> Case:
    exponent = len(str(size)) - 1
    return Case(
        name=f"pointwise-1e{exponent}-{dtype}",
        what=f"gradient of sum(sin(log1p(exp(tanh(x))))), {size:,} elements",
        dtype=dtype,
        make_inputs=partial(make_inputs, size=size, dtype=dtype),
        expected=expected,
        tolerance=1e-5 if dtype == "float32" else 1e-12,
        gradient=Gradient(chain, torch_chain, with_value=False),
        programs={"numba": numba_program},
    )


CASES = tuple(_case(size, dtype) for size in (100, 10_000, 1_000_000) for dtype in ("float64", "float32"))
