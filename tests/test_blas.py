"""Very large products by the installed BLAS, in all layouts, where a setting or a measurement says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends import store, threads
from srcgrad.backends.gemm import blas
from srcgrad.core.settings import override
from srcgrad.core.target import NEVER

LAYOUTS = {
    "rows and rows": lambda a, b: a @ b,
    "columns and rows": lambda a, b: a.T @ b,
    "rows and columns": lambda a, b: a @ b.T,
    "columns and columns": lambda a, b: a.T @ b.T,
}


@pytest.fixture(autouse=True)
def all_products_by_blas():
    if threads.limit() < 2:
        pytest.skip("one thread only")
    with override(blas_size=1, parallel_cycles=0):
        yield


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layout(name, dtype):
    generator = np.random.default_rng(0)
    left, right = generator.random((70, 90), dtype), generator.random((90, 81), dtype)
    a = np.ascontiguousarray(left.T) if name.startswith("columns") else left
    b = np.ascontiguousarray(right.T) if name.endswith("columns") else right
    compiled = sg.jit(LAYOUTS[name])
    np.testing.assert_allclose(compiled(a, b), left @ right, rtol=1e-4 if dtype == "float32" else 1e-12)
    assert f"gemm_blas_{dtype}" in sg.source(compiled, form="machine")


def test_a_gradient():
    a, b = np.random.default_rng(0).random((2, 40, 40))
    gradient = sg.grad(lambda a: np.sum((a @ b) ** 2))
    np.testing.assert_allclose(gradient(a), 2 * (a @ b) @ b.T, rtol=1e-12)
    assert "gemm_blas" in sg.source(gradient, form="machine")


def test_with_fewer_threads_the_product_is_ours():
    a, b = np.random.default_rng(0).random((2, 64, 64))
    compiled = sg.jit(lambda a, b: a @ b)
    compiled(a, b)
    threads.set_num_threads(1)
    try:
        np.testing.assert_allclose(compiled(a, b), a @ b, rtol=1e-12)
    finally:
        threads.set_num_threads(threads.limit())


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, NEVER),
        ({1536: 0.5}, 1536**3),
        ({1024: 0.5, 1536: 0.5}, 1024**3),
        ({512: 0.5, 1024: 0.5, 1536: 0.5}, 512**3),
        ({512: 0.5, 1024: 0.5}, NEVER),
    ],
)
def test_the_threshold_is_measured_once(times, expected, monkeypatch, tmp_path):
    asked = []

    def seconds(dtype, size):
        asked.append(size)
        return 1.0, times.get(size, 1.0)

    monkeypatch.setattr(blas, "_seconds", seconds)
    with override(blas_size=-1, cache_dir=str(tmp_path)):
        for _ in range(2):
            blas.measured.cache_clear()
            assert blas.threshold("float32", 512**3) == expected
        assert len(asked) == len(set(asked))
        (kept,) = tmp_path.glob("blas_float32_*.json")
        assert json.loads(store.read(kept.name) or b"") == {"multiplications": expected}
        blas.measured.cache_clear()
        kept.write_text("not what was written")
        assert blas.threshold("float32", 512**3) == expected
        assert blas.threshold("float64", 512**3 - 1) == NEVER
    blas.measured.cache_clear()


def test_never():
    with override(blas_size=0):
        assert blas.threshold("float32", 2**40) == NEVER
