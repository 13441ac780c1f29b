"""Everything that a function can read from outside, changed after the first call: the next call sees it."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import functools
import operator
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter

X = np.linspace(0.5, 2, 4)


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclasses.dataclass
class Config:
    rate: float = 0.1
    w: Any = None
    n: int = 2


@dataclasses.dataclass(slots=True)
class Slotted:
    rate: float = 0.1


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Settings:
    rate = 0.5
    w = np.ones(4)


class Params:
    def __init__(self):
        self.held = {"w": np.ones(4)}

    def __getitem__(self, key):
        return self.held[key]


class Vector:
    def __init__(self):
        self.v = np.ones(4)

    def __mul__(self, x):
        return self.v * x

    def __iter__(self):
        return iter([self.v, self.v * 2])


class Base:
    def __init__(self):
        self.k = 2.0

    def apply(self, x):
        return x * self.k


class Derived(Base):
    def apply(self, x):
        return super().apply(x) + 1


class Dynamic:
    def __init__(self):
        self._held = {"k": 2.0}

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._held[name]


class Cached:
    def __init__(self):
        self.k = 2.0

    @functools.cached_property
    def w(self):
        return np.ones(4) * self.k


class Linear:
    def __init__(self):
        self.w, self.act = np.ones(4), np.tanh

    def __call__(self, x):
        return self.act(x * self.w)


class Sequence:
    def __init__(self, *layers):
        self.layers = list(layers)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def affine(x, k, n):
    return x * k + n


def mixed(x, a, b):
    return a[0] * x + b[1]


class World:
    """What is around: read as ``W.name``, made anew for each case."""

    def __init__(self):
        self.layers = [(np.ones(4), 2.0), (np.ones(4) * 2, 3.0)]
        self.options: dict[str, Any] = {"k": 2.0, "n": 3}
        self.pair = Pair(np.ones(4), 2.0)
        self.config, self.slotted, self.colour = Config(w=np.ones(4)), Slotted(), Colour.RED
        self.params, self.vector, self.derived, self.dynamic = Params(), Vector(), Derived(), Dynamic()
        self.cached, self.network = Cached(), Sequence(Linear(), Linear())
        self.table, self.long = [1.0, 2.0, 3.0], list(np.linspace(0, 1, 50))
        self.deque, self.ordered = collections.deque([1.0]), collections.OrderedDict(a=1.0)
        self.default = collections.defaultdict(float, a=1.0)
        self.space = types.SimpleNamespace(inner=types.SimpleNamespace(w=np.ones(4)))
        self.set, self.partial = {1, 2}, functools.partial(lambda a, x: a * x, 2.0)
        self.zero_d, self.complex, self.single, self.integer = np.array(2.0), 1 + 2j, np.float32(2), np.int64(3)
        self.none: Any = None
        self.names, self.functions = ["a", "b"], [np.sin, np.cos]
        self.lambdas: list[Any] = [lambda x: x * 2.0, lambda x: x + 1]
        self.rows, self.objects = np.ones((2, 4)), np.array([1.0, 2.0], dtype=object)
        self.strings, self.memory = np.array(["a", "b"]), memoryview(np.ones(4))  # type: ignore[arg-type]


W: Any = World()
RATE = "rate"

CASES: list[tuple[str, Callable[[Any], Any], Callable[[], Any]]] = [
    ("unpack", lambda x: sum(w * x + b for w, b in W.layers), lambda: W.layers.__setitem__(0, (np.ones(4) * 5, 9.0))),
    (
        "unpack2",
        lambda x: mixed(x, *W.layers),
        lambda: W.layers.__setitem__(1, (np.ones(4) * 5, 9.0)),
    ),
    ("kwargs", lambda x: affine(x, **W.options), lambda: W.options.update(k=5.0)),
    ("merge", lambda x: {**W.options, "z": 1}["k"] * x, lambda: W.options.update(k=5.0)),
    ("nt", lambda x: x * W.pair.a * W.pair.b, lambda: setattr(W, "pair", Pair(np.ones(4) * 3, 5.0))),
    ("dc", lambda x: x * W.config.rate * W.config.w * W.config.n, lambda: setattr(W.config, "n", 5)),
    ("dc2", lambda x: x * W.config.rate * W.config.w * W.config.n, lambda: setattr(W.config, "rate", 5.0)),
    ("sl", lambda x: x * W.slotted.rate, lambda: setattr(W.slotted, "rate", 5.0)),
    ("enum", lambda x: x * 2 if W.colour is Colour.RED else x, lambda: setattr(W, "colour", Colour.BLUE)),
    ("conf", lambda x: x * Settings.rate * Settings.w, lambda: setattr(Settings, "rate", 3.0)),
    ("conf2", lambda x: x * Settings.rate * Settings.w, lambda: Settings.w.__setitem__(0, 9)),
    ("params", lambda x: x * W.params["w"], lambda: W.params.held.__setitem__("w", np.ones(4) * 7)),
    ("params2", lambda x: x * W.params["w"], lambda: W.params.held["w"].__setitem__(0, 7)),
    ("vec", lambda x: W.vector * x, lambda: setattr(W.vector, "v", np.ones(4) * 5)),
    ("vec2", lambda x: W.vector * x, lambda: W.vector.v.__setitem__(0, 5)),
    ("veciter", lambda x: sum(v * x for v in W.vector), lambda: setattr(W.vector, "v", np.ones(4) * 5)),
    ("super", lambda x: W.derived.apply(x), lambda: setattr(W.derived, "k", 5.0)),
    ("dyn", lambda x: x * W.dynamic.k, lambda: W.dynamic._held.update(k=7.0)),
    ("cached", lambda x: x * W.cached.w, lambda: W.cached.w.__setitem__(0, 9)),
    ("seq", lambda x: W.network(x), lambda: setattr(W.network.layers[0], "act", np.sin)),
    ("seq2", lambda x: W.network(x), lambda: W.network.layers.append(Linear())),
    ("seq3", lambda x: W.network(x), lambda: W.network.layers[1].w.__setitem__(0, 9)),
    ("sumlist", lambda x: x * sum(W.table), lambda: W.table.append(4.0)),
    ("maxlist", lambda x: x * max(W.table), lambda: W.table.append(9.0)),
    ("nparray", lambda x: x * np.array(W.table).sum(), lambda: W.table.__setitem__(0, 7.0)),
    ("big", lambda x: x * np.array(W.long).sum(), lambda: W.long.__setitem__(0, 7.0)),
    ("slice", lambda x: x * sum(W.table[1:]), lambda: W.table.__setitem__(2, 7.0)),
    ("deque", lambda x: x * W.deque[0], lambda: W.deque.__setitem__(0, 5.0)),
    ("deque2", lambda x: x * sum(W.deque), lambda: W.deque.append(5.0)),
    ("od", lambda x: x * W.ordered["a"], lambda: W.ordered.update(a=5.0)),
    ("dd", lambda x: x * W.default["a"], lambda: W.default.update(a=5.0)),
    ("ns", lambda x: x * W.space.inner.w, lambda: setattr(W.space.inner, "w", np.ones(4) * 4)),
    ("set", lambda x: x * len(W.set), lambda: W.set.add(7)),
    ("partial", lambda x: W.partial(x), lambda: setattr(W, "partial", functools.partial(lambda a, x: a * x, 5.0))),
    ("arr0", lambda x: x * W.zero_d, lambda: W.zero_d.__setitem__((), 5)),
    ("cplx", lambda x: x * abs(W.complex), lambda: setattr(W, "complex", 3 + 4j)),
    ("f32", lambda x: x * W.single, lambda: setattr(W, "single", np.float32(5))),
    ("i64", lambda x: x * W.integer, lambda: setattr(W, "integer", np.int64(5))),
    ("none", lambda x: x if W.none is None else x * 2, lambda: setattr(W, "none", 1)),
    ("names", lambda x: x * 2 if W.names[0] == "a" else x, lambda: W.names.__setitem__(0, "z")),
    ("in", lambda x: x * 2 if "b" in W.names else x, lambda: W.names.remove("b")),
    ("dictin", lambda x: x * 2 if "zz" in W.options else x, lambda: W.options.update(zz=1)),
    ("dictget", lambda x: x * W.options.get("zz", 3.0), lambda: W.options.update(zz=1.0)),
    ("dictfor", lambda x: sum(W.options[k] * x for k in W.options), lambda: W.options.update(zz=1.0)),
    ("dictitems", lambda x: sum(v * x for k, v in W.options.items()), lambda: W.options.update(k=7.0)),
    ("acts", lambda x: [a for a in W.functions if a][-2](x), lambda: W.functions.__setitem__(0, np.tanh)),
    ("lam", lambda x: W.lambdas[0](W.lambdas[1](x)), lambda: W.lambdas.__setitem__(0, lambda x: x * 7)),
    ("rows", lambda x: sum(r * x for r in W.rows), lambda: W.rows.__setitem__((0, 1), 7)),
    ("oarr", lambda x: x * W.objects[0], lambda: W.objects.__setitem__(0, 5.0)),
    ("sarr", lambda x: x * 2 if W.strings[0] == "a" else x, lambda: W.strings.__setitem__(0, "q")),
    ("map", lambda x: sum(map(functools.partial(operator.mul, x), W.table)), lambda: W.table.__setitem__(0, 7.0)),
    ("getattr", lambda x: x * getattr(W.config, RATE), lambda: setattr(W.config, "rate", 5.0)),
    ("hasattr", lambda x: x * 2 if hasattr(W.config, "zz") else x, lambda: setattr(W.config, "zz", 5.0)),
    ("vars", lambda x: x * vars(W.config)["rate"], lambda: setattr(W.config, "rate", 5.0)),
    ("astuple", lambda x: x * dataclasses.asdict(W.config)["rate"], lambda: setattr(W.config, "rate", 5.0)),
    (
        "treeleaves",
        lambda x: sum(x * l for l in sg.tree.leaves(W.layers)),
        lambda: W.layers.__setitem__(0, (np.ones(4) * 5, 9.0)),
    ),
    ("treemap", lambda x: sg.tree.map(lambda l: l * 2, W.options)["k"] * x, lambda: W.options.update(k=7.0)),
    ("mem", lambda x: x * np.asarray(W.memory), lambda: W.memory.__setitem__(0, 7.0)),
    ("copy", lambda x: x * copy.deepcopy(W.options)["k"], lambda: W.options.update(k=7.0)),
    ("sorted", lambda x: x * sorted(W.table)[0], lambda: W.table.append(-1.0)),
    ("opget", lambda x: x * operator.attrgetter("rate")(W.config), lambda: setattr(W.config, "rate", 5.0)),
]


@pytest.mark.parametrize(("function", "change"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_changes_are_seen(function, change, monkeypatch):
    monkeypatch.setitem(globals(), "W", World())
    monkeypatch.setattr(Settings, "rate", 0.5)
    monkeypatch.setattr(Settings, "w", np.ones(4))
    with interpreter():
        compiled = sg.jit(function)
        np.testing.assert_allclose(compiled(X), function(X))
        np.testing.assert_allclose(compiled(X), function(X))
        before = function(X)
        change()
        assert not np.array_equal(before, function(X))
        np.testing.assert_allclose(compiled(X), function(X))


def test_objects_of_libraries():
    rule = types.SimpleNamespace()
    state = Config(w=np.ones(4))
    rule.get = functools.partial(operator.attrgetter("rate"), state)
    with interpreter():
        compiled = sg.jit(lambda x: x * rule.get())
        np.testing.assert_allclose(compiled(X), X * 0.1)
        state.rate = 0.5
        np.testing.assert_allclose(compiled(X), X * 0.5)


def test_functions_without_source():
    made: dict[str, Any] = {"model": Config(w=np.ones(4)), "np": np}
    exec("def f(x):\n    return x * model.rate * model.w", made)
    with interpreter():
        compiled = sg.jit(made["f"])
        np.testing.assert_allclose(compiled(X), X * 0.1)
        made["model"].rate = 0.5
        np.testing.assert_allclose(compiled(X), X * 0.5)
        made["model"].w[0] = 3.0
        np.testing.assert_allclose(compiled(X), X * 0.5 * made["model"].w)
