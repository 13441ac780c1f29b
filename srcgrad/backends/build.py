"""Source text to callable, through a disk cache.

Emitted source is a real file, named by a hash of its content; Numba keeps the machine code beside it. Files are
written to a temporary name and moved into place, so that other processes see all or nothing; a file whose
content is not what its name says is written anew, and machine code that does not load is compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import linecache
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.backends.module import Module
from srcgrad.core.settings import settings


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
        _enable_cache(entry, path)
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
    from srcgrad.backends import stamp

    digest = hashlib.blake2b((stamp.digest() + module.source).encode(), digest_size=12).hexdigest()
    path = Path(settings.cache_dir or tempfile.gettempdir()) / f"{module.name}_{digest}.py"
    if not settings.cache_dir:
        return path
    try:
        if path.read_text() == module.source:
            return path
    except (OSError, UnicodeDecodeError):
        pass
    _write_atomically(path, module.source)
    return path


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _enable_cache(entry: Any, path: Path) -> None:
    """Use Numba's cache of machine code; what does not load is forgotten and compiled again."""
    from numba.core.runtime import rtsys

    entry.enable_caching()
    cache = entry._cache
    save = cache.save_overload

    def safe_load(signature: Any, context: Any) -> Any:
        try:  # without the refresh of all of Numba's registries: machine code needs only the memory manager
            rtsys.initialize(context)
            with cache._guard_against_spurious_io_errors():
                return cache._load_overload(signature, context)
            return None
        except Exception:
            for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*.nb*"):
                with contextlib.suppress(OSError):
                    stale.unlink()
            return None

    def safe_save(signature: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            save(signature, data)

    cache.load_overload, cache.save_overload = safe_load, safe_save
