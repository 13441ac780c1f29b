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
from pathlib import Path
from typing import Any

from numba.core import serialize
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler, CompileResult
from numba.core.errors import NumbaWarning
from numba.core.runtime import rtsys

from srcgrad.backends import stamp
from srcgrad.core.settings import settings

SEAL_BYTES = 16


def compiled_symbol(
    function: Callable[..., Any], signature: Any, *, compiler: type[Compiler] = Compiler, **options: Any
) -> CFunc:
    """A function of our own as native code with the calling convention of C, from the disk cache where it is there."""
    made = CFunc(function, (signature.args, signature.return_type), {}, options, pipeline_class=compiler)
    if settings.cache_dir:
        name = f"{function.__module__.rpartition('.')[2]}_{function.__name__}_{stamp.digest()}"
        made._cache = MachineCode(Path(settings.cache_dir) / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        made.compile()
    return made


class MachineCode:
    """The machine code made from one source file, in the interface of Numba's cache."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function, None where there is none that can be trusted."""
        path = self._path(signature, context.codegen())
        try:
            content = path.read_bytes()
        except OSError:
            return None
        seal, payload = content[:SEAL_BYTES], content[SEAL_BYTES:]
        if seal != _seal(path, payload):
            return None
        rtsys.initialize(context)  # machine code needs the memory manager, and not Numba's registries
        try:
            return CompileResult._rebuild(context, *pickle.loads(payload))
        except Exception:  # whole, but of no use here: compiled again, and replaced
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled function; where that cannot be done, the next process compiles it again."""
        if compiled.library.has_dynamic_globals:
            return
        path = self._path(signature, compiled.codegen)
        payload = serialize.dumps(compiled._reduce())
        with contextlib.suppress(OSError):
            write_atomically(path, _seal(path, payload) + payload)

    def _path(self, signature: Any, codegen: Any) -> Path:
        key = repr((signature, codegen.magic_tuple(), sys.implementation.cache_tag))
        digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        return self._source.with_name(f"{self._source.stem}.{digest}.bin")


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
