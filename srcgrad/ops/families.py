"""Family constructors: what all rows of a kind have in common. A row states only what is particular."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import ArgReduce, Library, Pointwise, Reduce
from srcgrad.core.op import TABLE, Formula, Op, apply, face_of
from srcgrad.core.partial import Where
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS, ScalarFunction
from srcgrad.core.types import ArrayType, Shape, inexact, promote, type_of

BOOL = np.dtype(bool)
INT8 = np.dtype(np.int8)
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)

Domain = tuple[float, float]
DtypeRule = Callable[[Sequence[ArrayType]], Sequence[np.dtype[Any]]]

# Types of operands


def broadcast_shapes(name: str, types: Sequence[ArrayType]) -> Shape:
    """The shape that the operands have together; raises `TraceShapeError` where there is none."""
    try:
        return np.broadcast_shapes(*[t.shape for t in types])
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in types)
        raise TraceShapeError(f"{name}: shapes {shapes} cannot be broadcast together") from None


def convert(value: Any, dtype: np.dtype[Any]) -> Any:
    """The value in another dtype, or itself where it has it already. Plain scalars and arrays are converted at once.

    A complex value becomes no real one: whoever drops imaginary parts on purpose applies ``astype`` or ``real``.
    """
    if not hasattr(value, "__sg_bind__"):
        return np.asarray(value, dtype=dtype)
    type_ = type_of(value)
    if type_.dtype.kind == "c" and dtype.kind not in "bc":
        raise TraceError(f"a value of dtype {type_.dtype} stands where {dtype} is needed; take its .real or its abs()")
    return value if type_.dtype == dtype and not type_.weak else apply("astype", value, dtype=dtype)


def broadcast(value: Any, shape: Shape, face: Any) -> Any:
    """The value repeated to a shape, as an explicit operation."""
    if not hasattr(value, "__sg_bind__"):
        value = face.__sg_lift__(value)
    return value if type_of(value).shape == shape else apply("broadcast_to", value, shape=shape)


def arithmetic_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """All operands in the promoted dtype."""
    return [promote(types)[0]] * len(types)


def number_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """As `arithmetic_dtypes`, for functions that NumPy does not define for booleans: they become small integers."""
    dtype, weak = promote(types)
    if dtype == BOOL:
        dtype = INT64 if weak else INT8
    return [dtype] * len(types)


def inexact_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """Integers and booleans become floats."""
    return [inexact(promote(types)[0])] * len(types)


def division_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """As `inexact_dtypes`, but integers of every width become float64."""
    dtype = promote(types)[0]
    return [dtype if dtype.kind in "fc" else FLOAT64] * len(types)


def float64_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """Everything becomes float64, complex values complex128."""
    return [np.result_type(promote(types)[0], FLOAT64)] * len(types)


def logical_dtypes(types: Sequence[ArrayType]) -> list[np.dtype[Any]]:
    """Everything becomes boolean: whether it differs from zero."""
    return [BOOL] * len(types)


def preparation(name: str, dtype_rule: DtypeRule) -> Callable[[Sequence[Any], dict[str, Any]], Sequence[Any]]:
    """Promotion and broadcasting of the operands of a pointwise row, as operations of their own before it."""

    def prepare(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
        face = face_of(args)
        types = [type_of(arg) for arg in args]
        dtypes = dtype_rule(types)
        if all(t.weak for t in types):  # arithmetic between Python scalars gives what a Python scalar would be
            return [
                arg if t.dtype == d else apply("astype", face.__sg_lift__(arg), dtype=d, weak=True)
                for arg, t, d in zip(args, types, dtypes, strict=True)
            ]
        shape = broadcast_shapes(name, types)
        return [broadcast(convert(arg, d), shape, face) for arg, d in zip(args, dtypes, strict=True)]

    return prepare


# Pointwise rows


def pointwise(
    name: str,
    *partials: Formula | None,
    formula: str | dict[str, str] | None = None,
    reference: Callable[..., Any] | None = None,
    dtypes: DtypeRule = inexact_dtypes,
    result: np.dtype[Any] | Callable[[np.dtype[Any]], np.dtype[Any]] | None = None,
    kinds: str | None = None,
    cost: float | None = None,
    unordered: bool = False,
    domain: Domain | Sequence[Domain] = (-2.0, 2.0),
    sample_kinds: str = "f",
    doc: str = "",
) -> Op:
    """An elementwise row, with one partial derivative an operand.

    Args:
        name: NumPy's name, or SciPy's in ``scipy.special``.
        partials: for each operand ``(out, *operands) -> d out / d operand``: a number, a value or a `Where`; None where
            it is zero everywhere.
        formula: see `Pointwise`; by default the scalar function of that name. It holds no number but a 0 that is
            compared with: any other would not have the dtype of the operands.
        reference: by default the function of that name in NumPy or ``scipy.special``.
        dtypes: to what the operands are converted first.
        result: the dtype of the result, where it is not that of the last operand, or a function of the latter.
        kinds: the dtype kinds that the converted operands may have; of a formula by default floats.
        cost: in multiplications; of a formula by default 1. Result, kinds and cost of a scalar function are its own.
        unordered: see `Pointwise`.
        domain: where samples are drawn from, for all operands or for each; of complex ones both parts.
        sample_kinds: the dtype kinds of samples, for all operands or for each; see `Arg`.
        doc: what NumPy's documentation does not say.

    Raises:
        ValueError: for a row without a formula where there is no scalar function of that name.
    """
    arity = len(partials)
    if formula is None:
        formula = f"{name}({', '.join(f'{{{k}}}' for k in range(arity))})"
        function = _scalar_function(name)
        result, kinds = result or function.result, kinds or function.kinds
        cost = function.cost if cost is None else cost
    allowed = kinds or "f"

    def infer(*types: ArrayType) -> ArrayType:
        check_operands(name, types, dtypes)
        last = types[-1]
        check_kind(name, last.dtype, allowed)
        weak = all(t.weak for t in types)
        if isinstance(result, np.dtype):
            return ArrayType(last.shape, result)
        return ArrayType(last.shape, result(last.dtype) if result else last.dtype, weak)

    return TABLE.add(
        Op(
            name,
            infer,
            reference or numpy_function(name),
            Pointwise(formula, 1.0 if cost is None else cost, unordered),
            partials=partials,
            prepare=preparation(name, dtypes),
            samples=_pointwise_samples(arity, domain, sample_kinds, allowed),
            doc=doc,
        )
    )


def _scalar_function(name: str) -> ScalarFunction:
    """The scalar function of a row without a formula."""
    if name not in SCALAR_FUNCTIONS:
        raise ValueError(f"the row {name} needs a formula: there is no scalar function of that name")
    return SCALAR_FUNCTIONS[name]


def check_operands(name: str, types: Sequence[ArrayType], dtypes: DtypeRule) -> None:
    """Operands of a pointwise row have one shape and the dtypes of its rule: broadcasting and promotion are done."""
    if any(t.shape != types[0].shape for t in types):
        raise TraceShapeError(f"{name}: shapes {', '.join(str(t.shape) for t in types)} differ")
    if any(t.dtype != dtype for t, dtype in zip(types, dtypes(types), strict=True)):
        raise TraceError(f"{name}: operands of types {', '.join(map(str, types))} need conversion first")


def check_kind(name: str, dtype: np.dtype[Any], kinds: str) -> None:
    """Raises `TraceError` for a dtype of another kind."""
    if dtype.kind not in kinds:
        cure = "; take .real, .imag or abs()" if dtype.kind == "c" else ""
        raise TraceError(f"{name} is not defined for {dtype}{cure}")


def numpy_function(name: str) -> Callable[..., Any]:
    """NumPy's function of that name, or SciPy's special function, imported when it is first called."""
    found = getattr(np, name, None)
    return found if found is not None else special_function(name)


def special_function(name: str) -> Callable[..., Any]:
    """SciPy's special function of that name; SciPy takes long to import, so the first call does it."""

    def function(*args: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(*args)

    function.__name__ = name
    return function


_SAMPLE_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((2, 3), (2, 3), (2, 3)),
    ((3, 1), (2,), (1, 1, 2)),
    ((), (), ()),
    ((0, 2), (0, 2), (2,)),
)


