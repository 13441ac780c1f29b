"""Small programs that compile to something delicate: order of reads and writes, names, empty arrays, narrow types.

Each was wrong once, or is next to one that was. A program runs as it stands on plain arrays, and compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.numpy as snp
from srcgrad.core import tree
from srcgrad.core.settings import override
from tests.interpreted import gradient as interpreted_gradient
from tests.interpreted import run as interpreted

CASES: list[Any] = []


def case(*arrays: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a program and what it is run on."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(pytest.param(function, arrays, id=function.__name__))
        return function

    return enter


LINE = np.linspace(-1.0, 1.0, 5)
LONG = np.linspace(-1.0, 1.0, 40)


# carried values: all are read at their old value, then written


@case(LINE)
def a_carry_is_read_before_it_is_written(x):
    return sg.fori_loop(0, 3, lambda i, c: (c[0] + 1.0, np.sin(c[0]) * 2.0), (x[0], x[1]))


@case(LONG)
def an_array_is_read_before_it_is_written(x):
    return sg.fori_loop(0, 3, lambda i, c: (c[0] + 1.0, np.sin(c[0]) * 2.0), (x, x * 2))


@case(LONG)
def carries_change_places(x):
    return sg.fori_loop(0, 3, lambda i, c: (c[1], c[0], c[2] + c[0][::-1]), (x, -x, x * 0))


@case(LONG)
def a_carry_is_read_at_other_elements(x):
    return sg.fori_loop(0, 3, lambda i, c: (np.roll(c[0], 1) + c[1], c[0] * 0.5), (x, -x))


@case(LONG)
def loops_in_loops(x):
    return sg.fori_loop(0, 3, lambda i, c: sg.fori_loop(0, i, lambda j, d: d * 0.5 + c[::-1] * j, c), x)


@case(LINE)
def a_sum_of_what_is_carried(x):
    def body(carry, row):
        return np.sin(carry * row), carry.sum() + row

    return sg.scan(body, x, x * 2)


@case(np.linspace(0.0, 1.0, 180).reshape(18, 10))
def rows_are_collected(x):
    return sg.scan(lambda c, row: (c * 0.5, (np.cos(c), c[::-1] @ row)), x, np.ones((2, 10)))


# what decides a branch or a loop


@case(LINE)
def a_condition_out_of_an_array(x):
    return sg.scan(lambda c, f: (sg.cond(f, lambda c: c * 2.0, lambda c: c - 1.0, c), c), x[0], x > 0)


@case(LINE, np.array([1, 2, 0]))
def a_trip_count_out_of_an_array(x, counts):
    return sg.scan(lambda c, n: (sg.fori_loop(0, n, lambda i, c: c * 1.5 + 1, c), c), x[0], counts + 1)


@case(LONG)
def a_condition_on_one_element(x):
    return sg.while_loop(lambda c: (c > -3.0)[7], lambda c: c - 1.0, x)


@case(LONG)
def a_condition_on_all_elements(x):
    return sg.while_loop(lambda c: np.all(np.abs(c) < 3.0), lambda c: c * 1.7 + 0.1, x)


# names


@case(LINE)
def variables_called_like_functions(x):
    tanh = np.tanh(x)
    exp = np.tanh(tanh)
    where = np.exp(exp)
    float64 = where * np.where(where > 0, exp, 1.0)
    sort = np.sort(float64)
    cumsum = np.cumsum(sort)
    np_ = np.cumsum(cumsum) + np.sort(cumsum)
    view = local = kernel = np_ * 2
    return view + local + kernel


@case(LINE)
def exp(x):
    return np.exp(x) * 2


@case(LINE, np.arange(6.0).reshape(2, 3))
def elements_called_like_other_variables(t, t_0):
    t_1 = t * 2
    t1 = t_0 + t_1[0]
    t_0_1 = t1 * t1[0]
    return t_1 + t_0_1.sum(), t1 * t_0_1


# writes


@case(LINE)
def added_to_a_constant(x):
    z = snp.zeros(3)
    snp.add.at(z, [1, 1], x[:2])
    z[2] = x[3]
    return z * 2


@case(LONG)
def added_often_to_one_element(x):
    z = snp.zeros(3)
    snp.add.at(z, np.ones(40, int), x)
    return z


@case(np.arange(12.0).reshape(3, 4), np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1]]))
def the_last_of_several_writes_stays(x, k):
    z = snp.zeros(2)
    z[k] = x
    return z, (x * 2).sum(axis=1)


@case(LINE)
def joined_from_one_array(x):
    a = x * x
    return np.concatenate([a[:1], a, a[::-1]]) ** 2, x * a


@case(LONG)
def written_and_read_through_views(x):
    y = x.copy()
    y[::2] = y[1::2] * 2
    y[1:] -= y[:-1]
    y.reshape(8, 5)[:, 2] = 7.0
    return y, y[::-1] * x


@case(np.arange(16.0).reshape(4, 4))
def a_matrix_and_its_transpose(x):
    y = x.copy()
    y += y.T
    return y - x.T, np.einsum("ii->i", y), y @ x.T


# booleans and narrow integers


@case(LINE)
def negated_constants(x):
    always = np.full(5, True)
    return np.where(~always, x, -x), ~(np.zeros(5) != 0.25), np.logical_not(always)


@case(np.array([100, -128, 3, 5], np.int8), np.array([3, -1, 2, 7], np.int8))
def bytes_wrap_around(a, b):
    return a * b, a - b, a // b, a % b, a << 1, np.abs(a), -a, a.sum(), np.cumsum(a), np.sum(a & b, dtype=np.int8)


@case(np.array([100, 128, 3, 250], np.uint8), np.array([3, 1, 2, 7], np.uint8))
def unsigned_bytes_wrap_around(a, b):
    return a * b, a - b, a // b, a % b, a << 1, a.sum(), a.max(), a.min(), np.argmax(a), np.argmin(a), a > b


@case(np.array([2**63, 3, 5], np.uint64))
def large_unsigned_numbers(a):
    return a + np.uint64(2**63), a * np.uint64(2), a > 5, a.astype(float), a.max()


@case(np.array([3, -7, 0, 2], np.int32), np.array([True, False, True, True]))
def mixed_types(k, mask):
    return k * 2, k + mask, k / 2, k * 0.5, np.where(mask, k, 1.5), mask.sum(), mask * k, k.mean(), (k > 0) & mask


# empty arrays and extents of one


@case(np.zeros((2, 0, 3)), np.zeros((0, 4)))
def no_elements(x, y):
    joined = np.concatenate([y, np.ones((2, 4))])
    return (
        x.reshape(0, 7),
        x.sum(axis=1),
        x.sum(),
        y @ np.ones((4, 2)),
        y.T @ np.ones((0, 3)),
        joined,
        y[:, ::-1],
        x.prod(),
    )


@case(np.zeros((3, 0)), np.array([], dtype=int))
def no_iterations(x, k):
    picked = np.arange(5.0)[k]
    return sg.scan(lambda c, row: (c + 1.0, row * 2), 0.0, x), sg.fori_loop(0, 0, lambda i, c: c + 1, x[:, :0]), picked


@case(np.ones((1, 1, 3)), np.ones(1))
def extents_of_one(x, y):
    looped = sg.scan(lambda c, row: (c + row.sum(), row * c), 0.0, x)
    return x.squeeze() + y, x.argmax(axis=0), x.max(axis=(0, 1)), np.einsum("abi,i->", x, x[0, 0]), looped, y @ y


# results


@case(LINE, 2.0)
def results_that_are_arguments_constants_or_twice_the_same(x, s):
    y = x * s
    return x, x, s, y, y, 3.0, np.arange(3), y.reshape(5, 1), y[::-1], x.T, True, (y.sum(), y.sum())


@case(LINE)
def no_result(x):
    return None


@pytest.mark.parametrize(("function", "arrays"), CASES)
def test_compiled(function: Callable[..., Any], arrays: tuple[Any, ...]) -> None:
    expected = interpreted(function, *tree.map(np.array, arrays))
    found = sg.jit(function)(*tree.map(np.array, arrays))
    assert tree.flatten(found)[1] == tree.flatten(expected)[1]
    for a, b in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


# what a gradient needs of comparisons that are computed twice


def largest_of_a_sum(x, y, z, w):
    return np.max(x * y + z * w, axis=1).sum()


def largest_of_a_broadcast(x, y, z, w):
    return (np.max(x[:, :1] + y[0] - w, axis=0) * z[0]).sum() + np.min(x + y[0] + z[:, :1], axis=1).sum()


@pytest.mark.parametrize("shape", [(5, 7), (33, 40), (3, 1000)])
@pytest.mark.parametrize("function", [largest_of_a_sum, largest_of_a_broadcast])
def test_an_extremum_is_found_again_by_its_gradient(function: Any, shape: tuple[int, int]) -> None:
    """The reverse pass compares with the extremum; were the operand computed in another order, none would be equal."""
    rng = np.random.default_rng(sum(shape))
    arrays = [rng.normal(size=shape) for _ in range(4)]
    found = sg.grad(function, (0, 1, 2, 3))(*arrays)
    expected = interpreted_gradient(function, *arrays, argnums=(0, 1, 2, 3))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_stack_is_bounded() -> None:
    """Forty arrays that lie between loops would fill the stack of a thread."""
    x = np.linspace(0.0, 1.0, 1900)

    def spread(x):
        centred = [y - np.mean(y) for y in (np.sqrt(x + k) for k in range(40))]
        return sum(np.sum(y * y * np.max(y)) for y in centred)

    function = sg.jit(spread)
    with override(roll_repetitions=10**6):  # as a loop it would keep one of them
        np.testing.assert_allclose(function(x), spread(x), rtol=1e-9)
    assert function.last is not None
    assert function.last.executable.module.workspace_bytes > 10 * x.nbytes


@pytest.mark.parametrize("name", ["view", "np", "kernel", "range", "min", "float32", "part", "sin", "workspace", "at"])
def test_functions_and_arguments_may_be_named_as_things_in_a_module(name):
    namespace: dict[str, Any] = {"numpy": np}
    exec(f"def {name}(x, w): return numpy.sum(numpy.sin(x @ w))", namespace)
    exec(f"def f({name}, w): return numpy.sum(numpy.sin({name} @ w))", namespace)
    x = np.random.default_rng(0).random((40, 40))
    expected = np.sum(np.sin(x @ x))
    for function in (namespace[name], namespace["f"]):
        np.testing.assert_allclose(sg.jit(function)(x, x), expected)
