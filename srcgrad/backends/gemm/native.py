"""The products as native symbols: compiled once per machine, kept in the disk cache, called by emitted code
through their address.

Emitted modules only name ``srcgrad_gemm_float32`` and ``srcgrad_gemm_float64``; the machine code of the product
is not part of theirs, so that a product in a program costs no compile time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import binding
from numba import types

from srcgrad.backends.machine_code import native_symbol
from srcgrad.backends.threads import provide

_ELEMENTS = {"float32": types.float32, "float64": types.float64}


def signature(element: Any) -> Any:
    """The C signature: m, n, k, A and its strides, B and its strides, C and its row stride, accumulate."""
    i, pointer = types.int64, types.CPointer(element)
    return types.void(i, i, i, pointer, i, i, pointer, i, i, pointer, i, types.boolean)


@functools.cache
def product(dtype: str) -> Any:
    """The product of float32 or float64 as a function that compiled code can call, known to the linker from here
    on.
    """

    def make() -> Any:
        from srcgrad.backends.gemm.driver import gemm

        return gemm.py_func

    return _external(f"srcgrad_gemm_{dtype}", make, _ELEMENTS[dtype])


@functools.cache
def split_product(dtype: str) -> Any:
    """The same on all threads; not to be called in a part of a split loop."""
    provide()
    serial = product(dtype)

    def make() -> Any:
        from srcgrad.backends.gemm.shared import split_over_threads

        return split_over_threads(serial).py_func

    return _external(f"srcgrad_gemm_split_{dtype}", make, _ELEMENTS[dtype])


def address_of_split(dtype: str) -> int:
    """Of the product on all threads, as a C function (`signature`)."""
    split_product(dtype)
    return binding.address_of_symbol(f"srcgrad_gemm_split_{dtype}")  # type: ignore[no-any-return]


@functools.cache
def blas_product(dtype: str) -> Any:
    """The same by the installed BLAS."""
    from srcgrad.backends.gemm.blas import through_blas

    function = through_blas(split_product(dtype))  # made in any case: it makes BLAS known to the linker
    return _external(f"srcgrad_gemm_blas_{dtype}", lambda: function.py_func, _ELEMENTS[dtype])


@functools.cache
def nested_product(dtype: str) -> Any:
    """The product over nested axes: rows, columns and depth, each a tuple of axes; a, b, c; whether to accumulate."""
    from srcgrad.backends.gemm.nested import call_of, gemm_nested

    name = f"srcgrad_gemm_nested_{dtype}"
    _known(name, lambda: gemm_nested.py_func, nested_signature(_ELEMENTS[dtype]))
    return call_of(name)


@functools.cache
def split_nested_product(dtype: str) -> Any:
    """The same on all threads, where no rows of the result overlap; not to be called in a part of a split loop."""
    from srcgrad.backends.gemm.nested import call_of

    provide()
    nested_product(dtype)
    type_ = nested_signature(_ELEMENTS[dtype])
    serial = types.ExternalFunction(f"srcgrad_gemm_nested_{dtype}", type_)

    def make() -> Any:
        from srcgrad.backends.gemm.shared import split_over_rows

        return split_over_rows(serial).py_func

    name = f"srcgrad_gemm_nested_split_{dtype}"
    _known(name, make, type_)
    return call_of(name)


def nested_signature(element: Any) -> Any:
    """The C signature over nested axes: a table of the axes, A, B, C."""
    return types.void(types.CPointer(types.int64), *[types.CPointer(element)] * 3)


def _external(name: str, make: Callable[[], Any], element: Any) -> Any:
    _known(name, make, signature(element))
    return types.ExternalFunction(name, signature(element))


def _known(name: str, make: Callable[[], Any], types_: Any) -> None:
    """Make the linker know a function, which is made if it has to be compiled."""
    native = native_symbol(name, make, types_, reads_text=True, error_model="numpy")
    binding.add_symbol(name, native.address)
    _kept.append(native)


_kept: list[Any] = []
