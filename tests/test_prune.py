"""Prune: graphs as text before and after. What no result depends on goes, through loops and branches of any depth."""

from __future__ import annotations

import cProfile
import pstats
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcgrad.core.settings import override
from srcgrad.core.types import ArrayType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind
from srcgrad.graph.structure import COND, WHILE, constant, items, loop, new_input
from srcgrad.graph.verify import verify
from srcgrad.transform.prune import prune
from srcgrad.transform.simplify import simplify
from tests.interpreted import gradient

NUMBER, FLAG = ArrayType((), np.dtype(np.float64)), ArrayType((), np.dtype(bool))
COUNT = ArrayType((), np.dtype(np.int64))
X, S, P = new_input(NUMBER, "x"), new_input(NUMBER, "s"), new_input(FLAG, "p")


def graph_of(function: Callable[..., tuple[Any, ...]], name: str, types: str) -> Graph:
    """The graph of a function of nodes: numbers, or the trip count or flag that a letter says."""
    kinds = {"i": COUNT, "p": FLAG}
    inputs = [new_input(kinds.get(letter, NUMBER), letter) for letter in types]
    return Graph(tuple(inputs), tuple(function(*inputs)), name)


def branch(predicate: Node, operands: list[Node], then: Any, orelse: Any) -> list[Node]:
    letters = "abcdef"[: len(operands)]
    graphs = {"then": graph_of(then, "then", letters), "orelse": graph_of(orelse, "orelse", letters)}
    return items(bind(COND, (predicate, *operands), graphs))


def repeat(
    carries: list[Node], body: Any, xs: list[Node] | None = None, consts: list[Node] | None = None
) -> list[Node]:
    letters = "i" + "uvw"[: len(consts or [])] + "abcdef"[: len(carries)] + "xyz"[: len(xs or [])]
    return loop(constant(np.int64(4)), consts or [], carries, xs or [], body=graph_of(body, "body", letters), length=4)


def while_(carries: list[Node], test: Any, body: Any) -> list[Node]:
    letters = "abcdef"[: len(carries)]
    graphs = {"cond": graph_of(lambda *c: (test(*c),), "test", letters), "body": graph_of(body, "body", letters)}
    return items(bind(WHILE, tuple(carries), {**graphs, "n_cond_consts": 0, "n_body_consts": 0}))


def branch_in_a_loop() -> list[Node]:
    return repeat([X, S], lambda i, a, b: branch(a > 0.0, [a, b], lambda a, b: (a + 1.0, b * b), lambda a, b: (a, b)))[
        :1
    ]


def loop_in_a_branch() -> list[Node]:
    def inner(a: Node, b: Node) -> list[Node]:
        return repeat([a, b], lambda i, a, b: (a + 1.0, b * a))

    return branch(P, [X, S], inner, lambda a, b: (a, b))[:1]


def loop_in_a_loop() -> list[Node]:
    def body(i: Node, a: Node, b: Node) -> list[Node]:
        return repeat([a, b], lambda i, a, b: (a * 0.5, b * a))

    return repeat([X, S], body)[:1]


def branch_in_a_while() -> list[Node]:
    def body(a: Node, b: Node) -> list[Node]:
        return branch(a > 1.0, [a, b], lambda a, b: (a + 1.0, b * b), lambda a, b: (a + 2.0, b))

    return while_([X, S], lambda a, b: a < 9.0, body)[:1]


def slices_of_a_branch_in_a_loop() -> list[Node]:
    def body(i: Node, a: Node) -> list[Node]:
        y, z = branch(a > 0.0, [a], lambda a: (a * 2.0, a * 3.0), lambda a: (a, a))
        return [a + 1.0, y, z]

    return repeat([X], body)[2:]


def a_carry_that_another_needs_later() -> list[Node]:
    def body(i: Node, a: Node, b: Node, c: Node, d: Node) -> list[Node]:
        b, c = branch(a > 0.0, [b, c], lambda b, c: (c, b + 0.0), lambda b, c: (b, c))
        return [a + b, b, c, d * a]

    return repeat([X, S, X, S], body)[:1]


def a_carry_that_stays_and_is_dead() -> list[Node]:
    def then(a: Node, b: Node) -> list[Node]:
        return repeat([a, b], lambda i, a, b: (a + 1.0, b))

    return branch(P, [X, S], then, lambda a, b: (a, b))[:1]


GRAPHS = [
    branch_in_a_loop,
    loop_in_a_branch,
    loop_in_a_loop,
    branch_in_a_while,
    slices_of_a_branch_in_a_loop,
    a_carry_that_another_needs_later,
    a_carry_that_stays_and_is_dead,
]


def before_and_after(make: Callable[[], list[Node]]) -> tuple[Graph, Graph]:
    graph = Graph((X, S, P), tuple(make()), make.__name__)
    return graph, prune(graph)


