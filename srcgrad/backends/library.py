"""Calls on whole values: what is not a statement over indices.

Each function works line by line along one axis. The emitter passes the result and the operand as (before, length, after) buffers, and these three extents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

Buffer = Any


def _library(function: Callable[..., Any]) -> Any:
    return njit(error_model="numpy")(function)


@_library
def cumsum(out: Buffer, x: Buffer, before: int, length: int, after: int) -> None:
    for i in range(before):
        for j in range(length):
            for k in range(after):
                out[i, j, k] = x[i, j, k] + out[i, j - 1, k] if j else x[i, j, k]


@_library
def cumprod(out: Buffer, x: Buffer, before: int, length: int, after: int) -> None:
    for i in range(before):
        for j in range(length):
            for k in range(after):
                out[i, j, k] = x[i, j, k] * out[i, j - 1, k] if j else x[i, j, k]


@_library
def sort(out: Buffer, x: Buffer, before: int, length: int, after: int) -> None:
    """Ascending, NaN last."""
    for i in range(before):
        for k in range(after):
            line = np.array([x[i, j, k] for j in range(length)])
            line.sort()
            for j in range(length):
                out[i, j, k] = line[j]


@_library
def argsort(out: Buffer, x: Buffer, before: int, length: int, after: int) -> None:
    """The stable order that sorts, NaN last."""
    for i in range(before):
        for k in range(after):
            line = np.array([x[i, j, k] for j in range(length)])
            order = np.argsort(line, kind="mergesort")
            for j in range(length):
                out[i, j, k] = order[j]
