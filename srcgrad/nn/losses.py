"""Losses. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.nn.activations import log_softmax
from srcgrad.nn.faces import shape_of
from srcgrad.ops.creation import zeros_like


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


def nll_loss(
    input: Any, target: Any, reduction: str = "mean", weight: Any = None, ignore_index: int | None = None
) -> Any:
    """Minus the log-probability of the class that each target names; ``input`` has shape (..., classes).

    ``weight`` has one for each class: the mean is that of the weighted losses. Targets ``ignore_index`` count for
    nothing.
    """
    counted = None if ignore_index is None else apply("not_equal", target, ignore_index)
    classes = target if counted is None else apply("where", counted, target, 0)
    losses = -_at_last(input, classes)
    if weight is None and counted is None:
        return reduced(losses, reduction)
    weights = apply("gather", weight, classes, axes=(0,), position=0) if weight is not None else zeros_like(losses) + 1
    if counted is not None:
        weights, losses = apply("where", counted, weights, 0), apply("where", counted, losses, 0)
    losses = losses * weights
    return losses.sum() / weights.sum() if reduction == "mean" else reduced(losses, reduction)


def _at_last(x: Any, index: Any) -> Any:
    """Of each line along the last axis the element at the index."""
    shape = shape_of(index)
    places = [np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(shape))]) for axis, n in enumerate(shape)]
    grids = [np.ascontiguousarray(np.broadcast_to(place, shape)) for place in places]
    return apply("gather", x, *grids, index, axes=tuple(range(len(shape) + 1)), position=0)


def cross_entropy(
    input: Any,
    target: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    weight: Any = None,
    ignore_index: int | None = None,
) -> Any:
    """`nll_loss` of the softmax of unnormalised scores; or, for targets of the shape of the scores, of
    probabilities.
    """
    return entropy_of_scores(log_softmax(input, axis=-1), target, reduction, label_smoothing, weight, ignore_index)


def entropy_of_scores(
    scores: Any, target: Any, reduction: str, label_smoothing: float, weight: Any, ignore_index: int | None
) -> Any:
    """`cross_entropy` of log-probabilities."""
    last, classes = len(shape_of(scores)) - 1, shape_of(scores)[-1]
    if target.dtype.kind == "f":
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / classes
        products = -(scores * target)
        return reduced(apply("sum", products if weight is None else products * weight, axes=(last,)), reduction)
    plain = nll_loss(scores, target, reduction, weight, ignore_index)
    if not label_smoothing:
        return plain
    spread = -apply("sum", scores if weight is None else scores * weight, axes=(last,))
    counted = None if ignore_index is None else apply("not_equal", target, ignore_index)
    if counted is not None:
        spread = apply("where", counted, spread, 0)
    if reduction == "mean" and (weight is not None or counted is not None):
        chosen = target if counted is None else apply("where", counted, target, 0)
        weights = zeros_like(spread) + 1 if weight is None else apply("gather", weight, chosen, axes=(0,), position=0)
        spread = spread.sum() / (weights if counted is None else apply("where", counted, weights, 0)).sum()
    else:
        spread = reduced(spread, reduction)
    return (1 - label_smoothing) * plain + label_smoothing / classes * spread


def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """``-(target log(input) + (1 - target) log(1 - input))``, logarithms no less than -100, times the weight."""
    yes = apply("maximum", apply("log", input), -100.0)
    no = apply("maximum", apply("log1p", -input), -100.0)
    losses = -(target * yes + (1 - target) * no)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, reduction: str = "mean", weight: Any = None, pos_weight: Any = None
) -> Any:
    """`binary_cross_entropy` of the sigmoid, without overflow; ``pos_weight`` multiplies what the target 1 adds."""
    of_one = apply("log_expit", input)
    if pos_weight is not None:
        of_one = ((pos_weight - 1) * target + 1) * of_one
    losses = (1 - target) * input - of_one
    return reduced(losses if weight is None else losses * weight, reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """``target (log(target) - input)``: the divergence of log-probabilities from probabilities."""
    losses = apply("exp", target) * (target - input) if log_target else apply("xlogy", target, target) - target * input
    if reduction == "batchmean":
        return losses.sum() / losses.shape[0]
    return reduced(losses, reduction)
