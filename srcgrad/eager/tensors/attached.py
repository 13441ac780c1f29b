"""What a type checker is told of the methods and operators that ``methods`` attaches to `Tensor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


class Attached:
    """Base of `Tensor`: empty when the program runs."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        _any: Any = None
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _any
        __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __pow__ = __rpow__ = _any
        __matmul__ = __neg__ = __abs__ = __invert__ = __and__ = __or__ = _any
        __xor__ = __lt__ = __le__ = __gt__ = __ge__ = __iadd__ = _any
        __isub__ = __imul__ = __itruediv__ = __getitem__ = __setitem__ = _any
