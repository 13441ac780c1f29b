"""``torch.fft``: discrete Fourier transforms, with PyTorch's names for what numpy.fft calls axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import srcgrad.numpy as snp
from srcgrad.eager.making.creation import tensor


def _along(name: str) -> Callable[..., Any]:
    transform = getattr(snp.fft, name)

    def function(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
        return transform(input, n, dim, norm)

    function.__name__, function.__doc__ = name, f"As `numpy.fft.{name}`."
    return function


def _over(name: str, default: tuple[int, ...] | None) -> Callable[..., Any]:
    transform = getattr(snp.fft, name)

    def function(
        input: Any, s: Sequence[int] | None = None, dim: Sequence[int] | None = default, norm: str | None = None
    ) -> Any:
        axes = dim if dim is not None or s is None else tuple(range(-len(s), 0))
        return transform(input, s, axes, norm)

    function.__name__, function.__doc__ = name, f"As `numpy.fft.{name}`."
    return function


fft, ifft, rfft, irfft, hfft, ihfft = map(_along, ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))
fft2, ifft2, rfft2, irfft2 = (_over(name, (-2, -1)) for name in ("fft2", "ifft2", "rfft2", "irfft2"))
fftn, ifftn, rfftn, irfftn = (_over(name, None) for name in ("fftn", "ifftn", "rfftn", "irfftn"))


def fftshift(input: Any, dim: Any = None) -> Any:
    """As `numpy.fft.fftshift`."""
    return snp.fft.fftshift(input, dim)


def ifftshift(input: Any, dim: Any = None) -> Any:
    """As `numpy.fft.ifftshift`."""
    return snp.fft.ifftshift(input, dim)


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """As `numpy.fft.fftfreq`, in the default dtype."""
    return tensor(np.fft.fftfreq(n, d).tolist(), dtype=dtype, requires_grad=requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """As `numpy.fft.rfftfreq`, in the default dtype."""
    return tensor(np.fft.rfftfreq(n, d).tolist(), dtype=dtype, requires_grad=requires_grad)
