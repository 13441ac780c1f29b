"""Long lists and tuples that a function reads from outside are one input each, and count at every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentValueError
from srcgrad.dispatch import stacks
from tests.interpreted import interpreter

N = 24
THIRD = tuple(range(0, 400, 3))
X = np.linspace(0.1, 0.9, 3)


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    with interpreter():
        yield


@pytest.fixture(params=["addresses", "ids"])
def identities(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the layout of CPython's tuples."""
    if request.param == "ids":
        monkeypatch.setattr(stacks, "identities", stacks._identities)


def programs(function: Any) -> int:
    return sum(map(len, function._specialisations.values()))


def inputs(function: Any) -> int:
    return len(function.last.graph.inputs)


def numbers(seed: int = 0, n: int = N) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).uniform(0.5, 1.0, n)]


def arrays(seed: int = 0, n: int = N) -> list[Any]:
    return [*np.random.default_rng(seed).uniform(0.5, 1.0, (n, 3))]


class Follows:
    """A function of `X` and its gradient, which have to agree with plain Python whatever is changed in between."""

    def __init__(self, function: Callable[..., Any], most_inputs: int | None = None) -> None:
        self.function, self.most_inputs = function, most_inputs
        self.jit, self.grad = sg.jit(function), sg.grad(lambda x: np.sum(function(x)))

    def check(self, count: int | None = None) -> None:
        expected, step = self.function(X), 1e-6
        slope = (np.sum(self.function(X + step)) - np.sum(self.function(X - step))) / (2 * step)
        for _ in range(2):
            got = self.jit(X)
            assert np.asarray(got).dtype == np.asarray(expected).dtype
            np.testing.assert_allclose(got, expected, rtol=1e-12)
            np.testing.assert_allclose(np.sum(self.grad(X)), slope, rtol=1e-4, atol=1e-6)
        if count is not None:
            assert programs(self.jit) == count
        if self.most_inputs is not None:
            assert inputs(self.jit) <= self.most_inputs


def test_two_lists_of_numbers(identities):
    a, b = numbers(0), numbers(1)

    def chain(x):
        for s, t in zip(a, b):
            x = x + 0.1 * np.sin(x) * s + t
        return x

    follows = Follows(chain, 3)
    follows.check(1)
    a[5] = 3.0
    follows.check(1)
    a[:] = numbers(2)
    follows.check(1)
    b[0] = -b[0]
    follows.check(1)
    b = numbers(4)
    follows.check(1)
    a.append(0.5)
    b.append(0.25)
    follows.check(2)
    a.pop()
    b.pop()
    follows.check(2)


def test_a_sum_over_a_list(identities):
    points = numbers()
    follows = Follows(lambda x: sum([np.sin(x * p) for p in points]), 2)
    follows.check(1)
    points.reverse()
    follows.check(1)
    points.clear()
    points.extend(numbers(3, 30))
    follows.check(2)


def test_signs_of_zeros_and_types(identities):
    values = [0.0] * N
    recorded = sg.jit(lambda x: np.copysign(x, sum([np.sin(x) * v for v in values])))
    total = sg.jit(lambda x: np.stack([np.copysign(x, v) for v in values]))
    assert np.all(total(X) > 0)
    recorded(X)
    values[3] = -0.0
    assert np.all(total(X)[3] < 0)
    assert np.all(total(X)[4] > 0)
    values[3] = float("nan")
    assert np.all(np.isnan(recorded(X)) | (np.abs(recorded(X)) == X))


def test_an_item_of_another_type_is_another_program(identities):
    values: list[Any] = numbers()
    small = np.linspace(0, 1, 3, dtype=np.float32)
    f = sg.jit(lambda x: np.stack([x * v for v in values]))
    assert f(small).dtype == np.float32
    old, values[2] = values[2], np.float64(values[2])
    assert f(small).dtype == np.float64
    values[2] = old
    assert f(small).dtype == np.float32
    values[2] = 1
    np.testing.assert_allclose(f(small)[2], small)
    assert programs(f) == 3


