"""The adjoint against finite differences: whole functions, loops, branches, random programs; and what loops save."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import srcgrad as sg
import srcgrad.numpy as snp
from srcgrad.core import tree
from srcgrad.core.types import type_of
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import LOOP
from srcgrad.graph.trace import trace
from srcgrad.graph.verify import verify
from srcgrad.pipeline import finish
from srcgrad.transform.adjoint import adjoint
from srcgrad.transform.rewrite import dependents, filled
from srcgrad.transform.simplify import simplify
from tests.derivatives import check_derivatives, gradient_graph
from tests.programs import PROGRAMS, Maker, Program
from tests.random_programs import INPUTS, programs


def graph_of(function: Callable[..., Any], *args: Any) -> Graph:
    leaves, structure = tree.flatten((args, {}))
    traced = trace(function, structure, [type_of(leaf) for leaf in leaves], handle=snp.Array)
    verify(traced.graph)
    return Graph(traced.graph.inputs, traced.graph.outputs[: traced.n_results], traced.graph.name)


def gradient_of(function: Callable[..., Any], *args: Any) -> Graph:
    """The finished graph of the gradient with respect to all arguments."""
    graph = graph_of(function, *args)
    _, cotangents = adjoint(simplify(graph), range(len(args)), [filled(graph.outputs[0].array_type, 1)])
    gradient = finish(Graph(graph.inputs, tuple(c for c in cotangents if c is not None), graph.name))
    verify(gradient)
    return gradient


def loops_in(graph: Graph) -> list[Node]:
    """The loops, outer ones first, with those in bodies."""
    found = []
    for node in graph.nodes():
        found += [node] if node.op is LOOP else []
        for value in node.params.values():
            found += loops_in(value) if isinstance(value, Graph) else []
    return found


def saved_per_iteration(loop: Node) -> int:
    """How many numbers the loop puts out in each iteration."""
    body, n_carries = loop.params["body"], loop.params["n_carries"]
    return sum(output.size for output in body.outputs[n_carries:])


rng = np.random.default_rng(0)
W, X, V = rng.normal(size=(3, 3)) * 0.4, rng.normal(size=(4, 3)), rng.normal(size=3)


def small_network(w: Any, x: Any, v: Any) -> Any:
    return (np.maximum(np.tanh(x @ w) @ v, 0.1) ** 2).mean()


def shared_values(w: Any, x: Any, v: Any) -> Any:
    h = np.exp(-(v**2))
    return (h * h.sum() / (1 + h)).sum() + (h @ w @ h)


def recurrent(w: Any, x: Any, v: Any) -> Any:
    carry, rows = sg.scan(lambda c, row: (np.tanh(w @ c + row), c.sum() * c), v, x)
    return carry.sum() + (rows**2).sum()


def power_iteration(w: Any, x: Any, v: Any) -> Any:
    def body(i: Any, u: Any) -> Any:
        u = w @ u + v
        return u / np.sqrt((u * u).sum())

    u = sg.fori_loop(0, 4, body, v)
    return u @ w @ u


def writes_in_place(w: Any, x: Any, v: Any) -> Any:
    a = snp.zeros((4, 3))
    a[:] = x
    a[1:] += a[:-1] * v
    a[::2, 1] = np.sin(a[1, 1])
    a[0] *= a[2]
    return (a @ w).sum() + (a**3).sum()


def nested_loops(w: Any, x: Any, v: Any) -> Any:
    def outer(i: Any, c: Any) -> Any:
        def inner(j: Any, d: Any) -> Any:
            d[j] = np.sin(d[j] + c[i]) * w[i, j]
            return d

        return sg.fori_loop(0, 3, inner, c * 1.0)

    return sg.fori_loop(0, 3, outer, v).sum()


def branches_in_a_loop(w: Any, x: Any, v: Any) -> Any:
    def body(i: Any, c: Any) -> Any:
        return sg.cond(c.sum() > 0.2, lambda u: np.sin(w @ u), lambda u: u * u + v, c)

    return sg.fori_loop(0, 4, body, v).sum()


def a_loop_in_a_branch(w: Any, x: Any, v: Any) -> Any:
    looped = lambda u: sg.fori_loop(0, 3, lambda i, c: np.tanh(w @ c), u)  # noqa: E731
    return sg.cond(v[0] < 100.0, looped, lambda u: u, v).sum() + sg.cond(v[0] > 100.0, looped, np.sin, v).sum()


def several_carries(w: Any, x: Any, v: Any) -> Any:
    def body(i: Any, carry: Any) -> Any:
        position, velocity, count = carry
        velocity = velocity - 0.1 * np.sin(position) * w[0]
        return position + 0.1 * velocity, velocity, count + 1

    position, velocity, count = sg.fori_loop(0, 5, body, (v, v * 0.0, 0))
    return (position * velocity).sum() * count


FUNCTIONS = [
    small_network,
    shared_values,
    recurrent,
    power_iteration,
    writes_in_place,
    nested_loops,
    branches_in_a_loop,
    a_loop_in_a_branch,
    several_carries,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives_to_second_order(function: Callable[..., Any]) -> None:
    graph = graph_of(function, W, X, V)
    check_derivatives(graph, [W, X, V])
    check_derivatives(finish(graph), [W, X, V])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_simplifying_changes_no_value(function: Callable[..., Any]) -> None:
    graph = graph_of(function, W, X, V)
    simple = finish(graph)
    verify(simple)
    np.testing.assert_allclose(interpret(simple, [W, X, V]), interpret(graph, [W, X, V]), rtol=1e-13)


def operations(graph: Graph) -> int:
    """Nodes that compute something: constants, also repeated ones, are written into what reads them."""
    return sum(node.op.name not in ("constant", "broadcast_to") for node in graph.nodes())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.function.__name__)
def test_whole_programs_simplified(program: Program) -> None:
    leaves = tree.leaves(program.make(Maker("f8")))
    graph = graph_of(program.function, *program.make(Maker("f8")))
    np.testing.assert_equal([x.shape for x in graph.outputs], [x.shape for x in finish(graph).outputs])
    gradient, positions = gradient_graph(graph)
    seeds = [np.ones(output.shape) for output in graph.outputs if output.dtype.kind == "f"]
    simple = finish(gradient)
    verify(simple)
    assert operations(simple) <= operations(gradient)
    for found, expected in zip(interpret(simple, [*leaves, *seeds]), interpret(gradient, [*leaves, *seeds])):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    if program.smooth:
        assert positions
        check_derivatives(finish(graph), leaves)


@settings(max_examples=60, deadline=None)
@given(programs())
def test_random_programs(program: Callable[..., Any]) -> None:
    graph = graph_of(program, *INPUTS)
    simple = finish(graph)
    verify(simple)
    np.testing.assert_allclose(interpret(simple, INPUTS), interpret(graph, INPUTS), rtol=1e-12)
    np.testing.assert_allclose(interpret(graph, INPUTS)[0], program(*[x.copy() for x in INPUTS]), rtol=1e-12)
    check_derivatives(graph, INPUTS)
    gradient, _ = gradient_graph(graph)
    seeds = [np.ones(output.shape) for output in graph.outputs]
    expected = interpret(gradient, [*INPUTS, *seeds])
    for found, value in zip(interpret(finish(gradient), [*INPUTS, *seeds]), expected):
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-12)


def linear(w: Any, x: Any, v: Any) -> Any:
    return (sg.fori_loop(0, 20, lambda i, c: 0.5 * c - 0.1 * v + x[0] * i, v) * 1.0).sum()


def test_a_linear_loop_saves_nothing() -> None:
    gradient = gradient_of(linear, W, X, V)
    assert [saved_per_iteration(loop) for loop in loops_in(gradient)] == [0]  # and the forward loop is not even run


def test_a_matrix_power_saves_nothing_for_its_carry() -> None:
    gradient = gradient_of(lambda w, v: (sg.fori_loop(0, 20, lambda i, c: w @ c, v) * 1.0).sum(), W, V)
    forward, backward = loops_in(gradient)
    assert saved_per_iteration(forward) == 3  # the vector that the gradient of the matrix reads
    assert saved_per_iteration(backward) == 0


def test_a_write_of_one_element_saves_and_touches_one_element() -> None:
    def chain(x: Any) -> Any:
        def body(i: Any, a: Any) -> Any:
            a[i + 1] = a[i] * a[i + 1]
            return a

        return sg.fori_loop(0, 999, body, x)[-1]

    forward, backward = loops_in(gradient_of(chain, np.linspace(0.9, 1.1, 1000)))
    assert saved_per_iteration(forward) == 2
    body = backward.params["body"]
    whole_arrays = [node for node in body.nodes() if node not in body.inputs and node.size == 1000]
    assert {node.op.name for node in whole_arrays} == {"scatter_add", "scatter_set"}
    assert saved_per_iteration(backward) == 0


def test_a_nonlinearity_saves_its_derivative_or_argument_once() -> None:
    def pendulum(q: Any) -> Any:
        def body(i: Any, carry: Any) -> Any:
            q, p = carry
            p = p - 0.1 * np.sin(q)
            return q + 0.1 * p, p

        return sg.fori_loop(0, 50, body, (q, q * 0.0))[0]

    forward, _ = loops_in(gradient_of(pendulum, np.array(0.5)))
    assert saved_per_iteration(forward) == 1  # cos(q)


def test_cheap_values_are_computed_again() -> None:
    def body(i: Any, c: Any) -> Any:
        a = c * 0.5 + 1.0
        b = a * a - c
        return c + 0.1 * a * b

    forward, _ = loops_in(gradient_of(lambda x: sg.fori_loop(0, 5, body, x).sum(), V))
    assert saved_per_iteration(forward) == 3  # c alone


def test_a_branch_in_a_loop_saves_what_it_reads_and_not_the_array() -> None:
    def chain(x: Any) -> Any:
        def body(i: Any, a: Any) -> Any:
            new = sg.cond(a[i] > 1.0, lambda: np.sin(a[i]) * a[i + 1], lambda: a[i + 1] * a[i + 1])
            a[i + 1] = new
            return a

        return sg.fori_loop(0, 99, body, x).sum()

    x = np.linspace(0.9, 1.1, 100)
    forward, backward = loops_in(gradient_of(chain, x))
    assert saved_per_iteration(forward) <= 5
    assert saved_per_iteration(backward) == 0
    check_derivatives(graph_of(chain, x), [x], order=1)


def test_inputs_and_constants_are_not_saved() -> None:
    def body(c: Any, x: Any) -> Any:
        return c + x * x * x, None

    (backward,) = loops_in(gradient_of(lambda xs: sg.scan(body, 0.0, xs)[0], V))  # nothing is left of the forward one
    assert saved_per_iteration(backward) == 1  # the gradient


def test_a_matrix_that_a_loop_reads_by_rows_gets_its_gradient_by_rows() -> None:
    def read_rows(m: Any, v: Any) -> Any:
        return sg.fori_loop(0, 4, lambda i, c: np.sin(c * m[i]), v).sum()

    *_, backward = loops_in(gradient_of(read_rows, X, V))
    body = backward.params["body"]
    assert not [node for node in body.nodes() if node not in body.inputs and node.shape == X.shape]
    assert X.shape[1:] in [output.shape for output in body.outputs], "the rows are put out, one in each iteration"


def test_independent_carries_have_no_cotangent() -> None:
    def body(i: Any, carry: Any) -> Any:
        a, b = carry
        return np.sin(a), np.cos(b) * 2.0

    gradient = gradient_of(lambda x: sg.fori_loop(0, 5, body, (x, x * 3.0))[0].sum(), V)
    forward, backward = loops_in(gradient)
    assert forward.params["n_carries"] == 1
    assert backward.params["n_carries"] == 1


def test_a_run_time_trip_count_is_fine_where_nothing_is_saved() -> None:
    doubled = lambda x, n: sg.fori_loop(0, n, lambda i, c: 2.0 * c, x)  # noqa: E731
    graph = graph_of(doubled, 3.0, 4)
    _, (cotangent,) = adjoint(graph, [0], [filled(graph.outputs[0].array_type, 1)])
    assert cotangent is not None
    assert interpret(finish(Graph(graph.inputs, (cotangent,))), [3.0, 4])[0] == 16.0


def test_second_order_through_the_residuals_of_a_loop() -> None:
    third = sg.grad(sg.grad(sg.grad(lambda x: sg.fori_loop(0, 3, lambda i, c: np.sin(c) * x, x))))
    graph = graph_of(third, 0.7)
    second = graph_of(sg.grad(sg.grad(lambda x: sg.fori_loop(0, 3, lambda i, c: np.sin(c) * x, x))), 0.7)
    slope = (interpret(second, [0.7 + 1e-5])[0] - interpret(second, [0.7 - 1e-5])[0]) / 2e-5
    np.testing.assert_allclose(interpret(finish(graph), [0.7])[0], slope, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: np.maximum(x, 0.0).sum(), np.array([0.0, -1.0, 2.0]), [1.0, 0.0, 1.0]),
        (lambda x: np.where(x > 0, np.log(x), 0.0).sum(), np.array([-1.0, 0.0, 2.0]), [0.0, 0.0, 0.5]),
        (lambda x: np.where(x > 0, np.sqrt(x) * np.log(x * 2.0), 0.0).sum(), np.array([-1.0, 0.0]), [0.0, 0.0]),
        (lambda x: np.sqrt(x).sum(), np.array([0.0, 4.0]), [np.inf, 0.25]),
        (lambda x: np.abs(x).max(), np.array([-3.0, 3.0, 1.0]), [-0.5, 0.5, 0.0]),
    ],
)
def test_kinks_and_infinities(function: Any, at: Any, expected: Any) -> None:
    found = interpret(gradient_of(function, at), [at])[0]
    np.testing.assert_array_equal(found, expected)


def test_adjoint_nodes_carry_the_line_of_the_primal() -> None:
    gradient = gradient_of(shared_values, W, X, V)
    own = dependents(gradient.nodes(), gradient.inputs) - set(gradient.inputs)  # constants are shared with other graphs
    assert {node.location.file for node in own if node.location} == {__file__}
