"""Which contractions are matrix products for the micro-kernel, and what they cost.

    out[..., rows, ..., cols, ...] = sum over depth of left[rows, depth] * right[depth, cols]

Of the labels of each kind (in the left operand and the result, in the right one and the result, in both
operands only) the longest becomes rows, columns, depth; the others remain loops around the product. Where an operand
is windows of an array, or the result is a sum of them, all labels become rows, columns and depth, over which the
product is nested. The innermost columns must be adjacent in the result; where the rows are, the operands change
places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class ProductLabels:
    """The labels of rows, columns and depth; ``swapped`` where the right operand gives the rows."""

    labels: tuple[str, str, str]
    swapped: bool


def choose_product(
    left: str,
    right: str,
    out: str,
    extents: dict[str, int],
    dtype: np.dtype[Any],
    least: int,
    *,
    last: str,
    nested: bool,
) -> ProductLabels | None:
    """The product in a contraction, None where plain loops are better or the shape does not fit.

    ``least`` are the multiplications from which it is worth a call; ``last`` is the label whose elements are adjacent
    in the result, empty if there is none.
    """
    if dtype.name not in ("float32", "float64") or len(set(left)) < len(left) or len(set(right)) < len(right):
        return None
    of_left = [label for label in out if label in left and label not in right]
    of_right = [label for label in out if label in right and label not in left]
    depth = [label for label in left if label in right and label not in out]
    alone = (set(left) ^ set(right)) - set(out)
    if alone or not (of_left and of_right and depth):
        return None
    if last not in of_left and last not in of_right:
        return None
    swapped = last in of_left
    rows_of, cols_of = (of_right, of_left) if swapped else (of_left, of_right)
    labels = (max(rows_of, key=extents.__getitem__), last, max(depth, key=extents.__getitem__))
    if nested:
        cols = "".join(label for label in cols_of if label != last) + last
        labels = ("".join(rows_of), cols, "".join(depth))
    m, n, k = (math.prod(extents[label] for label in group) for group in labels)
    if m < 4 or n < 8 or k < 8 or m * n * k < least:
        return None
    return ProductLabels(labels, swapped)


def product_cost(rows: int, cols: int, depth: int, itemsize: int) -> float:
    """Cycles of the micro-kernel, with the call and the tiles that are not full."""
    return 100.0 + rows * cols * depth / (128.0 / itemsize)
