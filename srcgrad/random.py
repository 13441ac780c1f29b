"""Random numbers from keys: the same key gives the same numbers, on every face, compiled or not, in any order.

A key is an array of two uint32 words. Numbers come from a key and a position by a block cipher (Threefry-2x32), so
there is no state: for new numbers take a new key, by `split` or `fold_in`, and use each key once.

>>> draw, keep = split(key(0))
>>> uniform(draw, (2, 3)).shape
(2, 3)
>>> bool(np.all(uniform(draw, 4) == uniform(draw, 4)))
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import ArgumentError, ArgumentValueError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.trace import is_tracing
from srcgrad.ops.creation import iota_on

Shape = int | Sequence[int]

_UINT32 = np.dtype(np.uint32)
_FLOAT64 = np.dtype(np.float64)
_MASK = 0xFFFFFFFF

# Draws, children by number and children by data must never coincide: each purpose has its own second word.
_SPLIT = np.uint32(0x9E3779B9)
_FOLD = np.uint32(0x85EBCA6B)


def key(seed: Any) -> Any:
    """A key from an integer of up to 64 bits.

    >>> key(7)
    array([7, 0], dtype=uint32)
    """
    if hasattr(seed, "__sg_bind__"):
        wide = apply("astype", seed, dtype=np.dtype(np.uint64))
        words = [apply("astype", word, dtype=_UINT32) for word in (wide & np.uint64(_MASK), wide >> np.uint64(32))]
        return _stacked(words)
    number = int(seed) & 0xFFFFFFFFFFFFFFFF
    return np.array([number & _MASK, number >> 32], _UINT32)


def split(key: Any, num: int = 2) -> Any:
    """An array of ``num`` new keys, of shape ``(num, 2)``.

    >>> split(key(0), 3).shape
    (3, 2)
    """
    first, second = _words(key)
    counter = _counter(first, (num,))
    return _stacked(_block(first, second ^ _SPLIT, counter))


def fold_in(key: Any, data: Any) -> Any:
    """A new key from a key and an integer, such as the number of a step; the integer may be traced.

    >>> fold_in(key(0), 5).dtype
    dtype('uint32')
    """
    first, second = _words(key)
    if not hasattr(data, "__sg_bind__"):
        data = np.uint32(int(data) & _MASK)
    counter = apply("astype", data, dtype=_UINT32)
    return _stacked(_block(first, second ^ _FOLD, counter))


def uniform(key: Any, shape: Shape = (), dtype: Any = _FLOAT64, low: Any = 0.0, high: Any = 1.0) -> Any:
    """Uniform in ``[low, high)``, on the grid of 2**-53 (float64) or 2**-24 (float32) of the unit interval."""
    unit = _unit(key, _shape(shape), np.dtype(dtype))
    if isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0):
        return unit
    return unit * (high - low) + low


def normal(key: Any, shape: Shape = (), dtype: Any = _FLOAT64) -> Any:
    """Standard normal: the inverse distribution function of a uniform number."""
    dtype = np.dtype(dtype)
    half_step = 2.0**-54 if dtype == _FLOAT64 else 2.0**-25
    centred = 2.0 * (_unit(key, _shape(shape), dtype) - (0.5 - half_step))
    return math.sqrt(2.0) * apply("erfinv", centred)


def randint(key: Any, shape: Shape, low: Any, high: Any, dtype: Any = np.int64) -> Any:
    """Integers in ``low .. high - 1``, uniform up to 2**-53."""
    unit = _unit(key, _shape(shape), _FLOAT64)
    return apply("astype", apply("floor", unit * (high - low)), dtype=np.dtype(dtype)) + low


def permutation(key: Any, x: Any) -> Any:
    """``range(x)`` in random order for an int; the rows of an array in random order.

    >>> sorted(permutation(key(3), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    count = int(x) if isinstance(x, int | np.integer) else x.shape[0]
    order = apply("argsort", _unit(key, (count,), _FLOAT64), axis=0)
    if isinstance(x, int | np.integer):
        return order
    return apply("gather", x, order, axes=(0,), position=0)


def bernoulli(key: Any, p: Any = 0.5, shape: Shape | None = None) -> Any:
    """True with probability p; of the shape of p where none is given."""
    return _unit(key, _shape(np.shape(p) if shape is None else shape), _FLOAT64) < p


def categorical(key: Any, logits: Any, axis: int = -1) -> Any:
    """Indices drawn with probabilities ``softmax(logits)`` along an axis, which the result lacks (Gumbel's trick)."""
    type_ = type_of(logits)
    if not type_.shape:
        raise ArgumentValueError("categorical: logits need an axis to choose along")
    unit = _unit(key, type_.shape, _FLOAT64)
    gumbel = -apply("log", -apply("log", unit + 2.0**-54))
    return apply("argmax", logits + gumbel, axis=axis % len(type_.shape))


def _words(key: Any) -> tuple[Any, Any]:
    type_ = type_of(key)
    if type_.shape != (2,) or type_.dtype != _UINT32:
        raise ArgumentError(
            f"{type_} is not a random key; make one with sg.random.key(seed), and more with sg.random.split"
        )
    if is_tracing() and not hasattr(key, "__sg_bind__"):
        import srcgrad.numpy

        key = srcgrad.numpy.asarray(key)
    return key[0], key[1]


def _block(first: Any, second: Any, counter: Any) -> list[Any]:
    """Both words of the cipher."""
    return [apply(name, first, second, counter) for name in ("random_bits", "random_bits_second")]


def _counter(face: Any, shape: tuple[int, ...]) -> Any:
    """The number of each element, in row-major order."""
    if math.prod(shape) > _MASK:
        raise ArgumentValueError(f"shape {shape} has more than 2**32 elements; draw them from several keys")
    traced = face if hasattr(face, "__sg_bind__") else None
    if not shape:
        return np.uint32(0)
    total: Any = None
    stride = math.prod(shape)
    for axis, extent in enumerate(shape):
        stride //= max(extent, 1)
        steps = iota_on(traced, shape, axis, _UINT32)
        steps = steps if stride == 1 else steps * np.uint32(stride)
        total = steps if total is None else total + steps
    return total


def _unit(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Uniform in ``[0, 1)``."""
    first, second = _words(key)
    counter = _counter(first, shape)
    if dtype == np.dtype(np.float32):
        bits = apply("random_bits", first, second, counter) >> np.uint32(8)
        return apply("astype", bits, dtype=dtype) * np.float32(2.0**-24)
    if dtype != _FLOAT64:
        raise ArgumentError(f"random numbers are float64 or float32, not {dtype}")
    high, low = _block(first, second, counter)
    upper = apply("astype", high >> np.uint32(5), dtype=dtype)
    lower = apply("astype", low >> np.uint32(6), dtype=dtype)
    return (upper * 67108864.0 + lower) * 2.0**-53


def _stacked(words: list[Any]) -> Any:
    """Words of one shape side by side, along a new last axis."""
    if not any(hasattr(word, "__sg_bind__") for word in words):
        return np.stack(words, axis=-1)
    parts = [apply("reshape", word, shape=(*word.shape, 1)) for word in words]
    return apply("concatenate", *parts, axis=len(parts[0].shape) - 1)


def _shape(shape: Shape) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(extent) for extent in shape)
