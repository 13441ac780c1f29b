"""Parts, conjugate and argument of complex numbers.

A real function f of a complex z changes by ``Re(w dz)`` for some complex w, which is what a partial derivative means
here: ``conj(z) / |z|`` for the absolute value. So a tangent is the real part of ``w dz``, and the cotangent of z is w
times that of the result; `docs/adjoint.md` derives it. For the parts that product is written out, without the zeros:
``inf * 0j`` would be NaN. The conjugate has no such w at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError
from srcgrad.core.lowering import Pointwise
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, complex_dtype, real_dtype
from srcgrad.ops.arithmetic import astype
from srcgrad.ops.creation import zeros_like
from srcgrad.ops.families import (
    Where,
    arithmetic_dtypes,
    check_operands,
    inexact_dtypes,
    nonzero,
    pointwise,
    preparation,
)
from srcgrad.ops.logic import not_equal

Rule = Callable[..., Any]
_SHAPES: tuple[tuple[int, ...], ...] = ((2, 3), (), (0, 2))


def _of_complex(name: str, result: Callable[[np.dtype[Any]], np.dtype[Any]], tangent: Rule, adjoint: Rule) -> Op:
    """A real-linear function of one complex number, that of NumPy's name; both rules take what they transform."""

    def infer(type_: ArrayType) -> ArrayType:
        if type_.dtype.kind != "c":
            raise TraceError(f"{name} is a row for complex numbers, not for {type_.dtype}")
        return ArrayType(type_.shape, result(type_.dtype), type_.weak)

    return TABLE.add(
        Op(
            name,
            infer,
            getattr(np, name),
            Pointwise(f"{name}({{0}})", 0.0),
            adjoint=lambda cotangent, out, x: (adjoint(cotangent),),
            tangent=lambda tangents, out, x: tangent(tangents[0]),
            samples=tuple(Sample((Arg(shape, kind="c"),)) for shape in _SHAPES),
        )
    )


real: Op = _of_complex(
    "real",
    real_dtype,
    tangent=lambda tangent: real(tangent),
    adjoint=lambda cotangent: astype(cotangent, dtype=complex_dtype(cotangent.dtype)),
)
imag: Op = _of_complex(
    "imag",
    real_dtype,
    tangent=lambda tangent: imag(tangent),
    adjoint=lambda cotangent: compose(zeros_like(cotangent), -cotangent),
)
conjugate: Op = _of_complex(
    "conjugate",
    lambda dtype: dtype,
    tangent=lambda tangent: conjugate(tangent),
    adjoint=lambda cotangent: conjugate(cotangent),
)


def _infer_compose(*types: ArrayType) -> ArrayType:
    check_operands("compose", types, inexact_dtypes)
    if types[0].dtype.kind != "f":
        raise TraceError("compose: the parts of a complex number are real")
    return ArrayType(types[0].shape, complex_dtype(types[0].dtype), types[0].weak and types[1].weak)


def _reference_compose(x: Any, y: Any) -> Any:
    made = np.empty(np.shape(x), complex_dtype(np.asarray(x).dtype))
    made.real, made.imag = x, y
    return made


def _tangent_compose(tangents: Sequence[Any], out: Any, x: Any, y: Any) -> Any:
    first, second = tangents
    return compose(zeros_like(x) if first is None else first, zeros_like(y) if second is None else second)


compose: Op = TABLE.add(
    Op(
        "compose",
        _infer_compose,
        _reference_compose,
        Pointwise("compose({0}, {1})", 0.0),
        adjoint=lambda cotangent, out, x, y: (real(cotangent), -imag(cotangent)),
        tangent=_tangent_compose,
        prepare=preparation("compose", inexact_dtypes),
        samples=tuple(Sample((Arg(shape), Arg(shape))) for shape in _SHAPES),
        doc="The complex number with these parts: ``x + 1j * y`` is NaN in both where y is infinite.",
    )
)
angle = pointwise(
    "angle",
    lambda out, x: Where(not_equal(x, 0), -1j / nonzero(x)),
    dtypes=arithmetic_dtypes,
    reference=np.angle,
    sample_kinds="c",
    doc="The argument, in -pi .. pi. Its derivative at 0 does not exist; it is 0 here.",
)
