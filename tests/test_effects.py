"""Effects of a traced function outside of it: kept, or an error that names the line and the cure."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import TraceError
from tests.interpreted import interpreter

X = np.linspace(0.5, 2.0, 4)
HISTORY: list[Any] = []
STATE: dict[str, Any] = {"last": 0.0}
LAST: Any = None


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    with interpreter():
        yield


# traced values that would outlive their trace


class Model:
    def __init__(self):
        self.last = 1.0
        self.seen: list[Any] = []

    def sets(self, x):
        self.last = x * 2
        return x

    def adds(self, x):
        self.last += x
        return x

    def appends(self, x):
        self.seen.append(x)
        return x

    def passes(self, x):
        before, self.last = self.last, x * 2
        result = x * self.last
        self.last = before
        return result


def appends(x):
    HISTORY.append(x * 2)
    return x


def extends(x):
    HISTORY.extend([x * 2])
    return x


def sets_item(x):
    STATE["last"] = x * 2
    return x


def adds_item(x):
    STATE["new"] = [x * 2]
    return x


def sets_global(x):
    global LAST  # noqa: PLW0603
    LAST = x * 2
    return x


def sets_attribute(x):
    MODEL.last = x * 2
    return x


MODEL = Model()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (appends, "HISTORY"),
        (extends, "HISTORY"),
        (sets_item, "STATE"),
        (adds_item, "STATE"),
        (sets_global, "LAST"),
        (sets_attribute, r"MODEL\.last"),
        (MODEL.sets, r"self\.last"),
        (MODEL.adds, r"self\.last"),
        (MODEL.appends, r"self\.seen"),
    ],
)
@pytest.mark.parametrize("transform", [sg.jit, lambda f: sg.grad(lambda x: np.sum(f(x)))])
def test_a_value_that_would_outlive_its_trace_is_named_at_once(function, name, transform):
    with pytest.raises(TraceError, match=rf"test_effects.py:\d+: .*left in {name}"):
        transform(function)(X)
    assert HISTORY == []
    assert STATE == {"last": 0.0}
    assert LAST is None
    assert MODEL.last == 1.0
    assert MODEL.seen == []


def test_a_variable_of_a_function_around():
    last = None

    def f(x):
        nonlocal last
        last = x * 2
        return x

    with pytest.raises(TraceError, match=r"test_effects.py:\d+: .*left in last"):
        sg.jit(f)(X)
    assert last is None


def test_what_is_put_back_may_have_been_there():
    np.testing.assert_allclose(sg.jit(MODEL.passes)(X), X * X * 2)
    assert MODEL.last == 1.0


def test_lines_are_those_of_the_writes():
    def f(x):
        y = x * 2
        MODEL.last = y
        return x

    with pytest.raises(TraceError, match=f"test_effects.py:{f.__code__.co_firstlineno + 2}: "):
        sg.jit(f)(X)


def test_attributes_that_the_trace_adds_up():
    state = types.SimpleNamespace(total=np.zeros(4))

    def f(x):
        state.total += x
        return state.total * 2

    compiled = sg.jit(f)
    np.testing.assert_allclose(compiled(X), 2 * X)
    np.testing.assert_allclose(compiled(X), 4 * X)
    np.testing.assert_allclose(state.total, 2 * X)
