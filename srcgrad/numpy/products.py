"""Products of arrays: every one is a `contract` row, or a plain product where nothing is summed.

The one door is `contracted`: two operands with labels, as in an explicit einsum. It sums what only one operand has
before the product, leaves out dimensions that are merely broadcast, and writes a product without a sum as a pointwise
one, which fuses with what surrounds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import Shape, promote, type_of
from srcgrad.numpy.creation import array, face_for, fresh
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, is_face
from srcgrad.numpy.shaping import as_array, moveaxis, one_axis
from srcgrad.numpy.views import permuted, with_axes, with_shape
from srcgrad.ops.families import BOOL, convert

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def operands(*values: Any) -> list[Any]:
    """Array-likes on the face of the traced one among them, in their common dtype."""
    face = face_for(*values)
    values = tuple(array(value) if isinstance(value, list | tuple) else value for value in values)
    made = [as_array(value) if is_face(value) else face.__sg_lift__(np.asarray(value)) for value in values]
    dtype = promote([type_of(one) for one in made])[0]
    return [convert(one, dtype) for one in made]


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real array itself."""
    return apply("conjugate", x) if x.dtype.kind == "c" else x


def contracted(a: Any, left: str, b: Any, right: str, out: str) -> Any:
    """``einsum("left,right->out", a, b)`` for operands of one dtype without repeated labels; extents of 1 broadcast."""
    if a.dtype == BOOL:
        counted = contracted(convert(a, np.dtype(np.int64)), left, convert(b, np.dtype(np.int64)), right, out)
        return apply("not_equal", counted, 0)
    a, left = _summed_out(a, left, right + out)
    b, right = _summed_out(b, right, left + out)
    a, left = _without_ones(a, left, dict(zip(right, b.shape, strict=True)))
    b, right = _without_ones(b, right, dict(zip(left, a.shape, strict=True)))
    if all(label in out for label in left + right):
        return apply("multiply", _spread(a, left, out), _spread(b, right, out))
    return apply("contract", a, b, spec=f"{left},{right}->{out}")


def _summed_out(x: Any, labels: str, needed: str) -> tuple[Any, str]:
    """Without the dimensions that nobody else reads: their sum."""
    axes = tuple(k for k, label in enumerate(labels) if label not in needed)
    if not axes:
        return x, labels
    return apply("sum", x, axes=axes), "".join(label for label in labels if label in needed)


def _without_ones(x: Any, labels: str, others: dict[str, int]) -> tuple[Any, str]:
    """Without dimensions of extent 1 that the other operand has at full extent."""
    axes = [k for k, label in enumerate(labels) if x.shape[k] == 1 and others.get(label, 1) != 1]
    if not axes:
        return x, labels
    shape = tuple(extent for k, extent in enumerate(x.shape) if k not in axes)
    return apply("reshape", x, shape=shape), "".join(label for k, label in enumerate(labels) if k not in axes)


def _spread(x: Any, labels: str, out: str) -> Any:
    """The operand with its dimensions in the order of the result, and ones where it has none."""
    order = [labels.index(label) for label in out if label in labels]
    if order != sorted(order):
        x = apply("transpose", x, axes=tuple(order))
    extents = iter(x.shape)
    shape = tuple(next(extents) if label in labels else 1 for label in out)
    return x if x.shape == shape else apply("reshape", x, shape=shape)


def _mismatch(name: str, a: Any, b: Any, core: str) -> TraceShapeError:
    return error(TraceShapeError, f"{name}: shapes {a.shape} and {b.shape} do not fit: {core} differ")


@implements
def matmul(x1: Any, x2: Any, /, out: Any = None, **_: Any) -> Any:
    """As `numpy.matmul`, with its rules for 1-d operands and its broadcasting of stacks."""
    a, b = operands(x1, x2)
    if not a.shape or not b.shape:
        what = f"matmul: operand of shape () where at least one dimension is needed (shapes {a.shape} and {b.shape})"
        raise error(TraceShapeError, what, "Use * for products with scalars")
    if a.shape[-1] != b.shape[-2 if len(b.shape) > 1 else 0]:
        raise _mismatch("matmul", a, b, "the summed extents")
    rows, columns = "i" if len(a.shape) > 1 else "", "j" if len(b.shape) > 1 else ""
    return deliver(_stacked_product(a, rows + "k", b, "k" + columns, rows + columns, "matmul"), out, name="matmul")


def _stacked_product(a: Any, left: str, b: Any, right: str, core: str, name: str) -> Any:
    """A product of the last dimensions, with the ones before them broadcast as stacks."""
    stacks = [x.shape[: len(x.shape) - len(labels)] for x, labels in ((a, left), (b, right))]
    try:
        stack = np.broadcast_shapes(*stacks)
    except ValueError:
        raise _mismatch(name, a, b, "the stacks") from None
    letters = [letter for letter in LETTERS if letter not in "ijk"][: len(stack)]
    of_a, of_b = ("".join(letters[len(stack) - len(own) :]) for own in stacks)
    return contracted(a, of_a + left, b, of_b + right, "".join(letters) + core)


