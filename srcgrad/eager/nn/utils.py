"""What training loops use besides layers: clipping of gradients, parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from srcgrad.eager.functions import joining, reductions
from srcgrad.eager.tensors.modes import no_grad
from srcgrad.eager.tensors.tensor import Tensor


def _tensors(parameters: Any) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


@no_grad()
def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale the gradients so that their norm, taken together, is at most ``max_norm``; gives the norm that they had."""
    grads = [tensor.grad for tensor in _tensors(parameters) if tensor.grad is not None]
    if not grads:
        from srcgrad.eager.making.creation import tensor

        return tensor(0.0)
    total: Tensor = reductions.norm(joining.stack([reductions.norm(grad, norm_type) for grad in grads]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this "
            "error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(scale)
    return total


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float) -> None:
    """Clamp each element of the gradients to ``-clip_value .. clip_value``."""
    for tensor in _tensors(parameters):
        if tensor.grad is not None:
            tensor.grad.clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters in one vector."""
    return joining.cat([tensor.reshape(-1) for tensor in parameters])  # type: ignore[no-any-return]


@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector into parameters, in order."""
    start = 0
    for tensor in parameters:
        tensor.copy_(vec[start : start + tensor.numel()].view(tensor.shape))
        start += tensor.numel()
