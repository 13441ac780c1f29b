"""`checkpoint` and `custom_vjp`: functions with a derivative of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentError, TraceError
from tests.interpreted import interpreter
from tests.test_adjoint import gradient_of, loops_in, saved_per_iteration


@pytest.fixture(autouse=True)
def _interpreted() -> Iterator[None]:
    with interpreter():
        yield


@sg.custom_vjp
def log_sum_exp(x: Any) -> Any:
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


def _forward(x: Any) -> Any:
    value = log_sum_exp.function(x)
    return value, {"p": np.exp(x - value)}


log_sum_exp.defvjp(_forward, lambda kept, ct: (kept["p"] * ct,))

X = np.array([0.3, -1.0, 2.0])
P = np.exp(X) / np.exp(X).sum()


def test_the_users_derivative_is_used() -> None:
    np.testing.assert_allclose(sg.grad(log_sum_exp)(X), P)
    assert "equal" not in sg.ir(sg.grad(log_sum_exp), X)  # nothing of the derivative of max
    np.testing.assert_allclose(log_sum_exp(X), np.log(np.exp(X).sum()))
    np.testing.assert_allclose(sg.jit(log_sum_exp)(X), np.log(np.exp(X).sum()))
    np.testing.assert_allclose(sg.hessian(log_sum_exp)(X), np.diag(P) - np.outer(P, P), atol=1e-12)


def test_containers_statics_and_arguments_without_derivative() -> None:
    @sg.custom_vjp
    def scaled(p: Any, n: Any, kind: str) -> Any:
        assert kind == "power"
        return {"y": p["a"] * p["b"], "n": n + 1}

    def backward(kept: Any, ct: Any) -> Any:
        (p,) = kept
        return {"a": 10.0 * ct["y"] * p["b"], "b": ct["y"] * 0.0}, None, None

    scaled.defvjp(lambda p, n, kind: (scaled.function(p, n, kind), (p,)), backward)
    found = sg.grad(lambda p: scaled(p, 3, "power")["y"])({"a": 2.0, "b": 5.0})
    assert found == {"a": 50.0, "b": 0.0}


def test_in_a_loop_the_residuals_of_forward_are_saved_or_computed_again() -> None:
    def iterate(x: Any) -> Any:
        return sg.fori_loop(0, 4, lambda i, c: c - 0.1 * log_sum_exp(c), x).sum()

    plain = lambda x: sg.fori_loop(0, 4, lambda i, c: c - 0.1 * log_sum_exp.function(c), x).sum()  # noqa: E731
    np.testing.assert_allclose(sg.grad(iterate)(X), sg.grad(plain)(X), rtol=1e-10)


def test_stopping_at_a_fixed_point_with_the_implicit_function_theorem() -> None:
    def newton(a: Any) -> Any:
        return sg.while_loop(lambda x: np.abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a)

    root = sg.custom_vjp(newton).defvjp(lambda a: (newton(a), newton(a)), lambda x, ct: (ct / (2 * x),))
    assert sg.grad(root)(9.0) == pytest.approx(1 / 6)


def test_checkpoint_changes_no_value() -> None:
    def layer(w: Any, x: Any) -> Any:
        return np.tanh(np.sin(w @ x) * np.exp(-(x**2)))

    def deep(f: Any) -> Any:
        return lambda w, x: (f(w, f(w, x)) ** 2).sum()

    w = np.arange(9.0).reshape(3, 3) / 9
    for argnums in (0, 1, (0, 1)):
        expected = sg.tree.leaves(sg.grad(deep(layer), argnums)(w, X))
        found = sg.tree.leaves(sg.grad(deep(sg.checkpoint(layer)), argnums)(w, X))
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(
        sg.hessian(deep(sg.checkpoint(layer)), 1)(w, X), sg.hessian(deep(layer), 1)(w, X), rtol=1e-10, atol=1e-14
    )


def test_checkpoint_in_a_loop_saves_the_carry_alone() -> None:
    def step(i: Any, c: Any) -> Any:
        return np.sin(np.exp(np.sin(c)) * c)

    def loop(body: Any) -> Any:
        return lambda x: sg.fori_loop(0, 10, body, x).sum()

    kept, again = (loops_in(gradient_of(loop(body), X))[0] for body in (step, sg.checkpoint(step)))
    assert saved_per_iteration(kept) > 3
    assert saved_per_iteration(again) == 3
    np.testing.assert_allclose(sg.grad(loop(sg.checkpoint(step)))(X), sg.grad(loop(step))(X), rtol=1e-12)


def test_a_checkpointed_function_may_write_its_argument_and_read_around_it() -> None:
    def f(x: Any, s: Any) -> Any:
        @sg.checkpoint
        def shift(a: Any) -> None:
            a[1:] += s * a[:-1]

        y = x * 1.0
        shift(y)
        return (y**2).sum()

    y = np.array([X[0], X[1] + 2 * X[0], X[2] + 2 * X[1]])
    np.testing.assert_allclose(sg.grad(f, 1)(X, 2.0), 2 * (y[1] * X[0] + y[2] * X[1]))


def bad_pair(x: Any) -> Any:
    return sg.custom_vjp(np.sin).defvjp(np.sin, lambda kept, ct: (ct,))(x)


def bad_count(x: Any) -> Any:
    return sg.custom_vjp(lambda x, y: x * y).defvjp(lambda x, y: (x * y, x), lambda kept, ct: (ct,))(x, x)


def bad_shape(x: Any) -> Any:
    return sg.custom_vjp(lambda x: x * 1.0).defvjp(lambda x: (x, x), lambda kept, ct: (ct * np.ones(2),))(x)


def bad_capture(x: Any) -> Any:
    return sg.custom_vjp(lambda y: x * y).defvjp(lambda y: (y, y), lambda kept, ct: (ct,))(2.0)


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (sg.custom_vjp(lambda x: x), ArgumentError, ".defvjp(forward, backward)"),
        (bad_pair, TraceError, "(out, residuals)"),
        (bad_count, TraceError, "a tuple of 2"),
        (bad_shape, TraceError, "float64[2]"),
        (bad_capture, TraceError, "pass it as an argument"),
    ],
)
def test_mistakes(function: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind) as caught:
        sg.grad(function)(1.0)
    assert text in str(caught.value)
