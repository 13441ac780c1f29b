"""Windows of an array, as a view, and the sum of overlapping windows, which is its adjoint."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from srcgrad.core.lowering import DimMap, Overlap, View
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType, Shape

Ints = tuple[int, ...]


def _infer_windows(type_: ArrayType, *, axes: Ints, sizes: Ints, steps: Ints, dilations: Ints) -> ArrayType:
    shape = list(type_.shape)
    for axis, size, step, dilation in zip(axes, sizes, steps, dilations, strict=True):
        shape[axis] = (shape[axis] - dilation * (size - 1) - 1) // step + 1
    return ArrayType((*shape, *sizes), type_.dtype)


def _map_windows(ndim: int, axes: Ints, steps: Ints, dilations: Ints) -> tuple[DimMap, ...]:
    maps = [DimMap(axis) for axis in range(ndim)]
    for k, (axis, step, dilation) in enumerate(zip(axes, steps, dilations, strict=True)):
        maps[axis] = DimMap(axis, 0, step, (ndim + k, dilation))
    return tuple(maps)


def _reference_windows(x: Any, *, axes: Ints, sizes: Ints, steps: Ints, dilations: Ints) -> Any:
    spans = tuple(dilation * (size - 1) + 1 for size, dilation in zip(sizes, dilations, strict=True))
    dense = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    places = [slice(None)] * x.ndim
    for axis, step in zip(axes, steps, strict=True):
        places[axis] = slice(None, None, step)
    return dense[(*places, *(slice(None, None, dilation) for dilation in dilations))]


windows = TABLE.add(
    Op(
        "windows",
        _infer_windows,
        _reference_windows,
        View(
            lambda params, type_: _map_windows(type_.ndim, params["axes"], params["steps"], params["dilations"]),
        ),
        adjoint=lambda ct, out, x, *, axes, sizes, steps, dilations: (
            apply("overlap_add", ct, shape=x.shape, axes=axes, steps=steps, dilations=dilations),
        ),
        samples=(
            Sample((Arg((7,)),), {"axes": (0,), "sizes": (3,), "steps": (1,), "dilations": (1,)}),
            Sample((Arg((9, 2)),), {"axes": (0,), "sizes": (3,), "steps": (2,), "dilations": (3,)}),
            Sample((Arg((2, 5, 6)),), {"axes": (1, 2), "sizes": (2, 3), "steps": (1, 1), "dilations": (1, 1)}),
            Sample((Arg((5, 7)),), {"axes": (1, 0), "sizes": (4, 2), "steps": (3, 1), "dilations": (1, 2)}),
        ),
        doc="""The windows of ``sizes`` elements, ``dilations`` apart, that start at every ``steps``-th index.

        The dimensions ``axes`` count windows; those inside a window come last, in the order of ``axes``.
        """,
    )
)


def _infer_overlap(type_: ArrayType, *, shape: Shape, axes: Ints, steps: Ints, dilations: Ints) -> ArrayType:
    return ArrayType(shape, type_.dtype)


def _reference_overlap(x: Any, *, shape: Shape, axes: Ints, steps: Ints, dilations: Ints) -> Any:
    made = np.zeros(shape, x.dtype)
    for inside in itertools.product(*map(range, x.shape[len(shape) :])):
        places = [slice(None)] * len(shape)
        for axis, k, step, dilation in zip(axes, inside, steps, dilations, strict=True):
            start = k * dilation
            places[axis] = slice(start, start + step * (x.shape[axis] - 1) + 1, step)
        made[tuple(places)] += x[(..., *inside)]
    return made


overlap_add = TABLE.add(
    Op(
        "overlap_add",
        _infer_overlap,
        _reference_overlap,
        Overlap(lambda params, ndim: _map_windows(ndim, params["axes"], params["steps"], params["dilations"])),
        adjoint=lambda ct, out, x, *, shape, axes, steps, dilations: (
            apply("windows", ct, axes=axes, sizes=x.shape[len(shape) :], steps=steps, dilations=dilations),
        ),
        samples=(
            Sample((Arg((5, 3)),), {"shape": (7,), "axes": (0,), "steps": (1,), "dilations": (1,)}),
            Sample((Arg((2, 2, 3)),), {"shape": (9, 2), "axes": (0,), "steps": (2,), "dilations": (3,)}),
            Sample((Arg((2, 4, 4, 2, 3)),), {"shape": (2, 5, 6), "axes": (1, 2), "steps": (1, 1), "dilations": (1, 1)}),
            Sample((Arg((3, 2, 4, 2)),), {"shape": (5, 8), "axes": (1, 0), "steps": (3, 1), "dilations": (1, 2)}),
        ),
        doc="""An array of this shape with each element of the windows added at its place: the adjoint of `windows`.""",
    )
)
