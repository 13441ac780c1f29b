"""Reductions over a set of axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.ops.families import expand_reduced, reduction


def _adjoint_sum(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> tuple[Any]:
    return (expand_reduced(cotangent, x.shape, axes),)


def _share(cotangent: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> tuple[Any]:
    """Elements that tie for the extremum share the cotangent evenly."""
    extremal = apply("equal", x, expand_reduced(out, x.shape, axes))
    count = apply("sum", apply("astype", extremal, dtype=x.dtype), axes=axes)
    return (apply("where", extremal, expand_reduced(cotangent / count, x.shape, axes), 0.0),)


sum = reduction("sum", "add", np.sum, _adjoint_sum, kinds="iufc")
max = reduction("max", "maximum", np.max, _share, needs_element=True)
min = reduction("min", "minimum", np.min, _share, needs_element=True)
any = reduction("any", "or", np.any, None, kinds="b")
all = reduction("all", "and", np.all, None, kinds="b")
