"""What compiled code depends on besides its own text: the versions of the tools and the source of our own runtime."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path


@functools.cache
def digest() -> str:
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
