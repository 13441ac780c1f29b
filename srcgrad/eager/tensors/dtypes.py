"""dtypes under PyTorch's names. Each stands for one NumPy dtype and compares equal to it."""

from __future__ import annotations

from typing import Any

import numpy as np


class dtype:
    """The type of a tensor's elements; prints as ``torch.float32``."""

    __slots__ = ("__numpy_dtype__", "alias", "dtype", "name")

    def __init__(self, name: str, numpy_name: str, alias: str) -> None:
        self.name, self.alias = name, alias
        self.dtype = self.__numpy_dtype__ = np.dtype(numpy_name)  # by either name NumPy takes it for a dtype

    @property
    def kind(self) -> str:
        return self.dtype.kind

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    @property
    def is_signed(self) -> bool:
        return self.dtype.kind in "ifc"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, np.dtype) and self.dtype == other)

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return of, (self.dtype.str,)


float16 = dtype("float16", "f2", "Half")
float32 = dtype("float32", "f4", "Float")
float64 = dtype("float64", "f8", "Double")
complex64 = dtype("complex64", "c8", "ComplexFloat")
complex128 = dtype("complex128", "c16", "ComplexDouble")
uint8 = dtype("uint8", "u1", "Byte")
uint16 = dtype("uint16", "u2", "UInt16")
uint32 = dtype("uint32", "u4", "UInt32")
uint64 = dtype("uint64", "u8", "UInt64")
int8 = dtype("int8", "i1", "Char")
int16 = dtype("int16", "i2", "Short")
int32 = dtype("int32", "i4", "Int")
int64 = dtype("int64", "i8", "Long")
bool_ = dtype("bool", "?", "Bool")

_FLOATS = (float16, float32, float64, complex64, complex128)
ALL = (*_FLOATS, uint8, uint16, uint32, uint64, int8, int16, int32, int64, bool_)
_by_numpy = {one.dtype: one for one in ALL}

F4, F8, I8, B1 = float32.dtype, float64.dtype, int64.dtype, bool_.dtype


class _Default:
    """What floats made from Python numbers are."""

    def __init__(self) -> None:
        self.float = F4

    @property
    def complex(self) -> np.dtype[Any]:
        return np.dtype(np.complex64 if self.float == F4 else np.complex128)


default = _Default()


def of(numpy_dtype: Any) -> dtype:
    """The dtype that stands for a NumPy dtype."""
    found = _by_numpy.get(numpy_dtype)
    if found is None:
        found = _by_numpy.get(np.dtype(numpy_dtype).newbyteorder("="))
    if found is None:
        raise TypeError(f"can't convert np.ndarray of type numpy.{np.dtype(numpy_dtype).name}.")
    return found


def numpy_dtype(given: Any) -> np.dtype[Any]:
    """The NumPy dtype of a dtype, a NumPy dtype or a Python number type."""
    if isinstance(given, dtype):
        return given.dtype
    python = {float: default.float, int: I8, bool: B1, complex: default.complex}
    return python.get(given) or of(given).dtype


def get_default_dtype() -> dtype:
    """The dtype of floats made from Python numbers."""
    return of(default.float)


def set_default_dtype(d: dtype) -> None:
    """Change the dtype of floats made from Python numbers."""
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, but got {d}")
    default.float = d.dtype