def test_integers_and_numbers_mixed():
    values: list[Any] = [k if k % 3 == 0 else k / 10 for k in range(60)]
    follows = Follows(lambda x: sum([np.cos(x * v) * v for v in values]))
    follows.check(1)
    values[1] = 0.7
    follows.check(1)
    values[3] = 5
    follows.check(2)
    values[6] = 7.5
    follows.check(3)


def test_integers_alone():
    powers = [k % 4 for k in range(40)]
    follows = Follows(lambda x: sum([x**p for p in powers]))
    follows.check(1)
    powers[7] = 2
    follows.check(2)
    powers[7] = 3
    follows.check(2)
    powers[0] = 2.0  # type: ignore[call-overload]
    follows.check(3)


def test_pairs(identities):
    pairs = [*zip(numbers(0), numbers(1), strict=True)]

    def chain(x):
        for a, b in pairs:
            x = x + 0.1 * np.sin(x) * a + b
        return x

    follows = Follows(chain, 3)
    follows.check(1)
    pairs[3] = (2.0, 0.5)
    follows.check(1)
    pairs[3] = (2, 0.5)
    follows.check(2)
    pairs[3] = (2.0, 0.5)
    follows.check(2)
    pairs[4] = [2.0, 0.25]  # type: ignore[call-overload]
    follows.check(3)


def test_lists_in_lists():
    rows = [[a, b, 1.5] for a, b in zip(numbers(0), numbers(1), strict=True)]
    follows = Follows(lambda x: sum([np.sin(x * row[0]) * row[1] for row in rows]), 3)
    follows.check(1)
    rows[3][0] = 2.0
    follows.check(1)
    rows[4][2] = 9.0
    follows.check(1)
    rows[5] = [1.0, 2.0]
    follows.check(1)


def test_long_lists_in_a_long_list():
    rows = [numbers(seed) for seed in range(N)]

    def chain(x):
        for row in rows:
            for a in row:
                x = x + 0.01 * np.sin(x * a)
        return x

    follows = Follows(chain)
    follows.check(1)
    rows[3][4] = 2.0
    follows.check(1)
    rows[5] = numbers(50)
    follows.check(1)
    rows[6].append(1.0)
    follows.check(2)


def test_a_tuple():
    values = tuple(numbers())
    follows = Follows(lambda x: sum([np.sin(x * v) for v in values]), 2)
    follows.check(1)
    values = tuple(numbers(1))
    follows.check(1)
    values = tuple(numbers(1, 30))
    follows.check(2)


def test_arrays():
    items = arrays()

    def chain(x):
        for a in items:
            x = np.sin(x) * a
        return x

    follows = Follows(chain)
    follows.check(1)
    items[3][1] = 4.0
    follows.check(1)
    items[3] = np.array([1.0, 2.0, 3.0])
    follows.check(1)
    items[3] = np.ones((1, 3))
    follows.check(2)
    items[3] = np.ones(3, np.float32)
    follows.check(3)
    items[3] = np.arange(6.0)[::2]
    follows.check(3)
    items[4] = items[5]
    follows.check()
    items[5][:] = 0.5
    follows.check()


def test_layers():
    layers = [{"w": np.outer(w, w) / 3, "b": b, "s": 0.5} for w, b in zip(arrays(0), arrays(1), strict=True)]

    def network(x):
        for layer in layers:
            x = x + np.tanh(layer["w"] @ x + layer["b"]) * layer["s"]
        return x

    follows = Follows(network)
    follows.check(1)
    layers[2]["s"] = 0.25
    layers[3]["w"][0, 0] = 2.0
    layers[4]["b"] = np.ones(3)
    layers[5]["more"] = 3
    follows.check(1)
    layers[6]["s"] = 1
    follows.check(2)
    layers[7] = {"w": np.ones((3, 3)), "b": np.ones(3), "s": 0.5}
    follows.check(2)
    del layers[8]
    follows.check(3)


