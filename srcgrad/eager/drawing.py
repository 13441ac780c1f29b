"""The backward graph of a tensor as a picture: the result above, the leaves below."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from srcgrad.eager.tensors.node import BackwardNode
from srcgrad.eager.tensors.tensor import AccumulateGrad, Tensor
from srcgrad.graph.picture import Box, Picture


def draw(tensor: Tensor, names: Mapping[str, Tensor] | None = None) -> Picture:
    """The backward graph of a tensor, as notebooks show it; ``.save(path)`` writes an SVG file.

    ``names`` says what leaves are called: ``draw(loss, {"w": w})``, or ``draw(loss, dict(net.named_parameters()))``.

    >>> import srcgrad.eager as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> draw((w * 3).sum(), {"w": w})
    <picture of the graph of SumBackward0: 4 boxes, 3 arrows>
    """
    root = tensor.grad_fn
    if root is None:
        raise ValueError("the tensor was not computed from one that requires a gradient: there is no graph to draw")
    known = {id(leaf): name for name, leaf in (names or {}).items()}
    boxes: dict[Hashable, Box] = {"result": Box(_shape("tensor", tensor), "result")}
    arrows: list[tuple[Hashable, Hashable]] = [("result", root)]
    stack: list[BackwardNode] = [root]
    while stack:
        node = stack.pop()
        if node in boxes:
            continue
        boxes[node] = _box(node, known)
        for other, _ in node.next_functions:
            if other is not None:
                arrows.append((node, other))
                stack.append(other)
    return Picture(boxes, arrows, f"the graph of {type(root).__name__}")


def _box(node: BackwardNode, known: Mapping[int, str]) -> Box:
    if not isinstance(node, AccumulateGrad):
        return Box(type(node).__name__)
    leaf = node.variable
    return Box(_shape(known.get(id(leaf), "leaf"), leaf), "leaf")


def _shape(name: str, tensor: Any) -> str:
    return f"{name} {tuple(tensor.shape)}" if tensor.ndim else name
