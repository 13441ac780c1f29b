"""Every row, compiled: the samples of the whole table against the interpreter, many rows in one kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad.ops  # noqa: F401  (fills the table)
from srcgrad.core.lowering import Pointwise, Region, Structure
from srcgrad.core.op import TABLE, Op
from srcgrad.core.sample import Sample
from srcgrad.core.types import type_of
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, is_tuple
from srcgrad.graph.structure import items, new_input

CHUNK = 24


def rows() -> list[Op]:
    return [row for row in TABLE if not isinstance(row.lowering, Structure | Region)]


def chunks() -> Iterator[Any]:
    names = [row.name for row in rows()]
    for start in range(0, len(names), CHUNK):
        yield pytest.param(names[start : start + CHUNK], id=f"{names[start]}..{names[start : start + CHUNK][-1]}")


def apply_sample(
    row: Op, sample: Sample, dtype: Any, rng: np.random.Generator
) -> tuple[list[Node], list[Any], list[Node]]:
    arrays = [arg.make(rng, dtype) for arg in sample.args]
    inputs = [new_input(type_of(array), f"{row.name}_{k}") for k, array in enumerate(arrays)]
    if not inputs:
        from srcgrad.graph.node import bind

        return inputs, arrays, [bind(row, (), sample.params)]
    result = row(*inputs, **sample.params)
    return inputs, arrays, items(result) if is_tuple(result) else [result]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("names", list(chunks()))
def test_rows(names: list[str], dtype: Any) -> None:
    rng = np.random.default_rng(7)
    inputs: list[Node] = []
    arrays: list[Any] = []
    outputs: list[Node] = []
    labels: list[str] = []
    for name in names:
        pointwise = isinstance(TABLE[name].lowering, Pointwise)
        samples = TABLE[name].samples
        complex_ones = [sample for sample in samples[1:] if any(arg.kind == "c" for arg in sample.args)]
        for sample in [samples[0], *complex_ones] if pointwise else samples:
            new_inputs, new_arrays, results = apply_sample(TABLE[name], sample, dtype, rng)
            inputs += new_inputs
            arrays += new_arrays
            outputs += results
            labels += [f"{name} {[a.shape for a in new_arrays]} {sample.params}"] * len(results)
    graph = Graph(tuple(inputs), tuple(outputs), "rows")
    got = compile_graph(graph)(*arrays)
    wanted = interpret(graph, arrays)
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    wrong = []
    for label, a, b in zip(labels, got, wanted, strict=True):
        b = np.asarray(b)
        if np.asarray(a).dtype != b.dtype or np.shape(a) != b.shape:
            wrong.append(f"{label}: {np.asarray(a).dtype}{np.shape(a)} for {b.dtype}{b.shape}")
        elif not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            wrong.append(f"{label}: {a} for {b}")
    assert not wrong, "\n".join(wrong)
