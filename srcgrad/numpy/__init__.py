"""NumPy's names for traced arrays: what plain ``import numpy as np`` code reaches while it is traced.

Every function also takes plain arrays, and then is NumPy's own. Names that are not functions on arrays (dtypes,
constants, ``errstate``) are NumPy's. ``docs/numpy_support.md`` lists what there is.
"""

from __future__ import annotations

from typing import Any

import numpy as _numpy

from srcgrad.numpy import (  # noqa: F401  (importing them registers their functions)
    complex_parts,
    contraction,
    creation,
    elements,
    elementwise,
    fft,
    indexing,
    joining,
    linalg,
    numerics,
    ordering,
    pieces,
    products,
    reductions,
    rounding,
    scipy_linalg,
    shaping,
    special,
    special_ufuncs,
)
from srcgrad.numpy.elements import vectorize
from srcgrad.numpy.protocols import FUNCTIONS
from srcgrad.numpy.traced import Array
from srcgrad.numpy.views import dynamic_slice, dynamic_update


class _NdarrayMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _numpy.ndarray) or (isinstance(instance, Array) and not instance.is_scalar)


class ndarray(_numpy.ndarray[Any, Any], metaclass=_NdarrayMeta):
    """`numpy.ndarray` as traced code sees it: traced arrays are instances."""


def isscalar(element: Any) -> bool:
    """As `numpy.isscalar`: traced scalars, such as the elements and sums of traced arrays, are scalars."""
    return element.is_scalar if isinstance(element, Array) else _numpy.isscalar(element)


globals().update({name: function for name, function in FUNCTIONS.items() if "." not in name})


def __getattr__(name: str) -> Any:
    """A ufunc of the table, or NumPy's own attribute."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = elementwise.ufunc(name)
    if found is None:
        if not hasattr(_numpy, name):
            raise AttributeError(f"neither srcgrad.numpy nor numpy has {name!r}")
        found = getattr(_numpy, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *elementwise.ufunc_names()})


__all__ = ["Array", "dynamic_slice", "dynamic_update", "fft", "isscalar", "linalg", "ndarray", "vectorize"]
