"""Elements picked at integer indices, recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.recording.nodes import kind_of, rule_alone
from srcgrad.eager.recording.rows import record_one
from srcgrad.eager.tensors.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
Key = tuple[Any, ...]


def _adjoint_pick(cotangent: Any, out: Any, x: Any, *, key: Key, unique: bool, **params: Any) -> Sequence[Any]:
    rule = TABLE["gather"].adjoint
    assert rule is not None
    indices = np.broadcast_arrays(*[part for part in key if not isinstance(part, slice)])
    return rule(cotangent, None, x, *indices, **params)[:1]


#: The row ``gather``, with its indices as NumPy takes them: slices for dimensions that are not indexed.
_PICK = rule_alone("pick", _adjoint_pick)


def pick(input: Tensor, values: Any, key: Key, params: dict[str, Any], name: str, *, unique: bool = False) -> Tensor:
    """A tensor of the values that the index picks. ``params`` are those of the row; ``unique`` promises no element
    twice.
    """
    made = wrap(values if type(values) is np.ndarray else np.asarray(values))
    if input._node is None:
        return made
    return record_one(kind_of(_PICK, name + "Backward0"), made, input, {"key": key, "unique": unique, **params})


def open_grid(index: Array, axis: int) -> list[Array]:
    """Index arrays that pick, at each position of the index, the element at the index along one axis."""
    shape = index.shape
    ndim = len(shape)
    return [
        index if k == axis else np.arange(n).reshape((1,) * k + (n,) + (1,) * (ndim - k - 1))
        for k, n in enumerate(shape)
    ]
