"""Vector-Jacobian products: the pullback of a function at a point."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.control.failures import hand_on
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, ArgumentValueError, TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, type_of
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.function import Function, Recorded, Specialisation, handle_type
from srcgrad.dispatch.identity import SharedPrograms
from srcgrad.dispatch.transforms import Jit, differentiated_leaves
from srcgrad.graph.node import Node, as_node, substitute
from srcgrad.graph.structure import new_input
from srcgrad.graph.trace import Tracer, is_tracing
from srcgrad.pipeline import differentiate
from srcgrad.transform.convention import conjugated
from srcgrad.transform.guards import unguarded


class Vjp(Jit[..., Any]):
    """The function of `vjp`: messages call it so. It leaves its arguments as they are."""

    def record(self, arguments: Arguments) -> Recorded:
        traced = self.trace_differentiated(arguments, range(len(arguments.values)))
        graph = replace(traced.graph, outputs=traced.graph.outputs[: traced.n_results])
        return Recorded(graph, traced.out_structure)


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The function's value, and its pullback: from a cotangent of the value to a tuple with one for each primal.

    A complex value takes a complex cotangent c, and the pullback is the gradient of ``(conj(c) * value).real.sum()``:
    see `srcgrad.grad` for what that is for complex primals.

    With ``has_aux`` the function returns ``(value, aux)`` and ``aux`` comes third.

    >>> value, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> pullback(1.0)
    (np.float64(3.0), np.float64(2.0))
    """
    handle = next((type(leaf) for leaf in tree.leaves(primals) if isinstance(leaf, Tracer)), None)
    if handle is not None or is_tracing():
        return _traced_vjp(function, primals, has_aux, handle or handle_type())
    forward, backward = _compiled_pair(function, has_aux)
    differentiated_leaves(forward, Arguments(forward.parameters, primals, {}), tuple(range(len(primals))))
    result = forward(*primals)
    primals = tree.map(_snapshot, primals)  # the pullback is at this point, whatever becomes of the caller's arrays
    value, aux = result if has_aux else (result, None)
    program = forward.last
    outside = _outside(program)

    def pullback(cotangent: Any) -> Any:
        if _outside(program) != outside:
            raise ArgumentValueError(
                f"what {getattr(function, '__qualname__', 'the function')} reads from outside has changed since sg.vjp "
                "took its value; pass it as an argument, or call the pullback before it changes"
            )
        return backward(cotangent, *primals)

    return (value, pullback, aux) if has_aux else (value, pullback)


def _outside(program: Specialisation | None) -> list[Any] | None:
    """What tells whether the values that a program reads from outside are the same; None where it is for others."""
    values = [] if program is None else program.guards.current()
    return None if values is None else [_told(value) for value in values]


def _told(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, zlib.crc32(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return type(value), repr(value)


def _snapshot(leaf: Any) -> Any:
    return np.array(leaf) if type(leaf) is np.ndarray else copy.copy(leaf) if isinstance(leaf, np.ndarray) else leaf


@SharedPrograms
def _compiled_pair(function: Callable[..., Any], has_aux: bool) -> tuple[Function, Function]:
    """The compiled function, and its pullback as a function of the cotangent and the primals."""

    def transposed(cotangent: Any, *primals: Any) -> Any:
        return vjp(function, *primals, has_aux=has_aux)[1](cotangent)

    return Vjp(function), Jit(transposed)


def _traced_vjp(
    function: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool, handle: type[Tracer]
) -> tuple[Any, ...]:
    transform = Vjp(function)
    arguments = Arguments(transform.parameters, primals, {})
    leaves = differentiated_leaves(transform, arguments, tuple(range(len(primals))))
    wrt = [arguments.dynamic.index(position) for positions in leaves for position in positions]
    traced = transform.trace_differentiated(arguments, wrt)
    value, aux = traced.out_structure, None
    if has_aux:
        if value.kind is not tuple or len(value.children) != 2:
            raise TraceError("vjp: with has_aux=True the function must return a pair (value, aux)")
        value, aux = value.children
    graph = replace(traced.graph, outputs=traced.graph.outputs[: traced.n_results])
    seeds = [
        new_input(ArrayType(output.shape, output.dtype), f"ct{k}") if output.array_type.is_differentiable else None
        for k, output in enumerate(graph.outputs[: value.num_leaves])
    ]
    silent = [None] * (len(graph.outputs) - len(seeds))
    joint = differentiate(graph, wrt, [*seeds, *silent])
    outputs, flags = unguarded(joint.outputs[: len(graph.outputs)])
    given = dict(zip(graph.inputs, map(as_node, arguments.values), strict=True))
    for flag, causes in flags:
        hand_on(substitute([flag], given)[0], causes)
    results = [handle(node) for node in substitute(outputs, given)]
    found = unguarded(joint.outputs[len(graph.outputs) :])[0]
    structure = tree.flatten(primals)[1]

    def pullback(cotangent: Any) -> Any:
        replaced = {**given, **_seeded(seeds, graph.outputs, cotangent, value)}
        return tree.unflatten(structure, map(handle, substitute(found, replaced)))

    first = tree.unflatten(value, results[: value.num_leaves])
    if aux is None:
        return first, pullback
    return first, pullback, tree.unflatten(aux, results[value.num_leaves :])


def _seeded(
    seeds: list[Node | None], outputs: tuple[Node, ...], cotangent: Any, structure: tree.Structure
) -> dict[Node, Node]:
    """The cotangent's leaves in place of the seeds, which have the types of the outputs."""
    leaves, found = tree.flatten(cotangent)
    if found != structure:
        raise ArgumentError(f"the pullback takes a cotangent like the result, {structure}; it was given {found}")
    given = {}
    for path, leaf, seed, output in zip(tree.paths(cotangent), leaves, seeds, outputs, strict=False):
        if seed is None:
            continue
        type_ = type_of(leaf)
        if type_.shape != seed.shape or not np.can_cast(type_.dtype, seed.dtype, "same_kind"):
            raise ArgumentError(
                f"the pullback was given cotangent{path} of type {type_}, the result there is {output.type}"
            )
        node = as_node(leaf)
        given[seed] = conjugated(node if type_.dtype == seed.dtype else apply("astype", node, dtype=seed.dtype))
    return given
