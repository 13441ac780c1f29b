"""Where the elements of a view stand in its base: windows and strides. Integers only, no arrays.

A `Window` describes every view that basic indexing and transposition can make, and their composition: each dimension
of the view runs over one dimension of the base (from a start, with a step), or is a new axis of extent 1; dimensions of
the base that the view lacks are fixed at their start. Because windows compose, a write through ``x.T[1:][0]`` is one
update of ``x``.

Strides, counted in elements, answer the one question that windows do not: whether ``reshape`` is a view, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from srcgrad.core.op import apply
from srcgrad.core.types import Shape

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Indices ``start, start + step, ...`` of one dimension, ``count`` of them."""

    start: int
    count: int
    step: int = 1

    def index(self, position: int) -> int:
        return self.start + self.step * position

    def of(self, inner: Span) -> Span:
        """The part ``inner`` of this span."""
        return Span(self.index(inner.start), inner.count, self.step * inner.step if inner.count > 1 else 1)


@dataclass(frozen=True, slots=True)
class Window:
    """A view: the spans it takes of the base's dimensions, and the base dimension (or None) of each of its own."""

    base: Shape
    spans: tuple[Span, ...]
    dims: tuple[int | None, ...]

    @classmethod
    def whole(cls, shape: Shape) -> Window:
        return cls(shape, tuple(Span(0, extent) for extent in shape), tuple(range(len(shape))))

    @property
    def shape(self) -> Shape:
        return tuple(1 if dim is None else self.spans[dim].count for dim in self.dims)

    @property
    def is_ordered(self) -> bool:
        """Whether its dimensions are dimensions of the base, in the base's order."""
        return None not in self.dims and list(self.dims) == sorted(dim for dim in self.dims if dim is not None)

    def select(self, parts: Sequence[int | Span | None]) -> Window | None:
        """The part of this view that basic indexing selects: an int drops a dimension, None makes one.

        None where a window cannot say it: an empty part of a new axis.
        """
        spans = list(self.spans)
        dims: list[int | None] = []
        own = iter(self.dims)
        for part in parts:
            if part is None:
                dims.append(None)
                continue
            dim = next(own)
            if dim is None:
                if isinstance(part, Span):
                    if part.count != 1:
                        return None
                    dims.append(None)
            elif isinstance(part, Span):
                spans[dim] = spans[dim].of(part)
                dims.append(dim)
            else:
                spans[dim] = Span(spans[dim].index(part), 1)
        return Window(self.base, tuple(spans), tuple(dims))

    def permute(self, axes: Sequence[int]) -> Window:
        return Window(self.base, self.spans, tuple(self.dims[axis] for axis in axes))

    def strides(self, base: Ints) -> Ints:
        return tuple(0 if dim is None else base[dim] * self.spans[dim].step for dim in self.dims)

    def read(self, base: Any) -> Any:
        """The view's value, given the base's."""
        counts = tuple(span.count for span in self.spans)
        value = base if self._takes_all else apply("slice", base, shape=counts, **self._place)
        order = self._order
        if order != tuple(range(len(order))):
            value = apply("transpose", value, axes=order)
        return reshaped(value, self.shape)

    def write(self, base: Any, value: Any) -> Any:
        """The base's value, given a new one of the view."""
        order = self._order
        value = reshaped(value, tuple(self.spans[dim].count for dim in order))
        if order != tuple(range(len(order))):
            value = apply("transpose", value, axes=tuple(order.index(dim) for dim in range(len(order))))
        return value if self._takes_all else apply("update", base, value, **self._place)

    @property
    def _takes_all(self) -> bool:
        return all(span == Span(0, extent) for span, extent in zip(self.spans, self.base, strict=True))

    @property
    def _place(self) -> dict[str, Ints]:
        return {"starts": tuple(span.start for span in self.spans), "steps": tuple(span.step for span in self.spans)}

    @property
    def _order(self) -> Ints:
        """The base's dimensions in the order of the view, and those that it lacks, which have extent 1."""
        kept = [dim for dim in self.dims if dim is not None]
        if kept == sorted(kept):
            return tuple(range(len(self.base)))
        return (*kept, *(dim for dim in range(len(self.base)) if dim not in kept))


def reshaped(value: Any, shape: Shape) -> Any:
    """The value in another shape, or itself where it has it already."""
    return value if value.shape == shape else apply("reshape", value, shape=shape)


def c_strides(shape: Shape) -> Ints:
    """The strides of a new array, in elements."""
    strides, stride = [], 1
    for extent in reversed(shape):
        strides.append(stride)
        stride *= max(extent, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: Ints) -> bool:
    """Whether the elements stand in row-major order without gaps."""
    expected = c_strides(shape)
    return math.prod(shape) == 0 or all(
        extent == 1 or stride == want for extent, stride, want in zip(shape, strides, expected, strict=True)
    )


def reshaped_strides(shape: Shape, strides: Ints, new: Shape) -> Ints | None:
    """The strides under which the same memory has another shape, or None where reshaping has to copy.

    NumPy's rule (``_attempt_nocopy_reshape``): pair runs of old and new dimensions that hold equally many elements;
    the old ones of a run must be contiguous among themselves.
    """
    if math.prod(shape) == 0:
        return c_strides(new)
    old = [(extent, stride) for extent, stride in zip(shape, strides, strict=True) if extent != 1]
    found: list[int] = []
    taken = 0
    while len(found) < len(new):
        first, run = taken, [new[len(found)]]
        while math.prod(run) != math.prod(extent for extent, _ in old[first:taken]):
            if math.prod(run) > math.prod(extent for extent, _ in old[first:taken]):
                taken += 1
            else:
                run.append(new[len(found) + len(run)])
        group = old[first:taken]
        if any(a[1] != b[0] * b[1] for a, b in pairwise(group)):
            return None
        innermost = group[-1][1] if group else (found[-1] if found else 1)
        found += [innermost * stride for stride in c_strides(tuple(run))]
    return tuple(found)
