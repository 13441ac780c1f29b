"""What a user reads when a program cannot be traced: the line, the public name of the function, a cure that works."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.stats

import srcgrad as sg
from srcgrad.core import settings
from tests.interpreted import gradient, interpreter, run
from tests.staged import gradient_is_right, same_as_python

X = np.linspace(0.1, 1.0, 5)


def grows_in_a_branch(x):
    out = []
    for v in x:
        if v > 0.5:
            out.append(v * 2.0)
        else:
            pass
    return sum(out)


def grows_in_a_while(x):
    out = [x[0]]
    while out[-1] < 10:
        out.append(out[-1] * 2)
    return sum(out)


def changes_its_shape(x):
    while x.sum() < 100:
        x = np.concatenate([x, x])
    return x.sum()


def writes_a_row_into_an_element(x):
    a = np.zeros(3)
    a[0] = [x[0], x[1]]
    return a


def writes_into_an_array_of_a_library(x):
    a = scipy.linalg.hilbert(3)
    a[0, 0] = x[0]
    return a


@numba.guvectorize(["float64[:], float64[:]"], "(n)->()")
def generalised(a, out):
    out[0] = a.sum()


PUBLIC = r"sg\.pure_callback.*sg\.custom_vjp"
REFUSED: list[tuple[Callable[..., Any], str]] = [
    (lambda x: scipy.stats.gaussian_kde(x)(x), rf"scipy\.stats\.gaussian_kde .*{PUBLIC}"),
    (lambda x: scipy.integrate.quad(lambda t: t * x[0], 0, 1)[0], rf"scipy\.integrate\.quad .*{PUBLIC}"),
    (lambda x: scipy.interpolate.interp1d(np.arange(5), x)(2.5), rf"scipy\.interpolate\.interp1d .*{PUBLIC}"),
    (lambda x: scipy.interpolate.CubicSpline(np.arange(5), x)(2.5), rf"scipy\.interpolate\.CubicSpline .*{PUBLIC}"),
    (lambda x: scipy.optimize.brentq(lambda t: t - x[0], 0, 1), rf"scipy\.optimize\.brentq .*{PUBLIC}"),
    (lambda x: np.packbits(x), rf"numpy\.packbits .*{PUBLIC}"),
    (lambda x: np.lexsort((x,)), r"numpy\.lexsort is not supported on traced arrays\. What cannot be traced"),
    (lambda x: generalised(x), r"generalised is not supported on traced arrays"),
    (lambda x: {x[0]: 1}, r"a traced array can be no key of a dict"),
    (lambda x: {x[0], x[1]}, r"no element of a set"),
    (lambda x: {0: 1.0}[x[0]], r"a traced array can be no key of a dict"),
    (lambda x: x.tolist(), r"tolist\(\) of a traced array is not known"),
    (lambda x: x.item(), r"can only convert an array of size 1"),
    (grows_in_a_branch, r"out grows or shrinks in a branch"),
    (grows_in_a_while, r"out grows or shrinks in the loop"),
    (changes_its_shape, r"x changes in the loop: it comes into an iteration as float64\[5\]"),
    (writes_a_row_into_an_element, r"setting an array element with a sequence\. Assign one number"),
    (writes_into_an_array_of_a_library, r"no part of the program.*np\.array\(a\)"),
]


@pytest.mark.parametrize(("program", "message"), REFUSED)
def test_what_cannot_be_traced_is_refused_by_line_and_public_name(program: Callable[..., Any], message: str) -> None:
    for transform in (run, gradient):
        with pytest.raises(sg.SrcgradError) as caught:
            transform(program, X)
        text = str(caught.value)
        assert re.match(r"test_users_errors\.py:\d+: ", text)
        assert re.search(message, text)
        assert type(caught.value).__module__.startswith(("srcgrad.core.errors", "srcgrad.numpy"))


def test_the_cure_for_an_array_of_a_library_works() -> None:
    def program(x):
        a = np.array(scipy.linalg.hilbert(3))
        a[0, 0] = x[0]
        return a

    same_as_python(program, X)


# What looks like a conversion and is none


def test_numbers_of_one_element_stay_in_the_program() -> None:
    def program(x):
        first = x[0].item() * np.float64(x[1]) + float(x[2])
        return first * x[3:4].item() + x.item(4) * x.reshape(1, 5).item(0, 1) + np.float64(x).sum()

    same_as_python(program, X)
    gradient_is_right(program, X)


def test_numpys_scalar_types_convert() -> None:
    def program(x):
        return np.float32(x[0]) * np.float32(3), np.int64(x[1] * 10), np.bool_(x[2]), np.complex128(x[3])

    same_as_python(program, X)
    assert run(program, X)[0].dtype == np.float32


# Functions that Numba compiles


@numba.njit
def weighted(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        if a[i] > 0.3:
            total += a[i] * b
    return total


@numba.njit(parallel=True)
def doubled(a):
    out = np.empty_like(a)
    for i in numba.prange(a.shape[0]):
        out[i] = 2.0 * weighted(a, a[i])
    return out


@numba.vectorize
def square(a):
    return a * a + 1.0


def test_functions_that_numba_compiles_are_traced_through_their_source() -> None:
    def program(x):
        return doubled(x).sum() + square(x).sum()

    def plain(x):
        return doubled.py_func(x).sum() + (x * x + 1.0).sum()

    np.testing.assert_allclose(run(program, X), plain(X), rtol=1e-12)
    np.testing.assert_allclose(gradient(program, X), gradient(plain, X), rtol=1e-12)
    np.testing.assert_allclose(gradient(weighted, X, 0.5), np.where(X > 0.3, 0.5, 0.0))


# Tracebacks


def helper(v):
    if v[0] > 3:
        return v[0:2] + np.ones(7)
    return v


def calls_a_helper(x):
    return helper(np.sin(x)).sum()


def _frames(function: Callable[..., Any]) -> list[str]:
    with interpreter(), pytest.raises(sg.SrcgradError) as caught:
        sg.grad(function)(X)
    return [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_tracebacks_hide_our_frames_but_for_the_call() -> None:
    with settings.override(traceback="filtered"):
        assert [name.endswith("function.py") for name in _frames(calls_a_helper)].count(True) == 1
        assert all("/srcgrad/" not in name or name.endswith("dispatch/function.py") for name in _frames(calls_a_helper))
    with settings.override(traceback="full"):
        assert sum("/srcgrad/" in name for name in _frames(calls_a_helper)) > 3


def test_a_users_own_exception_keeps_its_class_and_its_frames() -> None:
    def program(x):
        raise KeyError("mine")

    with interpreter(), settings.override(traceback="filtered"), pytest.raises(KeyError, match="mine") as caught:
        sg.grad(program)(X)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "program"


def test_code_without_source_is_named() -> None:
    namespace: dict[str, Any] = {}
    exec("def unsourced(x):\n    if x.sum() > 1.0:\n        return x.sum()\n    return 2.0 * x.sum()", namespace)
    with pytest.raises(sg.SrcgradError, match=r"source of unsourced is not to be had .*write it into a file"):
        run(namespace["unsourced"], X)


def test_messages_name_nested_functions_as_the_user_does() -> None:
    def program(x):
        inner = lambda y: sg.pure_callback(lambda z: z, 0.0, y)  # noqa: E731
        return inner(x)

    with interpreter(), pytest.raises(sg.SrcgradError, match=r"pure_callback: test_messages\w+\.<locals>\.program"):
        sg.jit(program)(X)
