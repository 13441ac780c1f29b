"""Shapes: the same elements at other indices. No arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.lowering import Assemble, DimMap, Piece, Reshape, View
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape
from srcgrad.ops.creation import zeros_like

Ints = tuple[int, ...]

# broadcast_to


def _infer_broadcast(type_: ArrayType, *, shape: Shape) -> ArrayType:
    if len(shape) < type_.ndim or any(a not in (b, 1) for a, b in zip(type_.shape[::-1], shape[::-1], strict=False)):
        raise TraceShapeError(f"cannot broadcast shape {type_.shape} to {shape}")
    return ArrayType(shape, type_.dtype)


def _map_broadcast(params: dict[str, Any], type_: ArrayType) -> tuple[DimMap, ...]:
    shape = params["shape"]
    lead = len(shape) - type_.ndim
    return tuple(
        DimMap(None) if extent == 1 and shape[lead + axis] != 1 else DimMap(lead + axis)
        for axis, extent in enumerate(type_.shape)
    )


def _adjoint_broadcast(cotangent: Any, out: Any, x: Any, *, shape: Shape) -> tuple[Any]:
    lead = len(shape) - len(x.shape)
    axes = tuple(a for a in range(len(shape)) if a < lead or (x.shape[a - lead] == 1 and shape[a] != 1))
    total = apply("sum", cotangent, axes=axes) if axes else cotangent
    return (total if total.shape == x.shape else apply("reshape", total, shape=x.shape),)


broadcast_to = TABLE.add(
    Op(
        "broadcast_to",
        _infer_broadcast,
        lambda x, *, shape: np.broadcast_to(x, shape),
        View(_map_broadcast),
        adjoint=_adjoint_broadcast,
        samples=(
            Sample((Arg((3,)),), {"shape": (2, 3)}),
            Sample((Arg((2, 1)),), {"shape": (4, 2, 3)}),
            Sample((Arg(()),), {"shape": (2, 2)}),
            Sample((Arg((1, 3)),), {"shape": (0, 3)}),
        ),
    )
)

# transpose


def _infer_transpose(type_: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    return type_.with_shape(type_.shape[axis] for axis in axes)


def _map_transpose(params: dict[str, Any], type_: ArrayType) -> tuple[DimMap, ...]:
    return tuple(DimMap(params["axes"].index(axis)) for axis in range(type_.ndim))


def inverse_permutation(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes another."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


transpose = TABLE.add(
    Op(
        "transpose",
        _infer_transpose,
        lambda x, *, axes: np.transpose(x, axes),
        View(_map_transpose),
        adjoint=lambda ct, out, x, *, axes: (apply("transpose", ct, axes=inverse_permutation(axes)),),
        samples=(Sample((Arg((2, 3)),), {"axes": (1, 0)}), Sample((Arg((2, 3, 4)),), {"axes": (2, 0, 1)})),
    )
)

# reshape


def _infer_reshape(type_: ArrayType, *, shape: Shape) -> ArrayType:
    if math.prod(shape) != type_.size:
        raise TraceShapeError(f"cannot reshape array of size {type_.size} into shape {shape}")
    return ArrayType(shape, type_.dtype, type_.weak and shape == ())


reshape = TABLE.add(
    Op(
        "reshape",
        _infer_reshape,
        lambda x, *, shape: np.reshape(x, shape),
        Reshape(),
        adjoint=lambda ct, out, x, *, shape: (apply("reshape", ct, shape=x.shape),),
        samples=(
            Sample((Arg((2, 3)),), {"shape": (6,)}),
            Sample((Arg((2, 6)),), {"shape": (2, 1, 3, 2)}),
            Sample((Arg((4, 3)),), {"shape": (2, 6)}),
            Sample((Arg((0, 3)),), {"shape": (0,)}),
            Sample((Arg(()),), {"shape": (1, 1)}),
        ),
    )
)

# slice: start, count and (possibly negative) step of each dimension


def _infer_slice(type_: ArrayType, *, starts: Ints, shape: Shape, steps: Ints) -> ArrayType:
    return ArrayType(shape, type_.dtype)


def _slices(starts: Ints, shape: Shape, steps: Ints) -> tuple[slice, ...]:
    made = []
    for start, count, step in zip(starts, shape, steps, strict=True):
        stop = start + step * count
        made.append(slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0))
    return tuple(made)


def _adjoint_slice(cotangent: Any, out: Any, x: Any, *, starts: Ints, shape: Shape, steps: Ints) -> tuple[Any]:
    return (apply("place", cotangent, shape=x.shape, starts=starts, steps=steps),)


def _map_slice(params: dict[str, Any], type_: ArrayType) -> tuple[DimMap, ...]:
    return tuple(DimMap(axis, params["starts"][axis], params["steps"][axis]) for axis in range(type_.ndim))


slice_ = TABLE.add(
    Op(
        "slice",
        _infer_slice,
        lambda x, *, starts, shape, steps: x[_slices(starts, shape, steps)],
        View(_map_slice),
        adjoint=_adjoint_slice,
        samples=(
            Sample((Arg((5,)),), {"starts": (1,), "shape": (3,), "steps": (1,)}),
            Sample((Arg((5, 4)),), {"starts": (4, 0), "shape": (3, 2), "steps": (-2, 2)}),
            Sample((Arg((5,)),), {"starts": (4,), "shape": (5,), "steps": (-1,)}),
        ),
    )
)

# place: the operand at regular positions of an array of zeros (the adjoint of slice; padding)


def _infer_place(type_: ArrayType, *, shape: Shape, starts: Ints, steps: Ints) -> ArrayType:
    return ArrayType(shape, type_.dtype)


def _reference_place(x: Any, *, shape: Shape, starts: Ints, steps: Ints) -> Any:
    made = np.zeros(shape, x.dtype)
    made[_slices(starts, x.shape, steps)] = x
    return made


def _adjoint_place(cotangent: Any, out: Any, x: Any, *, shape: Shape, starts: Ints, steps: Ints) -> tuple[Any]:
    return (apply("slice", cotangent, starts=starts, shape=x.shape, steps=steps),)


place = TABLE.add(
    Op(
        "place",
        _infer_place,
        _reference_place,
        Assemble(lambda params, types: (Piece(params["starts"], params["steps"]),)),
        adjoint=_adjoint_place,
        samples=(Sample((Arg((2, 2)),), {"shape": (5, 3), "starts": (0, 2), "steps": (2, -1)}),),
    )
)

# update: a copy of the base with the operand written over a regular part


def _infer_update(base: ArrayType, x: ArrayType, *, starts: Ints, steps: Ints) -> ArrayType:
    return ArrayType(base.shape, base.dtype)


def _reference_update(base: Any, x: Any, *, starts: Ints, steps: Ints) -> Any:
    made = np.array(base)
    made[_slices(starts, x.shape, steps)] = x
    return made


def _adjoint_update(cotangent: Any, out: Any, base: Any, x: Any, *, starts: Ints, steps: Ints) -> tuple[Any, Any]:
    hole = apply("update", cotangent, zeros_like(x), starts=starts, steps=steps)
    return hole, apply("slice", cotangent, starts=starts, shape=x.shape, steps=steps)


def _pieces_update(params: dict[str, Any], types: tuple[ArrayType, ...]) -> tuple[Piece, ...]:
    ndim = types[0].ndim
    return Piece((0,) * ndim, (1,) * ndim), Piece(params["starts"], params["steps"])


update = TABLE.add(
    Op(
        "update",
        _infer_update,
        _reference_update,
        Assemble(_pieces_update),
        adjoint=_adjoint_update,
        samples=(Sample((Arg((5, 3)), Arg((2, 2))), {"starts": (0, 2), "steps": (2, -1)}),),
    )
)

# concatenate


def _infer_concatenate(*types: ArrayType, axis: int) -> ArrayType:
    first = types[0]
    for type_ in types[1:]:
        if _without(type_.shape, axis) != _without(first.shape, axis):
            raise TraceShapeError(f"concatenate along axis {axis}: shapes {[t.shape for t in types]} do not fit")
    total = sum(t.shape[axis] for t in types)
    return ArrayType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _offsets(axis: int, shapes: tuple[Shape, ...]) -> list[tuple[int, ...]]:
    starts, position = [], 0
    for shape in shapes:
        starts.append(tuple(position if k == axis else 0 for k in range(len(shape))))
        position += shape[axis]
    return starts


def _pieces_concatenate(params: dict[str, Any], types: tuple[ArrayType, ...]) -> tuple[Piece, ...]:
    offsets = _offsets(params["axis"], tuple(t.shape for t in types))
    return tuple(Piece(starts, (1,) * len(starts)) for starts in offsets)


def _adjoint_concatenate(cotangent: Any, out: Any, *inputs: Any, axis: int) -> list[Any]:
    starts = _offsets(axis, tuple(x.shape for x in inputs))
    return [
        apply("slice", cotangent, starts=start, shape=x.shape, steps=(1,) * len(start))
        for start, x in zip(starts, inputs, strict=True)
    ]


concatenate = TABLE.add(
    Op(
        "concatenate",
        _infer_concatenate,
        lambda *arrays, axis: np.concatenate(arrays, axis),
        Assemble(_pieces_concatenate),
        adjoint=_adjoint_concatenate,
        samples=(
            Sample((Arg((2, 3)), Arg((1, 3))), {"axis": 0}),
            Sample((Arg((2, 3)), Arg((2, 0)), Arg((2, 2))), {"axis": 1}),
        ),
    )
)
