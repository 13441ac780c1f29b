"""Functions with a derivative of their own: `checkpoint`, `custom_vjp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.control.failures import hand_on, impossible
from srcgrad.control.record import Body, closed, converted
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, TraceError
from srcgrad.core.types import ArrayType
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.function import P, Result, Transformed, handle_type
from srcgrad.graph.captured import is_implicit
from srcgrad.graph.node import Graph, Node, as_node
from srcgrad.graph.structure import free_inputs, items
from srcgrad.graph.trace import Tracer, is_tracing, trace
from srcgrad.staging import staged
from srcgrad.transform.calls import CallPullback, Recompute, Rule, call, inlined
from srcgrad.transform.convention import conjugated
from srcgrad.transform.guards import with_flag
from srcgrad.transform.rewrite import strong, zeros

_RECOMPUTE = Recompute()


class _Called(Transformed[P, Result]):
    """While a program is recorded, the function becomes one node of it; otherwise it is the function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        if not is_tracing():
            return self.function(*args, **kwargs)  # type: ignore[no-any-return]
        return self._call_slowly(args, kwargs)  # type: ignore[no-any-return]

    def made_from(self) -> tuple[Any, ...]:
        return (self.function,)

    def record_call(self, arguments: Arguments, handle: type[Tracer], rule: Rule) -> Any:
        traced = self.trace(arguments)
        own, causes = with_flag(traced.graph)
        body = Body(own.inputs, own.outputs, traced.out_structure, {}, own.name)
        outer, (graph,) = closed([body])
        results = call(graph, [*outer, *map(as_node, arguments.values)], rule)
        if causes:
            hand_on(results.pop(), causes)
        for position, new in zip(traced.mutated, results[traced.n_results :], strict=True):
            written = arguments.values[position]
            if isinstance(written, Tracer):
                written.assign(new)
        return tree.unflatten(traced.out_structure, map(handle, results[: traced.n_results]))


class Checkpoint(_Called[P, Result]):
    """See `srcgrad.checkpoint`."""

    def inline(self, arguments: Arguments, handle: type[Tracer]) -> Any:
        return self.record_call(arguments, handle, _RECOMPUTE)


