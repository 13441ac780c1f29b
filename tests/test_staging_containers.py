"""Lists, dicts, attributes, globals, iterators: what a branch or loop does to them is Python's, or an error."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from srcgrad.core.errors import TraceError
from tests.interpreted import run
from tests.staged import X

TABLE = {"scale": 1.0}
VALUE = 1.0


def global_entry(x, p):
    TABLE["scale"] = 1.0
    if p > 0:
        TABLE["scale"] = 2.0
    for _ in range(30):
        TABLE["scale"] = TABLE["scale"] * 0.9
    scale, TABLE["scale"] = TABLE["scale"], 1.0
    return x * scale


def global_variable(x, p):
    global VALUE  # noqa: PLW0603
    VALUE = x * 1.0
    if p > 0:
        VALUE = VALUE * 2
    for _ in range(30):
        VALUE = VALUE + 1
    result, VALUE = VALUE, 1.0
    return result


def chosen_list_is_read(x, p):
    now, best = [x, x * 2], [x * 5, x]
    if p > 0:
        best = now
    now = [a * 2 for a in now]
    return best[0] + now[0]


@dataclass(slots=True)
class Point:
    at: Any
    count: int = 0


def attribute_in_a_slot(x, p):
    point = Point(x)
    if p > 0:
        point.at = x * 2
    for _ in range(30):
        point.at = point.at * 0.9
        point.count += 1
    return point.at * point.count


def iterator_in_a_loop(x, p):
    values = iter(range(100))
    for _ in range(30):
        x = x + next(values)
    return x * p


def tuples_swap(x, p):
    pair = (x, x * 2)
    for _ in range(30):
        pair = (pair[1], pair[0])
        pair[0][0] += p
    return pair[0] - pair[1]


def both_branches_add(x, p):
    table, rows = {}, [x]
    if p > 0:
        table["a"] = x * 2
        rows.append(x * 3)
    else:
        rows.append(x)
        table["a"] = x * 5
    rows[1][0] = 7.0
    return table["a"] + rows[1]


def list_changed_and_rebound(x, p):
    items = [x[:2], p]
    for _ in range(30):
        items[0], items[1] = items[1], 0.0
        x[-2:] -= items[0]
        items = [2.0, 1.0]
    return x


PROGRAMS = (
    list_changed_and_rebound,
    both_branches_add,
    global_entry,
    global_variable,
    chosen_list_is_read,
    attribute_in_a_slot,
    iterator_in_a_loop,
    tuples_swap,
)


@pytest.mark.parametrize("p", [1.3, -0.7])
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_what_python_does(program, p):
    before, found = X.copy(), X.copy()
    expected = program(before, p)
    np.testing.assert_allclose(run(program, found, p), expected)
    np.testing.assert_allclose(found, before)


# errors


def chosen_list_is_written(x, p):
    one, other = [x, x * 2], [x * 3, x * 4]
    chosen = one if p > 0 else other
    chosen[0] = x * 0
    return one[0] + other[0]


def list_is_written_after_it_was_chosen(x, p):
    now = [x, x * 2]
    best = now
    if p > 0:
        best = [x * 5, x]
    now[0] = x * 7
    return best[0]


def set_grows(x, p):
    found = set()
    if p > 0:
        found.add(1)
    return x * len(found)


def deque_grows(x, p):
    found = deque([x])
    if p > 0:
        found.append(x)
    return x * len(found)


def one_branch_adds(x, p):
    table = {}
    if p > 0:
        table["a"] = x
    return x * len(table)


def iterator_is_advanced(x, p):
    values = iter([1.0, 2.0, 3.0])
    if p > 0:
        x = x * next(values)
    return x * next(values)


def iterator_is_consumed(x, p):
    values = iter([x, x * 2, x * 3])
    if p > 0:
        for value in values:
            x = x + value
    for value in values:
        x = x - value
    return x


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (chosen_list_is_written, "is one of two lists"),
        (list_is_written_after_it_was_chosen, "best is one of two lists"),
        (set_grows, "found \\(set\\) is changed"),
        (deque_grows, "found \\(deque\\) is changed"),
        (one_branch_adds, "table.* grows or shrinks"),
        (iterator_is_advanced, "list_iterator .* make a list of it"),
        (iterator_is_consumed, "list_iterator .* make a list of it"),
    ],
)
def test_what_cannot_be_kept_is_an_error(program, message):
    with pytest.raises(TraceError, match=rf"test_staging_containers.py:\d+: .*{message}"):
        run(program, X, 1.0)
