"""`numpy.fft`: discrete Fourier transforms along one axis or several, and the frequencies of their results.

As a module it stands for `numpy.fft`: what it does not have is NumPy's. Single precision stays single, as in NumPy 2.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import complex_dtype, real_dtype
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.joining import roll
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import FUNCTIONS, implements_as
from srcgrad.numpy.shaping import as_array, one_axis, some_axes
from srcgrad.numpy.traced import lift
from srcgrad.ops.families import convert

Sizes = Sequence[int] | None
Axes = Sequence[int] | None


def _scale(norm: str | None, n: int, backward: bool) -> float:
    """The factor of a transform; the norm names the direction that has it."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise error(TraceShapeError, f'Invalid norm value {norm}; should be "backward","ortho" or "forward".')
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if backward == (norm != "forward") else 1.0


def _inexact(a: Any, kind: str) -> Any:
    """Complex numbers, or real ones, in the precision of a; integers in double precision."""
    a = as_array(a)
    own = a.dtype if a.dtype.kind in "fc" else np.dtype(float)
    return convert(a, complex_dtype(own) if kind == "c" else real_dtype(own))


def _length(n: Any, default: int) -> int:
    length = default if n is None else operator.index(n)
    if length < 1:
        raise error(TraceShapeError, f"Invalid number of FFT data points ({length}) specified.")
    return length


def _resized(a: Any, axis: int, n: int) -> Any:
    """The first n elements along an axis, or all and zeros after them."""
    own = a.shape[axis]
    if own == n:
        return a
    shape = (*a.shape[:axis], n, *a.shape[axis + 1 :])
    places = {"starts": (0,) * len(shape), "steps": (1,) * len(shape), "shape": shape}
    return apply("slice" if n < own else "place", a, **places)


def _complex(a: Any, n: Any, axis: int, norm: str | None, out: Any, backward: bool) -> Any:
    a = _inexact(a, "c")
    place = one_axis(axis, len(a.shape))
    length = _length(n, a.shape[place])
    resized = _resized(a, place, length)
    return deliver(apply("fft", resized, axis=place, backward=backward, scale=_scale(norm, length, backward)), out)


@implements_as("fft.fft")
def fft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.fft`."""
    return _complex(a, n, axis, norm, out, backward=False)


@implements_as("fft.ifft")
def ifft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.ifft`."""
    return _complex(a, n, axis, norm, out, backward=True)


@implements_as("fft.rfft")
def rfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.rfft`."""
    a = as_array(a)
    if a.dtype.kind == "c":
        raise error(TraceShapeError, "rfft takes real arrays, not complex ones", "Use np.fft.fft, or the .real part")
    a = _inexact(a, "f")
    place = one_axis(axis, len(a.shape))
    length = _length(n, a.shape[place])
    resized = _resized(a, place, length)
    return deliver(apply("rfft", resized, axis=place, scale=_scale(norm, length, False)), out)


@implements_as("fft.irfft")
def irfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.irfft`."""
    a = _inexact(a, "c")
    place = one_axis(axis, len(a.shape))
    length = _length(n, 2 * (a.shape[place] - 1))
    resized = _resized(a, place, length // 2 + 1)
    return deliver(apply("irfft", resized, n=length, axis=place, scale=_scale(norm, length, True)), out)


def _other(norm: str | None) -> str:
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, str(norm))


@implements_as("fft.hfft")
def hfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.hfft`."""
    return irfft(apply("conjugate", _inexact(a, "c")), n, axis, _other(norm), out)


@implements_as("fft.ihfft")
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.ihfft`."""
    return deliver(apply("conjugate", rfft(a, n, axis, _other(norm))), out)


# several axes


def _sizes_and_axes(a: Any, s: Sizes, axes: Axes, of_result: bool = False) -> tuple[list[int], list[int]]:
    """How long each axis is made; -1 stands for as long as it is. ``of_result``: the last one that of a real result."""
    rank = len(a.shape)
    if axes is None:
        count = rank if s is None else len(s)
        places = list(range(rank - count, rank))
    else:
        places = [one_axis(axis, rank) for axis in axes]
    own = [a.shape[place] for place in places]
    if of_result and own:
        own[-1] = 2 * (own[-1] - 1)
    if s is None:
        return own, places
    if len(s) != len(places):
        raise error(TraceShapeError, "Shape and axes have different lengths.")
    sizes = [operator.index(size) for size in s]
    return [mine if size == -1 else size for size, mine in zip(sizes, own, strict=True)], places


