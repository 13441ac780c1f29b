"""Names and objects in loops: which array a name is bound to may depend on the iteration."""

# ruff: noqa: B007, RET504  (the programs are what users may write)

from __future__ import annotations

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import TraceError
from tests.interpreted import interpreter, run
from tests.staged import ARGUMENTS, agrees


def alias_made_in_loop(x, y, p, n):
    best, cur, least = x, x * 1.0, 1e9
    for i in range(30):
        cur = cur * 0.9 + 0.1 * y * i
        value = ((cur - p) ** 2).sum()
        if value < least:
            best, least = cur, value
    best = best * 1.0
    return best


def alias_made_and_written(x, y, p, n):
    cur = x * 1.0
    best = y
    for i in range(20):
        if (cur[0] > p) & (i > 3):
            best = cur
        cur[0] += 0.1
        cur[1] = cur[0] * best[1]
    return best + cur


def rebound_argument(x, y, p, n):
    for i in range(30):
        x[0] += p
        if i == 3:
            x = x * 0.5
    return x


def rebound_under_condition(x, y, p, n):
    for i in range(30):
        if x[0] > 3 * p:
            x = x * 0.5
        x[0] += 0.3
        x[1] -= 0.1
    x[2] = 1.0
    return x.sum()


def rebound_each_time(x, y, p, n):
    for i in range(30):
        x[1] = p
        x = x * 0.9 + y
    x[0] = 1.0
    return x


def rebound_in_while(x, y, p, n):
    while x[0] < 5:
        x[0] += 1.0
        x = x * 1.1
    x[1] = 2.0
    return x


def rebound_run_time_count(x, y, p, n):
    for i in range(n):
        x = x * 0.5
        y[0] += 1
    x[0] = 3.0
    return x * y


def swapped_and_written(x, y, p, n):
    a, b = x, y
    for i in range(25):
        a[0] += 0.1 * p
        b[1:] = a[1:] * 0.9
        a, b = b, a
    a[2] = 5.0
    return a - 2 * b


def swapped_run_time_count(x, y, p, n):
    a, b = x, y
    for i in range(n):
        a[0] += 0.1 * p
        a, b = b, a
    a[2] = 5.0
    return a - 2 * b


def swapped_under_condition(x, y, p, n):
    a, b = x, y
    for i in range(25):
        a[0] += 0.1 * p
        if a[0] > b[0]:
            a, b = b, a
    return a - 2 * b


def previous_kept(x, y, p, n):
    previous = x
    for i in range(30):
        previous = x
        x = x * 0.9 + y
    previous[0] = 5.0
    return x - previous


def previous_is_alias(x, y, p, n):
    previous = y
    for i in range(30):
        previous = x
        x[0] += 0.1
    previous[1] = 5.0
    return x - previous


def row_left_over(x, y, p, n):
    m = np.outer(x, y)
    for i in range(4):
        row = m[i]
        for j in range(20):
            row[0] += 0.1 * p
    row[1] = 7.0
    return m


def view_bound_in_loop(x, y, p, n):
    tail = x
    for i in range(40):
        tail = x[1:]
        tail[0] += p
    tail[1] = 9.0
    return tail * p


def chosen_in_loop(x, y, p, n):
    for i in range(30):
        c = x if i % 3 == 0 else y
        c[0] += 0.1 * p
        c[1] *= 0.9
    return x * y


def chosen_then_used(x, y, p, n):
    c = x
    for i in range(30):
        c[0] += 0.1 * p
        c = y if i % 3 == 0 else x
    c[1] = 4.0
    return x * y


def entries_in_loop(x, y, p, n):
    d = {"a": x, "b": y}
    for i in range(30):
        if d["a"][0] > d["b"][0]:
            d["a"], d["b"] = d["b"], d["a"]
        d["a"][0] += 0.1 * p
    return d["a"] - 2 * d["b"]


class Holder:
    def __init__(self, value):
        self.value = value
        self.count = 0


def attribute_in_loop(x, y, p, n):
    h = Holder(x)
    for i in range(30):
        h.value[0] += 0.1
        if h.value[0] > p:
            h.value = h.value * 0.5
        h.count += 1
    return h.value * h.count


def element_after_the_loop(x, y, p, n):
    for a in x:
        x /= 1.5
        for _ in range(20):
            y[0] += a
    return a * y


def row_after_the_loop(x, y, p, n):
    m = np.outer(x, y)
    for row in m:
        m *= 1.5
        for _ in range(20):
            y[0] += row[1] * 0.01
    row[2] = p
    return m * y


PROGRAMS = (
    element_after_the_loop,
    row_after_the_loop,
    alias_made_in_loop,
    alias_made_and_written,
    rebound_argument,
    rebound_under_condition,
    rebound_each_time,
    rebound_in_while,
    rebound_run_time_count,
    swapped_and_written,
    swapped_run_time_count,
    swapped_under_condition,
    previous_kept,
    previous_is_alias,
    row_left_over,
    view_bound_in_loop,
    chosen_in_loop,
    chosen_then_used,
    entries_in_loop,
    attribute_in_loop,
)


@pytest.mark.parametrize(("p", "n"), ARGUMENTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_what_python_does(program, p, n):
    agrees(program, p, n)


def test_what_may_be_one_array_after_a_loop_is_not_written_and_read():
    def program(x, p):
        best, current = x, x * 1.0
        for i in range(40):
            current = current * 0.9 + p * i
            if current[0] > 3:
                best = current
        current[0] = 0.0
        return best

    with pytest.raises(TraceError, match=r"test_staging_aliases.py:\d+: current is written in place, and best"):
        run(program, np.ones(4), 1.0)


def test_what_may_be_one_array_in_a_loop_is_not_written():
    def program(x, p, n):
        best, current = x * 2, x * 1.0
        for i in range(n):
            if p * i > 2:
                current = current * 0.5
            if i == 3:
                best = current
            current[0] += 1
        return best + current

    with pytest.raises(TraceError, match=r"test_staging_aliases.py:\d+: .* bind \w+ to a copy"):
        run(program, np.ones(4), 1.0, 4)


def test_an_array_of_the_loop_alone_costs_no_index():
    def program(x, n):
        y = x * 1.0
        for i in range(n):
            y[0] += i
            y = y * 0.5
        return y

    with interpreter():
        graph = sg.jit(program).specialise(np.ones(4), 4).recorded.graph
    (loop,) = [node for node in graph.nodes() if node.op.name == "loop"]
    assert loop.params["n_carries"] == 1
