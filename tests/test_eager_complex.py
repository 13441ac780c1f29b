"""Complex tensors: values, gradients and errors as PyTorch's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad import eager

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
X = RNG.normal(size=(3, 4))

LOSSES: list[Callable[[Any, Any, Any], Any]] = [
    lambda t, z, x: (z * z.conj()).real.sum(),
    lambda t, z, x: z.abs().sum(),
    lambda t, z, x: (z * x).abs().pow(2).sum(),
    lambda t, z, x: t.exp(1j * x).mul(z).imag.sum(),
    lambda t, z, x: t.fft.fft(z).abs().sum(),
    lambda t, z, x: t.fft.rfft(x).abs().sum(),
    lambda t, z, x: t.fft.irfft(z).pow(2).sum(),
    lambda t, z, x: (t.fft.fft2(z) * x).real.sum(),
    lambda t, z, x: (z @ z.T.conj()).abs().sum(),
    lambda t, z, x: t.view_as_real(z).pow(3).sum(),
    lambda t, z, x: t.complex(x, x * 2).abs().sum() + z.angle().sum(),
    lambda t, z, x: t.polar(x.abs(), x).mul(z).real.sum(),
    lambda t, z, x: (z**3).real.sum(),
    lambda t, z, x: (z / x).real.sum(),
    lambda t, z, x: z.sum().abs(),
    lambda t, z, x: z.mean().abs() + z.prod().abs(),
    lambda t, z, x: t.sin(z).imag.sum(),
    lambda t, z, x: z[1:].real.sum() * x.sum(),
    lambda t, z, x: t.stack([z, z * 2]).abs().sum(),
    lambda t, z, x: t.where(x > 0, z, z * 2).real.sum(),
    lambda t, z, x: (z.real**2).sum(),
    lambda t, z, x: t.fft.fftshift(z).imag.pow(2).sum(),
    lambda t, z, x: z.cumsum(0).abs().sum(),
    lambda t, z, x: (x.to(t.complex128) * z).real.sum(),
    lambda t, z, x: t.sqrt(z).real.sum() + t.log(z).imag.sum(),
    lambda t, z, x: (2j * z + 1 - z).abs().sum(),
    lambda t, z, x: t.einsum("ij,kj->ik", z, z.conj()).imag.pow(2).sum(),
]


@pytest.mark.parametrize(
    "loss", LOSSES, ids=lambda loss: inspect.getsource(loss).strip().removeprefix("lambda t, z, x: ")
)
def test_gradients_are_those_of_pytorch(loss: Callable[..., Any]) -> None:
    found = []
    for t in (torch, eager):
        z, x = t.tensor(Z, requires_grad=True), t.tensor(X, requires_grad=True)
        value = loss(t, z, x)
        value.backward()
        found.append((value.detach(), z.grad, x.grad))
    for theirs, mine in zip(*found, strict=True):
        assert (theirs is None) == (mine is None)
        if theirs is not None:
            assert str(mine.dtype) == str(theirs.dtype)
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-9)


def test_second_order() -> None:
    found = []
    for t in (torch, eager):
        z = t.tensor(Z, requires_grad=True)
        (gradient,) = t.autograd.grad((z**3).abs().sum(), z, create_graph=True)
        (gradient.abs() ** 2).sum().backward()
        found.append(z.grad.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_what_hooks_and_functions_see() -> None:
    """Hooks, retained gradients, given cotangents and functions of one's own: all in PyTorch's convention."""
    found = []
    for t in (torch, eager):

        class Square(t.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, z: Any) -> Any:
                ctx.save_for_backward(z)
                return z * z

            @staticmethod
            def backward(ctx: Any, gradient: Any) -> Any:
                (z,) = ctx.saved_tensors
                return gradient * 2 * z.conj()

        seen: list[Any] = []
        z = t.tensor(Z, requires_grad=True)
        y = Square.apply(z * 1j)
        y.register_hook(lambda gradient, seen=seen: seen.append(gradient.detach().resolve_conj().numpy()))
        y.retain_grad()
        y.backward(t.tensor(Z * 2j))
        found.append((seen[0], y.grad.resolve_conj().numpy(), z.grad.resolve_conj().numpy()))
    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_a_complex_result_needs_a_cotangent() -> None:
    with pytest.raises(RuntimeError, match="real scalar outputs"):
        eager.tensor(Z, requires_grad=True).sum().backward()


def test_parts_of_real_tensors() -> None:
    x = eager.tensor(X)
    assert x.real is x
    assert x.conj() is x
    np.testing.assert_allclose(x.angle().numpy(), np.angle(X))
    with pytest.raises(RuntimeError, match="imag is not implemented for tensors with non-complex dtypes"):
        _ = x.imag


def test_gradients_descend() -> None:
    """Gradient descent on a complex tensor with an optimiser."""
    target = eager.tensor(Z)
    z = eager.tensor(np.zeros((3, 4), complex), requires_grad=True)
    optimiser = eager.optim.SGD([z], lr=0.3)
    for _ in range(40):
        optimiser.zero_grad()
        (z - target).abs().pow(2).sum().backward()
        optimiser.step()
    np.testing.assert_allclose(z.detach().numpy(), Z, atol=1e-6)


def test_compiled_functions_of_complex_tensors() -> None:
    energy = sg.jit(lambda z: (z * z.conj()).real.sum() * 2)
    z = eager.tensor(Z, requires_grad=True)
    energy(z).backward()
    np.testing.assert_allclose(z.grad.numpy(), 4 * Z)
