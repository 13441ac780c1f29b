"""Calls of Python functions: the addresses of the arrays, results first, go to one function that knows their types."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic

from srcgrad.core.callback import called, types_of
from srcgrad.core.types import ArrayType

Pointer = Any
WORD = ir.IntType(64)


@ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))
def _entry(number: int, addresses: Any) -> None:
    results, operands = types_of(number)
    arrays = [_at(addresses[k], type_) for k, type_ in enumerate((*results, *operands))]
    called(number, arrays[: len(results)], arrays[len(results) :])


def _at(address: int, type_: ArrayType) -> np.ndarray[Any, Any]:
    size = type_.size * type_.dtype.itemsize
    if not size:
        return np.empty(type_.shape, type_.dtype)
    memory: Any = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(memory, type_.dtype).reshape(type_.shape)


_ADDRESS: Any = ctypes.cast(_entry, ctypes.c_void_p).value
binding.add_symbol("srcgrad_callback", _ADDRESS)


@intrinsic
def _call(typingctx: Any, number: Any, pointers: Any) -> Any:
    """Call the entry with a function's number and the addresses of its arrays."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        module = builder.module
        kind = ir.FunctionType(ir.VoidType(), [WORD, WORD.as_pointer()])
        function = module.globals.get("srcgrad_callback") or ir.Function(module, kind, "srcgrad_callback")
        count = len(sig.args[1])
        with builder.goto_entry_block():
            addresses = builder.alloca(WORD, count)
        for k in range(count):
            address = builder.ptrtoint(builder.extract_value(args[1], k), WORD)
            builder.store(address, builder.gep(addresses, [ir.Constant(ir.IntType(32), k)]))
        builder.call(function, [args[0], addresses])
        return context.get_dummy_value()

    return types.void(types.int64, pointers), codegen


def of_arity(count: int) -> Any:
    """``call`` for so many pointers: the results, the operands, and last the function's number."""
    name, names = f"call_{count}", [f"p{k}" for k in range(count - 1)]
    text = f"def {name}({', '.join(names)}, number):\n    _call(number[0], ({', '.join(names)},))\n"
    namespace: dict[str, Any] = {"_call": _call, "__name__": __name__}
    exec(compile(text, __file__, "exec"), namespace)
    return namespace[name]
