"""Layers and losses as functions: those of `srcgrad.nn`, with PyTorch's arguments and as one node each."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad import nn
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions import pointwise, reductions
from srcgrad.eager.functions.activations import log_softmax, softmax
from srcgrad.eager.functions.linear import linear as _linear
from srcgrad.eager.functions.renamed import DEFINED as _DEFINED
from srcgrad.eager.functions.shaping import movedim
from srcgrad.eager.making import random as draws
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.definitions import defined
from srcgrad.eager.recording.operands import is_traced
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.nn.layers import affine, normalized
from srcgrad.nn.losses import entropy_of_scores

#: As in ``functions/renamed.py``; "..." is what `srcgrad.nn` says of the function.
_TABLE = """
relu(input, inplace=False) = input.relu_() if inplace else ew.relu(input)  # The value where it is positive, else 0.
leaky_relu(input, negative_slope=0.01, inplace=False) = nn.leaky_relu(input, negative_slope)  # ... @LeakyReluBackward0
elu(input, alpha=1.0, inplace=False) = nn.elu(input, alpha)  # ... @EluBackward0
selu(input, inplace=False) = nn.selu(input)  # ... @EluBackward0
gelu(input, approximate="none") = nn.gelu(input, approximate)  # ... @GeluBackward0
silu(input, inplace=False) = nn.silu(input)  # ... @SiluBackward0
mish(input, inplace=False) = nn.mish(input)  # ... @MishBackward0
relu6(input, inplace=False) = hardtanh(input, 0.0, 6.0)  # Clamped to 0 .. 6.
softsign(input) = nn.softsign(input)  # ...
tanhshrink(input) = nn.tanhshrink(input)  # ...
softmin(input, dim=None, dtype=None) = softmax(-input, dim, dtype)  # `softmax` of the negative.
normalize(input, p=2.0, dim=1, eps=1e-12) = ew.div(input, norm(input, p, dim, True, eps))  # Divided by its norm.
mse_loss(input, target, reduction="mean") = mse(*alike(input, target), reduction)  # ...
l1_loss(input, target, reduction="mean") = l1(*alike(input, target), reduction)  # ...
smooth_l1_loss(input, target, reduction="mean", beta=1.0) = smooth_l1(input, target, reduction, beta)  # ...
huber_loss(input, target, reduction="mean", delta=1.0) = huber(input, target, reduction, delta)  # ...
kl_div(input, target, reduction="mean", log_target=False) = nn.kl_div(input, target, reduction, log_target)  # ...
"""
linear = _linear
sigmoid, tanh, logsigmoid = pointwise.sigmoid, pointwise.tanh, pointwise.logsigmoid


@composite("SoftplusBackward0")
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta x)) / beta``; the value itself where ``beta x`` exceeds the threshold."""
    large = ew.gt(ew.mul(input, beta), threshold)
    return ew.where(large, input, nn.softplus(ew.where(large, 0.0, input), beta))


