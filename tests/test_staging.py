"""Native branches and the user's own helpers: a traced function computes what Python computes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import TraceError
from tests.interpreted import interpreter, run
from tests.staged import X, gradient_is_right, same_as_python

# modules and helpers


def double(x):
    made = np.zeros_like(x)
    made[...] = 2 * x
    return made


def logged(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)

    return call


@logged
def fill(x, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = x[i] * math.exp(-i)
    return out


class Model:
    def __init__(self, rate):
        self.rate = rate
        self.__steps = 20

    def __call__(self, x):
        y = np.zeros(len(x))
        for _ in range(self.__steps):
            y = self.step(y, x)
        return y

    def step(self, y, x):
        return y + self.rate * (x - y)


def factorial(x, n):
    return x if n == 0 else factorial(x * n, n - 1)


def writes_output(x, out):
    for i in range(len(x)):
        out[i] = x[i] ** 2


def with_output(x):
    out = np.zeros(len(x))
    writes_output(x, out)
    np.multiply(out, 2, out=out)
    return out


def imports_inside(x):
    import numpy

    out = numpy.zeros(3)
    out[1] = x[0]
    return out


HELPED: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lambda x: double(x), (X,)),
    (lambda x: fill(x, 5), (X,)),
    (lambda x: fill(x, 20), (X,)),
    (Model(0.1), (X,)),
    (lambda x: factorial(x, 5), (X,)),
    (with_output, (X,)),
    (imports_inside, (X,)),
    (lambda x: np.stack([*map(double, [x, x])]), (X,)),
    (functools.partial(fill, n=4), (X,)),
]


@pytest.mark.parametrize(("function", "args"), HELPED)
def test_helpers_are_traced_as_well(function, args):
    same_as_python(function, *args)
    gradient_is_right(function, *args)


def test_later_rebinding_is_seen():
    factor = 1.0

    def scaled(x):
        return factor * x

    compiled = sg.jit(lambda x: scaled(x).sum())
    factor = 3.0
    with interpreter():
        assert compiled(X) == pytest.approx(3 * X.sum())


def test_lines_are_the_users():
    def wrong(x):
        for i in range(100):
            x[i % 3] = x + 1
        return x

    line = wrong.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"test_staging.py:{line}: "):
        run(wrong, X)


# branches


def piecewise(x):
    if x > 1:
        return x * 2
    if -1 < x < 0.5 or x < -3:
        y = np.sin(x)
    else:
        y = x * x if x > 0 else -x
    return y + 1


def guarded(x):
    i = int(x * 10)
    return X[i] * x if i < len(X) and X[i] > 0.2 else x


def partly_assigned(x):
    if x > 0:
        t = np.exp(x)
    y = x + 1
    if x > 0:
        y = y * t
    return y


def writes(x):
    a = np.zeros(3)
    if x > 0:
        a[1] = x
    else:
        a[2] = -x
    return a


def checked(x):
    if x < -100:
        raise ValueError("too small")
    assert x > -100, "too small"
    return min(x, 1.0) + max(x, 0.2, 0.1) + float(x)


@pytest.mark.parametrize("function", [piecewise, guarded, partly_assigned, writes, checked])
@pytest.mark.parametrize("x", [-4.0, -2.0, -0.3, 0.33, 0.72, 1.53, 3.0])
def test_branches(function, x):
    if function is guarded and x < 0:
        return
    same_as_python(function, np.float64(x))
    gradient_is_right(function, np.float64(x))


def test_branches_that_disagree_are_named():
    def differs(x):
        if x > 0:
            y = np.zeros(3)
        else:
            y = np.zeros(4)
        return y

    with pytest.raises(TraceError, match=r"y is float64\[3\] if the condition holds and float64\[4\] if not"):
        run(differs, 1.0)


def test_lambdas_of_the_same_names_on_one_line():
    x, y = np.arange(9.0).reshape(3, 3), np.arange(9.0).reshape(3, 3) ** 2
    # fmt: off
    for function in (lambda a, b: a @ b, lambda a, b: a.T @ b, lambda a, b: a @ b.T, lambda a, b: a.T @ b.T):
        np.testing.assert_allclose(run(function, x, y), function(x, y))
    # fmt: on
