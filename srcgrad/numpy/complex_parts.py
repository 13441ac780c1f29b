"""Parts, argument and sign of complex arrays, and questions about them. Real arrays are their own real part."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.graph.node import Node
from srcgrad.numpy.creation import zeros_like
from srcgrad.numpy.protocols import implements
from srcgrad.numpy.shaping import as_array
from srcgrad.numpy.traced import Array


def is_complex(x: Any) -> bool:
    """Whether a value has a complex dtype."""
    return type_of(x).dtype.kind == "c"


def _part(z: Any, name: str) -> Any:
    """A part as a view: what is written into it goes into the complex array."""
    if not isinstance(z, Array) or z.is_scalar:
        return apply(name, z)

    def write(base: Node, part: Node) -> Node:
        if name == "real":
            return apply("compose", part, apply("imag", base))  # type: ignore[no-any-return]
        return apply("compose", apply("real", base), part)  # type: ignore[no-any-return]

    return z.derive(lambda base: apply(name, base), write, tuple(2 * stride for stride in z.element_strides))


@implements
def real(val: Any) -> Any:
    """As `numpy.real`: a view of a complex array, a real array itself."""
    z = as_array(val)
    return _part(z, "real") if is_complex(z) else z


@implements
def imag(val: Any) -> Any:
    """As `numpy.imag`: a view of a complex array, zeros of a real one, which are read-only."""
    z = as_array(val)
    if is_complex(z):
        return _part(z, "imag")
    zeros = zeros_like(z)
    is_view = isinstance(zeros, Array) and not z.is_scalar
    return zeros.derive(lambda base: base, None, zeros.element_strides) if is_view else zeros


@implements
def angle(z: Any, deg: bool = False) -> Any:
    """As `numpy.angle`: in -pi .. pi; 0 or pi of real arrays."""
    z = as_array(z)
    found = apply("angle", z) if is_complex(z) else apply("arctan2", np.zeros((), z.dtype), z)
    return found * (180 / np.pi) if deg else found


@implements
def isreal(x: Any) -> Any:
    """As `numpy.isreal`."""
    return apply("equal", imag(x), 0)


@implements
def iscomplex(x: Any) -> Any:
    """As `numpy.iscomplex`."""
    return apply("not_equal", imag(x), 0)


@implements
def iscomplexobj(x: Any) -> bool:
    """As `numpy.iscomplexobj`."""
    return is_complex(as_array(x))


@implements
def isrealobj(x: Any) -> bool:
    """As `numpy.isrealobj`."""
    return not is_complex(as_array(x))
