"""Views on any face: on a traced array they share its data, on other values they are the rows that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.core.op import apply
from srcgrad.core.types import Shape
from srcgrad.numpy.geometry import Ints, Span, Window, reshaped, reshaped_strides
from srcgrad.numpy.traced import Array
from srcgrad.ops import indexing


def windowed(x: Any, change: Callable[[Window], Window | None]) -> Any:
    """The view that a change of the window makes."""
    if isinstance(x, Array):
        return x.through(change)
    window = change(Window.whole(x.shape))
    assert window is not None
    return window.read(x)


def permuted(x: Any, axes: Sequence[int]) -> Any:
    """The dimensions in another order."""
    if isinstance(x, Array) and x.is_scalar:
        return x
    return windowed(x, lambda window: window.permute(axes))


def selected(x: Any, parts: Sequence[int | Span | None]) -> Any:
    """One int, span or new axis per dimension."""
    return windowed(x, lambda window: window.select(parts))


def part(x: Any, axis: int, span: Span) -> Any:
    """A span of one dimension, the others whole."""
    return selected(x, [span if k == axis else Span(0, extent) for k, extent in enumerate(x.shape)])


def with_axes(x: Any, axes: Sequence[int]) -> Any:
    """New axes of extent 1 at these positions of the result."""
    own = iter(x.shape)
    ndim = len(x.shape) + len(axes)
    return selected(x, [None if k in axes else Span(0, next(own)) for k in range(ndim)])


def without_axes(x: Any, axes: Sequence[int]) -> Any:
    """Axes of extent 1 dropped."""
    return selected(x, [0 if k in axes else Span(0, extent) for k, extent in enumerate(x.shape)])


def with_shape(x: Any, shape: Shape) -> Any:
    """Another shape in row-major order: a view where NumPy makes one, else a copy."""
    if not isinstance(x, Array):
        return reshaped(x, shape)
    strides = reshaped_strides(x.shape, x.element_strides, shape)
    if strides is None:
        return Array.new(reshaped(x.__sg_node__, shape))
    own = x.shape
    return x.derive(lambda base: reshaped(base, shape), lambda base, value: reshaped(value, own), strides)


def owner(x: Any) -> Any:
    """The array that holds the data of a view."""
    while x._base is not None:
        x = x._base
    return x


def repeated(x: Any, shape: Shape) -> Any:
    """Broadcast to a shape; read-only, as in NumPy."""
    if not isinstance(x, Array):
        return x if x.shape == shape else apply("broadcast_to", x, shape=shape)
    lead = len(shape) - x.ndim
    own = zip(x.element_strides, x.shape, strict=True)
    strides: Ints = (*[0] * lead, *(0 if extent == 1 else stride for stride, extent in own))

    def read(base: Any) -> Any:
        return base if base.shape == shape else apply("broadcast_to", base, shape=shape)

    return x.derive(read, None, strides)


# parts whose place is traced, as copies


def dynamic_slice(x: Any, *starts: Any, shape: Shape) -> Any:
    """The part of this shape that begins at the starts, one integer per dimension, which may be traced; a copy.

    The part must lie within the array. ``x[i : i + k]`` says the same, as a view.

    >>> import numpy as np
    >>> dynamic_slice(np.arange(6).reshape(2, 3), 1, 0, shape=(1, 2))
    array([[3, 4]])
    """
    made = indexing.dynamic_slice(x, *starts, shape=tuple(shape))
    return +x if made is x else made


def dynamic_update(x: Any, update: Any, *starts: Any) -> Any:
    """A copy of the array with ``update`` written over the part that begins at the starts.

    >>> import numpy as np
    >>> dynamic_update(np.zeros(4), np.ones(2), 1)
    array([0., 1., 1., 0.])
    """
    made = indexing.dynamic_update(x, update, *starts)
    return +update if made is update else made