def text_of(graph: Graph) -> str:
    return re.sub(r"  # .*", "", str(graph))


def test_text() -> None:
    found = [f"{text_of(graph)}\n->\n{text_of(small)}\n" for graph, small in map(before_and_after, GRAPHS)]
    assert "\n".join(found) == (Path(__file__).parent / "golden" / "prune.txt").read_text()


@pytest.mark.parametrize("make", GRAPHS)
def test_values_stay(make: Callable[[], list[Node]]) -> None:
    graph, small = before_and_after(make)
    verify(small)
    assert prune(small) is small
    for arguments in ([0.3, 0.7, True], [-2.5, 1.7, False]):
        for a, b in zip(interpret(graph, arguments), interpret(small, arguments), strict=True):
            np.testing.assert_array_equal(a, b)


def dead_scalar(x: Any, s: Any) -> Any:
    for _ in x:
        for _ in x:
            x = x - x
            if x[2]:
                break
            s *= sum([s for _ in x])
    return x.sum()


def dead_in_a_while(x: Any, s: Any) -> Any:
    k = 0
    while x[0] < 40.0 and k < 60:
        k += 1
        if x[1] < 10.0:
            s, x = s * s * 10.0, x * 1.5
        else:
            s = s * 30.0
            x = x + 1.0
    return x.sum()


def dead_slices(x: Any, s: Any) -> Any:
    found = []
    for h in x:
        for _ in range(9):
            s = s * s * 30.0
        found.append(s)
        x = x * 0.5 if x[0] > h else x + 1.0
    return x.sum()


def dead_branch_of_loops(x: Any, s: Any) -> Any:
    if x[0] < 0:
        for _ in range(12):
            s = s * s * 30.0
            x = x + 1.0
    return x.sum()


@pytest.mark.parametrize("function", [dead_scalar, dead_in_a_while, dead_slices, dead_branch_of_loops])
def test_what_no_result_depends_on_has_no_derivative(function: Callable[..., Any]) -> None:
    """It overflows here: a derivative of 0 would be taken times infinity."""
    x = np.array([-1.2, 0.7, 1.1, 0.3])
    with override(unroll_loops=0), np.errstate(all="ignore"):
        by_x, by_s = gradient(function, x, 0.8, argnums=(0, 1))
    assert by_s == 0
    assert np.isfinite(by_x).all()


def shift(count: int) -> Graph:
    """Each carry becomes the next one: the first depends on the last only after as many iterations."""
    carries = [new_input(NUMBER, f"c{k}") for k in range(count)]
    inside = [new_input(NUMBER, f"a{k}") for k in range(count)]
    body = Graph((new_input(COUNT, "i"), *inside), (*inside[1:], inside[0] * 1.0), "body")
    results = loop(constant(np.int64(4)), [], carries, [], body=body, length=4)
    return Graph(tuple(carries), (results[0],))


def nest(depth: int) -> Graph:
    """Loops in loops, with a dead carry each."""

    def body(level: int) -> Callable[..., tuple[Any, ...]]:
        if level == 0:
            return lambda i, a, b: (a * 0.5, b * a)
        return lambda i, a, b: tuple(repeat([a, b], body(level - 1)))

    return Graph((X, S), (repeat([X, S], body(depth))[0],))


def branches_in_branches(depth: int) -> Graph:
    """Branches in branches, with a dead result each."""

    def inside(level: int, a: Node, b: Node) -> tuple[Any, ...]:
        if level == 0:
            return a * 0.5, b * a
        return tuple(branch(a > level, [a, b], lambda a, b: inside(level - 1, a + 1.0, b), lambda a, b: (a * b, b)))

    return Graph((X, S), (inside(depth, X, S)[0],))


@pytest.mark.parametrize(("make", "size"), [(nest, 10), (branches_in_branches, 10)])
def test_twice_the_depth_is_twice_the_work_of_all_levels(make: Callable[[int], Graph], size: int) -> None:
    """`simplify` prunes at each level."""
    simplify(make(2))  # the first call looks up the rules of each operation
    calls = []
    for depth in (size, 2 * size):
        graph, profile = make(depth), cProfile.Profile()
        profile.runcall(simplify, graph)
        calls.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    assert calls[1] < 2.2 * calls[0]


@pytest.mark.parametrize(("make", "size"), [(shift, 100), (nest, 10), (branches_in_branches, 10)])
def test_twice_the_program_is_twice_the_work(make: Callable[[int], Graph], size: int) -> None:
    calls = []
    for count in (size, 2 * size):
        graph, profile = make(count), cProfile.Profile()
        profile.runcall(prune, graph)
        calls.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    assert calls[1] < 2.2 * calls[0]
