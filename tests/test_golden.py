"""Emitted source, byte for byte: what a reader of ``sg.source`` sees, and a change of the schedule shows in a review.

The golden files hold what `Executable` makes, for one thread, without the comments that name lines of this file.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

import srcgrad as sg
from srcgrad.dispatch import Function
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.executable import Executable, compile_graph
from srcgrad.pipeline import finish

Golden = Callable[[str, str], None]


def executable_of(function: Function, *args: Any) -> Executable:
    """The program for these arguments, not compiled."""
    recorded = function.record(Arguments(function.parameters, args, {}))
    with mock.patch("srcgrad.backends.threads.limit", return_value=1):
        return compile_graph(finish(recorded.graph))


def without_comments(source: str) -> str:
    return re.sub(r" *# \S+:\d+$", "", source, flags=re.MULTILINE)


# the small network, trained in one loop

SAMPLES, FEATURES, HIDDEN, STEPS = 100, 3, 32, 200


def squared_error(parameters, x, y):
    w1, b1, w2, b2 = parameters
    predicted = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    return np.sum((predicted - y) ** 2)


@sg.jit
def train(parameters, x, y, rate):
    def step(i, parameters):
        gradients = sg.grad(squared_error)(parameters, x, y)
        return tuple(p - rate * g for p, g in zip(parameters, gradients))

    return sg.fori_loop(0, STEPS, step, parameters)


def small_network() -> Executable:
    parameters = (np.zeros((FEATURES, HIDDEN)), np.zeros((1, HIDDEN)), np.zeros((HIDDEN, 1)), np.zeros((1, 1)))
    return executable_of(train, parameters, np.zeros((SAMPLES, FEATURES)), np.zeros((SAMPLES, 1)), 1e-4)


def test_small_network(golden: Golden) -> None:
    golden("small_network.py", without_comments(small_network().source))


def test_small_network_has_one_loop_over_the_samples() -> None:
    """It holds forward and backward, and nothing of the size samples x hidden is kept."""
    executable = small_network()
    tree = ast.parse(executable.source)
    (steps,) = loops_over(STEPS, tree)
    (samples,) = loops_over(SAMPLES, tree)
    assert samples in list(ast.walk(steps))
    assert len(list(loops_over(HIDDEN, samples))) == 2, "one for the forward row, one for the backward row"
    forward, backward = loops_over(HIDDEN, samples)
    assert "maximum" in ast.unparse(forward)
    assert "where" in ast.unparse(backward)
    assert executable.module.workspace_bytes == 0
    assert max(local_sizes(tree), default=0) <= FEATURES * HIDDEN


def loops_over(extent: int, tree: ast.AST) -> Iterator[ast.For]:
    """The loops over all of so many iterations, also those that have two or four of them side by side."""
    texts = {f"range({extent})", f"range(0, {extent - 1}, 2)", f"range(0, {extent - 3}, 4)"}
    for node in ast.walk(tree):
        if isinstance(node, ast.For) and ast.unparse(node.iter) in texts:
            yield node


def local_sizes(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "local":
            yield math.prod(ast.literal_eval(node.args[1]))


# other shapes of programs


@sg.grad
def chain(x):
    return np.sum(np.tanh(np.exp(np.log1p(np.sin(x) ** 2))))


def test_pointwise_chain(golden: Golden) -> None:
    golden("pointwise_chain.py", without_comments(executable_of(chain, np.zeros(1000)).source))


@sg.value_and_grad
def logistic(w, x, labels):
    margin = labels * (x @ w)
    return np.sum(np.log1p(np.exp(-margin))) + 0.5 * np.sum(w * w)


def test_logistic_regression(golden: Golden) -> None:
    executable = executable_of(logistic, np.zeros(30), np.zeros((569, 30)), np.zeros(569))
    golden("logistic_regression.py", without_comments(executable.source))


@sg.value_and_grad
def filtered(decay, inputs):
    def step(level, x):
        level = np.tanh(decay * level + x)
        return level, level**2

    last, powers = sg.scan(step, 0.0, inputs)
    return last + np.sum(powers)


def test_scan(golden: Golden) -> None:
    golden("scan.py", without_comments(executable_of(filtered, 0.5, np.zeros(50)).source))
