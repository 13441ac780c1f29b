"""Whole programs, traced and interpreted, give what NumPy gives, also in the arguments that they write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from srcgrad.core import tree
from tests.programs import PROGRAMS, SMOOTH_PROGRAMS, Program, interpreted


def every_leaf(values: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in tree.leaves(values)]


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs_give_what_numpy_gives(program: Program, dtype: str) -> None:
    plain, traced = program.arguments(dtype), program.arguments(dtype)
    expected = program.function(*plain)
    found = interpreted(program.function, *traced)
    tolerance = 1e-12 if dtype == "f8" else 2e-5
    for one, other in zip(every_leaf((found, traced)), every_leaf((expected, plain)), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("program", SMOOTH_PROGRAMS, ids=lambda program: program.name)
def test_smooth_programs_return_one_float(program: Program) -> None:
    result = program.function(*program.arguments())
    assert np.shape(result) == ()
    assert np.asarray(result).dtype == np.float64
