"""The table of cases, from the smallest call to the longest loop."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import (
    attention,
    digits,
    logistic,
    lorenz,
    mixture,
    pointwise,
    rosenbrock,
    small_network,
)

CASES: tuple[Case, ...] = (
    small_network.CASE,
    digits.CASE,
    *pointwise.CASES,
    rosenbrock.CASE,
    logistic.CASE,
    mixture.CASE,
    attention.CASE,
    lorenz.CASE,
)
