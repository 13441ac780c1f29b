"""The data sets that the examples train on; where they come from is told in ``data/README.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
DATA = Path(__file__).parent / "data"


def digits(dtype: DTypeLike = np.float64) -> tuple[Array, Array]:
    """Return 1,797 handwritten digits as images (1797, 64) of ``dtype`` in [0, 1] and labels (1797,) int64.

    An image is a row of 8 x 8 pixels; ``images.reshape(-1, 8, 8)`` shows it.

    >>> images, labels = digits()
    >>> images.shape, labels.shape, images.min(), images.max()
    ((1797, 64), (1797,), np.float64(0.0), np.float64(1.0))
    """
    with np.load(DATA / "digits.npz") as stored:
        images, labels = stored["images"], stored["labels"]
    darkest = 16
    return (images.reshape(len(images), -1) / darkest).astype(dtype), labels.astype(np.int64)


def train_test_split(
    images: Array, labels: Array, test_fraction: float = 0.2, seed: int = 0
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Shuffle the rows by ``seed`` and return ``(train_images, train_labels), (test_images, test_labels)``.

    The test part has ``round(test_fraction * len(images))`` rows; the same seed gives the same parts.

    >>> (train_images, _), (test_images, _) = train_test_split(*digits())
    >>> train_images.shape, test_images.shape
    ((1438, 64), (359, 64))
    """
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    if not 0 <= test_fraction <= 1:
        raise ValueError(f"test_fraction is {test_fraction}, but has to lie in [0, 1]")
    order = np.random.default_rng(seed).permutation(len(images))
    test_rows, train_rows = np.split(order, [round(test_fraction * len(images))])
    return (images[train_rows], labels[train_rows]), (images[test_rows], labels[test_rows])
