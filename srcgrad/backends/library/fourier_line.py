"""What all Fourier transforms share: the passes over LANES lines side by side, and the transform of a single line.

`srcgrad.core.fourier` says how a length is taken apart. The passes are Stockham's, which leave the results in order:
over a length r m at a distance s of elements,

    y[q + s (r p + k)] = w^(pk) * (sum over j < r of e^(-2 pi i jk / r) x[q + s (p + m j)])     for p < m, q < s

(Van Loan, "Computational frameworks for the fast Fourier transform", 1992, section 1.7). A backward transform is the
forward one with real and imaginary parts exchanged, before and after.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding
from numba import carray, njit, types
from numba.extending import overload

from srcgrad.backends.library.butterfly import LANES, address, butterfly, read, write
from srcgrad.backends.machine_code import compiled_symbol
from srcgrad.core.fourier import radix

Pointer = Any
Numbers = Any

_radix = njit(radix)


def _pass(radix: int) -> Any:
    plain, rooted = butterfly(radix, has_roots=False), butterfly(radix, has_roots=True)

    @njit
    def one_pass(yr: Pointer, yi: Pointer, xr: Pointer, xi: Pointer, m: int, s: int, table: Pointer, at: int) -> None:
        if m == 1:
            for q in range(0, s, LANES):
                plain(yr, yi, xr, xi, table, q, s, q, s, at)
            return
        for p in range(m):
            for q in range(0, s, LANES):
                rooted(yr, yi, xr, xi, table, radix * s * p + q, s, s * p + q, s * m, at + 2 * (radix - 1) * p)

    return one_pass


_pass2, _pass3, _pass4, _pass5, _pass7, _pass11, _pass13 = map(_pass, (2, 3, 4, 5, 7, 11, 13))


def passes(xr: Pointer, xi: Pointer, yr: Pointer, yi: Pointer, n: int, table: Pointer, at: int) -> int:
    """The transform of a block of LANES lines; its number says whether it is in the first arrays or in the second."""
    s, place = LANES, 0
    while n > 1:
        r = _radix(n)
        m = n // r
        if r == 4:
            _pass4(yr, yi, xr, xi, m, s, table, at)
        elif r == 2:
            _pass2(yr, yi, xr, xi, m, s, table, at)
        elif r == 3:
            _pass3(yr, yi, xr, xi, m, s, table, at)
        elif r == 5:
            _pass5(yr, yi, xr, xi, m, s, table, at)
        elif r == 7:
            _pass7(yr, yi, xr, xi, m, s, table, at)
        elif r == 11:
            _pass11(yr, yi, xr, xi, m, s, table, at)
        else:
            _pass13(yr, yi, xr, xi, m, s, table, at)
        if m > 1:
            at += 2 * (r - 1) * m
        xr, xi, yr, yi = yr, yi, xr, xi
        n, s, place = m, s * r, 1 - place
    return place


# what all transforms share is compiled once, and not again into each function that calls it


class _Shared:
    """A function of this module as a symbol, which compiled code calls by the dtype of its first array."""

    def __init__(self, name: str, arguments: str, result: Any) -> None:
        self.name = name
        self._native: dict[Any, Any] = {}
        self._symbols = {dtype: self._symbol(dtype, arguments, result) for dtype in (types.float32, types.float64)}

    def _symbol(self, dtype: Any, arguments: str, result: Any) -> Any:
        kinds = [types.CPointer(dtype) if letter == "p" else types.int64 for letter in arguments]
        return types.ExternalFunction(f"srcgrad_fourier_{self.name}_{dtype}", result(*kinds))

    def of(self, dtype: Any) -> Any:
        """What compiled code calls."""
        return self._symbols[dtype]

    def link(self, function: Any, dtype: Any) -> None:
        """Compile the function for a dtype, or take it from the disk cache, and make it known to the linker."""
        if dtype not in self._native:
            symbol = self._symbols[dtype]
            self._native[dtype] = compiled_symbol(function, symbol.sig, error_model="numpy")
            binding.add_symbol(symbol.symbol, self._native[dtype].address)


_SHARED_PASSES = _Shared("passes", "ppppipi", types.int64)
_SHARED_LINE = _Shared("line", "ppiiippii", types.void)


def prepare(arguments: str) -> None:
    """Link what the functions of this module call, for the dtypes among their arguments."""
    for dtype in (types.float32, types.float64):
        if f"{dtype}*" in arguments:
            _SHARED_PASSES.link(passes, dtype)
            _SHARED_LINE.link(line, dtype)


def transform_lanes(*args: Any) -> tuple[Numbers, Numbers]:
    """``(xr, xi, yr, yi, n, table, at)``: `passes`, and the arrays in which the result is."""
    raise NotImplementedError


@overload(transform_lanes)
def _call_passes(xr, xi, yr, yi, n, table, at):  # type: ignore[no-untyped-def]
    shared = _SHARED_PASSES.of(xr.dtype)

    def call(xr, xi, yr, yi, n, table, at):  # type: ignore[no-untyped-def]
        place = shared(address(xr), address(xi), address(yr), address(yi), n, address(table), at)
        return (yr, yi) if place else (xr, xi)

    return call


def transform_line(*args: Any) -> None:
    """``(out, x, n, m, n1, table, work, backward)``: `line`, on arrays."""
    raise NotImplementedError


@overload(transform_line)
def _call_line(out, x, n, m, n1, table, work, backward):  # type: ignore[no-untyped-def]
    shared = _SHARED_LINE.of(x.dtype)

    def call(out, x, n, m, n1, table, work, backward):  # type: ignore[no-untyped-def]
        shared(address(out), address(x), n, m, n1, address(table), address(work), work.size, backward)

    return call


@njit
def _size_of_roots(n: int) -> int:
    """How many numbers of the table are the roots of the passes over a smooth length."""
    count = 0
    while n > 1:
        r = _radix(n)
        if n > r:
            count += 2 * (r - 1) * (n // r)
        n //= r
    return count


@njit
def _multiply_pairs(out: Numbers, x: Numbers, table: Numbers, at: int, n: int) -> None:
    """Products of n complex numbers and n of the table."""
    for k in range(0, 2 * n, 2):
        c, s = read(table, at + k), read(table, at + k + 1)
        re, im = read(x, k), read(x, k + 1)
        write(out, k, re * c - im * s)
        write(out, k + 1, re * s + im * c)


# one line of complex numbers, as pairs


@njit
def _as_matrix(out: Numbers, x: Numbers, n: int, n1: int, table: Numbers, work: Numbers, backward: int) -> None:
    """A line of smooth length: the columns of the matrix (n1, n2), the roots between, the rows."""
    n2 = n // n1
    lanes = n2 * LANES
    xr, xi, yr, yi = work[:lanes], work[lanes : 2 * lanes], work[2 * lanes : 3 * lanes], work[3 * lanes : 4 * lanes]
    between = work[4 * lanes :]
    of_columns = 2 + _size_of_roots(n)
    of_rows = of_columns + _size_of_roots(n1)
    for first in range(0, n2, LANES):
        width = min(LANES, n2 - first)
        for j in range(n1):
            at = 2 * (j * n2 + first)
            for lane in range(width):
                write(xr, j * LANES + lane, read(x, at + 2 * lane + backward))
                write(xi, j * LANES + lane, read(x, at + 2 * lane + 1 - backward))
        zr, zi = transform_lanes(xr, xi, yr, yi, n1, table, of_columns)
        for k in range(n1):
            at = 2 * (k * n2 + first)
            for lane in range(width):
                write(between, at + 2 * lane, read(zr, k * LANES + lane))
                write(between, at + 2 * lane + 1, read(zi, k * LANES + lane))
    _multiply_pairs(between, between, table, of_rows + _size_of_roots(n2), n)
    for first in range(0, n1, LANES):
        width = min(LANES, n1 - first)
        for lane in range(width):
            at = 2 * (first + lane) * n2
            for j in range(n2):
                write(xr, j * LANES + lane, read(between, at + 2 * j))
                write(xi, j * LANES + lane, read(between, at + 2 * j + 1))
        zr, zi = transform_lanes(xr, xi, yr, yi, n2, table, of_rows)
        for k in range(n2):
            at = 2 * (k * n1 + first)
            for lane in range(width):
                write(out, at + 2 * lane + backward, read(zr, k * LANES + lane))
                write(out, at + 2 * lane + 1 - backward, read(zi, k * LANES + lane))


@njit
def _in_one_lane(out: Numbers, x: Numbers, n: int, table: Numbers, work: Numbers, backward: int) -> None:
    lanes = n * LANES
    xr, xi, yr, yi = work[:lanes], work[lanes : 2 * lanes], work[2 * lanes : 3 * lanes], work[3 * lanes : 4 * lanes]
    for j in range(n):
        write(xr, j * LANES, read(x, 2 * j + backward))
        write(xi, j * LANES, read(x, 2 * j + 1 - backward))
    zr, zi = transform_lanes(xr, xi, yr, yi, n, table, 2)
    for k in range(n):
        write(out, 2 * k + backward, read(zr, k * LANES))
        write(out, 2 * k + 1 - backward, read(zi, k * LANES))


@njit
def _smooth(out: Numbers, x: Numbers, n: int, n1: int, table: Numbers, work: Numbers, backward: int) -> None:
    if n1 > 1:
        _as_matrix(out, x, n, n1, table, work, backward)
    else:
        _in_one_lane(out, x, n, table, work, backward)


@njit
def _exchange(x: Numbers, n: int) -> None:
    for j in range(0, 2 * n, 2):
        re, im = read(x, j), read(x, j + 1)
        write(x, j, im)
        write(x, j + 1, re)


@njit
def _with_chirp(
    out: Numbers, x: Numbers, n: int, m: int, n1: int, table: Numbers, work: Numbers, backward: int
) -> None:
    """A line of any length, as a convolution of length m; x is written over."""
    a, b, inner = work[: 2 * m], work[2 * m : 4 * m], work[4 * m :]
    chirp = 2 + _size_of_roots(m) + _size_of_roots(n1) + _size_of_roots(m // n1) + 2 * m
    if backward:
        _exchange(x, n)
    _multiply_pairs(a, x, table, chirp, n)
    for j in range(2 * n, 2 * m):
        write(a, j, 0)
    for turn in range(2):
        _smooth(b, a, m, n1, table, inner, turn)
        if turn == 0:
            _multiply_pairs(a, b, table, chirp + 2 * n, m)
    _multiply_pairs(out, b, table, chirp, n)
    if backward:
        _exchange(out, n)


def line(
    out_data: Pointer,
    x_data: Pointer,
    n: int,
    m: int,
    n1: int,
    table_data: Pointer,
    work_data: Pointer,
    size: int,
    backward: int,
) -> None:
    """One line of n complex numbers, given as pairs, by passes over the smooth length m; x may be written over."""
    out, x, work = carray(out_data, 2 * n), carray(x_data, 2 * n), carray(work_data, size)
    table = carray(table_data, 1)
    if m == n:
        _smooth(out, x, n, n1, table, work, backward)
    else:
        _with_chirp(out, x, n, m, n1, table, work, backward)
