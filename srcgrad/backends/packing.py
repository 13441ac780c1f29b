"""Calls of a program with packed arguments: lists of arrays are put together before it, and taken apart after it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.packing import Packing

_ARRAYS = {np.ndarray}
_shape = operator.attrgetter("shape")
ArrayKind = tuple[tuple[int, ...], np.dtype[Any]]


def with_packing(function: Callable[..., Any], packing: Packing, kinds: Sequence[ArrayKind]) -> Callable[..., Any]:
    """The function of all arguments, of these shapes and dtypes, for one of packed arguments.

    It takes NumPy's arrays of exactly these, and returns NotImplemented for others, as native functions do. Results
    that were packed are views of one array.
    """
    count = len(kinds)
    packers = [_packer(places, *kinds[places[0]]) for places in packing.inputs]
    shapes = [(len(places), *kinds[places[0]][0]) for places in packing.inputs]
    dtypes = [kinds[places[0]][1] for places in packing.inputs]
    single = packing.single
    unpack = _unpacker(packing)
    free: list[list[Any]] = []  # never in use by two calls at a time

    def call(*arguments: Any) -> Any:
        try:
            packed = free.pop()
        except IndexError:
            packed = [np.empty(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
        try:
            for packer, array in zip(packers, packed, strict=True):
                if not packer(arguments, array):
                    return NotImplemented
            results = function(*[arguments[k] for k in single], *packed, *arguments[count:])
        finally:
            free.append(packed)
        return results if results is NotImplemented else unpack(results)

    return call


def _packer(
    places: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Callable[[Sequence[Any], Any], bool]:
    """Writes some of the arguments into one array; False where one is not as it has to be."""
    pick: Callable[[Sequence[Any]], tuple[Any, ...]] = operator.itemgetter(*places)

    def numbers(arguments: Sequence[Any], whole: Any) -> bool:
        whole[...] = pick(arguments)
        return True

    def arrays(arguments: Sequence[Any], whole: Any) -> bool:
        parts = pick(arguments)
        if set(map(type, parts)) != _ARRAYS or set(map(_shape, parts)) != shapes:
            return False
        try:
            np.concatenate(parts, out=whole.reshape(joined), casting="no")
        except TypeError:  # another dtype, or byte order
            return False
        return True

    shapes = {shape}
    joined = (len(places) * shape[0], *shape[1:]) if shape else ()
    return arrays if shape else numbers


def _unpacker(packing: Packing) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    packed = {number for number, place in packing.results if place is not None}
    if not packed:
        return tuple

    def unpack(results: Sequence[Any]) -> tuple[Any, ...]:
        rows = {number: list(results[number]) for number in packed}
        return tuple(results[k] if place is None else rows[k][place] for k, place in packing.results)

    return unpack
