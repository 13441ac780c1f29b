"""Exchanges of rows, as LAPACK counts them, and the order that they lead to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

Pointer = Any


def order_of(order_data: Pointer, pivots_data: Pointer, n: int) -> None:
    """The order after the exchanges of row k and row ``pivots[k]``; one that names no row is left out."""
    order, pivots = carray(order_data, n), carray(pivots_data, n)
    for i in range(n):
        order[i] = i
    for i in range(n):
        j = pivots[i]
        if 0 <= j < n:
            order[i], order[j] = order[j], order[i]


def pivots_of(pivots_data: Pointer, order_data: Pointer, n: int) -> None:
    """The exchanges that lead to the order: the row that is wanted at k is looked up where it lies by then."""
    pivots, order = carray(pivots_data, n), carray(order_data, n)
    rows, place = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        rows[i] = place[i] = i
    for i in range(n):
        j = place[order[i]]
        pivots[i] = j
        rows[i], rows[j] = rows[j], rows[i]
        place[rows[i]], place[rows[j]] = i, j
