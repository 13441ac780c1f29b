"""Python functions that compiled programs call: by number, since machine code on disk knows no objects.

A `Callback` is what a program's graph holds; as long as it does, the function can be found under its number. An
exception cannot pass through native code: it is kept, and raised when the native function has returned.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from srcgrad.core.types import ArrayType

_numbers = itertools.count()
_found: WeakValueDictionary[int, Callback] = WeakValueDictionary()
_failed = threading.local()


@dataclass(frozen=True)
class Callback:
    """A function of arrays that returns a list of arrays of these types; its number is its identity."""

    number: int
    operands: tuple[ArrayType, ...]
    results: tuple[ArrayType, ...]
    name: str

    @staticmethod
    def of(
        function: Callable[..., Sequence[Any]],
        operands: Sequence[ArrayType],
        results: Sequence[ArrayType],
        name: str = "f",
    ) -> Callback:
        made = Callback(next(_numbers), tuple(operands), tuple(results), name)
        object.__setattr__(made, "function", function)  # no field: it has no content that a digest could tell
        _found[made.number] = made
        return made

    def __call__(self, *operands: Any) -> list[np.ndarray[Any, Any]]:
        """The results as arrays of their types."""
        function: Callable[..., Sequence[Any]] = self.function  # type: ignore[attr-defined]
        arrays = [
            np.array(x, t.dtype).reshape(t.shape) for x, t in zip(operands, self.operands, strict=False)
        ]  # with no operand there is one that nobody reads
        return [np.asarray(x, t.dtype).reshape(t.shape) for x, t in zip(function(*arrays), self.results, strict=True)]


def called(number: int, results: Sequence[np.ndarray[Any, Any]], operands: Sequence[np.ndarray[Any, Any]]) -> None:
    """A native function calls: fill the results; where the call fails, with zeros."""
    try:
        for target, value in zip(results, _found[number](*operands), strict=True):
            target[...] = value
    except BaseException as exception:
        for target in results:
            target[...] = 0
        if getattr(_failed, "exception", None) is None:
            _failed.exception = exception


def types_of(number: int) -> tuple[tuple[ArrayType, ...], tuple[ArrayType, ...]]:
    """The types of the results and of the operands of a function."""
    callback = _found[number]
    return callback.results, callback.operands


def raising(native: Callable[..., Any]) -> Callable[..., Any]:
    """A native function that raises what was raised in a function that it called, the first of these."""

    def run(*arguments: Any) -> Any:
        results = native(*arguments)
        exception = getattr(_failed, "exception", None)
        if exception is not None:
            _failed.exception = None
            raise exception
        return results

    return run
