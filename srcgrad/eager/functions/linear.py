"""Products of matrices: all of them are the row ``contract``."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.op import TABLE
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions.shaping import reshape, squeeze, unsqueeze
from srcgrad.eager.recording.composite import composite
from srcgrad.eager.recording.nodes import kind_of
from srcgrad.eager.recording.operands import is_traced
from srcgrad.eager.recording.rows import RECORDED, record_pair
from srcgrad.eager.tensors.errors import not_a_tensor
from srcgrad.eager.tensors.modes import state
from srcgrad.eager.tensors.tensor import wrap

_contract = TABLE["contract"]


def contract(x: Any, y: Any, spec: str, name: str = "ContractBackward0", evaluate: Any = None) -> Any:
    """The sum of products that an einsum of two operands names."""
    if is_traced(x) or is_traced(y):
        return _contract(x, y, spec=spec)
    a, b = x._array, y._array
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_c_name(a.dtype)} != {_c_name(b.dtype)}"
        )
    result = state.run(evaluate, a, b) if evaluate is not None else state.run(_evaluate, spec, a, b)
    made = wrap(result if type(result) is np.ndarray else np.asarray(result))
    return record_pair(kind_of(_contract, name, 2), made, x, y, {"spec": spec})


RECORDED["contract"] = contract


def _evaluate(spec: str, a: Any, b: Any) -> Any:
    return _contract.reference(a, b, spec=spec)


def _c_name(dtype: Any) -> str:
    names = {"float32": "float", "float64": "double", "int64": "long", "int32": "int"}
    return names.get(dtype.name, str(dtype.name))


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    n, m = input.shape, _shape_of(mat2, "mm", "mat2")
    if len(n) != 2 or len(m) != 2:
        raise RuntimeError(("self" if len(n) != 2 else "mat2") + " must be a matrix")
    if n[1] != m[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({n[0]}x{n[1]} and {m[0]}x{m[1]})")
    return contract(input, mat2, "ij,jk->ik", "MmBackward0", np.matmul)


def _shape_of(value: Any, name: str, argument: str) -> Any:
    shape = getattr(value, "shape", None)
    if shape is None:
        raise not_a_tensor(name, value, argument, 2)
    return shape


def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices."""
    n, m = input.shape, mat2.shape
    if len(n) != 3 or len(m) != 3:
        raise RuntimeError(f"{'batch1' if len(n) != 3 else 'batch2'} must be a 3D tensor")
    if n[0] != m[0] or n[2] != m[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{n[0]}, {n[2]}] but got: [{m[0]}, "
            f"{m[1]}]."
        )
    return contract(input, mat2, "bij,bjk->bik", "BmmBackward0", np.matmul)


def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix and a vector."""
    n, m = input.shape, vec.shape
    if len(n) != 2 or len(m) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {len(m)}, {len(n)}, {len(m)}")
    if n[1] != m[0]:
        raise RuntimeError(f"size mismatch, got input ({n[0]}), mat ({n[0]}x{n[1]}), vec ({m[0]})")
    return contract(input, vec, "ij,j->i", "MvBackward0", np.matmul)


def dot(input: Any, tensor: Any) -> Any:
    """The sum of products of two vectors."""
    n, m = input.shape, _shape_of(tensor, "dot", "tensor")
    if len(n) != 1 or len(m) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(n)}D and {len(m)}D tensors")
    if n != m:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n[0]}] and src [{m[0]}] to have the same number of elements, "
            f"but got {n[0]} and {m[0]} elements respectively"
        )
    return contract(input, tensor, "i,i->", "DotBackward0", np.dot)


def matmul(input: Any, other: Any) -> Any:
    """The product of matrices, vectors or batches of matrices, whose batch dimensions are broadcast."""
    n, m = tuple(input.shape), tuple(_shape_of(other, "matmul", "other"))
    if not n or not m:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {len(n)}D and {len(m)}D")
    if len(n) == 1 and len(m) == 1:
        return dot(input, other)
    if len(n) == 2 and len(m) == 2:
        return mm(input, other)
    if len(n) == 2 and len(m) == 1:
        return mv(input, other)
    if len(n) == 1:
        return squeeze(matmul(unsqueeze(input, 0), other), -2)
    if len(m) == 1:
        return squeeze(matmul(input, unsqueeze(other, 1)), -1)
    if n[-1] != m[-2]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{n[0]}, {n[-1]}] but got: [{m[0]}, "
            f"{m[-2]}]."
        )
    if len(m) == 2:
        product = mm(reshape(input, (-1, n[-1])), other)
        return reshape(product, (*n[:-1], m[-1]))
    batch = np.broadcast_shapes(n[:-2], m[:-2])
    x = reshape(input.expand((*batch, *n[-2:])), (-1, *n[-2:]))
    y = reshape(other.expand((*batch, *m[-2:])), (-1, *m[-2:]))
    return reshape(bmm(x, y), (*batch, n[-2], m[-1]))


@composite("AddmmBackward0")
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * mat1 @ mat2``."""
    return ew.add(input if beta == 1 else ew.mul(input, beta), mm(mat1, mat2), alpha=alpha)


@composite("AddmvBackward0")
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * mat @ vec``."""
    return ew.add(input if beta == 1 else ew.mul(input, beta), mv(mat, vec), alpha=alpha)


@composite("BaddbmmBackward0")
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """``beta * input + alpha * batch1 @ batch2``."""
    return ew.add(input if beta == 1 else ew.mul(input, beta), bmm(batch1, batch2), alpha=alpha)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``input @ weight.T + bias``."""
    if len(weight.shape) == 2 and input.shape[-1] != weight.shape[1]:
        rows = int(np.prod(input.shape[:-1]))
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and "
            f"{weight.shape[1]}x{weight.shape[0]})"
        )
    if bias is None:
        return matmul(input, weight.t())
    if len(input.shape) == 2:
        return addmm(bias, input, weight.t())
    return ew.add(matmul(input, weight.t()), bias)
