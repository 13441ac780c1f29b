"""Functions made of others: they have no rule of their own, and show as one node."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from srcgrad.eager.tensors.node import LEAVES, BackwardNode, hide, rename, sequence
from srcgrad.eager.tensors.tensor import Tensor


def composite(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let what a function records show as one node of that name; on traced values it is the plain function."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            start = next(sequence)
            result = function(*args, **kwargs)
            if isinstance(result, Tensor) and result._node is not None:
                show_as(result._node, start, name, args)
            return result

        return wrapped

    return decorate


def show_as(node: BackwardNode, start: int, name: str, operands: Iterable[Any]) -> None:
    """Rename the last node that a function recorded, and hide those before it."""
    if not start < node.seq < LEAVES:
        return
    inner = [node]
    while inner:
        edges = inner.pop().edges
        inner += [hide(edge) for edge in edges if edge is not None and start < edge.seq < LEAVES and not edge.hidden]
    rename(node, name)
    node.more().shown = tuple(
        operand._node for operand in operands if isinstance(operand, Tensor) and operand._array.dtype.kind in "fc"
    )
