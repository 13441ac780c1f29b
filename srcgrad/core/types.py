"""Array types and NumPy's promotion rules.

A type is what the tracer knows of a value before it exists: shape and dtype. A *weak* type comes from a Python
scalar, which in NumPy (NEP 50) adapts to the array it meets: ``np.float32(1) * 2.0`` stays float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]

#: The dtypes that compiled code knows. float16 results of NumPy (``np.sin(np.int8(1))``) are float32 here.
#: In what totals of many single-precision numbers are kept.
WIDER = {np.dtype(np.float32): np.dtype(np.float64), np.dtype(np.complex64): np.dtype(np.complex128)}
PYTHON_SCALARS = (bool, int, float, complex)


@dataclass(frozen=True, slots=True)
class ArrayType:
    """Shape and dtype of an array; ``weak`` when it stands for a Python scalar."""

    shape: Shape
    dtype: np.dtype[Any]
    weak: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def is_differentiable(self) -> bool:
        return self.dtype.kind in "fc"

    def with_shape(self, shape: Iterable[int]) -> ArrayType:
        return ArrayType(tuple(shape), self.dtype, self.weak)

    def __str__(self) -> str:
        extents = ",".join(map(str, self.shape))
        return f"{self.dtype}[{extents}]" + ("~" if self.weak else "")


@dataclass(frozen=True, slots=True)
class TupleType:
    """The type of a node with several results (a loop, an eigendecomposition)."""

    elements: tuple[ArrayType, ...]

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.elements)) + ")"


Type = ArrayType | TupleType


def type_of(value: Any) -> ArrayType:
    """The type of an array, a scalar or a traced value (whatever has ``__sg_type__``)."""
    traced = getattr(value, "__sg_type__", None)
    if traced is not None:
        return traced  # type: ignore[no-any-return]
    if type(value) in PYTHON_SCALARS:
        return ArrayType((), np.result_type(type(value)), weak=True)
    if isinstance(value, np.ndarray | np.generic):
        return ArrayType(value.shape, value.dtype)
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"{value!r} of type {type(value).__name__} is not an array of numbers")
    return ArrayType(array.shape, array.dtype)


_WEAK_SAMPLE: dict[str, Any] = {"b": False, "i": 0, "f": 0.0, "c": 0j}


def promote(types: Iterable[ArrayType]) -> tuple[np.dtype[Any], bool]:
    """The dtype that NumPy gives to an operation on these types, and whether it is still weak."""
    types = tuple(types)
    strong = {t.dtype for t in types if not t.weak}
    weak = [_WEAK_SAMPLE[t.dtype.kind] for t in types if t.weak]
    if not strong:
        return np.result_type(*map(type, weak)), True
    return np.result_type(*strong, *weak), False


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part: float32 for complex64, float64 for complex128, any other itself."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The complex dtype whose parts have the precision that NumPy gives to this one: complex64 for float32."""
    return np.result_type(inexact(dtype), np.complex64)


def smallest(dtype: np.dtype[Any]) -> Any:
    """The least number of a dtype that is not complex: minus infinity, False, or the least integer."""
    return dtype.type(-np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min)


def largest(dtype: np.dtype[Any]) -> Any:
    """The greatest number of a dtype that is not complex: infinity, True, or the greatest integer."""
    return dtype.type(np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max)


def inexact(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which NumPy evaluates ``sin`` and friends: integers become floats."""
    if dtype.kind in "fc":
        return dtype
    return np.dtype(np.float32) if dtype in (np.dtype(np.int16), np.dtype(np.uint16)) else np.dtype(np.float64)


def is_uniform(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array has elements and all are one number, zeros with the same sign; NaN is none."""
    if not array.size or not (array == array.flat[0]).all():
        return False
    if array.dtype.kind not in "fc" or array.flat[0] != 0:
        return True
    return len(np.unique(np.signbit(array.real))) == len(np.unique(np.signbit(array.imag))) == 1
