"""The search for the order of the axes: it ends, and what it settles for computes the same."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.settings import override
from srcgrad.core.target import Target
from srcgrad.dispatch.arguments import Arguments
from srcgrad.pipeline import finish, schedule
from srcgrad.schedule import fuse
from srcgrad.schedule.text import program_text


def deep(layers: int) -> tuple[Any, Any]:
    """A network of many layers, whose axes are all different, and its parameters."""
    rng = np.random.default_rng(0)
    widths = rng.integers(9, 14, layers + 1)
    weights = [rng.standard_normal((n, m)) / 3 for n, m in itertools.pairwise(widths)]

    def loss(weights: Any, x: Any) -> Any:
        for w in weights:
            x = np.tanh(x @ w)
        return np.sum(x * x)

    return sg.grad(loss), (weights, rng.standard_normal((15, widths[0])))


def test_a_search_that_looks_at_little_gives_the_same_values() -> None:
    gradient, arguments = deep(4)
    expected = gradient(*arguments)
    with override(search_effort=3, cache_dir=""):
        found = deep(4)[0](*arguments)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-13, atol=1e-15)


def test_the_search_of_a_deep_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    arrange = fuse._Search.arrange

    def counted(*args: Any) -> Any:
        calls.append(args)
        return arrange(*args)

    gradient, arguments = deep(20)
    with override(cache_dir=""):
        graph = gradient.record(Arguments(gradient.parameters, arguments, {})).graph
        monkeypatch.setattr(fuse._Search, "arrange", counted)
        with override(search_effort=500):
            program, _ = schedule(finish(graph), Target())
    assert 500 <= len(calls) < 2000
    assert "was cut short" in program_text(program)


def test_a_search_has_an_effort_of_its_own() -> None:
    """What other programs were looked at before does not count."""
    gradient, arguments = deep(2)
    graph = finish(gradient.record(Arguments(gradient.parameters, arguments, {})).graph)
    texts = [program_text(schedule(graph, Target()).program) for _ in range(2)]
    assert texts[0] == texts[1]
    assert "was cut short" not in texts[0]
