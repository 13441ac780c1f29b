"""PyTorch's error texts for operands that do not fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from srcgrad.eager.tensors import dtypes


def alias_of(dtype: Any) -> str:
    """``Long`` for int64: how messages name dtypes."""
    return dtypes.of(getattr(dtype, "dtype", dtype)).alias


def not_a_tensor(name: str, value: Any, argument: str = "input", position: int = 1) -> TypeError:
    """For an argument that should be a tensor."""
    return TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
    )


def undefined(name: str, tensor: Any) -> Exception:
    """For a function that its operand's dtype does not have."""
    alias = dtypes.of(tensor._array.dtype).alias
    if name == "neg" and alias == "Bool":
        return RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return RuntimeError(f"\"{name}\" not implemented for '{alias}'")


def do_not_fit(name: str, x: Any, y: Any, error: Exception) -> Exception:
    """For two operands whose shapes cannot be broadcast together, or whose dtype has no such function."""
    mismatch = broadcast_mismatch(x._array.shape, y._array.shape)
    if mismatch is not None:
        return RuntimeError(mismatch)
    if name == "sub" and x._array.dtype.kind == "b":
        return RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if isinstance(error, TypeError):
        return RuntimeError(f"\"{name}\" not implemented for '{dtypes.of(x._array.dtype).alias}'")
    return RuntimeError(str(error))


def broadcast_mismatch(first: tuple[int, ...], second: tuple[int, ...]) -> str | None:
    """What does not fit in two shapes, in PyTorch's words; None where they can be broadcast together."""
    ndim = max(len(first), len(second))
    for offset in range(1, min(len(first), len(second)) + 1):
        a, b = first[-offset], second[-offset]
        if a != b and 1 not in (a, b):
            sizes = f"The size of tensor a ({a}) must match the size of tensor b ({b})"
            return f"{sizes} at non-singleton dimension {ndim - offset}"
    return None


def nearest(owner: str, name: str, known: Iterable[str]) -> str:
    """That a module or a kind of object has no such name, and the nearest that it has."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    what = f"module {owner!r}" if "." in owner else f"{owner!r} object"
    return f"{what} has no attribute {name!r}{hint}"
