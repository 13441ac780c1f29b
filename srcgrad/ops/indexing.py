"""Indices that are data: ``gather`` reads at them, ``scatter_add`` and ``scatter_set`` write at them.

All three take one integer array for each dimension in ``axes``, all of one shape, and put the index dimensions behind
the first ``position`` dimensions that are not indexed (see `srcgrad.core.lowering.Gather`). A negative index counts
from the end, as in NumPy. A 0-d index selects one slice: ``x[i]`` for a traced ``i`` is one gather with one 0-d index.

Gather is linear in its source, and scatter_add is its adjoint: an element that is read twice receives two cotangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.lowering import Gather, Scatter
from srcgrad.core.op import TABLE, Op, apply, face_of
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape
from srcgrad.ops.creation import iota_on, zeros_like

Axes = tuple[int, ...]


def _check_indices(name: str, shape: Shape, indices: Sequence[ArrayType], axes: Axes, position: int) -> Shape:
    """The shape of a gather's result."""
    if not indices or len(indices) != len(axes):
        raise TraceShapeError(f"{name} takes one index array for each of the axes {axes}, was given {len(indices)}")
    for index in indices:
        if index.dtype.kind not in "iu":
            raise TraceError(f"{name}: indices must be integers, not {index.dtype}")
        if index.shape != indices[0].shape:
            raise TraceShapeError(f"{name}: index arrays of shapes {[i.shape for i in indices]} differ")
    kept = tuple(extent for axis, extent in enumerate(shape) if axis not in axes)
    return (*kept[:position], *indices[0].shape, *kept[position:])


def _indexed_axes_first(x: Any, axes: Axes) -> Any:
    """A NumPy view with the indexed axes in front, the others behind them in order."""
    return np.transpose(x, (*axes, *(axis for axis in range(x.ndim) if axis not in axes)))


def _index_block_first(x: Any, position: int, ndim: int) -> Any:
    """A NumPy view of a gather's result with its index dimensions in front."""
    return np.moveaxis(x, range(position, position + ndim), range(ndim))


# gather


def _infer_gather(source: ArrayType, *indices: ArrayType, axes: Axes, position: int) -> ArrayType:
    return ArrayType(_check_indices("gather", source.shape, indices, axes, position), source.dtype)


def _reference_gather(source: Any, *indices: Any, axes: Axes, position: int) -> Any:
    picked = _indexed_axes_first(np.asarray(source), axes)[tuple(indices)]
    ndim = np.ndim(indices[0])
    return np.moveaxis(picked, range(ndim), range(position, position + ndim))


def _adjoint_gather(cotangent: Any, out: Any, source: Any, *indices: Any, axes: Axes, position: int) -> list[Any]:
    found = apply("scatter_add", zeros_like(source), cotangent, *indices, axes=axes, position=position)
    return [found, *[None] * len(indices)]


_ROWS = Arg((3,), kind="i", values=[2, 0, -1])
_AGAIN = Arg((2, 2), kind="i", values=[[1, 1], [0, 1]])
_ONE = Arg((), kind="i", values=1)

gather = TABLE.add(
    Op(
        "gather",
        _infer_gather,
        _reference_gather,
        Gather(),
        adjoint=_adjoint_gather,
        samples=(
            Sample((Arg((4, 2)), _ROWS), {"axes": (0,), "position": 0}),
            Sample((Arg((4, 2)), _ONE), {"axes": (0,), "position": 0}),
            Sample((Arg((2, 3, 4)), _AGAIN), {"axes": (1,), "position": 1}),
            Sample((Arg((2, 3, 4)), _AGAIN, _AGAIN), {"axes": (0, 2), "position": 0}),
            Sample((Arg((4, 2)), Arg((0,), 0, 1, kind="i")), {"axes": (0,), "position": 0}),
        ),
        doc="Elements or slices at integer indices; advanced indexing.",
    )
)

# scatter_add: a copy of the base with the update added at the indices, as often as they name an element


def _infer_scatter(
    base: ArrayType, update: ArrayType, *indices: ArrayType, axes: Axes, position: int, unique: bool = False
) -> ArrayType:
    expected = _check_indices("scatter", base.shape, indices, axes, position)
    if update.shape != expected:
        raise TraceShapeError(f"scatter: an update of shape {update.shape} where {expected} is indexed")
    if update.dtype != base.dtype:
        raise TraceError(f"scatter: an update of {update.dtype} into {base.dtype}")
    return ArrayType(base.shape, base.dtype)


def _reference_scatter_add(base: Any, update: Any, *indices: Any, axes: Axes, position: int) -> Any:
    made = np.array(base)
    block_first = _index_block_first(np.asarray(update), position, np.ndim(indices[0]))
    np.add.at(_indexed_axes_first(made, axes), tuple(indices), block_first)
    return made


def _adjoint_scatter_add(
    cotangent: Any, out: Any, base: Any, update: Any, *indices: Any, axes: Axes, position: int
) -> list[Any]:
    return [cotangent, apply("gather", cotangent, *indices, axes=axes, position=position), *[None] * len(indices)]


