"""Compiled functions called from several Python threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import srcgrad as sg

THREADS = 8


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """The results of ``work(0)``, ``work(1)``, ...: all start together, each in a thread of its own."""
    barrier = threading.Barrier(THREADS)

    def started(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(started, range(THREADS)))


def data(number: int, rows: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(number)
    return rng.normal(size=(rows, 20)), rng.normal(size=20)


def normalised(x, w):
    """Its means keep whole arrays for a second loop: too large for the stack."""
    hidden = np.tanh(x * w)
    centred = hidden - hidden.mean(axis=0)
    return np.sum(centred**3) + np.sum(np.sort(x[:, 0])[:5])


def steps(x, w):
    def step(i, w):
        error = x @ w - x[:, 0]
        return w - 1e-3 * (error @ x)

    return sg.fori_loop(0, 20, step, w)


def expected_steps(x, w):
    for _ in range(20):
        w = w - 1e-3 * ((x @ w - x[:, 0]) @ x)
    return w


def test_first_and_later_calls() -> None:
    function = sg.jit(normalised)

    def work(number: int) -> Any:
        x, w = data(number)
        return [function(x, w) for _ in range(30)]

    for number, results in enumerate(at_once(work)):
        np.testing.assert_allclose(results, np.full(30, normalised(*data(number))), rtol=1e-9)
    assert function.last is not None
    assert function.last.executable.module.workspace_bytes > 0


def test_gradients() -> None:
    function = sg.value_and_grad(normalised, (0, 1))
    alone = [function(*data(number)) for number in range(THREADS)]

    def work(number: int) -> Any:
        return [function(*data(number)) for _ in range(10)]

    for (value, gradients), results in zip(alone, at_once(work), strict=True):
        for found_value, found in results:
            assert found_value == value
            assert all(np.array_equal(a, b) for a, b in zip(found, gradients, strict=True))


def test_a_loop_of_steps() -> None:
    function = sg.jit(steps)
    results = at_once(lambda number: function(*data(number)))
    for number, result in enumerate(results):
        np.testing.assert_allclose(result, expected_steps(*data(number)), rtol=1e-9)


def test_specialisations_made_at_the_same_time() -> None:
    function = sg.jit(normalised)

    def work(number: int) -> Any:
        return [function(*data(number, rows)) for rows in (50 + number % 3, 60)]

    for number, results in enumerate(at_once(work)):
        plain = [normalised(*data(number, rows)) for rows in (50 + number % 3, 60)]
        np.testing.assert_allclose(results, plain, rtol=1e-9)


def test_arrays_written_in_place() -> None:
    @sg.jit
    def settle(x):
        for _ in range(3):
            x[1:-1] = 0.5 * (x[2:] + x[:-2])

    def work(number: int) -> Any:
        x = data(number)[0]
        for _ in range(20):
            settle(x)
        return x

    for number, found in enumerate(at_once(work)):
        x = data(number)[0]
        for _ in range(60):
            x[1:-1] = 0.5 * (x[2:] + x[:-2])
        np.testing.assert_allclose(found, x, rtol=1e-9, atol=1e-12)


def test_errors_stay_in_their_thread() -> None:
    @sg.jit
    def element(x, k):
        return x[k] * 2.0

    def work(number: int) -> Any:
        try:
            return float(element(np.arange(4.0), number))
        except IndexError:
            return None

    assert at_once(work) == [0.0, 2.0, 4.0, 6.0, None, None, None, None]