class CustomVjp(_Called[P, Result]):
    """See `srcgrad.custom_vjp`."""

    def __init__(
        self,
        function: Callable[P, Result],
        forward: Callable[..., Any] | None = None,
        backward: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(function)
        self.forward, self.backward = forward, backward

    def made_from(self) -> tuple[Any, ...]:
        return self.function, self.forward, self.backward

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> CustomVjp[P, Result]:
        """``forward(*args) -> (out, residuals)``; ``backward(residuals, cotangent)`` -> a tuple like ``args``.

        Arguments without a derivative have None in its place.
        """
        self.forward, self.backward = forward, backward
        return self

    def inline(self, arguments: Arguments, handle: type[Tracer]) -> Any:
        if self.forward is None or self.backward is None:
            raise ArgumentError(f"{self!r} has no derivative yet: give it one with .defvjp(forward, backward)")
        return self.record_call(arguments, handle, _UsersRule(self.forward, self.backward, arguments))


@dataclass(frozen=True, eq=False)
class _UsersRule:
    """The derivative that the user gave: ``forward`` takes the place of the call, ``backward`` of its pullback."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arguments: Arguments

    def __call__(
        self, node: Node, cotangents: Sequence[Node | None], wanted: Sequence[bool], run_sweep: Callable[..., Any]
    ) -> CallPullback:
        first = len(node.inputs) - len(self.arguments.dynamic)
        if any(wanted[:first]):
            raise TraceError(
                f"{_place(node)}a function with sg.custom_vjp reads a value from around it that is differentiated; "
                "pass it as an argument"
            )
        operands = node.inputs[first:]
        values, residuals, structure = self._run_forward(operands, node)
        given = [
            zeros(strong(value.array_type)) if cotangent is None else conjugated(cotangent)
            for value, cotangent in zip(values, cotangents, strict=True)
        ]
        found = self._run_backward(residuals, given, structure, node)
        replacements = {old: converted(new, old.array_type) for old, new in zip(items(node), values, strict=True)}
        return CallPullback([*([None] * first), *found], replacements)

    def _run_forward(self, operands: Sequence[Node], node: Node) -> tuple[list[Node], list[Node], tree.Structure]:
        def forward(*dynamic: Any) -> Any:
            args, kwargs = self.arguments.fill(dynamic)
            return staged(self.forward)(*args, **kwargs)

        graph, structure = _traced(forward, "forward", tuple(operands), node)
        count = len(node.params["graph"].outputs)
        pair = structure.kind is tuple and len(structure.children) == 2
        if not pair or structure.children[0].num_leaves != count:
            raise TraceError(
                f"{_place(node)}the forward function of sg.custom_vjp must return (out, residuals), out as the "
                f"function returns it; it returns {structure}"
            )
        outputs = inlined(graph, operands)
        return outputs[:count], outputs[count:], structure

    def _run_backward(
        self, residuals: list[Node], cotangents: list[Node], structure: tree.Structure, node: Node
    ) -> list[Node | None]:
        value, kept = structure.children

        def backward(*dynamic: Any) -> Any:
            leaves, given = dynamic[: len(residuals)], dynamic[len(residuals) :]
            return staged(self.backward)(tree.unflatten(kept, leaves), tree.unflatten(value, given))

        graph, found = _traced(backward, "backward", (*residuals, *cotangents), node)
        return self._assigned(found, inlined(graph, [*residuals, *cotangents]), node)

    def _assigned(self, found: tree.Structure, leaves: list[Node], node: Node) -> list[Node | None]:
        """The cotangents by dynamic leaf; None in place of an argument says that it has none."""
        expected = self.arguments.structure.children[0].children
        if found.kind is not tuple or len(found.children) != len(expected):
            raise TraceError(
                f"{_place(node)}the backward function of sg.custom_vjp must return a tuple of {len(expected)}, one "
                f"cotangent (or None) for each argument; it returns {found}"
            )
        waiting = iter(leaves)
        by_leaf: list[Node | None] = []
        for argument, cotangent in zip(expected, found.children, strict=True):
            if cotangent.kind is type(None):
                by_leaf += [None] * argument.num_leaves
            elif cotangent != argument:
                raise TraceError(f"{_place(node)}backward returns {cotangent} for an argument that is {argument}")
            else:
                by_leaf += [next(waiting) for _ in range(argument.num_leaves)]
        by_leaf += [None] * (len(self.arguments.leaves) - len(by_leaf))  # keyword arguments
        return [self._fitting(by_leaf[position], type_, node) for position, type_ in self._dynamic()]

    def _dynamic(self) -> list[tuple[int, ArrayType]]:
        return list(zip(self.arguments.dynamic, self.arguments.types, strict=True))

    def _fitting(self, cotangent: Node | None, type_: ArrayType, node: Node) -> Node | None:
        if cotangent is None or not type_.is_differentiable:
            return None
        if cotangent.shape != type_.shape:
            raise TraceError(f"{_place(node)}backward returns a cotangent of type {cotangent.type} for {type_}")
        return conjugated(converted(cotangent, strong(type_)))  # type: ignore[no-any-return]


def _traced(
    function: Callable[..., Any], name: str, operands: tuple[Node, ...], node: Node
) -> tuple[Graph, tree.Structure]:
    structure = tree.flatten((operands, {}))[1]
    with impossible(f"inside the {name} function of sg.custom_vjp"):
        traced = trace(function, structure, [strong(operand.array_type) for operand in operands], handle=handle_type())
    graph = Graph(traced.graph.inputs, traced.graph.outputs[: traced.n_results], name)
    if not all(map(is_implicit, free_inputs(graph))):
        raise TraceError(
            f"{_place(node)}the {name} function of sg.custom_vjp reads a traced value from around it; "
            "pass it as an argument, or from forward to backward as a residual"
        )
    return graph, traced.out_structure


def _place(node: Node) -> str:
    return f"{node.location}: " if node.location else ""
