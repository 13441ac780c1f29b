"""Products moved out of loops: the same values, and the loop is rid of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.dispatch.executable import compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import LOOP, constant, loop, new_input
from srcgrad.graph.verify import verify
from srcgrad.transform.hoist import hoist
from srcgrad.transform.simplify import simplify

F8 = np.dtype(np.float64)
T, N, M = 12, 24, 20


def variable(*shape: int, dtype: Any = F8, name: str = "x") -> Node:
    return new_input(ArrayType(shape, np.dtype(dtype)), name)


def product(a: Any, b: Any, spec: str) -> Any:
    return apply("contract", a, b, spec=spec)


def check(graph: Graph) -> Graph:
    """The graph with products hoisted, whose values are those of the graph given, interpreted and compiled."""
    plain = simplify(graph)
    hoisted = simplify(hoist(plain))
    verify(hoisted)
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=node.shape) for node in graph.inputs]
    expected = interpret(plain, arrays)
    for results in (interpret(hoisted, arrays), compile_graph(hoisted)(*arrays)):
        for one, other in zip(results, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    return hoisted


def contracts_in_loops(graph: Graph) -> int:
    loops = [node for node in graph.nodes() if node.op is LOOP]
    return sum(node.op.name == "contract" for one in loops for node in one.params["body"].nodes())


def recurrence(xs: list[Any], consts: list[Any], carries: list[Any], step: Any, **options: Any) -> list[Node]:
    """A loop of T steps over xs; ``step(index, consts, carries, xs)`` gives the next carries, then what is put out."""
    inner = [[variable(*v.shape) for v in consts], [variable(*v.shape) for v in carries]]
    rows = [variable(*v.shape[1:]) for v in xs]
    index = variable(dtype=np.int64, name="t")
    outputs = step(index, *inner, rows)
    body = Graph((index, *inner[0], *inner[1], *rows), tuple(outputs), "body")
    length = options.pop("length", T)
    return loop(constant(np.int64(length)), consts, carries, xs, body=body, length=length, **options)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_reads_inputs_only_comes_before(reverse: bool) -> None:
    x, w, h = variable(T, M), variable(M, N), variable(N)
    results = recurrence(
        [x],
        [w],
        [h],
        lambda i, w, c, x: [apply("tanh", c[0] + product(x[0], w[0], "k,kj->j")), c[0]],
        reverse=reverse,
    )
    assert contracts_in_loops(check(Graph((x, w, h), tuple(results), "f"))) == 0


def test_rows_by_the_loop_index_of_a_longer_array() -> None:
    x, w, h = variable(T + 3, M), variable(M, N), variable(N)

    def step(i: Any, consts: Any, c: Any, x: Any) -> list[Any]:
        row = apply("gather", consts[1], i, axes=(0,), position=0)
        return [apply("tanh", c[0] + product(row, consts[0], "k,kj->j"))]

    results = recurrence([], [w, x], [h], step)
    assert contracts_in_loops(check(Graph((x, w, h), tuple(results), "f"))) == 0


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_sums_of_products_come_after(batch: tuple[int, ...], reverse: bool) -> None:
    x, h, total = variable(T, *batch, 64), variable(*batch, 2), variable(64, 64)
    labels = "bc"[: len(batch)]

    def step(i: Any, w: Any, c: Any, x: Any) -> list[Any]:
        new = apply("sin", c[0])
        pieces = apply("concatenate", *[new * float(k) for k in range(32)], axis=len(batch))
        return [new, apply("accumulate", c[1], product(x[0], pieces, f"{labels}k,{labels}j->kj"))]

    results = recurrence([x], [], [h, total], step, reverse=reverse)
    expected = 0 if 4 * 64 * int(np.prod(batch)) <= 64 * 64 else 1
    assert contracts_in_loops(check(Graph((x, h, total), tuple(results), "f"))) == expected


def test_a_sum_of_the_users_stays_in_its_order() -> None:
    x, y, total = variable(T, N), variable(T, M), variable(N, M)

    def step(i: Any, w: Any, c: Any, x: Any) -> list[Any]:
        return [c[0] + product(x[0], x[1], "k,j->kj")]

    hoisted = check(Graph((x, y, total), tuple(recurrence([x, y], [], [total], step)), "f"))
    assert contracts_in_loops(hoisted) == 1


def test_what_else_is_added_stays_in_the_loop() -> None:
    x, y, total = variable(T, N), variable(T, M), variable(N, M)

    def step(i: Any, w: Any, c: Any, x: Any) -> list[Any]:
        total = apply("accumulate", c[0], product(x[0], x[1], "k,j->kj"))
        return [apply("accumulate", total, apply("exp", product(x[0] * 2.0, x[1], "k,j->kj") * 0.1))]

    hoisted = check(Graph((x, y, total), tuple(recurrence([x, y], [], [total], step)), "f"))
    assert contracts_in_loops(hoisted) == 1


def test_a_sum_that_is_read_on_the_way_stays() -> None:
    x, y, total = variable(T, N), variable(T, M), variable(N, M)

    def step(i: Any, w: Any, c: Any, x: Any) -> list[Any]:
        new = c[0] + product(x[0], x[1], "k,j->kj")
        return [new, apply("sum", new, axes=(0, 1))]

    hoisted = check(Graph((x, y, total), tuple(recurrence([x, y], [], [total], step)), "f"))
    assert contracts_in_loops(hoisted) == 1


@pytest.mark.parametrize(("rows", "columns", "also", "left"), [(8, 32, 0, 0), (24, 16, 0, 1), (24, 16, 1, 0)])
def test_what_is_put_out_comes_after(rows: int, columns: int, also: int, left: int) -> None:
    """Where its operand takes no more room than it does, or is put out anyway."""
    h, w = variable(rows), variable(rows, columns)

    def step(i: Any, consts: Any, c: Any, x: Any) -> list[Any]:
        new = apply("sin", c[0])
        return [new, product(new, consts[0], "k,kj->j"), *[new] * also]

    results = recurrence([], [w], [h], step)
    assert contracts_in_loops(check(Graph((h, w), tuple(results), "f"))) == left


def test_short_loops_and_small_matrices_stay() -> None:
    x, w, h = variable(T, 4), variable(4, N), variable(N)

    def step(i: Any, w: Any, c: Any, x: Any) -> list[Any]:
        return [apply("tanh", c[0] + product(x[0], w[0], "k,kj->j"))]

    assert contracts_in_loops(check(Graph((x, w, h), tuple(recurrence([x], [w], [h], step)), "f"))) == 1
    x, w = variable(4, M), variable(M, N)
    results = recurrence([x], [w], [h], step, length=4)
    assert contracts_in_loops(check(Graph((x, w, h), tuple(results), "f"))) == 1


def expensive_in_loops(graph: Graph) -> int:
    loops = [node for node in graph.nodes() if node.op is LOOP]
    return sum(node.op.name in ("divide", "exp") for one in loops for node in one.params["body"].nodes())


def integer(value: int) -> Node:
    return constant(np.int64(value))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "place",
    [
        lambda i: i,
        lambda i: apply("add", i, integer(3)),
        lambda i: apply("subtract", apply("add", i, integer(3)), integer(2)),
        lambda i: apply("subtract", integer(T - 1), i),
        lambda i: apply("add", apply("subtract", integer(T - 1), i), integer(2)),
    ],
)
def test_expensive_functions_of_what_is_given_come_before(place: Any, reverse: bool) -> None:
    x, y, s, scale = variable(T + 3), variable(T), variable(), variable()

    def step(i: Any, consts: Any, c: Any, row: Any) -> list[Any]:
        element = apply("gather", consts[0], place(i), axes=(0,), position=0)
        return [c[0] * apply("exp", element * consts[1]) + row[0] / (element * element + 1.0), c[0]]

    results = recurrence([y], [x, scale], [s], step, reverse=reverse)
    assert expensive_in_loops(check(Graph((x, y, s, scale), tuple(results), "f"))) == 0


def test_what_the_loop_carries_stays() -> None:
    x, s = variable(T), variable()

    def step(i: Any, consts: Any, c: Any, row: Any) -> list[Any]:
        return [apply("exp", c[0] * row[0]) / (row[0] * row[0] + 1.0)]

    assert expensive_in_loops(check(Graph((x, s), tuple(recurrence([x], [], [s], step)), "f"))) == 2


@pytest.mark.parametrize(("extent", "left"), [(4, 0), (16, 1)])
def test_loops_over_more_elements_have_vectors_of_their_own(extent: int, left: int) -> None:
    x, s = variable(T, extent), variable(extent)

    def step(i: Any, consts: Any, c: Any, row: Any) -> list[Any]:
        return [c[0] * apply("exp", row[0])]

    assert expensive_in_loops(check(Graph((x, s), tuple(recurrence([x], [], [s], step)), "f"))) == left


@pytest.mark.parametrize("shift", [-1, 4])
def test_places_out_of_the_array_are_read_in_the_loop(shift: int) -> None:
    """A negative index counts from the end; one beyond the end is an error when it is read."""
    x, s = variable(T + 3), variable()

    def step(i: Any, consts: Any, c: Any, row: Any) -> list[Any]:
        place = apply("add", i, integer(shift))
        return [c[0] * apply("exp", apply("gather", consts[0], place, axes=(0,), position=0))]

    graph = simplify(Graph((x, s), tuple(recurrence([], [x], [s], step)), "f"))
    assert expensive_in_loops(simplify(hoist(graph))) == 1


def recurrent(wx: Any, wh: Any, b: Any, x: Any) -> Any:
    h = np.zeros(wh.shape[0])
    for t in range(x.shape[0]):
        h = np.tanh(x[t] @ wx + h @ wh + b)
    return np.sum(h * h)


def test_gradient_of_a_recurrent_network() -> None:
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=shape) / 8 for shape in ((20, 32), (32, 32), (32,), (60, 20))]
    gradients = sg.grad(recurrent, argnums=(0, 1, 2, 3))(*arrays)
    directions = [generator.normal(size=array.shape) for array in arrays]
    slope = sum(np.vdot(g, d) for g, d in zip(gradients, directions, strict=True))
    h = 1e-6
    ends = [recurrent(*(a + s * h * d for a, d in zip(arrays, directions, strict=True))) for s in (1, -1)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), rtol=1e-7)
    assert sg.ir(sg.grad(recurrent, argnums=(0, 1, 2, 3)), *arrays).count("kj->tj") == 1
