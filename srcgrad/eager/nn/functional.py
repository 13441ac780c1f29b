"""Layers and losses as functions: those of `srcgrad.nn`, with PyTorch's arguments and as one node each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad import nn
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions import random as draws
from srcgrad.eager.functions import reductions
from srcgrad.eager.functions.activations import log_softmax, softmax
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.functions.indexing import masked_fill
from srcgrad.eager.functions.linear import linear
from srcgrad.eager.functions.renamed import DEFINED
from srcgrad.eager.functions.shaping import movedim
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.operands import is_traced
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.nn.losses import reduced

# Activations

sigmoid, tanh, logsigmoid = ew.sigmoid, ew.tanh, ew.logsigmoid


def relu(input: Any, inplace: bool = False) -> Any:
    """The value where it is positive, else 0."""
    return input.relu_() if inplace else ew.relu(input)


@composite("LeakyReluBackward0")
def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """The value where it is positive, else a fraction of it."""
    return nn.leaky_relu(input, negative_slope)


@composite("EluBackward0")
def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """The value where it is positive, else ``alpha * (exp(x) - 1)``."""
    return nn.elu(input, alpha)


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@composite("EluBackward0")
def selu(input: Any, inplace: bool = False) -> Any:
    """`elu` scaled so that mean 0 and variance 1 are kept (Klambauer et al. 2017)."""
    return ew.mul(nn.elu(input, _SELU_ALPHA), _SELU_SCALE)


@composite("GeluBackward0")
def gelu(input: Any, approximate: str = "none") -> Any:
    """``x`` times the normal distribution function of ``x``."""
    return nn.gelu(input, approximate)


@composite("SiluBackward0")
def silu(input: Any, inplace: bool = False) -> Any:
    """``x * sigmoid(x)``"""
    return nn.silu(input)


@composite("MishBackward0")
def mish(input: Any, inplace: bool = False) -> Any:
    """``x * tanh(softplus(x))``"""
    return ew.mul(input, ew.tanh(nn.softplus(input)))


@composite("SoftplusBackward0")
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta x)) / beta``; the value itself where ``beta x`` exceeds the threshold."""
    large = ew.gt(ew.mul(input, beta), threshold)
    return where(large, input, nn.softplus(where(large, 0.0, input), beta))


