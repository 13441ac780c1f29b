"""What exercises a row: read by the table tests, the docs and the micro-benchmarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.core.types import Shape


@dataclass(frozen=True)
class Arg:
    """One operand. ``kind`` "f" is the float dtype under test; "i", "u", "b" are int64, uint32, bool.

    Values are uniform in ``low .. high``, unless ``values`` gives them.
    """

    shape: Shape = (2, 3)
    low: float = -2.0
    high: float = 2.0
    kind: str = "f"
    values: Any = None

    def make(self, rng: np.random.Generator, dtype: Any) -> np.ndarray[Any, Any]:
        """An array of this description; floats have the dtype under test."""
        if self.kind == "b":
            made = rng.random(self.shape) < 0.5
        elif self.kind in "iu":
            made = rng.integers(int(self.low), int(self.high), self.shape, dtype=np.int64 if self.kind == "i" else np.uint32)
        else:
            made = rng.uniform(self.low, self.high, self.shape).astype(dtype)
        if self.values is not None:
            made = np.asarray(self.values, dtype=made.dtype).reshape(self.shape)
        return made


@dataclass(frozen=True)
class Sample:
    """Operands and params of one application of a row."""

    args: tuple[Arg, ...]
    params: dict[str, Any] = field(default_factory=dict)
