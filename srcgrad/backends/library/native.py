"""Library functions as native symbols, which emitted code calls by address: compiled once per machine and dtype.

A function takes a pointer to each result, then to each operand, all C-ordered, then the numbers that its row states:
extents and options. Nothing of that is static for it, so one compilation serves every shape, is kept in the disk
cache, and costs the programs that call it no compile time.

A module may have a function ``prepare(arguments)``, which makes known to the linker what its functions call, and one
``of_arity(count)``, which makes its function for so many arguments.
"""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any

from llvmlite import binding
from numba import types

from srcgrad.backends.machine_code import compiled_symbol


@functools.cache
def library(function: str, arguments: str) -> Any:
    """The function as compiled code calls it, known to the linker from here on.

    Args:
        function: ``module.name`` in this package, or ``package.module.name`` elsewhere.
        arguments: the types of its arguments in order: ``"float64* float64* int64"``.
    """
    module, _, name = function.rpartition(".")
    owner = importlib.import_module(module if "." in module else f"srcgrad.backends.library.{module}")
    if hasattr(owner, "prepare"):
        owner.prepare(arguments)
    found = owner.of_arity(len(arguments.split())) if hasattr(owner, "of_arity") else getattr(owner, name)
    signature = types.void(*map(_type, arguments.split()))
    native = compiled_symbol(found, signature, error_model="numpy")
    symbol = re.sub(r"\W+", "_", f"srcgrad_{function}_{arguments.replace('*', 's')}")
    binding.add_symbol(symbol, native.address)
    _kept.append(native)
    return types.ExternalFunction(symbol, signature)


def _type(name: str) -> Any:
    element = getattr(types, "boolean" if name.startswith("bool") else name.removesuffix("*"))
    return types.CPointer(element) if name.endswith("*") else element


_kept: list[Any] = []
