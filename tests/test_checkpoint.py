"""Loops that keep few snapshots: the same derivatives, less memory, one program for any number of iterations."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentError, TraceError
from srcgrad.core.settings import override

rng = np.random.default_rng(5)
U = rng.normal(size=300)


def reaction(u: Any) -> Any:
    """A non-linear stencil: the adjoint of a step reads the whole field."""
    new = u.copy()
    new[1:-1] = u[1:-1] + 0.1 * (u[:-2] - 2 * u[1:-1] + u[2:]) - 0.05 * u[1:-1] ** 3
    return new


def simulated(steps: int, checkpoint: Any) -> Any:
    def loss(u: Any) -> Any:
        return (sg.fori_loop(0, steps, lambda i, u: reaction(u), u, checkpoint=checkpoint) ** 2).sum()

    return loss


def native(steps: int, snapshots: Any) -> Any:
    def loss(u: Any) -> Any:
        for _ in sg.checkpointed(range(steps), snapshots):
            u = reaction(u)
        return (u**2).sum()

    return loss


def in_place(steps: int, snapshots: Any) -> Any:
    def loss(u: Any) -> Any:
        u, history = u.copy(), np.zeros(steps)
        for k, weight in enumerate(sg.checkpointed(np.linspace(0, 1, steps), snapshots)):
            u[1:-1] += weight * np.sin(u[:-2] * u[2:])
            history[k] = u[k % 7]
        return (u**2).sum() + history.sum()

    return loss


@pytest.mark.parametrize("make", [simulated, native, in_place])
@pytest.mark.parametrize("steps", [1, 7, 17, 50])
@pytest.mark.parametrize("snapshots", [2, 3, 10, 100, True])
def test_the_derivative_is_the_same(make: Any, steps: int, snapshots: Any) -> None:
    expected = sg.value_and_grad(make(steps, 1000))(U)
    found = sg.value_and_grad(make(steps, snapshots))(U)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("checkpoint", [2, 3, 5, True])
def test_scan(reverse: bool, checkpoint: Any) -> None:
    def cell(carry: Any, x: Any) -> Any:
        carry = np.sin(carry * x["a"][0]) + x["a"][1] * x["b"]
        return carry, (carry * x["a"], x["b"] + 1)

    def loss(checkpoint: Any) -> Any:
        def function(carry: Any, xs: Any) -> Any:
            carry, (y, z) = sg.scan(cell, carry, xs, reverse=reverse, checkpoint=checkpoint)
            return (carry**2).sum() + (y * np.arange(37.0)[:, None]).sum() + z @ np.arange(37.0)

        return function

    arguments = np.array([0.3, -0.2]), {"a": rng.normal(size=(37, 2)), "b": rng.normal(size=37)}
    plain, cheap = (sg.value_and_grad(loss(choice), (0, 1)) for choice in (None, checkpoint))
    for a, b in zip(sg.tree.leaves(cheap(*arguments)), sg.tree.leaves(plain(*arguments)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    second, expected = (
        sg.grad(lambda c, f=f: np.sum(sg.grad(f)(c, arguments[1]) * np.array([1.0, 2.0])))(arguments[0])
        for f in (loss(checkpoint), loss(None))
    )
    np.testing.assert_allclose(second, expected, rtol=1e-8, atol=1e-10)


def workspace(function: Any, *arguments: Any) -> int:
    """What a call needs besides arguments and results, in bytes."""
    with override(stack_bytes=0):
        cost = sg.cost(sg.grad(function), *arguments)
    return cost.workspace_bytes


def test_memory_grows_with_the_root_of_the_steps() -> None:
    field = U.nbytes
    plain = [workspace(simulated(steps, None), U) / field for steps in (50, 500, 5000)]
    root = [workspace(simulated(steps, True), U) / field for steps in (50, 500, 5000)]
    few = [workspace(simulated(steps, 10), U) / field for steps in (50, 500, 5000)]
    for steps, arrays in zip((50, 500, 5000), plain, strict=True):
        assert 0.99 * steps <= arrays <= steps + 10
    for steps, arrays in zip((50, 500, 5000), root, strict=True):
        assert arrays <= 2 * np.sqrt(steps) + 12
    for levels, arrays in zip((2, 3, 4), few, strict=True):
        assert arrays <= 10 * levels + 12


def test_a_native_loop_needs_no_more() -> None:
    assert workspace(native(5000, True), U) <= workspace(simulated(5000, True), U) + 3 * U.nbytes


def test_a_linear_loop_keeps_nothing() -> None:
    def jacobi(steps: int) -> Any:
        def loss(a: Any, b: Any) -> Any:
            a, b = a.copy(), b.copy()
            for _ in range(steps):
                b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
                a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
            return np.sum(a * a)

        return loss

    a, b = rng.normal(size=(2, 60, 60))
    few, many = (workspace(jacobi(steps), a, b) for steps in (50, 500))
    assert few == many
    assert few <= 4 * a.nbytes


PEAK = """
import re, sys
import numpy as np, srcgrad as sg
from tests.test_checkpoint import simulated
u = np.zeros(20_000)
steps, checkpoint = int(sys.argv[1]), {"None": None, "True": True}[sys.argv[2]]
gradient = sg.grad(simulated(steps, checkpoint))
gradient.specialise(u)
def high_water():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
before = high_water()
gradient(u)
print(high_water() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_the_pages_that_a_process_touches() -> None:
    def kilobytes(steps: int, checkpoint: Any) -> int:
        command = [sys.executable, "-c", PEAK, str(steps), str(checkpoint)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    field = 20_000 * 8 / 1024
    plain, cheap = kilobytes(500, None), kilobytes(500, True)
    assert cheap < 70 * field
    assert plain > 4 * cheap


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="bounds that are known"):
        sg.jit(lambda x, n: sg.fori_loop(0, n, lambda i, c: c * x, x, checkpoint=5))(1.0, 3)
    with pytest.raises(ValueError, match="2 snapshots at least"):
        sg.jit(simulated(50, 1))(U)
    with pytest.raises(TypeError, match="number of snapshots"):
        sg.jit(simulated(50, "all"))(U)
    with pytest.raises(ArgumentError, match="a range or an array"):
        sg.checkpointed(iter([1]))  # type: ignore[arg-type]

    def leaves(x: Any) -> Any:
        for _ in sg.checkpointed(range(50)):
            x = np.sin(x)
            if x < 0.3:
                break
        return x

    with pytest.raises(TraceError, match="break or return"):
        sg.jit(leaves)(1.0)


def test_outside_of_a_trace_it_is_the_loop() -> None:
    np.testing.assert_allclose(native(7, 3)(U), simulated(7, 3)(U))


def test_the_size_of_the_program_depends_on_the_levels_alone() -> None:
    def size(graph: Any) -> int:
        nodes = graph.nodes()
        return len(nodes) + sum(size(node.params["body"]) for node in nodes if "body" in node.params)

    few, many = (size(sg.grad(simulated(steps, True)).specialise(U).graph) for steps in (400, 4000))
    assert few == many
