"""The table of operations: one row declares one. Importing this package fills ``srcgrad.core.op.TABLE``."""

from srcgrad.ops import (
    arithmetic,
    contract,
    creation,
    exponential,
    factoring,
    indexing,
    logic,
    matrix_functions,
    random,
    reductions,
    scans,
    shape,
    solving,
    special,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "contract",
    "creation",
    "exponential",
    "factoring",
    "indexing",
    "logic",
    "matrix_functions",
    "random",
    "reductions",
    "scans",
    "shape",
    "solving",
    "special",
    "trigonometric",
]
