"""The table of operations: one row declares one. Importing this package fills ``srcgrad.core.op.TABLE``."""

from srcgrad.ops import (
    arithmetic,
    contract,
    creation,
    exponential,
    indexing,
    logic,
    random,
    reductions,
    scans,
    shape,
    special,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "contract",
    "creation",
    "exponential",
    "indexing",
    "logic",
    "random",
    "reductions",
    "scans",
    "shape",
    "special",
    "trigonometric",
]
