"""Hooks: functions that see, and may replace, gradients on their way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.convention import as_seen
from srcgrad.eager.function import AccumulateGrad, Extra, Node
from srcgrad.eager.tensors import Tensor, wrap

_keys = itertools.count()


class RemovableHandle:
    """Takes a hook away again with `remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self.id = hooks, next(_keys)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_hook(extra: Extra, place: str, hook: Callable[..., Any]) -> RemovableHandle:
    """Keep a hook among those of a node."""
    hooks = getattr(extra, place)
    if hooks is None:
        hooks = {}
        setattr(extra, place, hooks)
    return RemovableHandle(hooks, hook)


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


def after(node: Node, extra: Extra, contributions: Sequence[Any], cotangent: Any) -> Sequence[Any]:
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
