"""Automatic differentiation for NumPy: trace, differentiate, fuse, compile."""

from srcgrad import ops
from srcgrad.api import grad, jit, stop_gradient, value_and_grad

__all__ = ["grad", "jit", "ops", "stop_gradient", "value_and_grad"]
