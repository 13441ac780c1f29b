"""Where the functions are that kernels call."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    from srcgrad.backends import complex_math, vecmath
    from srcgrad.backends.incomplete import INCOMPLETE
    from srcgrad.backends.numeric import BY_KIND, NUMERIC
    from srcgrad.backends.scalars import INSTRUCTIONS

    if complex_math.has(function, dtype.kind):
        return Callee(name, "srcgrad.backends.complex_math", function)
    if function in INSTRUCTIONS:
        return Callee(name, "srcgrad.backends.scalars", function)
    if function in BY_KIND:
        kind = "float" if dtype.kind == "f" else "integer"
        return Callee(name, "srcgrad.backends.numeric", f"{kind}_{function}")
    if function in NUMERIC:
        return Callee(name, "srcgrad.backends.numeric", function)
    if function in INCOMPLETE:
        return Callee(name, "srcgrad.backends.incomplete", function)
    exported = vecmath.lookup(function, dtype)
    return Callee(name, vecmath.FUNCTIONS[exported].__module__, exported)


def library_function(function: str, types: str, name: str) -> Callee:
    """A native symbol that works on whole values."""
    return Callee(name, _LIBRARY, "library", (function, types))


def product(kind: str, dtype: str, name: str) -> Callee:
    """A native symbol for the products of matrices."""
    return Callee(name, _PRODUCTS, kind, (dtype,))
