"""The check of gradients of real functions of complex arrays, against differences along a random direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import srcgrad as sg

STEP = 1e-6


def check_gradient(function: Callable[..., Any], *args: Any, tolerance: float = 1e-6, seed: int = 0) -> None:
    """``Re <grad, d>`` is the derivative along d, for one argument at a time; the gradient has its shape and dtype."""
    rng = np.random.default_rng(seed)
    numbers = tuple(range(len(args)))
    gradients = sg.grad(function, argnums=numbers)(*args)
    for number, (argument, gradient) in enumerate(zip(args, gradients, strict=True)):
        argument = np.asarray(argument)
        assert gradient.shape == argument.shape
        assert gradient.dtype == argument.dtype
        direction = rng.normal(size=argument.shape)
        if argument.dtype.kind == "c":
            direction = direction + 1j * rng.normal(size=argument.shape)
        ahead, behind = (
            float(function(*args[:number], argument + step * direction, *args[number + 1 :])) for step in (STEP, -STEP)
        )
        expected = (ahead - behind) / (2 * STEP)
        found = float(np.sum(np.conj(gradient) * direction).real)
        assert abs(found - expected) <= tolerance * max(1.0, abs(expected)), (number, found, expected)
