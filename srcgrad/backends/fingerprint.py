"""Version fingerprints of what compiled code depends on besides its text: the tools' versions, our runtime's source."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

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
    """Of scalar functions that are not the package's; empty where there are none."""
    homes = {path.rpartition(".")[0] for entry in SCALAR_FUNCTIONS.values() for path in entry.code.values()}
    return "".join(of_module(home) for home in sorted(homes))


def of_module(name: str) -> str:
    """Changes whenever the file of a module does; empty for our own, which `of_backends` covers."""
    if name.partition(".")[0] == _PACKAGE.name:
        return ""
    found = importlib.util.find_spec(name)
    content = Path(found.origin).read_bytes() if found is not None and found.origin is not None else name.encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()
