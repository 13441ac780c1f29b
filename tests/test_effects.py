"""Effects of a traced function outside of it: kept, or an error that names the line and the cure."""

from __future__ import annotations

import datetime
import importlib.util
import numbers
import os
import random
import time
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import SrcgradError, TraceError
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


# hidden inputs

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: x * np.random.normal(size=4),  # noqa: NPY002
        lambda x: x * np.random.rand(),  # noqa: NPY002
        lambda x: x + np.random.default_rng().normal(size=4),
        lambda x: x + RNG.normal(size=4),
        lambda x: x + np.random.RandomState().rand(),
        lambda x: x + random.random(),
        lambda x: x + random.Random().gauss(0, 1),
        lambda x: x * random.uniform(0, 1),
        lambda x: x + time.time(),
        lambda x: x + time.perf_counter(),
        lambda x: x + datetime.datetime.now().second,
        lambda x: x + len(os.urandom(3)),
        lambda x: x + float(input()),
        lambda x: helper_that_draws(x),
    ],
)
def test_hidden_inputs_are_an_error(draw):
    with pytest.raises(TraceError, match=r"test_effects.py:\d+: .*sg\.(random|constant)"):
        sg.jit(draw)(X)


def helper_that_draws(x):
    return x * np.random.uniform()  # noqa: NPY002


def test_seeded_generators_of_the_function_itself_are_constants():
    def f(x):
        return x + np.random.default_rng(3).normal(size=4)

    np.testing.assert_allclose(sg.jit(f)(X), f(X))


def test_constants_are_computed_once():
    scale = 2.0
    weights = np.arange(4.0)

    def f(x):
        drawn = sg.constant(lambda: RNG.normal(size=4))
        drawn_too = sg.constant(RNG.normal(size=4))
        return x * drawn + drawn_too + sg.constant(scale) + sg.constant(weights * scale)

    compiled = sg.jit(f)
    first = compiled(X)
    scale, weights[0] = 3.0, 100.0
    np.testing.assert_array_equal(compiled(X), first)
    assert sg.constant(3) == sg.constant(lambda: 3) == 3
    with pytest.raises(TraceError, match="depends on an argument"):
        sg.jit(lambda x: sg.constant(x * 2))(X)


# what a value is


def kinds(x):
    return [
        isinstance(x, float),
        isinstance(x, int),
        isinstance(x, np.floating),
        isinstance(x, np.ndarray),
        isinstance(x, numbers.Number),
        isinstance(x, (int, float)),
        isinstance(x, (list, np.ndarray)),
        isinstance(x, np.float32),
        type(x) is float,
        type(x) is np.ndarray,
        type(x) is np.float64,
        type(x) in (int, float),
    ]


@pytest.mark.parametrize(
    "value", [1.0, 2, True, np.float64(1), np.float32(1), np.int64(1), np.ones(3), np.ones(2, np.float32)]
)
def test_classes_are_those_of_the_values(value):
    found: list[Any] = []

    def f(x):
        found.append(kinds(x))
        return x

    sg.jit(f)(value)
    assert found == [kinds(value)]


def test_classes_of_what_is_captured():
    values: list[Any] = [1.0, np.float64(1), np.ones(3)]
    found: list[Any] = []

    def f(x):
        found.append([kinds(value) for value in values] + [type(values) is list, isinstance(values, list)])
        return x

    sg.jit(f)(1.0)
    assert found[0][:3] == [kinds(value) for value in values]
    assert found[0][3:] == [True, True]


# keys


def test_extrema_by_key():
    def f(x):
        parts = [x[0], x[1] * 3, x[2] - 4, x[3]]
        return max(parts, key=lambda v: -v) + 2 * min(parts, key=abs) + 3 * max(x[0], x[3], key=lambda v: v * v)

    np.testing.assert_allclose(sg.jit(f)(X), f(X))
    np.testing.assert_allclose(sg.grad(f)(X), [2, 0, 1, 3])


def test_sorting_by_what_is_traced_is_refused():
    with pytest.raises(TraceError, match=r"test_effects.py:\d+: "):
        sg.jit(lambda x: sorted([x[0], x[1]], key=lambda v: -v)[0])(X)


# handlers of the user's


def test_handlers_do_not_catch_our_errors():
    def swallows(x):
        try:
            return x[: int(x[0])] * 2
        except Exception:
            return x * 0

    with pytest.raises(SrcgradError, match=r"test_effects.py:\d+: "):
        sg.jit(swallows)(X)


def test_handlers_catch_the_errors_of_the_program():
    def f(x):
        try:
            y = x @ np.ones(7)
        except ValueError:
            y = x * 2
        try:
            z = {"a": 1.0}["b"]
        except (KeyError, TypeError):
            z = 3.0
        try:
            w = x[10]
        except IndexError:
            w = x[0]
        return y * z + w

    np.testing.assert_allclose(sg.jit(f)(X), f(X))


# sources


def module_from(path, text):
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_file_that_was_changed_is_not_traced_in_place_of_what_runs(tmp_path):
    module = module_from(tmp_path / "changed.py", "def f(x):\n    return x * 2.0\n")
    (tmp_path / "changed.py").write_text("def f(x):\n    return x * 3.0\n")
    with pytest.warns(RuntimeWarning, match="changed.py was changed since f was imported"):
        result = sg.jit(module.f)(X)
    np.testing.assert_allclose(result, X * 2)


def test_equal_code_of_two_files(tmp_path):
    text = "def f(x):\n    for i in range(100):\n        x[i % 3] = x + 1\n    return x\n"
    for name in ("first", "second"):
        module = module_from(tmp_path / f"{name}.py", text)
        with pytest.raises(ValueError, match=f"{name}.py:3: "):
            sg.jit(module.f)(X)


def test_an_object_given_as_a_static_argument_keeps_no_traced_value():
    model = Model()

    def f(x, model):
        model.last = x
        return x * 2

    with pytest.raises(TraceError, match=r"left in model\.last"):
        sg.jit(f, static_argnums=1)(X, model)
