"""Where gradients of complex tensors are conjugated.

The backward pass is the sweep of the compiled face, in which a cotangent c of a complex value and a change dz make
``Re(c dz)``. A gradient that is seen (``grad``, hooks, functions of one's own) is the conjugate, as in PyTorch: the
direction in which the loss grows fastest. `as_seen` is the border, in both directions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply


def as_seen(cotangent: Any) -> Any:
    """A gradient as it is seen, of a cotangent of the pass, or the reverse: arrays, tensors, None."""
    array = getattr(cotangent, "_array", cotangent)
    if array is None or array.dtype.kind != "c":
        return cotangent
    return np.conjugate(array) if array is cotangent else apply("conjugate", cotangent)
