"""The few array functions that layers are made of, for every face: plain arrays, traced arrays, tensors."""

from __future__ import annotations

from typing import Any

from srcgrad.core.op import apply
from srcgrad.transform.stop import stop_gradient


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape as a plain tuple."""
    return tuple(x.shape)


def axis_of(axis: int, ndim: int) -> int:
    """An axis counted from the front."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim


def constant(x: Any) -> Any:
    """A value through which no gradient passes."""
    return x.detach() if hasattr(x, "detach") else stop_gradient(x)


def total(x: Any, axis: int) -> Any:
    """The sum along one axis, which is kept with one element."""
    return _kept("sum", x, axis)


def largest(x: Any, axis: int) -> Any:
    """The largest element along one axis, which is kept with one element."""
    return _kept("max", x, axis)


def mean_along(x: Any, axis: int) -> Any:
    """The mean along one axis, which is kept with one element."""
    return total(x, axis) / x.shape[axis]


def _kept(name: str, x: Any, axis: int) -> Any:
    kept = tuple(1 if k == axis else extent for k, extent in enumerate(x.shape))
    return apply("reshape", apply(name, x, axes=(axis,)), shape=kept)


def swap_last(x: Any) -> Any:
    """The transpose of a matrix."""
    return apply("transpose", x, axes=(1, 0))