def test_a_dict_of_lists():
    tables = {"a": numbers(0), "b": numbers(1)}
    follows = Follows(lambda x: sum([np.sin(x * a) + b for a, b in zip(tables["a"], tables["b"], strict=True)]), 3)
    follows.check(1)
    tables["a"][3] = 7.0
    follows.check(1)
    tables["b"] = numbers(5)
    follows.check(1)
    tables["c"] = []
    follows.check(1)


class Model:
    scales = numbers(0)

    def __init__(self) -> None:
        self.shifts = numbers(1)

    def __call__(self, x: Any) -> Any:
        for a, b in zip(self.scales, self.shifts, strict=True):
            x = x + 0.1 * np.sin(x) * a + b
        return x


def test_lists_of_a_class_and_of_an_object():
    model = Model()
    follows = Follows(lambda x: model(x), 3)
    follows.check(1)
    saved = [*Model.scales]
    try:
        Model.scales[3] = 2.0
        follows.check(1)
        Model.scales = numbers(7)
        follows.check(1)
    finally:
        Model.scales = saved
    model.shifts[4] = 2.0
    follows.check(1)
    model.shifts = numbers(8)
    follows.check(1)


class Unit:
    def __init__(self, scale: float, size: int) -> None:
        self.scale, self.size = scale, size


def test_objects_in_a_list():
    units = [Unit(scale, 2) for scale in numbers()]
    follows = Follows(lambda x: sum([np.sin(x * unit.scale) ** unit.size for unit in units]))
    follows.check(1)
    units[3].scale = 2.0
    follows.check(1)
    units[4] = Unit(0.25, 2)
    follows.check(1)
    units[5].size = 3
    follows.check(2)


def test_functions_in_a_list():
    steps: list[Any] = [np.sin, np.cos] * N
    mine: list[Any] = [lambda x: x * 0.9, lambda x: x + 0.1] * N

    def f(x):
        for one, other in zip(steps, mine, strict=True):
            x = x + 0.1 * other(one(x))
        return x

    follows = Follows(f)
    follows.check(1)
    steps[0] = np.tanh
    follows.check(2)
    mine[5] = lambda x: x * 0.5
    follows.check(3)


def test_two_functions_share_a_list():
    values = numbers()
    first = Follows(lambda x: sum([np.sin(x * v) for v in values]), 2)
    second = Follows(lambda x: sum([np.cos(x) * v for v in values]) * values[2])
    for change in range(3):
        values[change] = 2.0 + change
        first.check(1)
        second.check(1)


def test_the_same_list_twice_in_one_function():
    values = numbers()

    def f(x):
        for v in values:
            x = x + 0.1 * np.sin(x) * v
        for v in reversed(values):
            x = x + 0.1 * np.cos(x) + v
        return x + sum([np.sin(x * v) for v in values[3:21]]) + sum([np.sin(x * v) for v in [*values[::2], *values]])

    follows = Follows(f, 2)
    follows.check(1)
    values[4] = 0.125
    follows.check(1)


def test_some_items():
    values: list[Any] = numbers(0, 400)
    follows = Follows(lambda x: x * values[3] + values[-1], 3)
    follows.check(1)
    values[3] = 5.0
    follows.check(1)
    values[-1] = 6.0
    follows.check(1)
    many = Follows(lambda x: np.stack([x * values[k] for k in range(0, 400, 3)]), 2)
    many.check(1)
    values[3] = 0.5
    many.check(1)
    every_third = sg.jit(lambda x: [x * values[0], *[np.sin(x) * value for value in [values[k] for k in THIRD]]])
    np.testing.assert_allclose(every_third(X)[1:], np.outer(values[::3], np.sin(X)))
    values[1] = 7  # not read
    values[6] = 0.25
    values.append(3.0)
    np.testing.assert_allclose(every_third(X)[1:], np.outer(values[:-1:3], np.sin(X)))
    assert programs(every_third) == 1
    assert inputs(every_third) <= 2
    del values[200:]
    with pytest.raises(IndexError):
        every_third(X)


