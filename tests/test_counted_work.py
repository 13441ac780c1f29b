"""What a program does grows with the arrays as the user's statements do: counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.target import Target
from srcgrad.pipeline import schedule
from srcgrad.schedule.work import Work, phases
from tests.interpreted import interpreter
from tests.staged import gradient_is_right, same_as_python

# Views of an array that a loop writes element by element, and other forms of writes into fresh arrays


def columns_of_a_reshape(x):
    made = np.empty(2 * len(x))
    pairs = made.reshape(len(x), 2)
    for i in range(len(x)):
        pairs[i, 0] = x[i] * 2.0
        pairs[i, 1] = x[i] + 1.0
    return made


def one_column_of_a_reshape(x):
    made = np.zeros(2 * len(x))
    pairs = made.reshape(len(x), 2)
    for i in range(len(x)):
        pairs[i, 1] += x[i] * x[i]
    return made


def rows_of_a_transpose(x):
    made = np.zeros((2, len(x)))
    turned = made.T
    for i in range(len(x)):
        turned[i, 0] = x[i] * 2.0
        turned[i, 1] = turned[i, 0] + 1.0
    return made


def elements_of_a_ravel(x):
    made = np.zeros((len(x), 2))
    line = made.ravel()
    for i in range(len(x)):
        line[2 * i] = x[i] * 2.0
        line[2 * i + 1] = line[2 * i] * x[i]
    return made


def elements_of_a_reverse(x):
    made = np.zeros(len(x))
    backwards = made[::-1]
    for i in range(len(x)):
        backwards[i] = x[i] * 2.0
    return made


def rows_one_by_one(x):
    made = np.empty((len(x), 3))
    for i in range(len(x)):
        row = made[i]
        row[0], row[1], row[2] = x[i], 2 * x[i], x[i] * x[i]
    return made


def inside_of_an_array(x):
    made = np.zeros(len(x))
    inside = made[1:-1]
    for i in range(len(x) - 2):
        inside[i] = x[i] * 2.0
    return made


def a_new_axis(x):
    made = np.zeros(len(x))
    column = made[:, None]
    for i in range(len(x)):
        column[i, 0] = x[i] * 2.0
    return made


def reshape_of_a_transpose(x):
    made = np.zeros((len(x) // 4, 2, 4))
    turned = made.transpose(1, 0, 2)
    for i in range(len(x) // 4):
        turned[1, i, 2] = x[i]
        turned[0, i] = x[i] * x[i : i + 4]
    return made


def every_second_through_a_view(x):
    made = x * 1.0
    pairs = made.reshape(-1, 2)
    for i in range(len(x) // 2):
        pairs[i, 0] = pairs[i, 1] * x[i]
    return made


def a_view_that_both_branches_write(x):
    made = np.zeros(len(x))
    pairs = made.reshape(-1, 2)
    for i in range(len(x) // 2):
        if x[i] > 0.5:
            pairs[i, 0] = x[i]
        else:
            pairs[i, 1] = x[i] * x[i]
    return made


def halves(x):
    n = len(x)
    made = np.empty(n)
    made[: n // 2] = x[: n // 2] * 2
    made[n // 2 :] = x[n // 2 :] * x[: n // 2]
    return made


def first_writes_in_a_loop(x):
    for _ in range(20):
        following = np.empty_like(x)
        following[0] = x[0] * 0.5
        following[1:] = x[1:] - 0.5 * x[:-1]
        x = following
    return x


FORMS = [
    columns_of_a_reshape,
    one_column_of_a_reshape,
    rows_of_a_transpose,
    elements_of_a_ravel,
    elements_of_a_reverse,
    rows_one_by_one,
    inside_of_an_array,
    a_new_axis,
    reshape_of_a_transpose,
    every_second_through_a_view,
    a_view_that_both_branches_write,
    halves,
    first_writes_in_a_loop,
]


def _counted(transformed: Any, size: int) -> int:
    with interpreter():
        graph = transformed.specialise(np.linspace(0.0, 1.0, size)).graph
    total = Work()
    for phase in phases(*schedule(graph, Target())):
        total.add(phase.work, phase.iterations or 1)
    return int(sum(total.operations.values()) + sum(total.read.values()) / 8 + sum(total.written.values()) / 8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transform", ["value", "gradient"])
def test_four_times_the_elements_are_at_most_four_times_the_work(form: Callable[..., Any], transform: str) -> None:
    def loss(x):
        return np.sum(np.sin(form(x)))

    small, large = (_counted(sg.jit(form) if transform == "value" else sg.grad(loss), size) for size in (128, 512))
    assert large <= 4.2 * small


@pytest.mark.parametrize("form", FORMS)
def test_these_programs_mean_what_python_means(form: Callable[..., Any]) -> None:
    x = np.linspace(0.1, 0.9, 8)
    same_as_python(form, x)
    gradient_is_right(form, x)


def test_these_programs_compile_to_what_python_means() -> None:
    def every(x):
        return [form(x) for form in FORMS]

    def loss(x):
        return sum([np.sum(np.sin(made)) for made in every(x)])

    x = np.linspace(0.1, 0.9, 8)
    for found, expected in zip(sg.jit(every)(x), every(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    step = 1e-6 * np.eye(8)
    slopes = [(loss(x + ahead) - loss(x - ahead)) / 2e-6 for ahead in step]
    np.testing.assert_allclose(sg.grad(loss)(x), slopes, rtol=1e-6, atol=1e-8)


# Compiling does not look at elements


def test_parts_of_large_arrays_are_compared_without_walking_over_them() -> None:
    def residuals(x):
        error = x[1:] - 0.5 * x[:-1]
        y = x.copy()
        y[::2] *= 2.0
        y[1::2] += error[::2]
        return np.sum(error * error) + np.sum(y) + x[0]

    huge = np.broadcast_to(np.float64(1.0), (2**33,))
    with interpreter():
        graph = sg.grad(residuals).specialise(huge).graph
    assert len(graph.nodes()) < 60


@pytest.mark.parametrize(
    ("indices", "distinct"),
    [
        ((np.array([3, 1, 2]),), True),
        ((np.array([3, 1, 3]),), False),
        ((np.array([0, 10**9, 5]),), True),
        ((np.array([10**9, 0, 10**9]),), False),
        ((np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), True),
        ((np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])), False),
        ((np.array([], int),), True),
    ],
)
def test_whether_indices_are_distinct(indices: tuple[Any, ...], distinct: bool) -> None:
    from srcgrad.graph.node import as_node
    from srcgrad.numpy.keys import Lookup
    from srcgrad.numpy.selection import _is_unique

    items = [Lookup(as_node(index), index) for index in indices]
    assert _is_unique(items, indices[0].shape) is distinct
