"""`sg.pure_callback`: Python functions that cannot be traced, called from compiled code."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

import srcgrad as sg
from srcgrad.core import callback
from tests.interpreted import interpreter


@sg.custom_vjp
def integral(a):
    return sg.pure_callback(lambda a: quad(lambda t: np.exp(-a * t), 0.0, 1.0)[0], 0.0, a)


integral.defvjp(
    lambda a: (integral(a), a),
    lambda a, ct: (ct * sg.pure_callback(lambda a: quad(lambda t: -t * np.exp(-a * t), 0.0, 1.0)[0], 0.0, a),),
)


def slope_of_integral(a):
    return (np.exp(-a) * (a + 1) - 1) / a**2


def test_a_function_that_cannot_be_traced_has_the_derivative_that_it_is_given() -> None:
    value, slope = sg.value_and_grad(lambda a: integral(a) ** 2)(1.5)
    exact = (1 - np.exp(-1.5)) / 1.5
    np.testing.assert_allclose([value, slope], [exact**2, 2 * exact * slope_of_integral(1.5)], rtol=1e-10)
    with interpreter():
        np.testing.assert_allclose(sg.grad(integral)(1.5), slope_of_integral(1.5), rtol=1e-10)


def test_arrays_pytrees_and_integers_go_in_and_come_out() -> None:
    def host(pair, scale, *, unused=None):
        x, n = pair
        assert type(x) is np.ndarray
        assert isinstance(scale, np.floating)
        return {"scaled": x * scale, "count": n + x.shape[1], "spline": CubicSpline(np.arange(3), x[0])(0.5)}

    def program(x, n, scale):
        like = {"scaled": np.zeros((2, 3)), "count": 0, "spline": 0.0}
        found = sg.pure_callback(host, like, (x, n), scale)
        return found["scaled"].sum() * found["spline"], found["count"], found

    x = np.arange(6.0).reshape(2, 3)
    expected, found = program(x, 4, 0.5), sg.jit(program)(x, 4, 0.5)
    for a, b in zip(sg.tree.leaves(found), sg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b)
        assert a.dtype == np.asarray(b).dtype


def test_loops_and_branches_call_as_often_as_they_run() -> None:
    calls = []

    def host(v, i):
        calls.append(int(i))
        return v * i

    def program(x):
        total = 0.0
        for i in range(40):
            if x[0] + i > 10.0:
                total = total + np.sum(sg.pure_callback(host, x, x, i))
        return total

    x = np.arange(3.0)
    expected = program(x)
    calls.clear()
    assert sg.jit(program)(x) == expected
    assert calls == list(range(11, 40))


def test_results_may_be_empty_complex_or_of_no_arguments() -> None:
    def program(x):
        nothing = sg.pure_callback(lambda x: x[:0], np.zeros(0), x)
        turned = sg.pure_callback(lambda x: 1j * x, np.zeros(2, complex), x)
        return nothing.sum() + turned.imag.sum() + sg.pure_callback(lambda: 3.0, 0.0)

    assert sg.jit(program)(np.array([1.0, 2.0])) == 6.0


def test_an_exception_reaches_the_caller_and_the_next_call_works() -> None:
    def host(x):
        if x < 0:
            raise ValueError("below zero")
        return np.sqrt(x)

    def program(x):
        return sg.pure_callback(host, 0.0, x) + 1.0

    compiled = sg.jit(program)
    with pytest.raises(ValueError, match="below zero"):
        compiled(-1.0)
    assert compiled(4.0) == 3.0


def test_a_result_of_another_shape_or_structure_is_an_error() -> None:
    def program(x):
        return sg.pure_callback(lambda x: x, 0.0, x)

    with pytest.raises(sg.SrcgradError, match=r"returned shape \(3,\) where result_like has \(\)"):
        sg.jit(program)(np.ones(3))
    with pytest.raises(sg.SrcgradError, match="returned"):
        sg.jit(lambda x: sg.pure_callback(lambda x: (x, x), x, x))(np.ones(3))


def test_a_derivative_that_nobody_gave_is_an_error_with_the_line_and_a_cure() -> None:
    def program(x):
        return sg.pure_callback(lambda x: x.sum(), 0.0, x)

    with interpreter(), pytest.raises(NotImplementedError, match=r"test_callback.py:\d+: .*sg.custom_vjp"):
        sg.grad(program)(np.ones(3))


def test_functions_are_told_apart_and_freed_with_their_programs() -> None:
    def made(k):
        return sg.jit(lambda x: sg.pure_callback(lambda x: x * k, 0.0, x))

    programs = [made(k) for k in range(3)]
    assert [program(1.0) for program in programs] == [0.0, 1.0, 2.0]
    gc.collect()
    before = len(callback._found)
    with interpreter():
        for k in range(5):
            made(k)(1.0)
    gc.collect()
    assert len(callback._found) <= before + 1


def test_threads_may_call_at_the_same_time() -> None:
    compiled = sg.jit(lambda x: sg.pure_callback(lambda x: x * x, 0.0, x) + 1.0)
    compiled(1.0)
    found: dict[int, float] = {}

    def work(k):
        found[k] = [compiled(float(k)) for _ in range(50)][-1]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: k * k + 1.0 for k in range(4)}
