"""Discrete Fourier transforms of all lines along an axis: of complex numbers, of real ones, and back to real ones.

LANES lines are transformed side by side, each in its lane of the vectors; what is left over, and lines that are long,
one by one (`fourier_line`). A backward transform is the forward one with real and imaginary parts exchanged.

A real line of even length n is a complex line of length c = n / 2, with z[j] = x[2 j] + i x[2 j + 1], and the transform
X of x is put together from the transform Z of z (Sorensen et al., "Real-valued fast Fourier transform algorithms",
1987): with w = e^(-2 pi i / n)

    X[k] = E + w^k O,   X[c - k] = conj(E - w^k O)
    E = (Z[k] + conj(Z[c - k])) / 2,   O = (Z[k] - conj(Z[c - k])) / 2i

A block of lines on its way has real and imaginary parts of element j of line l at ``j * step + l`` of two arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from srcgrad.backends.library.butterfly import LANES, parts, read, write
from srcgrad.backends.library.fourier_line import prepare, transform_lanes, transform_line

__all__ = ["fft", "irfft", "prepare", "rfft"]

Pointer = Any
Numbers = Any

#: so many lines are transformed in lanes, fewer one by one
FEW = 3
#: and up to this length: longer ones would leave the caches
LONG = 8192


@njit
def _work_size(n: int, m: int, n1: int) -> int:
    """How many numbers a block needs to work with, for lines of n by passes over m as a matrix of n1 rows."""
    of_line = 4 * (m // n1 if n1 > 1 else m) * LANES + 2 * m + (4 * m if m != n else 0)
    return max(of_line, 4 * n * LANES) + 4 * n


@njit
def _width(line: int, lines: int, after: int, n: int, m: int, n1: int) -> int:
    """How many of the lines that remain make the next block: adjacent ones, and one alone where few or long."""
    width = min(LANES, lines - line)
    if after >= LANES:
        width = min(width, after - line % after)
    return width if m == n and (n1 == 1 or (width >= FEW and n <= LONG)) else 1


@njit
def _in_lanes(width: int, n: int, m: int, n1: int) -> bool:
    return m == n and (n1 == 1 or width >= FEW)


@njit
def _lay_out(work: Numbers, in_lanes: bool, n: int) -> tuple[Numbers, Numbers, int]:
    """Where a block that is to be transformed is written, and the step from element to element."""
    if in_lanes:
        return work[: n * LANES], work[n * LANES : 2 * n * LANES], LANES
    return work[: 2 * n], work[1 : 2 * n], 2


@njit
def _transform(
    work: Numbers, in_lanes: bool, n: int, m: int, n1: int, table: Numbers, backward: int
) -> tuple[Numbers, Numbers]:
    """The transform of what was written where `_lay_out` says, as a block of the same step."""
    if in_lanes:
        size = n * LANES
        xr, xi, yr, yi = work[:size], work[size : 2 * size], work[2 * size : 3 * size], work[3 * size : 4 * size]
        if backward:
            xr, xi, yr, yi = xi, xr, yi, yr
        zr, zi = transform_lanes(xr, xi, yr, yi, n, table, 2)
        return (zi, zr) if backward else (zr, zi)
    found = work[2 * n : 4 * n]
    transform_line(found, work, n, m, n1, table, work[4 * n :], backward)
    return found, found[1:]


# Elements of arrays: number ``unit * (start + lane) + spacing * j`` is a real part, the one ``apart`` from it the
# imaginary part.


@njit
def _start(line: int, extent: int, after: int) -> int:
    """Where a line begins in an array whose lines have that extent."""
    return (line // after) * extent * after + line % after


@njit
def _gather(
    xr: Numbers,
    xi: Numbers,
    step: int,
    x: Numbers,
    line: int,
    width: int,
    n: int,
    extent: int,
    after: int,
    unit: int,
    spacing: int,
    apart: int,
) -> None:
    """Read n elements of each line of a block."""
    if after >= LANES:
        first = unit * _start(line, extent, after)
        for j in range(n):
            at = first + j * spacing
            for lane in range(width):
                write(xr, j * step + lane, read(x, at + unit * lane))
                write(xi, j * step + lane, read(x, at + unit * lane + apart))
        return
    for lane in range(width):
        first = unit * _start(line + lane, extent, after)
        for j in range(n):
            write(xr, j * step + lane, read(x, first + j * spacing))
            write(xi, j * step + lane, read(x, first + j * spacing + apart))


@njit
def _scatter(
    out: Numbers,
    zr: Numbers,
    zi: Numbers,
    step: int,
    line: int,
    width: int,
    n: int,
    extent: int,
    after: int,
    unit: int,
    spacing: int,
    apart: int,
    scale: float,
) -> None:
    """Write n elements of each line of a block."""
    if after >= LANES:
        first = unit * _start(line, extent, after)
        for j in range(n):
            at = first + j * spacing
            for lane in range(width):
                write(out, at + unit * lane, scale * read(zr, j * step + lane))
                write(out, at + unit * lane + apart, scale * read(zi, j * step + lane))
        return
    for lane in range(width):
        first = unit * _start(line + lane, extent, after)
        for j in range(n):
            write(out, first + j * spacing, scale * read(zr, j * step + lane))
            write(out, first + j * spacing + apart, scale * read(zi, j * step + lane))


def fft(
    out_data: Pointer,
    x_data: Pointer,
    table_data: Pointer,
    before: int,
    n: int,
    after: int,
    m: int,
    n1: int,
    backward: int,
    scale: float,
) -> None:
    """``scale`` times the forward or the backward sums, of lines of complex numbers."""
    count = 2 * before * n * after
    out, x, table = carray(parts(out_data), count), carray(parts(x_data), count), carray(table_data, 1)
    work = np.empty(_work_size(n, m, n1), out.dtype)
    line, lines = 0, before * after
    while line < lines:
        width = _width(line, lines, after, n, m, n1)
        in_lanes = _in_lanes(width, n, m, n1)
        xr, xi, step = _lay_out(work, in_lanes, n)
        _gather(xr, xi, step, x, line, width, n, n, after, 2, 2 * after, 1)
        zr, zi = _transform(work, in_lanes, n, m, n1, table, backward)
        _scatter(out, zr, zi, step, line, width, n, n, after, 2, 2 * after, 1, out.dtype.type(scale))
        line += width


@njit
def _put_half(
    out: Numbers,
    zr: Numbers,
    zi: Numbers,
    step: int,
    line: int,
    width: int,
    c: int,
    after: int,
    halves: Numbers,
    scale: float,
) -> None:
    """The transforms of real lines of length 2 c, from those of the complex lines; see above."""
    half = scale * out.dtype.type(0.5)
    for lane in range(width):
        first = 2 * _start(line + lane, c + 1, after)
        for k in range(c // 2 + 1):
            mirrored = c - k if k else 0
            ar, ai = half * read(zr, k * step + lane), half * read(zi, k * step + lane)
            br, bi = half * read(zr, mirrored * step + lane), half * read(zi, mirrored * step + lane)
            er, ei, dr, di = ar + br, ai - bi, ar - br, ai + bi
            cosine, sine = read(halves, 2 * k), read(halves, 2 * k + 1)
            tr, ti = di * cosine + dr * sine, di * sine - dr * cosine
            at, other = first + 2 * k * after, first + 2 * (c - k) * after
            write(out, other, er - tr)
            write(out, other + 1, ti - ei)
            write(out, at, er + tr)
            write(out, at + 1, ei + ti)


@njit
def _take_half(
    xr: Numbers, xi: Numbers, step: int, x: Numbers, line: int, width: int, c: int, after: int, halves: Numbers
) -> None:
    """The complex lines of length c whose backward transforms are the real ones: the inverse of `_put_half`."""
    zero = read(halves, 1)  # the sine of 0
    for lane in range(width):
        first = 2 * _start(line + lane, c + 1, after)
        for k in range(c // 2 + 1):
            at, other = first + 2 * k * after, first + 2 * (c - k) * after
            ar, br = read(x, at), read(x, other)
            ai, bi = (read(x, at + 1), -read(x, other + 1)) if k else (zero, zero)
            er, ei, dr, di = ar + br, ai + bi, ar - br, ai - bi
            cosine, sine = read(halves, 2 * k), read(halves, 2 * k + 1)
            tr, ti = dr * sine - di * cosine, dr * cosine + di * sine
            if k:
                write(xr, (c - k) * step + lane, er - tr)
                write(xi, (c - k) * step + lane, ti - ei)
            write(xr, k * step + lane, er + tr)
            write(xi, k * step + lane, ei + ti)


def rfft(
    out_data: Pointer,
    x_data: Pointer,
    table_data: Pointer,
    halves_data: Pointer,
    before: int,
    n: int,
    after: int,
    c: int,
    m: int,
    n1: int,
    scale: float,
) -> None:
    """``scale`` times the first half of the forward sums, of lines of n real numbers."""
    extent = n // 2 + 1
    out, x = carray(parts(out_data), 2 * before * extent * after), carray(x_data, before * n * after)
    table, halves = carray(table_data, 1), carray(halves_data, 1)
    work = np.empty(_work_size(c, m, n1), out.dtype)
    line, lines = 0, before * after
    while line < lines:
        width = _width(line, lines, after, c, m, n1)
        in_lanes = _in_lanes(width, c, m, n1)
        xr, xi, step = _lay_out(work, in_lanes, c)
        if c < n:
            _gather(xr, xi, step, x, line, width, c, n, after, 1, 2 * after, after)
        else:
            for lane in range(width):
                first = _start(line + lane, n, after)
                for j in range(n):
                    write(xr, j * step + lane, read(x, first + j * after))
                    write(xi, j * step + lane, 0)
        zr, zi = _transform(work, in_lanes, c, m, n1, table, 0)
        if c < n:
            _put_half(out, zr, zi, step, line, width, c, after, halves, out.dtype.type(scale))
        else:
            _scatter(out, zr, zi, step, line, width, extent, extent, after, 2, 2 * after, 1, out.dtype.type(scale))
        line += width


def irfft(
    out_data: Pointer,
    x_data: Pointer,
    table_data: Pointer,
    halves_data: Pointer,
    before: int,
    n: int,
    after: int,
    c: int,
    m: int,
    n1: int,
    scale: float,
) -> None:
    """``scale`` times the backward sums of n numbers, real because the second half is the first one mirrored.

    What is not real of the elements that mirror themselves is left out.
    """
    extent = n // 2 + 1
    out, x = carray(out_data, before * n * after), carray(parts(x_data), 2 * before * extent * after)
    table, halves = carray(table_data, 1), carray(halves_data, 1)
    work = np.empty(_work_size(c, m, n1), out.dtype)
    line, lines = 0, before * after
    while line < lines:
        width = _width(line, lines, after, c, m, n1)
        in_lanes = _in_lanes(width, c, m, n1)
        xr, xi, step = _lay_out(work, in_lanes, c)
        if c < n:
            _take_half(xr, xi, step, x, line, width, c, after, halves)
        else:
            for lane in range(width):
                first = 2 * _start(line + lane, extent, after)
                write(xr, lane, read(x, first))
                write(xi, lane, 0)
                for k in range(1, extent):
                    re, im = read(x, first + 2 * k * after), read(x, first + 2 * k * after + 1)
                    write(xr, k * step + lane, re)
                    write(xi, k * step + lane, im)
                    write(xr, (n - k) * step + lane, re)
                    write(xi, (n - k) * step + lane, -im)
        zr, zi = _transform(work, in_lanes, c, m, n1, table, 1)
        if c < n:
            _scatter(out, zr, zi, step, line, width, c, n, after, 1, 2 * after, after, out.dtype.type(scale))
        else:
            for lane in range(width):
                first = _start(line + lane, n, after)
                for j in range(n):
                    write(out, first + j * after, out.dtype.type(scale) * read(zr, j * step + lane))
        line += width