def _each(transform: Callable[..., Any], a: Any, sizes: list[int], axes: list[int], norm: str | None) -> Any:
    """The transforms along the axes, the last one first."""
    for size, axis in zip(reversed(sizes), reversed(axes), strict=True):
        a = transform(a, size, axis, norm)
    return a


@implements_as("fft.fftn")
def fftn(a: Any, s: Sizes = None, axes: Axes = None, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.fftn`."""
    a = _inexact(a, "c")
    return deliver(_each(fft, a, *_sizes_and_axes(a, s, axes), norm), out)


@implements_as("fft.ifftn")
def ifftn(a: Any, s: Sizes = None, axes: Axes = None, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.ifftn`."""
    a = _inexact(a, "c")
    return deliver(_each(ifft, a, *_sizes_and_axes(a, s, axes), norm), out)


@implements_as("fft.rfftn")
def rfftn(a: Any, s: Sizes = None, axes: Axes = None, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.rfftn`."""
    sizes, places = _sizes_and_axes(as_array(a), s, axes)
    if not places:
        raise error(TraceShapeError, "at least 1 axis must be transformed")
    half = rfft(a, sizes[-1], places[-1], norm)
    return deliver(_each(fft, half, sizes[:-1], places[:-1], norm), out)


@implements_as("fft.irfftn")
def irfftn(a: Any, s: Sizes = None, axes: Axes = None, norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.irfftn`."""
    a = _inexact(a, "c")
    sizes, places = _sizes_and_axes(a, s, axes, of_result=True)
    if not places:
        raise error(TraceShapeError, "at least 1 axis must be transformed")
    for size, axis in zip(sizes[:-1], places[:-1], strict=True):
        a = ifft(a, size, axis, norm)
    return irfft(a, sizes[-1], places[-1], norm, out)


@implements_as("fft.fft2")
def fft2(a: Any, s: Sizes = None, axes: Axes = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.fft2`."""
    return fftn(a, s, axes, norm, out)


@implements_as("fft.ifft2")
def ifft2(a: Any, s: Sizes = None, axes: Axes = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.ifft2`."""
    return ifftn(a, s, axes, norm, out)


@implements_as("fft.rfft2")
def rfft2(a: Any, s: Sizes = None, axes: Axes = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.rfft2`."""
    return rfftn(a, s, axes, norm, out)


@implements_as("fft.irfft2")
def irfft2(a: Any, s: Sizes = None, axes: Axes = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
    """As `numpy.fft.irfft2`."""
    return irfftn(a, s, axes, norm, out)


# order and frequencies


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    x = as_array(x)
    places = tuple(range(len(x.shape))) if axes is None else some_axes(axes, len(x.shape))
    return roll(x, tuple(sign * (x.shape[place] // 2) for place in places), places)


@implements_as("fft.fftshift")
def fftshift(x: Any, axes: Any = None) -> Any:
    """As `numpy.fft.fftshift`."""
    return _shifted(x, axes, 1)


@implements_as("fft.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Any:
    """As `numpy.fft.ifftshift`."""
    return _shifted(x, axes, -1)


@implements_as("fft.fftfreq")
def fftfreq(n: int, d: Any = 1.0, device: Any = None) -> Any:
    """As `numpy.fft.fftfreq`; d may be traced."""
    return lift(np.fft.fftfreq(n)) / d


@implements_as("fft.rfftfreq")
def rfftfreq(n: int, d: Any = 1.0, device: Any = None) -> Any:
    """As `numpy.fft.rfftfreq`; d may be traced."""
    return lift(np.fft.rfftfreq(n)) / d


globals().update({name.removeprefix("fft."): made for name, made in FUNCTIONS.items() if name.startswith("fft.")})


def __getattr__(name: str) -> Any:
    """NumPy's own attribute."""
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(np.fft, name)
