"""What a function reads from outside counts at every call: globals, closures, defaults, attributes, items, helpers."""

from __future__ import annotations

import copy
import functools
import gc
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import interpreter

X = np.linspace(0.5, 2.0, 4)

K = 2.0
DEPTH = 2
WEIGHTS = np.ones(4)
TABLE = np.array([0, 2, 1])
MASK = np.array([True, False, True, True])
NAME = "sin"
PAIR = (1.5, 3)
PARAMS: dict[str, Any] = {"lr": 0.1, "w": np.ones(4), "n": 2, "unread": 0}
LAYERS = [np.ones(4), np.full(4, 2.0)]
BUFFER = np.zeros(4)


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    saved = {name: value for name, value in globals().items() if name.isupper()}
    with interpreter():
        yield
    globals().update(saved)


def programs(function: Any) -> int:
    return sum(map(len, function._specialisations.values()))


class Follows:
    """A function and its transforms, which have to agree at every point of time."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function, self.args = function, args or (X,)
        self.jit, self.grad = sg.jit(function), sg.grad(lambda *args: np.sum(function(*args)))

    def check(self, programs_now: int | None = None) -> None:
        expected = self.function(*self.args)
        for _ in range(2):
            np.testing.assert_allclose(self.jit(*self.args), expected, rtol=1e-12)
            step = 1e-6
            ahead = np.sum(self.function(self.args[0] + step, *self.args[1:]))
            behind = np.sum(self.function(self.args[0] - step, *self.args[1:]))
            slope = np.sum(self.grad(*self.args))
            np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-5)
        if programs_now is not None:
            assert programs(self.jit) == programs_now


def set_global(name: str, value: Any) -> Callable[[], None]:
    return lambda: globals().__setitem__(name, value)


def helper(x):
    return x * K


def helped(x):
    return helper(x) + 1


def uses_name(x):
    return np.sin(x) if NAME == "sin" else np.cos(x)


# function, what is changed, and how many programs there are then
CHANGES: list[tuple[Callable[..., Any], Callable[[], Any], int]] = [
    (lambda x: x * K, set_global("K", 10.0), 1),
    (lambda x: x * K, set_global("K", 10), 2),
    (lambda x: x * K, set_global("K", np.float64(10)), 2),
    (lambda x: x**K, set_global("K", 3.0), 2),
    (lambda x: x * K if K > 3 else x + K, set_global("K", 4.0), 2),
    (lambda x: np.sin(x * DEPTH), set_global("DEPTH", 3), 2),
    (lambda x: np.sum([x] * DEPTH, axis=0), set_global("DEPTH", 3), 2),
    (lambda x: x * WEIGHTS, set_global("WEIGHTS", np.arange(4.0)), 1),
    (lambda x: x * WEIGHTS, lambda: WEIGHTS.__setitem__(1, 7.0), 1),
    (lambda x: x * WEIGHTS, set_global("WEIGHTS", np.ones((2, 4))), 2),
    (lambda x: x * WEIGHTS, set_global("WEIGHTS", np.ones(4, np.float32)), 2),
    (lambda x: x * WEIGHTS, set_global("WEIGHTS", 5.0), 2),
    (lambda x: x * WEIGHTS.mean(), lambda: WEIGHTS.__setitem__(1, 7.0), 1),
    (lambda x: x[TABLE] * 2, lambda: TABLE.__setitem__(0, 3), 2),
    (lambda x: x[MASK] * 2, lambda: MASK.__setitem__(0, False), 2),
    (lambda x: x[: TABLE[1]], lambda: TABLE.__setitem__(1, 3), 2),
    (uses_name, set_global("NAME", "cos"), 2),
    (lambda x: x * PAIR[0] * PAIR[1], set_global("PAIR", (2.5, 3)), 1),
    (lambda x: x * PAIR[0] * PAIR[1], set_global("PAIR", (2.5, 4)), 2),
    (lambda x: x * PARAMS["lr"] * PARAMS["w"], lambda: PARAMS.__setitem__("lr", 0.3), 1),
    (lambda x: x * PARAMS["lr"] * PARAMS["w"], lambda: PARAMS.__setitem__("unread", 3), 1),
    (lambda x: x * PARAMS["lr"] * PARAMS["w"], lambda: PARAMS["w"].__setitem__(1, 3), 1),
    (lambda x: x ** PARAMS["n"], lambda: PARAMS.__setitem__("n", 3), 2),
    (lambda x: x * len(PARAMS), lambda: PARAMS.__setitem__("more", 3), 2),
    (lambda x: sum(x * w for w in LAYERS), lambda: LAYERS.append(np.ones(4)), 2),
    (lambda x: sum(x * w for w in LAYERS), lambda: LAYERS.__setitem__(0, np.arange(4.0)), 1),
    (lambda x: x * LAYERS[1], lambda: LAYERS.__setitem__(1, np.arange(4.0)), 1),
    (lambda x: x * LAYERS[-1], lambda: LAYERS.append(np.arange(4.0)), 2),
    (helped, set_global("K", 10.0), 1),
    (helped, set_global("helper", lambda x: x * 5), 2),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_globals_are_followed(number):
    function, change, count = CHANGES[number]
    saved = {name: copy.copy(value) for name, value in globals().items() if name.isupper() or name == "helper"}
    try:
        follows = Follows(function)
        follows.check(1)
        change()
        follows.check(count)
    finally:
        for name, value in saved.items():
            globals()[name] = value


def test_variables_of_functions_around():
    k, w, n = 2.0, np.ones(4), 2
    act: Any = np.sin

    def scaled_by_k(x):
        return x * k

    scaled: Any = scaled_by_k

    def f(x):
        return act(scaled(x)) * w + x * n

    follows = Follows(f)
    follows.check(1)
    k = 3.0
    follows.check(1)
    w[1] = 5.0
    follows.check(1)
    w = np.arange(4.0)
    follows.check(1)
    n = 3
    follows.check(2)
    act = np.cos
    follows.check(3)

    scaled = functools.partial(np.multiply, 3.0)
    follows.check(4)


def test_code_of_helpers():
    def inner(x):
        return x * 2.0

    follows = Follows(lambda x: inner(x) + 1)
    follows.check(1)
    inner.__code__ = (lambda x: x * 3.0).__code__
    follows.check(2)


def test_defaults():
    w = np.ones(4)

    def f(x, w=w, k=2.0, *, n=3):
        return x * w * k * n

    follows = Follows(f)
    follows.check(1)
    w[2] = 9.0
    follows.check(1)
    f.__defaults__ = (w, 5.0)
    follows.check(1)
    f.__kwdefaults__ = {"n": 4}
    follows.check(2)


class Model:
    scale = 1.0

    def __init__(self):
        self.rate, self.w, self.depth, self.inner = 0.5, np.ones(4), 2, types.SimpleNamespace(k=1.0)
        self._secret = 2.0
        self.unread = 0

    @property
    def secret(self):
        return self._secret * 2

    @staticmethod
    def shifted(x):
        return x + K

    def step(self, x):
        for _ in range(self.depth):
            x = x * self.rate
        return x

    def __call__(self, x):
        return self.shifted(self.step(x)) * self.w * self.inner.k * self.secret * self.scale


def change_scale(model):
    model.scale = 4.0


ATTRIBUTES: list[tuple[Callable[[Any], Any], int]] = [
    (lambda model: setattr(model, "rate", 0.7), 1),
    (lambda model: setattr(model, "unread", 0.7), 1),
    (lambda model: setattr(model, "w", np.arange(4.0)), 1),
    (lambda model: model.w.__setitem__(1, 8.0), 1),
    (lambda model: setattr(model, "depth", 3), 2),
    (lambda model: setattr(model.inner, "k", 3.0), 1),
    (lambda model: setattr(model, "inner", types.SimpleNamespace(k=4.0)), 1),
    (lambda model: setattr(model, "_secret", 5.0), 1),
    (change_scale, 1),
    (lambda model: setattr(model, "shifted", lambda x: x - 1), 2),
    (lambda model: set_global("K", 4.0)(), 1),
]


@pytest.mark.parametrize("number", range(len(ATTRIBUTES)))
@pytest.mark.parametrize("entry", ["call", "method", "partial", "closure"])
def test_attributes_are_followed(number, entry):
    change, count = ATTRIBUTES[number]
    model = Model()
    entries: dict[str, Callable[..., Any]] = {
        "call": model,
        "method": model.__call__,
        "partial": functools.partial(lambda model, x: model(x), model),
        "closure": lambda x: model(x),
    }
    follows = Follows(entries[entry])
    follows.check(1)
    change(model)
    follows.check(count)


def test_attributes_of_modules():
    module = types.ModuleType("mymodule")
    module.RATE = 2.0  # type: ignore[attr-defined]
    follows = Follows(lambda x: x * module.RATE)
    follows.check(1)
    module.RATE = 3.0  # type: ignore[attr-defined]
    follows.check(1)


def test_objects_given_as_static_arguments():
    model = Model()
    compiled = sg.jit(lambda x, model: model.step(x), static_argnums=1)
    np.testing.assert_allclose(compiled(X, model), model.step(X))
    model.rate = 4.0
    np.testing.assert_allclose(compiled(X, model), model.step(X))


def test_an_integer_that_keeps_changing_becomes_an_input():
    state = types.SimpleNamespace(t=1)
    compiled = sg.jit(lambda x: x / (1 - 0.9**state.t))
    for _ in range(6):
        np.testing.assert_allclose(compiled(X), X / (1 - 0.9**state.t))
        state.t += 1
    assert programs(compiled) == 2


def test_what_keeps_changing_is_named():
    state = types.SimpleNamespace(name="0")
    compiled = sg.jit(lambda x: x * len(state.name))

    def calls():
        for number in range(40):
            state.name = "a" * number
            np.testing.assert_allclose(compiled(X), X * number)

    with pytest.warns(RuntimeWarning, match="state.name"):
        calls()
    assert programs(compiled) <= 32


def test_an_exponent_that_keeps_changing_becomes_an_input():
    state = types.SimpleNamespace(p=1.0)
    compiled = sg.jit(lambda x: x**state.p)
    for _ in range(6):
        np.testing.assert_allclose(compiled(X), X**state.p)
        state.p += 0.5
    assert programs(compiled) == 2


# arrays that are written


def fills(x):
    BUFFER[1:3] += x[:2]
    return BUFFER * 2


def test_a_captured_array_is_written_back():
    compiled = sg.jit(fills)
    expected = BUFFER.copy()
    for _ in range(2):
        expected[1:3] += X[:2]
        np.testing.assert_allclose(compiled(X), expected * 2)
        np.testing.assert_allclose(BUFFER, expected)
    BUFFER[...] = 0


def test_one_array_under_two_names():
    a = np.zeros(4)
    b = a

    def f(x):
        a[0] = x[0]
        return b + a

    compiled = sg.jit(f)
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), 2 * a)
        assert a[0] == X[0]
    b = np.ones(4)
    np.testing.assert_allclose(compiled(X), a + 1)


def test_memory_shared_with_an_argument_is_refused():
    def f(x):
        BUFFER[0] = 5.0
        return x * 2

    with pytest.raises(ValueError, match="BUFFER, which shares memory"):
        sg.jit(f)(BUFFER)


# transforms


def test_everything_nests():
    k, w = 2.0, np.ones(4)

    @sg.custom_vjp
    def tripled(x):
        return 3 * x * k

    tripled.defvjp(lambda x: (3 * x * k, None), lambda _, ct: (ct * 3 * k,))
    cubed = sg.checkpoint(lambda x: x**3 * k)
    inner = sg.jit(lambda x: np.sum(cubed(x) * w + tripled(x)))
    compiled: dict[str, Any] = {
        "value": sg.jit(inner),
        "grad": sg.grad(inner),
        "jacrev": sg.jacrev(lambda x: cubed(x) * w),
        "hessian": sg.hessian(inner),
        "nested": sg.grad(lambda x: np.sum(sg.grad(inner)(x) ** 2)),
        "vjp": lambda x: sg.vjp(inner, x)[1](1.0)[0],
        "hvp": lambda x: sg.hvp(inner, (x,), (np.ones(4),))[0],
        "scan": sg.jit(lambda x: sg.scan(lambda c, e: (c + e * k * w[0], c), 0.0, x)[0]),
    }
    for k in (2.0, 5.0):
        w[0] += 1
        first = 3 * X**2 * k * w + 3 * k
        second = 6 * X * k * w
        expected = {
            "value": np.sum(X**3 * k * w + 3 * X * k),
            "grad": first,
            "jacrev": np.diag(3 * X**2 * k * w),
            "hessian": np.diag(second),
            "nested": 2 * first * second,
            "vjp": first,
            "hvp": second,
            "scan": np.sum(X) * k * w[0],
        }
        for name, value in expected.items():
            np.testing.assert_allclose(compiled[name](X), value, rtol=1e-12, err_msg=name)


def test_fresh_functions_with_equal_code_read_their_own_arrays():
    def pulled(w):
        return sg.vjp(lambda x: x * w, X)[1](np.ones(4))[0]

    first = np.ones(4)
    np.testing.assert_allclose(pulled(first), first)
    first[0] = 5.0
    np.testing.assert_allclose(pulled(np.ones(4)), np.ones(4))
    np.testing.assert_allclose(pulled(first), first)


def test_inputs_have_readable_names():
    def f(x):
        return x * K * PARAMS["w"]

    text = sg.ir(f, X)
    assert "%K" in text
    assert "%PARAMS_w" in text


def test_a_trace_that_changes_what_it_read():
    state = types.SimpleNamespace(calls=0)

    def f(x):
        state.calls += 1
        return x * state.calls

    compiled = sg.jit(f)
    np.testing.assert_allclose(compiled(X), X)
    assert state.calls == 1


def test_a_program_that_reads_from_outside_is_looked_into():
    weights = np.ones((4, 4))

    def f(x):
        return np.tanh(weights @ x) * K

    assert "weights" in str(sg.ir(f, X))
    assert sg.cost(f, X).read["input"] >= weights.nbytes
    assert "<svg" in sg.draw(f, X)._repr_svg_()
    found = sg.jit(f).specialise(X)
    np.testing.assert_allclose(found.executable.function(X, *found.captured)[0], f(X))


def test_arrays_of_earlier_calls_are_let_go():
    weights: Any = np.ones(4)
    compiled = sg.jit(lambda x: x * weights)
    compiled(X)
    earlier = weakref.ref(weights)
    weights = np.full(4, 3.0)
    np.testing.assert_allclose(compiled(X), X * 3)
    gc.collect()
    assert earlier() is None
