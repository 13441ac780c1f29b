"""Schedules on disk: the module that an earlier process made of a graph, under the seal of the disk cache.

Fusing a large program takes longer than loading its machine code. A module is named by a digest of its graph, the
settings, the target, the processor, and the package's own files; one that does not load is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import fields

from llvmlite import binding

from srcgrad.backends import fingerprint, plain, store
from srcgrad.backends.module import Module
from srcgrad.core.settings import settings
from srcgrad.core.target import Target
from srcgrad.graph.digest import digest_of
from srcgrad.graph.node import Graph

#: modules with more bytes of constants are made anew rather than read
LARGEST = 1 << 20
#: of a module; its functions are read again from its text, where its machine code is gone
_KEPT = tuple(field.name for field in fields(Module) if field.name != "functions")
#: what has no influence on a module
_ASIDE = ("cache_dir", "cache_size", "verify", "dump")


def kept_module(graph: Graph, fast_math: bool, target: Target, make: Callable[[], Module]) -> Module:
    """The module of a graph: from the disk cache, else made and kept there."""
    digest = digest_of(graph) if settings.cache_dir and not settings.dump else None
    if digest is None:
        return make()
    tuned = [getattr(settings, field.name) for field in fields(settings) if field.name not in _ASIDE]
    key = repr((digest, fast_math, tuned, target, binding.get_host_cpu_name(), fingerprint.of_package()))
    name = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    content = store.read(f"{name}.module")
    if content is not None:
        with contextlib.suppress(Exception):  # whole, but of no use here: made again, and replaced
            return Module(*plain.unpacked(content))
    module = make()
    if sum(constant.nbytes for constant in module.constants) <= LARGEST:
        store.write(f"{name}.module", plain.packed([getattr(module, name) for name in _KEPT]))
    return module
