"""Losses. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.nn.activations import log_softmax
from srcgrad.nn.faces import shape_of, total


def reduced(losses: Any, reduction: str) -> Any:
    """The mean or sum of losses, or the losses themselves."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ValueError(f"{reduction} is not a valid value for reduction; it is 'mean', 'sum' or 'none'")


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared difference."""
    difference = input - target
    return reduced(apply("square", difference), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute difference."""
    return reduced(abs(input - target), reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared difference up to ``delta``, linear beyond (Huber 1964)."""
    far = abs(input - target)
    near = apply("less_equal", far, delta)
    return reduced(apply("where", near, 0.5 * (far * far), delta * (far - 0.5 * delta)), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """`huber_loss` over ``beta``; `l1_loss` for beta 0."""
    if beta == 0:
        return l1_loss(input, target, reduction)
    far = abs(input - target)
    near = apply("less", far, beta)
    return reduced(apply("where", near, 0.5 * (far * far) / beta, far - 0.5 * beta), reduction)


def nll_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Minus the log-probability of the class that each row's target names; ``input`` has shape (n, classes) or
    (classes,).
    """
    ndim = len(shape_of(input))
    picked = (
        apply("gather", input, target, axes=(0,), position=0)
        if ndim == 1
        else apply("gather", input, np.arange(shape_of(target)[0]), target, axes=(0, 1), position=0)
    )
    return reduced(-picked, reduction)


def cross_entropy(input: Any, target: Any, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
    """`nll_loss` of the softmax of unnormalised scores; or, for targets of the shape of the scores, of
    probabilities.
    """
    scores = log_softmax(input, axis=-1)
    if target.dtype.kind != "f":
        plain = nll_loss(scores, target, "none")
        if not label_smoothing:
            return reduced(plain, reduction)
        classes = shape_of(scores)[-1]
        spread = apply("reshape", -total(scores, len(shape_of(scores)) - 1) / classes, shape=shape_of(plain))
        return reduced((1 - label_smoothing) * plain + label_smoothing * spread, reduction)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / shape_of(input)[-1]
    ndim = len(shape_of(input))
    losses = apply("sum", -(scores * target), axes=(ndim - 1,))
    return reduced(losses, reduction)


def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """``-(target log(input) + (1 - target) log(1 - input))``, logarithms no less than -100."""
    yes = apply("maximum", apply("log", input), -100.0)
    no = apply("maximum", apply("log1p", -input), -100.0)
    return reduced(-(target * yes + (1 - target) * no), reduction)


def binary_cross_entropy_with_logits(input: Any, target: Any, reduction: str = "mean") -> Any:
    """`binary_cross_entropy` of the sigmoid, without overflow."""
    return reduced((1 - target) * input - apply("log_expit", input), reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """``target (log(target) - input)``: the divergence of log-probabilities from probabilities."""
    losses = apply("exp", target) * (target - input) if log_target else apply("xlogy", target, target) - target * input
    if reduction == "batchmean":
        return losses.sum() / losses.shape[0]
    return reduced(losses, reduction)
