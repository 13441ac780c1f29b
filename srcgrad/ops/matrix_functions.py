"""Functions of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.ops.creation import zeros_like
from srcgrad.ops.families import nonzero
from srcgrad.ops.matrices import check_square, flipped


def _infer_expm(a: ArrayType) -> ArrayType:
    check_square("expm", a, kinds="fc")
    return a


def _reference_expm(a: Any) -> Any:
    from scipy.linalg import expm

    return np.asarray(expm(a), a.dtype) if a.size else a


def _adjoint_expm(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
    """The upper right block of ``expm([[A^T, G], [0, A^T]])``.

    It is the derivative of the exponential at ``A^T`` along G (Mathias, "A chain rule for matrix functions", 1996), and
    that is the adjoint of the one at A. It is linear in G, which is scaled: large blocks would take more squarings.
    """
    if 0 in a.shape:
        return (cotangent,)
    count, n, _ = a.shape
    columns = apply("sum", apply("absolute", cotangent), axes=(1,))
    size = nonzero(apply("stop_gradient", apply("max", columns, axes=(1,))))
    size = apply("broadcast_to", apply("reshape", size, shape=(count, 1, 1)), shape=a.shape)
    turned = flipped(a)
    above = apply("concatenate", turned, cotangent / size, axis=2)
    below = apply("concatenate", zeros_like(turned), turned, axis=2)
    whole = expm(apply("concatenate", above, below, axis=1))
    return (apply("slice", whole, starts=(0, 0, n), shape=a.shape, steps=(1, 1, 1)) * size,)


def _numbers(params: dict[str, Any], types: Sequence[ArrayType]) -> tuple[int, ...]:
    return types[0].shape[:2]


expm = TABLE.add(
    Op(
        "expm",
        _infer_expm,
        _reference_expm,
        Library("functions.expm", _numbers),
        adjoint=_adjoint_expm,
        samples=(
            Sample((Arg((2, 3, 3), -1.0, 1.0),)),
            Sample((Arg((1, 2, 2), values=[[4.0, -3.0], [2.0, -5.0]]),)),
            Sample((Arg((1, 2, 2), values=[[0.01, -0.003], [0.002, -0.005]]),)),
            Sample((Arg((1, 0, 0)),)),
            Sample((Arg((1, 3, 3), -1.0, 1.0, kind="c"),)),
        ),
        doc="The exponential of a matrix.",
    )
)
