"""The step of a small convolutional network on 8 x 8 images, batch of 64: two 3 x 3 layers and a linear one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.case import Case, Gradient, Inputs

BATCH, SIDE, KERNEL = 64, 8, 3
CHANNELS = (1, 16, 32)
LEFT = SIDE - 2 * (KERNEL - 1)
CLASSES = 10


def network(np: Any) -> Callable[..., Any]:
    """In NumPy's names a convolution is a product of windows, here made of shifted slices."""

    def convolve(images: Any, kernels: Any) -> Any:
        side = images.shape[1] - KERNEL + 1
        shifts = [(i, j) for i in range(KERNEL) for j in range(KERNEL)]
        windows = np.concatenate([images[:, i : i + side, j : j + side] for i, j in shifts], axis=3)
        return windows @ np.reshape(kernels, (-1, kernels.shape[3]))

    def loss(k1: Any, b1: Any, k2: Any, b2: Any, w: Any, b3: Any, images: Any, labels: Any) -> Any:
        hidden = np.maximum(convolve(images, k1) + b1, 0)
        hidden = np.maximum(convolve(hidden, k2) + b2, 0)
        logits = np.reshape(hidden, (BATCH, -1)) @ w + b3
        logits = logits - np.max(logits, axis=1, keepdims=True)
        log_normalisers = np.log(np.sum(np.exp(logits), axis=1))
        return np.mean(log_normalisers - logits[np.arange(BATCH), labels])

    return loss


def jax_network(k1: Any, b1: Any, k2: Any, b2: Any, w: Any, b3: Any, images: Any, labels: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def convolve(images: Any, kernels: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(images, kernels, (1, 1), "VALID", dimension_numbers=layout)

    hidden = jax.nn.relu(convolve(images, k1) + b1)
    hidden = jax.nn.relu(convolve(hidden, k2) + b2)
    log_probabilities = jax.nn.log_softmax(hidden.reshape(BATCH, -1) @ w + b3)
    return -jnp.mean(log_probabilities[jnp.arange(BATCH), labels])


def torch_network(k1: Any, b1: Any, k2: Any, b2: Any, w: Any, b3: Any, images: Any, labels: Any) -> Any:
    """Images and kernels as views in PyTorch's order of axes, which is its channels-last format."""
    import torch
    from torch.nn.functional import conv2d, cross_entropy, relu

    hidden = relu(conv2d(images.permute(0, 3, 1, 2), k1.permute(3, 2, 0, 1), b1))
    hidden = relu(conv2d(hidden, k2.permute(3, 2, 0, 1), b2))
    hidden = hidden.permute(0, 2, 3, 1).reshape(BATCH, -1)
    return cross_entropy(torch.addmm(b3, hidden, w), labels)


def make_inputs(generator: np.random.Generator) -> Inputs:
    arrays = []
    for channels_in, channels_out in pairwise(CHANNELS):
        fan_in = KERNEL * KERNEL * channels_in
        kernels = generator.standard_normal((KERNEL, KERNEL, channels_in, channels_out))
        arrays += [kernels * (2 / fan_in) ** 0.5, 0.1 * generator.standard_normal(channels_out)]
    features = LEFT * LEFT * CHANNELS[-1]
    arrays += [generator.standard_normal((features, CLASSES)) * features**-0.5, np.zeros(CLASSES)]
    arrays.append(generator.random((BATCH, SIDE, SIDE, CHANNELS[0])))
    labels = generator.integers(0, CLASSES, BATCH)
    return (*(array.astype(np.float32) for array in arrays), labels)


def expected(inputs: Inputs, units: int) -> tuple[Any, ...]:
    k1, b1, k2, b2, w, b3, images = (array.astype(np.float64) for array in inputs[:-1])
    labels, rows = inputs[-1], np.arange(BATCH)

    def windows(images: Any) -> Any:
        return np.lib.stride_tricks.sliding_window_view(images, (KERNEL, KERNEL), axis=(1, 2))

    before1 = np.einsum("bhwcij,ijco->bhwo", windows(images), k1) + b1
    h1 = np.maximum(before1, 0)
    before2 = np.einsum("bhwcij,ijco->bhwo", windows(h1), k2) + b2
    flat = np.maximum(before2, 0).reshape(BATCH, -1)
    logits = flat @ w + b3
    log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    d_logits = np.exp(log_probabilities)
    d_logits[rows, labels] -= 1
    d_logits /= BATCH
    d2 = (d_logits @ w.T).reshape(before2.shape) * (before2 > 0)
    padded = np.pad(d2, ((0, 0), (KERNEL - 1,) * 2, (KERNEL - 1,) * 2, (0, 0)))
    d1 = np.einsum("bhwoij,ijco->bhwc", windows(padded), k2[::-1, ::-1]) * (before1 > 0)
    return (
        -np.mean(log_probabilities[rows, labels]),
        np.einsum("bhwcij,bhwo->ijco", windows(images), d1),
        d1.sum((0, 1, 2)),
        np.einsum("bhwcij,bhwo->ijco", windows(h1), d2),
        d2.sum((0, 1, 2)),
        flat.T @ d_logits,
        d_logits.sum(0),
    )


CASE = Case(
    name="convolution",
    what="two 3 x 3 convolutions and a linear layer on 8 x 8 images, batch of 64, cross entropy and all gradients",
    dtype="float32",
    make_inputs=make_inputs,
    expected=expected,
    tolerance=1e-4,
    gradient=Gradient(network, torch_network, n_differentiated=6, jax_loss=jax_network),
)
