"""Random bits as a pure function of a key and a counter: Threefry-2x32 with 20 rounds.

A block of the cipher maps a key of two words and a counter of two words to two words, all of 32 bits. Each row below
gives one of the two words of the block whose counter is ``(counter, 0)``:

* 32 random bits for each counter are `random_bits`;
* 64 bits are `random_bits` and `random_bits_second` of one counter: a back end that inlines both computes one block;
* the key number i derived from a key is the pair ``(random_bits(k0, k1, i), random_bits_second(k0, k1, i))``.

As there is no state, a compiled loop, its adjoint and a second thread see the same numbers in any order of evaluation.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.core.types import ArrayType
from srcgrad.ops.families import pointwise

UINT32 = np.dtype(np.uint32)
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_ROUNDS = 20


def threefry2x32(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Both words of a block, on arrays of uint32.

    >>> [hex(word) for word in threefry2x32((0, 0), (0, 0))]
    ['0x6b200159', '0x99ba4efe']
    """
    key0, key1, low, high = (np.asarray(word, UINT32) for word in (*key, *counter))
    keys = (key0, key1, key0 ^ key1 ^ UINT32.type(_PARITY))
    with np.errstate(over="ignore"):  # words wrap around
        low, high = low + keys[0], high + keys[1]
        for number in range(_ROUNDS):
            distance = UINT32.type(_ROTATIONS[number % 8])
            low = low + high
            high = low ^ (high << distance | high >> (UINT32.type(32) - distance))
            if number % 4 == 3:
                injection = number // 4 + 1
                low = low + keys[injection % 3]
                high = high + keys[(injection + 1) % 3] + UINT32.type(injection)
    return low, high


def _words(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    return [UINT32] * len(types)


def _bits(name: str, function: str, word: int, doc: str) -> Op:
    return pointwise(
        name,
        None,
        None,
        None,
        formula=function + "({0}, {1}, {2})",
        reference=lambda key0, key1, counter: threefry2x32((key0, key1), (counter, 0))[word],
        dtypes=_words,
        kinds="u",
        cost=70.0,
        domain=(0.0, 2.0**32),
        sample_kinds="u",
        doc=doc,
    )


random_bits = _bits(
    "random_bits", "threefry", 0, "First word of the block ``(counter, 0)`` under the key ``(key0, key1)``."
)
random_bits_second = _bits("random_bits_second", "threefry_second", 1, "Second word of the same block.")
