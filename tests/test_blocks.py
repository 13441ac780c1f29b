"""Loops over blocks of rows: programs with several products over one axis, by how they read their data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core import tree
from srcgrad.graph.interpret import interpret

ROWS, WIDTHS = 128, (64, 256, 128, 10)


def squared_outputs(weights, x):
    for weight in weights:
        x = np.maximum(x @ weight, 0)
    return np.mean(x**2)


def cross_entropy(weights, x, labels):
    for weight in weights:
        x = np.maximum(x, 0) @ weight
    return np.mean(np.log(np.sum(np.exp(x), axis=1)) - x[np.arange(len(labels)), labels])


def stepped(weights, gradients):
    return tree.map(lambda p, g: p - 0.01 * g, weights, gradients)


@sg.jit
def on_batches_made_before_the_loop(weights, x):
    """The batches are a value of the outer program that the loop's blocks read."""

    def step(weights, batch):
        value, gradients = sg.value_and_grad(squared_outputs)(weights, batch)
        return stepped(weights, gradients), value

    return sg.scan(step, weights, np.tanh(x[::-1]))


@sg.jit
def on_rows_and_labels_by_number(weights, x, labels, order):
    """Rows and labels are gathered; labels are an index into values that blocks cut."""

    def step(weights, rows):
        value, gradients = sg.value_and_grad(cross_entropy)(weights, x[0][rows], labels[rows])
        return stepped(weights, gradients), value

    return sg.scan(step, weights, order)


def arguments():
    generator = np.random.default_rng(0)
    weights = [generator.standard_normal(shape) / 8 for shape in pairwise(WIDTHS)]
    x = generator.standard_normal((3, ROWS, WIDTHS[0]))
    return weights, x, generator.integers(0, 10, ROWS), np.stack([generator.permutation(ROWS) for _ in range(3)])


@pytest.mark.parametrize("function", [on_batches_made_before_the_loop, on_rows_and_labels_by_number])
def test_blocks_compute_what_the_interpreter_does(function) -> None:
    args = arguments()
    args = args[:2] if function is on_batches_made_before_the_loop else args
    found = tree.leaves(function(*args))
    expected = interpret(function.specialise(*args).graph, tree.leaves(args))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "rows", [np.arange(7), np.arange(6, -1, -1), np.arange(1, 7, 2), np.arange(-1, -6, -1)], ids=str
)
def test_evenly_spaced_numbers_are_an_index_of_the_loop(rows) -> None:
    x = np.random.default_rng(1).standard_normal((7, 4))
    columns = np.array([0, 3, 1, 1, 2, 0, 3])[: len(rows)]

    @sg.grad
    def gathered(x, columns):
        return np.sum(np.sin(x[rows, columns]))

    expected = np.zeros_like(x)
    np.add.at(expected, (rows, columns), np.cos(x[rows, columns]))
    np.testing.assert_allclose(gathered(x, columns), expected, rtol=1e-12)
    assert "constant" not in sg.source(gathered, form="machine")
