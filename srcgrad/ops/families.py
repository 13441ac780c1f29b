"""Family constructors: what all rows of a kind have in common. A row states only what is particular."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import Pointwise, Reduce
from srcgrad.core.op import TABLE, Formula, Op, apply, face_of
from srcgrad.core.partial import Where
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape, inexact, promote, type_of

BOOL = np.dtype(bool)
Domain = tuple[float, float]

__all__ = ["BOOL", "Where"]


def broadcast_shapes(name: str, types: Sequence[ArrayType]) -> Shape:
    try:
        return np.broadcast_shapes(*[t.shape for t in types])
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in types)
        raise TraceShapeError(f"{name}: shapes {shapes} cannot be broadcast together") from None


def convert(value: Any, dtype: np.dtype[Any]) -> Any:
    """The value in another dtype, or itself where it has it already. Plain scalars and arrays are converted at once."""
    if not hasattr(value, "__sg_bind__"):
        return np.asarray(value, dtype=dtype)
    type_ = type_of(value)
    return value if type_.dtype == dtype and not type_.weak else apply("astype", value, dtype=dtype)


def broadcast(value: Any, shape: Shape, face: Any) -> Any:
    """The value repeated to a shape, as an explicit operation."""
    if not hasattr(value, "__sg_bind__"):
        value = face.__sg_lift__(value)
    return value if type_of(value).shape == shape else apply("broadcast_to", value, shape=shape)


def _prepare(name: str, dtype_of: Callable[[Sequence[ArrayType]], Sequence[np.dtype[Any]]]) -> Callable[..., list[Any]]:
    def prepare(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        face = face_of(args)
        types = [type_of(arg) for arg in args]
        weak = all(t.weak for t in types)
        shape = broadcast_shapes(name, types)
        dtypes = dtype_of(types)
        if weak:  # scalar arithmetic between weak scalars stays weak
            return [
                arg if t.dtype == d else apply("astype", face.__sg_lift__(arg), dtype=d, weak=True)
                for arg, t, d in zip(args, types, dtypes, strict=True)
            ]
        return [broadcast(convert(arg, d), shape, face) for arg, d in zip(args, dtypes, strict=True)]

    return prepare


def arithmetic_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    return [promote(types)[0]] * len(types)


def inexact_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    return [inexact(promote(types)[0])] * len(types)


def logical_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    return [BOOL] * len(types)


def check_operands(name: str, types: Sequence[ArrayType]) -> None:
    """All operands of a pointwise row have one shape: broadcasting is explicit by now."""
    if any(t.shape != types[0].shape for t in types):
        raise TraceShapeError(f"{name}: shapes {', '.join(str(t.shape) for t in types)} differ")


def pointwise(
    name: str,
    formula: str | dict[str, str],
    reference: Callable[..., Any],
    *partials: Formula | None,
    dtypes: Callable[[Sequence[ArrayType]], Sequence[np.dtype[Any]]] = inexact_dtypes,
    result: np.dtype[Any] | None = None,
    kinds: str = "biufc",
    cost: float = 1.0,
    domain: Domain | Sequence[Domain] = (-2.0, 2.0),
    sample_kind: str = "f",
    doc: str = "",
) -> Op:
    """An elementwise row.

    ``dtypes`` says to what the operands are converted first; ``result`` is the dtype of the result where it is not theirs; ``kinds`` the dtype
    kinds that the (converted) operands may have; ``partials`` one formula an operand; ``domain`` where samples are drawn, per operand.
    """
    arity = 1 + max(int(c) for text in _formulas(formula) for c in _placeholders(text))

    def infer(*types: ArrayType) -> ArrayType:
        check_operands(name, types)
        if types[-1].dtype.kind not in kinds:
            raise TraceError(f"{name} is not defined for {types[-1].dtype}")
        return ArrayType(types[0].shape, result or types[-1].dtype, all(t.weak for t in types) and result is None)

    domains = [domain] * arity if isinstance(domain[0], int | float) else list(domain)  # type: ignore[list-item]
    samples = tuple(
        Sample(tuple(Arg(shape, *d, kind=sample_kind) for shape, d in zip(shapes, domains, strict=False)))  # type: ignore[misc]
        for shapes in ([(2, 3)] * arity, [()] * arity, [(0, 2)] * arity, [(3, 1), (2,), (1, 1, 2)][:arity])
    )
    return TABLE.add(
        Op(
            name,
            infer,
            reference,
            Pointwise(formula, cost),
            partials=partials or (None,) * arity,
            prepare=_prepare(name, dtypes),
            samples=samples,
            doc=doc,
        )
    )


def _formulas(formula: str | dict[str, str]) -> list[str]:
    return [formula] if isinstance(formula, str) else list(formula.values())


def _placeholders(text: str) -> list[str]:
    return [part[0] for part in text.split("{")[1:]]


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """NumPy's axis argument as a sorted tuple of non-negative ints; raises AxisError as NumPy does."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    normal = []
    for one in axes:
        if not -ndim <= one < ndim:
            raise np.exceptions.AxisError(int(one), ndim)
        normal.append(int(one) % ndim)
    if len(set(normal)) != len(normal):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(normal))


def reduced_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def kept_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    """The shape with the reduced axes kept as ones: what broadcasts against the operand."""
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))


def expand_reduced(value: Any, shape: Shape, axes: Sequence[int]) -> Any:
    """A reduction's result broadcast back to the operand's shape."""
    return apply("broadcast_to", apply("reshape", value, shape=kept_shape(shape, axes)), shape=shape)


def reduction(
    name: str,
    combine: str,
    reference: Callable[..., Any],
    adjoint: Callable[..., Sequence[Any]] | None,
    *,
    kinds: str = "biuf",
    needs_element: bool = False,
    domain: Domain = (-2.0, 2.0),
    doc: str = "",
) -> Op:
    """A reduction row over ``axes``, a sorted tuple of non-negative ints; the dtype stays (the face converts first)."""

    def infer(type_: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
        if type_.dtype.kind not in kinds:
            raise TraceError(f"{name} is not defined for {type_.dtype}")
        if needs_element and any(type_.shape[axis] == 0 for axis in axes):
            raise TraceShapeError(f"zero-size array to reduction operation {name} which has no identity")
        return ArrayType(reduced_shape(type_.shape, axes), type_.dtype)

    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        return reference(x, axis=axes)

    shapes_axes = [((2, 3), (0,)), ((2, 3), (1,)), ((2, 3, 4), (0, 2)), ((3,), (0,)), ((2, 3), (0, 1)), ((2, 2), ())]
    if not needs_element:
        shapes_axes.append(((0, 3), (0,)))
    samples = tuple(Sample((Arg(shape, *domain, kind="b" if "f" not in kinds else "f"),), {"axes": axes}) for shape, axes in shapes_axes)
    return TABLE.add(Op(name, infer, evaluate, Reduce(combine), adjoint=adjoint, samples=samples, doc=doc))