_SCATTER_SAMPLES = (
    ((Arg((4, 2)), Arg((3, 2)), _ROWS), {"axes": (0,), "position": 0}),
    ((Arg((4, 2)), Arg((2,)), _ONE), {"axes": (0,), "position": 0}),
    ((Arg((2, 3, 2)), Arg((2, 2, 2, 2)), _AGAIN), {"axes": (1,), "position": 1}),
    ((Arg((2, 3, 4)), Arg((2, 2, 3)), _AGAIN, _AGAIN), {"axes": (0, 2), "position": 0}),
)

scatter_add = TABLE.add(
    Op(
        "scatter_add",
        _infer_scatter,
        _reference_scatter_add,
        Scatter("add"),
        adjoint=_adjoint_scatter_add,
        samples=tuple(Sample(args, params) for args, params in _SCATTER_SAMPLES),
        doc="``np.add.at`` on a copy.",
    )
)

# scatter_set: a copy of the base with the update written at the indices; of several writes to an element the last stays


def _reference_scatter_set(
    base: Any, update: Any, *indices: Any, axes: Axes, position: int, unique: bool = False
) -> Any:
    made = np.array(base)
    _indexed_axes_first(made, axes)[tuple(indices)] = _index_block_first(
        np.asarray(update), position, np.ndim(indices[0])
    )
    return made


def _adjoint_scatter_set(
    cotangent: Any, out: Any, base: Any, update: Any, *indices: Any, axes: Axes, position: int, unique: bool = False
) -> list[Any]:
    where: dict[str, Any] = {"axes": axes, "position": position}
    hole = apply("scatter_set", cotangent, zeros_like(update), *indices, **where, unique=unique)
    written = apply("gather", cotangent, *indices, **where)
    if not unique:
        stayed = _last_writer(indices, tuple(base.shape[axis] for axis in axes))
        trailing = len(update.shape) - position - len(indices[0].shape)
        stayed = apply("reshape", stayed, shape=(*stayed.shape, *[1] * trailing))
        written = apply("where", stayed, written, 0.0)
    return [hole, written, *[None] * len(indices)]


def _last_writer(indices: Sequence[Any], extents: Shape) -> Any:
    """Whether each index tuple is the last that names its element: all leave their number, and look whose is there."""
    face = face_of(indices)
    index_shape = tuple(indices[0].shape)
    count = int(np.prod(index_shape))
    if face is None:
        number, nobody = np.arange(count).reshape(index_shape), np.zeros(extents, np.int64)
    else:
        number = apply("reshape", iota_on(face, (count,), 0), shape=index_shape)
        nobody = apply("broadcast_to", face.__sg_lift__(np.zeros((), np.int64)), shape=extents)
    axes = tuple(range(len(extents)))
    last = apply("scatter_set", nobody, number, *indices, axes=axes, position=0)
    return apply("equal", apply("gather", last, *indices, axes=axes, position=0), number)


scatter_set = TABLE.add(
    Op(
        "scatter_set",
        _infer_scatter,
        _reference_scatter_set,
        Scatter("set"),
        adjoint=_adjoint_scatter_set,
        samples=(
            Sample(_SCATTER_SAMPLES[0][0], {**_SCATTER_SAMPLES[0][1], "unique": True}),
            Sample(_SCATTER_SAMPLES[1][0], {**_SCATTER_SAMPLES[1][1], "unique": True}),
            *(Sample(args, params) for args, params in _SCATTER_SAMPLES),
        ),
        doc="Indexed assignment on a copy. ``unique`` promises that no element is named twice: its adjoint is cheaper.",
    )
)

# slices whose start is data


def dynamic_slice(x: Any, *starts: Any, shape: Shape) -> Any:
    """The part of this shape that begins at the starts, one integer a dimension, which may be traced.

    The part must lie within the array. A dimension that is taken whole (start 0 as a plain int) costs no index.
    """
    axes, indices, position = _part(x, starts, shape)
    return apply("gather", x, *indices, axes=axes, position=position) if axes else x


def dynamic_update(x: Any, update: Any, *starts: Any) -> Any:
    """A copy of the array with the update written over the part that begins at the starts."""
    axes, indices, position = _part(x, starts, tuple(update.shape))
    if not axes:
        return update
    return apply("scatter_set", x, update, *indices, axes=axes, position=position, unique=True)


def _part(x: Any, starts: Sequence[Any], shape: Shape) -> tuple[Axes, list[Any], int]:
    """The indexed axes of a part, their index arrays, and where the index dimensions stand.

    Dimensions between two indexed ones are indexed too, so that the index dimensions stand together.
    """
    if not len(starts) == len(shape) == len(x.shape):
        raise TraceShapeError(f"{len(starts)} starts and the part {shape} for an array of shape {x.shape}")
    moved = [
        axis
        for axis, (start, extent) in enumerate(zip(starts, shape, strict=True))
        if extent != x.shape[axis] or not (isinstance(start, int) and start == 0)
    ]
    if not moved:
        return (), [], 0
    axes = tuple(range(moved[0], moved[-1] + 1))
    block = tuple(shape[axis] for axis in axes)
    face = face_of((x, *starts))
    indices = []
    for place, axis in enumerate(axes):
        offset = iota_on(face, block, place)
        start = starts[axis]
        indices.append(offset if isinstance(start, int) and start == 0 else apply("add", offset, start))
    return axes, indices, axes[0]
