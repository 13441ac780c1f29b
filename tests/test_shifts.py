"""Sums over overlapping windows: computed in one pass, with the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import srcgrad as sg
from srcgrad.core.lowering import frame
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import new_input
from srcgrad.graph.verify import verify
from srcgrad.transform.shifts import gather_shifts
from srcgrad.transform.simplify import simplify

F8 = np.dtype(np.float64)


def variable(*shape: int, name: str = "x") -> Node:
    return new_input(ArrayType(shape, F8), name)


def add_at(base: Any, starts: tuple[int, ...], part: Any) -> Any:
    steps = (1,) * len(starts)
    old = apply("slice", base, starts=starts, shape=part.shape, steps=steps)
    return apply("update", base, apply("accumulate", old, part), starts=starts, steps=steps)


def put(base: Any, starts: tuple[int, ...], part: Any) -> Any:
    return apply("update", base, part, starts=starts, steps=(1,) * len(starts))


def cut(base: Any, starts: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    return apply("slice", base, starts=starts, shape=shape, steps=(1,) * len(starts))


def count(graph: Graph, name: str) -> int:
    return sum(node.op.name == name for node in graph.nodes())


def check(graph: Graph, *, compiled: bool = False) -> Graph:
    """The gathered graph, which has the values of the one given; returned as it is scheduled."""
    plain = simplify(graph)
    gathered = simplify(gather_shifts(plain))
    verify(gathered)
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=node.shape) for node in graph.inputs]
    expected = interpret(plain, arrays)
    results = interpret(gathered, arrays)
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    if compiled:
        for one, other in zip(compile_graph(gathered)(*arrays), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    return gathered


def test_frame_covers_the_rest_once() -> None:
    hits = np.zeros((5, 4, 3), int)
    block = (range(1, 4), range(3), range(1, 2))
    for slab in frame(hits.shape, block):
        hits[np.ix_(*slab)] += 1
    hits[np.ix_(*block)] += 1
    assert (hits == 1).all()


def test_no_update_is_left_of_a_chain() -> None:
    b, v = variable(80, name="b"), variable(78, name="v")
    total = add_at(add_at(add_at(b, (1,), v), (0,), v), (2,), v)
    gathered = check(Graph((b, v), (total,), "f"), compiled=True)
    assert count(gathered, "update") == 0


def test_what_is_overwritten_is_computed_around_it_only() -> None:
    b, v, w = variable(30, 20, name="b"), variable(28, 18, name="v"), variable(28, 18, name="w")
    total = b
    for starts in ((0, 1), (2, 1), (1, 0), (1, 2)):
        total = add_at(total, starts, v)
    inside = cut(total, (1, 1), (28, 18))
    gathered = check(Graph((b, v, w), (put(total, (1, 1), w), inside), "f"), compiled=True)
    assert count(gathered, "update") == 5
    assert not any(node.op.name == "add" and node.shape == (30, 20) for node in gathered.nodes())


def test_scaled_values_are_one() -> None:
    b, v = variable(80, name="b"), variable(78, name="v")
    total = add_at(add_at(add_at(b, (1,), v * -2.0), (0,), -v), (2,), v)
    assert count(check(Graph((b, v), (total,), "f"), compiled=True), "place") == 1


def test_infinite_factors_stay_where_they_are() -> None:
    b, v = variable(80, name="b"), variable(78, name="v")
    total = add_at(add_at(b, (0,), v * np.inf), (2,), v * np.inf)
    check(Graph((b, v), (total,), "f"))


@pytest.mark.parametrize("n", [8, 80])
def test_different_values_and_small_arrays_are_left_alone(n: int) -> None:
    b, v, w = variable(n, name="b"), variable(n - 2, name="v"), variable(n - 2, name="w")
    total = add_at(add_at(b, (0,), v), (2,), v if n == 8 else w)
    assert count(check(Graph((b, v, w), (total,), "f")), "update") == 2


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_random_chains(data: st.DataObject) -> None:
    ndim = data.draw(st.integers(1, 3))
    reach = data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.integers(reach + 4, 70 if ndim == 1 else 12)) for _ in range(ndim))
    part = tuple(extent - reach for extent in shape)
    starts = st.tuples(*[st.integers(0, reach)] * ndim)
    b, v, w = variable(*shape, name="b"), variable(*part, name="v"), variable(*part, name="w")
    values = [v, -v, v * 3.0, w]
    total: Any = b
    inner = tuple(extent - 2 for extent in part)
    if data.draw(st.booleans()):
        total = put(total, data.draw(starts), w)
    if data.draw(st.booleans()):
        total = put(total, tuple(1 + start for start in data.draw(starts)), cut(w, (0,) * ndim, inner))
    outputs: list[Any] = []
    for _ in range(data.draw(st.integers(2, 6))):
        total = add_at(total, data.draw(starts), values[data.draw(st.sampled_from((0, 0, 0, 1, 2, 3)))])
        if data.draw(st.integers(0, 5)) == 0:
            outputs.append(cut(total, data.draw(starts), part))
    end = data.draw(st.sampled_from(("itself", "overwritten", "both", "sliced")))
    if end in ("itself", "both"):
        outputs.append(total)
    if end in ("overwritten", "both"):
        outputs.append(put(total, data.draw(starts), w * 2.0))
    if end == "sliced" or data.draw(st.booleans()):
        outputs.append(cut(total, data.draw(starts), part))
    if data.draw(st.booleans()):
        outputs.append(cut(total, tuple(1 + start for start in data.draw(starts)), inner))
    check(Graph((b, v, w), tuple(outputs), "f"))


def heat(u: Any, steps: int) -> Any:
    for _ in range(steps):
        u[1:-1, 1:-1] += 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1])
    return np.sum(u**3)


def waves(u: Any, v: Any, steps: int) -> Any:
    for _ in range(steps):
        v[1:] -= 0.05 * (u[1:] - u[:-1])
        u[:-1] -= 0.05 * (v[1:] - v[:-1]) * np.cos(u[:-1])
    return np.sum(u * v)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("function", "shapes"), [(heat, [(90, 70)]), (waves, [(3000,), (3000,)])])
def test_compiled_stencils(function: Any, shapes: list[tuple[int, ...]], threads: int) -> None:
    """Gradients of whole stencil codes along random directions, against differences."""
    generator = np.random.default_rng(1)
    before = sg.get_num_threads()
    try:
        sg.set_num_threads(min(threads, before))
        arrays = [generator.normal(size=shape) for shape in shapes]
        directions = [generator.normal(size=shape) for shape in shapes]
        gradients = sg.grad(function, argnums=tuple(range(len(arrays))))(*arrays, 30)
        slope = sum(np.vdot(g, d) for g, d in zip(gradients, directions, strict=True))
        h = 1e-6
        ends = [function(*(a + s * h * d for a, d in zip(arrays, directions, strict=True)), 30) for s in (1, -1)]
    finally:
        sg.set_num_threads(before)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)
