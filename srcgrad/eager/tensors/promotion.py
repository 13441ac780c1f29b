"""PyTorch's dtype rules.

The dtypes of an operation's operands are ordered by category: bool < integer < float < complex. Within a category a
tensor with dimensions outweighs a 0-d tensor, and that outweighs a Python number; a higher category outweighs all.
Floats that come of integers are of the default dtype.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from srcgrad.core.types import PYTHON_SCALARS, type_of
from srcgrad.eager.tensors.dtypes import B1, F4, F8, I8, default, numpy_dtype, of

NumpyDtype = np.dtype[Any]
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def number_dtype(value: Any) -> NumpyDtype:
    """The dtype of a Python number."""
    kind = type(value)
    if kind is bool:
        return B1
    if kind is int:
        return I8
    return default.complex if kind is complex else default.float


def promote_types(first: NumpyDtype, second: NumpyDtype) -> NumpyDtype:
    """The dtype that holds both; NumPy's rule but for integers beside floats, which do not widen them."""
    if first == second:
        return first
    kinds = _CATEGORY[first.kind], _CATEGORY[second.kind]
    if kinds[0] != kinds[1] and max(kinds) >= 2:
        high, low = (first, second) if kinds[0] > kinds[1] else (second, first)
        if high.kind == "c" and low == F8:
            return np.dtype(np.complex128)
        return high
    found = np.promote_types(first, second)
    return found if found.kind != "f" or first.kind == "f" else I8


def result_dtype(values: Iterable[Any]) -> NumpyDtype:
    """The dtype in which an operation on these tensors and Python numbers is done."""
    ranked: list[NumpyDtype | None] = [None, None, None]
    for value in values:
        if type(value) in PYTHON_SCALARS:
            rank, found = 0, number_dtype(value)
        else:
            type_ = type_of(value)
            rank = 0 if type_.weak else 1 if type_.ndim == 0 else 2
            found = number_dtype(type_.dtype.type(0).item()) if type_.weak else type_.dtype
        known = ranked[rank]
        ranked[rank] = found if known is None else promote_types(known, found)
    result: NumpyDtype | None = None
    for lower in ranked:
        result = _outweigh(lower, result)
    assert result is not None
    return result


def _outweigh(higher: NumpyDtype | None, lower: NumpyDtype | None) -> NumpyDtype | None:
    if higher is None or lower is None:
        return lower if higher is None else higher
    if higher.kind == "c":
        return higher
    if higher.kind == "f":
        if lower.kind != "c":
            return higher
        return np.dtype(np.complex128 if higher == F8 else np.complex64)
    return promote_types(higher, lower) if higher == B1 or lower.kind in "fc" else higher


def inexact_dtype(dtype: NumpyDtype) -> NumpyDtype:
    """The dtype in which functions such as ``sin`` are done: floats as they are, the default float for others."""
    return dtype if dtype.kind in "fc" else default.float


def sum_dtype(dtype: NumpyDtype) -> NumpyDtype:
    """Integers and booleans are added in int64."""
    return dtype if dtype.kind in "fc" else I8


__all__ = ["F4", "F8", "I8", "inexact_dtype", "numpy_dtype", "of", "promote_types", "result_dtype", "sum_dtype"]
