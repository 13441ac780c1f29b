"""Layers and losses as plain functions over pytrees of parameters: on arrays, in compiled functions, and on tensors.

A layer is ``layer(params, x)``. The parameters have the names and shapes that PyTorch gives them, so that they can be
taken over from one of its ``state_dict``s:

>>> import numpy as np
>>> from srcgrad import nn
>>> rng = np.random.default_rng(0)
>>> params = {"hidden": nn.init_linear(rng, 3, 8), "out": nn.init_linear(rng, 8, 1)}
>>> def model(params, x):
...     return nn.linear(params["out"], nn.relu(nn.linear(params["hidden"], x)))
>>> model(params, np.ones((5, 3))).shape
(5, 1)
"""

from srcgrad.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from srcgrad.nn.initial import (
    init_embedding,
    init_layer_norm,
    init_linear,
    kaiming_normal,
    kaiming_uniform,
    xavier_normal,
    xavier_uniform,
)
from srcgrad.nn.layers import dropout, embedding, layer_norm, linear
from srcgrad.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "huber_loss",
    "init_embedding",
    "init_layer_norm",
    "init_linear",
    "kaiming_normal",
    "kaiming_uniform",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "mse_loss",
    "nll_loss",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
    "xavier_normal",
    "xavier_uniform",
]
