"""Whole programs with complex arrays: values against NumPy, gradients against differences, and what they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.complex_checks import check_gradient

RNG = np.random.default_rng(1)


def spectral_poisson(source: Any) -> Any:
    """The energy of the periodic solution of -laplace(u) = source, by Fourier transforms."""
    n = source.shape[0]
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    square = k[:, None] ** 2 + k[None, :] ** 2
    inverse = np.where(square > 0, 1 / np.where(square > 0, square, 1), 0)
    u = np.fft.ifft2(np.fft.fft2(source) * inverse).real
    return np.sum(u * source)


def heat_by_real_transforms(u: Any) -> Any:
    """A nonlinear heat equation in one dimension, implicit in Fourier space, in a native loop."""
    k = 2 * np.pi * np.fft.rfftfreq(u.shape[0], 1 / u.shape[0])
    decay = 1 / (1 + 1e-4 * k**2)
    for _ in range(20):
        u = np.fft.irfft(np.fft.rfft(u + 0.01 * u * (1 - u)) * decay, u.shape[0])
    return np.sum(u**3)


def phase_retrieval(z: Any) -> Any:
    """How far the magnitudes of a transform are from measured ones."""
    measured = np.abs(np.fft.fft2(TARGET))
    return np.mean((np.abs(np.fft.fft2(z)) - measured) ** 2)


def low_pass(taps: Any) -> Any:
    """How far a filter's response is from that of an ideal low pass."""
    frequency = np.linspace(0, np.pi, 64)
    response = np.exp(-1j * np.outer(frequency, np.arange(taps.shape[0]))) @ taps
    wanted = np.where(frequency < 1.0, 1.0, 0.0)
    return np.sum((np.abs(response) - wanted) ** 2)


def resonators(poles: Any) -> Any:
    """The response of a cascade of recursive sections to an impulse, sample by sample, with complex states."""
    state = np.zeros(poles.shape[0], complex)
    energy = 0.0
    for t in range(40):
        x = 1.0 if t == 0 else 0.0
        for k in range(poles.shape[0]):
            state[k] = poles[k] * state[k] + x
            x = state[k].real
        energy = energy + x * x
    return energy


def split_step_schroedinger(potential: Any) -> Any:
    """Where a wave packet is after split steps of its Schroedinger equation."""
    n = potential.shape[0]
    x = np.linspace(-5, 5, n)
    k = 2 * np.pi * np.fft.fftfreq(n, 10 / n)
    wave = np.exp(-(x**2) + 1.5j * x)
    kinetic = np.exp(-0.5j * k**2 * 0.02)
    for _ in range(30):
        wave = np.exp(-0.02j * potential) * wave
        wave = np.fft.ifft(kinetic * np.fft.fft(wave))
    density = np.abs(wave) ** 2
    return np.sum(x * density) / np.sum(density)


def mandelbrot_potential(c: Any) -> Any:
    """The smooth escape potential of many points side by side, with a fixed number of iterations."""
    z = 0 * c
    potential = np.zeros(c.shape)
    inside = np.ones(c.shape, bool)
    for n in range(25):
        z = np.where(inside, z * z + c, z)
        size = np.abs(z)
        left = inside & (size > 50)
        potential = np.where(left, np.log(np.where(left, size, 2.0)) / 2.0**n, potential)
        inside = inside & ~left
    return np.sum(potential)


def impedance_match(parts: Any) -> Any:
    """The power that a ladder of reactances reflects, averaged over frequencies."""
    total = 0.0
    for omega in (0.8, 1.0, 1.2):
        z = 1.0 + 0j
        for k in range(3):
            z = 1 / (1 / z + 1j * omega * parts[2 * k])
            z = z + 1j * omega * parts[2 * k + 1]
        reflected = (z - 0.5) / (z + 0.5)
        total += abs(reflected) ** 2
    return total / 3


def circular_convolution(x: Any) -> Any:
    kernel = np.exp(-(np.linspace(-1, 1, x.shape[0]) ** 2))
    smooth = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(kernel), x.shape[0])
    return np.sum(np.tanh(smooth) ** 2)


def autocorrelation_by_spectrum(z: Any) -> Any:
    power = np.abs(np.fft.fft(z, 2 * z.shape[0])) ** 2
    lags = np.fft.ifft(power)[: z.shape[0]]
    return np.sum(np.abs(lags[1:]) ** 2) / np.abs(lags[0]) ** 2


TARGET = RNG.normal(size=(8, 8)) + 1j * RNG.normal(size=(8, 8))
PROGRAMS: list[tuple[Callable[[Any], Any], Any]] = [
    (spectral_poisson, RNG.normal(size=(16, 16))),
    (heat_by_real_transforms, RNG.uniform(0, 1, 32)),
    (phase_retrieval, RNG.normal(size=(8, 8)) + 1j * RNG.normal(size=(8, 8))),
    (low_pass, RNG.normal(size=9)),
    (resonators, np.array([0.7 + 0.5j, 0.3 - 0.6j, -0.5 + 0.2j])),
    (split_step_schroedinger, RNG.uniform(0, 1, 48)),
    (mandelbrot_potential, RNG.uniform(-1.5, 0.8, 12) + 1j * RNG.uniform(-1.2, 1.2, 12)),
    (impedance_match, RNG.uniform(0.3, 1.2, 6)),
    (circular_convolution, RNG.normal(size=20)),
    (autocorrelation_by_spectrum, RNG.normal(size=15) + 1j * RNG.normal(size=15)),
]
each = pytest.mark.parametrize(("program", "x"), PROGRAMS, ids=[program.__name__ for program, _ in PROGRAMS])


@each
def test_values_and_gradients(program: Callable[[Any], Any], x: Any) -> None:
    np.testing.assert_allclose(sg.jit(program)(x), program(x), rtol=1e-10)
    check_gradient(program, x, tolerance=2e-6)


@pytest.mark.parametrize(
    "position", [k for k, (program, _) in enumerate(PROGRAMS) if program is not mandelbrot_potential]
)
def test_second_order(position: int) -> None:
    """A Hessian-vector product against differences of gradients, which Mandelbrot's iteration is too steep for."""
    program, x = PROGRAMS[position]
    direction = RNG.normal(size=x.shape) + (1j * RNG.normal(size=x.shape) if np.iscomplexobj(x) else 0)
    gradient = sg.grad(program)
    step = 1e-6
    expected = (gradient(x + step * direction) - gradient(x - step * direction)) / (2 * step)
    (found,) = sg.hvp(program, (x,), (direction,))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * (1 + np.abs(expected).max()))


def test_gradient_descent_retrieves_phases() -> None:
    """Wirtinger flow: descent along the gradient, compiled as one loop, lowers the error by orders of magnitude."""

    @sg.jit
    def descend(z: Any) -> Any:
        for _ in range(200):
            z = z - 0.4 * sg.grad(phase_retrieval)(z)
        return z

    start = TARGET + 0.1 * (RNG.normal(size=(8, 8)) + 1j * RNG.normal(size=(8, 8)))
    assert phase_retrieval(descend(start)) < 1e-3 * phase_retrieval(start)
