"""Graph to statements: everything that is not a library call is an indexed statement.

Only lowering kinds are seen here, never operation names. Views, casts, constants and index arithmetic make no
statement: they live inside the expressions that read them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.core import lowering as kinds
from srcgrad.core.intervals import is_inside
from srcgrad.core.target import Target
from srcgrad.core.types import TupleType, is_uniform
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import CONSTANT, INPUT, ITEM
from srcgrad.schedule.bounds import bounds_of
from srcgrad.schedule.element import (
    Element,
    element_of,
    fresh_axes,
    has_strides,
    identity,
    places,
    through_reshape,
    through_view,
)
from srcgrad.schedule.frame import INT64, axes_of, convert
from srcgrad.schedule.inplace import writes_over
from srcgrad.schedule.ir import (
    Affine,
    Apply,
    Axis,
    Const,
    Dynamic,
    Expr,
    Index,
    IndexValue,
    LibraryCall,
    Load,
    Program,
    Statement,
    Value,
    index_axes,
)
from srcgrad.schedule.lower_regions import Regions
from srcgrad.schedule.product import choose_product
from srcgrad.schedule.substitution import delinearised

#: an array of fewer elements is filled with zeros before a part of it is written, a larger one around the part
_FILLED_WHOLE = 1024


def lower(graph: Graph, target: Target) -> Program:
    """The program of a whole graph: inputs and outputs are values, in the graph's order."""
    lowering = GraphLowering({}, {}, target)
    inputs = []
    for node in graph.inputs:
        value = Value(node.shape, node.dtype, (), str(node.params["name"]), "input")
        value.axes = fresh_axes(node.shape)
        lowering.env[node] = element_of(value)
        inputs.append(value)
    outputs = [lowering.output(element, node, target.register_elements) for element, node in lowering.run(graph)]
    return Program(lowering.statements, inputs, outputs, [node.shape for node in graph.outputs])