@composite("HardtanhBackward0")
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Clamped to a range; at its ends the derivative is 0."""
    inside = ew.logical_and(ew.gt(input, min_val), ew.lt(input, max_val))
    return where(inside, input, ew.clamp(input.detach() if isinstance(input, Tensor) else input, min_val, max_val))


def relu6(input: Any, inplace: bool = False) -> Any:
    """Clamped to 0 .. 6."""
    return hardtanh(input, 0.0, 6.0)


def softsign(input: Any) -> Any:
    """``x / (1 + |x|)``"""
    return ew.div(input, ew.add(ew.abs(input), 1))


def tanhshrink(input: Any) -> Any:
    """``x - tanh(x)``"""
    return ew.sub(input, ew.tanh(input))


def softmin(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """`softmax` of the negative."""
    return softmax(ew.neg(input), dim, dtype)


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
    return composite("NativeLayerNormBackward0")(_layer_norm)(input, weight, bias, tuple(normalized_shape), eps)


def _layer_norm(input: Any, weight: Any, bias: Any, normalized_shape: tuple[int, ...], eps: float) -> Any:
    count = len(normalized_shape)
    if tuple(input.shape)[len(input.shape) - count :] != normalized_shape:
        raise RuntimeError(
            f"Given normalized_shape={list(normalized_shape)}, expected input with shape "
            f"[*, {', '.join(map(str, normalized_shape))}], but got input of size{list(input.shape)}"
        )
    if count == 1:
        return nn.layer_norm({"weight": weight, "bias": bias}, input, eps)
    return _normalised(input, range(-count, 0), weight, bias, eps)


def _normalised(input: Any, dims: Sequence[int], weight: Any, bias: Any, eps: float) -> Any:
    centred = ew.sub(input, reductions.mean(input, tuple(dims), True))
    made = ew.div(centred, ew.sqrt(ew.add(reductions.mean(ew.square(centred), tuple(dims), True), eps)))
    made = made if weight is None else ew.mul(made, weight)
    return made if bias is None else ew.add(made, bias)


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
    if not training:
        scale = ew.rsqrt(ew.add(running_var.view(shape), eps))
        made = ew.mul(ew.sub(input, running_mean.view(shape)), scale)
        made = made if weight is None else ew.mul(made, weight)
        return made if bias is None else ew.add(made, bias)
    dims = (0, *range(2, len(input.shape)))
    if running_mean is not None:
        now = input.detach()
        running_mean.mul_(1 - momentum).add_(now.mean(dims), alpha=momentum)
        running_var.mul_(1 - momentum).add_(now.var(dims), alpha=momentum)
    return composite("NativeBatchNormBackward0")(lambda x, w, b: _normalised(x, dims, w, b, eps))(input, weight, bias)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of the weight that the integers name; the row ``padding_idx`` gets no gradient."""
    if isinstance(input, Tensor) and input._array.size:
        low, high = int(input._array.min()), int(input._array.max())
        if low < 0 or high >= weight.shape[0]:
            raise IndexError("index out of range in self")
    rows = composite("EmbeddingBackward0")(lambda w: w[input])(weight)
    if padding_idx is None:
        return rows
    padding = padding_idx % weight.shape[0]
    is_padding = ew.eq(input, padding).unsqueeze(-1)
    return where(is_padding, rows.detach(), rows)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of zeros with a one at the index."""
    classes = int(tensor._array.max()) + 1 if num_classes == -1 else num_classes
    return wrap((tensor._array[..., None] == np.arange(classes)).astype(np.int64))


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divided by its norm along a dimension."""
    return ew.div(input, ew.clamp_min(reductions.norm(input, p, dim, True), eps))


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along a dimension."""
    sizes = [ew.clamp_min(reductions.norm(x, 2, dim), eps) for x in (x1, x2)]
    return ew.div(reductions.sum(ew.mul(x1, x2), dim), ew.mul(*sizes))


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """``x1 @ weight[k] @ x2`` for each output k."""
    made = DEFINED["einsum"]("...i,kij,...j->...k", input1, weight, input2)
    return made if bias is None else ew.add(made, bias)


# Losses


def _check_sizes(input: Any, target: Any) -> None:
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({target.shape!r}) that is different to the input size ({input.shape!r}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )


@composite("MseLossBackward0")
def _mse_loss(input: Any, target: Any, reduction: str) -> Any:
    return nn.mse_loss(input, target, reduction)


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The squared difference."""
    _check_sizes(input, target)
    return _mse_loss(input, target, reduction)


