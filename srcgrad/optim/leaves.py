"""What the rules do leaf by leaf, without changing a dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.op import apply


def zeros_like(params: Any) -> Any:
    """Zeros of the shapes and dtypes of the parameters."""
    return tree.map(_zeros, params)


def _zeros(leaf: Any) -> Any:
    if not hasattr(leaf, "__sg_bind__"):
        return np.zeros_like(leaf)[()]
    zero = leaf.__sg_lift__(np.zeros((), leaf.dtype))
    return zero if leaf.shape == () else apply("broadcast_to", zero, shape=tuple(leaf.shape))


def unzip_map(count: int, function: Callable[..., tuple[Any, ...]], params: Any, *rest: Any) -> tuple[Any, ...]:
    """Map a function that returns ``count`` values over pytrees; one pytree for each of the values."""
    first, structure = tree.flatten(params)
    columns = [first, *(tree.leaves(tree.map(lambda _, leaf: leaf, params, other)) for other in rest)]
    rows = [function(*row) for row in zip(*columns, strict=True)]
    return tuple(tree.unflatten(structure, [row[k] for row in rows]) for k in range(count))


def stepped(param: Any, step: Any) -> Any:
    """``param - step`` in the dtype of the parameter."""
    return in_dtype_of(param, param - step)


def in_dtype_of(param: Any, value: Any) -> Any:
    """A value in the dtype of a parameter, where that is not a Python number."""
    dtype = getattr(param, "dtype", None)
    return value if dtype is None or getattr(value, "dtype", dtype) == dtype else apply("astype", value, dtype=dtype)
