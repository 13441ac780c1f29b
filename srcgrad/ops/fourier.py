"""Discrete Fourier transforms of lines along one axis, as sums without the factor 1 / n but for ``scale``.

With w = e^(-2 pi i / n), forward sums are X[k] = sum of x[j] w^(jk), backward ones x[j] = sum of X[k] w^(-jk). The
matrix w^(jk) is symmetric, so a transform of complex numbers is its own transpose. Of real numbers only the first
n // 2 + 1 sums are kept, since the others mirror them; so in the transpose each of these counts twice, but for the ones
that mirror themselves (the first, and for even n the last).

Frigo and Johnson, "The design and implementation of FFTW3" (2005), call these transforms r2c and c2r.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core import fourier
from srcgrad.core.errors import TraceError
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, complex_dtype, real_dtype

Numbers = list[int | float]
Tangents = Sequence[Any]


def _extents(type_: ArrayType, axis: int) -> tuple[int, int]:
    """How many lines stand before each other, and how many lie beside each other."""
    return math.prod(type_.shape[:axis]), math.prod(type_.shape[axis + 1 :])


def _plan(length: int) -> list[int]:
    smooth = fourier.smooth_length(length)
    return [smooth, fourier.matrix_rows(smooth)]


def _dtype_name(type_: ArrayType) -> str:
    return real_dtype(type_.dtype).name


def _with_extent(type_: ArrayType, axis: int, extent: int, dtype: Any) -> ArrayType:
    return ArrayType((*type_.shape[:axis], extent, *type_.shape[axis + 1 :]), dtype)


def _check(name: str, type_: ArrayType, kind: str) -> None:
    if type_.dtype.kind != kind:
        raise TraceError(f"{name}: the row takes {'complex' if kind == 'c' else 'real'} numbers, not {type_.dtype}")


# complex to complex


def _infer_fft(type_: ArrayType, *, axis: int, backward: bool, scale: float) -> ArrayType:
    _check("fft", type_, "c")
    return ArrayType(type_.shape, type_.dtype)


def _reference_fft(x: Any, *, axis: int, backward: bool, scale: float) -> Any:
    if x.size == 0:
        return np.zeros_like(x)
    found = np.fft.ifft(x, axis=axis, norm="forward") if backward else np.fft.fft(x, axis=axis)
    return np.asarray(found * scale, x.dtype)


def _fft_numbers(params: dict[str, Any], types: Sequence[ArrayType]) -> Numbers:
    (type_,), axis = types, params["axis"]
    before, after = _extents(type_, axis)
    length = type_.shape[axis]
    return [before, length, after, *_plan(length), int(params["backward"]), float(params["scale"])]


fft: Op = TABLE.add(
    Op(
        "fft",
        _infer_fft,
        _reference_fft,
        Library(
            "fourier.fft",
            _fft_numbers,
            lambda params, types: [fourier.table(types[0].shape[params["axis"]], _dtype_name(types[0]))],
        ),
        adjoint=lambda cotangent, out, x, **params: (fft(cotangent, **params),),
        tangent=lambda tangents, out, x, **params: fft(tangents[0], **params),
        samples=tuple(
            Sample((Arg(shape, kind="c"),), {"axis": axis, "backward": backward, "scale": scale})
            for shape, axis, backward, scale in (
                ((1,), 0, False, 1.0),
                ((8,), 0, False, 1.0),
                ((8,), 0, True, 0.125),
                ((2, 6), 1, False, 1.0),
                ((15, 3), 0, True, 0.5),
                ((2, 17, 2), 1, False, 1.0),
                ((40,), 0, False, 1.0),
                ((0, 4), 1, False, 1.0),
            )
        ),
        doc="Forward or backward sums, times ``scale``.",
    )
)


# real to complex, and back


def _line_numbers(length: int, type_: ArrayType, params: dict[str, Any]) -> Numbers:
    before, after = _extents(type_, params["axis"])
    of_complex = length if length % 2 else length // 2
    return [before, length, after, of_complex, *_plan(of_complex), float(params["scale"])]


def _line_tables(length: int, type_: ArrayType) -> list[Any]:
    of_complex, dtype = length if length % 2 else length // 2, _dtype_name(type_)
    return [fourier.table(of_complex, dtype), fourier.halves(length, dtype)]


def _infer_rfft(type_: ArrayType, *, axis: int, scale: float) -> ArrayType:
    _check("rfft", type_, "f")
    return _with_extent(type_, axis, type_.shape[axis] // 2 + 1, complex_dtype(type_.dtype))


def _reference_rfft(x: Any, *, axis: int, scale: float) -> Any:
    dtype = complex_dtype(x.dtype)
    if x.size == 0:
        return np.zeros((*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :]), dtype)
    return np.asarray(np.fft.rfft(x, axis=axis) * scale, dtype)


def _weighted(x: Any, n: int, axis: int, once: float, twice: float) -> Any:
    """The half of a transform with one factor for what mirrors itself and another for the rest."""
    extent = n // 2 + 1
    weights = np.full(extent, twice, real_dtype(x.dtype))
    weights[0] = once
    weights[-1] = once if n % 2 == 0 else weights[-1]
    return x * weights.reshape([extent if k == axis else 1 for k in range(len(x.shape))])


def _adjoint_rfft(cotangent: Any, out: Any, x: Any, *, axis: int, scale: float) -> tuple[Any]:
    n = x.shape[axis]
    mirrored = apply("conjugate", _weighted(cotangent, n, axis, 1.0, 0.5))
    return (irfft(mirrored, n=n, axis=axis, scale=scale),)


def _infer_irfft(type_: ArrayType, *, n: int, axis: int, scale: float) -> ArrayType:
    _check("irfft", type_, "c")
    if type_.shape[axis] != n // 2 + 1:
        raise TraceError(f"irfft: {n} numbers come of {n // 2 + 1} complex ones, not of {type_.shape[axis]}")
    return _with_extent(type_, axis, n, real_dtype(type_.dtype))


def _reference_irfft(x: Any, *, n: int, axis: int, scale: float) -> Any:
    dtype = real_dtype(x.dtype)
    if x.size == 0:
        return np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), dtype)
    return np.asarray(np.fft.irfft(x, n, axis, norm="forward") * scale, dtype)


def _adjoint_irfft(cotangent: Any, out: Any, x: Any, *, n: int, axis: int, scale: float) -> tuple[Any]:
    sums = rfft(cotangent, axis=axis, scale=scale)
    return (_weighted(apply("conjugate", sums), n, axis, 1.0, 2.0),)


_REAL: tuple[tuple[tuple[int, ...], int, float], ...] = (
    ((1,), 0, 1.0),
    ((2,), 0, 1.0),
    ((8,), 0, 0.5),
    ((9,), 0, 1.0),
    ((3, 12), 1, 1.0),
    ((10, 9), 0, 1.0),
    ((2, 7, 2), 1, 1.0),
    ((34,), 0, 1.0),
    ((80,), 0, 1.0),
    ((0, 4), 1, 1.0),
)


def _half(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :])


rfft: Op = TABLE.add(
    Op(
        "rfft",
        _infer_rfft,
        _reference_rfft,
        Library(
            "fourier.rfft",
            lambda params, types: _line_numbers(types[0].shape[params["axis"]], types[0], params),
            lambda params, types: _line_tables(types[0].shape[params["axis"]], types[0]),
        ),
        adjoint=_adjoint_rfft,
        tangent=lambda tangents, out, x, **params: rfft(tangents[0], **params),
        samples=tuple(Sample((Arg(shape),), {"axis": axis, "scale": scale}) for shape, axis, scale in _REAL),
        doc="The first half of the forward sums of real numbers, times ``scale``.",
    )
)
irfft: Op = TABLE.add(
    Op(
        "irfft",
        _infer_irfft,
        _reference_irfft,
        Library(
            "fourier.irfft",
            lambda params, types: _line_numbers(params["n"], types[0], params),
            lambda params, types: _line_tables(params["n"], types[0]),
        ),
        adjoint=_adjoint_irfft,
        tangent=lambda tangents, out, x, **params: irfft(tangents[0], **params),
        samples=tuple(
            Sample((Arg(_half(shape, axis), kind="c"),), {"n": shape[axis], "axis": axis, "scale": scale})
            for shape, axis, scale in _REAL
        ),
        doc="The n real numbers whose forward sums begin with the operand, times n and ``scale``.",
    )
)
