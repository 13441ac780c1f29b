"""`Parameter`: a tensor that a module knows as its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.eager.tensors.tensor import Tensor, new


class Parameter(Tensor):
    """A leaf that requires a gradient, and that becomes a parameter of the module it is assigned to."""

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        made = new(cls)
        made._array = np.zeros(0, np.float32) if data is None else data._array
        made._node = made._counter = made._meta = None
        return made

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    __str__ = __repr__


class Buffer(Tensor):
    """A tensor that belongs to a module's state without being trained."""

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        made = new(cls)
        made._array = np.zeros(0, np.float32) if data is None else data._array
        made._node = made._counter = made._meta = None
        return made
