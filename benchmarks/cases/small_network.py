"""The training of a small network (100 x 3 -> 32 -> 1, squared error, SGD), all steps in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Inputs, Program
from benchmarks.cases import by_hand
from benchmarks.contenders import torch_compiled

STEPS, RATE = 200, 1e-4
SAMPLES, FEATURES, HIDDEN = 100, 3, 32


def squared_error(np: Any) -> Callable[..., Any]:
    def loss(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        return np.sum((np.maximum(x @ w1 + b1, 0) @ w2 + b2 - y) ** 2)

    return loss


def torch_squared_error(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    return (x.mm(w1).add(b1).clamp(min=0).mm(w2).add(b2) - y).pow(2).sum()


def make_inputs(generator: np.random.Generator) -> Inputs:
    x = generator.standard_normal((SAMPLES, FEATURES))
    y = x @ [[0.2], [-1.3], [-0.5]] + generator.standard_normal((SAMPLES, 1))
    w1 = generator.standard_normal((FEATURES, HIDDEN))
    w2 = generator.standard_normal((HIDDEN, 1))
    parameters = (w1, np.zeros((1, HIDDEN)), w2, np.zeros((1, 1)))
    return tuple(array.astype(np.float32) for array in (*parameters, x, y))


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    w1, b1, w2, b2, x, y = (array.astype(np.float64) for array in inputs)
    loss = np.inf
    for _ in range(units):
        hidden = np.maximum(x @ w1 + b1, 0)
        residual = hidden @ w2 + b2 - y
        loss = np.sum(residual**2)
        d_out = 2 * residual
        d_hidden = (d_out @ w2.T) * (hidden > 0)
        w1, b1 = w1 - RATE * (x.T @ d_hidden), b1 - RATE * d_hidden.sum(0)
        w2, b2 = w2 - RATE * (hidden.T @ d_out), b2 - RATE * d_out.sum(0)
    return w1, b1, w2, b2, loss


def srcgrad_program(inputs: Inputs) -> Program:
    import srcgrad as sg

    value_and_grad = sg.value_and_grad(squared_error(np), argnums=(0, 1, 2, 3))

    def train(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            loss, gradients = value_and_grad(*state[:4], x, y)
            return (*(p - RATE * g for p, g in zip(state[:4], gradients, strict=True)), loss)

        return sg.fori_loop(0, STEPS, step, (w1, b1, w2, b2, np.float32(0)))

    return Program(sg.jit(train), inputs, STEPS)


def numba_program(inputs: Inputs) -> Program:
    kernel = by_hand.compiled(by_hand.small_network_training)
    w1, b1, w2, b2, x, y = inputs

    def train(w1: Array, b1: Array, w2: Array, b2: Array) -> Any:
        parameters = w1.copy(), b1[0].copy(), w2[:, 0].copy(), b2[0].copy()
        return (*parameters, kernel(*parameters, x, y[:, 0], np.float32(RATE), STEPS))

    return Program(train, (w1, b1, w2, b2), STEPS)


def jax_loop_program(inputs: Inputs) -> Program:
    """On XLA's side, ``scan`` and an unrolled loop measured within 7 % of this."""
    import jax
    import jax.numpy as jnp

    value_and_grad = jax.value_and_grad(squared_error(jnp), argnums=(0, 1, 2, 3))

    def train(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            loss, gradients = value_and_grad(*state[:4], x, y)
            return (*(p - RATE * g for p, g in zip(state[:4], gradients, strict=True)), loss)

        return jax.lax.fori_loop(0, STEPS, step, (w1, b1, w2, b2, jnp.float32(0)))

    return Program(jax.jit(train), tuple(jnp.asarray(array) for array in inputs), STEPS)


def jax_program(inputs: Inputs) -> Program:
    import jax
    import jax.numpy as jnp

    value_and_grad = jax.value_and_grad(squared_error(jnp), argnums=(0, 1, 2, 3))

    def step(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        loss, gradients = value_and_grad(w1, b1, w2, b2, x, y)
        return (*(p - RATE * g for p, g in zip((w1, b1, w2, b2), gradients, strict=True)), loss)

    return Program(_repeated(jax.jit(step)), tuple(jnp.asarray(array) for array in inputs), STEPS)


def torch_program(inputs: Inputs) -> Program:
    import torch

    w1, b1, w2, b2, x, y = (torch.from_numpy(array) for array in inputs)

    def train() -> Any:
        v1, c1, v2, c2 = (p.clone().requires_grad_() for p in (w1, b1, w2, b2))
        for _ in range(STEPS):
            loss = torch_squared_error(v1, c1, v2, c2, x, y)
            loss.backward()
            with torch.no_grad():
                for p in (v1, c1, v2, c2):
                    p.sub_(p.grad, alpha=RATE)
                    p.grad = None
        return v1, c1, v2, c2, loss

    return Program(train, (), STEPS)


def torch_compile_program(inputs: Inputs) -> Program:
    import torch

    derivative = torch.func.grad_and_value(torch_squared_error, argnums=(0, 1, 2, 3))

    def step(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        gradients, loss = derivative(w1, b1, w2, b2, x, y)
        return (*(p - RATE * g for p, g in zip((w1, b1, w2, b2), gradients, strict=True)), loss)

    return Program(_repeated(torch_compiled(step)), tuple(torch.from_numpy(a) for a in inputs), STEPS)


def autograd_program(inputs: Inputs) -> Program:
    import autograd
    import autograd.numpy as anp

    value_and_grad = autograd.value_and_grad(squared_error(anp), (0, 1, 2, 3))

    def step(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        loss, gradients = value_and_grad(w1, b1, w2, b2, x, y)
        return (*(p - RATE * g for p, g in zip((w1, b1, w2, b2), gradients, strict=True)), loss)

    return Program(_repeated(step), inputs, STEPS)


def _repeated(step: Callable[..., Any]) -> Callable[..., Any]:
    """All steps as a Python loop over a step that returns new parameters and the loss."""

    def train(w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
        for _ in range(STEPS):
            w1, b1, w2, b2, loss = step(w1, b1, w2, b2, x, y)
        return w1, b1, w2, b2, loss

    return train


CASE = Case(
    name="small-network",
    what="training of a network 100x3 -> 32 -> 1 by SGD, a loop of 200 steps",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-4,
    unit="step",
    programs={
        "srcgrad": srcgrad_program,
        "numba": numba_program,
        "jax": jax_program,
        "jax-loop": jax_loop_program,
        "torch": torch_program,
        "torch.compile": torch_compile_program,
        "autograd": autograd_program,
    },
)
