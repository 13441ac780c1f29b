"""The gradient of Thomas' algorithm for 10,000 unknowns: two recurrences, one forwards and one backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs, Program
from benchmarks.cases import by_hand

UNKNOWNS = 10_000


def solution(np: Any) -> Callable[..., Any]:
    def loss(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
        c, x = np.empty_like(right), np.empty_like(right)
        c[0] = upper[0] / diagonal[0]
        x[0] = right[0] / diagonal[0]
        for i in range(1, UNKNOWNS):
            pivot = diagonal[i] - lower[i] * c[i - 1]
            c[i] = upper[i] / pivot
            x[i] = (right[i] - lower[i] * x[i - 1]) / pivot
        for i in range(UNKNOWNS - 2, -1, -1):
            x[i] -= c[i] * x[i + 1]
        return np.sum(x * x)

    return loss


def jax_library(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    import jax
    import jax.numpy as jnp

    lower, upper = lower.at[0].set(0), upper.at[-1].set(0)
    x = jax.lax.linalg.tridiagonal_solve(lower, diagonal, upper, right[:, None])
    return jnp.sum(x * x)


def jax_scan(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    """``scan`` as it is: 0.36 ms. Unrolled by four 3.2."""
    import jax
    import jax.numpy as jnp

    def eliminate(before: Any, row: Any) -> Any:
        (c, x), (lower, diagonal, upper, right) = before, row
        pivot = diagonal - lower * c
        new = upper / pivot, (right - lower * x) / pivot
        return new, new

    def substitute(x: Any, row: Any) -> Any:
        x = row[1] - row[0] * x
        return x, x

    rows = lower.at[0].set(0), diagonal, upper, right
    _, eliminated = jax.lax.scan(eliminate, (0.0, 0.0), rows)
    _, x = jax.lax.scan(substitute, 0.0, eliminated, reverse=True)
    return jnp.sum(x * x)


def jax_scan_program(inputs: Inputs) -> Program:
    import jax
    import jax.numpy as jnp

    gradient = jax.jit(jax.value_and_grad(jax_scan, argnums=(0, 1, 2, 3)))
    return Program(gradient, tuple(jnp.asarray(array) for array in inputs))


def torch_solution(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    import torch

    rows = zip(lower.unbind(), diagonal.unbind(), upper.unbind(), right.unbind(), strict=True)
    c = x = torch.zeros((), dtype=right.dtype)
    eliminated = []
    for low, middle, high, known in rows:
        pivot = middle - low * c
        c, x = high / pivot, (known - low * x) / pivot
        eliminated.append((c, x))
    solved = [eliminated[-1][1]]
    for c, x in reversed(eliminated[:-1]):
        solved.append(x - c * solved[-1])
    return (torch.stack(solved) ** 2).sum()


def make_inputs(generator: np.random.Generator) -> Inputs:
    lower, upper, right = generator.standard_normal((3, UNKNOWNS))
    lower[0] = upper[-1] = 0
    return lower, 4 + generator.random(UNKNOWNS), upper, right


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    """With A x = d and the cotangent 2 x: solve A^T y = 2 x; then d has y, and an element of A has -y_i x_j."""
    lower, diagonal, upper, right = inputs
    forward, backward = np.empty(UNKNOWNS), np.empty(UNKNOWNS)
    _solve(lower, diagonal, upper, right, forward)
    _solve(np.roll(upper, 1), diagonal, np.roll(lower, -1), 2 * forward, backward)
    before, behind = np.roll(forward, 1), np.roll(forward, -1)
    before[0] = 0
    # the last element of ``upper`` multiplies nothing
    behind[-1] = 0
    return np.sum(forward**2), -backward * before, -backward * forward, -backward * behind, backward


def _solve(lower: Any, diagonal: Any, upper: Any, right: Any, x: Any) -> None:
    c = np.empty(UNKNOWNS)
    c[0], x[0] = upper[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, UNKNOWNS):
        pivot = diagonal[i] - lower[i] * c[i - 1]
        c[i], x[i] = upper[i] / pivot, (right[i] - lower[i] * x[i - 1]) / pivot
    for i in range(UNKNOWNS - 2, -1, -1):
        x[i] -= c[i] * x[i + 1]


def numba_primal_program(inputs: Inputs) -> Program:
    return Program(by_hand.compiled(by_hand.thomas), inputs)


CASE = Case(
    name="thomas",
    what="Thomas' algorithm for 10,000 unknowns in two loops, and the gradients of all four diagonals",
    dtype="float64",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-10,
    gradient=Gradient(solution, torch_solution, n_differentiated=4, jax_loss=jax_library),
    programs={"jax-loop": jax_scan_program, "numba-primal": numba_primal_program},
)