@composite("HardtanhBackward0")
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Clamped to a range; at its ends the derivative is 0."""
    inside = ew.logical_and(ew.gt(input, min_val), ew.lt(input, max_val))
    return ew.where(inside, input, ew.clamp(input.detach() if isinstance(input, Tensor) else input, min_val, max_val))


# Layers


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Zero with probability p, the rest scaled by ``1 / (1 - p)``, in training."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    kept = draws.source(None).random(tuple(input.shape)) >= p
    scale = kept.astype(input._array.dtype) / np.asarray(1 - p if p < 1 else 1, input._array.dtype)
    return ew.mul(input, wrap(scale))


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Mean 0 and variance 1 over the last dimensions, times weight plus bias."""
    shape, count = tuple(normalized_shape), len(normalized_shape)
    if tuple(input.shape)[len(input.shape) - count :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(input.shape)}"
        )
    params = {"weight": weight, "bias": bias}
    return composite("NativeLayerNormBackward0")(lambda x, w, b: nn.layer_norm(params, x, eps, count))(
        input, weight, bias
    )


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Mean 0 and variance 1 of each channel (dimension 1), over the batch in training, else by the running
    estimates.
    """
    shape = [1, input.shape[1]] + [1] * (len(input.shape) - 2)
    weight, bias = (None if part is None else part.view(shape) for part in (weight, bias))
    params = {"weight": weight, "bias": bias}
    if not training:
        scale = ew.rsqrt(ew.add(running_var.view(shape), eps))
        return affine(params, ew.mul(ew.sub(input, running_mean.view(shape)), scale))
    dims = (0, *range(2, len(input.shape)))
    if running_mean is not None:
        now = input.detach()
        running_mean.mul_(1 - momentum).add_(now.mean(dims), alpha=momentum)
        running_var.mul_(1 - momentum).add_(now.var(dims), alpha=momentum)
    return composite("NativeBatchNormBackward0")(lambda x, w, b: normalized(params, x, dims, eps))(input, weight, bias)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of the weight that the integers name; the row ``padding_idx`` gets no gradient."""
    if isinstance(input, Tensor) and input._array.size:
        low, high = int(input._array.min()), int(input._array.max())
        if low < 0 or high >= weight.shape[0]:
            raise IndexError("index out of range in self")
    rows = composite("EmbeddingBackward0")(lambda w: w[input])(weight)
    if padding_idx is None:
        return rows
    is_padding = ew.eq(input, padding_idx % weight.shape[0]).unsqueeze(-1)
    return ew.where(is_padding, rows.detach(), rows)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a one at the index."""
    classes = int(tensor._array.max()) + 1 if num_classes == -1 else num_classes
    return wrap((tensor._array[..., None] == np.arange(classes)).astype(np.int64))


def _norm(input: Any, p: float, dim: int, keepdim: bool, eps: float) -> Any:
    return ew.clamp_min(reductions.norm(input, p, dim, keepdim), eps)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along a dimension."""
    sizes = [_norm(x, 2, dim, False, eps) for x in (x1, x2)]
    return ew.div(reductions.sum(ew.mul(x1, x2), dim), ew.mul(*sizes))


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``x1 @ weight[k] @ x2`` for each output k."""
    made = _DEFINED["einsum"]("...i,kij,...j->...k", input1, weight, input2)
    return made if bias is None else ew.add(made, bias)


# Losses


def _alike(input: Any, target: Any) -> tuple[Any, Any]:
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({target.shape!r}) that is different to the input size ({input.shape!r}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )
    return input, target


@composite("NllLossBackward0")
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Minus the score of each target's class (dimension 1), weighted by class; targets ``ignore_index`` count for
    nothing.
    """
    scores = input if len(input.shape) == 1 else movedim(input, 1, -1)
    return nn.nll_loss(scores, target, reduction, weight, _ignored(target, scores.shape[-1], ignore_index))


def _ignored(target: Any, classes: int, ignore_index: int) -> int | None:
    """The index to ignore where it is there, else None; raises IndexError for a class that is not."""
    if is_traced(target):
        return None if ignore_index == -100 else ignore_index
    ignored = target._array == ignore_index
    wrong = ((target._array < 0) | (target._array >= classes)) & ~ignored
    if wrong.any():
        raise IndexError(f"Target {target._array[wrong].reshape(-1)[0]} is out of bounds.")
    return ignore_index if ignored.any() else None


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """`nll_loss` of `log_softmax` of scores (dimension 1); the target may also hold probabilities of classes."""
    dim = 0 if len(input.shape) == 1 else 1
    scores, ignored = log_softmax(input, dim), None
    if target.dtype.kind == "f":
        target = movedim(target, dim, -1)
    elif label_smoothing:
        ignored = _ignored(target, input.shape[dim], ignore_index)
    else:
        return nll_loss(scores, target, weight, ignore_index, reduction)
    return entropy_of_scores(movedim(scores, dim, -1), target, reduction, label_smoothing, weight, ignored)


@composite("BinaryCrossEntropyBackward0")
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """The cross entropy of probabilities between 0 and 1."""
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Using a target size ({target.shape!r}) that is different to the input size ({input.shape!r}) is "
            "deprecated. Please ensure they have the same size."
        )
    if isinstance(input, Tensor) and input._array.size and not (input._array.min() >= 0 and input._array.max() <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    return nn.binary_cross_entropy(input, target, reduction, weight)


@composite("BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """`binary_cross_entropy` of the sigmoid, without overflow."""
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(f"Target size ({target.shape!r}) must be the same as input size ({input.shape!r})")
    return nn.binary_cross_entropy_with_logits(input, target, reduction, weight, pos_weight)


_NAMES = {
    "nn": nn,
    "ew": ew,
    "softmax": softmax,
    "hardtanh": hardtanh,
    "norm": _norm,
    "alike": _alike,
    "mse": composite("MseLossBackward0")(nn.mse_loss),
    "l1": composite("MeanBackward0")(nn.l1_loss),
    "smooth_l1": composite("SmoothL1LossBackward0")(nn.smooth_l1_loss),
    "huber": composite("HuberLossBackward0")(nn.huber_loss),
}
globals().update(defined(_TABLE, _NAMES, __name__))
_OTHERS = ("affine", "composite", "defined", "entropy_of_scores", "is_traced", "movedim", "normalized", "wrap")
__all__ = sorted(  # noqa: PLE0605
    name for name, value in globals().items() if inspect.isfunction(value) and name not in _OTHERS and name[0] != "_"
)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
