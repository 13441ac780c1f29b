"""The loop IR: what stands between a graph and source text.

    program    = values, statements, then a tree
    statement  = target[index...] = combine over reduced axes of expression      (iterated over its axes)
               | a region (a loop, a while, a branch: programs inside)
               | a library call on whole values
    expression = constant | load value[index...] | formula(expressions) | cast | the value of an index
    index      = affine in the axes | a delinearised flat index (a reshape) | dynamic (an integer expression)
    tree       = block of (statement | loop over an axis: block), a long one in sections

An `Axis` is a loop variable. Each statement starts with axes of its own; `axes.py` merges them into classes,
and statements that share a class can share a loop.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.core.location import Location

DType = np.dtype[Any]
_serials = itertools.count()


def next_serial() -> int:
    """Axes and values are numbered in the order in which they are made."""
    return next(_serials)


class Axis:
    """A loop variable with a fixed extent. Axes of one class are one loop variable: compare `find()`."""

    __slots__ = ("_parent", "extent", "name", "over_blocks", "serial", "unrolled")

    def __init__(self, extent: int, name: str = "") -> None:
        self.extent = extent
        self.serial = next(_serials)
        self.name = name
        self.unrolled = False
        self.over_blocks = False
        self._parent: Axis | None = None

    def find(self) -> Axis:
        axis = self
        while axis._parent is not None:
            if axis._parent._parent is not None:
                axis._parent = axis._parent._parent
            axis = axis._parent
        return axis

    def union(self, other: Axis) -> None:
        a, b = self.find(), other.find()
        if a is not b:
            b._parent = a

    def __repr__(self) -> str:
        return f"{self.find().name or 'i'}{self.find().serial}<{self.extent}>"


# indices


@dataclass(frozen=True, slots=True)
class Affine:
    """``const + sum(coefficient * axis)``."""

    terms: tuple[tuple[Axis, int], ...] = ()
    const: int = 0

    @staticmethod
    def of(axis: Axis | None) -> Affine:
        return Affine(((axis, 1),)) if axis is not None and axis.extent != 1 else Affine()

    @property
    def axis(self) -> Axis | None:
        """The axis where this index is just that axis."""
        if self.const == 0 and len(self.terms) == 1 and self.terms[0][1] == 1:
            return self.terms[0][0].find()
        return None

    def bounds(self) -> tuple[int, int]:
        """The least and the greatest that this index can be."""
        low = high = self.const
        for axis, coefficient in self.terms:
            reach = coefficient * (axis.extent - 1)
            low, high = low + min(0, reach), high + max(0, reach)
        return low, high

    def scaled(self, factor: int, shift: int = 0) -> Affine:
        return Affine(tuple((a, c * factor) for a, c in self.terms if c * factor), self.const * factor + shift)

    def plus(self, other: Affine) -> Affine:
        merged: dict[Axis, int] = {}
        for axis, coefficient in (*self.terms, *other.terms):
            merged[axis] = merged.get(axis, 0) + coefficient
        return Affine(tuple((a, c) for a, c in merged.items() if c), self.const + other.const)


@dataclass(frozen=True, slots=True)
class Delinearised:
    """Coordinate ``position`` of the element number ``flat`` of a row-major array of these extents."""

    flat: Affine
    extents: tuple[int, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Dynamic:
    """An index computed at run time, already non-negative and below the extent."""

    expr: Expr


Index = Affine | Delinearised | Dynamic

# values and expressions


@dataclass(eq=False, slots=True)
class Value:
    """An array (or scalar) of the program. ``axes`` has the axis of each dimension, None where the extent is 1."""

    shape: tuple[int, ...]
    dtype: DType
    axes: tuple[Axis | None, ...] = ()
    name: str = ""
    role: str = "temporary"  # input, constant, temporary, counter
    data: Any = None  # of a constant
    mutable: bool = False  # a carry: read at its old value, then written
    bounds: tuple[int, int] | None = None  # of an integer: the least and the greatest that it can be, where known
    is_step: bool = False  # the name is that of a value made of this one
    stacked: bool = (
        False  # one slice for each iteration of a loop with a run-time trip count: the first extent is nominal
    )
    location: Location | None = None
    serial: int = field(default_factory=lambda: next(_serials))

    def __repr__(self) -> str:
        return f"{self.name or 'v'}{self.serial}{list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Const:
    """A number."""

    value: Any
    dtype: DType


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a value."""

    value: Value
    index: tuple[Index, ...]

    @property
    def dtype(self) -> DType:
        return self.value.dtype


