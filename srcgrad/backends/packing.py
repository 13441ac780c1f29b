"""Calls of a program with packed arguments: lists of arrays are put together before it, and taken apart after it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.packing import Packing

ArrayKind = tuple[tuple[int, ...], np.dtype[Any]]


def with_packing(function: Callable[..., Any], packing: Packing, kinds: Sequence[ArrayKind]) -> Callable[..., Any]:
    """The function of all arguments, of these shapes and dtypes, for one of packed arguments.

    It takes NumPy's arrays of exactly these, and returns NotImplemented for others, as native functions do. Results
    that were packed are views of one array.
    """
    count = len(kinds)
    packers = [_packer(places, *kinds[places[0]]) for places in packing.inputs]
    single = packing.single
    unpack = _unpacker(packing)

    def call(*arguments: Any) -> Any:
        packed = []
        for packer in packers:
            array = packer(arguments)
            if array is None:
                return NotImplemented
            packed.append(array)
        results = function(*[arguments[k] for k in single], *packed, *arguments[count:])
        return results if results is NotImplemented else unpack(results)

    return call


def _packer(places: tuple[int, ...], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Callable[[Sequence[Any]], Any]:
    """Some of the arguments as one array, None where one is not as it has to be."""
    pick: Callable[[Sequence[Any]], tuple[Any, ...]] = operator.itemgetter(*places)

    def numbers(arguments: Sequence[Any]) -> Any:
        return np.array(pick(arguments), dtype)

    def arrays(arguments: Sequence[Any]) -> Any:
        parts = pick(arguments)
        for part in parts:
            if type(part) is not np.ndarray or part.dtype != dtype or part.shape != shape:
                return None
        return np.concatenate(parts).reshape(len(parts), *shape)

    return arrays if shape else numbers


def _unpacker(packing: Packing) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    packed = {number for number, place in packing.results if place is not None}
    if not packed:
        return tuple

    def unpack(results: Sequence[Any]) -> tuple[Any, ...]:
        rows = {number: list(results[number]) for number in packed}
        return tuple(results[k] if place is None else rows[k][place] for k, place in packing.results)

    return unpack
