"""Loops split among threads give what the serial ones give; and what happens where threads cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends import threads
from srcgrad.core.settings import override

SERIAL = 10**15


@pytest.fixture(autouse=True)
def all_threads():
    """Every test starts and ends with all threads, and forks for the smallest loop."""
    if threads.limit() < 2:
        pytest.skip("one thread only")
    threads.set_num_threads(threads.limit())
    with override(parallel_cycles=0):
        yield
    threads.set_num_threads(threads.limit())


def floats(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def several(x, y):
    return np.sum(x * y), np.max(x + y), np.min(x), np.sum(x * y, axis=1), np.sum(x, axis=0), x * y + 1


PROGRAMS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "sum": (lambda x: np.sum(np.sin(x)), (floats(1000),)),
    "sum over rows": (lambda x: np.sum(x * x, axis=0), (floats(50, 40),)),
    "sum of rows": (lambda x: np.sum(x * x, axis=1), (floats(50, 40),)),
    "product": (lambda x: np.prod(1 + 0.01 * x), (floats(1000),)),
    "largest": (lambda x: np.max(x * np.cos(x)), (floats(1000),)),
    "smallest": (lambda x: np.min(x, axis=0), (floats(100, 30),)),
    "all and any": (lambda x: (np.all(x > -9), np.any(x > 9)), (floats(1000),)),
    "where the largest is": (lambda x: np.argmax(x), (floats(1000),)),
    "outputs": (lambda x: (np.exp(x), x > 0, x.astype(np.float32)), (floats(300, 7),)),
    "integers": (lambda x: np.sum(x * x), (np.arange(1000),)),
    "several accumulators": (several, (floats(60, 40), floats(60, 40, seed=1))),
    "softmax": (lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True), (floats(40, 33),)),
    "products": (lambda x, w: np.sum(np.tanh(x @ w), axis=0), (floats(128, 40), floats(40, 48, seed=1))),
    "fewer iterations than threads": (lambda x: np.sum(x, axis=1), (floats(1, 40),)),
    "gathered": (lambda x, k: np.sum(x[k]), (floats(90), np.arange(0, 90, 3))),
}


def leaves(result):
    return [np.asarray(leaf) for leaf in sg.tree.leaves(result)]


def agree(result, expected, tolerance=1e-12):
    for ours, theirs in zip(leaves(result), leaves(expected), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


class TestSplitLoops:
    @pytest.mark.parametrize("name", PROGRAMS)
    def test_as_serial(self, name):
        function, args = PROGRAMS[name]
        with override(parallel_cycles=SERIAL):
            expected = sg.jit(function)(*args)
        split = sg.jit(function)
        agree(split(*args), expected)
        threads.set_num_threads(1)
        agree(split(*args), expected)

    def test_they_are_split(self):
        source = sg.source(PROGRAMS["sum"][0], *PROGRAMS["sum"][1], form="machine")
        assert "fork(" in source
        with override(parallel_cycles=SERIAL):
            assert "fork(" not in sg.source(PROGRAMS["sum"][0], *PROGRAMS["sum"][1], form="machine")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("product_size", [1000, SERIAL], ids=["products", "loops"])
    def test_gradients(self, dtype, product_size):
        generator = np.random.default_rng(0)
        shapes = (12, 16), (16,), (16, 9), (9,), (128, 12)
        w1, b1, w2, b2, x = (generator.standard_normal(shape).astype(dtype) for shape in shapes)
        labels = generator.integers(0, 9, 128)

        def loss(w1, b1, w2, b2):
            logits = np.tanh(x @ w1 + b1) @ w2 + b2
            logits = logits - np.max(logits, axis=1, keepdims=True)
            return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - logits[np.arange(128), labels])

        with override(product_size=product_size):
            split = sg.value_and_grad(loss, argnums=(0, 1, 2, 3))(w1, b1, w2, b2)
            with override(parallel_cycles=SERIAL):
                serial = sg.value_and_grad(loss, argnums=(0, 1, 2, 3))(w1, b1, w2, b2)
        agree(split, serial, 1e-12 if dtype == "float64" else 1e-5)

    def test_accumulators_read_by_a_later_split_loop(self):
        """A gradient that one loop sums up and the next one applies, as an optimiser does."""
        x, w = floats(128, 40), floats(40, 200, seed=1)
        adam = sg.optim.adam()

        def train(w):
            gradient = sg.grad(lambda w: np.sum(np.tanh(x @ w) ** 2))

            def step(i, carry):
                w, state = carry
                return adam.update(gradient(w), state, w)

            return sg.fori_loop(0, 3, step, (w, adam.init(w)))

        with override(parallel_cycles=SERIAL):
            serial = sg.jit(train)(w)
        agree(sg.jit(train)(w), serial, 1e-9)

    def test_loops_in_loops_and_branches(self):
        x = floats(200)

        def steps(x):
            double = lambda x: np.sin(x) * 2  # noqa: E731
            iteration = lambda i, x: sg.cond(np.sum(x) > 0, double, lambda x: x - np.mean(x) + 0.1, x)  # noqa: E731
            return sg.fori_loop(0, 5, iteration, x)

        with override(parallel_cycles=SERIAL):
            serial = sg.jit(steps)(x)
        agree(sg.jit(steps)(x), serial)

    def test_an_index_out_of_bounds_in_a_part_is_raised_after_the_join(self):
        select = sg.jit(lambda x, k: x[k] * 2.0)
        within = np.arange(-10, 10).repeat(50)
        with pytest.raises(IndexError, match="out of bounds"):
            select(floats(10), np.where(np.arange(1000) == 998, 99, within))
        np.testing.assert_array_equal(select(floats(10), within), floats(10)[within] * 2.0)
        assert "outside" in sg.source(select, form="machine")

    def test_nothing_can_be_read_from_an_empty_axis(self):
        select = sg.jit(lambda x, k: np.sum(x[k]))
        with pytest.raises(IndexError):
            select(floats(0), np.zeros(1000, np.int64))


class TestProducts:
    @pytest.mark.parametrize("shape", [(5, 40, 300), (300, 40, 9), (64, 8, 64), (9, 300, 33)])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_tiles_are_split_and_the_sums_stay(self, shape, dtype):
        m, k, n = shape
        left, right = floats(m, k, dtype=dtype), floats(k, n, seed=1, dtype=dtype)
        for function, args in (
            (lambda x, y: x @ y, (left, right)),
            (lambda x, y: x.T @ y.T, (left.T.copy(), right.T.copy())),
        ):
            split = sg.jit(function)
            ours = split(*args)
            assert "split" in sg.source(split, form="machine")
            with override(parallel_cycles=SERIAL):
                np.testing.assert_array_equal(ours, sg.jit(function)(*args))
            np.testing.assert_allclose(ours, left @ right, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-4)

    def test_in_a_loop_of_steps(self):
        x, w = floats(64, 40), floats(40, 40, seed=1) / 40

        def train(w):
            return sg.fori_loop(0, 3, lambda i, w: w - 0.1 * sg.grad(lambda w: np.mean(np.tanh(x @ w) ** 2))(w), w)

        with override(parallel_cycles=SERIAL):
            serial = sg.jit(train)(w)
        agree(sg.jit(train)(w), serial, 1e-9)


class TestNumberOfThreads:
    def test_same_bits_for_the_same_number(self):
        function, args = PROGRAMS["several accumulators"]
        compiled = sg.jit(function)
        first = leaves(compiled(*args))
        for _ in range(20):
            for ours, theirs in zip(leaves(compiled(*args)), first, strict=True):
                np.testing.assert_array_equal(ours, theirs)

    def test_bounds(self):
        for count in (0, -1, threads.limit() + 1):
            with pytest.raises(ValueError, match="number of threads"):
                threads.set_num_threads(count)

    def test_set_and_get(self):
        threads.set_num_threads(1)
        assert threads.get_num_threads() == 1
        threads.set_num_threads(threads.limit())
        assert threads.get_num_threads() == threads.limit()

    @pytest.mark.parametrize(
        ("variables", "count"),
        [
            ({"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}, 1),
            ({"OMP_NUM_THREADS": "2,1"}, 2),
            ({"OMP_NUM_THREADS": "none"}, None),
        ],
    )
    def test_variables(self, variables, count, monkeypatch):
        monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert threads.available() == (count or len(os.sched_getaffinity(0)))


class TestCallers:
    def test_several_python_threads_at_once(self):
        function, args = PROGRAMS["products"]
        compiled = sg.jit(function)
        expected = leaves(compiled(*args))
        found = []

        def call():
            for _ in range(50):
                found.append(leaves(compiled(*args)))  # noqa: PERF401  one by one, as they are done

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(found) == 200
        for result in found:
            agree(result, expected)


def in_a_process(program, **variables):
    """What the program prints, in a process of its own: forks and missing libraries are no matter for this one."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SRCGRAD_PARALLEL_CYCLES": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


