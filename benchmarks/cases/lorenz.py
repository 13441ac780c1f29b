"""The gradient through 10,000 steps of a Runge-Kutta integration of Lorenz' equations: what a tape costs.

The end of the trajectory at time 10 depends on its start with a factor of some thousands, not more: rounding
does not yet decide the digits that are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Array, Case, Inputs, Program
from benchmarks.cases import by_hand
from benchmarks.contenders import interpreted

STEPS, STEPS_IN_PYTHON = 10_000, 100
DT = 1e-3


def rk4_step(stack: Callable[[list[Any]], Any]) -> Callable[[Any, Any], Any]:
    """One step of the classical method, for any array type with operators and this way to stack scalars."""

    def velocity(s: Any, p: Any) -> Any:
        x, y, z = s[0], s[1], s[2]
        sigma, rho, beta = p[0], p[1], p[2]
        return stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    def step(s: Any, p: Any) -> Any:
        k1 = velocity(s, p)
        k2 = velocity(s + DT / 2 * k1, p)
        k3 = velocity(s + DT / 2 * k2, p)
        k4 = velocity(s + DT * k3, p)
        return s + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


def in_python(step: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The loss with a Python loop, for contenders that record or call step by step."""

    def loss(s: Any, p: Any) -> Any:
        for _ in range(STEPS_IN_PYTHON):
            s = step(s, p)
        return (s * s).sum()

    return loss


def make_inputs(generator: np.random.Generator) -> Inputs:
    return 1 + 0.1 * generator.standard_normal(3), np.array([10.0, 28.0, 8 / 3])


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    """Forward mode by hand: the state and its six tangents, (3, 1 + 3 + 3), integrated together."""
    start, (sigma, rho, beta) = inputs

    def velocity(extended: Array) -> Array:
        x, y, z = extended[:, 0]
        jacobian = np.array([[-sigma, sigma, 0], [rho - z, -1, -x], [y, x, -beta]])
        result = jacobian @ extended
        result[:, 0] = sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        result[0, 4] += y - x
        result[1, 5] += x
        result[2, 6] -= z
        return result

    s = np.zeros((3, 7))
    s[:, 0], s[:, 1:4] = start, np.eye(3)
    for _ in range(units):
        k1 = velocity(s)
        k2 = velocity(s + DT / 2 * k1)
        k3 = velocity(s + DT / 2 * k2)
        k4 = velocity(s + DT * k3)
        s = s + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    gradient = 2 * s[:, 0] @ s[:, 1:]
    return np.sum(s[:, 0] ** 2), gradient[:3], gradient[3:]


def srcgrad_program(inputs: Inputs, steps: int = STEPS) -> Program:
    import srcgrad as sg

    rk4 = rk4_step(np.stack)

    def loss(s: Any, p: Any) -> Any:
        s = sg.fori_loop(0, steps, lambda i, s: rk4(s, p), s)
        return np.sum(s * s)

    return Program(sg.value_and_grad(loss, argnums=(0, 1)), inputs, steps)


def op_by_op_program(inputs: Inputs) -> Program:
    return interpreted(srcgrad_program(inputs, STEPS_IN_PYTHON))


def numba_program(inputs: Inputs) -> Program:
    kernel = by_hand.compiled(by_hand.lorenz_value_and_gradient)
    return Program(kernel, (*inputs, DT, STEPS), STEPS)


def jax_loop_program(inputs: Inputs) -> Program:
    import jax.numpy as jnp

    return _jax_program(inputs, rk4_step(jnp.stack))


def jax_checkpoint_program(inputs: Inputs) -> Program:
    """The steps' intermediate values computed again: 0.7 us a step where plain ``scan`` takes 2.0.

    Unrolling gains on plain ``scan`` (by 3: 1.3 us) and loses here; a state of three scalars loses everywhere.
    """
    import jax
    import jax.numpy as jnp

    return _jax_program(inputs, jax.checkpoint(rk4_step(jnp.stack)))


def _jax_program(inputs: Inputs, step: Callable[[Any, Any], Any]) -> Program:
    import jax
    import jax.numpy as jnp

    def loss(s: Any, p: Any) -> Any:
        s, _ = jax.lax.scan(lambda s, _: (step(s, p), None), s, None, length=STEPS)
        return jnp.sum(s * s)

    args = tuple(jnp.asarray(array) for array in inputs)
    return Program(jax.jit(jax.value_and_grad(loss, argnums=(0, 1))), args, STEPS)


def torch_program(inputs: Inputs) -> Program:
    import torch

    return _torch_program(inputs, rk4_step(torch.stack))


def torch_compile_program(inputs: Inputs) -> Program:
    import torch

    return _torch_program(inputs, torch.compile(rk4_step(torch.stack), fullgraph=True, dynamic=False))


def _torch_program(inputs: Inputs, step: Callable[[Any, Any], Any]) -> Program:
    import torch

    variables = [torch.from_numpy(array).requires_grad_() for array in inputs]
    loss = in_python(step)

    def value_and_gradients() -> Any:
        value = loss(*variables)
        return value, torch.autograd.grad(value, variables)

    return Program(value_and_gradients, (), STEPS_IN_PYTHON)


def autograd_program(inputs: Inputs) -> Program:
    import autograd
    import autograd.numpy as anp

    loss = in_python(rk4_step(anp.stack))
    return Program(autograd.value_and_grad(loss, (0, 1)), inputs, STEPS_IN_PYTHON)


CASE = Case(
    name="lorenz",
    what="gradient through 10,000 RK4 steps of Lorenz' equations in a loop (100 steps where Python loops)",
    dtype="float64",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-9,
    unit="step",
    programs={
        "srcgrad": srcgrad_program,
        "op-by-op": op_by_op_program,
        "numba": numba_program,
        "jax-loop": jax_loop_program,
        "jax-checkpoint": jax_checkpoint_program,
        "torch": torch_program,
        "torch.compile": torch_compile_program,
        "autograd": autograd_program,
    },
)
