"""`raise` and `assert` under a condition that only the data decide: raised when the function has run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import UnsupportedError
from tests.interpreted import interpreter


def square_root(x: Any, rounds: Any = 30) -> Any:
    if x < 0:
        raise ValueError("no root of a negative number")
    y = x
    while abs(y * y - x) > 1e-12 * x:
        y = 0.5 * (y + x / y)
    assert y < 100, "too large"
    total = 0.0
    for i in range(30):
        if y * i > 40:
            raise RuntimeError("beyond 40")
        total = total + y * i
    return total


TRANSFORMS: list[Callable[..., Any]] = [
    sg.jit,
    sg.grad,
    sg.value_and_grad,
    lambda f: sg.grad(sg.grad(f)),
    lambda f: lambda x: sg.vjp(f, x)[1](1.0),
    lambda f: sg.jit(lambda x: 2.0 * sg.grad(f)(x)),
    lambda f: sg.jit(lambda x: sg.vjp(f, x)[1](1.0)),
    lambda f: sg.grad(lambda x: sg.checkpoint(f)(x) ** 2),
    lambda f: sg.hessian(f),
    lambda f: sg.jacrev(f),
]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_first_that_python_would_raise(transform: Any) -> None:
    function = transform(square_root)
    assert np.isfinite(sg.tree.leaves(function(1.21))).all()
    with pytest.raises(ValueError, match="no root of a negative number"):
        function(-1.21)
    with pytest.raises(AssertionError, match="too large"):
        function(1e5)
    with pytest.raises(RuntimeError, match="beyond 40"):
        function(9.0)
    assert np.isfinite(sg.tree.leaves(function(1.21))).all()


def test_the_exception_names_the_line() -> None:
    with pytest.raises(ValueError, match="no root") as caught:
        sg.jit(square_root)(-1.0)
    if hasattr(caught.value, "__notes__"):
        (note,) = caught.value.__notes__
        assert f"test_raise.py:{square_root.__code__.co_firstlineno + 2}" in note


def test_every_call_raises_an_exception_of_its_own() -> None:
    function, found = sg.jit(square_root), []
    for _ in range(2):
        with pytest.raises(ValueError, match="no root") as caught:
            function(-1.0)
        found.append(caught.value)
    assert found[0] is not found[1]


def test_nothing_is_written_back() -> None:
    def fill(a: Any) -> None:
        a[0] = 5.0
        if a[1] > 3:
            raise ValueError
        a[1] = 7.0

    a = np.zeros(3)
    sg.jit(fill)(a)
    np.testing.assert_array_equal(a, [5, 7, 0])
    b = np.full(3, 9.0)
    with pytest.raises(ValueError):  # noqa: PT011  it has no message
        sg.jit(fill)(b)
    np.testing.assert_array_equal(b, [9, 9, 9])


def test_a_loop_that_does_not_converge() -> None:
    def fixed_point(x: Any) -> Any:
        for _ in range(100):
            new = 0.9 * np.cos(x)
            if abs(new - x) < 1e-10:
                break
            x = new
        else:
            raise RuntimeError("no convergence")
        return x

    assert sg.jit(fixed_point)(1.0) == pytest.approx(fixed_point(1.0))
    with pytest.raises(RuntimeError, match="no convergence"):
        sg.grad(fixed_point)(np.inf)


def test_a_helper_that_raises() -> None:
    class OutOfRange(Exception):
        def __init__(self, name: str, bound: float) -> None:
            super().__init__(f"{name} is beyond {bound}")

    def check(name: str, value: Any) -> None:
        if value > 2.0:
            raise OutOfRange(name, 2.0)

    def fail() -> None:
        raise OutOfRange("z", 1.0)

    def product(x: Any) -> Any:
        check("x", x)
        y = x * x
        check("y", y)
        return y if y > 0.01 else fail()

    assert sg.jit(product)(1.2) == pytest.approx(1.44)
    for x, message in ((3.0, "x is beyond 2.0"), (1.5, "y is beyond 2.0"), (0.0, "z is beyond 1.0")):
        with pytest.raises(OutOfRange, match=message):
            sg.jit(product)(x)


def test_in_a_loop_of_a_program_that_takes_gradients() -> None:
    def slopes(x: Any) -> Any:
        total = 0.0
        for k in range(40):
            total = total + sg.grad(square_root)(x[k])
        return total

    x = np.linspace(0.5, 1.5, 40)
    assert sg.jit(slopes)(x) == pytest.approx(sum(sg.grad(square_root)(value) for value in x))
    x[17] = -1
    with pytest.raises(ValueError, match="no root"):
        sg.jit(slopes)(x)


def test_only_what_is_reached_counts() -> None:
    def nested(x: Any, n: Any) -> Any:
        if n > 2:
            if x > 1:
                raise ValueError("both")
            x = 2 * x
        while n > 0:
            n = n - 1
            assert x > -1, "while"
        return x

    function = sg.jit(nested)
    assert function(2.0, 2) == 2.0
    assert function(0.5, 3) == 1.0
    assert function(-2.0, 0) == -2.0
    for args, message in (((2.0, 3), "both"), ((-2.0, 1), "while")):
        with pytest.raises((ValueError, AssertionError), match=message):
            function(*args)


def test_a_known_condition_raises_while_tracing() -> None:
    def sized(x: Any) -> Any:
        if len(x) < 3:
            raise ValueError("three at least")
        assert x.ndim == 1, "a vector"
        return x.sum()

    assert sg.jit(sized)(np.ones(3)) == 3.0
    with pytest.raises(ValueError, match="three at least"):
        sg.jit(sized)(np.ones(2))
    with pytest.raises(AssertionError, match="a vector"):
        sg.jit(sized)(np.ones((3, 3)))


def test_where_it_cannot_be_noted() -> None:
    def body(i: Any, carry: Any) -> Any:
        assert carry < 3, "large"
        return carry + 1

    def caught(x: Any) -> Any:
        try:
            if x > 3:
                raise ValueError("large")
        except ValueError:
            x = 0 * x
        return x

    with pytest.raises(UnsupportedError, match=r"test_raise\.py:\d+: whether this AssertionError .* body of fori_loop"):
        sg.jit(lambda x: sg.fori_loop(0, 10, body, x))(1.0)
    with pytest.raises(UnsupportedError, match=r"test_raise\.py:\d+: whether this ValueError .* a try statement"):
        sg.jit(caught)(1.0)


def test_a_program_that_cannot_fail_has_no_flag() -> None:
    def plain(x: Any) -> Any:
        assert x.shape == (3,)
        return x * 2

    with interpreter():
        assert len(sg.jit(plain).specialise(np.ones(3)).graph.outputs) == 1
