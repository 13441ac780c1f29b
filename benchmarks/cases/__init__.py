"""The table of cases, from the smallest call to the longest loop."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import (
    attention,
    block,
    convolution,
    digits,
    gauss_seidel,
    jacobi,
    logistic,
    lorenz,
    lstm,
    mixture,
    pointwise,
    rosenbrock,
    small_network,
    thomas,
    training,
)

CASES: tuple[Case, ...] = (
    small_network.CASE,
    digits.CASE,
    *pointwise.CASES,
    rosenbrock.CASE,
    logistic.CASE,
    mixture.CASE,
    attention.CASE,
    convolution.CASE,
    block.CASE,
    training.CASE,
    lorenz.CASE,
    jacobi.CASE,
    gauss_seidel.CASE,
    thomas.CASE,
    *lstm.CASES,
)
