"""Machine code on disk: sealed entries (`store`) in place of Numba's own cache, which trusts what it finds.

Kept is object code, with the names that it defines and what Python has to make for it: never a pickle. An entry is
named by what it was made from, the signature, the processor and this Python.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba import _dynfunc
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaWarning
from numba.core.lowering import Environment
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from srcgrad.backends import fingerprint, plain, store
from srcgrad.backends.native.code import Code

#: entries that are in this process already
_loaded: weakref.WeakValueDictionary[str, Callable[..., Any]] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class Symbol:
    """A native function with the calling convention of C."""

    address: int
    library: Any


def compiled_symbol(function: Callable[..., Any], signature: Any, **options: Any) -> Symbol:
    """A function as native code, from the disk cache where it is there."""
    module = function.__module__
    name = f"{module.rpartition('.')[2]}_{function.__name__}{fingerprint.of_module(module)}"
    return native_symbol(name, lambda: function, signature, **options)


def native_symbol(
    name: str, make: Callable[[], Any], signature: Any, *, reads_text: bool = False, **options: Any
) -> Symbol:
    """The same for a function that is made, or imported, only where it has to be compiled; by our own frontend?"""
    name = entry_name(f"{name}_{fingerprint.of_backends()}", signature)
    content = store.read(name)
    if content is not None:
        with contextlib.suppress(Exception), global_compiler_lock:  # of no use here: compiled again, and replaced
            packed, symbol = plain.unpacked(content)
            library = _unpacked(packed)
            return Symbol(library.get_pointer_to_function(symbol), library)
    compiler: Any = Compiler
    if reads_text:
        from srcgrad.backends.native.compiler import KernelCompiler as compiler
    made = CFunc(make(), (signature.args, signature.return_type), {}, options, pipeline_class=compiler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        made.compile()
    if not made._library.has_dynamic_globals:
        store.write(name, plain.packed([_packed(made._library), made.native_name]))
    return Symbol(made.address, made)


def load_entry(name: str, module: types.ModuleType) -> Callable[..., Any] | None:
    """The compiled function of an entry, for a module of its own; None where there is none that can be trusted."""
    known = _loaded.get(name)
    content = store.read(name) if known is None else None
    if content is None:
        return known
    try:
        made = _loaded[name] = _made(plain.unpacked(content), module)
    except Exception:  # whole, but of no use here: compiled again, and replaced
        return None
    return made


def compiled_entry(name: str, dispatcher: Any, signature: Any, module: types.ModuleType) -> Callable[..., Any]:
    """The same compiled now, and kept; where that cannot be done, the next process compiles it again."""
    with global_compiler_lock:
        compiled = dispatcher._compiler.compile(signature.args, signature.return_type)
        if compiled.entry_point is not None:  # Numba's frontend and engine, which would keep it
            cpu_target.target_context.remove_user_function(compiled.entry_point)
        descriptor, own = compiled.fndesc, compiled.environment
        others = [found for found in compiled._find_referenced_environments() if found is not own]
        environments = [[found.env_name, list(found.consts)] for found in (own, *others)]
        code = compiled.library._get_compiled_object()
        function = descriptor.qualname.split(".")[-1]
        content = [code, function, descriptor.llvm_cpython_wrapper_name, environments]
        made = _made(content, module)
    if not compiled.library.has_dynamic_globals:
        with contextlib.suppress(TypeError):  # constants that are no plain data
            store.write(name, plain.packed(content))
    return made


def _made(content: list[Any], module: types.ModuleType) -> Callable[..., Any]:
    code, function, wrapper, environments = content
    with global_compiler_lock:
        rtsys.initialize(cpu_target.target_context)  # machine code needs the memory manager, not Numba's registries
        loaded = Code(code)
        own, *others = [_environment(loaded, name, constants, module) for name, constants in environments]
        address = loaded.address(wrapper)
        return _dynfunc.make_function(module, function, "", address, own, (loaded, *others))  # type: ignore[no-any-return]


def entry_name(stem: str, signature: Any) -> str:
    """Under which name the machine code for a signature is kept, on this processor and for this Python."""
    key = repr((signature, cpu_target.target_context.codegen().magic_tuple(), sys.implementation.cache_tag))
    return f"{stem}.{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.bin"


def _environment(code: Code, name: str, constants: list[Any], module: types.ModuleType) -> Any:
    """Numba's environment of a function: what its machine code reads of Python, by an address that does not count as a
    reference. The one that all code with the same function shares, while any of it is there.
    """
    found = Environment._memo.get(name)
    if found is None:
        found = Environment._memo[name] = Environment(module.__dict__)
        found.env_name = name
        found.consts.extend(constants)
    code.point(name, found)
    return found


def _packed(library: Any) -> list[Any]:
    """What is kept of a library: its object code and the names defined in it; no bitcode, nobody links with it."""
    module = library._final_module
    names = [value.name for value in (*module.functions, *module.global_variables) if not value.is_declaration]
    return [library.name, library._get_compiled_object(), names]


def _unpacked(packed: list[Any]) -> Any:
    """The library, ready to run."""
    name, code, names = packed
    rtsys.initialize(cpu_target.target_context)  # machine code needs the memory manager, and not Numba's registries
    codegen = cpu_target.target_context.codegen()
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(code)
    library._finalize_final_module()
    codegen._engine._defined_symbols.update(names)
    return library