@dataclass(frozen=True, slots=True)
class Apply:
    """A pointwise formula: Python text over ``{0}``, ``{1}``; ``operand_dtype`` is that of its operands."""

    formula: str
    args: tuple[Expr, ...]
    dtype: DType
    cost: float
    #: a sum of cotangents, whose terms may come in another order; zeros may be left out
    unordered: bool = False


@dataclass(frozen=True, slots=True)
class Convert:
    """A change of dtype."""

    arg: Expr
    dtype: DType


@dataclass(frozen=True, slots=True)
class IndexValue:
    """An index as a number."""

    index: Index
    dtype: DType


Expr = Const | Load | Apply | Convert | IndexValue


def children(expr: Expr) -> tuple[Expr, ...]:
    """The operands of an expression."""
    if isinstance(expr, Apply):
        return expr.args
    return (expr.arg,) if isinstance(expr, Convert) else ()


def loads(expr: Expr) -> Iterator[Load]:
    """Every load in an expression, those inside dynamic indices included."""
    if isinstance(expr, Load):
        yield expr
        for index in expr.index:
            yield from index_loads(index)
    elif isinstance(expr, IndexValue):
        yield from index_loads(expr.index)
    for child in children(expr):
        yield from loads(child)


def index_loads(index: Index) -> Iterator[Load]:
    """What an index reads."""
    if isinstance(index, Dynamic):
        yield from loads(index.expr)


def index_axes(index: Index) -> Iterator[Axis]:
    """The axes that an index moves with."""
    if isinstance(index, Affine):
        yield from (axis.find() for axis, _ in index.terms)
    elif isinstance(index, Delinearised):
        yield from (axis.find() for axis, _ in index.flat.terms)
    elif isinstance(index, Dynamic):
        for load in loads(index.expr):
            for inner in load.index:
                yield from index_axes(inner)


def cost_of(expr: Expr) -> float:
    """The cost of one evaluation, in multiplications."""
    own = expr.cost if isinstance(expr, Apply) else 0.25 if isinstance(expr, Convert) else 0.0
    return own + sum(cost_of(child) for child in children(expr))


# statements

ProductAxes = tuple[tuple[Axis, ...], tuple[Axis, ...], tuple[Axis, ...]]


@dataclass(eq=False, slots=True)
class Statement:
    """``target[index...] = combine over reduced of expr``, for all of its axes."""

    target: Value
    index: tuple[Index, ...]
    axes: tuple[Axis, ...]
    expr: Expr
    reduced: tuple[Axis, ...] = ()
    combine: str | None = None
    #: accumulates onto what the target holds already
    onto: bool = False
    location: Location | None = None
    #: for the index of an extremum: the value that is compared, and its companion accumulator
    key: Expr | None = None
    key_value: Value | None = None
    #: of a matrix product: the axes of its rows, columns and depth, which are no loops of the tree
    product: ProductAxes | None = None
    #: of a matrix product: its tiles are split among the threads
    parallel: bool = False
    #: the classes of the axes that are loops of the tree, once they are final
    classes: frozenset[Axis] = frozenset()

    def settle(self) -> None:
        self.classes = frozenset(axis.find() for axis in self.axes) - self.product_classes

    @property
    def product_classes(self) -> frozenset[Axis]:
        return frozenset(axis.find() for group in self.product or () for axis in group)

    @property
    def product_extents(self) -> tuple[int, ...]:
        """The numbers of rows and columns and the depth of a matrix product."""
        return tuple(math.prod(axis.extent for axis in group) for group in self.product or ())

    @property
    def reduced_classes(self) -> frozenset[Axis]:
        return frozenset(axis.find() for axis in self.reduced)

    def reads(self) -> Iterator[Load]:
        yield from loads(self.expr)
        if self.key is not None:
            yield from loads(self.key)
        for index in self.index:
            yield from index_loads(index)

    def writes(self) -> tuple[Value, ...]:
        return (self.target,) if self.key_value is None else (self.target, self.key_value)


