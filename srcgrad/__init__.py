"""Automatic differentiation for NumPy: trace, differentiate, fuse, compile.

Write NumPy, get the gradient as compiled code:

>>> import numpy as np
>>> import srcgrad as sg
>>> sg.grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, np.pi / 4]))
array([0., 1.])
"""

from srcgrad import ops, optim, random
from srcgrad.api import (
    checkpoint,
    constant,
    custom_vjp,
    grad,
    hessian,
    hvp,
    ir,
    jacrev,
    jit,
    source,
    stop_gradient,
    value_and_grad,
    vjp,
)
from srcgrad.control import checkpointed, cond, fori_loop, scan, while_loop
from srcgrad.core import tree
from srcgrad.core.errors import SrcgradError
from srcgrad.dispatch.drawing import draw
from srcgrad.inspection import cost, get_num_threads, profile, set_num_threads
from srcgrad.numpy.callbacks import pure_callback

__all__ = [
    "SrcgradError",
    "checkpoint",
    "checkpointed",
    "cond",
    "constant",
    "cost",
    "custom_vjp",
    "draw",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "ir",
    "jacrev",
    "jit",
    "ops",
    "optim",
    "profile",
    "pure_callback",
    "random",
    "scan",
    "set_num_threads",
    "source",
    "stop_gradient",
    "tree",
    "value_and_grad",
    "vjp",
    "while_loop",
]