class GraphLowering(Regions):
    """A program being made from a graph: what each lowering kind comes to."""

    summed: frozenset[Node] = frozenset()

    def run(self, graph: Graph) -> list[tuple[Element, Node]]:
        self.summed = _only_summed(graph)
        return super().run(graph)

    # nodes, by kind

    def node(self, node: Node) -> Any:
        kind = node.op.lowering
        match kind:
            case kinds.Structure():
                return self.structure(node)
            case kinds.Pointwise():
                return self.pointwise(node, kind)
            case kinds.Cast():
                axes = fresh_axes(node.shape)
                return Element(node.shape, axes, convert(self.read(node.inputs[0], identity(axes)), node.dtype))
            case kinds.Generate():
                return self.generate(node, kind)
            case kinds.View():
                source = node.inputs[0]
                maps = kind.index_map(dict(node.params), source.array_type)
                return through_view(self.env[source], maps, node.shape) or self.restart(
                    source, lambda element: through_view(element, maps, node.shape)
                )
            case kinds.Reshape():
                source = node.inputs[0]
                return through_reshape(self.env[source], node.shape) or self.restart(
                    source, lambda element: through_reshape(element, node.shape)
                )
            case kinds.Reduce():
                return self.reduce(node, kind)
            case kinds.ArgReduce():
                return self.arg_reduce(node, kind)
            case kinds.Contract():  # or with the sum of windows that is its only reader
                return [] if node in self.summed else self.contract(node)
            case kinds.Assemble():
                return self.assemble(node, kind)
            case kinds.Overlap():
                return self.overlap(node, kind)
            case kinds.Gather():
                return self.gather(node)
            case kinds.Scatter():
                return self.scatter(node, kind)
            case kinds.Library():
                return self.library(node, kind)
            case kinds.Region():
                return {"loop": self.loop, "while": self.while_, "cond": self.branch}[kind.form](node)
        raise AssertionError(f"no lowering for {node}")

    def structure(self, node: Node) -> Any:
        if node.op is CONSTANT:
            if node not in self.constants:
                self.constants[node] = _constant(node)
            return self.constants[node]
        assert node.op is ITEM, f"{node} has no value here"
        assert node.op is not INPUT
        return self.env[node.inputs[0]][node.params["index"]]

    def pointwise(self, node: Node, kind: kinds.Pointwise) -> Element:
        target = self.value(node.array_type, node)
        index = identity(target.axes)
        args = tuple(self.read(operand, index) for operand in node.inputs)
        operand_kind = node.inputs[-1].dtype.kind
        expr = Apply(kind.text(operand_kind), args, node.dtype, kind.cost, kind.unordered)
        target.bounds = bounds_of(expr) if node.dtype.kind in "iu" else None
        self.statements.append(Statement(target, index, axes_of(target.axes), expr, location=node.location))
        return element_of(target)

    def generate(self, node: Node, kind: kinds.Generate) -> Element:
        axes = fresh_axes(node.shape)
        indices = tuple(IndexValue(Affine.of(axis), INT64) for axis in axes)
        text = kind.formula(dict(node.params))
        placeholder = re.fullmatch(r"\{(\d+)\}", text)
        expr: Expr = indices[int(placeholder[1])] if placeholder else Apply(text, indices, node.dtype, 1.0)
        return Element(node.shape, axes, convert(expr, node.dtype))

    def reduce(self, node: Node, kind: kinds.Reduce) -> Element:
        (operand,) = node.inputs
        reduced_dims = set(node.params["axes"])
        target = self.accumulator(node, kind.combine)
        outer = iter(target.axes)
        reduced: list[Axis] = []
        indices: list[Index] = []
        for dim, extent in enumerate(operand.shape):
            if dim not in reduced_dims:
                indices.append(Affine.of(next(outer)))
            elif extent == 1:
                indices.append(Affine())
            else:
                reduced.append(Axis(extent))
                indices.append(Affine.of(reduced[-1]))
        expr = self.read(operand, tuple(indices))
        if not reduced:
            return Element(node.shape, target.axes, expr)
        self.accumulate(target, expr, reduced, kind.combine, node)
        return element_of(target)

    def accumulate(self, target: Value, expr: Expr, reduced: Sequence[Axis], combine: str, node: Node) -> Statement:
        axes = (*axes_of(target.axes), *reduced)
        statement = Statement(
            target, identity(target.axes), axes, expr, tuple(reduced), combine, location=node.location
        )
        self.statements.append(statement)
        return statement

    def arg_reduce(self, node: Node, kind: kinds.ArgReduce) -> Element:
        (operand,) = node.inputs
        dim = node.params["axis"]
        target = self.value(node.array_type, node)
        if operand.shape[dim] == 1:
            return Element(node.shape, target.axes, Const(0, node.dtype))
        axis = Axis(operand.shape[dim])
        outer = list(identity(target.axes))
        key = self.read(operand, (*outer[:dim], Affine.of(axis), *outer[dim:]))
        best = Value(target.shape, operand.dtype, target.axes, "best", location=node.location)
        self.statements.append(
            Statement(
                target,
                identity(target.axes),
                (*axes_of(target.axes), axis),
                IndexValue(Affine.of(axis), node.dtype),
                (axis,),
                "arg" + kind.combine,
                location=node.location,
                key=key,
                key_value=best,
            )
        )
        return element_of(target)

    def contract(self, node: Node) -> Element:
        labels, out = node.params["spec"].split("->")
        is_sum = set(labels) - {",", *out}
        target = self.accumulator(node, "add") if is_sum else self.value(node.array_type, node)
        self.contraction(node, target, identity(target.axes), target.axes, onto=False)
        return element_of(target)

    def contraction(
        self, node: Node, target: Value, index: tuple[Index, ...], axes: tuple[Axis | None, ...], *, onto: bool
    ) -> None:
        """The statement of a contraction over ``axes``, written at an index, or added to what is there."""
        operands, out = node.params["spec"].split("->")
        index_of: dict[str, Index] = dict(zip(out, identity(axes), strict=True))
        reduced = []
        extents: dict[str, int] = {}
        for labels, operand in zip(operands.split(","), node.inputs, strict=True):
            extents.update(zip(labels, operand.shape, strict=True))
            for label, extent in zip(labels, operand.shape, strict=True):
                if label not in index_of:
                    axis = Axis(extent)
                    index_of[label] = Affine.of(axis)
                    if extent != 1:
                        reduced.append(axis)
        left, right = operands.split(",")
        depth = sum(label not in out and label in right for label in left)
        nested = onto or any(_is_windows(self.env[operand].expr, depth) for operand in node.inputs)
        last = _adjacent_label(index, index_of, out, extents)
        least = self.target.product_size
        product = choose_product(left, right, out, extents, node.dtype, least, last=last, nested=nested)
        if product and _meets_itself(index, [index_of[label] for label in product.labels[1]]):
            product = None
        if product:
            for operand in node.inputs:
                self.make_addressable(operand)
        args = tuple(
            self.read(operand, tuple(index_of[label] for label in labels))
            for labels, operand in zip((left, right), node.inputs, strict=True)
        )
        if product and product.swapped:
            args = args[::-1]
        expr = Apply("{0} * {1}", args, node.dtype, 1.0)
        combine = "add" if reduced or onto else None
        statement = Statement(
            target, index, (*axes_of(axes), *reduced), expr, tuple(reduced), combine, onto=onto, location=node.location
        )
        if product:
            rows, cols, depth_axes = (
                tuple(axis for label in group for axis in index_axes(index_of[label])) for group in product.labels
            )
            statement.product = (rows, cols, depth_axes)
        self.statements.append(statement)

    def make_addressable(self, operand: Node) -> None:
        """Store an operand of a product unless its elements lie at constant strides in a value."""
        expr = self.env[operand].expr
        if not (isinstance(expr, Load) and has_strides(expr)):
            self.env[operand] = element_of(self.store(self.env[operand], operand))

    def assemble(self, node: Node, kind: kinds.Assemble) -> Element:
        pieces = kind.pieces(dict(node.params), tuple(operand.array_type for operand in node.inputs))
        if writes_over(node) and (base := self.writable(node.inputs[0], node.inputs[1:], node.dtype)) is not None:
            return self.write_pieces(base, node.inputs[1:], pieces[1:], node)
        target = self.value(node.array_type, node)
        if sum(operand.size for operand in node.inputs) < math.prod(target.shape):
            for block in _left_over(target.shape, node.inputs, pieces):
                dims = target.axes if block is None else fresh_axes(tuple(map(len, block)))
                starts = [0] * len(dims) if block is None else [part.start for part in block]
                index = tuple(Affine.of(axis).scaled(1, start) for axis, start in zip(dims, starts, strict=True))
                zero = Const(0, node.dtype)
                self.statements.append(Statement(target, index, axes_of(dims), zero, location=node.location))
        self.write_pieces(
            Element(node.shape, target.axes, Load(target, identity(target.axes))), node.inputs, pieces, node
        )
        return element_of(target)

    def write_pieces(
        self, target: Element, operands: Sequence[Node], pieces: Sequence[kinds.Piece], node: Node
    ) -> Element:
        """Write operands into regular parts of an array."""
        for operand, piece in zip(operands, pieces, strict=True):
            if operand.size == 0:
                continue
            axes = target.axes if operand.shape == target.shape else fresh_axes(operand.shape)
            index = tuple(
                Affine.of(axis).scaled(step, start)
                for axis, start, step in zip(axes, piece.starts, piece.steps, strict=True)
            )
            place = target.place(index)
            expr = self.read(operand, identity(axes))
            self.statements.append(Statement(place.value, place.index, axes_of(axes), expr, location=node.location))
        return target

    def overlap(self, node: Node, kind: kinds.Overlap) -> Element:
        (operand,) = node.inputs
        target = self.value(node.array_type, node)
        index, axes = identity(target.axes), axes_of(target.axes)
        self.statements.append(Statement(target, index, axes, Const(0, node.dtype), location=node.location))
        if operand.size:
            inner = fresh_axes(operand.shape)
            index = places(kind.index_map(dict(node.params), node.ndim), inner)
            if operand in self.summed:
                self.contraction(operand, target, index, inner, onto=True)
            else:
                expr = self.read(operand, identity(inner))
                self.statements.append(
                    Statement(target, index, axes_of(inner), expr, combine="add", onto=True, location=node.location)
                )
        return element_of(target)

    # data-dependent indices

    def gather_index(
        self, node: Node, shape: tuple[int, ...], operands: Sequence[Node], places: tuple[Index, ...]
    ) -> list[Index]:
        """The index into each dimension of the source, for one place in the gathered result."""
        gathered, position = node.params["axes"], node.params["position"]
        count = operands[0].ndim
        inner = places[position : position + count]
        rest = iter((*places[:position], *places[position + count :]))
        indices: list[Index] = []
        for dim, extent in enumerate(shape):
            if dim not in gathered:
                indices.append(next(rest))
                continue
            operand = operands[gathered.index(dim)]
            indices.append(_dynamic(self.read(operand, inner), extent))
        return indices

    def gather(self, node: Node) -> Element:
        source, *operands = node.inputs
        target = self.value(node.array_type, node)
        indices = self.gather_index(node, source.shape, operands, identity(target.axes))
        expr = self.read(source, tuple(indices))
        self.statements.append(
            Statement(target, identity(target.axes), axes_of(target.axes), expr, location=node.location)
        )
        return element_of(target)

    def scatter(self, node: Node, kind: kinds.Scatter) -> Element:
        base, update, *operands = node.inputs
        others = operands if update.size == 1 else node.inputs[1:]
        target = self.writable(base, others, node.dtype) or element_of(self.store(self.env[base], node))
        if update.size:
            combine = "add" if kind.combine == "add" else None
            in_order = combine is None and not node.params.get("unique")
            axes, places = _scatter_axes(update.shape, node.params["position"], operands[0].ndim, in_order)
            index = self.gather_index(node, base.shape, operands, places)
            place = target.place(tuple(index))
            expr = self.read(update, places)
            self.statements.append(
                Statement(place.value, place.index, axes, expr, combine=combine, onto=True, location=node.location)
            )
        return target

    def library(self, node: Node, kind: kinds.Library) -> Any:
        operands = tuple(self.flat(self.env[operand], operand) for operand in node.inputs)
        types = node.type.elements if isinstance(node.type, TupleType) else (node.array_type,)
        targets = tuple(self.value(type_, node) for type_ in types)
        params = dict(node.params)
        described = params, [operand.array_type for operand in node.inputs]
        tables = tuple(map(_table, kind.tables(*described))) if kind.tables else ()
        numbers = tuple(kind.numbers(*described))
        shapes = tuple(operand.shape for operand in node.inputs)
        call = LibraryCall(
            kind.function, targets, (*operands, *tables), numbers, node.location, node.op.name, params, shapes
        )
        self.statements.append(call)
        elements = [element_of(target) for target in targets]
        return elements if isinstance(node.type, TupleType) else elements[0]


