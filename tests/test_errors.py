"""Bad input: what was given, where in the user's program, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentError, ArgumentValueError, SrcgradError, TraceError, UnsupportedError
from tests.interpreted import interpreter


@pytest.fixture(autouse=True)
def _interpreted() -> Iterator[None]:
    with interpreter():
        yield


def square(x: Any) -> Any:
    return x * x


KEPT: list[Any] = []
#: a place that a trace does not see
HIDDEN: ContextVar[Any] = ContextVar("hidden")


def keep(x: Any) -> Any:
    KEPT.append(x)
    return x


def hide(x: Any) -> Any:
    HIDDEN.set(x)
    return x


def use_kept(x: Any) -> Any:
    return x + HIDDEN.get()


def write_outside(x: Any) -> Any:
    outer = x * np.ones(3)

    def inner(y: Any) -> Any:
        outer[0] = y
        return y * y

    return sg.grad(inner)(x) + outer.sum()


ARGUMENTS = [
    (lambda: sg.grad(square)(2), ArgumentError, TypeError, ["argument x", "int64", "1.0 instead of 1"]),
    (lambda: sg.grad(square)(True), ArgumentError, TypeError, ["argument x", "bool"]),
    (lambda: sg.grad(square)(np.arange(3)), ArgumentError, TypeError, ["argument x", "int64", ".astype(float)"]),
    (lambda: sg.grad(square)(1j), ArgumentError, TypeError, ["complex128", "real number", "abs()"]),
    (lambda: sg.grad(square)("a"), ArgumentError, TypeError, ["argument x", "'a'"]),
    (
        lambda: sg.grad(lambda p: p["w"][0])({"w": [1.0, 2]}),
        ArgumentError,
        TypeError,
        ["argument p['w'][1]", "int64"],
    ),
    (lambda: sg.grad(square, argnums=1)(2.0), ArgumentValueError, ValueError, ["argnums 1", "1 positional"]),
    (lambda: sg.grad(square, argnums=(0, -2))(2.0), ArgumentValueError, ValueError, ["argnums -2"]),
    (lambda: sg.grad(square)(x=2.0), ArgumentValueError, ValueError, ["0 positional", "by position"]),
    (
        lambda: sg.grad(3),  # type: ignore[call-overload]
        ArgumentError,
        TypeError,
        ["takes a function", "3"],
    ),
    (lambda: sg.jit(square)(np.array(["a"])), ArgumentError, TypeError, ["argument x", "<U1", "static_argnums"]),
    (lambda: sg.jit(square)(np.array([None])), ArgumentError, TypeError, ["argument x", "object"]),
    (lambda: sg.jit(square)(np.ones(2, np.float16)), ArgumentError, TypeError, ["float16", "np.float32"]),
    (lambda: sg.jit(square)(np.array("2020", "M8[D]")), ArgumentError, TypeError, ["datetime64", "convert it"]),
    (lambda: sg.jit(square)(np.ma.masked_array([1.0], [True])), ArgumentError, TypeError, ["masked", "filled"]),
    (lambda: sg.jit(square)({1, 2}), ArgumentError, TypeError, ["argument x", "set", "sg.tree.register"]),
    (lambda: sg.jit(square, static_argnums=0)([1]), ArgumentError, TypeError, ["static argument x", "tuple"]),
    (lambda: sg.jit(square, backend="tpu")(1.0), UnsupportedError, NotImplementedError, ["'tpu'", "'cpu'"]),
    (lambda: sg.ir(square), ArgumentError, TypeError, ["not been called"]),
    (lambda: sg.vjp(square, 2.0)[1]((1.0, 2.0)), ArgumentError, TypeError, ["cotangent", "tuple(*, *)"]),
    (lambda: sg.vjp(square, 2.0)[1](np.ones(2)), ArgumentError, TypeError, ["float64[2]", "float64[]"]),
    (lambda: sg.vjp(square, 2), ArgumentError, TypeError, ["vjp(square)", "argument x", "int64"]),
]

RESULTS = [
    (lambda: sg.grad(square)(np.ones(2)), ArgumentValueError, ValueError, ["grad(square)", "(2,)", ".sum()", "sg.vjp"]),
    (lambda: sg.grad(lambda x: (x, x))(1.0), ArgumentError, TypeError, ["tuple(*, *)", "has_aux=True"]),
    (lambda: sg.grad(lambda x: x > 0)(1.0), ArgumentError, TypeError, ["bool", "no derivative"]),
    (lambda: sg.grad(lambda x: x, has_aux=True)(1.0), TraceError, TypeError, ["pair (value, aux)"]),
    (lambda: sg.jit(lambda x: {"a": [x, "b"]})(1.0), TraceError, TypeError, ["result['a'][1]", "str"]),
]

TRACES = [
    (lambda: sg.jit(lambda x: x @ np.ones((3, 2)))(np.ones(2)), SrcgradError, ValueError, ["(2,)", "(3, 2)"]),
    (lambda: sg.jit(lambda x: x + np.ones(3))(np.ones(2)), SrcgradError, ValueError, ["(2,)", "(3,)"]),
    (
        lambda: [sg.jit(f)(1.0) for f in (hide, use_kept)],
        TraceError,
        TypeError,
        ["outside of the function", "use_kept"],
    ),
    (lambda: sg.jit(keep)(1.0), TraceError, TypeError, ["outside of the function", "KEPT"]),
    (lambda: sg.jit(write_outside)(1.0), TraceError, TypeError, ["outside of the function", "write_outside"]),
]


@pytest.mark.parametrize(("call", "kind", "builtin", "texts"), [*ARGUMENTS, *RESULTS, *TRACES])
def test_the_message_says_what_and_what_to_do(call: Any, kind: Any, builtin: Any, texts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, builtin)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize("call", [case[0] for case in TRACES])
def test_the_message_begins_with_the_line(call: Any) -> None:
    with pytest.raises(SrcgradError) as caught:
        call()
    assert re.match(r"test_errors\.py:\d+: ", str(caught.value))


def test_a_value_that_escaped_cannot_be_used_in_another_call() -> None:
    sg.jit(hide)(1.0)
    with pytest.raises(TraceError, match="escaped"):
        sg.jit(square)(HIDDEN.get())


def test_the_users_own_errors_pass_through() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        sg.grad(broken)(1.0)
