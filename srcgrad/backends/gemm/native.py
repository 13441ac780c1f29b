"""The products as native symbols: compiled once per machine, kept in the disk cache, called by emitted code through their address.

Emitted modules only name ``srcgrad_gemm_float32`` and ``srcgrad_gemm_float64``; the machine code of the product is not part of theirs, so that a product
in a program costs no compile time.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

from llvmlite import binding
from numba import cfunc, types
from numba.core.errors import NumbaWarning

_ELEMENTS = {"float32": types.float32, "float64": types.float64}


def signature(element: Any) -> Any:
    """The C signature: m, n, k, A and its strides, B and its strides, C and its row stride, accumulate."""
    i, pointer = types.int64, types.CPointer(element)
    return types.void(i, i, i, pointer, i, i, pointer, i, i, pointer, i, types.boolean)


@functools.cache
def provide(dtype: str) -> None:
    """Make the product of a dtype known to the linker, compiling it where the cache has it not."""
    from srcgrad.backends.gemm.driver import gemm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        native = cfunc(signature(_ELEMENTS[dtype]), cache=True)(gemm.py_func)
    binding.add_symbol(f"srcgrad_gemm_{dtype}", native.address)
    _kept.append(native)


_kept: list[Any] = []
gemm_float32 = types.ExternalFunction("srcgrad_gemm_float32", signature(types.float32))
gemm_float64 = types.ExternalFunction("srcgrad_gemm_float64", signature(types.float64))
