"""Where the functions are that kernels call."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS
from srcgrad.kernel.ir import Callee

_PRODUCTS, _LIBRARY = "srcgrad.backends.gemm.native", "srcgrad.backends.library.native"
_BUFFER, _THREADS = "srcgrad.backends.buffer", "srcgrad.backends.threads"
VIEW, LOCAL, PART_OF = (Callee(name, _BUFFER) for name in ("view", "local", "part_of"))
RESHAPED, OWN_PART = Callee("reshaped", _BUFFER), Callee("own_part", _BUFFER)
STACK_OF = Callee("stack_of", "srcgrad.backends.stacks")
FORK, THREAD_COUNT = Callee("fork", _THREADS), Callee("thread_count", _THREADS)
SEE_TO_SIGNALS = Callee("see_to_signals", "srcgrad.backends.signals")


def scalar_function(function: str, dtype: np.dtype[Any], name: str) -> Callee:
    """A scalar function for operands of a dtype, under a name in the module."""
    return Callee(name, *SCALAR_FUNCTIONS[function].home(dtype))


def library_function(function: str, types: str, name: str) -> Callee:
    """A native symbol that works on whole values."""
    return Callee(name, _LIBRARY, "library", (function, types))


def product(kind: str, dtype: str, name: str) -> Callee:
    """A native symbol for the products of matrices."""
    return Callee(name, _PRODUCTS, kind, (dtype,))