def _pointwise_samples(
    arity: int, domain: Domain | Sequence[Domain], sample_kinds: str, kinds: str
) -> tuple[Sample, ...]:
    domains = [domain] * arity if isinstance(domain[0], int | float) else list(domain)
    own = sample_kinds * arity if len(sample_kinds) == 1 else sample_kinds

    def sample(shapes: tuple[Shape, ...], of: str) -> Sample:
        return Sample(tuple(Arg(shape, *d, kind=kind) for shape, d, kind in zip(shapes, domains, of, strict=False)))  # type: ignore[misc]

    found = [sample(shapes, own) for shapes in _SAMPLE_SHAPES]
    if "c" in kinds and "f" in own:
        found.append(sample(_SAMPLE_SHAPES[0], own.replace("f", "c")))
    return tuple(found)


# What derivative rules share


def nonzero(x: Any) -> Any:
    """The value, or one where it is zero: a divisor whose quotient is selected away where the value is zero.

    Selecting the quotient alone would not do: its own derivative there would be ``0 * inf``.
    """
    return apply("where", apply("equal", x, 0), 1, x)


def horner(x: Any, coefficients: Sequence[float]) -> Any:
    """``c[0] + c[1] x + c[2] x**2 + ...`` of Python numbers."""
    total: Any = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


