"""What every rule does to cotangents: times a partial derivative, and summed over what was broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.core.partial import Where
from srcgrad.transform.adjoint import weigh

ndarray = np.ndarray
_zeros: dict[Any, Any] = {}


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


class Spec:
    """Stands for an operand of which a rule needs no more than shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


def sum_to(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an operand that was broadcast: by the rule of the broadcasting row."""
    wide = cotangent.shape
    if wide == shape:
        return cotangent
    if type(cotangent) is np.ndarray:  # as the rule, without the table between it and NumPy
        lead = len(wide) - len(shape)
        kept = [lead + k for k, n in enumerate(shape) if n == 1 and wide[lead + k] != 1]
        return np.add.reduce(cotangent, (*range(lead), *kept)).reshape(shape)
    rule = TABLE["broadcast_to"].adjoint
    assert rule is not None
    return rule(cotangent, None, Spec(shape, None), shape=cotangent.shape)[0]
