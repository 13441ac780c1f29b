"""Errors that Python raises on one path of a branch that the data decide."""

# mypy: disable-error-code="misc"

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import UnsupportedError
from tests.interpreted import interpreter, run


def missing_item(x, p, n):
    table = {"a": x}
    if p > 0:
        y = table["b"]
    else:
        y = table["a"]
    return y


def empty_list(x, p, n):
    if p > 0:
        [].pop()
    return x


def wrong_count(x, p, n):
    if p > 0:
        _a, _b = x.shape * 3
    return x


@pytest.mark.parametrize("program", [missing_item, empty_list, wrong_count])
def test_an_error_of_python_is_raised_on_its_path_alone(program):
    with interpreter():
        traced = sg.jit(program)
        x = np.array([0.5, 1.5])
        np.testing.assert_allclose(traced(x, -1.0, 1), x)
        with pytest.raises((LookupError, ValueError)) as found:
            traced(x, 1.0, 1)
    with pytest.raises(found.type, match=re.escape(str(found.value))):
        program(x, 1.0, 1)


def caught(x, p, n):
    try:
        if p < 0:
            {"a": 1}["missing"]
        x = x + 1
    except KeyError:
        pass
    return x


def returned_before(x, p, n):
    try:
        if p > 0:
            return x
        [].pop()
    except IndexError:
        pass
    return x * 2


def suppressed(x, p, n):
    with contextlib.suppress(KeyError):
        if p < 0:
            {"a": 1}["missing"]
        x = x + 1
    return x


@pytest.mark.parametrize("program", [caught, returned_before, suppressed])
def test_an_error_that_a_try_may_catch_is_refused(program):
    with pytest.raises(UnsupportedError, match=r"test_staging_failures.py:\d+: whether this (Key|Index)Error"):
        run(program, np.ones(2), 1.0, 1)
