"""Signals inside of long loops: Ctrl-C reaches a program that runs in native code.

Python runs the handlers of signals between instructions of its own, in the main thread; a native loop has none. So a
loop that may run long asks for them every some million cycles: it takes the GIL for a moment and lets Python see to
what has come. What a handler raises (KeyboardInterrupt) leaves the kernel as any exception does, before a result is
made or an argument is written.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_I32 = ir.IntType(32)
_FUNCTIONS = ("PyGILState_Ensure", "PyErr_CheckSignals", "PyGILState_Release")


@functools.cache
def provide() -> None:
    """Make known to the linker what `see_to_signals` calls."""
    for name in _FUNCTIONS:
        binding.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)


@intrinsic
def see_to_signals(typingctx: Any) -> Any:
    """Run the handlers of signals that have come; leave the kernel if one raises."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        ensure, check, release = (
            cgutils.get_or_insert_function(builder.module, kind, name)
            for name, kind in zip(
                _FUNCTIONS,
                (ir.FunctionType(_I32, []), ir.FunctionType(_I32, []), ir.FunctionType(ir.VoidType(), [_I32])),
                strict=True,
            )
        )
        state = builder.call(ensure, [])
        found = builder.call(check, [])
        builder.call(release, [state])
        with cgutils.if_unlikely(builder, builder.icmp_signed("!=", found, ir.Constant(_I32, 0))):
            context.call_conv.return_exc(builder)  # Python's exception is set
        return context.get_dummy_value()

    return types.void(), codegen
