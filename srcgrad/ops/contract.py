"""Sums of products: every matrix product, inner product and einsum is one row."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import Contract
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape


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


def _reference_contract(a: Any, b: Any, *, spec: str) -> Any:
    return _evaluator(spec)(a, b)


@functools.lru_cache(maxsize=1024)
def _evaluator(spec: str) -> Callable[[Any, Any], Any]:
    """How NumPy computes it: as a (batched) matrix product, which goes to BLAS, where it is one."""
    left, right, out = split_spec(spec)
    batch = [label for label in out if label in left and label in right]
    rows = [label for label in out if label in left and label not in right]
    columns = [label for label in out if label in right and label not in left]
    summed = [label for label in left if label in right and label not in out]
    is_product = (
        summed and len(left) == len({*batch, *rows, *summed}) and len(right) == len({*batch, *summed, *columns})
    )
    if not is_product:
        return functools.partial(np.einsum, spec)
    order_a = [left.index(label) for label in (*batch, *rows, *summed)]
    order_b = [right.index(label) for label in (*batch, *summed, *columns)]
    found = [*batch, *rows, *columns]
    order_out = [found.index(label) for label in out]
    ndim = (len(batch), len(rows), len(summed))

    def evaluate(a: Any, b: Any) -> Any:
        a, b = np.transpose(a, order_a), np.transpose(b, order_b)
        lead, row_shape = a.shape[: ndim[0]], a.shape[ndim[0] : ndim[0] + ndim[1]]
        column_shape = b.shape[ndim[0] + ndim[2] :]
        rows_, inner, columns_ = math.prod(row_shape), math.prod(a.shape[ndim[0] + ndim[1] :]), math.prod(column_shape)
        product = np.matmul(np.reshape(a, (*lead, rows_, inner)), np.reshape(b, (*lead, inner, columns_)))
        return np.transpose(np.reshape(product, (*lead, *row_shape, *column_shape)), order_out)

    def evaluate_matrices(a: Any, b: Any) -> Any:
        a, b = (a.T if is_a_turned else a), (b.T if is_b_turned else b)
        return np.matmul(b.T, a.T) if is_out_turned else np.matmul(a, b)

    is_a_turned, is_b_turned, is_out_turned = order_a == [1, 0], order_b == [1, 0], order_out == [1, 0]
    return evaluate_matrices if len(batch) == 0 and ndim == (0, 1, 1) and len(columns) == 1 else evaluate


def _adjoint_contract(cotangent: Any, out: Any, a: Any, b: Any, *, spec: str) -> tuple[Any, Any]:
    return cotangent_of_left(cotangent, b, spec, a.shape), cotangent_of_right(cotangent, a, spec, b.shape)


def cotangent_of_left(cotangent: Any, right_operand: Any, spec: str, shape: Shape) -> Any:
    """The cotangent of the first operand, which has this shape."""
    left, right, result = split_spec(spec)
    return _one_side(cotangent, right_operand, result, right, left, shape)


def cotangent_of_right(cotangent: Any, left_operand: Any, spec: str, shape: Shape) -> Any:
    """The cotangent of the second operand, which has this shape."""
    left, right, result = split_spec(spec)
    return _one_side(cotangent, left_operand, result, left, right, shape)


def _one_side(cotangent: Any, other: Any, result: str, other_labels: str, labels: str, shape: Shape) -> Any:
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
        _reference_contract,
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
