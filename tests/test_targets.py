"""Targets: schedules of a program for several machines, made on any of them; what is measured is measured before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends.machine import largest_product, this_machine
from srcgrad.core.settings import override
from srcgrad.core.target import AVX2, AVX512, NEON, Target
from srcgrad.dispatch.arguments import Arguments
from srcgrad.graph.node import Graph
from srcgrad.pipeline import emit, finish, schedule
from srcgrad.schedule.text import program_text

TARGETS = {"avx512": AVX512, "avx2": AVX2, "neon": NEON}


def network() -> Graph:
    """The gradient of a small network: 100 samples of 3 features, 24 hidden units, activations in a long chain."""
    rng = np.random.default_rng(0)

    def loss(w1: Any, b1: Any, w2: Any, x: Any, y: Any) -> Any:
        hidden = np.tanh(x @ w1 + b1)
        return np.sum((np.log1p(np.exp(hidden)) @ w2 - y) ** 2)

    gradient = sg.grad(loss, (0, 1, 2))
    shapes = (3, 24), (24,), (24,), (100, 3), (100,)
    arguments = tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return finish(gradient.record(Arguments(gradient.parameters, arguments, {})).graph)


def strips() -> Graph:
    """A chain of functions over a long axis, in strips that fill whole vectors where their lengths allow it."""
    chain = sg.jit(lambda x: np.cos(np.log1p(np.exp(np.tanh(x)))))
    return finish(chain.record(Arguments(chain.parameters, (np.ones(101_200, np.float32),), {})).graph)


@pytest.mark.parametrize("make", [network, strips])
def test_schedules(make: Callable[[], Graph], golden: Callable[[str, str], None]) -> None:
    texts = [f"# {name}\n{program_text(schedule(make(), target).program)}\n" for name, target in TARGETS.items()]
    golden(f"targets/{make.__name__}.txt", "\n".join(texts))


@pytest.mark.parametrize("name", TARGETS)
def test_the_text_depends_on_the_target_alone(name: str) -> None:
    """Not on the machine at hand, nor on what was measured there."""
    target = replace(TARGETS[name], threads=4, parallel_cycles=0.0)
    graph = network()
    expected = emit(schedule(graph, target), "f", False, target).source
    features = mock.patch("srcgrad.backends.gemm.micro.cpu_features", return_value=set())
    threads = mock.patch("srcgrad.backends.threads.limit", return_value=2)
    clock = mock.patch("time.perf_counter", side_effect=AssertionError("a stopwatch"))
    with features, threads, clock, override(product_size=1, block_bytes=1, parallel_cycles=1, blas_size=-1):
        assert emit(schedule(graph, target), "f", False, target).source == expected


def test_this_machine_is_what_settings_and_measurements_say() -> None:
    with override(product_size=7, blas_size=11), mock.patch("srcgrad.backends.threads.limit", return_value=5):
        found = this_machine(network())
    assert (found.threads, found.product_size, found.blas_size("float32"), found.blas_size("float64")) == (5, 7, 11, 11)


def test_blas_is_measured_for_large_products_alone() -> None:
    def graph(size: int) -> Graph:
        product = sg.jit(lambda a, b: a @ b)
        arguments = np.ones((2, size, size), np.float32)
        return finish(product.record(Arguments(product.parameters, tuple(arguments), {})).graph)

    assert largest_product(graph(64)) == {"float32": 64**3}
    with override(blas_size=-1), mock.patch("srcgrad.backends.gemm.blas.measured", return_value=512**3) as measured:
        assert this_machine(graph(64)).blas_float32 > 2**60
        assert not measured.called
        assert this_machine(graph(512)).blas_float32 == 512**3
    assert [call.args for call in measured.mock_calls] == [("float32",)]


def test_a_product_in_a_loop_counts() -> None:
    def powers(a: Any) -> Any:
        for _ in range(40):
            a = np.tanh(a @ a)
        return a

    function = sg.jit(powers)
    graph = finish(function.record(Arguments(function.parameters, (np.ones((9, 9)),), {})).graph)
    assert largest_product(graph) == {"float64": 9**3}


def test_lanes() -> None:
    assert [Target(vector_bytes=size).lanes(8) for size in (16, 32, 64)] == [2, 4, 8]
