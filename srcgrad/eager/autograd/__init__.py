"""Derivatives of tensors: ``backward``, ``grad``, functions of one's own, Jacobians, checks, anomaly detection."""

from srcgrad.eager.autograd import function as function
from srcgrad.eager.autograd import functional
from srcgrad.eager.autograd.backward import backward, grad
from srcgrad.eager.autograd.check import GradcheckError, gradcheck, gradgradcheck
from srcgrad.eager.autograd.function import Function, once_differentiable
from srcgrad.eager.tensors.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from srcgrad.eager.tensors.tensor import Tensor as Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
