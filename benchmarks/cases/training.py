"""Training of a classifier 784-1024-1024-10 on a batch of 256 with Adam, several steps in one call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Inputs, Program
from benchmarks.cases.digits import torch_classifier
from benchmarks.contenders import torch_compiled

WIDTHS = (784, 1024, 1024, 10)
BATCH, STEPS = 256, 8
N_PARAMETERS = 6
# An epsilon well above the rounding errors of the gradients, which the first steps amplify otherwise. A unit that is on
# in one precision and off in another still moves its weights by whole steps of Adam: the tolerance is a few of these.
RATE, BETA1, BETA2, EPSILON, TOLERANCE = 1e-4, 0.9, 0.999, 1e-5, 1e-2


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


def make_inputs(generator: np.random.Generator) -> Inputs:
    parameters = []
    for fan_in, fan_out in pairwise(WIDTHS):
        parameters.append(generator.standard_normal((fan_in, fan_out)) * (2 / fan_in) ** 0.5)
        parameters.append(0.1 * generator.standard_normal(fan_out))
    x = generator.random((BATCH, WIDTHS[0]))
    labels = generator.integers(0, WIDTHS[-1], BATCH)
    return (*(array.astype(np.float32) for array in (*parameters, x)), labels)


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    *parameters, x = (array.astype(np.float64) for array in inputs[:-1])
    labels, rows = inputs[-1], np.arange(BATCH)
    loss: Any = np.inf
    means = [np.zeros_like(p) for p in parameters]
    squares = [np.zeros_like(p) for p in parameters]
    for count in range(1, units + 1):
        w1, b1, w2, b2, w3, b3 = parameters
        h1 = np.maximum(x @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        logits = h2 @ w3 + b3
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        loss = -np.mean(log_probabilities[rows, labels])
        d3 = np.exp(log_probabilities)
        d3[rows, labels] -= 1
        d3 /= BATCH
        d2 = (d3 @ w3.T) * (h2 > 0)
        d1 = (d2 @ w2.T) * (h1 > 0)
        gradients = (x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0))
        means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients, strict=True)]
        squares = [BETA2 * s + (1 - BETA2) * g**2 for s, g in zip(squares, gradients, strict=True)]
        scale1, scale2 = 1 - BETA1**count, 1 - BETA2**count
        parameters = [
            p - RATE * (m / scale1) / (np.sqrt(s / scale2) + EPSILON)
            for p, m, s in zip(parameters, means, squares, strict=True)
        ]
    return *parameters, loss


def srcgrad_program(inputs: Inputs) -> Program:
    import srcgrad as sg

    value_and_grad = sg.value_and_grad(classifier(np), argnums=tuple(range(N_PARAMETERS)))
    adam = sg.optim.adam(RATE, BETA1, BETA2, EPSILON)

    def train(parameters: Any, x: Any, labels: Any) -> Any:
        def step(i: Any, carry: Any) -> Any:
            parameters, state, _ = carry
            loss, gradients = value_and_grad(*parameters, x, labels)
            return *adam.update(gradients, state, parameters), loss

        parameters, _, loss = sg.fori_loop(0, STEPS, step, (parameters, adam.init(parameters), np.float32(0)))
        return *parameters, loss

    return Program(sg.jit(train), (inputs[:N_PARAMETERS], *inputs[N_PARAMETERS:]), STEPS)


def adam_update(np: Any, count: Any, parameters: Any, gradients: Any, means: Any, squares: Any) -> Any:
    """The formulas above in float32, for libraries that bring no optimiser of their own, or cannot compile it."""
    means = [BETA1 * m + (1 - BETA1) * g for m, g in zip(means, gradients, strict=True)]
    squares = [BETA2 * s + (1 - BETA2) * g * g for s, g in zip(squares, gradients, strict=True)]
    scale1, scale2 = 1 - BETA1**count, 1 - BETA2**count
    parameters = [
        p - RATE * (m / scale1) / (np.sqrt(s / scale2) + EPSILON)
        for p, m, s in zip(parameters, means, squares, strict=True)
    ]
    return parameters, means, squares


def _jax_step() -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    value_and_grad = jax.value_and_grad(jax_classifier, argnums=tuple(range(N_PARAMETERS)))

    def step(count: Any, state: Any, x: Any, labels: Any) -> Any:
        parameters, means, squares, _ = state
        loss, gradients = value_and_grad(*parameters, x, labels)
        count = jnp.asarray(count, jnp.float32)
        return *adam_update(jnp, count, parameters, gradients, means, squares), loss

    return step


def jax_loop_program(inputs: Inputs) -> Program:
    import jax
    import jax.numpy as jnp

    step = _jax_step()

    def train(parameters: Any, x: Any, labels: Any) -> Any:
        zeros = [jnp.zeros_like(p) for p in parameters]
        state = (list(parameters), zeros, zeros, jnp.float32(0))
        parameters, _, _, loss = jax.lax.fori_loop(1, STEPS + 1, lambda i, s: step(i, s, x, labels), state)
        return *parameters, loss

    arrays = [jnp.asarray(array) for array in inputs]
    return Program(jax.jit(train), (arrays[:N_PARAMETERS], *arrays[N_PARAMETERS:]), STEPS)


def jax_program(inputs: Inputs) -> Program:
    """One step a call, its state donated."""
    import jax
    import jax.numpy as jnp

    step = jax.jit(_jax_step(), donate_argnums=1)
    arrays = [jnp.asarray(array) for array in inputs]
    x, labels = arrays[N_PARAMETERS:]

    def train() -> Any:
        parameters = [jnp.copy(p) for p in arrays[:N_PARAMETERS]]
        means, squares = ([jnp.zeros_like(p) for p in parameters] for _ in range(2))
        state = (parameters, means, squares, jnp.float32(0))
        for count in range(1, STEPS + 1):
            state = step(np.float32(count), state, x, labels)
        return *state[0], state[3]

    return Program(train, (), STEPS)


def torch_program(inputs: Inputs) -> Program:
    """``fused=True`` is the fastest of the three implementations of torch.optim.Adam."""
    import torch

    tensors = [torch.from_numpy(array) for array in inputs]
    x, labels = tensors[N_PARAMETERS:]

    def train() -> Any:
        parameters: Any = [p.clone().requires_grad_() for p in tensors[:N_PARAMETERS]]
        optimizer = torch.optim.Adam(parameters, RATE, (BETA1, BETA2), EPSILON, fused=True)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = torch_classifier(*[*parameters, x, labels])
            loss.backward()
            optimizer.step()
        return *parameters, loss

    return Program(train, (), STEPS)


def torch_compile_program(inputs: Inputs) -> Program:
    """Loss, gradients and the update as one graph; fused Adam after a compiled loss was slower."""
    import torch

    derivative = torch.func.grad_and_value(torch_classifier, argnums=tuple(range(N_PARAMETERS)))

    def step(count: Any, parameters: Any, means: Any, squares: Any, x: Any, labels: Any) -> Any:
        gradients, loss = derivative(*parameters, x, labels)
        return *adam_update(torch, count, parameters, gradients, means, squares), loss

    compiled = torch_compiled(step)
    tensors = [torch.from_numpy(array) for array in inputs]

    def train() -> Any:
        parameters = tensors[:N_PARAMETERS]
        means = squares = [torch.zeros_like(p) for p in parameters]
        loss = None
        for count in range(1, STEPS + 1):
            parameters, means, squares, loss = compiled(
                torch.tensor(float(count)), parameters, means, squares, *tensors[N_PARAMETERS:]
            )
        return *parameters, loss

    return Program(train, (), STEPS)


def autograd_program(inputs: Inputs) -> Program:
    import autograd
    import autograd.numpy as anp

    value_and_grad = autograd.value_and_grad(classifier(anp), tuple(range(N_PARAMETERS)))

    def train(*arrays: Array) -> Any:
        parameters, loss = list(arrays[:N_PARAMETERS]), None
        means = squares = [np.zeros_like(p) for p in parameters]
        for count in range(1, STEPS + 1):
            loss, gradients = value_and_grad(*parameters, *arrays[N_PARAMETERS:])
            parameters, means, squares = adam_update(np, count, parameters, gradients, means, squares)
        return *parameters, loss

    return Program(train, inputs, STEPS)


CASE = Case(
    name="training",
    what=f"classifier 784-1024-1024-10, batch of 256, Adam, {STEPS} steps in one call",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=TOLERANCE,
    unit="step",
    programs={
        "srcgrad": srcgrad_program,
        "jax": jax_program,
        "jax-loop": jax_loop_program,
        "torch": torch_program,
        "torch.compile": torch_compile_program,
        "autograd": autograd_program,
    },
)
