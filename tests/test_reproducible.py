"""Emitted source is the same each time: the disk cache finds machine code by it, and readers compare it.

What varies from one time to the next is where objects lie in memory, and with it the order of sets.
"""

from __future__ import annotations

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.executable import Executable
from srcgrad.pipeline import finish
from tests.programs import SMOOTH_PROGRAMS, Maker


def emitted(function, args):
    recorded = function.record(Arguments(function.parameters, args, {}))
    return Executable(finish(recorded.graph)).source


def cross_entropy(layers, x, labels):
    *hidden, (last, last_bias) = layers
    for weight, bias in hidden:
        x = np.maximum(x @ weight + bias, 0)
    logits = x @ last + last_bias
    logits = logits - np.max(logits, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(logits), axis=1)) - logits[np.arange(len(labels)), labels])


@sg.jit
def train(layers, batches, labels):
    def step(layers, batch):
        loss, gradients = sg.value_and_grad(cross_entropy)(layers, *batch)
        return sg.tree.map(lambda p, g: p - 0.1 * g, layers, gradients), loss

    return sg.scan(step, layers, (batches, labels))


def test_of_a_training_loop() -> None:
    generator = np.random.default_rng(0)
    shapes = ((64, 256), (256, 128), (128, 10))
    layers = [(generator.standard_normal(shape), generator.standard_normal(shape[1])) for shape in shapes]
    args = layers, generator.standard_normal((5, 128, 64)), generator.integers(0, 10, (5, 128))
    assert len({emitted(train, args) for _ in range(6)}) == 1


@pytest.mark.parametrize("program", SMOOTH_PROGRAMS, ids=lambda program: program.function.__name__)
def test_of_every_program(program) -> None:
    args = program.make(Maker("float64"))
    function = sg.value_and_grad(program.function)
    first = emitted(function, args)
    elsewhere = [object() for _ in range(20_000)]  # so that what follows lies elsewhere
    assert emitted(function, args) == first
    del elsewhere
