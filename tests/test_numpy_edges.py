"""What NumPy refuses is refused; matrices of lower rank; static arguments that look alike are not taken for equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

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


# edges of single functions

BYTES, SMALL, FLAGS = np.array([0, 3, 200], np.uint8), np.array([100, 100, 3], np.int8), np.array([True, False])
CUBE, NONE = np.arange(12.0).reshape(2, 3, 2), np.empty((0, 3))


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (lambda x: np.average(x, weights=x), SMALL),
        (lambda x: np.average(x, weights=x, returned=True), SMALL),
        (lambda x: np.average(x, weights=[0, 1, -1]), SMALL),
        (lambda x: np.average(x, weights=x - x), SMALL),
        (lambda x: np.average(x, axis=1), NONE),
        (lambda x: np.average(x, weights=[1, 2]), CUBE),
        (lambda x: np.average(x, axis=(1, 0), weights=np.arange(6.0).reshape(3, 2), keepdims=True), CUBE),
        (lambda x: np.average(x, axis=(0, 1), weights=np.arange(6.0).reshape(3, 2)), CUBE),
        (lambda x: np.average(x, axis=-2, weights=[1, 2, 4], returned=True), CUBE),
        (lambda x: np.ldexp(x, 2), np.complex128(1j)),
        (lambda x: np.ldexp(1.0, x), np.float64(2)),
        (lambda x: np.round(x, 1), FLAGS),
        (lambda x: np.clip(x, None, None), FLAGS),
        (lambda x: np.clip(x, 0, 1), FLAGS),
        (lambda x: np.clip(x, -1, 2), BYTES),
        (lambda x: x.clip(-1, 300), BYTES),
        (lambda x: np.clip(x, 300, 400), BYTES),
        (lambda x: np.clip(x, 0.5, None), BYTES),
        (lambda x: np.searchsorted(x, 1), CUBE.astype(int)),
        (lambda x: np.searchsorted(x, 1), np.float64(1)),
        *((lambda x, k=k: np.repeat(x, 2, axis=k), np.float64(3)) for k in (0, -1, 1)),
        *((lambda x, k=k: np.take(x, [0, 0], axis=k), np.float64(3)) for k in (0, -1, 1)),
        (lambda x: np.repeat(x, -1), np.empty(0)),
        (lambda x: np.repeat(x, -1), SMALL),
        (np.polyint, np.float64(1)),
        (np.polyder, np.float64(1)),
        (lambda x: np.polyint(x, -1), SMALL),
        (np.nanargmax, np.array([np.nan, np.nan])),
        (np.nanargmin, np.array([np.nan, 2, 1])),
        (lambda x: np.nanargmin(x, axis=1), np.array([[1, np.nan], [np.nan, np.nan]])),
        (lambda x: np.nanargmax(x, axis=0), np.array([[1, np.nan], [np.nan, 2]])),
        (lambda x: np.choose([1, 0], [x[:2], 0]), np.array([1, 2, 3], np.float32)),
        # an initial value has the dtype of the reduction, and True is one
        (lambda x: np.sum(x, initial=True), CUBE),
        (lambda x: np.sum(x, axis=0, initial=2.5), SMALL),
        (lambda x: np.sum(x, dtype=bool, initial=True), FLAGS & False),
        (lambda x: np.prod(x, axis=-1, initial=2.5), SMALL),
        (lambda x: np.min(x, initial=True), CUBE),
        (lambda x: np.max(x, initial=True), NONE),
        (lambda x: np.max(x, initial=2.5), SMALL),
        (lambda x: np.max(x, initial=300), SMALL),
        (lambda x: np.max(x, initial=3), FLAGS),
        (lambda x: np.min(x, initial=0, axis=0, keepdims=True), FLAGS[:0]),
        (lambda x: np.nanmax(x, initial=1), np.array([np.nan, 0.5])),
        (lambda x: np.nansum(x, initial=1, where=x > 1), np.array([np.nan, 0.5, 2])),
        # the axis of a 0-d array
        *(
            (lambda x, f=f: f(x, axis=-1), np.float64(3))
            for f in (np.sum, np.max, np.ptp, np.any, np.argmax, np.argsort)
        ),
        *((lambda x, f=f: f(x, axis=0), np.float64(3)) for f in (np.mean, np.var, np.std, np.average)),
        (np.add.reduce, np.float64(3)),
        (np.add.accumulate, np.float64(3)),
        (lambda x: np.size(x, 0), np.float64(3)),
        # orders
        (lambda x: np.quantile(x, 1.5), CUBE),
        (lambda x: np.quantile(CUBE, x), np.float64(-0.5)),
        (lambda x: np.quantile(CUBE, x), np.float64(0.5)),
        (lambda x: np.quantile(x, 0.5), FLAGS),
        *((f, NONE[:, 0]) for f in (np.median, np.nanmedian, lambda x: np.nanquantile(x, 0.5))),
        (lambda x: np.median(x, axis=0), NONE),
        (lambda x: np.histogram(x, 2), CUBE[0, 0, :1]),
        (lambda x: np.histogram(x, 2), NONE),
        (lambda x: np.histogram(x, 2), np.array([np.nan, 1])),
        *((f, np.complex128(1j)) for f in (np.deg2rad, np.degrees, np.fabs)),
        # recipes
        *((f, FLAGS) for f in (np.gradient, np.ediff1d)),
        (lambda x: np.allclose(x, x), FLAGS),
        *((lambda x, f=f: f(x, [1, 2, 3]), np.float64(3)) for f in (np.convolve, np.correlate, np.polyval)),
        *((f, np.float64(3)) for f in (np.cov, np.vander, np.tril, np.cumulative_sum)),
        (np.vander, CUBE),
        *((lambda x, k=k: np.rollaxis(x, 0, k), CUBE) for k in (-4, -3, 3, 4)),
        *((lambda x, f=f: f(x, 1)[0], SMALL) for f in (np.vsplit, np.hsplit, np.dsplit)),
        (lambda x: np.pad(x, -1), np.float64(3)),
        (lambda x: np.tile(x, -1), SMALL),
        (lambda x: np.select([x], [x]), SMALL),
        (lambda x: np.full_like(x, 300), BYTES),
        (lambda x: np.full_like(x, 1.7), BYTES),
        (lambda x: np.piecewise(x, [x < 1, x >= 1], [-1, 1]), BYTES),
        (lambda x: np.geomspace(1, x, 3), CUBE[0, 0]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_edges(function: Callable[..., Any], argument: Any) -> None:
    """NumPy's answer, or an error of NumPy's kind."""
    try:
        wanted = function(argument)
    except Exception as failure:
        kinds = [one for one in (OverflowError, ZeroDivisionError, TypeError, ValueError) if isinstance(failure, one)]
        with pytest.raises(kinds[0]):
            run(function, argument)
        return
    found = run(function, argument)
    for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (found, wanted)), strict=True):
        assert (np.shape(one), np.asarray(one).dtype) == (np.shape(other), np.asarray(other).dtype)
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("value", [2.0, 2.5])
def test_elements_of_arrays_and_identity(value: float) -> None:
    def program(x: Any, value: Any) -> Any:
        found = 10.0 if value in x else 20.0
        return found + 1.0 if value not in x + 0.5 else found

    x = np.array([1.0, 2.0, 3.0])
    assert run(program, x, value) == program(x, value)
    assert run(lambda x: 1.0 if x is x else 2.0, x) == 1.0
    assert run(lambda x: 1.0 if x is x.copy() else 2.0, x) == 2.0
    with pytest.raises(TypeError, match="whether two arguments are one array"):
        run(lambda x, y: 1.0 if x is y else 2.0, x, x)
    with pytest.raises(TypeError, match="truth value"):
        run(lambda v: [1.0, 2.0].index(v), value)


def test_initial_values_of_slices_of_unknown_length() -> None:
    x = np.array([3.0, 1.0, 2.0])
    for k in range(4):
        for name in ("min", "max", "sum", "prod"):
            wanted = getattr(x[:k], name)(initial=2.5)
            assert run(lambda x, k, name=name: getattr(x[:k], name)(initial=2.5), x, k) == wanted
            assert run(lambda x, k, name=name: getattr(np, name)(x[:k], initial=2.5), x, k) == wanted
    with pytest.raises(NotImplementedError, match="min with keepdims on a slice"):
        run(lambda x, k: x[:k].min(keepdims=True), x, 2)


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


SINGULAR = np.array([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])


@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        lambda a: np.linalg.solve(a[1], a[0]),
        lambda a: np.linalg.cholesky(a - 1),
        lambda a: np.linalg.tensorinv(a[1].reshape(2, 1, 2), 2),
        lambda a: np.linalg.matrix_power(a[1], -2),
        lambda a: scipy.linalg.solve_triangular(a[1] - 1, a[0]),
        lambda a: scipy.linalg.solve(a[1] - 2, a[0], assume_a="pos"),
        lambda a: scipy.linalg.cho_factor(-a[0])[0],
        lambda a: sum(np.linalg.inv(a[k]).sum() for k in range(len(a))),
    ],
)
def test_singular_matrices(function: Callable[..., Any]) -> None:
    for call in (
        lambda: function(SINGULAR),
        lambda: run(function, SINGULAR),
        lambda: gradient(lambda a: np.sum(function(a)), SINGULAR),
    ):
        with pytest.raises(np.linalg.LinAlgError):
            call()


def test_singular_matrices_in_a_native_loop() -> None:
    def total(a: Any) -> Any:
        found = 0.0
        for k in range(a.shape[0]):
            if a[k, 0, 0] > 0:
                found += np.linalg.inv(a[k]).sum()
        return found

    regular = np.eye(2) * np.arange(12.0)[:, None, None]
    derivative = sg.value_and_grad(total)
    value, slopes = derivative(regular)
    np.testing.assert_allclose(value, 2 * np.sum(1 / np.arange(1.0, 12)))
    np.testing.assert_allclose(slopes[3], -np.ones((2, 2)) / 9)
    regular[7] = 7
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        derivative(regular)


def test_a_handler_that_would_not_be_asked() -> None:
    def factor(a: Any) -> Any:
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            return a

    with pytest.raises(NotImplementedError, match="a try statement around it may catch it"):
        run(factor, np.eye(2))


def test_condition_of_singular_matrices() -> None:
    for a in SINGULAR[1], SINGULAR[0], np.where(SINGULAR[0] > 0, np.nan, 1.0):
        for order in 1, "fro", np.inf:
            np.testing.assert_array_equal(
                run(lambda a, order=order: np.linalg.cond(a, order), a), np.linalg.cond(a, order)
            )


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