def _table(array: Any) -> Value:
    """A constant array that a library call reads."""
    return Value(array.shape, array.dtype, fresh_axes(array.shape), "table", "constant", array)


def _scatter_axes(
    shape: tuple[int, ...], position: int, count: int, in_order: bool
) -> tuple[tuple[Axis, ...], tuple[Index, ...]]:
    """The axes over an update and the place in it.

    ``in_order``: the ``count`` index dimensions become one axis, as the last of several writes to an element
    has to stay.
    """
    axes = fresh_axes(shape)
    if not in_order or count < 2:
        return axes_of(axes), identity(axes)
    extents = shape[position : position + count]
    flat = Axis(math.prod(extents))
    coordinates = tuple(delinearised(Affine.of(flat), extents, k) for k in range(count))
    before, after = axes[:position], axes[position + count :]
    return (*axes_of(before), flat, *axes_of(after)), (*identity(before), *coordinates, *identity(after))


def _left_over(
    shape: tuple[int, ...], operands: Sequence[Node], pieces: Sequence[kinds.Piece]
) -> Iterator[tuple[range, ...] | None]:
    """Blocks with all elements that no piece covers: slabs around a single large piece, else everything (None)."""
    if len(pieces) > 1 or 2 * operands[0].size < math.prod(shape) or math.prod(shape) < _FILLED_WHOLE:
        return iter((None,))
    (piece,) = pieces
    if any(step != 1 for step in piece.steps):
        return iter((None,))
    starts_and_extents = zip(piece.starts, operands[0].shape, strict=True)
    return kinds.frame(shape, [range(start, start + extent) for start, extent in starts_and_extents])


