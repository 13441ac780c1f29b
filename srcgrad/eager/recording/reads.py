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

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.op import Op
from srcgrad.core.partial import Where
from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.node import Node, topological
from srcgrad.graph.structure import new_input

#: Position 0 is the result, 1 the first operand, and so on.
Reads = frozenset[int]


@functools.cache
def reads_of(op: Op, arity: int) -> tuple[Reads | None, ...]:
    """For each operand of a row which values the contribution to it reads; None where there is no contribution.

    >>> from srcgrad.core.op import TABLE
    >>> reads_of(TABLE["tanh"], 1), reads_of(TABLE["multiply"], 2), reads_of(TABLE["add"], 2)
    ((frozenset({0}),), (frozenset({2}), frozenset({1})), (frozenset(), frozenset()))
    """
    return _reads_of_partials(op) if op.partials is not None else _reads_of_adjoint(op, arity)


def _reads_of_partials(op: Op) -> tuple[Reads | None, ...]:
    assert op.partials is not None
    if all(formula is None for formula in op.partials):
        return (None,) * len(op.partials)
    types = [ArrayType((2,), arg.dtype(np.float64)) for arg in op.samples[0].args]
    if op.prepare is not None:
        types = [value.type for value in op.prepare(_inputs(types), {})]
    values = _inputs([op.infer(*types), *types])
    return tuple(None if formula is None else _reads_of_partial(formula, values) for formula in op.partials)


def _reads_of_partial(formula: Any, values: list[Node]) -> Reads:
    try:
        return _dependence([formula(*values)], values)
    except UnsupportedError:  # it says so when it is asked for
        return frozenset()


def _reads_of_adjoint(op: Op, arity: int) -> tuple[Reads | None, ...]:
    """Over all samples of the row, whose operands may be fewer or more."""
    if not op.samples:
        return (frozenset(),) * arity
    found: list[set[int] | None] = [None] * arity
    for sample in op.samples:
        types = [ArrayType(arg.shape, arg.dtype(np.float64)) for arg in sample.args]
        out = op.infer(*types, **sample.params)
        if isinstance(out, TupleType) or op.adjoint is None:
            return (frozenset(range(arity + 1)),) * arity
        values = _inputs([out, *types])
        contributions = op.adjoint(new_input(out, "cotangent"), *values, **sample.params)
        for position, contribution in enumerate(contributions):
            if contribution is not None:
                place = min(position, arity - 1)
                reads = {min(k, arity) for k in _dependence([contribution], values)}
                found[place] = reads | (found[place] or set())
    known = min(arity, max(len(sample.args) for sample in op.samples))
    found[known:] = [found[known - 1]] * (arity - known)
    further = frozenset(range(known + 1, arity + 1))  # where a row takes any number of operands, these are as the last
    return tuple(
        None if reads is None else frozenset(reads) | (further if known in reads else frozenset()) for reads in found
    )


def _inputs(types: Iterable[Any]) -> list[Node]:
    return [new_input(type_, f"v{position}") for position, type_ in enumerate(types)]


def _dependence(results: Iterable[Any], values: list[Node]) -> Reads:
    roots: list[Node] = []
    for result in results:
        parts = (result.condition, result.weight) if isinstance(result, Where) else (result,)
        roots += [part for part in parts if isinstance(part, Node)]
    needed = set(topological(roots))
    return frozenset(position for position, value in enumerate(values) if value in needed)
