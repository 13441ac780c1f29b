"""Hooks: functions that see, and may replace, gradients on their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.eager.recording.convention import as_seen
from srcgrad.eager.tensors.node import BackwardNode, Extra
from srcgrad.eager.tensors.tensor import AccumulateGrad, Tensor, wrap


def before(extra: Extra, cotangent: Any) -> Any:
    """The cotangent of a node's result after the tensor's hooks; kept where the tensor retains its gradient."""
    if extra.pre_hooks:
        for hook in list(extra.pre_hooks.values()):
            replaced = hook(as_seen(_as_tensor(cotangent)))
            if replaced is not None:
                cotangent = as_seen(_checked(replaced, cotangent))
    if extra.retain is not None:
        tensor = extra.retain()
        if tensor is not None:
            grad = as_seen(cotangent if isinstance(cotangent, Tensor) else wrap(np.array(cotangent)))
            meta = tensor.more()
            meta.grad = grad if meta.grad is None else meta.grad + grad
    return cotangent


def after(node: BackwardNode, extra: Extra, contributions: Sequence[Any], cotangent: Any) -> Sequence[Any]:
    """The contributions to a node's operands after the node's hooks."""
    assert extra.post_hooks is not None
    recorded = isinstance(cotangent, Tensor)
    for hook in list(extra.post_hooks.values()):
        given = tuple(as_seen(_as_tensor(part)) for part in contributions)
        replaced = hook(given, (as_seen(_as_tensor(cotangent)),))
        if replaced is not None:
            replaced = replaced if isinstance(replaced, tuple) else (replaced,)
            contributions = [as_seen(part if part is None or recorded else part._array) for part in replaced]
    return contributions


def after_accumulation(node: AccumulateGrad, extra: Extra) -> None:
    """Call what waits for a leaf's gradient."""
    assert extra.post_hooks is not None
    for hook in list(extra.post_hooks.values()):
        hook(node.variable)


def _as_tensor(value: Any) -> Any:
    return value if value is None or isinstance(value, Tensor) else wrap(np.asarray(value))


def _checked(replaced: Any, cotangent: Any) -> Any:
    """What a hook returned, if it can stand for the gradient that it was given."""
    if not isinstance(replaced, Tensor):
        raise TypeError(f"hook returned a {type(replaced).__name__}; it must return a Tensor or None")
    if replaced._array.shape != cotangent.shape:
        raise RuntimeError("hook '<lambda>' has changed the size of value")
    if isinstance(cotangent, Tensor):
        return replaced
    if replaced._array.dtype != cotangent.dtype:
        raise RuntimeError("hook '<lambda>' has changed the type of value")
    return replaced._array
