"""sg.cost counts what a program does, sg.profile measures it by phase; the number of threads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentError

X = np.random.default_rng(0).standard_normal((100, 50))


class TestCost:
    def test_fused_operations_touch_each_array_once(self):
        found = sg.cost(lambda x: np.sum(np.exp(x) * x + 1, axis=1), X)
        assert (found.additions, found.multiplications, found.functions) == (10_000, 5_000, 5_000)
        assert found.operations == 20_000
        assert found.read["input"] == X.nbytes
        assert found.written["output"] == 800
        assert found.workspace_bytes == 0
        assert found.exact

    def test_products(self):
        a, b = np.ones((64, 80), np.float32), np.ones((80, 96), np.float32)
        found = sg.cost(np.matmul, a, b)
        assert found.additions == found.multiplications == 64 * 80 * 96
        assert found.read["input"] == a.nbytes + b.nbytes
        assert found.written["output"] == 4 * 64 * 96

    def test_slices_count_what_they_touch(self):
        assert sg.cost(lambda x: x[:10] * 2.0, X).read["input"] == 10 * 50 * 8

    def test_loops_count_their_iterations(self):
        once = sg.cost(lambda x: np.sin(x), X)
        found = sg.cost(lambda x: sg.fori_loop(0, 7, lambda i, x: np.sin(x), x), X)
        assert found.functions == 7 * once.functions
        assert found.exact

    def test_iterations_that_data_decides_count_once(self):
        found = sg.cost(lambda x: sg.while_loop(lambda x: np.sum(x) > 0, lambda x: x - 1.0, x), X)
        assert not found.exact
        assert "data decides" in str(found)

    def test_temporaries_by_place(self):
        found = sg.cost(lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))), X)
        assert found.workspace_bytes >= sum(
            size for place, size in found.temporary_bytes.items() if place == "workspace"
        )
        assert "functions" in str(found)

    def test_library_calls_are_named(self):
        assert sg.cost(lambda x: np.sort(x, axis=0), X).library_calls == 1

    def test_of_the_last_call(self):
        compiled = sg.grad(lambda x: np.sum(x * x))
        with pytest.raises(ArgumentError, match="has not been called"):
            sg.cost(compiled)
        compiled(X)
        assert sg.cost(compiled) == sg.cost(compiled, X)


class TestProfile:
    def test_phases(self, capsys):
        def loss(w, x):
            return np.sum(np.tanh(x @ w) ** 2)

        found = sg.profile(sg.grad(loss), np.ones((50, 64)), X)
        assert capsys.readouterr().out.strip() == str(found)
        assert found.calls >= 3
        assert 0 < sum(row.seconds for row in found.rows) <= found.seconds * 1.5
        assert sum(row.operations for row in found.rows) == sg.cost(sg.grad(loss), np.ones((50, 64)), X).operations
        assert "test_inspection.py:" in str(found)
        assert "product" in str(found)

    def test_inside_loops(self):
        def steps(x):
            return sg.fori_loop(0, 5, lambda i, x: np.sin(x) + np.sum(x), x)

        found = sg.profile(steps, X)
        assert {row.iterations for row in found.rows if row.depth == 1} == {5}

    def test_arguments_stay_as_they_are(self):
        def double(x):
            x *= 2.0

        x = X.copy()
        sg.profile(double, x)
        np.testing.assert_array_equal(x, X)

    def test_a_branch_not_taken_takes_no_iteration(self):
        function = lambda x: sg.cond(x[0, 0] > 1e9, lambda x: np.sin(x), lambda x: np.cos(x), x)  # noqa: E731
        iterations = [row.iterations for row in sg.profile(function, X).rows if row.depth == 1]
        assert sorted(iterations) == [0, 1]


class TestThreads:
    def test_bounds(self):
        with pytest.raises(ValueError, match="number of threads"):
            sg.set_num_threads(0)

    def test_set_and_get(self):
        before = sg.get_num_threads()
        sg.set_num_threads(1)
        assert sg.get_num_threads() == 1
        sg.set_num_threads(before)


def test_import_brings_no_numba():
    program = "import sys, srcgrad; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
