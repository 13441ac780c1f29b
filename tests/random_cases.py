"""Random graphs with inputs to run them on, and the comparison of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad.numpy as snp
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import new_input
from srcgrad.transform.adjoint import adjoint
from tests.random_operations import SHAPES, Integer, Made
from tests.random_regions import Maker


@dataclass(frozen=True)
class Case:
    """A graph and what to run it on."""

    graph: Graph
    arrays: list[Any]


def random_inputs(integer: Integer, count: int) -> tuple[list[Any], list[Any]]:
    """Input nodes and their arrays: floats on a grid of quarters, so that some are equal, and some whole numbers."""
    rng = np.random.default_rng(integer(0, 10**6))
    nodes, arrays = [], []
    for number in range(count):
        shape = SHAPES[integer(0, len(SHAPES) - 1)]
        sort = integer(0, 9)
        dtype = np.dtype("int64" if sort == 0 else "bool" if sort == 1 else "float32" if sort == 2 else "float64")
        numbers: Any
        if dtype.kind == "f":
            numbers = rng.integers(-8, 9, shape) / 4 if sort % 2 else rng.uniform(-2, 2, shape)
        else:
            numbers = rng.integers(-4, 5, shape) if dtype.kind == "i" else rng.integers(0, 2, shape)
        arrays.append(np.asarray(numbers).astype(dtype))
        nodes.append(new_input(ArrayType(shape, dtype), f"x{number}"))
    return nodes, arrays


def random_case(integer: Integer, *, parts: int = 3, steps: int = 6, gradient: bool = True) -> Case:
    """Several programs over common inputs as one graph; with the cotangents of the float inputs for random seeds."""
    nodes, arrays = random_inputs(integer, 4)
    outputs: list[Any] = []
    for _ in range(parts):
        maker = Maker(integer, differentiable=gradient)
        maker.values = [Made(snp.Array(node)) for node in nodes]
        for _ in range(steps):
            maker.step()
        chosen = [maker.values[-1], *(maker.choose(maker.values) for _ in range(2))]
        outputs += [value.array.__sg_node__ for value in chosen]
    graph = Graph(tuple(nodes), tuple(outputs), "program")
    if not gradient:
        return Case(graph, arrays)
    return with_gradient(graph, arrays)


def with_gradient(graph: Graph, arrays: list[Any]) -> Case:
    """The graph, and the cotangents of its float inputs for a seed for each float output."""
    floats = [k for k, node in enumerate(graph.outputs) if node.dtype.kind == "f"]
    rng = np.random.default_rng(len(floats))
    seeds = {k: new_input(_strong(graph.outputs[k]), f"seed{k}") for k in floats}
    wrt = [k for k, node in enumerate(graph.inputs) if node.dtype.kind == "f"]
    outputs, cotangents = adjoint(graph, wrt, [seeds.get(k) for k in range(len(graph.outputs))])
    values = [np.asarray(rng.normal(size=seed.shape)).astype(seed.dtype) for seed in seeds.values()]
    known = [cotangent for cotangent in cotangents if cotangent is not None]
    joint = Graph((*graph.inputs, *seeds.values()), (*outputs, *known), graph.name)
    return Case(joint, [*arrays, *values])


def _strong(node: Any) -> ArrayType:
    return ArrayType(node.shape, node.dtype)


def differences(case: Case, found: Sequence[Any], expected: Sequence[Any]) -> list[str]:
    """What is wrong with the results: types, shapes, numbers."""
    single = any(node.dtype == np.float32 for node in case.graph.nodes() if isinstance(node.type, ArrayType))
    tolerance = 3e-3 if single else 1e-7
    wrong = []
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            wrong.append(f"output {k}: {a.dtype}{a.shape} for {b.dtype}{b.shape}")
        elif b.dtype.kind != "f":
            if not np.array_equal(a, b):
                wrong.append(f"output {k}: {a} for {b}")
        elif b.size:
            scale = float(np.max(np.abs(b[np.isfinite(b)]), initial=1.0))
            if not np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
                wrong.append(f"output {k}: {a} for {b}")
    return wrong
