"""Machine code on disk: what Numba's dispatcher asks before it compiles, and tells what it has compiled.

One file for each source file, signature and processor, in place of Numba's own cache, which trusts what it finds. Each
file begins with a seal, a hash of its name and content: one that is truncated, damaged, or another's under this name is
not read, and written anew. Files are moved into place whole, so processes that write at the same time do no harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numba.core import serialize
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaWarning
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from srcgrad.backends import stamp
from srcgrad.core.settings import settings

SEAL_BYTES = 16


@dataclass(frozen=True)
class Symbol:
    """A native function with the calling convention of C."""

    address: int
    library: Any


def compiled_symbol(function: Callable[..., Any], signature: Any, **options: Any) -> Symbol:
    """A function of our own as native code, from the disk cache where it is there."""
    name = f"{function.__module__.rpartition('.')[2]}_{function.__name__}"
    return native_symbol(name, lambda: function, signature, **options)


def native_symbol(
    name: str, make: Callable[[], Any], signature: Any, *, reads_text: bool = False, **options: Any
) -> Symbol:
    """The same for a function that is made, or imported, only where it has to be compiled; by our own front end?"""
    codegen = cpu_target.target_context.codegen()
    path = _path(Path(settings.cache_dir) / f"{name}_{stamp.digest()}", signature, codegen)
    payload = unsealed(path) if settings.cache_dir else None
    if payload is not None:
        rtsys.initialize(cpu_target.target_context)
        with contextlib.suppress(Exception), global_compiler_lock:  # of no use here: compiled again, and replaced
            packed, symbol = pickle.loads(payload)
            library = _unpacked(codegen, packed)
            return Symbol(library.get_pointer_to_function(symbol), library)
    compiler: Any = Compiler
    if reads_text:
        from srcgrad.backends.native.compiler import KernelCompiler as compiler
    made = CFunc(make(), (signature.args, signature.return_type), {}, options, pipeline_class=compiler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        made.compile()
    if settings.cache_dir and not made._library.has_dynamic_globals:
        payload = pickle.dumps((_packed(made._library), made.native_name))
        with contextlib.suppress(OSError):
            write_atomically(path, sealed(path, payload))
    return Symbol(made.address, made)


def load(cache: MachineCode | None, signature: Any) -> Any:
    """The compiled function from the disk cache, None where it is not there."""
    if cache is None:
        return None
    with global_compiler_lock:
        return cache.load_overload(signature, cpu_target.target_context)


class MachineCode:
    """The machine code made from one source file, in the interface of Numba's cache."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function, None where there is none that can be trusted."""
        payload = unsealed(_path(self._source, signature, context.codegen()))
        if payload is None:
            return None
        rtsys.initialize(context)  # machine code needs the memory manager, and not Numba's registries
        try:
            return _rebuilt(context, *pickle.loads(payload))
        except Exception:  # whole, but of no use here: compiled again, and replaced
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function; where that cannot be done, the next process compiles it again."""
        if compiled.library.has_dynamic_globals:
            return
        path = _path(self._source, signature, compiled.codegen)
        payload = serialize.dumps((_packed(compiled.library), *compiled._reduce()[1:]))
        with contextlib.suppress(OSError):
            write_atomically(path, sealed(path, payload))


def _path(source: Path, signature: Any, codegen: Any) -> Path:
    """Where the machine code for a signature is kept, on this processor and for this Python."""
    key = repr((signature, codegen.magic_tuple(), sys.implementation.cache_tag))
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    return source.with_name(f"{source.stem}.{digest}.bin")


def _packed(library: Any) -> tuple[str, bytes, list[str]]:
    """What is kept of a library: its object code and the names defined in it; no bitcode, nobody links with it."""
    module = library._final_module
    names = [value.name for value in (*module.functions, *module.global_variables) if not value.is_declaration]
    return library.name, library._get_compiled_object(), names


def _unpacked(codegen: Any, packed: tuple[str, bytes, list[str]]) -> Any:
    """The library, ready to run."""
    name, code, names = packed
    library = codegen.create_library(name)
    library.enable_object_caching()
    library._set_compiled_object(code)
    library._finalize_final_module()
    codegen._engine._defined_symbols.update(names)
    return library


def _rebuilt(context: Any, packed: Any, descriptor: Any, environment: Any, signature: Any, *rest: Any) -> CompileResult:
    """As `CompileResult._rebuild`, from a packed library."""
    object_mode, lifted, annotation, reload_init, environments = rest
    for function in reload_init:
        function()
    library = _unpacked(context.codegen(), packed)
    result = CompileResult(
        target_context=context,
        typing_context=context.typing_context,
        library=library,
        environment=environment,
        entry_point=context.get_executable(library, descriptor, environment),
        fndesc=descriptor,
        type_annotation=annotation,
        signature=signature,
        objectmode=object_mode,
        lifted=lifted,
        typing_error=None,
        call_helper=None,
        metadata=None,
        reload_init=reload_init,
        referenced_envs=environments,
    )
    for own in environments:
        library.codegen.set_env(own.env_name, own)
    return result


def unsealed(path: Path) -> bytes | None:
    """What a file holds under an unbroken seal."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    seal, payload = content[:SEAL_BYTES], content[SEAL_BYTES:]
    return payload if seal == _seal(path, payload) else None


def sealed(path: Path, payload: bytes) -> bytes:
    """The content of a file that holds this."""
    return _seal(path, payload) + payload


def _seal(path: Path, payload: bytes) -> bytes:
    return hashlib.blake2b(path.name.encode() + payload, digest_size=SEAL_BYTES).digest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
