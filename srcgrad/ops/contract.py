"""Sums of products: every matrix product, inner product and einsum is one row."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import Contract
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType


def split_spec(spec: str) -> tuple[str, str, str]:
    """``"ij,jk->ik"`` as its three parts."""
    operands, out = spec.split("->")
    left, right = operands.split(",")
    return left, right, out


def _infer_contract(a: ArrayType, b: ArrayType, *, spec: str) -> ArrayType:
    left, right, out = split_spec(spec)
    sizes: dict[str, int] = {}
    for labels, type_ in ((left, a), (right, b)):
        if len(labels) != type_.ndim:
            raise TraceShapeError(f"contract {spec}: an operand has {type_.ndim} dimensions")
        for label, extent in zip(labels, type_.shape, strict=True):
            if sizes.setdefault(label, extent) != extent:
                clash = f"{sizes[label]} against {extent}"
                raise TraceShapeError(f"contract {spec}: shapes {a.shape} and {b.shape} do not fit ({clash})")
    if a.dtype != b.dtype:
        raise TraceError(f"contract {spec}: dtypes {a.dtype} and {b.dtype} differ")
    return ArrayType(tuple(sizes[label] for label in out), a.dtype)


def _adjoint_contract(cotangent: Any, out: Any, a: Any, b: Any, *, spec: str) -> tuple[Any, Any]:
    left, right, result = split_spec(spec)
    return _one_side(cotangent, b, result, right, left, a.shape), _one_side(cotangent, a, result, left, right, b.shape)


def _one_side(cotangent: Any, other: Any, result: str, other_labels: str, labels: str, shape: tuple[int, ...]) -> Any:
    """The cotangent of one operand: contract with the other; labels that only this operand had are repeated."""
    known = "".join(label for label in labels if label in result or label in other_labels)
    found = contract(cotangent, other, spec=f"{result},{other_labels}->{known}")
    if known == labels:
        return found
    kept = tuple(extent if label in known else 1 for label, extent in zip(labels, shape, strict=True))
    return apply("broadcast_to", apply("reshape", found, shape=kept), shape=shape)


contract = TABLE.add(
    Op(
        "contract",
        _infer_contract,
        lambda a, b, *, spec: np.einsum(spec, a, b),
        Contract(),
        adjoint=_adjoint_contract,
        samples=(
            Sample((Arg((2, 3)), Arg((3, 4))), {"spec": "ij,jk->ik"}),
            Sample((Arg((3,)), Arg((3,))), {"spec": "i,i->"}),
            Sample((Arg((2, 3, 4)), Arg((2, 4, 2))), {"spec": "bij,bjk->bik"}),
            Sample((Arg((3, 2)), Arg((3, 4))), {"spec": "ji,jk->ki"}),
            Sample((Arg((2, 0)), Arg((0, 3))), {"spec": "ij,jk->ik"}),
        ),
    )
)
