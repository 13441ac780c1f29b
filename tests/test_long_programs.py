"""Long programs: the work of every pass grows in proportion to their length, and sections mean what the whole means."""

from __future__ import annotations

import cProfile
import functools
import gc
import pstats
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from benchmarks import compile_time
from srcgrad.core.settings import override, settings
from srcgrad.core.target import Target
from srcgrad.dispatch import Function
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.digest import digest_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.pipeline import emit, finish, schedule
from srcgrad.schedule.ir import Section

Program = tuple[Callable[..., Any], tuple[Any, ...]]


def numbers(n: int) -> list[float]:
    return [0.1 + k / n for k in range(n)]


def terms(n: int) -> Program:
    return lambda p: sum([np.sin(p * x) for x in numbers(n)]), (1.5,)


def scalar_chain(n: int) -> Program:
    return lambda x, a: functools.reduce(lambda x, k: np.sin(x) * a + k, numbers(n), x), (0.3, 0.9)


def chain(n: int) -> Program:
    def f(x: Any, a: Any) -> Any:
        return functools.reduce(lambda x, k: np.sin(x) * a + k, numbers(n), x).sum()

    return f, (np.linspace(0.0, 1.0, 1000), 0.9)


def lengths(n: int) -> Program:
    """Vectors of many different lengths."""

    def f(x: Any) -> Any:
        return sum([np.tanh(x[:k] * 0.5).sum() for k in range(2000, 2000 + n)])

    return f, (np.linspace(0.0, 1.0, 4000),)


def layers(n: int) -> Program:
    def f(weights: Any, x: Any) -> Any:
        return functools.reduce(lambda x, w: np.tanh(w @ x), weights, x).sum()

    return f, ([np.eye(5) * 0.5 for _ in range(n // 4)], np.ones(5))


def writes(n: int) -> Program:
    def f(x: Any) -> Any:
        y = np.zeros(n)
        for k in list(range(n)):
            y[k] = np.sin(x[k])
        return (y * y).sum() + sum([y[k] * y[k + 1] for k in list(range(n - 1))])

    return f, (np.linspace(0.0, 1.0, n),)


def stacked(n: int) -> Program:
    def f(x: Any) -> Any:
        y = np.stack([np.sin(x * k) for k in numbers(n)])
        return (y * y).sum()

    return f, (1.5,)


def outputs(n: int) -> Program:
    return lambda xs: [np.sin(x) * k for x, k in zip(xs, numbers(n), strict=True)], (numbers(n),)


def irregular(n: int) -> Program:
    """No two lines alike."""
    return compile_time.irregular(n // 4, np)


@pytest.fixture(autouse=True)
def _nothing_is_rolled() -> Iterator[None]:
    """As in programs that repeat nothing."""
    with override(roll_repetitions=0):
        yield


DIFFERENTIATED = (terms, chain, lengths, layers, writes, stacked, irregular)
PROGRAMS = [*((make, sg.grad) for make in DIFFERENTIATED), (outputs, sg.jit)]


def recorded(program: Program, transform: Callable[..., Any]) -> tuple[Callable[[], Any], list[Any]]:
    function, args = program
    made: Function = transform(function)
    arguments = Arguments(made.parameters, args, {})
    return lambda: made.record(arguments).graph, list(arguments.values)


def count_calls(record: Callable[[], Any]) -> int:
    """How many functions are called on the way from a function to text."""
    profile = cProfile.Profile()
    gc.collect()
    gc.disable()  # what it calls for nodes that are gone depends on what ran before
    try:
        profile.runcall(to_text, record)
    finally:
        gc.enable()
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined, no-any-return]


def to_text(record: Callable[[], Any]) -> str:
    graph = finish(record())
    digest_of(graph)
    return emit(schedule(graph, Target()), graph.name, False, Target()).source


@pytest.mark.parametrize(("make", "transform"), PROGRAMS, ids=[make.__name__ for make, _ in PROGRAMS])
def test_twice_the_length_is_twice_the_work(make: Any, transform: Any) -> None:
    with override(verify=False, section=32, search_effort=200):
        short, long = (count_calls(recorded(make(n), transform)[0]) for n in (160, 320))
    assert long <= 2.2 * short


# sections


def straight(x: Any, m: Any, p: Any) -> Any:
    y = np.tanh(m @ x) + p
    total = y.sum()
    z = np.where(y > total, y, np.sin(y)).astype(np.float32)
    largest, first = z.max(), np.argmax(z)
    w = np.concatenate([x[2:], x[:2]]) * largest
    w[1:3] = z[:2]
    return (w * z).sum() + total * p + first + np.abs(w + 1j * y).sum()


def looped(x: Any, m: Any, p: Any) -> Any:
    """Numbers and arrays that loops carry, a loop in a loop, a branch, a loop of run-time length."""
    total = p
    while total < 20.0:
        total = total * 1.5 + np.sin(total)
        x = x * 0.9 + np.cos(total)
        if x[0] > 0.5:
            x = x - total * 0.01
            total = total + x[1] * 0.1
        else:
            total = total + np.exp(-x[0])
        for k in range(3):
            total = total + x[k] * 0.01 - np.tanh(m[k, 0])
            m = m * 0.99 + total * 0.001
            x[k] = x[k] * total * 0.1
    return total + (x * m[0]).sum()


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("function", [straight, looped])
def test_sections_mean_what_the_whole_means(function: Any, length: int) -> None:
    rng = np.random.default_rng(0)
    args = rng.normal(size=5), rng.normal(size=(5, 5)), 0.7
    record, values = recorded((function, args), functools.partial(sg.value_and_grad, argnums=(0, 1, 2)))
    graph = finish(record())
    with override(section=length, cache_dir=""):
        executable = compile_graph(graph)
        assert f"{executable.module.name}_section2" in executable.source
        results = [executable(*values) for _ in range(2)][1]
    for found, expected in zip(results, interpret(graph, values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_sections_with_split_loops() -> None:
    x = np.linspace(0.0, 1.0, 40_000)

    def f(x: Any, a: Any) -> Any:
        y = np.sin(x * a)
        total = y.sum()
        z = np.exp(y * 0.1) * total
        return (z * y).sum() + z[3] + np.float32(a) * x.astype(np.float32).sum()

    record, values = recorded((f, (x, 1.5)), functools.partial(sg.value_and_grad, argnums=(0, 1)))
    graph = finish(record())
    with override(section=2, parallel_cycles=1000, cache_dir=""):
        executable = compile_graph(graph)
        results = executable(*values)
    for found, expected in zip(results, interpret(graph, values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_section_is_longer_than_the_limit() -> None:
    record, _ = recorded(scalar_chain(2000), sg.grad)
    program, _ = schedule(finish(record()), Target())
    assert program.tree is not None
    lengths = [len(item.body.items) for item in program.tree.items if isinstance(item, Section)]
    assert len(lengths) > 4
    assert max(lengths) <= settings.section


def test_chains_of_ten_thousand_operations_need_no_stack() -> None:
    record, values = recorded(scalar_chain(5000), sg.value_and_grad)
    graph: Graph = finish(record())
    assert len(graph.nodes()) > 10_000
    assert np.isfinite(interpret(graph, values)[0])
    assert str(graph)
    assert to_text(lambda: graph)
