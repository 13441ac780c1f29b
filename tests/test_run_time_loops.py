"""Loops whose trip count is known only when they run: derivatives to second order, memory, nesting."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.graph.structure import COND, LOOP, RUN_TIME, WHILE
from tests.interpreted import interpreter
from tests.numpy_programs import iterations

rng = np.random.default_rng(3)


def cube_root(a: Any) -> Any:
    x = a
    while abs(x**3 - a) > 1e-12 * a:
        x = x - (x**3 - a) / (3 * x**2)
    return x


def cube_root_by_combinator(a: Any) -> Any:
    return sg.while_loop(lambda x: abs(x**3 - a) > 1e-12 * a, lambda x: x - (x**3 - a) / (3 * x**2), a)


def run_time_bound(x: Any, n: Any) -> Any:
    return sg.fori_loop(0, n, lambda i, c: np.sin(c) + 0.1 * i, x)


@pytest.mark.parametrize("function", [cube_root, cube_root_by_combinator])
def test_three_orders(function: Any) -> None:
    d1, d2, d3 = sg.grad(function), sg.grad(sg.grad(function)), sg.grad(sg.grad(sg.grad(function)))
    a = 5.0
    assert d1(a) == pytest.approx(a ** (-2 / 3) / 3, rel=1e-12)
    assert d2(a) == pytest.approx(-2 / 9 * a ** (-5 / 3), rel=1e-12)
    assert d3(a) == pytest.approx(10 / 27 * a ** (-8 / 3), rel=1e-11)


@pytest.mark.parametrize("turns", [0, 1, 2, 1000])
def test_a_run_time_bound(turns: int) -> None:
    unrolled, slope = 0.3, 1.0
    for i in range(turns):
        unrolled, slope = np.sin(unrolled) + 0.1 * i, slope * np.cos(unrolled)
    value, gradient = sg.value_and_grad(run_time_bound)(0.3, turns)
    assert value == pytest.approx(unrolled, rel=1e-12)
    assert gradient == pytest.approx(slope, rel=1e-10)


NAMES = [
    "kepler",
    "fixed_point",
    "roots_of_many",
    "implicit_euler",
    "nested_whiles",
    "as_often_as_told",
    "adaptive_heun",
]
PROGRAMS: list[Any] = list(iterations.PROGRAMS)
SECOND_ORDER = [program for program in PROGRAMS if program[0].__name__ in NAMES]


@pytest.mark.parametrize("program", SECOND_ORDER, ids=lambda program: program[0].__name__)
def test_second_order(program: Any) -> None:
    """The Hessian along one direction is the difference of the gradients."""
    function, x, *rest = program

    def loss(x: Any) -> Any:
        return sum(np.sum(np.sin(leaf)) for leaf in sg.tree.leaves(function(x, *rest)))

    direction, weight = rng.normal(size=np.shape(x)), rng.normal(size=np.shape(x))
    gradient = sg.grad(loss)
    step = 1e-5
    ahead, behind = gradient(x + step * direction), gradient(x - step * direction)
    expected = np.sum((ahead - behind) * weight) / (2 * step)
    along = sg.grad(lambda x: np.sum(gradient(x) * direction))(x)
    np.testing.assert_allclose(np.sum(along * weight), expected, rtol=1e-4, atol=1e-6)


def test_stacks_grow_and_shrink_from_call_to_call() -> None:
    gradient = sg.grad(run_time_bound)
    for turns in (5, 3000, 2, 0, 100_000, 7):
        slope, x = 1.0, 0.3
        for i in range(turns):
            x, slope = np.sin(x) + 0.1 * i, slope * np.cos(x)
        assert gradient(0.3, turns) == pytest.approx(slope, rel=1e-9, abs=1e-300)
    del gradient
    gc.collect()


def graph_of(function: Any, *args: Any) -> Any:
    with interpreter():
        return function.specialise(*args).recorded.graph


def regions_of(graph: Any) -> list[Any]:
    found = []
    for node in graph.nodes():
        if node.op in (LOOP, WHILE):
            found.append(node)
        for name in ("body", "cond", "then", "orelse"):
            if name in node.params:
                found += regions_of(node.params[name])
    return found


def stacks(graph: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (str(element.dtype), element.shape[1:])
        for node in regions_of(graph)
        for element in node.type.elements
        if element.shape[:1] == (RUN_TIME,)
    ]


def test_what_is_linear_saves_nothing() -> None:
    def decay(x: Any, c: Any) -> Any:
        t = 1.0
        while t > 1e-3:
            x = 0.5 * x + np.roll(x, 1)
            t = t - 0.01 * c
        return x.sum()

    assert stacks(graph_of(sg.grad(decay), np.ones(5), 0.3)) == []


def test_an_element_is_saved_and_not_the_array() -> None:
    def recurrence(x: Any, n: Any) -> Any:
        x = x.copy()
        for i in range(n):
            x[i + 2] = 0.9 * np.sqrt(x[i] * x[i + 1])
        return x.sum()

    gradient = sg.grad(recurrence)
    assert stacks(graph_of(gradient, np.ones(40), 30)) == [("float64", ()), ("float64", ())]
    x = rng.uniform(0.9, 1.1, 40)
    direction = rng.normal(size=40)
    numeric = (recurrence(x + 1e-6 * direction, 30) - recurrence(x - 1e-6 * direction, 30)) / 2e-6
    assert gradient(x, 30) @ direction == pytest.approx(numeric, rel=1e-6)


def test_a_while_in_a_loop_is_repeated_on_the_way_back() -> None:
    """Each iteration of the outer loop saves its number of inner iterations; stacks are as long as one inner loop."""
    _, values = next(program for program in PROGRAMS if program[0] is iterations.roots_of_many)
    graph = graph_of(sg.grad(lambda a: iterations.roots_of_many(a).sum()), values)
    outer = [node for node in regions_of(graph) if node.params.get("length") == len(values)]
    forward = next(node for node in outer if not node.params["reverse"])
    saved = forward.type.elements[forward.params["n_carries"] :]
    assert [str(element) for element in saved] == [f"int64[{len(values)}]"]
    assert stacks(graph) == [("float64", ())]


def test_an_error_in_the_loop_leaves_the_next_call_intact() -> None:
    def gather(x: Any, n: Any) -> Any:
        total = x[0]
        for i in range(n):
            total = np.sin(total) * x[i]
        return total

    gradient = sg.grad(gather)
    x = rng.normal(size=10)
    expected = gradient(x, 10)
    with pytest.raises(IndexError):
        gradient(x, 11)
    np.testing.assert_array_equal(gradient(x, 10), expected)


def test_compile_time_does_not_depend_on_the_trip_count() -> None:
    def simulate(steps: int) -> Any:
        def loss(x: Any) -> Any:
            for _ in range(steps):
                y = x
                while np.max(np.abs(y * y - x)) > 1e-9:
                    y = 0.5 * (y + x / y)
                x = x + 0.1 * np.sin(y)
            return x.sum()

        return loss

    def count(graph: Any) -> int:
        return len(graph.nodes()) + sum(len(node.params["body"].nodes()) for node in regions_of(graph))

    few, many = (count(graph_of(sg.grad(simulate(steps)), np.ones(3) + 1)) for steps in (20, 20_000))
    assert few == many


def test_an_index_is_not_saved() -> None:
    def by_hand(x: Any, tolerance: Any) -> Any:
        k, total = 0, 1.0
        while k < 20 and total > tolerance:
            total = total * x[k]
            k += 1
        return total

    def by_break(x: Any, tolerance: Any) -> Any:
        total = 1.0
        for v in x:
            if total <= tolerance:
                break
            total = total * v
        return total

    x = rng.uniform(0.5, 0.9, 20)
    for function in (by_hand, by_break):
        assert {dtype for dtype, _ in stacks(graph_of(sg.grad(function), x, 0.1))} == {"float64"}
        values = sg.grad(function)(x, 0.1)
        turns = np.count_nonzero(values)
        assert 1 < turns < 20
        np.testing.assert_allclose(values[:turns], np.prod(x[:turns]) / x[:turns])
        assert not values[turns:].any()


def test_a_loop_that_is_left_early_saves_only_the_turns_that_were_run() -> None:
    def iterate(x: Any) -> Any:
        for _ in range(10**9):
            new = np.cos(x)
            if np.max(np.abs(new - x)) < 1e-13:
                break
            x = new
        return x.sum()

    np.testing.assert_allclose(sg.grad(iterate)(np.ones(3)), 0, atol=1e-10)


def test_a_branch_in_a_loop_adds_one_element_to_a_cotangent() -> None:
    """No array of zeros per iteration: the branch goes on from the cotangent so far."""

    def some(x: Any) -> Any:
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0.5:
                total = total + np.sin(x[i]) * x[len(x) - 1 - i]
        return total

    x = rng.uniform(size=200)
    graph = graph_of(sg.grad(some), x)
    (back,) = [node for node in regions_of(graph) if node.params["reverse"]]
    inside = [part for node in back.params["body"].nodes() if node.op is COND for part in node.params["then"].nodes()]
    assert inside
    assert not [node for node in inside if node.op.name == "broadcast_to" and node.shape == x.shape]
