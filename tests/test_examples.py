"""The main example: its two programs against NumPy written out by hand, and the whole script as a reader runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="needs the extra `examples`")
pytest.importorskip("matplotlib", reason="needs the extra `examples`")
import mlp

import srcgrad as sg

ROOT = Path(__file__).parents[1]


def forward(layers, x):
    """The values before each layer, and the result."""
    values = [x]
    for weight, bias in layers[:-1]:
        values.append(np.maximum(values[-1] @ weight + bias, 0))
    weight, bias = layers[-1]
    return values, values[-1] @ weight + bias


def backward(layers, values, cotangent):
    gradients = []
    for (weight, _), value in zip(reversed(layers), reversed(values)):
        gradients.append((value.T @ cotangent, cotangent.sum(0)))
        cotangent = (cotangent @ weight.T) * (value > 0)
    return gradients[::-1]


def in_float64(layers):
    return [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in layers]


def test_the_regression_descends_as_by_hand() -> None:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((100, 3)).astype(np.float32)
    y = generator.standard_normal((100, 1)).astype(np.float32)
    start = [mlp.layer(generator, 3, 32, 1.0), mlp.layer(generator, 32, 1, 1.0)]

    trained, history = mlp.descend(start, x, y)

    layers, losses = in_float64(start), []
    for _ in range(mlp.STEPS):
        values, out = forward(layers, x)
        losses.append(np.sum((out - y) ** 2))
        gradients = backward(layers, values, 2 * (out - y))
        layers = sg.tree.map(lambda p, g: p - mlp.LEARNING_RATE * g, layers, gradients)
    np.testing.assert_allclose(history, losses, rtol=1e-3)
    for found, expected in zip(sg.tree.leaves(trained), sg.tree.leaves(layers)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_an_epoch_is_adam_on_shuffled_batches() -> None:
    generator = np.random.default_rng(2)
    images = generator.random((300, 16)).astype(np.float32)
    labels = generator.integers(0, 10, 300)
    start = [mlp.layer(generator, 16, 24, 0.3), mlp.layer(generator, 24, 10, 0.3)]
    key, epoch = sg.random.key(5), 3

    (trained, moments), losses = mlp.train_epoch((start, mlp.OPTIMISER.init(start)), key, epoch, images, labels)

    layers = in_float64(start)
    mean = square = sg.tree.map(np.zeros_like, layers)
    order = sg.random.permutation(sg.random.fold_in(key, epoch), 300)
    assert len(losses) == 2
    for k, loss in enumerate(losses):
        rows = order[k * mlp.BATCH : (k + 1) * mlp.BATCH]
        values, logits = forward(layers, images[rows])
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        hits = np.arange(mlp.BATCH), labels[rows]
        np.testing.assert_allclose(loss, -np.mean(log_probabilities[hits]), rtol=1e-5)
        cotangent = np.exp(log_probabilities)
        cotangent[hits] -= 1
        gradients = backward(layers, values, cotangent / mlp.BATCH)
        mean = sg.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
        square = sg.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, gradients)
        unbiased_mean = sg.tree.map(partial(np.multiply, 1 / (1 - 0.9 ** (k + 1))), mean)
        unbiased_square = sg.tree.map(partial(np.multiply, 1 / (1 - 0.999 ** (k + 1))), square)
        layers = sg.tree.map(lambda p, m, s: p - 1e-3 * m / (np.sqrt(s) + 1e-8), layers, unbiased_mean, unbiased_square)
    assert moments.count == 2
    for found, expected in zip(sg.tree.leaves(trained), sg.tree.leaves(layers)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-5)


def run_script(folder, *options):
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "mlp.py", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_trains_draws_and_compares(tmp_path: Path) -> None:
    picture = tmp_path / "curves.png"
    run = run_script(tmp_path, "--quick", "--out", picture)
    assert run.returncode == 0, run.stderr
    losses = [float(loss) for loss in re.findall(r"loss at step +[\d,]+: +([\d.]+)", run.stdout)]
    assert len(losses) == 6
    assert losses == sorted(losses, reverse=True)
    recognised = re.search(r"([\d.]+)% of the 359 test images", run.stdout)
    assert recognised is not None
    assert float(recognised[1]) >= 97
    assert "12/12" in run.stderr  # the progress bar
    for name in ("regression", "digits"):
        assert re.search(rf"^{name} +[\d.,]+ us +[\d.,]+ us +\d+x +[\d.]+ s$", run.stdout, re.MULTILINE), run.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [("--epochs", "0"), ("--out", "nowhere/curves.png")], ids=lambda o: o[0])
def test_the_script_refuses_before_it_trains(tmp_path: Path, options: tuple[str, str]) -> None:
    run = run_script(tmp_path, *options)
    assert run.returncode == 2
    assert options[0] in run.stderr
    assert run.stdout == ""
