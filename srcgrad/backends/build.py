"""Source text to callable, through a disk cache.

Emitted source is a real file, named by a hash of its content; its machine code is kept beside it (`machine_code`). A
file whose content is not what its name says is written anew. Without a directory that can be written all is as before,
but for the next process.
"""

from __future__ import annotations

import contextlib
import hashlib
import linecache
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.backends.machine_code import MachineCode, write_atomically
from srcgrad.backends.module import Module
from srcgrad.core.settings import settings

#: how much of a function's name goes into file names, whose length is limited
NAME = 60


def build(module: Module) -> Any:
    """The entry of a module as a native function of exactly the types that the module was made for.

    It is what Numba's dispatcher would call after it has looked at the arguments; here the caller has done that.
    """
    path = _source_file(module)
    namespace = types.ModuleType(path.stem)
    namespace.__file__ = str(path)
    sys.modules[path.stem] = namespace
    code = compile(module.source, str(path), "exec")
    linecache.cache[str(path)] = (len(module.source), None, module.source.splitlines(keepends=True), str(path))
    exec(code, namespace.__dict__)
    entry = getattr(namespace, module.name)
    if settings.cache_dir:
        entry._cache = MachineCode(path)
    signature = _signature(module)
    entry.compile(signature)
    native = entry.overloads[signature].entry_point
    return _with_workspace(native, module.workspace_bytes) if module.workspace_bytes else native


def _signature(module: Module) -> tuple[Any, ...]:
    """Numba's types of the entry's arguments."""
    from numba.core import types as numba_types
    from numba.np.numpy_support import from_dtype

    arguments = [(value.shape, value.dtype) for value in module.inputs]
    arguments += [(constant.shape, constant.dtype) for constant in module.constants]
    if module.workspace_bytes:
        arguments.append(((module.workspace_bytes,), np.dtype(np.uint8)))
    return tuple(
        numba_types.Array(from_dtype(dtype), len(shape), "C") if shape else from_dtype(dtype)
        for shape, dtype in arguments
    )


def _with_workspace(entry: Any, size: int) -> Callable[..., Any]:
    """The entry with a workspace for every call under way: made once, used again, never by two calls at a time."""
    free: list[Any] = []

    def call(*arguments: Any) -> Any:
        try:
            workspace = free.pop()
        except IndexError:
            workspace = np.empty(size, np.uint8)
        try:
            return entry(*arguments, workspace)
        finally:
            free.append(workspace)

    return call


def _source_file(module: Module) -> Path:
    """Where the source is kept: written unless it is there. Where it cannot be, only tracebacks miss it."""
    from srcgrad.backends import stamp

    digest = hashlib.blake2b((stamp.digest() + module.source).encode(), digest_size=12).hexdigest()
    path = Path(settings.cache_dir or tempfile.gettempdir()) / f"{module.name[:NAME]}_{digest}.py"
    if settings.cache_dir:
        source = module.source.encode()
        with contextlib.suppress(OSError):
            if not path.exists() or path.read_bytes() != source:
                write_atomically(path, source)
    return path
