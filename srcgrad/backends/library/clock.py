"""The clock of `sg.profile`: calls between the phases of a program, which account for the time that passed.

``ACCOUNTS`` holds the time of the last call, then nanoseconds and a count for each account.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic

#: programs with more phases leave the rest in the last account
MOST = 4096
ACCOUNTS = np.zeros(2 * MOST + 1, np.int64)
binding.add_symbol("srcgrad_accounts", ACCOUNTS.ctypes.data)

MONOTONIC = 1
INDEX = ir.IntType(64)


@intrinsic
def _accounts(typingctx: Any) -> Any:
    """The address of ``ACCOUNTS``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        module = builder.module
        variable = module.globals.get("srcgrad_accounts") or ir.GlobalVariable(module, INDEX, "srcgrad_accounts")
        variable.linkage = "external"
        return variable

    return types.CPointer(types.int64)(), codegen


@intrinsic
def _nanoseconds(typingctx: Any) -> Any:
    """POSIX's monotonic clock."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        module = builder.module
        pair = ir.LiteralStructType([INDEX, INDEX])
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), pair.as_pointer()])
        function = module.globals.get("clock_gettime") or ir.Function(module, kind, "clock_gettime")
        with builder.goto_entry_block():
            memory = builder.alloca(pair)
        builder.call(function, [ir.Constant(ir.IntType(32), MONOTONIC), memory])
        now = builder.load(memory)
        seconds, rest = builder.extract_value(now, 0), builder.extract_value(now, 1)
        return builder.add(builder.mul(seconds, ir.Constant(INDEX, 1_000_000_000)), rest)

    return types.int64(), codegen


def tick(account: int) -> None:
    """Add the time since the last call to an account; with a negative one, only start the clock."""
    accounts = _accounts()
    now = _nanoseconds()
    if account >= 0:
        accounts[2 * account + 1] += now - accounts[0]
        accounts[2 * account + 2] += 1
    accounts[0] = now
