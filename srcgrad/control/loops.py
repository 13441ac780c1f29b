"""Loops over carried values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.control import python
from srcgrad.control.checkpointing import checkpointed_loop, snapshots_for
from srcgrad.control.record import (
    Body,
    as_nodes,
    carried_type,
    closed,
    converted,
    error,
    handle_for,
    is_recording,
    leaf_types,
    record,
)
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, ArgumentValueError, TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, as_node, bind
from srcgrad.graph.structure import WHILE, constant, items, loop, new_input
from srcgrad.graph.trace import Tracer
from srcgrad.numpy.static import static_of

_INDEX = ArrayType((), np.dtype(np.int64), weak=True)


def fori_loop(
    lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any, *, checkpoint: int | bool | None = None
) -> Any:
    """``for i in range(lower, upper): carry = body(i, carry)``, beginning with ``init``; the last carry.

    The bounds may be traced integers. ``checkpoint`` is as for `scan`, and takes known bounds.

    >>> fori_loop(0, 5, lambda i, total: total + i, 0)
    10
    """
    if not is_recording(lower, upper, init):
        return python.fori_loop(operator.index(lower), operator.index(upper), body, init)
    first, last = _known_index("lower", lower), _known_index("upper", upper)
    if first is None or last is None:
        count, length = apply("maximum", as_node(upper) - as_node(lower), 0), None
        count = converted(count, ArrayType((), np.dtype(np.int64)))
    else:
        length = max(0, last - first)
        count = constant(np.int64(length))

    def iteration(i: Any, carry: Any) -> Any:
        return body(i if first == 0 else i + (lower if first is None else first), carry)

    iteration.__name__ = getattr(body, "__name__", "body")
    if checkpoint and length is None:
        raise error(ArgumentError, "fori_loop: checkpoint takes bounds that are known when the function is traced")
    carries, _ = _loop("fori_loop", iteration, init, (), count, length, False, True, checkpoint)
    return carries


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    *,
    checkpoint: int | bool | None = None,
) -> tuple[Any, Any]:
    """``for x in xs: carry, y = f(carry, x)``; the last carry and the stacked ``y``.

    ``xs`` is a pytree of arrays, sliced along their first axes, or None where ``length`` says how often; ``reverse``
    begins with the last slice (the stacked results keep the order of ``xs``).

    The derivative keeps what it needs of every iteration. With ``checkpoint=N`` it keeps the carry at N places instead
    and repeats the iterations between them: once where ``N**2`` is the number of iterations at least, ``d - 1`` times
    where ``N**d`` is, with ``d * N`` slices in all. True takes the square root of the number of iterations.

    >>> total, partial_sums = scan(lambda carry, x: (carry + x, carry + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> partial_sums
    array([1., 3., 6.])
    """
    count = _length(xs, length)
    if not is_recording(init, xs):
        return python.scan(f, init, xs, count, reverse)
    return _loop("scan", f, init, xs, constant(np.int64(count)), count, reverse, False, checkpoint)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """``while cond(carry): carry = body(carry)``, beginning with ``init``; the last carry.

    Its derivative is that of the iterations that were run.

    >>> while_loop(lambda n: n < 100, lambda n: 2 * n, 1)
    128
    """
    if not is_recording(init):
        return python.while_loop(cond, body, init)
    handle = handle_for(init)
    leaves, structure = tree.flatten(init)
    names = _names("carry", init)
    recorded, types = _record_carried(
        "while_loop",
        lambda types: record("the body of while_loop", body, (init,), types, names, handle),
        init,
        has_y=False,
    )
    test = record("the condition of while_loop", cond, (init,), types, names, handle)
    _check_condition(test)
    (cond_consts, (cond_graph,)), (body_consts, (body_graph,)) = closed([test]), closed([recorded])
    params = {
        "cond": cond_graph,
        "body": body_graph,
        "n_cond_consts": len(cond_consts),
        "n_body_consts": len(body_consts),
    }
    results = items(bind(WHILE, (*cond_consts, *body_consts, *as_nodes(leaves, types)), params))
    return tree.unflatten(structure, map(handle, results))


def _loop(
    what: str,
    body: Callable[..., Any],
    init: Any,
    xs: Any,
    count: Node,
    length: int | None,
    reverse: bool,
    with_index: bool,
    checkpoint: int | bool | None,
) -> tuple[Any, Any]:
    """A loop node. The body maps ``(i, carry)`` to a carry, or without index ``(carry, x)`` to ``(carry, y)``."""
    handle = handle_for(init, xs)
    leaves, structure = tree.flatten(init)
    x_leaves = tree.leaves(xs)
    x_types = [type_.with_shape(type_.shape[1:]) for type_ in leaf_types(f"{what}: xs", xs)]
    index = [_INDEX] if with_index else []
    arguments = (0, init) if with_index else (init, xs)
    names = [*("i" for _ in index), *_names("carry", init), *_names("x", xs)]

    def recorded_with(types: Sequence[ArrayType]) -> Body:
        return record(f"the body of {what}", body, arguments, [*index, *types, *x_types], names, handle)

    recorded, types = _record_carried(what, recorded_with, init, has_y=not with_index)
    consts, (graph,) = closed([recorded])
    slots, inputs = graph.inputs[: len(consts)], graph.inputs[len(consts) :]
    counter = inputs[0] if with_index else new_input(_INDEX, "i")
    region = Graph((counter, *slots, *inputs[with_index:]), graph.outputs, graph.name)
    xs_nodes = [as_node(x) for x in x_leaves]
    initial = as_nodes(leaves, types)
    if checkpoint and length is not None:
        snapshots = snapshots_for(length, checkpoint)
        results = checkpointed_loop(
            consts, initial, xs_nodes, body=region, length=length, reverse=reverse, snapshots=snapshots
        )
    else:
        results = loop(count, consts, initial, xs_nodes, body=region, length=length, reverse=reverse)
    handles = [handle(result) for result in results]
    carry = tree.unflatten(structure, handles[: len(leaves)])
    if with_index:
        return carry, None
    return carry, tree.unflatten(recorded.structure.children[1], handles[len(leaves) :])


def _record_carried(
    what: str, recorded_with: Callable[[Sequence[ArrayType]], Body], init: Any, has_y: bool
) -> tuple[Body, list[ArrayType]]:
    """The recorded body, and the types of the carried values: those of ``init``, but numbers give way to arrays."""
    expected = tree.flatten(init)[1]
    types = leaf_types(f"{what}: init", init)
    while True:
        body = recorded_with(types)
        structure = _carry_structure(what, body.structure) if has_y else body.structure
        if structure != expected:
            raise error(
                TraceError, f"the body of {what} returns {structure} to carry, it was given {expected}; return the same"
            )
        leaving = [output.array_type for output in body.outputs[: len(types)]]
        found = [carried_type(before, after) for before, after in zip(types, leaving, strict=True)]
        for path, before, after, type_ in zip(tree.paths(init), types, leaving, found, strict=True):
            if type_ is None:
                raise _changed_type(what, path, before, after)
        fitting = [type_ for type_ in found if type_ is not None]
        if fitting == types:
            carried = as_nodes(body.outputs[: len(types)], types)
            return body.with_outputs([*carried, *body.outputs[len(types) :]]), types
        types = fitting


def _carry_structure(what: str, structure: tree.Structure) -> tree.Structure:
    if structure.kind is not tuple or len(structure.children) != 2:
        raise error(TraceError, f"the body of {what} must return a pair (carry, y), this one returns {structure}")
    return structure.children[0]


def _changed_type(what: str, path: str, before: ArrayType, after: ArrayType) -> TraceError:
    cure = "start with an array of that shape" if before.shape != after.shape else "convert one with .astype"
    return error(
        TraceError,
        f"{what} carries carry{path}, which comes into the body as {before} and leaves it as {after}; "
        f"a carried value keeps its shape and dtype: {cure}",
    )


def _names(stem: str, value: Any) -> list[str]:
    return [re.sub(r"\W+", "_", stem + path).rstrip("_") for path in tree.paths(value)]


def _known_index(name: str, value: Any) -> int | None:
    """A bound of the loop as an int, None where it is known only at run time."""
    if isinstance(value, Tracer):
        if value.shape != () or value.dtype.kind not in "iu":
            raise error(ArgumentError, f"fori_loop: {name} is {value.__sg_type__}, not an integer")
        known = static_of(value)
        return None if known is None else int(known)
    try:
        return operator.index(value)
    except TypeError:
        raise error(ArgumentError, f"fori_loop: {name} is a {type(value).__name__}, not an integer") from None


def _length(xs: Any, length: int | None) -> int:
    extents = {}
    for type_, path in zip(leaf_types("scan: xs", xs), tree.paths(xs), strict=True):
        if not type_.shape:
            raise error(ArgumentValueError, f"scan: xs{path} is 0-d and has no slices; pass it by the carry instead")
        extents[path] = type_.shape[0]
    if length is not None:
        extents["length"] = length
    if not extents:
        raise error(ArgumentValueError, "scan: without xs it needs length, the number of iterations")
    if len(set(extents.values())) > 1:
        what = ", ".join(f"{'' if path == 'length' else 'xs'}{path}: {extent}" for path, extent in extents.items())
        raise error(ArgumentValueError, f"scan: the lengths differ ({what})")
    return next(iter(extents.values()))


def _check_condition(test: Body) -> None:
    types = [output.array_type for output in test.outputs]
    if len(types) != 1 or types[0].shape != () or types[0].dtype != np.dtype(bool):
        found = ", ".join(map(str, types))
        raise error(TraceError, f"the condition of while_loop must return one bool, this one returns {found}")
