"""Programs as people write them, unchanged: values as NumPy computes them, gradients as finite differences say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import gradient, run
from tests.numpy_programs import algorithms, dynamics, iterations, learning, solvers, stencils

ROOMS = (stencils, solvers, dynamics, iterations, learning, algorithms)
PROGRAMS: list[Any] = [program for room in ROOMS for program in room.PROGRAMS]
NAMES = [program[0].__name__ for program in PROGRAMS]
COMPILED = ("jacobi_2d", "gauss_seidel", "lu_rows", "thomas", "lstm", "newton", "alignment", "histogram", "kalman")


def copies(args: Any) -> Any:
    return sg.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, tuple(args))


def close(found: Any, expected: Any) -> None:
    leaves = zip(sg.tree.leaves(found), sg.tree.leaves(expected), strict=True)
    for a, b in leaves:
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def loss_of(function: Any) -> Any:
    def loss(*args: Any) -> Any:
        total = 0.0
        for leaf in sg.tree.leaves(function(*args)):
            total = total + np.sum(np.sin(leaf))
        return total

    return loss


@pytest.mark.parametrize("program", PROGRAMS + algorithms.FORWARD, ids=lambda program: program[0].__name__)
def test_values(program: Any) -> None:
    function, *args = program
    close(run(function, *copies(args)), function(*copies(args)))


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_gradients(program: Any) -> None:
    function, *args = program
    loss, step = loss_of(function), 1e-6
    wrt = tuple(k for k, arg in enumerate(args) if np.asarray(arg).dtype.kind == "f")
    found = gradient(loss, *copies(args), argnums=wrt)
    rng = np.random.default_rng(0)
    directions = {k: rng.normal(size=np.shape(args[k])) for k in wrt}

    def at(distance: float) -> float:
        moved = [arg + distance * directions[k] if k in directions else arg for k, arg in enumerate(copies(args))]
        return float(loss(*moved))

    expected = (at(step) - at(-step)) / (2 * step)
    along = sum(np.sum(g * directions[k]) for g, k in zip(found, wrt, strict=True))
    np.testing.assert_allclose(along, expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    function, *args = PROGRAMS[NAMES.index(name)]
    close(sg.jit(function)(*copies(args)), function(*copies(args)))
    loss = loss_of(function)
    close(sg.grad(loss)(*copies(args)), gradient(loss, *copies(args)))
