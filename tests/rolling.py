"""What the tests of rolling share: graphs, the loops in them, and programs with and without loops compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad as sg
from srcgrad.core.settings import override
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import LOOP
from tests.interpreted import interpreter

RNG = np.random.default_rng(3)
STEPS = (0.1 * np.arange(40) + 0.003).tolist()


def recorded(function: Callable[..., Any], *args: Any) -> Graph:
    """The graph of a function as it is differentiated."""
    with interpreter():
        graph: Graph = sg.jit(function).specialise(*args).recorded.graph
    return graph


def loops(graph: Graph) -> list[int]:
    """The lengths of all loops, those inside others after them."""
    found = []
    for node in graph.nodes():
        if node.op is LOOP:
            found.append(node.params["length"])
        for value in node.params.values():
            if isinstance(value, Graph):
                found += loops(value)
    return found


def check(function: Callable[..., Any], *args: Any) -> Graph:
    """The graph, after a comparison of value and gradients with those of the program without loops."""

    def total(*args: Any) -> Any:
        return _sum(function(*args))

    with interpreter():
        numbers = tuple(range(len(args)))
        values = sg.jit(function)(*args)
        gradients = sg.grad(total, numbers)(*args)
        with override(roll_repetitions=0):
            expected_values = sg.jit(function)(*args)
            expected = sg.grad(total, numbers)(*args)
    for found, other in ((values, expected_values), (gradients, expected)):
        for a, b in zip(leaves(found), leaves(other), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    for a, b in zip(leaves(values), leaves(function(*args)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    return recorded(function, *args)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [np.asarray(value)]


def _sum(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sum(_sum(part) * (1.0 + 0.1 * k) for k, part in enumerate(value))
    return np.sum(value * np.cos(np.arange(value.size)).reshape(value.shape) if np.ndim(value) else value)
