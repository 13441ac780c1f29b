"""What every rule does to cotangents: times a partial derivative, and summed over what was broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE, apply
from srcgrad.core.partial import Where
from srcgrad.transform.adjoint import weigh

ndarray = np.ndarray
Shape = tuple[int, ...]
_zeros: dict[Any, Any] = {}


class Spec:
    """Stands for an operand of which a rule needs no more than shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Shape, dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


def weigh_array(cotangent: Any, partial: Any) -> Any:
    """As `srcgrad.transform.adjoint.weigh`, which serves every face, at a fraction of its cost."""
    kind = type(partial)
    if kind is ndarray:
        return cotangent * partial
    if kind is Where:
        weight = partial.weight
        if type(weight) is not int or weight != 1:
            cotangent = weigh_array(cotangent, weight)
        zero = _zeros.get(cotangent.dtype)
        if zero is None:
            zero = _zeros[cotangent.dtype] = np.zeros((), cotangent.dtype)
        return np.where(partial.condition, cotangent, zero)
    return weigh(cotangent, partial)


def fit_all(contributions: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """Contributions to operands in their shapes and dtypes."""
    return [None if part is None else fit(part, x) for part, x in zip(contributions, operands, strict=True)]


def fit(contribution: Any, operand: Any) -> Any:
    """A contribution to an operand in its shape and dtype."""
    return in_dtype(sum_to(contribution, operand.shape), operand.dtype)


def in_dtype(cotangent: Any, dtype: Any) -> Any:
    """The contribution to an operand in its dtype."""
    return (
        cotangent
        if cotangent.dtype is dtype or cotangent.dtype == dtype
        else apply("astype", cotangent, dtype=getattr(dtype, "dtype", dtype))
    )


def sum_to(cotangent: Any, shape: Shape) -> Any:
    """The cotangent of an operand that was broadcast: by the rule of the broadcasting row."""
    wide = cotangent.shape
    if wide == shape:
        return cotangent
    if type(cotangent) is ndarray:  # as the rule, without the table between it and NumPy
        lead = len(wide) - len(shape)
        kept = [lead + k for k, n in enumerate(shape) if n == 1 and wide[lead + k] != 1]
        return np.add.reduce(cotangent, (*range(lead), *kept)).reshape(shape)
    rule = TABLE["broadcast_to"].adjoint
    assert rule is not None
    return rule(cotangent, None, Spec(shape, None), shape=cotangent.shape)[0]


def repeated(array: Any, shape: Shape) -> Any:
    """``np.broadcast_to``, at a third of its cost where the memory is plain."""
    if not array.flags.c_contiguous or 0 in shape:
        return np.broadcast_to(array, shape)
    lead = len(shape) - array.ndim
    own = zip(array.shape, array.strides, shape[lead:], strict=True)
    strides = (0,) * lead + tuple([0 if n == 1 and n != wide else step for n, step, wide in own])
    made = np.ndarray(shape, array.dtype, array, 0, strides)
    made.flags.writeable = False
    return made
