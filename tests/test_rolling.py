"""Repetitions that become loops: the values and gradients of the unrolled program, and the loops that are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import srcgrad as sg
from tests.interpreted import interpreter
from tests.rolling import RNG, STEPS, check, loops, recorded

# what is found


def test_a_sum_over_a_list_of_numbers() -> None:
    xs = RNG.normal(size=50).tolist()

    def f(p: Any) -> Any:
        return sum([np.sin(p * x) for x in xs])

    graph = check(f, 1.3)
    assert loops(graph) == [50]
    assert len([node for node in graph.nodes() if node.inputs]) < 12


def test_a_sum_over_a_list_of_arguments() -> None:
    def f(p: Any, xs: Any) -> Any:
        return sum([np.sin(p * x) for x in xs])

    assert loops(check(f, 1.3, RNG.normal(size=40).tolist())) == [40]
    assert loops(check(f, 1.3, list(RNG.normal(size=(40, 3))))) == [40]


def test_sums_keep_their_order() -> None:
    xs = [1e16, 1.0, -1e16, 1.0] * 25

    def f(p: Any) -> Any:
        total = p
        for x in xs:
            total = total + p * x
        return total

    assert loops(recorded(f, 1.0)) == [100]
    with interpreter():
        assert sg.jit(f)(1.0) == f(1.0)


def test_layers() -> None:
    layers = [(RNG.normal(size=(3, 3)), RNG.normal(size=3)) for _ in range(40)]

    def f(layers: Any, h: Any) -> Any:
        for w, b in layers:
            h = np.tanh(w @ h + b)
        return h

    assert loops(check(f, layers, RNG.normal(size=3))) == [40]


def test_a_chain_of_operations_with_constants() -> None:
    constants = [(float(a), float(b)) for a, b in RNG.normal(size=(60, 2))]

    def f(x: Any) -> Any:
        for a, b in constants:
            x = np.sin(x) * a + b
        return x

    graph = check(f, RNG.normal(size=4))
    assert loops(graph) == [59]  # the first step is that of the argument itself, before any state


def test_a_chain_of_equal_operations() -> None:
    def f(x: Any) -> Any:
        for _ in [None] * 50:
            x = np.sin(x) * 1.1 + 0.2
        return x

    assert loops(check(f, RNG.normal(size=4))) == [50]
    assert loops(check(f, 0.3))[0] >= 48  # the first time it is a Python number


def test_results_that_are_a_list() -> None:
    def f(xs: Any, p: Any) -> Any:
        return [np.sin(x * p) * x for x in xs]

    assert loops(check(f, list(RNG.normal(size=(40, 3))), RNG.normal(size=3))) == [40]


def test_results_that_are_stacked() -> None:
    def f(xs: Any) -> Any:
        return np.stack([np.exp(x) * np.sin(x) / (1 + x * x) for x in xs])

    assert loops(check(f, list(RNG.normal(size=(40, 3))))) == [40]


def test_parts_of_one_array_are_read_in_place() -> None:
    def f(x: Any) -> Any:
        h = x[0]
        for row in list(x):
            h = np.sin(h * 0.5 + row) * np.cos(row)
        return h

    graph = check(f, RNG.normal(size=(40, 3)))
    assert loops(graph)
    assert all(node.op.name != "concatenate" for node in graph.nodes())


def test_values_on_the_way_that_are_read_later() -> None:
    def f(x: Any) -> Any:
        seen = []
        for k in STEPS:
            x = np.sin(x * 1.5) + k
            seen.append(x)
        return seen[7] * seen[20], seen[39], seen[38] + 1

    assert loops(check(f, RNG.normal(size=3))) == [40]


def test_two_states() -> None:
    steps = [0.01 * (k + 1) for k in range(40)]

    def f(q: Any, v: Any) -> Any:
        for h in steps:
            v = v - h * np.sin(q)
            q = q + h * v
        return q, v

    assert max(loops(check(f, RNG.normal(size=3), RNG.normal(size=3)))) >= 37


def test_a_state_beside_the_longest_path() -> None:
    def f(x: Any, m: Any) -> Any:
        for k in STEPS:
            x, m = np.sin(np.cos(x) * 1.1) + m, m * 0.9 + k
        return x

    assert max(loops(check(f, RNG.normal(size=3), RNG.normal(size=3)))) >= 37


def test_a_recurrence_over_two_steps() -> None:
    def f(x: Any, before: Any) -> Any:
        for k in [0.01 * n for n in range(40)]:
            x, before = 2 * x - before - k * np.sin(x), x
        return x, before

    assert max(loops(check(f, RNG.normal(size=3), RNG.normal(size=3)))) >= 37


# near-repetitions


@pytest.mark.parametrize("odd", [0, 1, 25, 48, 49])
def test_one_element_that_differs(odd: int) -> None:
    def f(p: Any) -> Any:
        return sum([np.cos(p * k) if k == odd else np.sin(p * k) for k in [*range(50)]])

    found = loops(check(f, 1.3))
    assert sum(found) >= 47


def test_elements_that_take_turns() -> None:
    def f(x: Any) -> Any:
        for k in [*range(60)]:
            x = (np.sin(x) if k % 3 else np.cos(x)) * 1.1 + 0.1 * k
        return x

    assert loops(check(f, RNG.normal(size=3))) == [20]


def test_terms_that_take_turns() -> None:
    def f(p: Any) -> Any:
        return sum([np.sin(p * k) if k % 2 else np.cos(p * k) for k in [*range(80)]])

    assert max(loops(check(f, 1.3))) >= 39


def test_halves_that_differ() -> None:
    def f(p: Any) -> Any:
        return sum([np.sin(p * k) if k < 40 else np.cos(p * k) for k in [*range(80)]])

    assert sum(loops(check(f, 1.3))) >= 78


def test_shapes_that_differ() -> None:
    layers = [(RNG.normal(size=(n + 2, n + 2)), RNG.normal(size=n + 2)) for n in range(20)]

    def f(layers: Any) -> Any:
        return sum([np.sum(np.tanh(w @ b + b)) for w, b in layers])

    check(f, layers)


def test_elements_that_come_again() -> None:
    xs = [float(k % 5) for k in range(100)]

    def f(p: Any) -> Any:
        return sum([np.sin(p * x) for x in xs])

    graph = check(f, 1.3)
    assert max(loops(graph)) >= 98
    assert sum(node.op.name == "sin" for node in graph.nodes()) <= 5


def test_interleaved_chains() -> None:
    def f(x: Any, y: Any) -> Any:
        for k in STEPS:
            x = np.sin(x) + k
            y = np.cos(y) * k
        return x + y

    assert sum(loops(check(f, RNG.normal(size=3), RNG.normal(size=3)))) >= 76


def test_chains_that_wait_for_each_other_now_and_then() -> None:
    def f(x: Any, y: Any) -> Any:
        for k in [*range(40)]:
            x = np.sin(x) + (y if k == 30 else 0.1)
            y = np.cos(y) * (np.sum(x) if k == 10 else 0.3)
        return x, y

    check(f, RNG.normal(size=3), RNG.normal(size=3))


def test_a_chain_that_reads_its_own_past() -> None:
    def f(x: Any) -> Any:
        seen = [x]
        for k in [*range(60)]:
            seen.append(np.sin(seen[-1]) * 0.5 + seen[k // 2] * 0.1)
        return seen[-1]

    check(f, RNG.normal(size=3))


# nested


def test_blocks_of_layers() -> None:
    blocks = RNG.normal(size=(20, 4))

    def f(x: Any) -> Any:
        for a, b, c, d in blocks.tolist():
            start = x
            for k in (a, b, c, d):
                x = np.tanh(x * k + 0.3)
            x = x * 0.5 + start
        return x

    assert loops(check(f, RNG.normal(size=3)))[0] in (19, 20)


def test_loops_in_loops() -> None:
    table = RNG.normal(size=(20, 20)).tolist()

    def f(x: Any) -> Any:
        for row in table:
            start = x
            for a in row:
                x = np.sin(x * a + 0.3)
            x = x * 0.5 + start
        return x

    found = loops(check(f, RNG.normal(size=3)))
    assert len(found) <= 6
    assert sum(found) < 100


def test_native_loops_that_repeat() -> None:
    def f(x: Any, ks: Any) -> Any:
        for k in ks:
            for i in range(30):
                x = np.sin(x + k) * 0.9 + 0.01 * i
        return x

    assert loops(check(f, RNG.normal(size=3), RNG.normal(size=20).tolist())) == [20, 30]
    assert loops(check(lambda x: f(x, STEPS), RNG.normal(size=3))) == [40, 30]


def test_in_the_body_of_a_loop_and_in_branches() -> None:
    constants = RNG.normal(size=40).tolist()

    def f(x: Any) -> Any:
        for _ in range(3):
            if np.sum(x) > 0:
                for k in constants:
                    x = np.sin(x) * k + 0.1
            else:
                for k in constants:
                    x = np.cos(x) * k - 0.1
        return x

    assert loops(check(f, RNG.normal(size=3)))


def test_helpers_called_again_and_again() -> None:
    def rotated(x: Any, angle: Any) -> Any:
        c, s = np.cos(angle), np.sin(angle)
        return np.stack([c * x[0] - s * x[1], s * x[0] + c * x[1]])

    def f(x: Any, angles: Any) -> Any:
        for angle in angles:
            x = rotated(x, angle)
        return x

    assert max(loops(check(f, RNG.normal(size=2), RNG.normal(size=40).tolist()))) >= 38


def test_regions_with_several_results() -> None:
    def f(x: Any, y: Any) -> Any:
        for k in STEPS:
            if np.sum(x) > k:
                x, y = np.sin(x) + k, np.cos(y)
            else:
                x, y = x * 0.5 + y, y + k
        return x, y

    assert max(loops(check(f, RNG.normal(size=3), RNG.normal(size=3)))) >= 37


# random


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_repetitions(data: st.DataObject) -> None:
    """Programs of pieces that are repeated, nested, interrupted, over three states and lists of operands."""
    count = data.draw(st.integers(10, 45), "count")
    rng = np.random.default_rng(data.draw(st.integers(0, 1000), "seed"))
    numbers = rng.normal(size=count).tolist()
    states = st.integers(0, 2)
    step = st.tuples(st.integers(0, 6), states, states, states)
    body = data.draw(st.lists(step, min_size=1, max_size=5), "body")
    odd = data.draw(st.dictionaries(st.integers(0, count - 1), step, max_size=3), "odd")
    turns = data.draw(st.integers(1, 3), "turns")
    wanted = data.draw(st.lists(st.integers(0, count - 1), max_size=3), "wanted")

    def f(x: Any, y: Any, z: Any, rows: Any) -> Any:
        state, seen = [x, y, z], []
        for k, number in enumerate(numbers):
            for position, one in enumerate([*body, *([odd[k]] if k in odd else [])]):
                if turns == 1 or (k + position) % turns:
                    _apply(one, state, number, rows[k])
            seen.append(state[0])
        return state, [seen[k] * 0.5 for k in wanted]

    check(f, *rng.normal(size=(3, 2)), list(rng.normal(size=(count, 2))))


def _apply(step: tuple[int, int, int, int], state: list[Any], number: float, row: Any) -> None:
    what, to, a, b = step
    x, y = state[a], state[b]
    made: Callable[[], Any] = [
        lambda: np.sin(x) * number + y,
        lambda: np.cos(x + row) * y,
        lambda: np.tanh(x) - 0.1 * y,
        lambda: y,
        lambda: x * number,
        lambda: np.sum(x) * np.tanh(y),
        lambda: np.tanh(x[::-1] + y),
    ][what]
    state[to] = made()
