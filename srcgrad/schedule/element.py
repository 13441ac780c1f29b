"""How to read one element of a graph node: an expression over placeholder axes, one for each of its dimensions.

Views cost nothing: they substitute into the expression of what they view. Where the composition has no form (a
reshape of a strided slice of a reshape), the caller stores the node in a value of its own and goes on from
there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from srcgrad.core.lowering import DimMap
from srcgrad.schedule.ir import Affine, Axis, Delinearised, Expr, Index, Load, Value
from srcgrad.schedule.substitution import delinearised, substitute_expr


@dataclass(frozen=True, slots=True)
class Element:
    """``expr`` over ``axes``: the placeholder of each dimension, None where the extent is 1."""

    shape: tuple[int, ...]
    axes: tuple[Axis | None, ...]
    expr: Expr

    def at(self, indices: tuple[Index, ...]) -> Expr | None:
        """The expression with indices for the placeholders; None where it has no form."""
        mapping = {axis: index for axis, index in zip(self.axes, indices, strict=True) if axis is not None}
        return substitute_expr(self.expr, mapping)

    def whole_value(self) -> Value | None:
        """The value of which this is every element in order, if it is one."""
        if not isinstance(self.expr, Load) or self.expr.value.shape != self.shape:
            return None
        identical = all(index == Affine.of(axis) for index, axis in zip(self.expr.index, self.axes, strict=True))
        return self.expr.value if identical else None

    def viewed_value(self) -> Value | None:
        """The value of which this is every element once, in any order, if it is one."""
        if not isinstance(self.expr, Load):
            return None
        value = self.expr.value
        if math.prod(value.shape) != math.prod(self.shape):
            return None
        return (
            value if _moving_axes(self.expr) == sorted(axis.serial for axis in self.axes if axis is not None) else None
        )

    def place(self, indices: tuple[Index, ...]) -> Load:
        """Where an element of a `viewed_value` lies."""
        expr = self.at(indices)
        assert isinstance(expr, Load)
        return expr

    def flat_value(self) -> Value | None:
        """The value of which this is every element in row-major order, under any shape."""
        if not isinstance(self.expr, Load):
            return None
        value = self.expr.value
        if math.prod(value.shape) != math.prod(self.shape):
            return None
        theirs, ours = _offset(self.expr.index, value.shape), _offset(identity(self.axes), self.shape)
        return value if theirs is not None and ours is not None and theirs == ours else None


def _offset(index: tuple[Index, ...], shape: tuple[int, ...]) -> dict[Axis, int] | None:
    """The row-major position of an index, by axis; None where it is not affine or does not start at zero."""
    total = Affine()
    position = 0
    while position < len(index):
        part = index[position]
        run = digit_run(list(index[position:]), shape[position:])
        if run and isinstance(part, Delinearised):
            part = part.flat
        if not isinstance(part, Affine):
            return None
        position += run or 1
        total = total.plus(part.scaled(math.prod(shape[position:])))
    return None if total.const else {axis.find(): coefficient for axis, coefficient in total.terms}


def _moving_axes(load: Load) -> list[int] | None:
    """The axes that the indices of a load move with, if along each dimension they leave no gap and never meet."""
    moving: list[int] = []
    position = 0
    while position < len(load.index):
        run = digit_run(list(load.index[position:]), load.value.shape[position:])
        index = load.index[position]
        flat = index.flat if run and isinstance(index, Delinearised) else index
        if not isinstance(flat, Affine) or not _is_mixed_radix(flat):
            return None
        moving += [axis.serial for axis, _ in flat.terms]
        position += run or 1
    return sorted(moving)


def _is_mixed_radix(index: Affine) -> bool:
    """Whether different coordinates along the axes give different indices, without a gap."""
    reach = 1
    for axis, coefficient in sorted(index.terms, key=lambda term: abs(term[1])):
        if abs(coefficient) != reach:
            return False
        reach *= axis.extent
    return True


def fresh_axes(shape: tuple[int, ...]) -> tuple[Axis | None, ...]:
    """New axes for the dimensions of a shape; extents of one need none."""
    return tuple(Axis(extent) if extent != 1 else None for extent in shape)


def identity(axes: tuple[Axis | None, ...]) -> tuple[Index, ...]:
    """Each axis as the index into its own dimension."""
    return tuple(Affine.of(axis) for axis in axes)


def element_of(value: Value) -> Element:
    """How to read a value itself."""
    axes = fresh_axes(value.shape)
    return Element(value.shape, axes, Load(value, identity(axes)))


def through_view(source: Element, maps: tuple[DimMap, ...], shape: tuple[int, ...]) -> Element | None:
    """The element of a view."""
    axes = fresh_axes(shape)
    expr = source.at(places(maps, axes))
    return None if expr is None else Element(shape, axes, expr)


def places(maps: tuple[DimMap, ...], axes: tuple[Axis | None, ...]) -> tuple[Index, ...]:
    """The index into each dimension of what a view is of: ``start + step * i[axis]``."""
    found = []
    for dim in maps:
        index = Affine((), dim.start)
        for axis, step in ((dim.axis, dim.step), dim.inside or (None, 0)):
            if axis is not None:
                index = index.plus(Affine.of(axes[axis]).scaled(step))
        found.append(index)
    return tuple(found)


def through_reshape(source: Element, shape: tuple[int, ...]) -> Element | None:
    """The element of a reshape. Dimensions are matched in the smallest groups of equal size."""
    axes = fresh_axes(shape)
    indices: list[Index] = []
    for source_dims, dims in _groups(source.shape, shape):
        flat = Affine()
        stride = 1
        for k in reversed(dims):
            flat = flat.plus(Affine.of(axes[k]).scaled(stride))
            stride *= shape[k]
        extents = tuple(source.shape[k] for k in source_dims)
        indices += [delinearised(flat, extents, position) for position in range(len(extents))]
    expr = source.at(tuple(indices))
    return None if expr is None else Element(shape, axes, expr)


def _groups(source: tuple[int, ...], target: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Ranges of dimensions on both sides with the same number of elements, as small as possible; ones join the
    group before.
    """
    if 0 in source:
        return [(list(range(len(source))), list(range(len(target))))]
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(source) or j < len(target):
        left: list[int] = []
        right: list[int] = []
        left_size = right_size = 1
        while (not left and not right) or left_size != right_size or not (left or right):
            if (left_size <= right_size and i < len(source)) or j >= len(target):
                left.append(i)
                left_size *= source[i]
                i += 1
            else:
                right.append(j)
                right_size *= target[j]
                j += 1
        while i < len(source) and source[i] == 1:
            left.append(i)
            i += 1
        while j < len(target) and target[j] == 1:
            right.append(j)
            j += 1
        groups.append((left, right))
    return groups


def digit_run(indices: list[Index], shape: tuple[int, ...]) -> int:
    """How many leading indices are all the coordinates, in order, of one flat index over these stored extents."""
    first = indices[0]
    if not isinstance(first, Delinearised) or first.position:
        return 0
    count = len(first.extents)
    run = indices[:count]
    matches = len(run) == count and all(
        isinstance(d, Delinearised) and d.flat == first.flat and d.extents == first.extents and d.position == k
        for k, d in enumerate(run)
    )
    return count if matches and shape[:count] == first.extents else 0


def has_strides(load: Load) -> bool:
    """Whether the elements that a load goes over lie at a constant stride along each axis."""
    position = 0
    while position < len(load.index):
        run = digit_run(list(load.index[position:]), load.value.shape[position:])
        if not run and not isinstance(load.index[position], Affine):
            return False
        position += run or 1
    return True
