"""Views and in-place changes.

A view shares its base's memory and version counter, and knows how to be made again from the base (``replay``). An
in-place change is computed as a new value, written into the memory, and counted. What the graph sees is pure: the
changed tensor gets the new value's node. A changed *view* gives its base a `CopySlices` node (all of the base but the
view comes from the old base, the view from the new value), and every live view of the base is then made again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.nodes import kind_of, rule_alone, zeros_of
from srcgrad.eager.recording.rows import one_node
from srcgrad.eager.tensors import dtypes
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import BackwardNode, Edges, Port, operation, sequence
from srcgrad.eager.tensors.storage import Meta, Replay, Version
from srcgrad.eager.tensors.tensor import AccumulateGrad, Tensor, new, wrap


def make_view(base: Tensor, array: Any, replay: Replay, node: BackwardNode | None) -> Tensor:
    """A tensor on memory of another; ``replay(base)`` makes it again."""
    made = new(Tensor)
    made._array, made._node = array, node
    counter = base._counter
    if counter is None:
        counter = base._counter = Version()
    made._counter = counter
    meta = made._meta = Meta()
    parent = base._meta
    if parent is not None and parent.base is not None:
        meta.base, meta.replay = parent.base, (*parent.replay, replay)
        meta.made = parent.made
    else:
        meta.base, meta.replay = base, (replay,)
    if state.mode == OFF:
        meta.made = "no_grad"
        meta.inference = state.inference
    counter.add_view(made)
    return made


class CopySlices(BackwardNode):
    """A base after a change of its view: the view's part comes from the second edge, all else from the first."""

    __slots__ = ("replay",)
    replay: tuple[Replay, ...]

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        base = wrap(np.array(cotangent))
        part = _replayed(base, self.replay)
        of_part = part._array.copy()
        part._array[...] = 0
        return base._array, of_part

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        base = cotangent.clone()
        part = _replayed(base, self.replay)
        of_part = part.clone()
        part.zero_()
        return base, of_part


_FILL = rule_alone("fill", lambda cotangent, out, x: (zeros_of(cotangent),))
ZERO, FILL = kind_of(_FILL, "ZeroBackward0"), kind_of(_FILL, "FillBackward0")


def _replayed(base: Any, replay: Sequence[Replay]) -> Any:
    for function in replay:
        base = function(base)
    return base


def in_place(tensor: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Let a tensor have the value ``compute(tensor)``."""
    if state.mode == OFF:
        write(tensor, compute(tensor)._array)
        return tensor
    check_change(tensor)
    base = None if tensor._meta is None else tensor._meta.base
    old = wrap(tensor._array.copy())  # what a rule may have to read
    old._node = tensor._node
    value = compute(old)
    write(tensor, value._array)
    node = value._node
    if node is not None:
        assert tensor._counter is not None
        node.adopt(tensor._array, tensor._counter)
    if node is not None or (base is not None and base._node is not None):
        attach(tensor, node)
    return tensor


def overwrite(tensor: Tensor, value: Any, kind: Any) -> Tensor:
    """Let every element have a constant value."""
    if state.mode == OFF or tensor._node is None:
        write(tensor, np.asarray(value, tensor._array.dtype))
        return tensor
    check_change(tensor)
    node = one_node(kind, tensor._node, tensor._array, {})
    write(tensor, np.asarray(value, tensor._array.dtype))
    attach(tensor, node)
    return tensor


def attach(tensor: Tensor, node: BackwardNode | None) -> None:
    """Record that a tensor's value was replaced by what a node made."""
    meta = tensor._meta
    base = tensor if meta is None or meta.base is None else meta.base
    if base is not tensor:
        assert meta is not None
        slices = CopySlices()
        slices.edges, slices.seq, slices.extra = (base._node, node), next(sequence), None
        slices.replay = meta.replay
        node = slices
    if state.mode == ANOMALY and node is not None:
        annotate(node)
    _retain_at(base, node)
    base._node = node
    counter = base._counter
    if counter is not None:
        for known in counter.views or ():
            view = known()
            if view is not None and view is not base and view._meta is not None and view._meta.base is base:
                fresh = _replayed(base, view._meta.replay)._node
                _retain_at(view, fresh)
                view._node = fresh


def _retain_at(tensor: Tensor, node: BackwardNode | None) -> None:
    if tensor._meta is not None and tensor._meta.retains and tensor._node is not None and node is not None:
        tensor._node.more().retain = None
        node.more().retain = ref(tensor)


def check_change(tensor: Tensor) -> None:
    """Raise where PyTorch forbids to change a tensor in place."""
    node, meta = tensor._node, tensor._meta
    if type(node) is AccumulateGrad:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if meta is None:
        return
    if meta.base is not None and type(meta.base._node) is AccumulateGrad:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if meta.made == "multiple":
        what = f"Output {tensor.output_nr} of {_maker(node)} is a view and is being modified inplace. "
        raise RuntimeError(
            what + "This view is the output of a function that returns multiple views. Such functions do not allow the "
            "output views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        )
    if meta.made == "no_grad" and meta.base is not None and meta.base._node is not None:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
            "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
            "and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
            "both outside (if you want the inplace to be tracked)."
        )
    if meta.inference and not state.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
            "normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )


def _maker(node: BackwardNode | None) -> str:
    if isinstance(node, Port):
        node = node.node
    return "" if node is None else operation(node)


def write(tensor: Tensor, value: Any) -> None:
    """Put values into a tensor's memory, and count it."""
    array = tensor._array
    if value.dtype is not array.dtype:
        check_cast(value.dtype, array.dtype)
    if value.shape != array.shape and np.broadcast_shapes(value.shape, array.shape) != array.shape:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(np.broadcast_shapes(value.shape, array.shape))}"
        )
    if not array.flags.writeable:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    array[...] = value
    counter = tensor._counter
    if counter is None:
        counter = tensor._counter = Version()
    counter.count += 1


def check_cast(source: Any, target: Any) -> None:
    """Raise where a result of one dtype must not be written into a tensor of another."""
    order = "buifc"
    if max(order.index(source.kind), 1) > max(order.index(target.kind), 1) and not (
        source.kind in "ui" and target.kind in "ui"
    ):
        names = [dtypes.of(dtype).alias for dtype in (source, target)]
        raise RuntimeError(f"result type {names[0]} can't be cast to the desired output type {names[1]}")
