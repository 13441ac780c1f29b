"""Elements handed on from iteration to iteration: the same values, and no reads of what has just been written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import LOOP
from srcgrad.graph.verify import verify
from srcgrad.pipeline import finish

N = 40


def running_sum(x: Any) -> Any:
    for i in range(N - 1):
        x[i + 1] = 0.5 * x[i] + x[i + 1]
    return x


def backwards(x: Any) -> Any:
    for i in range(N - 2, -1, -1):
        x[i] = np.sin(x[i + 1]) * x[i]
    return x


def added(x: Any) -> Any:
    for i in range(N - 1):
        x[i + 1] += 0.3 * x[i]
        x[i] *= 2.0
    return x


def fibonacci(x: Any) -> Any:
    for i in range(N - 2):
        x[i + 2] = 0.4 * x[i + 1] * x[i]
    return x


def rows(x: Any) -> Any:
    y = np.reshape(x, (2, 20)) * 1.0
    for _ in range(20):
        for i in range(1, 2):
            for j in range(19):
                y[i, j + 1] = 0.5 * y[i, j] * y[i - 1, j]
    return y


def overwritten_later(x: Any) -> Any:
    for i in range(N - 1):
        x[i + 1] = 0.5 * x[i]
        x[np.mod(3 * i, N)] = 1.0
    return x


def wraps_around(x: Any) -> Any:
    for i in range(N):
        x[i] = 0.5 * x[i - 1]
    return x


def same_place(x: Any) -> Any:
    for i in range(N):
        x[3] = 0.5 * x[3] + x[i]
    return x


def long_sum(x: Any) -> Any:
    for i in range(1, N - 1):
        x[i] = 0.25 * (x[i - 1] + x[i] + x[i + 1])
    return x


def n_handed_on(graph: Graph) -> int:
    """The numbers that loops carry, those inside loops included."""
    count = 0
    for node in graph.nodes():
        if node.op is LOOP:
            body = node.params["body"]
            count += sum(output.ndim == 0 for output in body.outputs[: node.params["n_carries"]]) + n_handed_on(body)
    return count


@pytest.mark.parametrize(
    ("function", "handed_on"),
    [
        (running_sum, 1),
        (backwards, 1),
        (added, 1),
        (fibonacci, 1),
        (rows, 1),
        (overwritten_later, 0),
        (wraps_around, 1),
        (same_place, 0),
        (long_sum, 0),
    ],
)
def test_recurrences(function: Callable[..., Any], handed_on: int) -> None:
    x = np.random.default_rng(0).normal(size=N)

    def copied(x: Any) -> Any:
        return function(x.copy())

    jitted = sg.jit(copied)
    graph = finish(jitted.record(Arguments(jitted.parameters, (x,), {})).graph)
    verify(graph)
    assert n_handed_on(graph) == handed_on
    expected = function(x.copy())
    np.testing.assert_allclose(interpret(graph, [x])[0], expected, rtol=1e-13)
    np.testing.assert_allclose(compile_graph(graph)(x)[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "function", [running_sum, backwards, added, fibonacci, rows, wraps_around, same_place, long_sum]
)
def test_gradients(function: Callable[..., Any]) -> None:
    generator = np.random.default_rng(0)
    x, direction, weights = generator.normal(size=(3, N))

    def loss(x: Any) -> Any:
        return np.sum(np.reshape(function(x.copy()), N) * weights)

    h = 1e-6
    slope = (loss(x + h * direction) - loss(x - h * direction)) / (2 * h)
    np.testing.assert_allclose(sg.grad(loss)(x) @ direction, slope, rtol=1e-6, atol=1e-9)
