"""Around loops that were found: periods, packed arguments, other transforms, errors, limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import srcgrad as sg
from srcgrad.backends.packing import with_packing
from srcgrad.core.settings import override
from srcgrad.graph.interpret import interpret
from srcgrad.graph.structure import LOOP
from srcgrad.pipeline import finish
from srcgrad.transform.pack import pack
from srcgrad.transform.periods import Repetition, longest_repetition
from tests.interpreted import interpreter
from tests.rolling import RNG, STEPS, leaves, loops, recorded

# periods


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ([1] * 20, Repetition(0, 1, 20)),
        ([7, 8, *[1, 2, 3] * 6, 1, 9], Repetition(2, 3, 6)),
        ([*[1] * 5, *[1, 2, 2] * 8], Repetition(5, 3, 8)),
        ([1, 2, 3, 4], None),
        ([], None),
    ],
)
def test_periods(symbols: list[int], expected: Repetition | None) -> None:
    assert longest_repetition(symbols, 5) == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 2), min_size=1, max_size=5), st.integers(5, 9))
def test_periods_are_repetitions(before: list[int], piece: list[int], count: int) -> None:
    symbols = before + piece * count
    found = longest_repetition(symbols, 5)
    if len(symbols) >= 8:
        assert found is not None
        inside = symbols[found.start : found.start + found.covered]
        assert inside == inside[: found.period] * found.count
        assert found.covered >= len(piece) * count - found.period


# compiled


@pytest.mark.parametrize("kind", [float, np.float32])
def test_lists_of_arguments_compiled(kind: Any) -> None:
    """Stacks of arguments are put together outside of the program, and their gradients taken apart."""
    layers = [(RNG.normal(size=(3, 3)).astype(kind), RNG.normal(size=3).astype(kind)) for _ in range(40)]
    scales = RNG.normal(size=40).astype(kind).tolist()

    def f(layers: Any, scales: Any, h: Any) -> Any:
        for (w, b), s in zip(layers, scales, strict=True):
            h = np.tanh(w @ h + b) * s
        return h.sum()

    g = sg.value_and_grad(f, (0, 1, 2))
    args = (layers, scales, RNG.normal(size=3).astype(kind))
    value, gradients = g(*args)
    assert g.last is not None
    assert len(g.last.executable.module.inputs) < 10
    with interpreter(), override(roll_repetitions=0):
        expected_value, expected = sg.value_and_grad(f, (0, 1, 2))(*args)
    close = 1e-9 if kind is float else 2e-4
    np.testing.assert_allclose(value, expected_value, rtol=close, atol=close)
    for a, b in zip(leaves(gradients), leaves(expected), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=close, atol=close)
    layers[5] = (np.asfortranarray(layers[5][0]), layers[5][1][::1])  # converted, as without packing
    np.testing.assert_allclose(g(*args)[0], expected_value, rtol=close, atol=close)
    gradients[0][3][0][0, 0] = 7
    assert g(*args)[1][0][3][0][0, 0] != 7


# what surrounds a loop


def test_other_transforms() -> None:
    def f(x: Any) -> Any:
        for k in STEPS:
            x = np.sin(x * 1.1 + k) + 0.5 * x
        return x

    def total(x: Any) -> Any:
        return np.sum(f(x) ** 2)

    x = RNG.normal(size=2)

    def results() -> list[Any]:
        product = sg.jit(lambda x: sg.hvp(total, (x,), (x,)))
        return [sg.jacrev(f)(x), sg.hessian(total)(x), product(x), sg.jit(lambda x: sg.vjp(f, x)[1](x))(x)]

    with interpreter():
        found = results()
        with override(roll_repetitions=0):
            expected = results()
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_exceptions_come_with_their_values() -> None:
    def f(x: Any) -> Any:
        for k in STEPS:
            x = np.sin(x) + k
            if np.sum(x) > 100:
                raise ValueError("too large")
        return x

    with interpreter():
        np.testing.assert_allclose(sg.jit(f)(np.ones(2)), f(np.ones(2)))
        with pytest.raises(ValueError, match="too large"):
            sg.jit(f)(np.full(200, 0.5))


def test_large_stacks_are_not_made() -> None:
    def f(xs: Any) -> Any:
        h = xs[0]
        for x in xs:
            h = np.sin(h * x) + np.cos(x)
        return h

    xs = list(RNG.normal(size=(40, 4)))
    assert loops(recorded(f, xs))
    with override(roll_bytes=1000):
        assert not loops(recorded(f, xs))


def test_the_loop_has_the_line_of_the_first_iteration() -> None:
    def f(x: Any) -> Any:
        for k in STEPS:
            x = np.sin(x) + k
        return x

    (node,) = [node for node in recorded(f, np.ones(2)).nodes() if node.op is LOOP]
    assert node.location is not None
    assert node.location.line == f.__code__.co_firstlineno + 2
    computed = [part for part in node.params["body"].nodes() if part.op.name in ("sin", "add")]
    assert {part.location for part in computed} == {node.location}


def test_packed_inputs_and_results() -> None:
    """The packed program, between what packs and unpacks, is the program."""

    def f(xs: Any, scale: Any, numbers: Any) -> Any:
        made = [np.sin(x * scale) * n + x for x, n in zip(xs, numbers, strict=True)]
        return made, made[3] * scale

    args = (list(RNG.normal(size=(40, 3))), 1.5, RNG.normal(size=40).tolist())
    with interpreter():
        graph = finish(sg.jit(f).specialise(*args).recorded.graph)
    packed, packing = pack(graph)
    assert packing is not None
    assert len(packed.inputs) == 3
    assert len(packed.outputs) == 2
    kinds = [(node.shape, node.dtype) for node in graph.inputs]
    run = with_packing(lambda *arrays: interpret(packed, arrays), packing, kinds)
    given = [*args[0], args[1], *args[2]]
    for found, expected in zip(run(*given), interpret(graph, given), strict=True):
        np.testing.assert_array_equal(found, expected)
    for other in (np.ones(4), np.ones(3, np.float32), [1.0, 2.0, 3.0]):
        assert run(*given[:7], other, *given[8:]) is NotImplemented
