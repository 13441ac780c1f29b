"""Whole programs as users write them, with arguments to run them on.

``PROGRAMS`` is the table that the tests of the interpreter, the back ends, the transforms and the eager face share.
Each program is evaluated by a function ``evaluator(program, *arguments)``; `interpreted` is the one without a back end.
``np`` is our namespace, as a traced function sees it; on plain arrays it is NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

import srcgrad.numpy as np
from srcgrad.core import tree
from srcgrad.core.types import type_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.trace import trace
from srcgrad.graph.verify import verify


def interpreted(function: Callable[..., Any], *args: Any) -> Any:
    """Trace a function and interpret its graph; arguments that it writes in place are written back."""
    leaves, structure = tree.flatten((args, {}))
    traced = trace(function, structure, [type_of(leaf) for leaf in leaves], handle=np.Array)
    verify(traced.graph)
    results = [numpy.array(result) for result in interpret(traced.graph, leaves)]  # no views of what is written back
    for position, new in zip(traced.mutated, results[traced.n_results :], strict=True):
        leaves[position][...] = new
    return tree.unflatten(traced.out_structure, results[: traced.n_results])


class Maker:
    """Makes arguments: floats in the dtype under test, integers below a bound."""

    def __init__(self, dtype: str, seed: int = 0) -> None:
        self.dtype = dtype
        self.rng = numpy.random.default_rng(seed)

    def floats(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Any:
        return self.rng.uniform(low, high, shape).astype(self.dtype)

    def ints(self, *shape: int, below: int) -> Any:
        return self.rng.integers(0, below, shape)


@dataclass(frozen=True)
class Program:
    """A function and its arguments.

    ``smooth`` programs return one scalar that is differentiable in every float argument around the arguments that
    ``make`` gives; ``in_place`` ones write into their arguments.
    """

    function: Callable[..., Any]
    make: Callable[[Maker], tuple[Any, ...]]
    smooth: bool = True
    in_place: bool = False

    @property
    def name(self) -> str:
        return self.function.__name__

    def arguments(self, dtype: str = "f8", seed: int = 0) -> tuple[Any, ...]:
        return self.make(Maker(dtype, seed))


# regression and classification


def mlp(parameters, x, y):
    hidden = np.tanh(x @ parameters["w1"] + parameters["b1"])
    return np.mean((hidden @ parameters["w2"] + parameters["b2"] - y) ** 2)


def relu_mlp_with_weight_decay(w1, w2, x, y):
    hidden = np.maximum(x @ w1, 0)
    return ((hidden @ w2)[:, 0] - y).var() + 0.01 * (np.sum(w1**2) + np.linalg.norm(w2) ** 2)


def logistic_regression(w, b, x, labels):
    margin = x @ w + b
    return -np.mean(np.where(labels > 0, np.log_expit(margin), np.log_expit(-margin)))


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_total - shifted[np.arange(len(labels)), labels])


def cross_entropy_of_sequence(logits, labels):
    picked = np.take_along_axis(np.log_softmax(logits, axis=-1), labels[..., None], axis=-1)
    return -picked.squeeze(-1).sum(axis=-1).mean()


def mixture_log_likelihood(weights, means, log_scales, x):
    standard = (x[:, None, :] - means) / np.exp(log_scales)
    log_density = -0.5 * np.sum(standard**2 + 2 * log_scales + np.log(2 * np.pi), axis=-1)
    return np.logsumexp(log_density + np.log_softmax(weights), axis=1).sum()


def huber_loss(x, y):
    error = np.abs(x - y)
    return np.where(error < 0.5, 0.5 * error**2, 0.5 * (error - 0.25)).sum()


def polynomial_fit(coefficients, x, y):
    return np.sum((np.vander(x, len(coefficients)) @ coefficients - np.polyval(coefficients[::-1], y)) ** 2)


# layers


def attention(query, key, value):
    weights = np.softmax(query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1]), axis=-1)
    return np.einsum("...qk,...kd->...qd", weights, value).sum()


def layer_norm_gelu(x, gain, bias):
    normal = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    active = normal * gain + bias
    return np.sum(0.5 * active * (1 + np.erf(active / np.sqrt(2.0))))


def gated_recurrent_unit(weights, hidden, inputs):
    for x in inputs:
        joined = np.concatenate([hidden, x])
        update, reset, candidate = np.split(joined @ weights, 3)
        update, reset = 1 / (1 + np.exp(-update)), np.expit(reset)
        hidden = update * hidden + (1 - update) * np.tanh(candidate * reset)
    return hidden.sum()


def convolution_and_pooling(image, kernel):
    rows, columns = kernel.shape
    height, width = image.shape[0] - rows + 1, image.shape[1] - columns + 1
    found = np.zeros((height, width), image.dtype)
    for i in range(rows):
        for j in range(columns):
            found += kernel[i, j] * image[i : i + height, j : j + width]
    return np.max(found.reshape(height // 2, 2, width // 2, 2), axis=(1, 3)).sum()


def embedding(table, tokens):
    vectors = table[tokens]
    return np.sum(vectors.mean(axis=1) ** 2) + np.take(table, tokens[0], axis=0).prod(axis=1).sum()


# physics and numerics


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def heat_equation_in_place(start, conductivity):
    field = np.array(start)
    for _ in range(3):
        inner = field[1:-1]
        inner += conductivity * (field[2:] - 2 * inner + field[:-2])
        field[0], field[-1] = field[1], field[-2]
    return np.sum(field**2)


def wave_on_a_torus(field, velocity):
    for _ in range(2):
        around = sum(np.roll(field, shift, axis) for shift in (1, -1) for axis in (0, 1))
        velocity = velocity + 0.1 * (around - 4 * field)
        field = field + 0.1 * velocity
    return np.sum(field * velocity)


def time_steps_of_a_history(start, rate):
    history = np.zeros((4, len(start)), start.dtype)
    history[0] = start
    for step in range(3):
        history[step + 1, 1:-1] = history[step, 1:-1] + rate * (history[step, 2:] - history[step, :-2])
    return history.sum() + history[-1, 2] * history[1, 1]


def predator_and_prey(state, rates):
    def slope(state):
        prey, predator = state
        return np.array(
            [rates[0] * prey - rates[1] * prey * predator, rates[2] * prey * predator - rates[3] * predator]
        )

    for _ in range(2):
        a = slope(state)
        b = slope(state + 0.05 * a)
        c = slope(state + 0.05 * b)
        d = slope(state + 0.1 * c)
        state = state + (0.1 / 6) * (a + 2 * b + 2 * c + d)
    return state[0] * state[1]


def lennard_jones(positions):
    difference = positions[:, None] - positions[None]
    squared = np.sum(difference**2, axis=-1) + np.eye(len(positions))
    energy = squared**-6 - squared**-3
    return np.triu(energy, 1).sum()


def kernel_of_distances(x, y, scale):
    squared = np.sum(x**2, axis=1)[:, None] + np.sum(y**2, axis=1) - 2 * x @ y.T
    return np.exp(-squared / (2 * scale**2)).sum()


def robot_arm(angles, lengths):
    pose = np.eye(3)
    for k in range(len(angles)):
        cosine, sine = np.cos(angles[k]), np.sin(angles[k])
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        shift = np.eye(3)
        shift[0, 2] = lengths[k]
        pose = pose @ turn @ shift
    return np.hypot(pose[0, 2] - 1, pose[1, 2])


def quadratic_forms(x, a):
    symmetric = a + a.T
    return x @ symmetric @ x + np.trace(symmetric @ np.outer(x, x)) + np.einsum("i,ij,jk,k->", x, a, a.T, x)


def tensor_network(a, b, c):
    joined = np.tensordot(a, b, axes=([2], [0]))
    return np.sum(np.kron(joined[0, :, :], c)) + np.einsum("iij,jk->", a[:, :2], b)


def curve_length(x, y):
    return np.sum(np.sqrt(np.diff(x) ** 2 + np.diff(y) ** 2)) + np.trapezoid(y, x) + np.gradient(y)[1:].prod()


def prefix_sums_by_doubling(x):
    total = np.array(x)
    step = 1
    while step < len(total):
        total[step:] = total[step:] + total[:-step]
        step *= 2
    return np.sum(total**3)


def compound_growth(returns, weights):
    wealth = np.cumprod(1 + returns @ weights)
    return np.log(wealth[-1]) - np.cumsum(wealth)[::2].mean()


def writes_through_views(x):
    work = x.copy()
    work.T[1:, 0] = work[0, 0] * work[0, 1:]
    diagonal = work.reshape(-1)[:: len(x) + 1]
    diagonal *= np.exp(diagonal)
    work[::-1][:2] -= work[1] / 3
    return np.sum(work * work.T)


def symmetrised_by_index(x):
    rows, columns = np.tril_indices(len(x))
    square = np.zeros_like(x)
    square[rows, columns] = x[rows, columns]
    square[columns, rows] = x[rows, columns] ** 2
    np.add.at(square, ([0, 0], [1, 1]), x[0, :2])
    return np.sin(square).sum()


def special_functions(x):
    return np.sum(np.gammaln(x) + np.digamma(x) * np.erf(x) + np.xlogy(x, x) + np.log1p(x) * np.logit(x / 4))


# not smooth, or not scalar


def normalise_in_place(x):
    x -= x.mean(axis=0)
    x /= np.sqrt((x**2).mean(axis=0))
    return x.min(), x.max(axis=1)


def drawdown(prices):
    running = np.zeros_like(prices)
    running[0] = prices[0]
    for k in range(1, len(prices)):
        running[k] = np.maximum(running[k - 1], prices[k])
    fall = (running - prices) / running
    return fall.max(), np.argmax(fall), fall > 0.2


def histogram(labels, weights):
    counts = np.zeros(4, int)
    np.add.at(counts, labels, 1)
    sums = np.zeros(4, weights.dtype)
    np.add.at(sums, labels, weights)
    return counts, sums / np.maximum(counts, 1), np.argsort(-sums)


def clipped_and_masked(x):
    out = np.clip(x, -0.5, 0.5)
    out[x < 0] = 0
    out[:, x[0].argmax()] = -1
    return np.sort(out, axis=1), np.count_nonzero(out, axis=0), np.any(out > 0.4)


PROGRAMS = (
    Program(
        mlp,
        lambda m: (
            {"w1": m.floats(3, 5), "b1": m.floats(5), "w2": m.floats(5, 1), "b2": m.floats(1)},
            m.floats(6, 3),
            m.floats(6, 1),
        ),
    ),
    Program(relu_mlp_with_weight_decay, lambda m: (m.floats(3, 4), m.floats(4, 1), m.floats(6, 3), m.floats(6))),
    Program(logistic_regression, lambda m: (m.floats(3), m.floats(), m.floats(7, 3), m.ints(7, below=2))),
    Program(cross_entropy, lambda m: (m.floats(5, 4), m.ints(5, below=4))),
    Program(cross_entropy_of_sequence, lambda m: (m.floats(2, 5, 4), m.ints(2, 5, below=4))),
    Program(mixture_log_likelihood, lambda m: (m.floats(3), m.floats(3, 2), m.floats(3, 2), m.floats(6, 2))),
    Program(huber_loss, lambda m: (m.floats(8, low=-2), m.floats(8))),
    Program(polynomial_fit, lambda m: (m.floats(4), m.floats(6), m.floats(6))),
    Program(attention, lambda m: (m.floats(2, 4, 3), m.floats(2, 5, 3), m.floats(2, 5, 2))),
    Program(layer_norm_gelu, lambda m: (m.floats(4, 6), m.floats(6), m.floats(6))),
    Program(gated_recurrent_unit, lambda m: (m.floats(5, 9), m.floats(3), m.floats(2, 2))),
    Program(convolution_and_pooling, lambda m: (m.floats(6, 8), m.floats(3, 3))),
    Program(embedding, lambda m: (m.floats(5, 3), m.ints(3, 4, below=5))),
    Program(rosenbrock, lambda m: (m.floats(6),)),
    Program(heat_equation_in_place, lambda m: (m.floats(7), m.floats(low=0.1, high=0.4))),
    Program(wave_on_a_torus, lambda m: (m.floats(3, 4), m.floats(3, 4))),
    Program(time_steps_of_a_history, lambda m: (m.floats(6), m.floats())),
    Program(predator_and_prey, lambda m: (m.floats(2, low=0.5), m.floats(4, low=0.2))),
    Program(lennard_jones, lambda m: (m.floats(4, 3, low=-2, high=2),)),
    Program(kernel_of_distances, lambda m: (m.floats(4, 2), m.floats(3, 2), m.floats(low=0.5))),
    Program(robot_arm, lambda m: (m.floats(3), m.floats(3, low=0.5))),
    Program(quadratic_forms, lambda m: (m.floats(4), m.floats(4, 4))),
    Program(tensor_network, lambda m: (m.floats(2, 3, 4), m.floats(4, 2), m.floats(2, 2))),
    Program(curve_length, lambda m: (m.floats(6), m.floats(6))),
    Program(prefix_sums_by_doubling, lambda m: (m.floats(6),)),
    Program(compound_growth, lambda m: (m.floats(6, 3, low=-0.2, high=0.3), m.floats(3, low=0.1))),
    Program(writes_through_views, lambda m: (m.floats(3, 3),)),
    Program(symmetrised_by_index, lambda m: (m.floats(3, 3),)),
    Program(special_functions, lambda m: (m.floats(5, low=0.5, high=3.0),)),
    Program(normalise_in_place, lambda m: (m.floats(5, 3),), smooth=False, in_place=True),
    Program(drawdown, lambda m: (m.floats(8, low=1, high=2),), smooth=False),
    Program(histogram, lambda m: (m.ints(9, below=4), m.floats(9)), smooth=False),
    Program(clipped_and_masked, lambda m: (m.floats(4, 5),), smooth=False),
)
SMOOTH_PROGRAMS = tuple(program for program in PROGRAMS if program.smooth)
