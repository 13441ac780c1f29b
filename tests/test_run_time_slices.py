"""Slices with traced bounds: NumPy's values at every pair of bounds, or an error; never another value."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter


def written(x: Any, i: Any, j: Any) -> Any:
    x[i:j] = 7.0
    return x


def copied(x: Any, i: Any, j: Any) -> Any:
    x[:i] = x[:j] * 2
    return x


def written_run(x: Any, i: Any, j: Any) -> Any:
    x[i : i + 2] = 7.0
    return x


PROGRAMS: list[Callable[..., Any]] = [
    lambda x, i, j: x[:i].sum(),
    lambda x, i, j: x[-i:].sum(),
    lambda x, i, j: x[1:-i].sum(),
    lambda x, i, j: x[i:j].prod(),
    lambda x, i, j: x[i:j].max(),
    lambda x, i, j: x[i:j].min(),
    lambda x, i, j: x[i : i + 2],
    lambda x, i, j: x[i - 1 : i + 1],
    lambda x, i, j: x[i : i - 1].sum(),
    lambda x, i, j: x[i + 1 : i + 4] + x[i : i + 3],
    lambda x, i, j: x.reshape(2, 3)[:, i : i + 2],
    lambda x, i, j: x.reshape(2, 3)[:, i:j].sum(axis=1),
    lambda x, i, j: x[:i] @ x[:j],
    lambda x, i, j: (x[:i] + x[:j]).sum(),
    lambda x, i, j: (x[1 : i + 1] - x[:i]).sum(),
    lambda x, i, j: (x[i:j] + x[j:i]).sum(),
    lambda x, i, j: x[i:][:j].sum(),
    lambda x, i, j: x[:i][-2:].sum(),
    lambda x, i, j: x[i:][j],
    lambda x, i, j: x[:i][-1],
    lambda x, i, j: x[i:j][0],
    lambda x, i, j: np.linalg.norm(x[i:j]),
    written,
    copied,
    written_run,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_pair_of_bounds(program: Callable[..., Any]) -> None:
    same = 0
    with interpreter():
        traced = sg.jit(program)
        for i, j in itertools.product((0, 1, 2, 3, 6, 9, -1, -2, -3, -9), repeat=2):
            x = np.arange(1.0, 7.0)
            try:
                found = traced(x.copy(), i, j)
            except IndexError:
                continue
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                np.testing.assert_allclose(found, program(x.copy(), i, j), err_msg=f"{i}, {j}")
            same += 1
    assert same >= 9
