"""What exercises a row: read by the table tests, the docs and the micro-benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.core.types import Shape, complex_dtype

Array = np.ndarray[Any, Any]

_INTEGERS = {"i": np.int64, "u": np.uint32}


@dataclass(frozen=True)
class Arg:
    """One operand.

    ``kind`` "f" is the float dtype under test, "c" the complex one; "i", "u", "b" are int64, uint32, bool.
    Values are uniform in ``low .. high`` (for "b" false or true; for "c" both parts), unless ``values`` gives them.

    >>> Arg((2, 2), values=[[1, 2], [3, 4]]).make(np.random.default_rng(0), np.float32)
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """

    shape: Shape = (2, 3)
    low: float = -2.0
    high: float = 2.0
    kind: str = "f"
    values: Any = None

    def make(self, rng: np.random.Generator, dtype: Any) -> Array:
        """An array of this description; floats have the dtype under test."""
        if self.values is not None:
            return np.asarray(self.values, dtype=self.dtype(dtype)).reshape(self.shape)
        if self.kind == "b":
            return np.asarray(rng.random(self.shape) < 0.5)
        if self.kind == "c":
            real, imaginary = rng.uniform(self.low, self.high, (2, *self.shape))
            return np.asarray(real + 1j * imaginary, self.dtype(dtype))
        if self.kind in _INTEGERS:
            low = max(int(self.low), 0) if self.kind == "u" else int(self.low)
            return np.asarray(rng.integers(low, int(self.high), self.shape, dtype=_INTEGERS[self.kind]))
        return np.asarray(rng.uniform(self.low, self.high, self.shape), dtype)

    def dtype(self, float_dtype: Any) -> np.dtype[Any]:
        """The dtype of the array when floats have this one."""
        if self.kind == "c":
            return complex_dtype(np.dtype(float_dtype))
        found = bool if self.kind == "b" else _INTEGERS.get(self.kind, float_dtype)
        return np.dtype(found)


@dataclass(frozen=True)
class Sample:
    """Operands and params of one application of a row."""

    args: tuple[Arg, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def make(self, rng: np.random.Generator, dtype: Any) -> list[Array]:
        """The operands; floats have the dtype under test."""
        return [arg.make(rng, dtype) for arg in self.args]
