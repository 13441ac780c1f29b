"""What emitted modules import: the decorators under which they are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

#: contraction, reassociation of sums, no signed zeros, reciprocals; never the no-NaN or no-infinity assumptions
FAST_MATH = frozenset({"contract", "reassoc", "nsz", "arcp"})


def _noalias(flags: Any) -> Any:
    flags.noalias = True
    return flags


def kernel(fast_math: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function whose buffer arguments never overlap."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(fastmath=set(FAST_MATH) if fast_math else False, error_model="numpy", nogil=True)(function)
        dispatcher._compiler._customize_flags = _noalias
        return dispatcher

    return decorate
