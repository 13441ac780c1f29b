"""Automatic differentiation for NumPy: trace, differentiate, fuse, compile.

Write NumPy, get the gradient as compiled code:

>>> import numpy as np
>>> import srcgrad as sg
>>> sg.grad(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.0, np.pi / 4]))
array([0., 1.])
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

import srcgrad.ops  # noqa: F401  (fills the table of operations)
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
)
from srcgrad.control import checkpointed, cond, fori_loop, scan, while_loop
from srcgrad.core import tree
from srcgrad.core.errors import SrcgradError
from srcgrad.core.requirements import check_requirements
from srcgrad.dispatch.pullback import vjp
from srcgrad.inspection import cost, draw, get_num_threads, profile, set_num_threads
from srcgrad.numpy.callbacks import pure_callback

if TYPE_CHECKING:
    from srcgrad import eager, nn, numpy, optim, random

__all__ = [
    "SrcgradError",
    "checkpoint",
    "checkpointed",
    "cond",
    "constant",
    "cost",
    "custom_vjp",
    "draw",
    "eager",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "ir",
    "jacrev",
    "jit",
    "nn",
    "numpy",
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

check_requirements()

#: of these names, the ones that are imported when they are first used
_MODULES = ("eager", "nn", "numpy", "optim", "random")


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"srcgrad.{name}")
    raise AttributeError(f"module 'srcgrad' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
