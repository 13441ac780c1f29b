"""Version fingerprints of what compiled code depends on besides its text: the tools' versions, our runtime's source."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path


@functools.cache
def of_backends() -> str:
    """Changes whenever machine code made before must not be used."""
    import llvmlite
    import numba
    import numpy

    here = Path(__file__).parent
    state = hashlib.blake2b(digest_size=8)
    state.update(f"{numba.__version__} {llvmlite.__version__} {numpy.__version__}".encode())
    for file in sorted(here.rglob("*.py")):
        state.update(file.read_bytes())
    return state.hexdigest()


@functools.cache
def of_package() -> str:
    """Changes whenever another schedule might be made: the versions, and when each of our own files was written."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    written = [(str(file), status.st_mtime_ns, status.st_size) for file in files for status in [file.stat()]]
    return hashlib.blake2b(f"{of_backends()} {written}".encode(), digest_size=8).hexdigest()
