"""What may be written into an array: NumPy's casting and broadcasting for assignment and in-place operators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from srcgrad.core.errors import SrcgradError, TraceError, TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import Shape, type_of
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.messages import error


class ReadOnlyError(SrcgradError, ValueError):
    """The destination of an assignment is a read-only view."""


def assigned_value(value: Any, shape: Shape, dtype: np.dtype[Any], *, indexed: bool) -> Node:
    """A value cast and broadcast to where it is written; any cast is allowed, as in ``x[...] = value``."""
    if isinstance(value, list | tuple):
        from srcgrad.numpy.creation import array

        value = array(value)
    node = as_node(value)
    if type(value) is complex and dtype.kind not in "bc":
        raise error(TraceError, f"a complex number cannot be assigned to an element of dtype {dtype}", "Take its .real")
    warn_of_lost_part(node.dtype, dtype)
    node = _cast(node, dtype)
    own = node.shape
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    fits = len(own) <= len(shape) and all(a in (b, 1) for a, b in zip(own[::-1], shape[::-1], strict=False))
    if not fits:
        what = f"could not broadcast input array from shape {node.shape} into shape {shape}"
        if indexed:
            mismatch = f"value array of shape {node.shape} could not be broadcast to indexing result of shape {shape}"
            what = f"shape mismatch: {mismatch}"
        raise error(TraceShapeError, what)
    if own != node.shape:
        node = apply("reshape", node, shape=own)
    return node if own == shape else apply("broadcast_to", node, shape=shape)


def cast_in_place(result: Node, shape: Shape, dtype: np.dtype[Any], name: str) -> Node:
    """The result of an operation as its operand or ``out`` stores it; casts that lose the kind are an error."""
    if np.broadcast_shapes(result.shape, shape) != shape:
        mismatch = f"output operand with shape {shape} doesn't match the broadcast shape {result.shape}"
        raise error(TraceShapeError, f"{name}: non-broadcastable {mismatch}")
    if not np.can_cast(result.dtype, dtype, "same_kind"):
        what = f"cannot cast ufunc '{name}' output from {result.dtype!r} to {dtype!r} with casting rule 'same_kind'"
        raise error(TraceError, what, "Make the array a float array first, or write x = x op y")
    stored = _cast(result, dtype)
    return stored if stored.shape == shape else apply("broadcast_to", stored, shape=shape)


def warn_of_lost_part(before: np.dtype[Any], after: np.dtype[Any]) -> None:
    """NumPy's warning where complex values become real, while the program is recorded."""
    if before.kind == "c" and after.kind not in "bc":
        message = "Casting complex values to real discards the imaginary part"
        warnings.warn(message, np.exceptions.ComplexWarning, stacklevel=4)


def _cast(node: Node, dtype: np.dtype[Any]) -> Node:
    type_ = type_of(node)
    return node if type_.dtype == dtype and not type_.weak else apply("astype", node, dtype=dtype)