# Reductions over axes


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """NumPy's axis argument as a sorted tuple of non-negative ints; raises AxisError as NumPy does.

    >>> normalize_axes((-1, 0), 3)
    (0, 2)
    """
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
    """The shape without the reduced axes."""
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
    tangent: Callable[..., Any] | None = None,
    *,
    kinds: str = "biuf",
    needs_element: bool = False,
    domain: Domain = (-2.0, 2.0),
    samples: Sequence[Sample] = (),
    doc: str = "",
) -> Op:
    """A reduction row over ``axes``, a sorted tuple of non-negative ints.

    The dtype stays, also in ``reference(x, axes)``: that NumPy adds small integers in int64 is the face's business.
    A sum is linear: its tangent is the sum of the tangent; other reductions give theirs.
    ``needs_element``: no value for zero elements. ``samples`` are added to those that every reduction has.
    """

    def infer(type_: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
        check_kind(name, type_.dtype, kinds)
        if needs_element and any(type_.shape[axis] == 0 for axis in axes):
            raise TraceShapeError(f"zero-size array to reduction operation {name} which has no identity")
        return ArrayType(reduced_shape(type_.shape, axes), type_.dtype)

    def evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        return reference(x, axes)

    cases: list[tuple[Shape, tuple[int, ...]]] = [
        ((2, 3), (0,)),
        ((2, 3), (1,)),
        ((2, 3, 4), (0, 2)),
        ((3,), (0,)),
        ((2, 3), (0, 1)),
        ((2, 2), ()),
        ((2, 0), (0,)),
    ]
    if not needs_element:
        cases.append(((0, 3), (0,)))
    kind = "f" if "f" in kinds else "b"
    common = tuple(Sample((Arg(shape, *domain, kind=kind),), {"axes": axes}) for shape, axes in cases)
    return TABLE.add(
        Op(
            name,
            infer,
            evaluate,
            Reduce(combine),
            adjoint=adjoint,
            tangent=tangent,
            samples=(*common, *samples),
            doc=doc,
        )
    )


# Rows along one axis

_ALONG_SAMPLES = (
    Sample((Arg((5,)),), {"axis": 0}),
    Sample((Arg((4, 3)),), {"axis": 0}),
    Sample((Arg((2, 3, 2)),), {"axis": 1}),
)


def arg_reduction(name: str, combine: str, reference: Callable[..., Any], *, doc: str = "") -> Op:
    """The int64 position of an extremum along ``axis``, a non-negative int."""

    def infer(type_: ArrayType, *, axis: int) -> ArrayType:
        check_kind(name, type_.dtype, "biuf")
        if type_.shape[axis] == 0:
            raise TraceShapeError(f"attempt to get {name} of an empty sequence")
        return ArrayType(reduced_shape(type_.shape, (axis,)), INT64)

    def evaluate(x: Any, *, axis: int) -> Any:
        return reference(x, axis=axis)

    tied = Sample((Arg((6,), values=(1.0, 2.0, 0.0, 2.0, 0.0, 1.0)),), {"axis": 0})
    return TABLE.add(Op(name, infer, evaluate, ArgReduce(combine), samples=(*_ALONG_SAMPLES, tied), doc=doc))


def _line_extents(params: dict[str, Any], types: Sequence[ArrayType]) -> tuple[int, int, int]:
    """How many lines stand before each other, how long they are, and how many lie beside each other."""
    shape, axis = types[0].shape, params["axis"]
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def along(
    name: str,
    reference: Callable[..., Any],
    adjoint: Callable[..., Sequence[Any]] | None,
    tangent: Callable[..., Any] | None = None,
    *,
    kinds: str = "biuf",
    result: np.dtype[Any] | None = None,
    samples: Sequence[Sample] = (),
    doc: str = "",
) -> Op:
    """A library call that maps each line along ``axis``, a non-negative int, to a line of the same length."""

    def infer(type_: ArrayType, *, axis: int) -> ArrayType:
        check_kind(name, type_.dtype, kinds)
        return ArrayType(type_.shape, result or type_.dtype)

    empty = Sample((Arg((0, 2)),), {"axis": 0})
    return TABLE.add(
        Op(
            name,
            infer,
            reference,
            Library(f"lines.{name}", _line_extents),
            adjoint=adjoint,
            tangent=tangent,
            samples=(*_ALONG_SAMPLES, empty, *samples),
            doc=doc,
        )
    )


__all__ = ["BOOL", "INT64", "Where", "along", "arg_reduction", "nonzero", "pointwise", "reduction"]
