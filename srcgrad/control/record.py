"""Recording the body of a loop or a branch as a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, TypeVar

from srcgrad.control.failures import impossible
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, SrcgradError, TraceError
from srcgrad.core.location import user_location
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, promote, type_of
from srcgrad.graph.names import names_of
from srcgrad.graph.node import Graph, Node, as_node, substitute
from srcgrad.graph.structure import captured, new_input
from srcgrad.graph.trace import Tracer, is_tracing, trace

E = TypeVar("E", bound=SrcgradError)


def error(kind: type[E], message: str) -> E:
    """An error that begins with the user's line."""
    location = user_location()
    return kind(f"{location}: {message}" if location is not None else message)


def is_recording(*values: Any) -> bool:
    """Whether control flow over these values has to become part of a program."""
    return is_tracing() or any(isinstance(leaf, Tracer) for leaf in tree.leaves(values))


def handle_for(*values: Any) -> type[Tracer]:
    """The class of traced arrays to record with."""
    import srcgrad.numpy

    found = (type(leaf) for leaf in tree.leaves(values) if isinstance(leaf, Tracer))
    return next(found, srcgrad.numpy.Array)


def leaf_types(what: str, value: Any) -> list[ArrayType]:
    """The types of a pytree's leaves; an error names the leaf that is no array or number."""
    types = []
    for leaf, path in zip(tree.leaves(value), tree.paths(value), strict=True):
        try:
            type_ = type_of(leaf)
        except TypeError:
            type_ = None
        if type_ is None or type_.dtype.kind not in "biufc":
            raise error(ArgumentError, f"{what}{path} is a {type(leaf).__name__}, not an array or number")
        types.append(type_)
    return types


@dataclass(frozen=True)
class Body:
    """A recorded function: inputs, results as nodes, and the inputs that it wrote in place."""

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    structure: tree.Structure
    written: dict[int, Node]
    name: str

    def with_outputs(self, outputs: Iterable[Node]) -> Body:
        return replace(self, outputs=tuple(outputs))

    @property
    def graph(self) -> Graph:
        return Graph(self.inputs, self.outputs, self.name)


def record(
    what: str,
    function: Callable[..., Any],
    arguments: Sequence[Any],
    types: Sequence[ArrayType],
    names: Sequence[str],
    handle: type[Tracer],
) -> Body:
    """Record ``function(*arguments)``, where handles of these types take the place of the leaves."""
    structure = tree.flatten((tuple(arguments), {}))[1]
    outside = _Captured(function)
    with impossible(f"inside {what}"):
        traced = trace(function, structure, types, handle=handle, names=names)
    outside.check(what)
    outputs, n_results = traced.graph.outputs, traced.n_results
    for output in outputs:
        if output.array_type.dtype.kind not in "biufc":
            raise error(TraceError, f"{what} returns a value of dtype {output.dtype}, not an array of numbers")
    written = dict(zip(traced.mutated, outputs[n_results:], strict=True))
    return Body(traced.graph.inputs, outputs[:n_results], traced.out_structure, written, traced.graph.name)


class _Captured:
    """The traced arrays that a function can reach from outside, to see whether it writes into them."""

    def __init__(self, function: Any) -> None:
        self._before = {name: (handle, handle.__sg_node__) for name, handle in _reachable(function, set())}

    def check(self, what: str) -> None:
        for name, (handle, before) in self._before.items():
            if handle.__sg_node__ is not before:
                handle.assign(before)
                raise error(
                    TraceError,
                    f"{what} writes into {name}, which belongs to the function around it; "
                    "a body changes what is carried: make it part of the carried value and return it",
                )


def _reachable(function: Any, seen: set[int]) -> Iterable[tuple[str, Tracer]]:
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
        if isinstance(value, FunctionType):
            yield from _reachable(value, seen)
            continue
        for leaf, path in zip(tree.leaves(value), tree.paths(value), strict=True):
            if isinstance(leaf, Tracer):
                yield name + path, leaf


def closed(bodies: Sequence[Body]) -> tuple[list[Node], list[Graph]]:
    """What the bodies read from outside, and their graphs with an input in front for each of these."""
    outer = captured([body.graph for body in bodies])
    names = names_of(outer)
    slots = {node: new_input(node.array_type, names[node][0] or f"c{k}") for k, node in enumerate(outer)}
    graphs = [
        Graph((*slots.values(), *body.inputs), tuple(substitute(body.outputs, slots)), body.name) for body in bodies
    ]
    return outer, graphs


def converted(node: Node, type_: ArrayType) -> Node:
    """The node in another dtype, and as weak as that type is."""
    if node.type == type_:
        return node
    return apply("astype", node, dtype=type_.dtype, weak=type_.weak)  # type: ignore[no-any-return]


def as_nodes(leaves: Iterable[Any], types: Iterable[ArrayType]) -> list[Node]:
    """The leaves as nodes of these types."""
    return [converted(as_node(leaf), type_) for leaf, type_ in zip(leaves, types, strict=True)]


def carried_type(before: ArrayType, after: ArrayType) -> ArrayType | None:
    """The type of a carried value that comes in as ``before`` and leaves as ``after``; None if they do not fit.

    Only Python numbers give way: a value that has a dtype keeps it.
    """
    if before.shape != after.shape:
        return None
    dtype, weak = promote((before, after))
    if (not before.weak and dtype != before.dtype) or (not after.weak and dtype != after.dtype):
        return None
    return ArrayType(before.shape, dtype, weak)
