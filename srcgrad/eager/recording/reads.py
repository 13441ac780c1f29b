"""What a row's derivative rule reads: found by running it on graph nodes.

A value that no rule reads need not be saved, may be modified in place, and is freed at once. The answer follows from
the rule itself: apply it to inputs of a graph, and look which of them the result depends on. Shapes and dtypes are no
dependence.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from srcgrad.core.op import Op
from srcgrad.core.partial import Where
from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.node import Node, topological
from srcgrad.graph.structure import new_input

#: Position 0 is the result, 1 the first operand, and so on.
Reads = frozenset[int]


@functools.cache
def partial_reads(op: Op) -> tuple[Reads | None, ...]:
    """For each partial derivative of a pointwise row which values it reads; None where it is constant.

    >>> from srcgrad.core.op import TABLE
    >>> partial_reads(TABLE["tanh"]), partial_reads(TABLE["multiply"])
    ((frozenset({0}),), (frozenset({2}), frozenset({1})))
    """
    assert op.partials is not None
    if all(formula is None for formula in op.partials):
        return (None,) * len(op.partials)
    types = [ArrayType((2,), arg.dtype(np.float64)) for arg in op.samples[0].args]
    values = _inputs([op.infer(*types), *types])
    found = []
    for formula in op.partials:
        partial = None if formula is None else formula(*values)
        found.append(None if partial is None or isinstance(partial, int | float) else _dependence([partial], values))
    return tuple(found)


@functools.cache
def adjoint_reads(op: Op, arity: int) -> tuple[Reads, ...]:
    """For each operand of a row which values its cotangent reads, over all samples of the row."""
    found: list[set[int]] = [set() for _ in range(arity)]
    for sample in op.samples:
        types = [ArrayType(arg.shape, arg.dtype(np.float64)) for arg in sample.args]
        out = op.infer(*types, **sample.params)
        if isinstance(out, TupleType) or op.adjoint is None:
            return (frozenset(range(arity + 1)),) * arity
        values = _inputs([out, *types])
        cotangent = new_input(out, "cotangent")
        for position, contribution in enumerate(op.adjoint(cotangent, *values, **sample.params)):
            if contribution is not None:
                found[min(position, arity - 1)] |= {min(k, arity) for k in _dependence([contribution], values)}
    return tuple(map(frozenset, found))


@functools.cache
def all_adjoint_reads(op: Op, arity: int) -> Reads:
    """Which values the cotangents of a row's operands read together."""
    found: Reads = frozenset()
    return found.union(*adjoint_reads(op, arity))


def _inputs(types: Iterable[Any]) -> list[Node]:
    return [new_input(type_, f"v{position}") for position, type_ in enumerate(types)]


def _dependence(results: Iterable[Any], values: list[Node]) -> Reads:
    roots: list[Node] = []
    for result in results:
        parts = (result.condition, result.weight) if isinstance(result, Where) else (result,)
        roots += [part for part in parts if isinstance(part, Node)]
    needed = set(topological(roots))
    return frozenset(position for position, value in enumerate(values) if value in needed)
