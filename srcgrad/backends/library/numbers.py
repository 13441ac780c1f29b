"""What functions of matrices do differently with complex numbers, as functions of both kinds."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import overload

from srcgrad.backends import complex_math


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real number itself."""
    raise NotImplementedError


def quotient(x: Any, y: Any) -> Any:
    """``x / y``, infinite or NaN where y is zero."""
    raise NotImplementedError


def direction(x: Any) -> Any:
    """``x / |x|`` for x that is not zero; NaN of NaN."""
    raise NotImplementedError


def real_part(x: Any) -> Any:
    """The real part; a real number itself."""
    raise NotImplementedError


def _choose(stub: Any, of_real: Any, of_complex: Any) -> None:
    """Register both variants; they have the parameters of the stub."""
    if stub.__code__.co_argcount == 1:
        overload(stub)(lambda x: of_complex if isinstance(x, types.Complex) else of_real)
    else:
        overload(stub)(lambda x, y: of_complex if isinstance(x, types.Complex) else of_real)


_divide, _conjugate, _real = complex_math.divide, complex_math.conjugate, complex_math.real
_choose(conjugate, lambda x: x, lambda x: _conjugate(x))
_choose(quotient, lambda x, y: x / y, lambda x, y: _divide(x, y))
_choose(direction, lambda x: -1 if x < 0 else 1 if x > 0 else x, lambda x: x / abs(x))
_choose(real_part, lambda x: x, lambda x: _real(x))
