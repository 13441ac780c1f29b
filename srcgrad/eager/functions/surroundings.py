"""What scripts use around tensors: files, devices, limits of dtypes, counting."""

from __future__ import annotations

import pickle
import types
from typing import Any

import numpy as np

from srcgrad.eager.tensors.dtypes import default, numpy_dtype
from srcgrad.eager.tensors.storage import device
from srcgrad.eager.tensors.tensor import Tensor, wrap


def is_available() -> bool:
    """Whether there is a GPU: not for this face, compiled functions have their own ``backend``."""
    return False


cuda = types.SimpleNamespace(is_available=is_available, device_count=lambda: 0)


def save(obj: Any, f: Any) -> None:
    """Write tensors, in whatever containers, to a file (a path or an open one)."""
    if hasattr(f, "write"):
        pickle.dump(obj, f)
        return
    with open(f, "wb") as file:
        pickle.dump(obj, file)


def load(f: Any, map_location: Any = None, weights_only: bool = False) -> Any:
    """Read what `save` wrote. It is a pickle: load only files whose origin you trust."""
    if hasattr(f, "read"):
        return pickle.load(f)
    with open(f, "rb") as file:
        return pickle.load(file)


def finfo(type: Any = None) -> Any:
    """The limits of a float dtype: ``eps``, ``max``, ``tiny``."""
    return np.finfo(default.float if type is None else numpy_dtype(type))


def iinfo(type: Any) -> Any:
    """The limits of an integer dtype: ``min``, ``max``."""
    return np.iinfo(numpy_dtype(type))


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 occurs."""
    return wrap(np.bincount(input._array, None if weights is None else weights._array, minlength))


_unique: Any = np.unique  # its stubs want each flag as a literal


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order; on request where each element is among them, and how often."""
    found: Any = _unique(input._array, return_inverse=return_inverse, return_counts=return_counts, axis=dim)
    return tuple(map(wrap, found)) if isinstance(found, tuple) else wrap(found)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of equal intervals between two bounds, by default the extremes."""
    limits = (min, max) if min != max else (input._array.min(), input._array.max())
    return wrap(np.histogram(input._array, bins, limits)[0].astype(input._array.dtype))


__all__ = ["bincount", "cuda", "device", "finfo", "histc", "iinfo", "load", "save", "unique"]
