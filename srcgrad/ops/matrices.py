"""What the rows on stacks of matrices share. A stack is (count, rows, columns); a single matrix is a stack of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.op import apply, face_of
from srcgrad.core.types import ArrayType, Shape
from srcgrad.ops.creation import iota_on

Matrices = Any


def check_stacks(name: str, *types: ArrayType, kinds: str = "f") -> None:
    """Operands are stacks of equally many matrices of one float dtype, or complex where ``kinds`` has "c"."""
    if any(t.ndim != 3 or t.shape[0] != types[0].shape[0] for t in types):
        raise TraceShapeError(f"{name}: {', '.join(map(str, types))} are not stacks of equally many matrices")
    if any(t.dtype.kind not in kinds or t.dtype != types[0].dtype for t in types):
        raise TraceError(f"{name} is not defined for operands of types {', '.join(map(str, types))}")


def check_square(name: str, *types: ArrayType, kinds: str = "f") -> None:
    """As `check_stacks`, and the first operand's matrices are square, of as many rows as the others have."""
    check_stacks(name, *types, kinds=kinds)
    order = types[0].shape[2]
    if any(t.shape[1] != order for t in types):
        raise TraceShapeError(f"{name}: shapes {', '.join(str(t.shape[1:]) for t in types)} do not fit")


def results(value: Any, count: int) -> Sequence[Any]:
    """The results of a row that has several: a tuple, or a node of the graph that stands for one."""
    return value if isinstance(value, tuple) else [apply("item", value, index=k) for k in range(count)]


def flipped(a: Matrices) -> Matrices:
    """Each matrix transposed."""
    return apply("transpose", a, axes=(0, 2, 1))


def times(a: Matrices, b: Matrices) -> Matrices:
    """``A B``."""
    return apply("contract", a, b, spec="bij,bjk->bik")


def flipped_times(a: Matrices, b: Matrices) -> Matrices:
    """``A^T B``."""
    return apply("contract", a, b, spec="bji,bjk->bik")


def times_flipped(a: Matrices, b: Matrices) -> Matrices:
    """``A B^T``."""
    return apply("contract", a, b, spec="bij,bkj->bik")


def as_columns(v: Any, shape: Shape) -> Matrices:
    """One vector each, beside itself: element (i, j) is ``v[i]``."""
    return apply("broadcast_to", apply("reshape", v, shape=(*v.shape, 1)), shape=shape)


def as_rows(v: Any, shape: Shape) -> Matrices:
    """One vector each, below itself: element (i, j) is ``v[j]``."""
    return apply("broadcast_to", apply("reshape", v, shape=(v.shape[0], 1, v.shape[1])), shape=shape)


def where_index(relation: str, a: Matrices, other: Any = 0) -> Matrices:
    """The elements whose row index has this relation (a row's name) to the column index; ``other`` elsewhere."""
    face = face_of((a, other))
    chosen = apply(relation, iota_on(face, a.shape, 1), iota_on(face, a.shape, 2))
    return apply("where", chosen, a, other)


def lower_half(a: Matrices) -> Matrices:
    """The lower triangle with half of the diagonal: what a symmetric matrix is with its own transpose added."""
    return where_index("greater", a, where_index("equal", a * 0.5))


def mirrored(a: Matrices) -> Matrices:
    """The symmetric matrix with this lower triangle; the upper one is not read."""
    half = lower_half(a)
    return half + flipped(half)


def conjugated(a: Matrices) -> Matrices:
    """The complex conjugates; real matrices themselves."""
    return apply("conjugate", a) if a.dtype.kind == "c" else a


def symmetric(a: Matrices) -> Matrices:
    """The symmetric matrix with this lower triangle."""
    return where_index("less", flipped(a), a)


def hermitian(a: Matrices) -> Matrices:
    """The Hermitian matrix with this lower triangle; of the diagonal the real part is read."""
    if a.dtype.kind != "c":
        return symmetric(a)
    real = apply("astype", apply("real", a), dtype=a.dtype)
    return where_index("greater", a, where_index("less", flipped(conjugated(a)), real))


def identities(like: Matrices) -> Matrices:
    """An identity matrix each."""
    face = face_of((like,))
    equal = apply("equal", iota_on(face, like.shape, 1), iota_on(face, like.shape, 2))
    return apply("astype", equal, dtype=like.dtype)


def total(*terms: Any) -> Any:
    """The sum of the terms that there are; None where there is none."""
    found = None
    for term in terms:
        if term is not None:
            found = term if found is None else found + term
    return found
