"""Machine code in memory of its own: freed when the functions in it are.

Numba's engine keeps all that it was ever given, code and IR, for the life of the process: half a megabyte a kernel.
"""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import binding
from numba.core import config
from numba.core.registry import cpu_target


class Code:
    """Object code, ready to run; what it refers to is known to the linker."""

    def __init__(self, content: bytes) -> None:
        codegen = cpu_target.target_context.codegen()
        options: dict[str, Any] = {"opt": config.OPT}
        codegen._customize_tm_options(options)
        machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(**options)
        module = binding.parse_assembly("")
        self._engine = binding.create_mcjit_compiler(module, machine, use_lmm=config.USE_LLVMLITE_MEMORY_MANAGER)
        self._engine.add_object_file(binding.ObjectFileRef.from_data(content))
        self._engine.finalize_object()

    def address(self, function: str) -> int:
        """Where a function of this name begins."""
        return self._engine.get_function_address(function)  # type: ignore[no-any-return]

    def point(self, variable: str, thing: object) -> None:
        """Let a variable hold the address of a Python object, which must outlive the code."""
        place = self._engine.get_global_value_address(variable)
        if place:
            ctypes.c_void_p.from_address(place).value = id(thing)
