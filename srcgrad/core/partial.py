"""What a partial derivative may be besides a number or an array: a selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Where:
    """``weight`` where the condition holds, zero elsewhere.

    Whoever multiplies a partial with a cotangent or a tangent makes it ``where(condition, cotangent * weight, 0)``,
    never a product with a mask: ``inf * 0`` would be NaN.
    """

    condition: Any
    weight: Any = 1
