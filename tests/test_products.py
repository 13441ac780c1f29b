"""Matrix products: the driver and its micro-kernel on every edge, and contractions as the compiler emits them."""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.settings import override

EDGES = (*range(1, 10), 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257)
LAYOUTS = tuple(itertools.product("CF", "CF"))
TOLERANCE = {"float32": 2e-6, "float64": 4e-15}
GUARD = 7.5


@functools.cache
def native(dtype):
    """The product as a C function; compiled once per machine."""
    from srcgrad.backends.gemm.native import product
    from srcgrad.backends.threads import provide

    provide()
    product(dtype)
    from llvmlite import binding

    number, pointer = ctypes.c_int64, ctypes.c_void_p
    arguments = (number,) * 3 + (pointer, number, number) * 2 + (pointer, number, ctypes.c_bool)
    return ctypes.CFUNCTYPE(None, *arguments)(binding.address_of_symbol(f"srcgrad_gemm_{dtype}"))


def gemm(a, b, c, accumulate=False):
    """``c (+)= a @ b`` through the driver; the last axis of c is contiguous."""
    (m, k), n, size = a.shape, b.shape[1], a.itemsize
    strides = [stride // size for stride in (*a.strides, *b.strides)]
    arguments = (a.ctypes.data, *strides[:2], b.ctypes.data, *strides[2:], c.ctypes.data, c.strides[0] // size)
    native(str(a.dtype))(m, n, k, *arguments, accumulate)


def matrix(generator, rows, cols, dtype, order="C", margin=0):
    """A matrix of these extents inside a larger one of NaN: what is read outside shows."""
    whole = np.full((rows + margin, cols + margin), np.nan, dtype, order)
    part = whole[:rows, :cols]
    part[...] = generator.standard_normal((rows, cols))
    return part


def check(a, b, dtype, *, accumulate=False, margin=3):
    rows, cols = a.shape[0], b.shape[1]
    whole = np.full((rows + 1, cols + margin), GUARD, dtype)
    c = whole[:rows, :cols]
    expected = a.astype(np.float64) @ b.astype(np.float64) + (GUARD if accumulate else 0)
    gemm(a, b, c, accumulate)
    scale = np.abs(a).astype(np.float64) @ np.abs(b) + 8
    assert np.max(np.abs(c - expected) / scale) < TOLERANCE[dtype], (a.shape, b.shape)
    c[...] = GUARD
    assert np.all(whole == GUARD), "something outside of the result was written"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestDriver:
    @pytest.mark.parametrize("rows", EDGES)
    def test_every_edge(self, rows, dtype):
        generator = np.random.default_rng(rows)
        left, right = generator.uniform(-1, 1, (2, 257, 257)).astype(dtype)
        result = np.empty((258, 260), dtype)
        for number, (cols, depth) in enumerate(itertools.product(EDGES, EDGES)):
            a = left[:rows, :depth] if number & 1 else left.T[:rows, :depth]
            b = right[:depth, :cols] if number & 2 else right.T[:depth, :cols]
            result[...] = GUARD
            accumulate = number % 3 == 0
            gemm(a, b, result[:rows, :cols], accumulate)
            result[:rows, :cols] -= np.matmul(a, b, dtype=np.float64) + (GUARD if accumulate else 0)
            assert np.max(np.abs(result[:rows, :cols])) < (depth + 8) * TOLERANCE[dtype], (cols, depth)
            result[:rows, :cols] = GUARD
            assert np.all(result == GUARD), "something outside of the result was written"

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("accumulate", [False, True])
    @pytest.mark.parametrize("extents", [(5, 70, 3), (200, 300, 520), (193, 33, 257), (64, 1030, 16), (1, 1, 1)])
    def test_transpositions_and_margins(self, layout, accumulate, extents, dtype):
        rows, cols, depth = extents
        generator = np.random.default_rng(0)
        a = matrix(generator, rows, depth, dtype, layout[0], margin=5)
        b = matrix(generator, depth, cols, dtype, layout[1], margin=9)
        check(a, b, dtype, accumulate=accumulate)

    def test_packed_operands(self, dtype):
        """Rows of B far apart, and an A that does not fit into the second cache."""
        generator = np.random.default_rng(0)
        a = matrix(generator, 700, 300, dtype, margin=1)
        b = matrix(generator, 300, 130, dtype, margin=2000)
        check(a, b, dtype)

    def test_panels_live_as_long_as_they_are_used(self, dtype):
        """Large ones come from the system and go back to it: what is used after that is not there any more."""
        a = np.ones((1100, 1100), dtype)
        c = np.empty((1100, 1100), dtype)
        gemm(a, a, c)
        assert np.all(c == 1100)

    def test_steps_in_both_directions(self, dtype):
        generator = np.random.default_rng(0)
        a = generator.standard_normal((40, 60)).astype(dtype)[:, ::2]
        b = generator.standard_normal((60, 90)).astype(dtype)[::2, ::3]
        check(a, b, dtype)

    def test_broadcast_operands(self, dtype):
        generator = np.random.default_rng(0)
        row = generator.standard_normal((1, 30)).astype(dtype)
        column = generator.standard_normal((30, 1)).astype(dtype)
        check(np.broadcast_to(row, (20, 30)), np.broadcast_to(column, (30, 40)), dtype)

    def test_nothing_to_sum(self, dtype):
        a, b = np.empty((3, 0), dtype), np.empty((0, 20), dtype)
        c = np.full((3, 20), GUARD, dtype)
        gemm(a, b, c)
        assert np.all(c == 0)
        c[...] = GUARD
        gemm(a, b, c, accumulate=True)
        assert np.all(c == GUARD)

    def test_nothing_to_write(self, dtype):
        gemm(np.ones((0, 5), dtype), np.ones((5, 3), dtype), np.ones((0, 3), dtype))
        gemm(np.ones((4, 5), dtype), np.ones((5, 0), dtype), np.ones((4, 0), dtype))

    def test_what_is_not_finite_stays_in_its_row_and_column(self, dtype):
        a, b = np.ones((20, 40), dtype), np.ones((40, 50), dtype)
        a[3, 7], b[5, 9] = np.inf, np.nan
        c = np.empty((20, 50), dtype)
        gemm(a, b, c)
        assert np.all(np.isnan(c[:, 9]))
        assert np.all(np.isposinf(np.delete(c[3], 9)))
        assert np.all(np.delete(np.delete(c, 3, 0), 9, 1) == 40)


def close(result, expected, dtype):
    assert result.dtype == dtype
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    assert np.max(np.abs(result - expected), initial=0) / scale < 50 * TOLERANCE[dtype]


def arrays(pattern, extents, dtype):
    generator = np.random.default_rng(3)
    operands = pattern.split("->")[0].split(",")
    return [generator.standard_normal([extents[label] for label in labels]).astype(dtype) for labels in operands]


#: patterns, and extents that make products of them
PATTERNS = {
    "ij,jk->ik": {"i": 33, "j": 40, "k": 70},
    "ji,jk->ik": {"i": 33, "j": 40, "k": 70},
    "ij,kj->ik": {"i": 33, "j": 40, "k": 70},
    "ji,kj->ik": {"i": 33, "j": 40, "k": 70},
    "ij,jk->ki": {"i": 33, "j": 40, "k": 70},
    "bij,bjk->bik": {"b": 3, "i": 17, "j": 40, "k": 35},
    "bij,jk->bik": {"b": 3, "i": 17, "j": 40, "k": 35},
    "bij,bjk->ik": {"b": 3, "i": 17, "j": 40, "k": 35},
    "ibj,jbk->bik": {"b": 3, "i": 17, "j": 40, "k": 35},
    "bhij,bhkj->bhik": {"b": 2, "h": 3, "i": 20, "j": 32, "k": 24},
    "ijk,kjl->il": {"i": 30, "j": 5, "k": 20, "l": 40},
    "ijk,kl->ijl": {"i": 6, "j": 7, "k": 64, "l": 48},
    "ij,jk,kl->il": {"i": 20, "j": 64, "k": 30, "l": 50},
    "ij,jk,kl,lm->im": {"i": 20, "j": 64, "k": 30, "l": 50, "m": 16},
    "ij,ij->": {"i": 30, "j": 40},
    "ij,j->i": {"i": 200, "j": 300},
    "ii->i": {"i": 20},
    "ij,kl->ijkl": {"i": 5, "j": 6, "k": 7, "l": 8},
    "nhwcij,ijco->nhwo": {"n": 4, "h": 5, "w": 6, "c": 3, "i": 3, "j": 3, "o": 16},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestCompiled:
    @pytest.mark.parametrize("pattern", PATTERNS)
    def test_einsum(self, pattern, dtype):
        operands = arrays(pattern, PATTERNS[pattern], dtype)
        compiled = sg.jit(lambda *operands: np.einsum(pattern, *operands))
        close(compiled(*operands), np.einsum(pattern, *operands), dtype)

    @pytest.mark.parametrize("extents", [(4, 8, 512), (65, 33, 257), (128, 10, 128), (1, 300, 300), (300, 300, 1)])
    def test_matmul(self, extents, dtype):
        rows, cols, depth = extents
        a, b = arrays("ij,jk", {"i": rows, "j": depth, "k": cols}, dtype)
        close(sg.jit(np.matmul)(a, b), a @ b, dtype)
        close(sg.jit(lambda a, b: a.T @ b.T)(b, a), b.T @ a.T, dtype)

    def test_slices_are_operands_where_they_are(self, dtype):
        a, b = arrays("ij,jk", {"i": 80, "j": 90, "k": 70}, dtype)
        function = lambda a, b: a[5:69, 3:67] @ b[10:74, ::2]  # noqa: E731
        compiled = sg.jit(function)
        close(compiled(a, b), function(a, b), dtype)

    def test_an_operand_twice(self, dtype):
        (a,) = arrays("ij", {"i": 60, "j": 70}, dtype)
        close(sg.jit(lambda a: a @ a.T)(a), a @ a.T, dtype)

    def test_both_gradients(self, dtype):
        a, b, weight = arrays("ij,jk,ik", {"i": 50, "j": 60, "k": 40}, dtype)
        gradient = sg.grad(lambda a, b, weight: np.sum((a @ b) * weight), argnums=(0, 1))
        first, second = gradient(a, b, weight)
        close(first, weight @ b.T, dtype)
        close(second, a.T @ weight, dtype)

    def test_epilogue_of_rows(self, dtype):
        a, b, shift = arrays("ij,jk,k", {"i": 64, "j": 40, "k": 48}, dtype)

        def softmax(a, b, shift):
            logits = np.tanh(a @ b + shift)
            exponentials = np.exp(logits - np.max(logits, axis=1, keepdims=True))
            return exponentials / np.sum(exponentials, axis=1, keepdims=True)

        close(sg.jit(softmax)(a, b, shift), softmax(a, b, shift), dtype)

    @pytest.mark.parametrize("rows", [64, 128, 250])
    @pytest.mark.parametrize("block_bytes", [1, 20_000, 10_000_000])
    def test_gradients_accumulate_over_blocks(self, rows, block_bytes, dtype):
        extents = {"i": rows, "j": 30, "k": 40, "l": 24}
        x, w1, w2 = arrays("ij,jk,kl", extents, dtype)

        def loss(w1, w2, x):
            return np.sum(np.maximum(x @ w1, 0) @ w2 * (x @ w1 @ w2))

        with override(block_bytes=block_bytes, product_size=1000):
            value, gradients = sg.value_and_grad(loss, argnums=(0, 1))(w1, w2, x)
        hidden = x @ w1
        active, out = np.maximum(hidden, 0), x @ w1 @ w2
        close(np.asarray(value), np.sum(active @ w2 * out), dtype)
        d_first, d_second = out, active @ w2
        expected1 = x.T @ ((d_first @ w2.T) * (hidden > 0)) + x.T @ (d_second @ w2.T)
        expected2 = active.T @ d_first + hidden.T @ d_second
        close(gradients[0], expected1, dtype)
        close(gradients[1], expected2, dtype)

    def test_small_products_stay_loops(self, dtype):
        a, b = arrays("ij,jk", {"i": 5, "j": 6, "k": 7}, dtype)
        compiled = sg.jit(np.matmul)
        close(compiled(a, b), a @ b, dtype)
        assert "gemm" not in sg.source(compiled, form="machine")


def test_integers_are_summed_in_loops():
    generator = np.random.default_rng(0)
    a, b = generator.integers(-9, 9, (40, 50)), generator.integers(-9, 9, (50, 60))
    np.testing.assert_array_equal(sg.jit(np.matmul)(a, b), a @ b)


ON_ANOTHER_CPU = """
import numpy as np
from srcgrad.backends.gemm.micro import TILES
from numba import types
assert TILES[types.float32].lanes == {lanes}, TILES
import srcgrad as sg
generator = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    a, b, weight = (generator.standard_normal(shape).astype(dtype) for shape in ((67, 90), (90, 75), (67, 75)))
    da, db = sg.grad(lambda a, b: np.sum(np.tanh(a @ b) * weight), argnums=(0, 1))(a, b)
    d = (1 - np.tanh(a @ b) ** 2) * weight
    assert np.allclose(da, d @ b.T, 1e-3, 1e-4) and np.allclose(db, a.T @ d, 1e-3, 1e-4)
    windows = lambda x: np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    shapes = (2, 9, 8, 5), (3, 3, 5, 21), (2, 7, 6, 21)
    x, k, weight = (generator.standard_normal(shape).astype(dtype) for shape in shapes)
    convolved = lambda x, k: np.sum(np.einsum("bhwcij,ijco->bhwo", windows(x), k) * weight)
    assert "gemm_nested" in sg.source(convolved, x, k, form="machine")
    dx, dk = sg.grad(convolved, argnums=(0, 1))(x, k)
    assert np.allclose(dk, np.einsum("bhwcij,bhwo->ijco", windows(x), weight), 1e-3, 1e-4)
    assert np.isclose(np.sum(dx * x), convolved(x, k), 1e-3, 1e-3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "features", "lanes"), [("haswell", "+avx,+avx2,+fma", 8), ("nehalem", "+sse,+sse2,+sse4.1", 4)]
)
def test_on_another_cpu(name, features, lanes, tmp_path):
    """Code for processors with shorter vectors, which this one runs too."""
    from llvmlite import binding

    if not binding.get_process_triple().startswith("x86_64"):
        pytest.skip("the targets are x86 processors")
    settings = {
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "SRCGRAD_CACHE_DIR": str(tmp_path),
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
    }
    run = subprocess.run(
        [sys.executable, "-c", ON_ANOTHER_CPU.format(lanes=lanes)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
