"""Train two networks, each as one compiled program: forward pass, gradient and update of every step run in native code.

    python examples/mlp.py [--quick] [--epochs N] [--seed N] [--out FILE] [--no-plot]

1. A regression, 100 samples of 3 features -> 32 -> 1, by gradient descent. All steps are one native call.
2. A classifier of handwritten digits, 64 -> 256 -> 128 -> 10, by Adam on shuffled mini-batches. An epoch is one native
   call; a progress bar moves between the calls.

Model, loss and training loop are ordinary NumPy functions. `sg.value_and_grad` differentiates a loss, `sg.jit` compiles
what it decorates, and everything that is called inside becomes part of the same program.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from comparison import Trained, compare, timed
from curves import draw
from datasets import digits, train_test_split
from numpy.typing import NDArray
from tqdm import tqdm

import srcgrad as sg

Array = NDArray[Any]
Layer = tuple[Array, Array]
Layers = list[Layer]


# --- the model, for both --------------------------------------------------------------------------------------------


def layer(generator: np.random.Generator, inputs: int, outputs: int, deviation: float) -> Layer:
    """Normal weights of this standard deviation, zero biases."""
    weight = deviation * generator.standard_normal((inputs, outputs))
    return weight.astype(np.float32), np.zeros(outputs, np.float32)


def network(layers: Layers, x: Array) -> Array:
    *hidden, (last_weight, last_bias) = layers
    for weight, bias in hidden:
        x = np.maximum(x @ weight + bias, 0)
    return x @ last_weight + last_bias


# --- 1: a regression ------------------------------------------------------------------------------------------------

STEPS = 2000
LEARNING_RATE = 1e-4


def squared_error(layers: Layers, x: Array, y: Array) -> Any:
    return np.sum((network(layers, x) - y) ** 2)


@sg.jit
def descend(layers: Layers, x: Array, y: Array) -> tuple[Layers, Array]:
    """All steps of gradient descent: the trained layers and the loss before each step."""

    def step(i: int, carry: tuple[Layers, Array]) -> tuple[Layers, Array]:
        layers, history = carry
        loss, gradients = sg.value_and_grad(squared_error)(layers, x, y)
        history[i] = loss
        return sg.tree.map(lambda p, g: p - LEARNING_RATE * g, layers, gradients), history

    layers, history = sg.fori_loop(0, STEPS, step, (layers, np.zeros(STEPS, np.float32)))
    return layers, history


def train_regression(seed: int) -> Trained:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((100, 3)).astype(np.float32)
    noise = generator.standard_normal((100, 1)).astype(np.float32)
    y = x @ np.array([[0.2], [-1.3], [-0.5]], np.float32) + noise
    layers = [layer(generator, 3, 32, deviation=1), layer(generator, 32, 1, deviation=1)]

    (_, history), first_call = timed(descend, layers, x, y)

    print(f"Regression, 100 x 3 -> 32 -> 1: {STEPS:,} steps of gradient descent in one call")
    for step in (1, 10, 100, 500, 1000, 2000):
        print(f"  loss at step {step:5,}: {history[step - 1]:9.3f}")
    return Trained("regression", STEPS, first_call, descend, (layers, x, y), losses=history)


# --- 2: handwritten digits ------------------------------------------------------------------------------------------

WIDTHS = (64, 256, 128, 10)
BATCH = 128
OPTIMISER = sg.optim.adam(learning_rate=1e-3)


def cross_entropy(layers: Layers, images: Array, labels: Array) -> Any:
    logits = network(layers, images)
    logits = logits - np.max(logits, axis=1, keepdims=True)
    log_normalisers = np.log(np.sum(np.exp(logits), axis=1))
    return np.mean(log_normalisers - logits[np.arange(len(labels)), labels])


@sg.jit
def train_epoch(state: Any, key: Array, epoch: int, images: Array, labels: Array) -> tuple[Any, Array]:
    """A pass over the images, in an order that follows from key and epoch: the new state and the batches' losses."""
    batches = len(images) // BATCH
    order = sg.random.permutation(sg.random.fold_in(key, epoch), len(images))

    def step(state: Any, rows: Array) -> tuple[Any, Any]:
        layers, moments = state
        loss, gradients = sg.value_and_grad(cross_entropy)(layers, images[rows], labels[rows])
        return OPTIMISER.update(gradients, moments, layers), loss

    state, losses = sg.scan(step, state, order[: batches * BATCH].reshape(batches, BATCH))
    return state, losses


@sg.jit
def accuracy(layers: Layers, images: Array, labels: Array) -> Any:
    return np.mean(np.argmax(network(layers, images), axis=1) == labels)


def train_digits(epochs: int, seed: int) -> Trained:
    (images, labels), (test_images, test_labels) = train_test_split(*digits(np.float32))
    generator = np.random.default_rng(seed)
    # He et al. 2015: this deviation keeps the scale of the values from layer to layer.
    layers = [layer(generator, *widths, deviation=(2 / widths[0]) ** 0.5) for widths in pairwise(WIDTHS)]
    state = layers, OPTIMISER.init(layers)
    key = sg.random.key(seed)
    batches = len(images) // BATCH

    print(f"\nDigits, 64 -> 256 -> 128 -> 10: {epochs} epochs of {batches} batches of {BATCH}, an epoch a call")
    # The result of the first call is dropped: it is there to be timed.
    _, first_call = timed(train_epoch, state, key, 0, images, labels)
    losses, accuracies = [], []
    with tqdm(range(epochs), unit="epoch") as bar:
        for epoch in bar:
            state, batch_losses = train_epoch(state, key, epoch, images, labels)
            losses.append(batch_losses)
            accuracies.append(accuracy(state[0], test_images, test_labels))
            bar.set_postfix(loss=f"{np.mean(batch_losses):.4f}", accuracy=f"{accuracies[-1]:.2%}")
    print(f"  {accuracies[-1]:.2%} of the {len(test_labels)} test images are recognised")

    return Trained(
        "digits",
        batches,
        first_call,
        train_epoch,
        (state, key, 0, images, labels),
        losses=np.stack(losses),
        accuracies=accuracies,
    )


# --- the run --------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Train two small networks, each as one compiled program.")
    parser.add_argument("--quick", action="store_true", help="12 epochs, and times measured once")
    parser.add_argument("--epochs", type=int, help="passes over the digits (default: 30, or 12 with --quick)")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights, data and shuffling (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("mlp.png"), help="the picture (default: mlp.png)")
    parser.add_argument("--no-plot", action="store_true", help="draw no picture")
    options = parser.parse_args()
    epochs = (12 if options.quick else 30) if options.epochs is None else options.epochs
    if epochs < 1:
        parser.error("--epochs has to be at least 1")
    if not options.no_plot and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")

    regression = train_regression(options.seed)
    classifier = train_digits(epochs, options.seed)
    if not options.no_plot:
        draw(regression.losses, classifier.losses, classifier.accuracies, options.out)
        print(f"  the curves are drawn in {options.out}")
    print()
    print(compare([regression, classifier], repeats=1 if options.quick else 5))


if __name__ == "__main__":
    main()
