"""Branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.control.record import (
    Body,
    as_nodes,
    closed,
    converted,
    error,
    handle_for,
    leaf_types,
    record,
)
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, TraceError
from srcgrad.core.types import ArrayType, promote, type_of
from srcgrad.graph.node import as_node, bind
from srcgrad.graph.structure import COND, items
from srcgrad.graph.trace import Tracer
from srcgrad.numpy.static import static_of


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """``true_fn(*operands) if pred else false_fn(*operands)``, where ``pred`` may be traced.

    Only the chosen branch runs. Both have to return the same structure and shapes; dtypes are promoted. Where the
    predicate is known, the branch is simply called.

    >>> cond(2 > 1, lambda x: x + 1, lambda x: x - 1, 10)
    11
    """
    known = _known_predicate(pred)
    if known is not None:
        return true_fn(*operands) if known else false_fn(*operands)
    handle = handle_for(pred, operands)
    leaves = tree.leaves(operands)
    types = leaf_types("cond: operands", operands)
    names = ["x" + path for path in tree.paths(operands)]
    bodies = [
        record(f"the {which} branch of cond", branch, operands, types, names, handle)
        for which, branch in (("true", true_fn), ("false", false_fn))
    ]
    written = sorted({position for body in bodies for position in body.written})
    bodies = _agreeing(bodies[0], bodies[1], written)
    consts, (then, orelse) = closed(bodies)
    given = (as_node(pred), *consts, *as_nodes(leaves, types))
    results = items(bind(COND, given, {"then": then, "orelse": orelse}))
    n_results = len(results) - len(written)
    for position, result in zip(written, results[n_results:], strict=True):
        _write_back(leaves[position], result)
    return tree.unflatten(bodies[0].structure, map(handle, results[:n_results]))


def _known_predicate(pred: Any) -> bool | None:
    """The predicate where it is known; None where it is traced."""
    if not isinstance(pred, Tracer):
        if np.ndim(pred):
            raise error(
                ArgumentError, f"cond: the predicate has shape {np.shape(pred)}; reduce it with .any() or .all()"
            )
        return bool(pred)
    type_ = type_of(pred)
    if type_.shape != ():
        raise error(ArgumentError, f"cond: the predicate has shape {type_.shape}; reduce it with .any() or .all()")
    if type_.dtype != np.dtype(bool):
        raise error(ArgumentError, f"cond: the predicate is {type_.dtype}, not a bool; compare it with something")
    known = static_of(pred)
    return None if known is None else bool(known)


def _agreeing(then: Body, orelse: Body, written: list[int]) -> list[Body]:
    """The branches with results of the same types; the operands that either writes into follow."""
    if then.structure != orelse.structure:
        raise error(TraceError, f"cond: the branches return {then.structure} and {orelse.structure}; return the same")
    paths = tree.paths(tree.unflatten(then.structure, then.outputs))
    outputs: tuple[list[Any], list[Any]] = ([], [])
    for path, a, b in zip(paths, then.outputs, orelse.outputs, strict=True):
        if a.shape != b.shape:
            raise error(
                TraceError,
                f"cond: result{path} is {a.type} in the true branch and {b.type} in the false one; "
                "give both the same shape",
            )
        dtype, weak = promote((a.array_type, b.array_type))
        for found, node in zip(outputs, (a, b), strict=True):
            found.append(converted(node, ArrayType(node.shape, dtype, weak)))
    return [
        body.with_outputs([*found, *(body.written.get(position, body.inputs[position]) for position in written)])
        for body, found in zip((then, orelse), outputs, strict=True)
    ]


def _write_back(leaf: Any, node: Any) -> None:
    if not isinstance(leaf, Tracer):
        raise error(
            TraceError, "cond: a branch writes into an operand that is an array from outside; return it instead"
        )
    leaf.assign(node)