def test_items_that_the_trace_looks_at():
    values = numbers()
    follows = Follows(lambda x: sum([np.sin(x * v) if v > 0.6 else x + v for v in values]))
    follows.check(1)
    for number in range(2):
        values[number] = 0.55 + number / 5
        follows.check()


def test_a_list_that_the_program_changes():
    values = numbers()
    log: list[Any] = []

    def f(x):
        log.append(1)
        for v in values:
            x = np.sin(x) * v
        return x

    follows = Follows(f)
    follows.check(1)
    values[0] = 2.0
    follows.check(1)


def test_arrays_of_a_list_that_the_program_writes():
    buffers = [np.zeros(3) for _ in range(N)]

    def f(x):
        for k, buffer in enumerate(buffers):
            buffer[:] = np.sin(x * (k + 1))
        return sum([buffer * 0.5 for buffer in buffers])

    compiled = sg.jit(f)
    for _ in range(3):
        expected = f(X)
        contents = [buffer.copy() for buffer in buffers]
        for buffer in buffers:
            buffer[:] = 0.0
        np.testing.assert_allclose(compiled(X), expected, rtol=1e-12)
        np.testing.assert_allclose(buffers, contents, rtol=1e-12)


def test_pullbacks_see_changes():
    values = numbers()
    f = lambda x: sum([np.sin(x * v) for v in values])  # noqa: E731
    value, pullback = sg.vjp(f, X)
    np.testing.assert_allclose(value, f(X))
    slope = sum(v * np.cos(X * v) for v in values)
    np.testing.assert_allclose(pullback(np.ones(3))[0], slope)
    values[1] = 3.0
    with pytest.raises(ArgumentValueError, match="has changed"):
        pullback(np.ones(3))


def test_complex_and_numpy_numbers():
    values: list[Any] = [complex(a, b) for a, b in zip(numbers(0), numbers(1), strict=True)]
    f = sg.jit(lambda x: sum([np.abs(x * v) for v in values]))
    for _ in range(2):
        np.testing.assert_allclose(f(X), sum(np.abs(X * v) for v in values))
        values[3] = 2.0 + 1.0j
    singles = [np.float32(v) for v in numbers()]
    g = sg.jit(lambda x: sum([np.sin(x * v) for v in singles]))
    for _ in range(2):
        np.testing.assert_allclose(g(X.astype(np.float32)), sum(np.sin(X * v) for v in singles), rtol=1e-5)
        assert g(X.astype(np.float32)).dtype == np.float32
        singles[3] = np.float32(2)
    assert programs(f) == programs(g) == 1


def test_a_random_walk_of_changes(identities):
    generator = np.random.default_rng(5)
    pool = [0.5, -0.0, 0.0, 1, 1.0, np.float64(1.0), True, 2.5, np.float32(0.75)]
    values: list[Any] = [pool[int(k)] for k in generator.integers(len(pool), size=N)]
    pairs: list[Any] = [(0.5, 1)] * N
    small = np.linspace(0.5, 1.0, 3, dtype=np.float32)

    def f(x):
        return np.stack([np.copysign(x, v) * v for v in values]), sum([x * a + b for a, b in pairs])

    compiled = sg.jit(f)
    for _ in range(24):
        place = int(generator.integers(N))
        values[place] = pool[int(generator.integers(len(pool)))]
        if generator.integers(4) == 0:
            pairs[place] = tuple(pool[int(k)] for k in generator.integers(len(pool), size=2))
        for got, expected in zip(compiled(small), f(small), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-5)
            assert np.array_equal(np.signbit(got), np.signbit(expected))
