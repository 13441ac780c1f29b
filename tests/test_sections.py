"""Sections of a few statements: random programs, and those with library calls, mean what the whole means."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.settings import override
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.pipeline import finish
from tests.interpreted import interpreter
from tests.plain_python import run_plain
from tests.random_cases import differences, random_case


@contextlib.contextmanager
def split() -> Iterator[None]:
    """Every product a call, every loop that can be split among threads, short blocks, a stack that is soon full."""
    with (
        override(parallel_cycles=50, product_size=1, block_bytes=4096, stack_bytes=64),
        mock.patch("srcgrad.backends.threads.limit", return_value=3),
    ):
        yield


@pytest.mark.parametrize("seed", [*range(30), 286])  # the last one has a loop over nothing
def test_random_programs_as_text(seed: int) -> None:
    with override(section=1 + seed % 5, cache_dir=""), split() if seed % 2 else contextlib.nullcontext():
        case = random_case(random.Random(seed).randint, parts=3, steps=10, gradient=seed % 3 > 0)
        executable = compile_graph(finish(case.graph))
    wrong = differences(case, run_plain(executable, case.arrays), interpret(case.graph, case.arrays))
    assert not wrong, "\n".join([*wrong, str(case.graph), executable.source])


@pytest.mark.parametrize("seed", [2, 3])
def test_random_programs_compiled(seed: int) -> None:
    case = random_case(random.Random(seed).randint, parts=2, steps=6)
    with override(section=3):
        executable = compile_graph(finish(case.graph))
        assert differences(case, executable(*case.arrays), interpret(case.graph, case.arrays)) == []


def solved(a, b):
    left = a @ a.T + 8.0 * np.eye(8)
    x = np.linalg.solve(left, b[:8])
    values, vectors = np.linalg.eigh(left)
    return np.sum(np.tanh(x)) + np.linalg.slogdet(left)[1] + np.sum(values[:2] * np.sum(vectors[:, :2] ** 2, 0))


def transformed(a, b):
    spectrum = np.fft.rfft(b * a[0, 0])
    back = np.fft.irfft(spectrum * np.exp(-0.1 * np.arange(33)), 64)
    return np.sum(back * b) + np.sum(np.abs(np.fft.fft(a[1])) ** 2)


def ordered(a, b):
    rows = np.sort(a * b[0], axis=1)
    return np.sum(np.cumsum(rows, axis=1)[:, -1] * b[:8]) + np.sum(np.cumprod(1.0 + 0.1 * a[0])) + np.median(b)


def multiplied(a, b):
    wide = np.sin(np.outer(b, b) + 0.1 * a[0, 0])
    return np.sum(np.tanh(wide @ wide * 0.1) @ b) + np.sum(a @ a)


def looped(a, b):
    total = b[0]
    for _ in range(3):
        a = np.linalg.inv(a + 9.0 * np.eye(8)) + np.sort(a, axis=0) * 0.1
        b = np.fft.irfft(np.fft.rfft(b) * 0.5, 64) + a[0, 0]
        total = total + np.sum(np.cumsum(b)) * 0.01
        if total > 0.0:
            total = total * np.linalg.det(a + 2.0 * np.eye(8)) * 0.001
    return total


@pytest.mark.parametrize("function", [solved, transformed, ordered, multiplied, looped])
def test_library_calls_in_sections(function: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    args = rng.normal(size=(8, 8)), rng.normal(size=64)
    with interpreter():
        expected = sg.value_and_grad(function, argnums=(0, 1))(*args)
    with override(section=2):
        gradient = sg.value_and_grad(function, argnums=(0, 1))
        assert "_section2" in sg.source(gradient, *args, form="machine")
        value, gradients = [gradient(*args) for _ in range(2)][1]
    np.testing.assert_allclose(value, expected[0], rtol=1e-9)
    for found, one in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(found, one, rtol=1e-8, atol=1e-10)
    assert value == pytest.approx(function(*args), rel=1e-10)
