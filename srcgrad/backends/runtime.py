"""The decorators under which emitted code, and what it calls, is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from srcgrad.backends.native.compiler import KernelCompiler
from srcgrad.backends.native.flags import DEFAULT, FAST


def routine(function: Callable[..., Any]) -> Any:
    """Compile a function of our own that works on memory; its pointers never overlap where it writes."""
    dispatcher = njit(error_model="numpy", pipeline_class=KernelCompiler)(function)
    dispatcher._compiler._customize_flags = _lean
    return dispatcher


def scalar(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers, with IEEE's arithmetic as it is written whatever the flags of its caller.

    Kernels have it written into their own library, where LLVM inlines it: its text must be in a file.
    """
    return njit(error_model="numpy", fastmath=False, pipeline_class=KernelCompiler)(function)


def _lean(flags: Any) -> Any:
    flags.noalias = flags.no_cfunc_wrapper = True
    return flags


def kernel(fast_math: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function whose buffer arguments never overlap; what its arithmetic may become is said in `flags`."""

    def decorate(function: Callable[..., Any]) -> Any:
        options = {"error_model": "numpy", "nogil": True, "pipeline_class": KernelCompiler}
        dispatcher = njit(fastmath=set(FAST if fast_math else DEFAULT), **options)(function)
        dispatcher._compiler._customize_flags = _lean
        return dispatcher

    return decorate
