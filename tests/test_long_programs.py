"""Long programs: the work of every pass grows in proportion to their length, and sections mean what the whole means."""

from __future__ import annotations

import cProfile
import functools
import pstats
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends.module import emit_module
from srcgrad.core.settings import override, settings
from srcgrad.dispatch import Function
from srcgrad.dispatch.arguments import Arguments
from srcgrad.graph.digest import digest_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph
from srcgrad.pipeline import compile_graph
from srcgrad.schedule.fuse import fuse
from srcgrad.schedule.ir import Section
from srcgrad.schedule.lower import lower
from srcgrad.schedule.storage import assign_storage
from srcgrad.transform.finish import finish

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


PROGRAMS = [terms, scalar_chain, chain, lengths, layers, writes, stacked, outputs]


def recorded(program: Program, transform: Callable[..., Any]) -> tuple[Callable[[], Any], list[Any]]:
    function, args = program
    made: Function = transform(function)
    arguments = Arguments(made.parameters, args, {})
    return lambda: made.record(arguments).graph, list(arguments.values)


def count_calls(run: Callable[[], Any]) -> int:
    """How many functions a call calls."""
    profile = cProfile.Profile()
    profile.runcall(run)
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined, no-any-return]


def to_text(record: Callable[[], Any]) -> str:
    graph = finish(record())
    digest_of(graph)
    program = fuse(lower(graph))
    return emit_module(program, assign_storage(program), graph.name).source


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("transform", [sg.jit, sg.grad], ids=["value", "gradient"])
def test_twice_the_length_is_twice_the_work(make: Any, transform: Any) -> None:
    if make is outputs and transform is sg.grad:
        pytest.skip("a gradient is of a scalar")
    with override(verify=False, section=64, search_effort=200):
        short, long = (count_calls(lambda n=n: to_text(recorded(make(n), transform)[0])) for n in (150, 300))
    assert long <= 2.2 * short
