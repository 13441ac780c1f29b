"""Arrays from nothing but their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.lowering import Generate
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Sample
from srcgrad.core.types import ArrayType, Shape
from srcgrad.ops.families import convert


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


def iota_on(face: Any, shape: Shape, axis: int, dtype: Any = np.int64) -> Any:
    """`iota` on a face, which the row has no operand to tell by; a plain NumPy array where the face is None."""
    params = {"shape": tuple(shape), "axis": axis, "dtype": np.dtype(dtype)}
    return iota(**params) if face is None else face.__sg_bind__(iota, (), params)


def full_on(face: Any, shape: Shape, value: Any, dtype: Any) -> Any:
    """One value (plain or of that face) everywhere, on a face; a plain NumPy array where the face is None."""
    if face is None:
        return np.full(shape, value, dtype)
    traced = hasattr(value, "__sg_bind__")
    scalar = convert(value, np.dtype(dtype)) if traced else face.__sg_lift__(np.asarray(value, dtype))
    return scalar if scalar.shape == tuple(shape) else apply("broadcast_to", scalar, shape=tuple(shape))


def zeros_like(x: Any) -> Any:
    """Zeros of a value's shape and dtype, on its face."""
    return full_on(x if hasattr(x, "__sg_bind__") else None, x.shape, 0, x.dtype)
