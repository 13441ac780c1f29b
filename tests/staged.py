"""What the tests of native control flow share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad as sg
from srcgrad.graph.structure import COND, LOOP, WHILE
from tests.interpreted import gradient, interpreter, run

X = np.linspace(0.1, 1.3, 24)


def same_as_python(function: Callable[..., Any], *args: Any) -> None:
    copies = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
    expected, found = sg.tree.leaves(function(*copies)), sg.tree.leaves(run(function, *args))
    assert len(expected) == len(found)
    for a, b in zip(expected, found):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12)


def gradient_is_right(function: Callable[..., Any], *args: Any) -> None:
    def loss(*values: Any) -> Any:
        total = 0.0
        for leaf in sg.tree.leaves(function(*values)):
            total = total + np.sum(np.sin(leaf))
        return total

    direction = np.random.default_rng(0).normal(size=np.shape(args[0]))
    step = 1e-6
    ahead, behind = (loss(args[0] + sign * step * direction, *args[1:]) for sign in (1, -1))
    found = np.sum(gradient(loss, *args) * direction)
    np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-6)


def regions(function: Callable[..., Any], *args: Any) -> list[str]:
    """The regions of the traced function, outermost first."""
    with interpreter():
        graph = sg.jit(function).specialise(*args).recorded.graph

    def of(graph: Any) -> list[str]:
        found = []
        for node in graph.nodes():
            if node.op in (LOOP, WHILE, COND):
                found.append(node.op.name)
                for name in ("body", "cond", "then", "orelse"):
                    if name in node.params:
                        found += of(node.params[name])
        return found

    return of(graph)


#: a number and an integer that decide branches and trip counts, away from the kinks of the programs
ARGUMENTS = ((0.83, 3), (-0.57, 0), (2.53, 1), (-2.07, 5))


def agrees(program: Callable[..., Any], p: float, n: int) -> None:
    """``program(x, y, p, n)``: results, what it writes into x and y, and gradients are those of plain Python."""
    x, y = np.array([0.5, 1.25, 0.75, 2.0]), np.array([1.5, 0.25, 1.0, 0.6])
    changed, found = [x.copy(), y.copy()], [x.copy(), y.copy()]
    expected = sg.tree.leaves(program(*changed, p, n))
    results = sg.tree.leaves(run(program, *found, p, n))
    for a, b in zip([*expected, *changed], [*results, *found], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12)

    def loss(x: Any, y: Any, p: Any) -> Any:
        x, y = x * 1.0, y * 1.0
        leaves = sg.tree.leaves(program(x, y, p, n))
        total = np.sum(np.sin(x * 1.3)) + np.sum(np.sin(y * 0.7))
        for leaf in leaves:
            total = total + np.sum(np.sin(leaf))
        return total

    step = 1e-6
    for k, ct in enumerate(gradient(loss, x, y, p, argnums=(0, 1, 2))):
        for index in np.ndindex(np.shape(ct)):
            ahead, behind = [x.copy(), y.copy(), np.array(p)], [x.copy(), y.copy(), np.array(p)]
            ahead[k][index] += step
            behind[k][index] -= step
            ahead[2], behind[2] = ahead[2][()], behind[2][()]
            slope = (loss(*ahead) - loss(*behind)) / (2 * step)
            np.testing.assert_allclose(np.asarray(ct)[index], slope, rtol=1e-4, atol=1e-5)
