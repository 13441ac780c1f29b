"""The check of derivatives that all tests share: one dot product, against finite differences, to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.types import WIDER
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import new_input
from srcgrad.graph.verify import verify
from srcgrad.transform.adjoint import adjoint

Evaluate = Callable[[Graph, Sequence[Any]], Sequence[Any]]


def gradient_graph(graph: Graph) -> tuple[Graph, list[int]]:
    """From the inputs and a cotangent per output to the cotangents of the inputs, and which inputs these are.

    Integers and booleans have none.
    A cotangent that is known to be zero everywhere is not among them.
    """
    seeds = [new_input(node.array_type, "cotangent") if is_float(node) else None for node in graph.outputs]
    wrt = [k for k, node in enumerate(graph.inputs) if is_float(node)]
    _, cotangents = adjoint(graph, wrt, seeds)
    known = [(k, cotangent) for k, cotangent in zip(wrt, cotangents, strict=True) if cotangent is not None]
    inputs = (*graph.inputs, *(seed for seed in seeds if seed is not None))
    gradient = Graph(inputs, tuple(cotangent for _, cotangent in known), f"adjoint of {graph.name}")
    verify(gradient)
    return gradient, [k for k, _ in known]


def is_float(node: Node) -> bool:
    return node.dtype.kind in "fc"


def random_like(node: Node, rng: np.random.Generator) -> Any:
    """Normal numbers of a node's shape in double precision, complex where it is."""
    found = np.asarray(rng.normal(size=node.shape))
    return found + 1j * rng.normal(size=node.shape) if node.dtype.kind == "c" else found


def check_derivatives(
    graph: Graph,
    args: Sequence[Any],
    *,
    order: int = 2,
    rng: np.random.Generator | None = None,
    evaluate: Evaluate = interpret,
) -> None:
    """For random directions v of the inputs and u of the outputs, <J v, u> by central differences is <v, J^T u>.

    The pairing of complex values is the real part of the sum of products, without a conjugate.

    Then the same for the graph that computed J^T u, in the inputs and in u, until ``order`` is reached.
    """
    rng = rng or np.random.default_rng(0)
    gradient, positions = gradient_graph(graph)
    moved = [k for k, node in enumerate(graph.inputs) if is_float(node)]
    outputs = [k for k, node in enumerate(graph.outputs) if is_float(node)]
    if not moved or not outputs:
        return
    directions = {k: random_like(graph.inputs[k], rng) for k in moved}
    weights = [random_like(graph.outputs[k], rng) for k in outputs]
    single = any(node.dtype in WIDER for node in (*graph.inputs, *graph.outputs))
    step, tolerance = (1e-2, 1e-3) if single else (1e-5, 1e-6)

    forward, backward = (_moved(evaluate, graph, args, directions, side * step) for side in (1, -1))
    wide = [np.asarray(forward[k], WIDER.get(np.asarray(forward[k]).dtype)) for k in outputs]
    differences = [(one - backward[k]) / (2 * step) for one, k in zip(wide, outputs, strict=True)]
    expected = sum(float(np.sum(d * w).real) for d, w in zip(differences, weights, strict=True))
    scale = sum(float(np.sum(np.abs(d * w))) for d, w in zip(differences, weights, strict=True))
    seeds = [np.asarray(w, graph.outputs[k].dtype) for k, w in zip(outputs, weights, strict=True)]
    cotangents = evaluate(gradient, [*args, *seeds])
    for k, cotangent in zip(positions, cotangents, strict=True):
        assert cotangent.dtype == graph.inputs[k].dtype
        assert cotangent.shape == graph.inputs[k].shape
    found = sum(float(np.sum(c * directions[k]).real) for k, c in zip(positions, cotangents, strict=True))
    assert abs(found - expected) <= tolerance * max(1.0, scale), (
        f"{graph.name}: {found} is not {expected}\n{graph}\n{gradient}"
    )
    if order > 1 and gradient.outputs:
        check_derivatives(gradient, [*args, *seeds], order=order - 1, rng=rng, evaluate=evaluate)


def _moved(
    evaluate: Evaluate, graph: Graph, args: Sequence[Any], directions: dict[int, Any], step: float
) -> Sequence[Any]:
    points = [
        np.asarray(arg + step * directions[k], graph.inputs[k].dtype) if k in directions else arg
        for k, arg in enumerate(args)
    ]
    return evaluate(graph, points)
