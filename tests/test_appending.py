"""Lists that a loop appends to: outputs of the loop, whatever its length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter
from tests.staged import X, gradient_is_right, regions, same_as_python


def states(x):
    history = []
    for i in range(40):
        x = x + 0.01 * np.sin(x) * i
        history.append(x)
    return np.array(history)


def scalars(x):
    energies, largest = [], []
    for i in range(30):
        x = 0.9 * x
        energies.append(x @ x + i)
        largest.append(x.max())
    return np.array(energies), np.stack(largest), np.sum(energies), max(largest)


def after_some(x):
    history = [x, x * 2]
    for _ in range(25):
        x = np.cos(x)
        history.append(x)
    return np.stack(history, axis=1), history[0] + history[1] - history[5] * history[-1]


def pairs(x):
    path = []
    a, b = x[0], x[1]
    for _ in range(30):
        a, b = b, a * 0.5 + np.sin(b)
        path.append((a, b))
    return np.array([p[0] for p in path]), np.array([q for _, q in path]), path[7][1]


def integers_first(x):
    total, sums = 0, []
    for v in x:
        total = total + v
        sums.append(total)
    return np.array(sums)


def the_last_two(x):
    values = [x[0], x[1]]
    for i in range(22):
        values.append(np.sin(values[-1]) + 0.5 * values[-2] * x[i])
    return np.array(values)


def by_length(x):
    values: list[Any] = []
    for v in x:
        values.append(v * len(values))
    return np.array(values)


def one_array_many_times(x):
    x, history = x.copy(), []
    for i in range(20):
        x[i] = 0.0
        history.append(x)
    return np.array(history)


def copies(x):
    x, history = x.copy(), []
    for i in range(20):
        x[i] = np.sin(x[i + 1])
        history.append(x.copy())
    return np.array(history)


def in_two_loops(x):
    rows = []
    for i in range(20):
        row = []
        for j in range(24):
            row.append(x[j] * i)  # noqa: PERF401  this is what is tested
        rows.append(np.array(row))
    return np.array(rows)


def changed_afterwards(x):
    rows = []
    for i in range(20):
        rows.append(x * i)  # noqa: PERF401  this is what is tested
    rows[3] += 1.0
    rows[4] = x
    return np.array(rows)


def one_of_two(x):
    a, b = x * 2, x + 1
    rows = [(a if i < 30 else b) for i in range(20)]
    rows[3][0] = 7.0
    return np.array(rows), a


STACKED = [states, scalars, after_some, pairs, integers_first, copies, in_two_loops, changed_afterwards]
UNROLLED = [one_of_two, the_last_two, by_length, one_array_many_times]


@pytest.mark.parametrize("function", STACKED + UNROLLED)
def test_as_python(function: Any) -> None:
    same_as_python(function, X)
    gradient_is_right(function, X)


@pytest.mark.parametrize("function", STACKED)
def test_it_stays_a_loop(function: Any) -> None:
    assert "loop" in regions(function, X)


@pytest.mark.parametrize("function", [states, pairs, in_two_loops])
def test_compiled(function: Any) -> None:
    for found, expected in zip(sg.tree.leaves(sg.jit(function)(X)), sg.tree.leaves(function(X)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_size_of_the_program_does_not_depend_on_the_trip_count() -> None:
    def size(steps: int) -> int:
        def loss(x: Any) -> Any:
            history = []
            for _ in range(steps):
                x = x + 0.1 * np.sin(x)
                history.append(x)
            return (np.array(history) ** 2).mean()

        with interpreter():
            graph = sg.grad(loss).specialise(X).graph
        bodies = [node.params["body"] for node in graph.nodes() if "body" in node.params]
        return len(graph.nodes()) + sum(len(body.nodes()) for body in bodies)

    assert size(50) == size(5000)


def comprehensions(x):
    table = np.array([np.sin(x) * k for k in range(30)])
    weights = [a * b for a, b in zip(x, table[0], strict=True)]
    return table, np.array(weights), np.array([v * v for v in x]), [k * k for k in range(40)][7] * x[0]


def filtered(x):
    return np.array([x[k] for k in range(24) if k % 2]), np.array([[x[i] * x[j] for j in range(3)] for i in range(20)])


@pytest.mark.parametrize("function", [comprehensions, filtered])
def test_comprehensions(function: Any) -> None:
    same_as_python(function, X)
    gradient_is_right(function, X)
    assert "loop" in regions(function, X)