def _only_summed(graph: Graph) -> frozenset[Node]:
    """Contractions that nobody reads but one sum of windows, into which they are added at once."""
    users: dict[Node, list[Node | None]] = {output: [None] for output in graph.outputs}
    for node in graph.nodes():
        for operand in node.inputs:
            users.setdefault(operand, []).append(node)
    return frozenset(
        node
        for node, readers in users.items()
        if isinstance(node.op.lowering, kinds.Contract)
        and len(readers) == 1
        and readers[0] is not None
        and isinstance(readers[0].op.lowering, kinds.Overlap)
    )


def _is_windows(expr: Expr, depth: int) -> bool:
    """Whether an element lies where two axes say: in windows that overlap, or that several labels sum over."""
    if not isinstance(expr, Load):
        return False
    moving = [i for i in expr.index if isinstance(i, Affine) and len(i.terms) > 1]
    return any(depth > 1 or not _are_digits(index) for index in moving)


def _are_digits(index: Affine) -> bool:
    """Whether different coordinates along the axes give different indices."""
    reach = 0
    for axis, coefficient in sorted(index.terms, key=lambda term: abs(term[1])):
        if abs(coefficient) <= reach:
            return False
        reach += abs(coefficient) * (axis.extent - 1)
    return True


def _adjacent_label(index: tuple[Index, ...], index_of: dict[str, Index], out: str, extents: dict[str, int]) -> str:
    """Of the labels of a result, the longest whose elements are adjacent in the target; none where there is none."""
    last = index[-1] if index else Affine()
    assert isinstance(last, Affine)
    steps = {axis.find(): coefficient for axis, coefficient in last.terms}
    found = [label for label in out if any(steps.get(axis) == 1 for axis in index_axes(index_of[label]))]
    return max(found, key=extents.__getitem__, default="")


