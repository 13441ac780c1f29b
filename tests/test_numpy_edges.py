"""What NumPy refuses is refused; matrices of lower rank; static arguments that look alike are not taken for equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from tests.interpreted import gradient, interpreter, run

INTEGERS = np.arange(1, 4)

# integers


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: x**-1,
        lambda x, n: np.power(x, -2),
        lambda x, n: x ** np.array([1, 2, -1]),
        lambda x, n: 2 ** (x - 3),
        lambda x, n: x**n,
        lambda x, n: np.power(x, n),
        lambda x, n: x[0] ** n[2],
        lambda x, n: x.__ipow__(n),
    ],
)
def test_negative_powers_of_integers(function: Callable[..., Any]) -> None:
    n = np.array([1, 0, -1])
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed"):
        function(INTEGERS.copy(), n)
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed"):
        run(function, INTEGERS.copy(), n)


def test_compiled_negative_powers_of_integers() -> None:
    raised = sg.jit(lambda x, n: x**n)
    np.testing.assert_array_equal(raised(INTEGERS, 2), INTEGERS**2)
    with pytest.raises(ValueError, match="Integers to negative integer powers"):
        raised(INTEGERS, -1)
    np.testing.assert_array_equal(raised(INTEGERS, INTEGERS), INTEGERS**INTEGERS)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 2**64,
        lambda x: x + 2**63,
        lambda x: x.astype(np.uint8) + 300,
        lambda x: x.astype(np.uint8) + (-1),
        lambda x: x ** (2**65),
        lambda x: x.__setitem__(0, 2**70),
        lambda x: np.int8(300) + x,
    ],
)
def test_python_integers_beyond_the_dtype(function: Callable[..., Any]) -> None:
    for call in (lambda: function(INTEGERS), lambda: run(function, INTEGERS)):
        with pytest.raises(OverflowError):
            call()


# indices out of bounds


@pytest.mark.parametrize(
    "function",
    [
        lambda x, i: np.choose(i, [x, 2 * x]),
        lambda x, i: np.choose(np.array([0, 5, 0]), [x, 2 * x]),
        lambda x, i: np.unravel_index(i, (2, 2)),
        lambda x, i: np.unravel_index(-i, (2, 2), "F"),
        lambda x, i: np.ravel_multi_index((i, i), (9, 3)),
        lambda x, i: np.take(x, i),
        lambda x, i: np.take_along_axis(x, i, 0),
        lambda x, i: x[i],
        lambda x, i: np.put(x, i, 1.0),
    ],
)
def test_indices_out_of_bounds(function: Callable[..., Any]) -> None:
    x, i = np.arange(3.0), np.array([1, 7, 0])
    for call in (lambda: function(x, i), lambda: run(function, x, i)):
        with pytest.raises((ValueError, IndexError)):
            call()


def test_indices_within_bounds() -> None:
    def program(i: Any) -> Any:
        rows, columns = np.unravel_index(i, (3, 4))
        first, second = np.unravel_index(i, (3, 4), "F")
        clipped = np.ravel_multi_index((rows + 2, columns), (3, 4), mode=("clip", "wrap"))
        return rows, columns, first, second, np.ravel_multi_index((rows, columns), (3, 4)), clipped

    i = np.array([0, 5, 11])
    for found, wanted in zip(run(program, i), program(i), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_compiled_choices_out_of_bounds() -> None:
    chosen = sg.jit(lambda x, i: np.choose(i, [x, 2 * x]))
    np.testing.assert_array_equal(chosen(np.arange(3.0), np.array([0, 1, 1])), [0.0, 2.0, 4.0])
    for i in (np.array([0, 2, 1]), np.array([0, -1, 1])):
        with pytest.raises(IndexError):
            chosen(np.arange(3.0), i)


# matrices of lower rank


@pytest.mark.parametrize(
    "a", [np.ones((5, 2)), np.ones((2, 5)), np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]), np.eye(3)[:, :2]], ids=str
)
def test_least_squares_of_any_rank(a: Any) -> None:
    b = np.linspace(0.1, 1.0, a.shape[0])
    wanted = np.linalg.lstsq(a, b)
    found = run(lambda a, b: tuple(np.linalg.lstsq(a, b)), a, b)
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-12)
    assert found[2] == wanted[2] == run(np.linalg.matrix_rank, a)
    np.testing.assert_allclose(found[3], wanted[3], atol=1e-12)
    if wanted[1].size:
        np.testing.assert_allclose(found[1], wanted[1], atol=1e-12)
    slopes = gradient(lambda b: np.sum(np.linalg.lstsq(a, b)[0] ** 2), b)
    np.testing.assert_allclose(slopes, 2 * np.linalg.pinv(a).T @ wanted[0], atol=1e-12)


def test_rank_and_least_squares_with_a_cutoff() -> None:
    a, b = np.diag([1.0, 0.5]), np.array([0.1, 0.2])
    np.testing.assert_allclose(run(lambda a: np.linalg.lstsq(a, b, rcond=0.9)[0], a), [0.1, 0.0])
    np.testing.assert_array_equal(run(lambda a: np.linalg.matrix_rank(a, tol=0.7), a), 1)
    np.testing.assert_array_equal(run(lambda a: np.linalg.matrix_rank(a, rtol=0.7), a[None]), [1])
    np.testing.assert_array_equal(run(lambda a: np.linalg.matrix_rank(a[0]), a), np.linalg.matrix_rank(a[0]))


# static arguments


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((2,), (2.0,)),
        (0.0, -0.0),
        (1, True),
        (1, 1.0),
        ((0.0,), (-0.0,)),
        (1j, complex(-0.0, 1)),
        (((1,),), ((True,),)),
    ],
    ids=str,
)
def test_static_arguments_that_only_compare_equal(one: Any, other: Any) -> None:
    assert one == other
    seen: list[Any] = []

    def noted(x: Any, static: Any) -> Any:
        seen.append(static)
        return x

    with interpreter():
        function = sg.jit(noted, static_argnums=1)
        for static in (one, other, one, other):
            function(1.0, static)
    assert [repr(static) for static in seen] == [repr(one), repr(other)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"static_argnames": "m"}, "static_argnames 'm' is no parameter.*x, n"),
        ({"static_argnames": ("n", "m")}, "static_argnames 'm'"),
        ({"static_argnums": 2}, "static_argnums 2 is out of range.*x, n"),
        ({"static_argnums": -3}, "static_argnums -3"),
    ],
)
def test_static_arguments_that_are_none(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sg.jit(lambda x, n: x, **options)
    with pytest.raises(ValueError, match=message):
        sg.grad(lambda x, n: x, **options)


def test_static_arguments_of_functions_that_take_any() -> None:
    with interpreter():
        assert sg.jit(lambda x, **options: x * options["m"], static_argnames="m")(1.0, m=2) == 2
        assert sg.jit(lambda *args: args[0] * args[2], static_argnums=2)(1.0, 3.0, 2) == 2
    for argnums in ("x", 1.0):
        with pytest.raises(TypeError, match="argnums is"):
            sg.grad(lambda x, n: x, argnums)(1.0, 2.0)  # type: ignore[arg-type]