@implements
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, out: Any = None, **_: Any) -> Any:
    """As `numpy.vecdot`: the first operand is conjugated."""
    a, b = operands(x1, x2)
    a, b = (moveaxis(x, axis, -1) for x in (a, b))
    if a.shape[-1] != b.shape[-1]:
        raise _mismatch("vecdot", a, b, "the summed extents")
    return deliver(_stacked_product(conjugate(a), "k", b, "k", "", "vecdot"), out, name="vecdot")


@implements
def matvec(x1: Any, x2: Any, /, *, out: Any = None, **_: Any) -> Any:
    """As `numpy.matvec`."""
    a, b = operands(x1, x2)
    return deliver(_stacked_product(a, "ik", b, "k", "i", "matvec"), out, name="matvec")


@implements
def vecmat(x1: Any, x2: Any, /, *, out: Any = None, **_: Any) -> Any:
    """As `numpy.vecmat`: the vectors are conjugated."""
    a, b = operands(x1, x2)
    return deliver(_stacked_product(conjugate(a), "k", b, "kj", "j", "vecmat"), out, name="vecmat")


@implements
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """As `numpy.dot`."""
    a, b = operands(a, b)
    if not a.shape or not b.shape:
        return deliver(apply("multiply", a, b), out, name="dot")
    axis = len(b.shape) - 2 if len(b.shape) > 1 else 0
    if a.shape[-1] != b.shape[axis]:
        raise _mismatch("dot", a, b, "the summed extents")
    return deliver(_over_axes(a, [len(a.shape) - 1], b, [axis]), out, name="dot")


def _over_axes(a: Any, a_axes: Sequence[int], b: Any, b_axes: Sequence[int]) -> Any:
    """The sum over pairs of axes; the others of a, then those of b, remain."""
    left = LETTERS[: len(a.shape)]
    right = list(LETTERS[len(a.shape) : len(a.shape) + len(b.shape)])
    for mine, other in zip(a_axes, b_axes, strict=True):
        right[other] = left[mine]
    kept = [label for k, label in enumerate(left) if k not in a_axes]
    kept += [label for k, label in enumerate(right) if k not in b_axes]
    return contracted(a, left, b, "".join(right), "".join(kept))


@implements
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """As `numpy.tensordot`."""
    a, b = operands(a, b)
    if np.ndim(axes) == 0:
        a_axes, b_axes = list(range(len(a.shape) - axes, len(a.shape))), list(range(axes))
    else:
        a_axes, b_axes = ([one] if np.ndim(one) == 0 else list(one) for one in axes)
    a_axes = [one_axis(k, len(a.shape)) for k in a_axes]
    b_axes = [one_axis(k, len(b.shape)) for k in b_axes]
    if [a.shape[k] for k in a_axes] != [b.shape[k] for k in b_axes]:
        raise _mismatch("tensordot", a, b, "the summed extents")
    return fresh(_over_axes(a, a_axes, b, b_axes))


@implements
def inner(a: Any, b: Any, /) -> Any:
    """As `numpy.inner`."""
    a, b = operands(a, b)
    if not a.shape or not b.shape:
        return apply("multiply", a, b)
    if a.shape[-1] != b.shape[-1]:
        raise _mismatch("inner", a, b, "the last extents")
    return _over_axes(a, [len(a.shape) - 1], b, [len(b.shape) - 1])


@implements
def vdot(a: Any, b: Any, /) -> Any:
    """As `numpy.vdot`: the first operand is conjugated."""
    a, b = operands(a, b)
    a = conjugate(a)
    if a.shape != b.shape:
        a, b = _flat(a), _flat(b)
        if a.shape != b.shape:
            raise _mismatch("vdot", a, b, "the sizes")
    labels = LETTERS[: len(a.shape)]
    return contracted(a, labels, b, labels, "")


@implements
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """As `numpy.outer`."""
    a, b = operands(a, b)
    return deliver(apply("multiply", with_axes(_flat(a), (1,)), with_axes(_flat(b), (0,))), out, name="outer")


def _flat(x: Any) -> Any:
    return with_shape(x, (math.prod(x.shape),))


@implements
def kron(a: Any, b: Any) -> Any:
    """As `numpy.kron`."""
    a, b = operands(a, b)
    rank = max(len(a.shape), len(b.shape))
    a, b = (with_shape(x, (*[1] * (rank - len(x.shape)), *x.shape)) for x in (a, b))
    product = apply("multiply", with_axes(a, range(1, 2 * rank, 2)), with_axes(b, range(0, 2 * rank, 2)))
    shape: Shape = tuple(n * m for n, m in zip(a.shape, b.shape, strict=True))
    return fresh(apply("reshape", product, shape=shape))


@implements
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """As `numpy.cross` of vectors with three elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = operands(a, b)
    a, b = moveaxis(a, axisa, 0), moveaxis(b, axisb, 0)
    if a.shape[0] != 3 or b.shape[0] != 3:
        raise error(TraceShapeError, f"cross: the vectors need 3 elements, they have {a.shape[0]} and {b.shape[0]}")
    parts = [a[k - 2] * b[k - 1] - a[k - 1] * b[k - 2] for k in range(3)]
    made = apply("concatenate", *[with_axes(one, (0,)) for one in parts], axis=0)
    order = list(range(1, len(made.shape)))
    order.insert(one_axis(axisc, len(made.shape)), 0)
    return permuted(made, order)
