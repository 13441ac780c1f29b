"""`backward` and `grad`: the two ways to start the engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.eager.recording import engine
from srcgrad.eager.recording.convention import as_seen
from srcgrad.eager.tensors import dtypes
from srcgrad.eager.tensors.modes import OFF, state
from srcgrad.eager.tensors.node import BackwardNode
from srcgrad.eager.tensors.tensor import AccumulateGrad, Tensor, wrap

Tensors = Tensor | Sequence[Tensor]


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of the leaves that the tensors were computed from to their ``grad``.

    Raises RuntimeError where a tensor does not require a gradient, is not a scalar and comes without
    ``grad_tensors``, was computed from values that have been modified since, or where the graph was freed by an
    earlier pass without ``retain_graph``.
    """
    roots = _as_tuple(tensors)
    gradients = _given(roots, grad_tensors)
    targets = None
    if inputs is not None:
        targets = [_node_of(tensor) for tensor in _as_tuple(inputs)]
        if not targets:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for tensor, target in zip(_as_tuple(inputs), targets, strict=True):
            if not isinstance(target, AccumulateGrad):
                tensor.retain_grad()
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
            "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
            "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
            "after use to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=3,
        )
    _run(roots, gradients, retain_graph, create_graph, targets, accumulate=True)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the outputs with respect to the inputs; nothing is accumulated.

    An input that the outputs do not depend on raises, gives None with ``allow_unused``, zeros with
    ``materialize_grads``.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots, wrt = _as_tuple(outputs), _as_tuple(inputs)
    if is_grads_batched:
        return _grad_of_batch(roots, wrt, grad_outputs, retain_graph, create_graph, allow_unused)
    gradients = _given(roots, grad_outputs)
    targets = [_node_of(tensor) for tensor in wrt]
    captured = _run(roots, gradients, retain_graph, create_graph, targets, accumulate=False)
    found: list[Any] = []
    for number, (tensor, target) in enumerate(zip(wrt, targets, strict=True)):
        cotangent = captured.get(target)
        if cotangent is None:
            if materialize_grads:
                found.append(wrap(np.zeros_like(tensor._array)))
                continue
            if not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {number} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
            found.append(None)
        else:
            found.append(cotangent if isinstance(cotangent, Tensor) else wrap(np.array(cotangent)))
    return tuple(found)


def _grad_of_batch(
    roots: Any, wrt: Any, grad_outputs: Any, retain_graph: Any, create_graph: bool, allow_unused: Any
) -> tuple[Any, ...]:
    """One pass per slice of the first dimension of ``grad_outputs``."""
    from srcgrad.eager.functions.joining import stack

    batches = _as_tuple(grad_outputs)
    count = batches[0]._array.shape[0]
    rows = [
        grad(
            roots, wrt, [batch[k] for batch in batches], bool(retain_graph) or k + 1 < count, create_graph, allow_unused
        )
        for k in range(count)
    ]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


def _run(
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor],
    retain_graph: bool | None,
    create_graph: bool,
    targets: Sequence[BackwardNode] | None,
    *,
    accumulate: bool,
) -> dict[BackwardNode, Any]:
    nodes = [root._node for root in roots]
    keep_graph = create_graph if retain_graph is None else retain_graph
    options: dict[str, Any] = {
        "keep_graph": keep_graph,
        "recorded": create_graph,
        "targets": targets,
        "accumulate": accumulate,
    }
    before = state.mode != OFF, state.inference
    state.set(create_graph)
    try:
        if create_graph:
            return engine.run(nodes, gradients, **options)  # type: ignore[arg-type]
        with np.errstate(all="ignore"):
            return engine.run(nodes, [gradient._array for gradient in gradients], **options)  # type: ignore[arg-type]
    finally:
        state.set(*before)


def _node_of(tensor: Tensor) -> BackwardNode:
    if tensor._node is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return tensor._node


def _given(roots: Sequence[Tensor], gradients: Any) -> list[Tensor]:
    """The cotangent of each root: as given, or one for scalars."""
    if gradients is None or isinstance(gradients, Tensor):
        gradients = [gradients] * len(roots) if gradients is None else [gradients]
    if len(gradients) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(gradients)} gradients")
    found = []
    for number, (root, gradient) in enumerate(zip(roots, gradients, strict=True)):
        array = root._array
        if gradient is not None and gradient._array.shape != array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{number}] has a shape of {gradient.shape} and output[{number}] "
                f"has a shape of {root.shape}."
            )
        if root._node is None:
            raise RuntimeError(f"element {number} of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            if array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if array.dtype.kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{dtypes.of(array.dtype)}; take its real part, its imaginary part or its absolute value"
                )
            found.append(wrap(np.ones(array.shape, array.dtype)))
        else:
            found.append(
                as_seen(gradient if gradient._array.dtype == array.dtype else gradient.to(dtypes.of(array.dtype)))
            )
    return found


def _as_tuple(tensors: Any) -> tuple[Tensor, ...]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
