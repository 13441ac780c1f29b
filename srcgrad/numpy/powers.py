"""Powers, with NumPy's refusal of negative ones of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import promote, type_of
from srcgrad.numpy.checks import fail_where
from srcgrad.numpy.messages import error
from srcgrad.numpy.static import static_of

_REFUSAL = "Integers to negative integer powers are not allowed"


def power(x: Any, y: Any) -> Any:
    """As `numpy.power`: a negative power of integers raises ValueError, when it is traced or when the program runs."""
    types = [type_of(one) for one in (x, y)]
    if promote(types)[0].kind == "i" and types[1].dtype.kind == "i":
        known = static_of(y) if hasattr(y, "__sg_bind__") else np.asarray(y)
        if known is None:
            negative = apply("less", y, 0)
            axes = tuple(range(len(types[1].shape)))
            fail_where(apply("any", negative, axes=axes) if axes else negative, ValueError(f"{_REFUSAL}."))
        elif (known < 0).any():
            raise error(TraceShapeError, _REFUSAL, "Make one of them a float")
    return apply("power", x, y)
