"""Regions: programs inside a program. Carries are values outside that the body reads and, at its end, writes."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.names import names_of
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import is_run_time_stack
from srcgrad.schedule.element import Element, element_of, fresh_axes, identity
from srcgrad.schedule.frame import INT64, Frame, axes_of, convert, converted_scalar
from srcgrad.schedule.inplace import taken_over
from srcgrad.schedule.ir import (
    Affine,
    BranchRegion,
    Dynamic,
    Index,
    Load,
    LoopRegion,
    Program,
    Statement,
    Value,
    WhileRegion,
    loads,
    next_serial,
)

#: what the first extent of a stack is taken for where it is known only at run time
_NOMINAL = 64


class Regions(Frame):
    """The part of lowering that makes loops, whiles and branches."""

    def loop(self, node: Node) -> list[Element]:
        body: Graph = node.params["body"]
        n_consts, n_carries, reverse = node.params["n_consts"], node.params["n_carries"], node.params["reverse"]
        trip_count, *operands = node.inputs
        consts, initial, xs = (
            operands[:n_consts],
            operands[n_consts : n_consts + n_carries],
            operands[n_consts + n_carries :],
        )
        assert isinstance(node.type, TupleType)
        carries = [
            self.carry(operand, graph_input, node)
            for operand, graph_input in zip(initial, body.inputs[1 + n_consts :], strict=False)
        ]
        names = names_of(body.outputs[n_carries:])
        stacked = [
            self.stack(type_, node, names[output][0])
            for type_, output in zip(node.type.elements[n_carries:], body.outputs[n_carries:], strict=True)
        ]
        counter = Value((), INT64, (), str(body.inputs[0].params["name"]) or "t", "counter")
        if node.params["length"]:
            counter.bounds = (0, node.params["length"] - 1)
        iteration = Dynamic(Load(counter, ()))

        inside = self.inner()
        inside.env[body.inputs[0]] = converted_scalar(Load(counter, ()), body.inputs[0].dtype)
        for inner, outer in zip(body.inputs[1 : 1 + n_consts], consts, strict=True):
            inside.env[inner] = self.env[outer]
        for inner, value in zip(body.inputs[1 + n_consts :], carries, strict=False):
            inside.env[inner] = element_of(value)
            inside.owner.own(value)
        for inner, outer in zip(body.inputs[1 + n_consts + n_carries :], xs, strict=True):
            axes = fresh_axes(inner.shape)
            inside.env[inner] = Element(
                inner.shape, axes, self.read(outer, (_iteration_index(outer, iteration), *identity(axes)))
            )
        mark = next_serial()
        results = inside.run(body)
        for (element, output), value in zip(results[n_carries:], stacked, strict=True):
            row = fresh_axes(output.shape)
            expr = element.at(identity(row))
            assert expr is not None
            lead: Index = iteration if value.shape[0] != 1 else Affine()
            inside.statements.append(
                Statement(value, (lead, *identity(row)), axes_of(row), expr, location=output.location)
            )
        inside.commit(carries, results[:n_carries])
        region = LoopRegion(
            (), (), node.location, self.read(trip_count, ()), counter, reverse, Program(inside.statements)
        )
        self.finish_region(region, [region.body], mark)
        return [element_of(value) for value in (*carries, *stacked)]

    def stack(self, type_: ArrayType, node: Node, name: str) -> Value:
        """The value that holds one slice of this name for each iteration."""
        name = f"{name or 'saved'}_stack"
        if not is_run_time_stack(type_):
            return self.value(type_, node, name)
        value = self.value(type_.with_shape((_NOMINAL, *type_.shape[1:])), node, name)
        value.stacked = True
        return value

    def carry(self, initial: Node, inner: Node, node: Node) -> Value:
        """The value that holds a carry, set to its initial value; that value itself where nobody else reads it."""
        if sum(operand is initial for operand in node.inputs) == 1:
            others = [operand for operand in node.inputs if operand is not initial]
            same = self.overwritten(initial, others, inner.dtype)
            if same is not None:
                same.name = same.name or str(inner.params["name"])
                return same
        name = str(inner.params["name"])
        value = Value(inner.shape, inner.dtype, fresh_axes(inner.shape), name, location=initial.location, mutable=True)
        element: Element = self.env[initial]
        axes = fresh_axes(inner.shape)
        expr = element.at(identity(axes))
        assert expr is not None
        return self.store(Element(inner.shape, axes, convert(expr, inner.dtype)), initial, value)

    def commit(self, carries: Sequence[Value], results: Sequence[tuple[Element, Node]]) -> None:
        """Give carries their new values, all at once: what is read from a carry is set aside first."""
        held = set(carries)
        new: list[Element] = []
        for (element, node), value in zip(results, carries, strict=True):
            if element.whole_value() is value:
                new.append(element)
            elif any(load.value in held for load in loads(element.expr)) or not isinstance(element.expr, Load):
                new.append(element_of(self.store(element, node)))
            else:
                new.append(element)
        for element, value in zip(new, carries, strict=True):
            if element.whole_value() is not value:
                expr = element.at(identity(value.axes))
                assert expr is not None
                self.statements.append(
                    Statement(
                        value,
                        identity(value.axes),
                        axes_of(value.axes),
                        convert(expr, value.dtype),
                        location=value.location,
                    )
                )

    def while_(self, node: Node) -> list[Element]:
        n_cond, n_body = node.params["n_cond_consts"], node.params["n_body_consts"]
        cond, body = node.params["cond"], node.params["body"]
        cond_consts, body_consts = node.inputs[:n_cond], node.inputs[n_cond : n_cond + n_body]
        initial = node.inputs[n_cond + n_body :]
        carries = [
            self.carry(operand, inner, node) for operand, inner in zip(initial, body.inputs[n_body:], strict=True)
        ]
        programs = []
        mark = next_serial()
        for graph, consts in ((cond, cond_consts), (body, body_consts)):
            inside = self.inner()
            for inner, outer in zip(graph.inputs, consts, strict=False):
                inside.env[inner] = self.env[outer]
            for inner, value in zip(graph.inputs[len(consts) :], carries, strict=True):
                inside.env[inner] = element_of(value)
                if graph is body:
                    inside.owner.own(value)
            programs.append((inside, inside.run(graph)))
        condition, body_program = programs[0][0], programs[1][0]
        predicate = programs[0][1][0][0].expr
        body_program.commit(carries, programs[1][1])
        region = WhileRegion(
            (), (), node.location, Program(condition.statements), predicate, Program(body_program.statements)
        )
        self.finish_region(region, [region.condition, region.body], mark)
        return [element_of(value) for value in carries]

    def branch(self, node: Node) -> list[Element]:
        predicate, *operands = node.inputs
        assert isinstance(node.type, TupleType)
        same = [self.changed_in_place(node, position) for position in taken_over(node)]
        results = [value or self.value(type_, node) for value, type_ in zip(same, node.type.elements, strict=True)]
        programs = []
        mark = next_serial()
        for graph in (node.params["then"], node.params["orelse"]):
            inside = self.inner()
            for inner, outer in zip(graph.inputs, operands, strict=True):
                inside.env[inner] = self.env[outer]
            for value in filter(None, same):
                inside.owner.own(value)
            inside.commit(results, inside.run(graph))
            programs.append(Program(inside.statements))
        region = BranchRegion((), (), node.location, self.read(predicate, ()), *programs)
        self.finish_region(region, programs, mark)
        return [element_of(value) for value in results]

    def changed_in_place(self, node: Node, position: int | None) -> Value | None:
        """The value of a branch's operand, where both sides may change it."""
        if position is None:
            return None
        operand = node.inputs[1 + position]
        if sum(other is operand for other in node.inputs) > 1:
            return None
        return self.overwritten(operand, [other for other in node.inputs if other is not operand], operand.dtype)

    def finish_region(
        self, region: LoopRegion | WhileRegion | BranchRegion, programs: list[Program], mark: int
    ) -> None:
        """Say what a region reads and writes of the values outside it: those made before ``mark``."""
        read: dict[Value, None] = {}
        written: dict[Value, None] = {}
        for program in programs:
            for statement in program.statements:
                read.update((load.value, None) for load in statement.reads())
                written.update((value, None) for value in statement.writes())
        if isinstance(region, WhileRegion):
            read.update((load.value, None) for load in loads(region.predicate))
        region.outer_reads = tuple(value for value in read if value.serial < mark and value.role == "temporary")
        region.outer_writes = tuple(value for value in written if value.serial < mark)
        self.statements.append(region)


def _iteration_index(operand: Node, iteration: Dynamic) -> Index:
    return iteration if operand.shape[0] != 1 else Affine()
