"""What a type checker is told of the methods and operators that ``methods`` attaches to `Tensor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


class Attached:
    """Base of `Tensor`: empty when the program runs."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __mod__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __neg__: Any
        __abs__: Any
        __invert__: Any
        __and__: Any
        __or__: Any
        __xor__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __iadd__: Any
        __isub__: Any
        __imul__: Any
        __itruediv__: Any
        __getitem__: Any
        __setitem__: Any
