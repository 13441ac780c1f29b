"""What emitted modules import: the decorators under which they are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from srcgrad.backends.native.compiler import KernelCompiler

#: contraction, reassociation of sums, no signed zeros, reciprocals; never the no-NaN or no-infinity assumptions
FAST_MATH = frozenset({"contract", "reassoc", "nsz", "arcp"})


def routine(function: Callable[..., Any]) -> Any:
    """Compile a function of our own that works on memory; its pointers never overlap where it writes."""
    dispatcher = njit(error_model="numpy", pipeline_class=KernelCompiler)(function)
    dispatcher._compiler._customize_flags = _lean
    return dispatcher


def _lean(flags: Any) -> Any:
    flags.noalias = flags.no_cfunc_wrapper = True
    return flags


def kernel(fast_math: bool = True) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function whose buffer arguments never overlap."""

    def decorate(function: Callable[..., Any]) -> Any:
        options = {"error_model": "numpy", "nogil": True, "pipeline_class": KernelCompiler}
        dispatcher = njit(fastmath=set(FAST_MATH) if fast_math else False, **options)(function)
        dispatcher._compiler._customize_flags = _lean
        return dispatcher

    return decorate
