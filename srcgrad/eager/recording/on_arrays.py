"""Second forms of a few rows' rules, for rows that are applied at every step.

`ON_ARRAYS` has a row's rule on plain arrays, without the table between it and NumPy. `IN_PAIRS` has it in two parts,
one for each operand, so that what nobody needs is not computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.eager.recording.cotangents import repeated, sum_to
from srcgrad.ops.contract import cotangent_of_left, cotangent_of_right
from srcgrad.ops.shape import inverse_permutation

Axes = tuple[int, ...]


def _sum(cotangent: Any, out: Any, x: Any, *, axes: Axes) -> Any:
    shape = x.shape
    if len(axes) == len(shape):
        made = np.empty(shape, x.dtype)
        made.fill(cotangent.reshape(()) if cotangent.ndim else cotangent)
        return (made,)
    kept = [1 if axis in axes else extent for axis, extent in enumerate(shape)]
    return (repeated(cotangent.reshape(kept), shape),)


def _mean(cotangent: Any, out: Any, x: Any, *, axes: Axes, count: int) -> Any:
    return _sum(cotangent / count if count != 1 else cotangent, out, x, axes=axes)


def _transpose(cotangent: Any, out: Any, x: Any, *, axes: Axes) -> Any:
    return (cotangent.T if len(axes) == 2 and axes[0] else cotangent.transpose(inverse_permutation(axes)),)


def _concatenate(cotangent: Any, out: Any, *parts: Any, axis: int) -> Any:
    found, start = [], 0
    lead = (slice(None),) * axis
    for part in parts:
        stop = start + part.shape[axis]
        found.append(cotangent[(*lead, slice(start, stop))])
        start = stop
    return found


def _index(cotangent: Any, out: Any, x: Any, *, key: Any) -> Any:
    made = np.zeros(x.shape, x.dtype)
    made[key] = cotangent
    return (made,)


def _pick(cotangent: Any, out: Any, x: Any, *, key: Any, axes: Axes, position: int, unique: bool) -> Any:
    made = np.zeros(x.shape, x.dtype)
    if unique:
        made[key] = cotangent
    else:
        np.add.at(made, key, cotangent)
    return (made,)


ON_ARRAYS: dict[str, Any] = {
    "sum": _sum,
    "mean": _mean,
    "reshape": lambda cotangent, out, x, *, shape: (cotangent.reshape(x.shape),),
    "transpose": _transpose,
    "broadcast_to": lambda cotangent, out, x, *, shape: (sum_to(cotangent, x.shape),),
    "concatenate": _concatenate,
    "index": _index,
    "pick": _pick,
}
IN_PAIRS: dict[str, Any] = {
    "contract": (
        lambda cotangent, y, shape, *, spec: cotangent_of_left(cotangent, y, spec, shape),
        lambda cotangent, x, shape, *, spec: cotangent_of_right(cotangent, x, spec, shape),
    )
}
#: Rows whose rule gives contributions in the dtype of the operand by itself.
KEEPING = frozenset(("softmax", "log_softmax"))
