"""np.fft in compiled functions: values and dtypes as NumPy's, gradients against differences, lengths of every kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core import fourier as plan
from srcgrad.core.types import type_of
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import new_input
from srcgrad.ops.fourier import fft, irfft, rfft
from tests.complex_checks import check_gradient

OTHER: Any = "other"

RNG = np.random.default_rng(0)


def numbers(*shape: int, real: bool = False) -> Any:
    found = RNG.normal(size=shape)
    return found if real else found + 1j * RNG.normal(size=shape)


def single(x: Any) -> Any:
    return x.astype(np.complex64 if np.iscomplexobj(x) else np.float32)


# the kernels: smooth lengths, primes, lines side by side and one by one, every axis

LENGTHS = (*range(1, 36), 49, 64, 77, 97, 100, 128, 143, 169, 210, 256, 360, 509, 1000, 1024)
SHAPES: list[tuple[Callable[[int], tuple[int, ...]], int]] = [
    (lambda n: (n,), 0),
    (lambda n: (3, n), 1),
    (lambda n: (11, n), 1),
    (lambda n: (n, 5), 0),
    (lambda n: (2, n, 3), 1),
    (lambda n: (n, 20), 0),
]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("position", range(len(SHAPES)))
def test_lengths(position: int, dtype: Any) -> None:
    shape, axis = SHAPES[position]
    tolerance = 1e-14 if dtype is np.complex128 else 2e-6
    inputs, outputs, arrays, expected = [], [], [], []
    for n in LENGTHS[:: 1 if position == 0 else 4]:
        x = numbers(*shape(n))
        half = np.fft.rfft(x.real, axis=axis)
        for make, array, result in (
            (lambda v: fft(v, axis=axis, backward=False, scale=1.0), x, np.fft.fft(x, axis=axis)),
            (lambda v: fft(v, axis=axis, backward=True, scale=0.5), x, np.fft.ifft(x, axis=axis, norm="forward") / 2),
            (lambda v: rfft(v, axis=axis, scale=1.0), x.real, half),
            (lambda v, n=n: irfft(v, n=n, axis=axis, scale=1.0), half, np.fft.irfft(half, n, axis, norm="forward")),
        ):
            array = np.ascontiguousarray(array, dtype if np.iscomplexobj(array) else np.dtype(dtype).type(0).real.dtype)
            node = new_input(type_of(array))
            inputs.append(node)
            arrays.append(array)
            outputs.append(make(node))
            expected.append(result)
    found = compile_graph(Graph(tuple(inputs), tuple(outputs), "lengths"))(*arrays)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() <= tolerance * 10 * np.abs(other).max(), other.shape


def test_what_does_not_mirror_is_left_out() -> None:
    """The first and the last of an even number of sums are taken to be real, as NumPy does."""
    x = numbers(5)
    np.testing.assert_allclose(sg.jit(lambda x: np.fft.irfft(x))(x), np.fft.irfft(x))
    np.testing.assert_allclose(sg.jit(lambda x: np.fft.irfft(x, 9))(x), np.fft.irfft(x, 9))


@pytest.mark.parametrize("n", range(2, 200))
def test_a_plan_takes_a_length_apart(n: int) -> None:
    smooth = plan.smooth_length(n)
    rows = plan.matrix_rows(smooth)
    assert plan.is_smooth(smooth)
    assert smooth % rows == 0
    assert smooth == n or smooth >= 2 * n - 1
    product = 1
    left = smooth
    while left > 1:
        product *= plan.radix(left)
        left //= plan.radix(left)
    assert product == smooth


# numpy.fft

Z, X = numbers(6, 8), numbers(6, 8, real=True)
PROGRAMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "fft": (lambda z: np.fft.fft(z), Z),
    "fft of real": (lambda x: np.fft.fft(x), X),
    "fft longer": (lambda z: np.fft.fft(z, 11), Z),
    "fft shorter, by columns": (lambda z: np.fft.fft(z, n=4, axis=0), Z),
    "fft ortho": (lambda z: np.fft.fft(z, norm="ortho"), Z),
    "ifft": (lambda z: np.fft.ifft(z), Z),
    "ifft forward": (lambda z: np.fft.ifft(z, 5, 0, "forward"), Z),
    "rfft": (lambda x: np.fft.rfft(x), X),
    "rfft odd": (lambda x: np.fft.rfft(x, 7, norm="forward"), X),
    "rfft longer": (lambda x: np.fft.rfft(x, 20, axis=0), X),
    "irfft": (lambda z: np.fft.irfft(z), Z),
    "irfft odd": (lambda z: np.fft.irfft(z, 9, norm="ortho"), Z),
    "irfft by columns": (lambda z: np.fft.irfft(z, 10, axis=0), Z),
    "hfft": (lambda z: np.fft.hfft(z), Z),
    "hfft forward": (lambda z: np.fft.hfft(z, 7, 0, "forward"), Z),
    "ihfft": (lambda x: np.fft.ihfft(x), X),
    "ihfft ortho": (lambda x: np.fft.ihfft(x, 9, norm="ortho"), X),
    "fft2": (lambda z: np.fft.fft2(z), Z),
    "fft2 of a size": (lambda z: np.fft.fft2(z, (4, 10)), Z),
    "fft2 with -1": (lambda z: np.fft.fft2(z, (-1, 10), axes=(1, 0)), Z),
    "ifft2": (lambda z: np.fft.ifft2(z, norm="ortho"), Z),
    "rfft2": (lambda x: np.fft.rfft2(x, norm="ortho"), X),
    "irfft2": (lambda z: np.fft.irfft2(z), Z),
    "fftn": (lambda z: np.fft.fftn(z.reshape(2, 3, 8)), Z),
    "fftn over some axes": (lambda z: np.fft.fftn(z.reshape(2, 3, 8), axes=(0, 2)), Z),
    "ifftn twice along an axis": (lambda z: np.fft.ifftn(z, axes=(0, 0)), Z),
    "rfftn": (lambda x: np.fft.rfftn(x.reshape(2, 3, 8), s=(3, 4), axes=(0, 1)), X),
    "irfftn": (lambda z: np.fft.irfftn(z.reshape(2, 3, 8)), Z),
    "fftshift": (lambda z: np.fft.fftshift(np.fft.fft(z, 7)), Z),
    "ifftshift": (lambda z: np.fft.ifftshift(z, axes=1), Z),
    "frequencies": (lambda x: x * np.fft.fftfreq(8, 0.5) + np.fft.rfftfreq(14), X),
    "frequencies of a traced spacing": (
        lambda x: np.fft.fftfreq(5, x[0, 0]) * x[1, 1] + np.fft.rfftfreq(8, x[0, 1]),
        X,
    ),
    "written to out": (lambda z: np.fft.fft(z, out=np.zeros((6, 8), complex)), Z),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_dtypes(name: str) -> None:
    program, x = PROGRAMS[name]
    for operand, tolerance in ((x, 1e-12), (single(x), 2e-5)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            expected = program(operand)
        found = sg.jit(program)(operand)
        if "frequencies" not in name and "out" not in name:
            assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients(name: str) -> None:
    program, x = PROGRAMS[name]
    weights = np.arange(1.0, 1.0 + np.size(program(x))).reshape(np.shape(program(x)))
    check_gradient(lambda x: np.sum(np.cos(weights) * np.abs(program(x) + 2.0) ** 2), x)


def test_gradients_to_second_order() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.abs(np.fft.rfft(np.sin(x))) ** 2 * np.arange(5.0))

    x, v = numbers(8, real=True), numbers(8, real=True)
    gradient = sg.grad(energy)
    step = 1e-6
    expected = (gradient(x + step * v) - gradient(x - step * v)) / (2 * step)
    (found,) = sg.hvp(energy, (x,), (v,))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_integers_are_transformed_in_double_precision() -> None:
    x = np.arange(6, dtype=np.int32)
    for program in (np.fft.fft, np.fft.rfft):
        found = sg.jit(lambda x, program=program: program(x))(x)
        assert found.dtype == np.complex128
        np.testing.assert_allclose(found, program(x))


def test_empty_stacks() -> None:
    x = np.zeros((0, 4))
    assert sg.jit(lambda x: np.fft.rfft(x))(x).shape == (0, 3)
    assert sg.jit(lambda x: np.fft.fft(x))(x).shape == (0, 4)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda z: np.fft.fft(z, 0), r"Invalid number of FFT data points \(0\) specified"),
        (lambda z: np.fft.fft(z, norm=OTHER), "Invalid norm value other"),
        (lambda z: np.fft.rfft(z), "rfft takes real arrays"),
        (lambda z: np.fft.fft2(z, (3,)), "Shape and axes have different lengths"),
        (lambda z: np.fft.fft(z, axis=3), "axis 3 is out of bounds"),
    ],
)
def test_errors(program: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        sg.jit(program)(Z)
