"""Arrays from nothing but their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.lowering import Generate
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Sample
from srcgrad.core.types import ArrayType, Shape


def _reference_iota(*, shape: Shape, axis: int, dtype: Any) -> Any:
    extent = [1] * len(shape)
    extent[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis], dtype=dtype).reshape(extent), shape)


iota = TABLE.add(
    Op(
        "iota",
        lambda *, shape, axis, dtype: ArrayType(shape, np.dtype(dtype)),
        _reference_iota,
        Generate(lambda params: "{" + str(params["axis"]) + "}"),
        samples=(Sample((), {"shape": (2, 3), "axis": 1, "dtype": np.dtype(np.int64)}),),
        doc="Each element is its own index along one axis.",
    )
)


def zeros_like(x: Any) -> Any:
    """Zeros of a value's shape and dtype, on its face."""
    zero = x.__sg_lift__(np.zeros((), x.dtype))
    return zero if x.shape == () else apply("broadcast_to", zero, shape=x.shape)
