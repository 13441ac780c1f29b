"""The structural rows: inputs, constants, projections of tuples, and control flow with regions.

A loop carries values. Each iteration reads one slice of each of its inputs and may collect one slice of outputs:

    loop(trip_count, *consts, *carries, *xs)          params: body, n_consts, n_carries, length, reverse
    body(i, *consts, *carries, *x_slices) -> (*carries, *y_slices)

``i`` counts from 0 to trip_count - 1, downwards when ``reverse``; ``length`` is the trip count where it is
known, else None. The result is the tuple of last carries and stacked ys. Where the trip count is known only at run
time, the first extent of a stacked y is `RUN_TIME`: only loops with the same trip count read it, as one of their xs.

    while(*cond_consts, *body_consts, *carries)       params: cond, body, n_cond_consts, n_body_consts
    cond(predicate, *operands)                        params: then, orelse   (both take all operands)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.lowering import Region, Structure
from srcgrad.core.op import TABLE, Op
from srcgrad.core.types import ArrayType, TupleType, Type, type_of
from srcgrad.graph.node import Graph, Node, bind, make_node, topological, topological_until

_SMALL = 4096

#: the extent of a stack of slices, one for each iteration of a loop whose trip count is known only when it runs
RUN_TIME = -1


class Literal:
    """A constant array as a hashable param. Small ones compare by content, large ones by identity."""

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = np.array(value)
        self.value.setflags(write=False)
        array = self.value
        self._key: Any = (array.dtype, array.shape, array.tobytes()) if array.nbytes <= _SMALL else id(self)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __repr__(self) -> str:
        text = np.array2string(self.value, separator=",", threshold=8)
        return text if len(text) < 60 else f"array({self.value.dtype}{list(self.value.shape)})"


def _no_reference(*args: Any, **params: Any) -> Any:
    raise AssertionError("structural rows are evaluated by the interpreter")


def _structural(name: str, infer: Any, lowering: Any = None) -> Op:
    return TABLE.add(Op(name, infer, _no_reference, lowering or Structure()))


def _infer_item(type_: TupleType, *, index: int) -> Type:
    return type_.elements[index]


def _infer_loop(
    *types: Any, body: Graph, n_consts: int, n_carries: int, length: int | None, reverse: bool
) -> TupleType:
    carries = [output.array_type for output in body.outputs[:n_carries]]
    ys = [output.array_type for output in body.outputs[n_carries:]]
    return TupleType((*carries, *(ArrayType((RUN_TIME if length is None else length, *y.shape), y.dtype) for y in ys)))


def _infer_while(*types: Any, cond: Graph, body: Graph, n_cond_consts: int, n_body_consts: int) -> TupleType:
    return TupleType(tuple(output.array_type for output in body.outputs))


def _infer_cond(*types: Any, then: Graph, orelse: Graph) -> TupleType:
    return TupleType(tuple(output.array_type for output in then.outputs))


def _infer_input(*, serial: int, name: str) -> Type:
    raise AssertionError("the type of an input is declared, not inferred")


INPUT = _structural("input", _infer_input)
CONSTANT = _structural("constant", lambda *, value, weak: ArrayType(value.value.shape, value.value.dtype, weak))
ITEM = _structural("item", _infer_item)
LOOP = _structural("loop", _infer_loop, Region("loop"))
WHILE = _structural("while", _infer_while, Region("while"))
COND = _structural("cond", _infer_cond, Region("cond"))

_input_serials = itertools.count()


def new_input(type_: ArrayType, name: str = "x") -> Node:
    """A fresh input: never the same as another."""
    params = {"serial": next(_input_serials), "name": name}
    return make_node(INPUT, (), params, type_, None)


def constant(value: Any) -> Node:
    """A constant; a Python scalar keeps its weak type."""
    type_ = type_of(value)
    literal = Literal(np.asarray(value, dtype=type_.dtype))
    return make_node(CONSTANT, (), {"value": literal, "weak": type_.weak}, type_, None)


def constant_value(node: Node) -> np.ndarray[Any, Any] | None:
    """The array of a constant node, None for any other."""
    return node.params["value"].value if node.op is CONSTANT else None


def item(node: Node, index: int) -> Node:
    """Result ``index`` of a node that has several."""
    return bind(ITEM, (node,), {"index": index})


def items(node: Node) -> list[Node]:
    """All results of a node that has several."""
    assert isinstance(node.type, TupleType)
    return [item(node, index) for index in range(len(node.type.elements))]


def loop(
    trip_count: Node,
    consts: Sequence[Node],
    carries: Sequence[Node],
    xs: Sequence[Node],
    *,
    body: Graph,
    length: int | None,
    reverse: bool = False,
) -> list[Node]:
    """A loop node's results: last carries, then stacked ys."""
    params = {"body": body, "n_consts": len(consts), "n_carries": len(carries), "length": length, "reverse": reverse}
    return items(bind(LOOP, (trip_count, *consts, *carries, *xs), params))


def is_run_time_stack(type_: Type) -> bool:
    """Whether a value is a stack of as many slices as a loop turns out to have iterations."""
    return isinstance(type_, ArrayType) and type_.shape[:1] == (RUN_TIME,)


def captured(graphs: Sequence[Graph]) -> list[Node]:
    """What the graphs of a region read from outside: the largest subexpressions that depend on no input of theirs.

    They are computed once, before the region: loop-invariant code moves out by construction. Constants stay inside.
    """
    own = {node for graph in graphs for node in graph.inputs}
    order = topological([output for graph in graphs for output in graph.outputs])
    inside: set[Node] = set()
    outside: set[Node] = set()
    for node in order:
        if node in own or any(operand in inside for operand in node.inputs):
            inside.add(node)
        elif node.op is INPUT or any(operand in outside for operand in node.inputs):
            outside.add(node)
    found: dict[Node, None] = {}
    for node in order:
        if node in inside:
            found.update((operand, None) for operand in node.inputs if operand in outside)
    for graph in graphs:
        found.update((output, None) for output in graph.outputs if output in outside)
    return list(found)


def free_inputs(graph: Graph) -> list[Node]:
    """Inputs that the outputs read and that the graph does not declare."""
    own = set(graph.inputs)
    return [node for node in topological_until(graph.outputs, own) if node.op is INPUT and node not in own]