FORKED = """
import os, numpy as np, srcgrad as sg
from srcgrad.backends import threads
x = np.arange(1000.0)
compiled = sg.jit(lambda x: np.sum(x * x))
before = compiled(x)
child = os.fork()
if child == 0:
    right = compiled(x) == before or abs(compiled(x) - before) < 1e-6 * before
    fresh = sg.jit(lambda x: np.sum(x + x))(x) == 999000.0
    os._exit(0 if right and fresh and threads.get_num_threads() == 1 else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(status, threads.get_num_threads() == threads.limit(), compiled(x) == before)
"""

WITHOUT_RUNTIME = """
import ctypes, sys
sys.modules["numba.np.ufunc.omppool"] = None
import numpy as np, srcgrad as sg
from srcgrad.backends import threads
x = np.arange(1000.0)
compiled = sg.jit(lambda x: np.sum(x * x))
print(compiled(x) == np.sum(x * x), threads.limit(), "fork(" in sg.source(compiled, form="machine"))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_runs_serially():
    assert in_a_process(FORKED) == ["0", "True", "True"]


def test_without_the_runtime_all_is_serial():
    assert in_a_process(WITHOUT_RUNTIME) == ["True", "1", "False"]


def test_variables_of_the_user_are_left_alone():
    program = (
        "import os; from srcgrad.backends import threads; threads.provide(); print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    assert in_a_process(program) == ["None"]
    assert in_a_process(program, GOMP_SPINCOUNT="77") == ["77"]
