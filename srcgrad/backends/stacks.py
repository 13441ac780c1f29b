"""Stacks of slices whose number is known only at run time: what a loop saves for its adjoint.

The memory of a stack belongs to the workspace, which holds its address and its number of slices. It grows to what is
asked for, by half as much again at least, is used again by the next call, and is freed with the workspace: an error
in a call loses nothing. What does not fit is a MemoryError, also where its size is no number of 64 bits.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.runtime import _nrt_python
from numba.extending import intrinsic

from srcgrad.backends.buffer import Buffer, _literals

#: bytes that no memory has, half as much again of which is still a number of 64 bits
LARGEST = 1 << 62


def workspace_with_stacks(size: int, offsets: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """A workspace of that many bytes, with empty stacks at these offsets; it frees them when it goes."""
    memory = np.zeros(size, np.uint8)
    workspace = memory[:]
    weakref.finalize(workspace, _free, memory, offsets).atexit = False
    return workspace


def _free(memory: np.ndarray[Any, Any], offsets: tuple[int, ...]) -> None:
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_nrt_python.c_helpers["Free"])
    for offset in offsets:
        address = int(memory[offset : offset + 8].view(np.int64)[0])
        if address:
            free(address)


@intrinsic(prefer_literal=True)
def stack_of(typingctx: Any, workspace: Any, offset: Any, count: Any, dtype: Any, shape: Any) -> Any:
    """``stack_of(workspace, offset, n, float64, (64, 3))``: the stack at an offset, with room for n slices at least.

    Of the shape the first extent is nominal. What was in the stack is lost where it grows.
    """
    extents, start = _literals(shape), getattr(offset, "literal_value", None)
    if extents is None or start is None or not isinstance(workspace, types.Array):
        return None
    result = Buffer(dtype.dtype, extents)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(64)

        def number(value: int) -> Any:
            return ir.Constant(word, value)

        data = cgutils.create_struct_proxy(workspace)(context, builder, args[0]).data
        entry = builder.bitcast(builder.gep(data, [number(start)], inbounds=True), word.as_pointer())
        room = builder.gep(entry, [number(1)], inbounds=True)
        wanted = context.cast(builder, args[2], sig.args[2], types.int64)
        rows = builder.load(room)
        row_bytes = context.get_abi_sizeof(context.get_data_type(result.dtype)) * result.strides[0]
        too_many = builder.icmp_signed(">", wanted, number(LARGEST // max(row_bytes, 1)))
        with cgutils.if_unlikely(builder, too_many):  # or their bytes would not be a number of 64 bits
            context.call_conv.return_user_exc(builder, MemoryError, ("a stack of too many slices",))
        with cgutils.if_unlikely(builder, builder.icmp_signed(">", wanted, rows)):
            old = builder.inttoptr(builder.load(entry), cgutils.voidptr_t)
            context.nrt.free(builder, old)
            builder.store(number(0), entry)
            builder.store(number(0), room)
            more = builder.add(rows, builder.ashr(rows, number(1)))
            new = builder.select(builder.icmp_signed(">", more, wanted), more, wanted)
            made = context.nrt.allocate(builder, builder.mul(new, number(row_bytes)))
            builder.store(builder.ptrtoint(made, word), entry)
            builder.store(new, room)
        return builder.inttoptr(builder.load(entry), context.get_value_type(result))

    return result(workspace, offset, count, dtype, shape), codegen
