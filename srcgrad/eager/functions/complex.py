"""Complex tensors: their parts, their conjugate, and tensors made of parts."""

from __future__ import annotations

import math
from typing import Any

from srcgrad.core.op import TABLE
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.recording.operands import is_traced, same_dtype
from srcgrad.eager.recording.rows import bind


def is_complex(input: Any) -> bool:
    """Whether the elements are complex."""
    return bool(input.dtype.kind == "c") if is_traced(input) else input.is_complex()


def _of(name: str, node: str, input: Any) -> Any:
    return bind(TABLE[name], (input,), {}, node)


def real(input: Any) -> Any:
    """The real part: of a complex tensor a tensor of its own (PyTorch makes a view), a real tensor itself."""
    return _of("real", "RealBackward0", input) if is_complex(input) else input


def imag(input: Any) -> Any:
    """The imaginary part, as a tensor of its own."""
    if not is_complex(input):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _of("imag", "ImagBackward0", input)


def conj(input: Any) -> Any:
    """The complex conjugate; a real tensor itself."""
    return _of("conjugate", "ConjBackward0", input) if is_complex(input) else input


def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugates are computed at once."""
    return input


def angle(input: Any) -> Any:
    """The argument in -pi .. pi; of real numbers 0 or pi."""
    if is_complex(input):
        return _of("angle", "AngleBackward0", input)
    from srcgrad.eager.functions.elementwise import where

    return where(ew.lt(input, 0), ew.add(ew.mul(input, 0), math.pi), ew.mul(input, 0))


def complex(real: Any, imag: Any) -> Any:
    """The complex tensor with these parts."""
    real, imag = same_dtype(real, imag)
    return bind(TABLE["compose"], (real, imag), {}, "ComplexBackward0")


def polar(abs: Any, angle: Any) -> Any:
    """The complex tensor with these lengths and arguments."""
    return complex(ew.mul(abs, ew.cos(angle)), ew.mul(abs, ew.sin(angle)))


def view_as_real(input: Any) -> Any:
    """Real and imaginary parts along a new last dimension, as a tensor of its own."""
    from srcgrad.eager.functions.joining import stack

    return stack([real(input), imag(input)], -1)


def view_as_complex(input: Any) -> Any:
    """The complex tensor whose parts lie along the last dimension, as a tensor of its own."""
    if input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return complex(input[..., 0], input[..., 1])


__all__ = ["angle", "complex", "conj", "imag", "is_complex", "polar", "real", "view_as_complex", "view_as_real"]