@composite("MeanBackward0")
def _l1_loss(input: Any, target: Any, reduction: str) -> Any:
    return nn.l1_loss(input, target, reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The absolute difference."""
    _check_sizes(input, target)
    return _l1_loss(input, target, reduction)


@composite("SmoothL1LossBackward0")
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Half the squared difference over ``beta`` up to ``beta``, linear beyond."""
    return nn.smooth_l1_loss(input, target, reduction, beta)


@composite("HuberLossBackward0")
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Half the squared difference up to ``delta``, linear beyond."""
    return nn.huber_loss(input, target, reduction, delta)


@composite("NllLossBackward0")
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Minus the score of each target's class (dimension 1), weighted by class; targets ``ignore_index`` count for
    nothing.
    """
    scores = input if len(input.shape) == 1 else movedim(input, 1, -1)
    _check_targets(target, scores.shape[-1], ignore_index)
    if weight is None and len(scores.shape) <= 2 and not _has(target, ignore_index):
        return nn.nll_loss(scores, target, reduction)
    ignored = ew.eq(target, ignore_index)
    classes = masked_fill(target, ignored, 0)
    picked = scores.gather(len(scores.shape) - 1, classes.unsqueeze(-1)).squeeze(-1)
    weights = wrap(np.ones(tuple(target.shape), picked._array.dtype)) if weight is None else weight[classes]
    weights = masked_fill(weights, ignored, 0.0)
    losses = ew.mul(masked_fill(ew.neg(picked), ignored, 0.0), weights)
    if reduction == "mean":
        return ew.div(reductions.sum(losses), reductions.sum(weights))
    return reductions.sum(losses) if reduction == "sum" else losses


def _has(target: Any, value: int) -> bool:
    return not is_traced(target) and bool((target._array == value).any())


def _check_targets(target: Any, classes: int, ignore_index: int) -> None:
    if is_traced(target):
        return
    wrong = (target._array < 0) | (target._array >= classes)
    wrong &= target._array != ignore_index
    if wrong.any():
        raise IndexError(f"Target {target._array[wrong].reshape(-1)[0]} is out of bounds.")


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
    scores = log_softmax(input, dim)
    if target.dtype.kind == "f":
        return _soft_cross_entropy(scores, target, weight, reduction, label_smoothing, dim)
    plain = nll_loss(scores, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return plain
    classes = input.shape[dim]
    ignored = ew.eq(target, ignore_index)
    weighted = scores if weight is None else ew.mul(scores, weight.view([-1] + [1] * (len(input.shape) - dim - 1)))
    spread = masked_fill(ew.neg(reductions.sum(weighted, dim)), ignored, 0.0)
    if reduction == "mean":
        of_class = wrap(np.ones(classes, scores._array.dtype)) if weight is None else weight
        counted = masked_fill(of_class[masked_fill(target, ignored, 0)], ignored, 0.0)
        spread = ew.div(reductions.sum(spread), reductions.sum(counted))
    elif reduction == "sum":
        spread = reductions.sum(spread)
    return ew.add(ew.mul(plain, 1 - label_smoothing), ew.mul(spread, label_smoothing / classes))


def _soft_cross_entropy(scores: Any, target: Any, weight: Any, reduction: str, smoothing: float, dim: int) -> Any:
    if smoothing:
        target = ew.add(ew.mul(target, 1 - smoothing), smoothing / scores.shape[dim])
    products = ew.mul(scores, target)
    if weight is not None:
        products = ew.mul(products, weight.view([-1] + [1] * (len(scores.shape) - dim - 1)))
    losses = ew.neg(reductions.sum(products, dim))
    if reduction == "mean":
        return ew.div(reductions.sum(losses), max(1, int(np.prod(losses.shape))))
    return reductions.sum(losses) if reduction == "sum" else losses


def _weighted(losses: Any, weight: Any, reduction: str) -> Any:
    if weight is not None:
        losses = ew.mul(losses, weight)
    return reduced(losses, reduction)


@composite("BinaryCrossEntropyBackward0")
def _binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str) -> Any:
    return _weighted(nn.binary_cross_entropy(input, target, "none"), weight, reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """The cross entropy of probabilities between 0 and 1."""
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(
            f"Using a target size ({target.shape!r}) that is different to the input size ({input.shape!r}) is "
            "deprecated. Please ensure they have the same size."
        )
    if isinstance(input, Tensor) and input._array.size and not (input._array.min() >= 0 and input._array.max() <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    return _binary_cross_entropy(input, target, weight, reduction)


@composite("BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """`binary_cross_entropy` of the sigmoid, without overflow."""
    if tuple(input.shape) != tuple(target.shape):
        raise ValueError(f"Target size ({target.shape!r}) must be the same as input size ({input.shape!r})")
    if pos_weight is None:
        return _weighted(nn.binary_cross_entropy_with_logits(input, target, "none"), weight, reduction)
    scale = ew.add(ew.mul(ew.sub(pos_weight, 1), target), 1)
    losses = ew.sub(ew.mul(ew.sub(1, target), input), ew.mul(scale, ew.logsigmoid(input)))
    return _weighted(losses, weight, reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """The divergence of log-probabilities from probabilities."""
    return nn.kl_div(input, target, reduction, log_target)


__all__ = [
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
]
