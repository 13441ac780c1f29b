"""Arguments that share memory or may not be written, results that might be views: NumPy's answer, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core.errors import ArgumentError, ArgumentValueError
from tests.interpreted import interpreter

N = 6


def add_up(a, b):
    a[1:] += b[:-1]
    return (a * b).sum()


def double(a, b):
    a *= 2.0
    return a + b


def crossed(a, b):
    first = a[0] + 1.0
    b[:2] = first
    a[2] = b[1] * 3.0
    return a.sum() * b, first


def swept(a, b):
    for i in range(1, len(a)):
        a[i] = a[i - 1] + b[i] * 0.5
    return b * 1.0


def undone(a, b):
    old = a.copy()
    a[:] = 7.0
    seen = b * 2.0
    a[:] = old
    return seen


def branched(a, b):
    if a[0] > 0.5:
        a[...] = b + 1.0
    else:
        b[0] = 9.0
    return a - 2 * b


def unwritten(a, b):
    return a * b + a.sum()


FUNCTIONS = (add_up, double, crossed, swept, undone, branched, unwritten)


def base() -> Any:
    return np.linspace(0.7, 2.0, 2 * N)


def matrix() -> Any:
    return np.linspace(0.1, 1.9, 36).reshape(6, 6)


ARRANGEMENTS = {
    "apart": lambda: (base()[:N], base()[:N]),
    "the same array": lambda: (x := base()[:N].copy(), x),
    "another object for it": lambda: ((x := base()[:N].copy()), x[:]),
    "overlapping": lambda: ((x := base())[:N], x[3 : 3 + N]),
    "neighbours": lambda: ((x := base())[:N], x[N:]),
    "interleaved": lambda: ((x := base())[::2], x[1::2]),
    "strides that meet": lambda: ((x := base())[::2], x[:N]),
    "backwards": lambda: ((x := base())[:N], x[:N][::-1]),
    "overlapping backwards": lambda: ((x := base())[2 : 2 + N], x[:N][::-1]),
    "a row and a column": lambda: ((x := matrix())[2], x[:, 2]),
    "a diagonal": lambda: ((x := matrix()).reshape(-1)[:: 6 + 1], x[0]),
    "a subclass": lambda: ((x := base()[:N].copy()), x.view(np.memmap)),
    "other byte order": lambda: ((x := base()[:N].astype(">f8")), x[:]),
    "memory of Python": lambda: ((x := bytearray(base().tobytes())), np.frombuffer(x)[:N], np.frombuffer(x)[1 : N + 1])[
        1:
    ],
}


def outcome(function: Any, arrays: Any) -> Any:
    results = [np.array(leaf) for leaf in sg.tree.leaves(function(*arrays))]
    return [*results, *(np.array(array) for array in arrays)]


@pytest.mark.parametrize("name", ARRANGEMENTS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_arguments_that_overlap(function, name):
    arrange = ARRANGEMENTS[name]
    expected = outcome(function, arrange())
    with interpreter():
        compiled = sg.jit(function)
        for first in (arrange, ARRANGEMENTS["apart"], arrange):
            found = outcome(compiled, first())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_arrangements_in_turn():
    """One compiled function, every arrangement: each call is checked, also by the closures of others."""
    for function in (add_up, crossed, undone):
        with interpreter():
            compiled = sg.jit(function)
            for name in [*ARRANGEMENTS, *reversed(ARRANGEMENTS)]:
                arrange = ARRANGEMENTS[name]
                for a, b in zip(outcome(compiled, arrange()), outcome(function, arrange()), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-13, err_msg=name)


def test_matrices_in_any_layout():
    def update(a, b):
        flat = a.reshape(-1)  # a view of C order, a copy of any other
        flat[3] = 5.0
        a[1] += b[:, 0]
        a.T[0, 2] = 8.0
        return a.T.reshape(-1) * 1.0

    arrangements = {
        "C": lambda: (matrix(), matrix()),
        "F": lambda: (np.asfortranarray(matrix()), matrix()),
        "itself": lambda: ((x := matrix()), x),
        "its transpose": lambda: ((x := matrix()), x.T),
        "transposed twice": lambda: ((x := matrix()).T, x.T),
        "shifted": lambda: ((x := np.linspace(0, 1, 49).reshape(7, 7))[1:, 1:], x[:6, :6]),
        "itself, turned": lambda: ((x := matrix()), x[::-1, ::-1]),
        "rows": lambda: (np.linspace(0, 1, 72).reshape(12, 6)[::2], matrix()),
    }
    with interpreter():
        compiled = sg.jit(update)
        for name in [*arrangements, *reversed(arrangements)]:
            arrange = arrangements[name]
            for a, b in zip(outcome(compiled, arrange()), outcome(update, arrange()), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-13, err_msg=name)


def test_many_arrays_in_containers():
    def step(state, extra):
        for name in state:
            state[name] += extra[0]
        return extra[0].sum()

    def given():
        shared = np.ones(3)
        return {"a": np.ones(3), "b": shared, "c": np.zeros(3), "d": np.arange(3.0)}, [shared]

    with interpreter():
        compiled = sg.jit(step)
        for _ in range(2):
            mine, theirs = given(), given()
            assert compiled(*mine) == step(*theirs)
            for a, b in zip(sg.tree.leaves(mine), sg.tree.leaves(theirs), strict=True):
                np.testing.assert_array_equal(a, b)


def test_the_same_array_compiled():
    x, y = np.arange(4.0), np.arange(4.0)
    compiled = sg.jit(add_up)
    assert compiled(x, np.ones(4)) == add_up(y, np.ones(4))
    assert compiled(x, x) == add_up(y, y)
    np.testing.assert_array_equal(x, y)


def test_elements_of_two_types_in_the_same_bytes():
    x = np.arange(4.0)
    cure = r"arguments a and b share memory.*float64, int64.*b\.copy\(\)"
    z = np.arange(4.0) * 1j
    with interpreter():
        with pytest.raises(ArgumentError, match=cure):
            sg.jit(add_up)(x, x.view(np.int64))
        with pytest.raises(ArgumentError, match="share memory"):
            sg.jit(lambda a, b: (np.add(a, 1.0, out=a), abs(b)))(z.real, z)
        sg.jit(unwritten)(x, x.view(np.int64))


def test_an_array_that_overlaps_itself():
    def write(a):
        a[0] = 4.0
        return a.sum()

    folded = np.lib.stride_tricks.as_strided(np.ones(1), (3,), (0,), writeable=True)
    with interpreter(), pytest.raises(ArgumentError, match=r"argument a is written.*a\.copy\(\)"):
        sg.jit(write)(folded)
    with interpreter(), pytest.raises(ValueError, match="read-only"):
        sg.jit(write)(np.broadcast_to(1.0, (3,)))
    with interpreter():
        assert sg.jit(lambda a, b: write(a) + b.sum())(np.ones(3), np.broadcast_to(1.0, (3,))) == 9.0


def test_derivatives():
    x, scratch = np.linspace(0.5, 1.0, 4), np.zeros(4)

    def through(x, work, other):
        work[:] = x * x
        return (other * x).sum()

    def doubled(a, b):
        a *= 2.0
        return (a * b).sum()

    with interpreter():
        np.testing.assert_allclose(sg.grad(through)(x, scratch, scratch), 3 * x * x)
        np.testing.assert_allclose(sg.grad(through)(x, scratch, np.zeros(4)), 0.0)
        np.testing.assert_array_equal(scratch, 0.0)  # derivatives write nothing back
        np.testing.assert_allclose(sg.grad(doubled)(x, x.copy()), 2 * x)
        for transform in (sg.grad, sg.value_and_grad, lambda f: lambda *args: sg.vjp(f, *args)):
            with pytest.raises(ArgumentError, match=r"arguments a and b share memory.*not defined.*b\.copy\(\)"):
                transform(doubled)(x, x)
        np.testing.assert_allclose(sg.grad(lambda a, b: unwritten(a, b).sum())(x, x), x + 4)


def test_derivatives_inside_of_programs():
    def doubled(a, b):
        a *= 2.0
        return (a * b).sum()

    def slope(a, b):
        return sg.grad(doubled)(a, b)

    def rows(a, b):
        return sg.vjp(lambda a: doubled(a, b), a)[1](1.0)[0]

    x = np.linspace(0.5, 1.0, 4)
    with interpreter():
        for program in (slope, rows):
            np.testing.assert_allclose(sg.jit(program)(x, x.copy()), 2 * x)
        for transform in (sg.jit(slope), sg.jit(rows), sg.jacrev(doubled), sg.jacrev(slope), sg.hessian(doubled)):
            with pytest.raises(ArgumentError, match="not defined"):
                transform(x, x)
        with pytest.raises(ArgumentError, match="not defined"):
            sg.jit(lambda a: slope(a, a))(x)


def test_a_pullback_is_at_its_own_point():
    def f(a, b):
        a *= 2.0
        return a * b

    x, y = np.arange(3.0), np.ones(3)
    with interpreter():
        value, pullback = sg.vjp(f, x, y)
        np.testing.assert_array_equal(x, np.arange(3.0))
        np.testing.assert_array_equal(value, [0, 2, 4])
        x[:], y[:] = 100.0, 100.0
        for _ in range(2):
            of_x, of_y = pullback(np.ones(3))
            np.testing.assert_array_equal(of_x, [2, 2, 2])
            np.testing.assert_array_equal(of_y, [0, 2, 4])


def test_read_only_arguments():
    def f(a, b):
        a += 1.0
        b[0] = 2.0
        return (a * b).sum()

    fixed, free = np.ones(3), np.ones(3)
    fixed.flags.writeable = False
    with interpreter():
        for given in ((fixed, free), (free, fixed), (fixed, fixed)):
            with pytest.raises(ValueError, match="read-only"):
                sg.jit(f)(*given)
            np.testing.assert_array_equal(free, 1.0)
        shared = np.ones(3)
        reader = shared[:]
        reader.flags.writeable = False
        assert sg.jit(add_up)(shared, reader) == add_up((x := np.ones(3)), x)
        np.testing.assert_array_equal(sg.grad(f)(fixed, free), [2, 1, 1])


def test_results_are_never_arguments():
    """A compiled function returns arrays of its own, also where the Python function returns an argument or a view."""
    table = np.arange(3.0)

    def f(x):
        return x, x[1:], x.T, table, {"again": x}

    x = np.arange(4.0)
    for _ in range(2):
        results = sg.tree.leaves(sg.jit(f)(x))
        for result in results:
            assert result.flags.owndata
            assert not np.shares_memory(result, x)
            assert not np.shares_memory(result, table)
        assert not any(np.shares_memory(a, b) for k, a in enumerate(results) for b in results[:k])


def test_a_call_that_writes_nothing_is_not_checked(monkeypatch):
    x = np.arange(4.0)
    with interpreter():
        compiled = sg.jit(unwritten)
        compiled(x, x)
        monkeypatch.setattr(np, "may_share_memory", None)
        compiled(x, x[:])
        writing = sg.jit(add_up)
        monkeypatch.undo()
        writing(x, np.ones(4))
        monkeypatch.setattr(np, "may_share_memory", None)
        writing(x, np.ones(4))


OUTSIDE = np.ones(3)


def test_arguments_that_overlap_what_is_read_from_outside():
    def f(x):
        x[0] = 5.0
        return OUTSIDE.sum()

    with interpreter():
        compiled = sg.jit(f)
        assert compiled(np.ones(3)) == 3.0
        for given in (OUTSIDE, OUTSIDE[:], np.ones((2, 3))[0]):
            if np.shares_memory(given, OUTSIDE):
                with pytest.raises(ArgumentValueError, match=r"writes into argument x, .*OUTSIDE.*pass a copy"):
                    compiled(given)
            else:
                assert compiled(given) == 3.0
        np.testing.assert_array_equal(OUTSIDE, 1.0)
        assert sg.jit(lambda x: (x * OUTSIDE).sum())(OUTSIDE) == 3.0
