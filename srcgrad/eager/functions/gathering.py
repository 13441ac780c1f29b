"""Elements picked at integer indices, recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import Spec
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import Edges, Node, sequence
from srcgrad.eager.tensors.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
Key = tuple[Any, ...]


class Picked(Node):
    """The row ``gather``. ``key`` is the index as NumPy takes it, with slices for dimensions that are not indexed."""

    __slots__ = ("key", "params", "spec", "unique")
    key: Key
    params: dict[str, Any]
    spec: Spec
    unique: bool

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        made = np.zeros(self.spec.shape, self.spec.dtype)
        if self.unique:
            made[self.key] = cotangent
        else:
            np.add.at(made, self.key, cotangent)
        return (made,)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        rule = TABLE["gather"].adjoint
        assert rule is not None
        indices = np.broadcast_arrays(*[part for part in self.key if not isinstance(part, slice)])
        return rule(cotangent, None, self.spec, *indices, **self.params)[:1]


_kinds: dict[str, type[Picked]] = {}


def pick(input: Tensor, values: Any, key: Key, params: dict[str, Any], name: str, *, unique: bool = False) -> Tensor:
    """A tensor of the values that the index picks. ``params`` are those of the row; ``unique`` promises no element
    twice.
    """
    made = wrap(values if type(values) is np.ndarray else np.asarray(values))
    if input._node is None or state.mode == OFF:
        return made
    kind = _kinds.get(name)
    if kind is None:
        kind = _kinds[name] = type(name + "Backward0", (Picked,), {"__slots__": (), "__module__": __name__})
    node = kind()
    node.edges, node.seq, node.extra = (input._node,), next(sequence), None
    node.key, node.params, node.unique = key, params, unique
    node.spec = Spec(input._array.shape, input._array.dtype)
    made._node = node
    if state.mode == ANOMALY:
        annotate(node)
    return made


def open_grid(index: Array, axis: int) -> list[Array]:
    """Index arrays that pick, at each position of the index, the element at the index along one axis."""
    shape = index.shape
    ndim = len(shape)
    return [
        index if k == axis else np.arange(n).reshape((1,) * k + (n,) + (1,) * (ndim - k - 1))
        for k, n in enumerate(shape)
    ]
