"""Version fingerprints of what compiled code depends on besides its text: the tools' versions, our runtime's source."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE
from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS

_PACKAGE = Path(__file__).parents[1]


def of_backends() -> str:
    """Changes whenever machine code made before must not be used."""
    return _of_runtime() + _of_added_functions()


def of_package() -> str:
    """Changes whenever another schedule might be made: the versions, and when each of our own files was written."""
    return of_backends() + _of_files()


@functools.cache
def _of_runtime() -> str:
    import llvmlite
    import numba
    import numpy

    state = hashlib.blake2b(digest_size=8)
    state.update(f"{numba.__version__} {llvmlite.__version__} {numpy.__version__}".encode())
    for file in sorted((_PACKAGE / "backends").rglob("*.py")):
        state.update(file.read_bytes())
    return state.hexdigest()


@functools.cache
def _of_files() -> str:
    files = sorted(_PACKAGE.rglob("*.py"))
    written = [(str(file), status.st_mtime_ns, status.st_size) for file in files for status in [file.stat()]]
    return hashlib.blake2b(repr(written).encode(), digest_size=8).hexdigest()


def _of_added_functions() -> str:
    """The files of scalar and library functions that are not the package's; empty where there are none."""
    paths = [path for entry in SCALAR_FUNCTIONS.values() for path in entry.code.values()]
    paths += [path for op in TABLE if isinstance(op.lowering, Library) if (path := op.lowering.function).count(".") > 1]
    added = sorted({path.rpartition(".")[0] for path in paths if path.partition(".")[0] != _PACKAGE.name})
    if not added:
        return ""
    state = hashlib.blake2b(digest_size=8)
    for home in added:
        found = importlib.util.find_spec(home)
        if found is not None and found.origin is not None:
            state.update(Path(found.origin).read_bytes())
    return state.hexdigest()
