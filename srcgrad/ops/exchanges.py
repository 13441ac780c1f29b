"""The order of rows after exchanges, and LAPACK's pivots: the k-th exchange is of row k and row ``pivots[k] >= k``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.ops.families import INT64


def _infer(a: ArrayType) -> ArrayType:
    if len(a.shape) != 1 or a.dtype != INT64:
        raise TraceShapeError(f"exchanges of rows are a line of int64, not {a}")
    return a


def _reference_order(pivots: Any) -> Any:
    order = np.arange(len(pivots))
    for i, j in enumerate(pivots):
        order[i], order[j] = order[j], order[i]
    return order


def _reference_pivots(order: Any) -> Any:
    pivots, current = np.empty_like(order), np.arange(len(order))
    for i, wanted in enumerate(order):
        pivots[i] = j = np.flatnonzero(current == wanted)[0]
        current[i], current[j] = current[j], current[i]
    return pivots


def _length(params: dict[str, Any], types: Sequence[ArrayType]) -> tuple[int, ...]:
    return types[0].shape


order_of = TABLE.add(
    Op(
        "order_of_exchanges",
        _infer,
        _reference_order,
        Library("exchanges.order_of", _length),
        samples=(Sample((Arg((4,), kind="i", values=[2, 3, 2, 3]),)), Sample((Arg((0,), kind="i"),))),
        doc="The order of the rows after the exchanges: the rows are ``a[order]``.",
    )
)

pivots_of = TABLE.add(
    Op(
        "exchanges_to_order",
        _infer,
        _reference_pivots,
        Library("exchanges.pivots_of", _length),
        samples=(Sample((Arg((4,), kind="i", values=[2, 3, 0, 1]),)), Sample((Arg((0,), kind="i"),))),
        doc="The exchanges that lead to an order of the rows.",
    )
)

__all__ = ["order_of", "pivots_of"]
