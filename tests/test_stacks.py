"""Arrays of zeros that a loop fills slice by slice are outputs of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.target import Target
from srcgrad.graph.structure import LOOP
from srcgrad.pipeline import schedule
from srcgrad.schedule.work import phases
from tests.interpreted import interpreter
from tests.staged import gradient_is_right, same_as_python

X = np.linspace(0.1, 0.9, 20)


def elements(x):
    made = np.empty(len(x))
    for i in range(len(x)):
        made[i] = x[i] * x[i]
    return made


def rows(x):
    made = np.empty((len(x), 2))
    for i in range(len(x)):
        made[i] = [x[i], 2.0 * x[i]]
    return made


def parts_of_rows(x):
    made = np.zeros((len(x), 3))
    for i in range(len(x)):
        made[i, 0] = x[i]
        made[i, 2] += x[i] * 2.0
        made[i, 0] += 1.0
    return made


def through_a_reshape(x):
    made = np.empty(2 * len(x))
    pairs = made.reshape(-1, 2)
    for i in range(len(x)):
        pairs[i, 0], pairs[i, 1] = x[i], np.sin(x[i])
    return made


def columns(x):
    made = np.empty((2, len(x)))
    for i in range(len(x)):
        made[0, i], made[1, i] = x[i], np.sin(x[i])
    return made


def backwards(x):
    made = np.empty(len(x))
    for i in range(len(x) - 1, -1, -1):
        made[i] = np.exp(x[i])
    return made


def beside_a_carry(x):
    made, total = np.empty(len(x)), 0.0
    for i in range(len(x)):
        total = total + x[i] * x[i]
        made[i] = total
    return made * total


def two_elements_of_a_row(x):
    made = np.zeros((len(x), 3))
    for i in range(len(x)):
        made[i, 0] = x[i]
        made[i, 2] = x[i] * 2.0
        made[i, 0] = made.shape[0] - x[i]
    return made


STACKED = [elements, rows, two_elements_of_a_row, through_a_reshape, beside_a_carry]


def reads_the_one_before(x):
    made = np.zeros(len(x))
    for i in range(1, len(x)):
        made[i] = made[i - 1] * 0.5 + x[i]
    return made


def starts_from_ones(x):
    made = np.ones(len(x))
    for i in range(len(x)):
        made[i] += x[i]
    return made


def another_place(x):
    made = np.zeros(len(x))
    for i in range(len(x)):
        made[(7 * i) % len(x)] = x[i]
    return made


def is_read_in_the_loop(x):
    made, total = np.zeros(len(x)), 0.0
    for i in range(len(x)):
        made[i] = x[i]
        total = total + made.sum()
    return made * total


def shorter_than_the_array(x):
    made = np.zeros(len(x) + 3)
    for i in range(len(x)):
        made[i] = x[i] * x[i]
    return made


OTHERS = [
    parts_of_rows,
    columns,
    backwards,
    reads_the_one_before,
    starts_from_ones,
    another_place,
    is_read_in_the_loop,
    shorter_than_the_array,
]


@pytest.mark.parametrize("form", STACKED + OTHERS)
def test_the_meaning_stays(form: Callable[..., Any]) -> None:
    same_as_python(form, X)
    gradient_is_right(form, X)


@pytest.mark.parametrize("form", STACKED)
def test_the_loop_carries_no_array(form: Callable[..., Any]) -> None:
    with interpreter():
        graph = sg.jit(form).specialise(X).graph
    (loop,) = [node for node in graph.nodes() if node.op is LOOP]
    first = 1 + loop.params["n_consts"]
    assert all(carry.size == 1 for carry in loop.inputs[first : first + loop.params["n_carries"]])
    if form in (elements, rows):  # every element is written once, and nothing before
        written = sum(
            sum(phase.work.written.values()) * (phase.iterations or 1) for phase in phases(*schedule(graph, Target()))
        )
        assert written == form(X).nbytes


def test_compiled_they_are_right() -> None:
    def every(x):
        return [form(x) for form in STACKED + OTHERS]

    for found, expected in zip(sg.jit(every)(X), every(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
