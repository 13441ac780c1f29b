"""Reductions over a set of axes, and the positions of extrema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.sample import Arg, Sample
from srcgrad.ops.arithmetic import astype, where
from srcgrad.ops.families import arg_reduction, expand_reduced, reduction
from srcgrad.ops.logic import equal, isnan

Axes = tuple[int, ...]
Tangents = Sequence[Any]


def _adjoint_sum(cotangent: Any, out: Any, x: Any, *, axes: Axes) -> tuple[Any]:
    return (expand_reduced(cotangent, x.shape, axes),)


def _product_of_others(x: Any, axes: Axes) -> Any:
    """For each element the product of the others, with the right first derivative however many elements are zero.

    It is the product P of the non-zero elements, over x where that is one of them, times the product Z of the other
    zeros. Z is 1 where there is no other zero. With a single one it is that zero itself: its value vanishes and its
    derivative does not. With more it is zero to first order. So ``where(zero, x, 0)`` below is zero in value only.
    """
    zero = equal(x, 0)
    factor = where(zero, 1, x)
    zeros = where(zero, x, 0)
    is_zero = astype(zero, dtype=x.dtype)
    others = expand_reduced(sum(is_zero, axes=axes), x.shape, axes) - is_zero
    other_zero = expand_reduced(sum(zeros, axes=axes), x.shape, axes) - zeros
    rest = expand_reduced(prod(factor, axes=axes), x.shape, axes) / factor
    return where(equal(others, 0), rest, where(equal(others, 1), rest * other_zero, 0))


def _adjoint_prod(cotangent: Any, out: Any, x: Any, *, axes: Axes) -> tuple[Any]:
    return (expand_reduced(cotangent, x.shape, axes) * _product_of_others(x, axes),)


def _tangent_prod(tangents: Tangents, out: Any, x: Any, *, axes: Axes) -> Any:
    return sum(tangents[0] * _product_of_others(x, axes), axes=axes)


def _extremal(out: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
    """Which elements are the extremum, and how many of them tie: they share the derivative evenly.

    Where there is a NaN, the extremum is NaN, and the derivative goes to the elements that are.
    """
    extremal = equal(x, expand_reduced(out, x.shape, axes)) | isnan(x)
    return extremal, sum(astype(extremal, dtype=x.dtype), axes=axes)


def _adjoint_extremum(cotangent: Any, out: Any, x: Any, *, axes: Axes) -> tuple[Any]:
    extremal, count = _extremal(out, x, axes)
    return (where(extremal, expand_reduced(cotangent / count, x.shape, axes), 0),)


def _tangent_extremum(tangents: Tangents, out: Any, x: Any, *, axes: Axes) -> Any:
    extremal, count = _extremal(out, x, axes)
    return sum(where(extremal, tangents[0], 0), axes=axes) / count


_ZEROS = tuple(
    Sample((Arg((6,), values=values),), {"axes": (0,)})
    for values in ((2.0, 0.0, 3.0, -1.0, 0.5, 1.5), (2.0, 0.0, 3.0, 0.0, 0.5, 1.5), (0.0, 0.0, 3.0, 0.0, 0.5, 1.5))
)

sum = reduction("sum", "add", lambda x, axes: np.sum(x, axes, dtype=x.dtype), _adjoint_sum, kinds="iufc")
prod = reduction(
    "prod",
    "multiply",
    lambda x, axes: np.prod(x, axes, dtype=x.dtype),
    _adjoint_prod,
    _tangent_prod,
    kinds="iufc",
    samples=_ZEROS,
)
max = reduction(
    "max", "maximum", lambda x, axes: np.max(x, axes), _adjoint_extremum, _tangent_extremum, needs_element=True
)
min = reduction(
    "min", "minimum", lambda x, axes: np.min(x, axes), _adjoint_extremum, _tangent_extremum, needs_element=True
)
any = reduction("any", "or", lambda x, axes: np.any(x, axes), None, kinds="b")
all = reduction("all", "and", lambda x, axes: np.all(x, axes), None, kinds="b")

argmax = arg_reduction("argmax", "maximum", np.argmax, doc="The first of equals; a NaN counts as the largest.")
argmin = arg_reduction("argmin", "minimum", np.argmin, doc="The first of equals; a NaN counts as the smallest.")