@dataclass(eq=False, slots=True)
class LibraryCall:
    """A call on whole values, which it reads and writes through C-ordered arrays; ``numbers`` are what it is handed
    besides. ``row`` and ``params`` say the same in the words of the table of operations, for operands of these shapes.
    """

    function: str
    targets: tuple[Value, ...]
    operands: tuple[Value, ...]
    numbers: tuple[int | float, ...]
    location: Location | None = None
    row: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ()

    @property
    def classes(self) -> frozenset[Axis]:
        return frozenset()

    def reads(self) -> Iterator[Load]:
        for value in self.operands:
            yield Load(value, tuple(Affine() for _ in value.shape))

    def writes(self) -> tuple[Value, ...]:
        return self.targets


@dataclass(eq=False, slots=True)
class Region:
    """Programs inside. ``outer_reads`` and ``outer_writes`` are what they touch of the values outside."""

    outer_reads: tuple[Value, ...]
    outer_writes: tuple[Value, ...]
    location: Location | None

    @property
    def classes(self) -> frozenset[Axis]:
        return frozenset()

    def reads(self) -> Iterator[Load]:
        for value in self.outer_reads:
            yield Load(value, tuple(Affine() for _ in value.shape))

    def writes(self) -> tuple[Value, ...]:
        return self.outer_writes


@dataclass(eq=False, slots=True)
class LoopRegion(Region):
    """``for counter in range(trip_count)`` (or downwards): carries are values outside that the body reads and, at
    its end, writes.
    """

    trip_count: Expr
    counter: Value
    reverse: bool
    body: Program

    def reads(self) -> Iterator[Load]:
        yield from loads(self.trip_count)
        yield from Region.reads(self)


@dataclass(eq=False, slots=True)
class WhileRegion(Region):
    """``while predicate: body``; the condition's program runs before every iteration."""

    condition: Program
    predicate: Expr
    body: Program


@dataclass(eq=False, slots=True)
class BranchRegion(Region):
    """``if predicate: then else: orelse``; both write the same values outside."""

    predicate: Expr
    then: Program
    orelse: Program

    def reads(self) -> Iterator[Load]:
        yield from loads(self.predicate)
        yield from Region.reads(self)


AnyStatement = Statement | LibraryCall | LoopRegion | WhileRegion | BranchRegion


def control_of(statement: AnyStatement) -> Expr | None:
    """What decides how often, or which of, a region's programs run; None for what is no region."""
    match statement:
        case LoopRegion():
            return statement.trip_count
        case WhileRegion() | BranchRegion():
            return statement.predicate
    return None


@dataclass(eq=False, slots=True)
class Program:
    """Statements in an order that respects their dependences, and, once fused, the tree."""

    statements: list[AnyStatement] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    #: the shapes that the caller sees: the values' own, or others with as many elements
    output_shapes: list[tuple[int, ...]] = field(default_factory=list)
    tree: Block | None = None
    #: whether the search for the tree has spent its effort, and taken what came first from there on
    is_cut_short: bool = False


# the tree


@dataclass(eq=False, slots=True)
class Loop:
    """All iterations of an axis."""

    axis: Axis
    body: Block
    #: split among threads
    parallel: bool = False


@dataclass(eq=False, slots=True)
class Start:
    """The initialiser of a reduction: sets an accumulator to its neutral element, over the axes not yet fixed."""

    statement: Statement
    axes: tuple[Axis, ...]

    def reads(self) -> Iterator[Load]:
        return iter(())

    def writes(self) -> tuple[Value, ...]:
        return self.statement.writes()


@dataclass(eq=False, slots=True)
class Section:
    """A part of a long tree that is a function of its own in the text. Only at the top of a program's tree."""

    body: Block


Part = AnyStatement | Loop | Start
Item = Part | Section


@dataclass(eq=False, slots=True)
class Block:
    """Items in the order in which they run."""

    items: list[Item] = field(default_factory=list)


def walk(block: Block, path: tuple[Loop, ...] = ()) -> Iterator[tuple[AnyStatement | Start, tuple[Loop, ...]]]:
    """Every item that is not a loop, with the loops around it."""
    for entry in block.items:
        if isinstance(entry, Loop):
            yield from walk(entry.body, (*path, entry))
        elif isinstance(entry, Section):
            yield from walk(entry.body, path)
        else:
            yield entry, path
