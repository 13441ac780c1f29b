"""Windows of arrays: convolutions and pooling by slices and views, their gradients, and the products over nested axes
that they become.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import srcgrad as sg
from srcgrad.core.settings import override

TOLERANCE = {"float32": 2e-4, "float64": 1e-11}


# convolutions, each as users write it; the image is batch x rows x columns x channels unless its name says otherwise


def joined_slices(x, k, *, step=1, dilation=1):
    rows, cols, _, out = k.shape
    height = (x.shape[1] - dilation * (rows - 1) - 1) // step + 1
    width = (x.shape[2] - dilation * (cols - 1) - 1) // step + 1
    shifts = [(dilation * i, dilation * j) for i in range(rows) for j in range(cols)]
    parts = [x[:, i : i + step * (height - 1) + 1 : step, j : j + step * (width - 1) + 1 : step] for i, j in shifts]
    return np.concatenate(parts, axis=3) @ np.reshape(k, (-1, out))


def stacked_slices(x, k):
    rows, cols, channels, out = k.shape
    height, width = x.shape[1] - rows + 1, x.shape[2] - cols + 1
    parts = [x[:, i : i + height, j : j + width] for i in range(rows) for j in range(cols)]
    return np.einsum("bhwkc,kco->bhwo", np.stack(parts, axis=3), np.reshape(k, (rows * cols, channels, out)))


def window_view(x, k):
    return np.einsum("bhwcij,ijco->bhwo", sliding_window_view(x, k.shape[:2], axis=(1, 2)), k)


def every_other_window(x, k):
    windows = sliding_window_view(x, (2 * k.shape[0] - 1, k.shape[1]), axis=(1, 2))
    return np.einsum("bhwcij,ijco->bhwo", windows[:, 1:, ::2, :, ::2], k)


def reshaped_window_view(x, k):
    windows = np.transpose(sliding_window_view(x, k.shape[:2], axis=(1, 2)), (0, 1, 2, 4, 5, 3))
    return np.reshape(windows, (*windows.shape[:3], -1)) @ np.reshape(k, (-1, k.shape[3]))


def channels_first(x, k):
    windows = sliding_window_view(np.transpose(x, (0, 3, 1, 2)), k.shape[:2], axis=(2, 3))
    return np.einsum("bchwij,ijco->bohw", windows, k)


def channels_first_in_memory(x, k):
    """The image is batch x channels x rows x columns."""
    windows = sliding_window_view(np.reshape(x, (x.shape[0], x.shape[3], *x.shape[1:3])), k.shape[:2], axis=(2, 3))
    return np.einsum("bchwij,ocij->bohw", windows, np.transpose(k, (3, 2, 0, 1)))


def padded(x, k):
    return window_view(np.pad(x, ((0, 0), (1, 1), (2, 0), (0, 0))), k)


def one_dimensional(x, k):
    windows = sliding_window_view(np.reshape(x, (x.shape[0], -1, x.shape[3])), k.shape[0], axis=1)
    return np.einsum("btcw,wco->bto", windows, k[:, 0])


def patches(x, k):
    return joined_slices(x, k, step=k.shape[0])


CONVOLUTIONS = {
    "joined slices": joined_slices,
    "every other place": functools.partial(joined_slices, step=2),
    "dilated": functools.partial(joined_slices, dilation=2),
    "dilated, every third place": functools.partial(joined_slices, step=3, dilation=2),
    "stacked slices": stacked_slices,
    "window view": window_view,
    "every other window": every_other_window,
    "reshaped window view": reshaped_window_view,
    "channels first": channels_first,
    "channels first in memory": channels_first_in_memory,
    "padded": padded,
    "one-dimensional": one_dimensional,
    "patches": patches,
}
#: image and kernel: for plain loops, for products, for products cut in blocks, with ragged edges
SHAPES = {
    "small": ((2, 7, 8, 2), (3, 2, 2, 3)),
    "product": ((4, 9, 10, 8), (3, 3, 8, 16)),
    "blocks": ((66, 8, 8, 3), (3, 3, 3, 20)),
    "ragged": ((3, 11, 9, 5), (2, 4, 5, 37)),
}

each_convolution = pytest.mark.parametrize("convolve", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
each_shape = pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
each_float = pytest.mark.parametrize("dtype", ["float32", "float64"])


def make(shapes, dtype):
    generator = np.random.default_rng(0)
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def assert_near(found, expected, dtype):
    assert found.shape == expected.shape
    assert found.dtype == dtype
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    assert np.max(np.abs(found - expected), initial=0) < TOLERANCE[dtype] * scale


@each_convolution
@each_shape
@each_float
def test_values_are_numpys(convolve, shapes, dtype):
    x, k = make(shapes, dtype)
    assert_near(sg.jit(convolve)(x, k), convolve(x.astype(float), k.astype(float)), dtype)


@each_convolution
@each_shape
@each_float
def test_gradients_are_those_of_a_bilinear_function(convolve, shapes, dtype):
    """``<u, conv(dx, k)>`` is ``<g, dx>`` for the gradient g of ``<u, conv(x, k)>`` by x, and so for k."""
    x, k, dx, dk = make((*shapes, *shapes), dtype)
    weights = np.cos(np.arange(convolve(x, k).size)).astype(dtype).reshape(convolve(x, k).shape)
    by_x, by_k = sg.grad(lambda x, k: np.sum(weights * convolve(x, k)), argnums=(0, 1))(x, k)
    for gradient, direction, moved in ((by_x, dx, (dx, k)), (by_k, dk, (x, dk))):
        exact = [array.astype(float) for array in moved]
        expected = np.sum(weights * convolve(*exact))
        size = np.sum(np.abs(gradient * direction).astype(float))
        assert gradient.dtype == dtype
        assert abs(np.sum(gradient.astype(float) * direction) - expected) < TOLERANCE[dtype] * size


@each_convolution
def test_second_derivatives(convolve):
    x, k = make(SHAPES["small"], "float64")
    f = lambda x, k: np.sum(np.tanh(convolve(x, k)))  # noqa: E731
    gradient = sg.grad(f)
    direction = np.random.default_rng(1).standard_normal(x.shape)
    found = sg.grad(lambda x: np.sum(gradient(x, k) * direction))(x)
    step = 3e-6
    expected = (gradient(x + step * direction, k) - gradient(x - step * direction, k)) / (2 * step)
    assert np.max(np.abs(found - expected)) < 1e-6


@each_convolution
@pytest.mark.parametrize("threads", [1, 2])
def test_every_number_of_threads(convolve, threads):
    x, k = make(SHAPES["blocks"], "float64")
    function = lambda x, k: np.sum(np.maximum(convolve(x, k), 0) ** 2)  # noqa: E731
    expected = sg.grad(function, argnums=(0, 1))(x, k)
    with override(parallel_cycles=0):
        before = sg.get_num_threads()
        sg.set_num_threads(threads)
        try:
            found = sg.grad(function, argnums=(0, 1))(x, k)
        finally:
            sg.set_num_threads(before)
    for a, b in zip(found, expected, strict=True):
        assert_near(a, b, "float64")


# pooling


def pooled_by_view(x):
    return np.max(sliding_window_view(x, (3, 2), axis=(1, 2))[:, ::2, ::2], axis=(4, 5))


def pooled_side_by_side(x):
    return np.max(sliding_window_view(x, (2, 4), axis=(1, 2))[:, ::2, ::4], axis=(4, 5))


def pooled_by_slices(x):
    parts = [x[:, i : i + 6 : 2, j : j + 6 : 2] for i in range(2) for j in range(2)]
    return functools.reduce(np.maximum, parts)


def mean_of_stack(x):
    return np.mean(np.stack([x[:, i : i + 5] for i in range(3)]), axis=0)


@pytest.mark.parametrize("pool", [pooled_by_view, pooled_side_by_side, pooled_by_slices, mean_of_stack])
def test_pooling(pool):
    (x,) = make([(3, 8, 8, 5)], "float64")
    assert_near(sg.jit(pool)(x), pool(x), "float64")
    f = lambda x: np.sum(np.sin(pool(x)))  # noqa: E731
    direction = np.random.default_rng(1).standard_normal(x.shape)
    step = 1e-6
    expected = (f(x + step * direction) - f(x - step * direction)) / (2 * step)
    assert abs(np.sum(sg.grad(f)(x) * direction) - expected) < 1e-7


def test_pooling_by_slices_is_one_loop_in_the_order_of_memory():
    """Writes to every other element, at different offsets, are apart; and images are not walked across."""
    x = np.zeros((64, 24, 24, 16), np.float32)
    with mock.patch("srcgrad.backends.threads.limit", return_value=1):
        source = sg.source(sg.grad(lambda x: np.sum(functools.reduce(np.maximum, quarters(x)) ** 2)), x, form="machine")
    assert "local(" not in source
    assert source.count("for i in range(64)") == source.count("range(64)") == 1
    for line in source.splitlines():
        if line.strip().startswith("t["):
            assert line.strip().startswith("t[i, ")


def quarters(x):
    return [x[:, i::2, j::2] for i in range(2) for j in range(2)]


# one-dimensional signals without channels


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(30, 7), (7, 30), (400, 50), (5, 1)])
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_convolve_and_correlate(function, sizes, mode):
    a, v = make([(size,) for size in sizes], "float64")
    assert_near(sg.jit(lambda a, v: function(a, v, mode))(a, v), function(a, v, mode), "float64")
    weights = np.cos(np.arange(function(a, v, mode).size))
    da, dv = np.sin(a), np.sin(v)
    by_a, by_v = sg.grad(lambda a, v: np.sum(weights * function(a, v, mode)), argnums=(0, 1))(a, v)
    assert np.isclose(np.sum(by_a * da), np.sum(weights * function(da, v, mode)))
    assert np.isclose(np.sum(by_v * dv), np.sum(weights * function(a, dv, mode)))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (1, 0), (0, 0)])
def test_sliding_window_view(axis):
    (x,) = make([(9, 8)], "float64")
    sizes: Any = {None: (2, 3), 0: 3, 1: 4}.get(axis, (2, 3))
    view = lambda x: sliding_window_view(x, sizes, axis)  # noqa: E731
    assert_near(sg.jit(view)(x), view(x), "float64")


def test_windows_that_do_not_fit():
    with pytest.raises(ValueError, match="cannot be larger"):
        sg.jit(lambda x: sliding_window_view(x, 4))(np.ones(3))
    with pytest.raises(ValueError, match="2 window sizes for 1 axes"):
        sg.jit(lambda x: sliding_window_view(x, (2, 2), 0))(np.ones((4, 4)))


# what is made of them


@each_convolution
def test_no_window_is_copied(convolve):
    x, k = make(SHAPES["product"], "float32")
    graph = str(sg.ir(sg.value_and_grad(lambda x, k: np.sum(convolve(x, k) ** 2), argnums=(0, 1)), x, k))
    assert "windows(" in graph or convolve is patches  # which are a reshape
    assert not any(name in graph for name in ("concatenate(", "gather(", "scatter_add(", "update("))


def test_slices_that_are_no_windows_stay_slices():
    x = np.arange(20.0)
    w = np.arange(12.0).reshape(3, 4)
    for starts in ([0, 1, 3], [2, 1, 0], [0, 0, 0], [4]):
        f = lambda x, w, starts=starts: np.stack([x[s : s + 6] for s in starts], axis=1) @ w[: len(starts)]  # noqa: E731
        assert_near(sg.jit(f)(x, w), f(x, w), "float64")
        assert "windows(" not in str(sg.ir(f, x, w))


def test_a_product_over_windows_reads_them_in_place():
    x, k = make(SHAPES["blocks"], "float32")
    source = sg.source(sg.grad(lambda x, k: np.sum(window_view(x, k) ** 2), argnums=(0, 1)), x, k, form="machine")
    assert source.count("gemm_nested_float32(((") == 3  # the value, and two gradients


def test_threads_share_images_and_not_their_rows():
    x, k = make(((8, 30, 30, 16), (3, 3, 16, 32)), "float32")
    with mock.patch("srcgrad.backends.threads.limit", return_value=2):
        source = sg.source(sg.grad(lambda x, k: np.sum(window_view(x, k) ** 2), argnums=(0, 1)), x, k, form="machine")
    assert source.count("fork(") == 1
    assert source.count("gemm_nested_float32(((2, ") == 2  # two images at a time


def test_threads_share_one_image():
    """Whose rows and columns are no multiples of a block."""
    x, k = make(((1, 33, 39, 8), (3, 3, 8, 16)), "float64")
    with override(parallel_cycles=0), mock.patch("srcgrad.backends.threads.limit", return_value=2):
        assert "gemm_nested_split" in sg.source(sg.jit(window_view), x, k, form="machine")
        assert_near(sg.jit(window_view)(x, k), window_view(x, k), "float64")


# the driver


@functools.cache
def native(dtype, split):
    from llvmlite import binding

    from srcgrad.backends.gemm.native import split_nested_product

    split_nested_product(dtype)  # and the serial one, which it calls
    pointer = ctypes.c_void_p
    address = binding.address_of_symbol(f"srcgrad_gemm_nested_{'split_' * split}{dtype}")
    return ctypes.CFUNCTYPE(None, pointer, pointer, pointer, pointer)(address)


def gemm_nested(nests, a, b, c, accumulate, split):
    axes = np.array([*map(len, nests), accumulate, *itertools.chain(*itertools.chain(*nests))], np.int64)
    native(str(c.dtype), split)(axes.ctypes.data, a.ctypes.data, b.ctypes.data, c.ctypes.data)


def offsets(nest, which):
    found = np.zeros((), np.int64)
    for axis in nest:
        found = found[..., None] + np.arange(axis[0]) * axis[which]
    return found.ravel()


#: where the operands begin in the memory around them
BEGIN = 1000


def check_nested(nests, dtype, accumulate, split=False):
    rows, cols, depth = nests
    generator = np.random.default_rng(0)
    a, b, c = generator.standard_normal((3, 60000)).astype(dtype)
    left = a[BEGIN + offsets(rows, 1)[:, None] + offsets(depth, 1)].astype(float)
    right = b[BEGIN + offsets(depth, 2)[:, None] + offsets(cols, 1)].astype(float)
    places = BEGIN + offsets(rows, 2)[:, None] + offsets(cols, 2)
    expected = c.astype(float)
    if not accumulate:
        expected[places] = 0
    np.add.at(expected, places, left @ right)
    gemm_nested(nests, a[BEGIN:], b[BEGIN:], c[BEGIN:], accumulate, split)
    assert np.max(np.abs(c - expected)) < (3e-4 if dtype == "float32" else 1e-11)


NESTS = {
    "one axis each": (((37, 300, 90),), ((70, 1, 1),), ((300, 1, 90),)),
    "windows": (((3, 80, 320), (6, 10, 40), (8, 1, 5)), ((5, 1, 1),), ((3, 10, 15), (3, 1, 5))),
    "columns apart": (((20, 7, 500),), ((3, 4, 100), (18, 1, 1)), ((7, 1, 60),)),
    "columns of B far apart": (((50, 40, 60),), ((60, 40, 1),), ((40, 1, 1),)),
    "columns backwards": (((9, 12, 40),), ((33, -1, 1),), ((12, 1, 50),)),
    "columns of B interleaved": (((9, 40, 80),), ((16, 1, 2), (2, 16, 1)), ((40, 40, 1),)),
    "columns of B interleaved, depth adjacent": (((9, 40, 80),), ((16, 30, 2), (2, 480, 1)), ((30, 1, 1),)),
    "a long sum": (((13, 0, 35), (1, 0, 0)), ((33, 1, 1),), ((2, 600, 0), (600, 1, 3))),
    "a sum of many runs": (((9, 2, 20),), ((17, 1, 1),), ((700, 3, 2), (2, 1, 1))),
    "many columns": (((9, 3, 700),), ((3, 5, 230), (225, 1, 1)), ((3, 1, 8),)),
    "many rows": (((20, 300, 900), (30, 5, 24)), ((21, 1, 1),), ((5, 1, 30),)),
    "one element": (((1, 0, 0),), ((1, 1, 1),), ((1, 0, 0),)),
    "no sum": (((3, 0, 9),), ((8, 1, 1),), ((0, 1, 1),)),
}


@each_float
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("split", [False, True], ids=["serial", "split"])
@pytest.mark.parametrize("nests", NESTS.values(), ids=NESTS)
def test_nested_product(nests, split, accumulate, dtype):
    check_nested(nests, dtype, accumulate, split)


@each_float
def test_rows_that_overlap_are_added_up(dtype):
    check_nested((((4, 30, 60), (5, 6, 4)), ((3, 5, 50), (13, 1, 1)), ((6, 1, 15),)), dtype, accumulate=True)
