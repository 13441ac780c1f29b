"""The gradient of the weights of an LSTM of 64 units over 1,000 steps of 64 inputs, one sequence and sixteen.

The loss is the mean square of all states. That of the last state alone has cotangents that fall below the normal
numbers within some hundred steps; JAX flushes them to zero, NumPy and we do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs, Program
from benchmarks.cases import by_hand

STEPS, FEATURES, UNITS = 1000, 64, 64


def network(np: Any) -> Callable[..., Any]:
    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def loss(wx: Any, wh: Any, b: Any, x: Any) -> Any:
        h = np.zeros((x.shape[1], UNITS), x.dtype)
        c = np.zeros((x.shape[1], UNITS), x.dtype)
        total = 0.0
        for t in range(STEPS):
            gates = x[t] @ wx + h @ wh + b
            i, f = gates[:, :UNITS], gates[:, UNITS : 2 * UNITS]
            g, o = gates[:, 2 * UNITS : 3 * UNITS], gates[:, 3 * UNITS :]
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            total += np.mean(h * h)
        return total / STEPS

    return loss


def jax_network(*, hoisted: bool, checkpoint: bool = False) -> Callable[..., Any]:
    """The inputs' product before the scan or in it: 3.2 and 4.0 ms for one sequence, 53 and 44 for sixteen.

    Unrolling by four loses a little in both.
    """

    def loss(wx: Any, wh: Any, b: Any, x: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def step(state: Any, row: Any) -> Any:
            h, c = state
            gates = row + h @ wh if hoisted else row @ wx + h @ wh + b
            i, f, g, o = jnp.split(gates, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((x.shape[1], UNITS), x.dtype)
        rows = x @ wx + b if hoisted else x
        _, h = jax.lax.scan(jax.checkpoint(step) if checkpoint else step, (start, start), rows)
        return jnp.mean(h * h)

    return loss


def jax_program(**options: bool) -> Callable[[Inputs], Program]:
    def program(inputs: Inputs) -> Program:
        import jax
        import jax.numpy as jnp

        gradient = jax.jit(jax.value_and_grad(jax_network(**options), argnums=(0, 1, 2)))
        return Program(gradient, tuple(jnp.asarray(array) for array in inputs))

    return program


def torch_network(wx: Any, wh: Any, b: Any, x: Any) -> Any:
    """PyTorch's own LSTM, whose weights are transposed and which has a second bias."""
    import torch

    start = x.new_zeros((1, x.shape[1], UNITS))
    weights = [wx.t(), wh.t(), b, torch.zeros_like(b)]
    h, _, _ = torch.lstm(x, (start, start), weights, True, 1, 0.0, True, False, False)
    return (h * h).mean()


def make_inputs(batch: int) -> Callable[[np.random.Generator], Inputs]:
    def inputs(generator: np.random.Generator) -> Inputs:
        wx, wh = generator.standard_normal((2, FEATURES, 4 * UNITS)) / UNITS**0.5
        b = 0.1 * generator.standard_normal(4 * UNITS)
        x = generator.standard_normal((STEPS, batch, FEATURES))
        return tuple(array.astype(np.float32) for array in (wx, wh, b, x))

    return inputs


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    """Back through time by hand, in float64."""
    wx, wh, b, x = (array.astype(np.float64) for array in inputs)
    h, c = np.zeros((2, x.shape[1], UNITS))
    tape = []
    total = 0.0
    for row in x:
        gates = row @ wx + h @ wh + b
        sigmoids = 1 / (1 + np.exp(-gates))
        i, f, _, o = np.split(sigmoids, 4, axis=1)
        g = np.tanh(gates[:, 2 * UNITS : 3 * UNITS])
        before = h, c
        c = f * c + i * g
        squashed = np.tanh(c)
        h = o * squashed
        total += np.mean(h * h) / STEPS
        tape.append((row, *before, i, f, g, o, squashed, h))
    h_bar, c_bar = np.zeros_like(h), np.zeros_like(c)
    wx_bar, wh_bar, b_bar = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for row, h_before, c_before, i, f, g, o, squashed, h in reversed(tape):
        h_bar = h_bar + 2 * h / h.size / STEPS
        c_bar = c_bar + h_bar * o * (1 - squashed**2)
        parts = (
            c_bar * g * i * (1 - i),
            c_bar * c_before * f * (1 - f),
            c_bar * i * (1 - g**2),
            h_bar * squashed * o * (1 - o),
        )
        gates_bar = np.concatenate(parts, axis=1)
        wx_bar += row.T @ gates_bar
        wh_bar += h_before.T @ gates_bar
        b_bar += gates_bar.sum(axis=0)
        h_bar, c_bar = gates_bar @ wh.T, c_bar * f
    return total, wx_bar, wh_bar, b_bar


def numba_primal_program(inputs: Inputs) -> Program:
    return Program(by_hand.compiled(by_hand.lstm), inputs)


def case(name: str, batch: int, what: str) -> Case:
    return Case(
        name=name,
        what=f"an LSTM of 64 units, 1,000 steps of {what}, and the gradients of its weights",
        dtype="float32",
        make_inputs=make_inputs(batch),
        expected=expected,
        tolerance=1e-4,
        gradient=Gradient(network, torch_network, n_differentiated=3, jax_loss=jax_network(hoisted=False)),
        programs={
            "jax-loop": jax_program(hoisted=True),
            "jax-checkpoint": jax_program(hoisted=True, checkpoint=True),
            "numba-primal": numba_primal_program,
        },
    )


CASES = (case("lstm", 1, "one sequence"), case("lstm-16", 16, "sixteen sequences"))
