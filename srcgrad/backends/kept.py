"""Schedules on disk: the module that an earlier process made of a graph, under the seal of the disk cache.

Fusing a large program takes longer than loading its machine code. A module is named by a digest of its graph, the
settings, the number of threads, the processor, and the package's own files; one that does not load is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from llvmlite import binding

from srcgrad.backends import stamp
from srcgrad.backends.machine_code import sealed, unsealed, write_atomically
from srcgrad.backends.module import Module
from srcgrad.backends.threads import limit
from srcgrad.core.settings import settings
from srcgrad.graph.digest import digest_of
from srcgrad.graph.node import Graph

#: modules with more bytes of constants are made anew rather than read
LARGEST = 1 << 20
#: what has no influence on a module
_ASIDE = ("cache_dir", "verify", "dump")


def kept_module(graph: Graph, fast_math: bool, make: Callable[[], Module]) -> Module:
    """The module of a graph: from the disk cache, else made and kept there."""
    digest = digest_of(graph) if settings.cache_dir and not settings.dump else None
    if digest is None:
        return make()
    tuned = [getattr(settings, field.name) for field in fields(settings) if field.name not in _ASIDE]
    key = repr((digest, fast_math, tuned, limit(), binding.get_host_cpu_name(), stamp.of_package()))
    name = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    path = Path(settings.cache_dir) / f"{name}.module"
    content = unsealed(path)
    if content is not None:
        with contextlib.suppress(Exception):  # whole, but of no use here: made again, and replaced
            found = pickle.loads(content)
            if isinstance(found, Module):
                return found
    module = make()
    if sum(constant.nbytes for constant in module.constants) <= LARGEST:
        with contextlib.suppress(OSError):
            write_atomically(path, sealed(path, pickle.dumps(module)))
    return module
