"""`numpy.linalg`: norms, powers, chains of products; and, from `srcgrad.numpy.systems`, what factorises matrices.

As a module it stands for `numpy.linalg`: what it does not have is NumPy's.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.op import apply
from srcgrad.numpy import products, systems
from srcgrad.numpy.creation import eye
from srcgrad.numpy.indexing import diagonal as _diagonal
from srcgrad.numpy.indexing import trace as _trace
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import FUNCTIONS, implements_as
from srcgrad.numpy.reductions import max, min, squared_length, sum
from srcgrad.numpy.shaping import as_array, as_float, one_axis, some_axes
from srcgrad.numpy.shaping import matrix_transpose as _matrix_transpose
from srcgrad.numpy.views import with_axes
from srcgrad.ops.families import convert


@implements_as("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """As `numpy.linalg.norm`. The 2-norm of zeros has no derivative."""
    x = as_float(x)
    rank = len(x.shape)
    if axis is None and (ord is None or (ord in ("f", "fro") and rank == 2) or (ord == 2 and rank == 1)):
        found = _two_norm(x, None)
        return with_axes(found, range(rank)) if keepdims else found
    axes = tuple(range(rank)) if axis is None else some_axes(axis, rank)
    if len(axes) == 1:
        found = _vector_norm(x, ord, axes[0])
    elif len(axes) == 2:
        found = _matrix_norm(x, ord, axes)
    else:
        raise error(TraceShapeError, "Improper number of dimensions to norm.")
    return with_axes(found, sorted(axes)) if keepdims else found


def _two_norm(x: Any, axis: Any) -> Any:
    return apply("sqrt", sum(squared_length(x), axis))


def _vector_norm(x: Any, order: Any, axis: int) -> Any:
    if order is None or order == 2:
        return _two_norm(x, axis)
    if isinstance(order, str):
        raise error(TraceShapeError, f"Invalid norm order '{order}' for vectors")
    size = apply("absolute", x)
    if order == np.inf:
        return max(size, axis)
    if order == -np.inf:
        return min(size, axis)
    if order == 0:
        return sum(convert(apply("not_equal", x, 0), size.dtype), axis)
    if order == 1:
        return sum(size, axis)
    return apply("power", sum(apply("power", size, order), axis), 1.0 / order)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...]) -> Any:
    if order in (None, "fro", "f"):
        return _two_norm(x, axes)
    if order in (2, -2, "nuc"):
        return systems.spectral_norm(x, order, axes)
    if order not in (1, -1, np.inf, -np.inf):
        raise error(TraceShapeError, f"Invalid norm order {order!r} for matrices")
    summed, rest = axes if order in (1, -1) else axes[::-1]
    totals = sum(apply("absolute", x), summed)
    pick = max if order in (1, np.inf) else min
    return pick(totals, rest - (summed < rest))


@implements_as("linalg.vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """As `numpy.linalg.vector_norm`."""
    x = as_float(x)
    rank = len(x.shape)
    axes = tuple(range(rank)) if axis is None else some_axes(axis, rank)
    kept = [k for k in range(rank) if k not in axes]
    line = apply("transpose", x, axes=(*kept, *axes)) if rank > 1 else x
    line = apply("reshape", line, shape=(*(x.shape[k] for k in kept), _size(x, axes)))
    found = _vector_norm(line, ord, len(kept))
    return with_axes(found, sorted(axes)) if keepdims else found


def _size(x: Any, axes: tuple[int, ...]) -> int:
    size = 1
    for axis in axes:
        size *= x.shape[axis]
    return size


@implements_as("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """As `numpy.linalg.matrix_norm`."""
    return norm(x, ord, (-2, -1), keepdims)


@implements_as("linalg.multi_dot")
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """As `numpy.linalg.multi_dot`: in the cheapest order."""
    from srcgrad.numpy.contraction import einsum

    letters = products.LETTERS
    shapes = [as_array(one).shape for one in arrays]
    first = 1 if len(shapes[0]) == 1 else 0
    terms = [letters[k : k + 2] for k in range(len(shapes))]
    terms[0] = terms[0][first:]
    terms[-1] = terms[-1][: len(shapes[-1])]
    ends = ("" if first else terms[0][0]) + ("" if len(shapes[-1]) == 1 else terms[-1][1])
    return einsum(",".join(terms) + "->" + ends, *arrays, out=out, optimize="optimal" if len(shapes) < 9 else "greedy")


@implements_as("linalg.matrix_power")
def matrix_power(a: Any, n: int) -> Any:
    """As `numpy.linalg.matrix_power`."""
    power = abs(operator.index(n))
    square = systems.inv(a) if n < 0 else as_array(a)
    result = None
    while power:
        if power & 1:
            result = square if result is None else products.matmul(result, square)
        power >>= 1
        square = products.matmul(square, square) if power else square
    if result is not None:
        return result
    return apply("broadcast_to", eye(square.shape[-1], dtype=square.dtype), shape=square.shape)


@implements_as("linalg.matmul")
def matmul(x1: Any, x2: Any, /) -> Any:
    """As `numpy.linalg.matmul`."""
    return products.matmul(x1, x2)


@implements_as("linalg.outer")
def outer(x1: Any, x2: Any, /) -> Any:
    """As `numpy.linalg.outer`."""
    return products.outer(x1, x2)


@implements_as("linalg.tensordot")
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """As `numpy.linalg.tensordot`."""
    return products.tensordot(x1, x2, axes)


@implements_as("linalg.vecdot")
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """As `numpy.linalg.vecdot`."""
    return products.vecdot(x1, x2, axis=axis)


@implements_as("linalg.cross")
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """As `numpy.linalg.cross`."""
    return products.cross(x1, x2, axis=one_axis(axis, len(as_array(x1).shape)))


@implements_as("linalg.diagonal")
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """As `numpy.linalg.diagonal`."""
    return _diagonal(x, offset, -2, -1)


@implements_as("linalg.trace")
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """As `numpy.linalg.trace`."""
    return _trace(x, offset, -2, -1, dtype)


@implements_as("linalg.matrix_transpose")
def matrix_transpose(x: Any, /) -> Any:
    """As `numpy.linalg.matrix_transpose`."""
    return _matrix_transpose(x)


globals().update(
    {name.removeprefix("linalg."): function for name, function in FUNCTIONS.items() if name.startswith("linalg.")}
)


def __getattr__(name: str) -> Any:
    """NumPy's own attribute."""
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(np.linalg, name)
