"""The closed set of lowering kinds.

The table of operations is open: anyone adds a row. The scheduler and the back ends never see a row's name, only
one of these kinds. A kind says how the elements of the result follow from the elements of the operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.core.types import ArrayType

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pointwise:
    """``out[i...] = formula(in0[i...], in1[i...])``: all operands have the shape of the result.

    ``formula`` is a Python expression over ``{0}``, ``{1}``, ... in operators and in the scalar functions that
    every back end provides under NumPy's names. A ``dict`` gives a formula by the dtype kind of the first
    operand ("b" "i" "u" "f" "c"). ``cost`` is in units of one multiplication: it guides what is recomputed,
    what is saved and what is worth a vector loop. An ``unordered`` sum may take its terms in another order than it is
    written, and leave out zeros.
    """

    formula: str | dict[str, str]
    cost: float = 1.0
    unordered: bool = False

    def text(self, kind: str) -> str:
        if isinstance(self.formula, str):
            return self.formula
        return self.formula.get(kind) or self.formula["f"]


@dataclass(frozen=True, slots=True)
class Cast:
    """``out[i...] = dtype(in[i...])``."""


@dataclass(frozen=True, slots=True)
class Reduce:
    """``out[kept...] = combine over the reduced axes of in[...]``; the operand's params hold ``axes`` (a tuple).

    ``combine`` is one of add, multiply, and, or, or a scalar function with a neutral element (`core.scalar_functions`).
    Over no elements it is the neutral element.
    """

    combine: str


@dataclass(frozen=True, slots=True)
class ArgReduce:
    """The index, along the one axis in ``params["axis"]``, of the first largest or smallest element (``combine``)."""

    combine: str


@dataclass(frozen=True, slots=True)
class View:
    """``out[i...] = in[index_map(i...)]``: no arithmetic on the elements at all.

    ``index_map(params, in_type)`` gives, for each dimension of the operand, a `DimMap`.
    """

    index_map: Callable[[Params, ArrayType], tuple[DimMap, ...]]


@dataclass(frozen=True, slots=True)
class DimMap:
    """The index into one operand dimension: ``start + step * i[axis]``, or ``start`` alone where axis is None.

    ``inside`` is a second axis and its step, where the index moves with two: in windows.
    """

    axis: int | None
    start: int = 0
    step: int = 1
    inside: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Reshape:
    """Same elements in row-major order under another shape."""


@dataclass(frozen=True, slots=True)
class Contract:
    """``out[o...] = sum over the labels that are not in out``: ``params["spec"]`` is an explicit einsum of two
    operands.
    """


@dataclass(frozen=True, slots=True)
class Assemble:
    """The result is a base with pieces written over it, in order.

    ``pieces(params, types)`` gives for each operand, in order, its starts and steps in the result (one pair a
    dimension); what no piece covers keeps the value zero. The first operand may cover all (an update), or none
    may (padding).
    """

    pieces: Callable[[Params, tuple[ArrayType, ...]], tuple[Piece, ...]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Element ``j`` of the operand stands at ``starts + steps * j`` of the result."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]


def frame(shape: Sequence[int], block: Sequence[range]) -> Iterator[tuple[range, ...]]:
    """The slabs that cover what a block of unit steps leaves of an array of this shape, without overlap."""
    for axis, part in enumerate(block):
        for side in (range(part.start), range(part.stop, shape[axis])):
            if side:
                yield (*block[:axis], side, *map(range, shape[axis + 1 :]))


@dataclass(frozen=True, slots=True)
class Overlap:
    """The result is zero, with each element of the operand added at its place; places coincide.

    ``index_map(params, ndim)`` gives the place, a `DimMap` for each dimension of the result: what a view's gives for
    its operand.
    """

    index_map: Callable[[Params, int], tuple[DimMap, ...]]


@dataclass(frozen=True, slots=True)
class Gather:
    """``out = in[indices]``. Operands: the source, then one integer array for each dimension in ``params["axes"]``,
    all of one shape.

    The result's dimensions: ``params["position"]`` kept source dimensions first, then the shape of the index
    arrays, then the rest.
    """


@dataclass(frozen=True, slots=True)
class Scatter:
    """The adjoint of Gather, and indexed assignment: operands base, update, then the index arrays; params as
    Gather's.

    ``combine`` is "add" or "set".
    """

    combine: str


@dataclass(frozen=True, slots=True)
class Generate:
    """``out[i0, i1, ...] = formula(i0, i1, ..., params)``: no operands. ``formula(params)`` gives text over
    ``{0}``, ``{1}``: the indices.
    """

    formula: Callable[[Params], str]


@dataclass(frozen=True, slots=True)
class Library:
    """A call on whole arrays between loops: ``function`` is ``module.name`` in the library of the back ends, or
    ``package.module.name`` elsewhere.

    It is handed the results, the operands, all C-ordered, then the constant arrays ``tables(params, operand types)``,
    if there are any, and ``numbers(params, operand types)``: the ints and floats (extents, options) that it needs
    besides. No array is 0-dimensional.
    """

    function: str
    numbers: Callable[[Params, Sequence[ArrayType]], Sequence[int | float]]
    tables: Callable[[Params, Sequence[ArrayType]], Sequence[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """An input, a constant, the projection of a tuple: no work."""


@dataclass(frozen=True, slots=True)
class Region:
    """Control flow: the params hold graphs. ``form`` is loop, while or cond."""

    form: str


Lowering = (
    Pointwise
    | Cast
    | Reduce
    | ArgReduce
    | View
    | Reshape
    | Contract
    | Assemble
    | Overlap
    | Gather
    | Scatter
    | Generate
    | Library
    | Structure
    | Region
)