def _meets_itself(index: tuple[Index, ...], columns: list[Index]) -> bool:
    """Whether some elements of one row of the result are the same: windows of its columns that overlap."""
    axes = {axis for column in columns for axis in index_axes(column)}
    return any(len(axes & set(index_axes(part))) > 1 for part in index)


def _constant(node: Node) -> Element:
    """Numbers that are all the same or evenly spaced integers live in the text; others are arrays that come with
    it.
    """
    array = node.params["value"].value
    axes = fresh_axes(array.shape)
    if is_uniform(array) or (array.size and np.isnan(array).all()):
        return Element(array.shape, axes, Const(array.flat[0], node.dtype))
    if _is_range(array):
        start, step = int(array[0]), int(array[1] - array[0])
        return Element(array.shape, axes, IndexValue(Affine.of(axes[0]).scaled(step, start), INT64))
    value = Value(array.shape, node.dtype, axes, "constant", "constant", np.ascontiguousarray(array))
    return element_of(value)


def _is_range(array: np.ndarray[Any, Any]) -> bool:
    """Whether these are evenly spaced integers, as in ``x[np.arange(n), labels]``: an index that loops can share."""
    if array.ndim != 1 or array.dtype != INT64 or array.size < 3:
        return False
    return bool(array.min() > -(2**31) and array.max() < 2**31 and not np.diff(array, n=2).any())


def _dynamic(expr: Expr, extent: int) -> Index:
    """An index from data: wrapped and checked, unless it is known to be in range."""
    if isinstance(expr, Const):
        return Affine((), int(expr.value) % extent if extent else 0)
    wide = convert(expr, INT64)
    bounds = bounds_of(expr)
    if bounds is not None and is_inside(bounds, extent):
        return expr.index if isinstance(expr, IndexValue) and isinstance(expr.index, Affine) else Dynamic(wide)
    if isinstance(expr, Load) and expr.value.role == "constant":
        data = expr.value.data
        if not data.size or (data.min() >= 0 and data.max() < extent):
            return Dynamic(wide)
    return Dynamic(Apply(f"checked_index({{0}}, {extent})", (wide,), INT64, 1.0))
