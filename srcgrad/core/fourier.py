"""The plan of a discrete Fourier transform: how its length is taken apart, and the tables of roots of unity.

    X[k] = sum over j of x[j] w^(jk),    w = e^(-2 pi i / n)

* Lengths whose prime factors are all small are *smooth*. They are transformed radix by radix (`radix`): a pass of
  radix r over a length r m needs the roots w^(pk) for p < m, 0 < k < r.
* A single long line of smooth length n = n1 n2 is transformed as a matrix: its columns, then, each element times
  w^(k1 j2), its rows (Bailey, "FFTs in external or hierarchical memory", 1990). So that many lines are transformed
  side by side, in vectors, although there is only one.
* For any other length, jk = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with a *chirp*
  c[j] = e^(-pi i j^2 / n), which is done by transforms of a smooth length (Bluestein 1970).

A table holds, as pairs of real and imaginary parts: the roots of all passes over the smooth length m, over its n1 and
over its n2; the m roots between columns and rows; and where m is not n the chirp and the transform, over m, of its
conjugate.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: radices in the order in which they are taken; larger primes need a chirp
RADICES = (4, 2, 3, 5, 7, 11, 13)
#: a length from which a single line is a matrix
MATRIX = 32


def radix(n: int) -> int:
    """The radix of the first pass over a length greater than 1; 0 where the length is not smooth.

    >>> [radix(n) for n in (2, 8, 15, 17, 34)]
    [2, 4, 3, 0, 2]
    """
    for candidate in RADICES:
        if n % candidate == 0:
            return candidate
    return 0


def is_smooth(n: int) -> bool:
    """Whether a length is a product of radices."""
    while n > 1:
        first = radix(n)
        if not first:
            return False
        n //= first
    return True


def smooth_length(n: int) -> int:
    """The length of the passes: n, or the next smooth length from 2 n - 1 on where n is not smooth.

    >>> smooth_length(60), smooth_length(17)
    (60, 33)
    """
    if is_smooth(n):
        return n
    found = 2 * n - 1
    while not is_smooth(found):
        found += 1
    return found


def matrix_rows(n: int) -> int:
    """Of a smooth length the divisor n1 nearest to its square root from below; 1 for short lengths.

    >>> matrix_rows(1024), matrix_rows(96), matrix_rows(16)
    (32, 8, 1)
    """
    if n < MATRIX:
        return 1
    return next(rows for rows in range(math.isqrt(n), 0, -1) if n % rows == 0)


def _roots(powers: Array, n: int) -> Array:
    """``w^power`` in double precision, from the octant of each angle: exact to the last bit or two."""
    power = powers % n
    angle = -2 * np.pi * (np.minimum(power, n - power) / n)
    roots: Array = np.cos(angle) + 1j * np.where(2 * power > n, -1, 1) * np.sin(angle)
    return roots


def _passes(n: int) -> list[Array]:
    """The roots of all passes over a smooth length, in the order in which they are read."""
    found = []
    while n > 1:
        r = radix(n)
        m = n // r
        if m > 1:
            found.append(_roots(np.outer(np.arange(m), np.arange(1, r)).ravel(), n))
        n = m
    return found


@functools.lru_cache(maxsize=64)
def table(n: int, dtype: Any) -> Array:
    """The table of a length, as described above, in float32 or float64."""
    m = smooth_length(n)
    n1 = matrix_rows(m)
    parts = [*_passes(m), *_passes(n1), *_passes(m // n1)]
    parts.append(_roots(np.outer(np.arange(n1), np.arange(m // n1)).ravel(), m))
    if m != n:
        chirp = _roots(np.arange(n) ** 2, 2 * n)
        spread = np.zeros(m, complex)
        spread[:n] = chirp.conj()
        spread[m - n + 1 :] = chirp[:0:-1].conj()
        parts += [chirp, np.fft.fft(spread) / m]
    made: Array = np.concatenate([np.zeros(1), *parts]).view(float).astype(dtype)
    made.flags.writeable = False
    return made


@functools.lru_cache(maxsize=64)
def halves(n: int, dtype: Any) -> Array:
    """The roots ``w^k`` for 0 <= k <= n / 4 + 1, with which a real line of even length is put together."""
    made: Array = _roots(np.arange(n // 4 + 2), n).view(float).astype(dtype)
    made.flags.writeable = False
    return made
