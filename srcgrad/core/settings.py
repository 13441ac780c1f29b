"""Settings: one object, read where a decision is made, set from code or from ``SRCGRAD_*`` variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True)
class Settings:
    """Everything that can be tuned. Defaults are what the benchmarks were run with."""

    #: check what every pass returns; on in tests
    verify: bool = False
    #: names of passes (see `srcgrad.pipeline`), with commas between them, whose results are printed; ``all`` for all
    dump: str = ""
    #: "filtered" leaves frames of this package out of the tracebacks of errors, "full" keeps them
    traceback: str = "filtered"
    #: where emitted source and machine code are kept; empty means no disk cache
    cache_dir: str = os.path.join(os.path.expanduser("~"), ".cache", "srcgrad")
    #: bytes that the disk cache may take: what was used least recently goes first; 0 for no bound
    cache_size: int = 1 << 30
    #: axes up to this extent are unrolled in the emitted text
    unroll: int = 8
    #: operations that unrolling may add up to in one kernel
    unroll_budget: int = 1200
    #: temporaries up to this many bytes live on the stack
    stack_bytes: int = 16384
    #: as long as all of one kernel's together take no more than this: threads have small stacks
    stack_budget: int = 262144
    #: contractions of at least this many multiplications go to the matrix product's micro-kernel
    product_size: int = 16384
    #: products of at least this many multiplications call the installed BLAS: -1 for what was measured, 0 for never
    blas_size: int = -1
    #: bytes of intermediates that a block of rows may take (they share L2 with the weights; most shrink further)
    block_bytes: int = 655360
    #: estimated cycles from which a loop is worth forking threads for
    parallel_cycles: int = 60000
    #: native loops of up to this many iterations are unrolled (nested ones together)
    unroll_loops: int = 16
    #: operations up to which a native loop is unrolled that cannot be kept as a loop
    unroll_operations: int = 5000
    #: repetitions beyond this number become a loop; 0 for never
    roll_repetitions: int = 16
    #: where a loop saves at least so many operations
    roll_operations: int = 64
    #: and where the arrays that it reads in turn, which are copied into one, take no more than so many bytes
    roll_bytes: int = 1 << 26
    #: graphs up to this many statements have their axis orders searched exactly
    exact_search: int = 400
    #: statements from which on a program is cut into sections of this length, each a function of its own
    section: int = 256
    #: arrangements that the search looks at before it takes the first axis everywhere: it is exponential in layers
    search_effort: int = 8000


def _from_environment() -> Settings:
    settings = Settings()
    for field in fields(settings):
        text = os.environ.get("SRCGRAD_" + field.name.upper())
        if text is None:
            continue
        kind = type(getattr(settings, field.name))
        value: Any = text.lower() in ("1", "true", "yes", "on") if kind is bool else kind(text)
        setattr(settings, field.name, value)
    return settings


settings = _from_environment()


@contextmanager
def override(**changes: Any) -> Iterator[Settings]:
    """Change settings for the length of a ``with`` block."""
    saved = {name: getattr(settings, name) for name in changes}
    try:
        for name, value in changes.items():
            setattr(settings, name, value)
        yield settings
    finally:
        for name, value in saved.items():
            setattr(settings, name, value)
