"""The few array functions that layers are made of, for every face: plain arrays, traced arrays, tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from srcgrad.core.lowering import Structure
from srcgrad.core.op import Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.transform.stop import stop_gradient

Function = Callable[..., Any]


class Fused:
    """A function of one array that is composed of rows, and a row of its own on faces that record each operation.

    ``adjoint`` may read the result, not the operand.
    """

    def __init__(self, name: str, composed: Function, reference: Function, adjoint: Function) -> None:
        self.composed = composed
        samples = (Sample((Arg((2, 3)),), {"axis": 1}), Sample((Arg((3,)),), {"axis": 0}))
        self.row = Op(name, lambda type_, *, axis: type_, reference, Structure(), adjoint=adjoint, samples=samples)

    def __call__(self, x: Any, **params: Any) -> Any:
        if getattr(x, "__sg_fuses__", False):
            return x.__sg_bind__(self.row, (x,), params)
        return self.composed(x, **params)


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
    return _kept("sum", x, (axis,))


def largest(x: Any, axis: int) -> Any:
    """The largest element along one axis, which is kept with one element."""
    return _kept("max", x, (axis,))


def mean_over(x: Any, axes: tuple[int, ...]) -> Any:
    """The mean over axes, which are kept with one element each."""
    return _kept("sum", x, axes) / math.prod(x.shape[axis] for axis in axes)


def _kept(name: str, x: Any, axes: tuple[int, ...]) -> Any:
    kept = tuple(1 if k in axes else extent for k, extent in enumerate(x.shape))
    return apply("reshape", apply(name, x, axes=axes), shape=kept)


def swap_last(x: Any) -> Any:
    """The transpose of a matrix."""
    return apply("transpose", x, axes=(1, 0))
