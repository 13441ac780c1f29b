"""The picture of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE, FAINT, GUIDE = "#1f5fa8", "#a9c6e8", "#777777"


def draw(regression: NDArray[Any], digits: NDArray[Any], accuracies: Sequence[float], file: Path) -> None:
    """Three panels: the regression's loss by step, the digits' loss by batch and their test accuracy by epoch.

    ``digits`` has a row of losses for each epoch.
    """
    import matplotlib

    matplotlib.use("Agg")  # draws into files, needs no display
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    epochs = np.arange(1, len(digits) + 1)
    batches = np.arange(1, digits.size + 1) / digits.shape[1]

    left.loglog(np.arange(1, len(regression) + 1), regression, color=LINE)
    left.set(title="Regression: squared error", xlabel="step")
    left.xaxis.set_major_formatter("{x:,g}")
    left.yaxis.set_major_formatter("{x:,g}")

    middle.semilogy(batches, digits.ravel(), color=FAINT, linewidth=1, label="batch")
    middle.semilogy(epochs - 0.5, digits.mean(axis=1), color=LINE, label="mean of an epoch")
    middle.set(title="Digits: cross entropy", xlabel="epoch")
    middle.yaxis.set_major_formatter("{x:g}")
    middle.legend(frameon=False)

    right.plot(epochs, 100 * np.asarray(accuracies), color=LINE, marker=".")
    right.axhline(97, color=GUIDE, linewidth=1, linestyle="--")
    right.annotate("97 %", (epochs[-1], 97), (0, -4), textcoords="offset points", color=GUIDE, ha="right", va="top")
    right.set(title="Digits: test accuracy, %", xlabel="epoch", ylim=(max(0.0, 100 * min(accuracies) - 2), 100))

    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(file, dpi=150)
    plt.close(figure)
