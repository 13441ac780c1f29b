"""Whole programs, compiled: values as NumPy's, derivatives as the interpreter's and as finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.core import tree
from tests.interpreted import interpreter
from tests.programs import PROGRAMS, SMOOTH_PROGRAMS, Program

ROUGH_PROGRAMS = tuple(program for program in PROGRAMS if not program.smooth)


def leaves_of(values: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in tree.leaves(values)]


def assert_same(found: Any, expected: Any, tolerance: float) -> None:
    for a, b in zip(leaves_of(found), leaves_of(expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        scale = float(np.max(np.abs(b), initial=1.0))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


def float_arguments(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The positions of arguments that can be differentiated."""
    return tuple(k for k, arg in enumerate(args) if all(leaf.dtype.kind == "f" for leaf in leaves_of(arg)))


def moved(args: tuple[Any, ...], directions: tuple[Any, ...], step: float) -> tuple[Any, ...]:
    return tree.map(lambda x, d: np.asarray(x + step * d, x.dtype), args, directions)  # type: ignore[no-any-return]


def direction(args: tuple[Any, ...], argnums: tuple[int, ...], seed: int) -> tuple[Any, ...]:
    """A random direction for each of some arguments, zeros for the others."""
    rng = np.random.default_rng(seed)
    return tuple(
        tree.map(lambda x, k=k: rng.normal(size=x.shape) if k in argnums else np.zeros_like(x), arg)
        for k, arg in enumerate(args)
    )


def inner_product(a: Any, b: Any) -> Any:
    return sum(np.sum(x * y) for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True))


def check_gradient(transformed: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...]) -> None:
    """A compiled ``value_and_grad`` against central differences of its own value along a random direction."""
    directions = direction(args, argnums, seed=3)
    _, gradients = transformed(*args)
    expected = inner_product(gradients, tuple(directions[k] for k in argnums))
    step = 1e-6
    ahead, behind = (transformed(*moved(args, directions, side * step))[0] for side in (1, -1))
    scale = max(1.0, abs(expected), *(float(np.max(np.abs(leaf), initial=0.0)) for leaf in leaves_of(gradients)))
    assert abs((ahead - behind) / (2 * step) - expected) <= 1e-5 * scale


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("program", SMOOTH_PROGRAMS, ids=lambda program: program.name)
def test_value_and_gradient(program: Program, dtype: str) -> None:
    args = program.arguments(dtype)
    argnums = float_arguments(args)
    transformed = sg.value_and_grad(program.function, argnums)
    value, gradients = transformed(*args)
    with interpreter():
        expected = sg.value_and_grad(program.function, argnums)(*args)
    assert_same((value, gradients), expected, 1e-10 if dtype == "f8" else 1e-3)
    assert_same(value, program.function(*args), 1e-10 if dtype == "f8" else 1e-4)
    if dtype == "f8":
        check_gradient(transformed, args, argnums)


@pytest.mark.parametrize("program", SMOOTH_PROGRAMS, ids=lambda program: program.name)
def test_gradient_of_gradient(program: Program) -> None:
    args = program.arguments("f8")
    argnums = float_arguments(args)
    weights = direction(args, argnums, seed=5)

    def slope(*arguments: Any) -> Any:
        gradients = sg.grad(program.function, argnums)(*arguments)
        return inner_product(gradients, tuple(weights[k] for k in argnums))

    transformed = sg.value_and_grad(slope, argnums)
    with interpreter():
        expected = sg.value_and_grad(slope, argnums)(*args)
    assert_same(transformed(*args), expected, 1e-9)
    check_gradient(transformed, args, argnums)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("program", ROUGH_PROGRAMS, ids=lambda program: program.name)
def test_programs_that_are_not_smooth(program: Program, dtype: str) -> None:
    args, plain = program.arguments(dtype), program.arguments(dtype)
    found, expected = sg.jit(program.function)(*args), program.function(*plain)
    assert_same((found, args), (expected, plain), 1e-12 if dtype == "f8" else 2e-5)


# layouts of the arguments


def every_layout(array: Any) -> dict[str, Any]:
    """The same numbers, laid out in memory in all ways that NumPy has."""
    wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]))
    wide[::2, 1::3] = array
    read_only = array.copy()
    read_only.setflags(write=False)
    bytes_ = np.empty(array.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    return {
        "C": array.copy(),
        "Fortran": np.asfortranarray(array),
        "transposed": np.ascontiguousarray(array.T).T,
        "sliced": wide[::2, 1::3],
        "reversed": array[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": read_only,
        "unaligned": unaligned,
        "big-endian": array.astype(">f8"),
        "read-only view": np.lib.stride_tricks.as_strided(array, array.shape, array.strides, writeable=False),
    }


def moment(x, w):
    return np.sum(np.tanh(x @ w) * x[:, :1]) + x[0, 1] * w[2]


def test_the_layout_of_an_argument_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 5)), rng.normal(size=5)
    transformed = sg.value_and_grad(moment, (0, 1))
    value, gradients = transformed(x, w)
    for name, same in every_layout(x).items():
        assert np.array_equal(same, x), name
        for again in range(2):
            found = transformed(same, w)
            assert_same(found, (value, gradients), 1e-13)
            assert again < 2
        assert np.array_equal(same, x), f"{name}: the argument was changed"


def test_broadcast_and_empty_arguments() -> None:
    rows = np.broadcast_to(np.arange(5.0), (4, 5))
    w = np.ones(5)
    assert_same(sg.jit(moment)(rows, w), moment(rows, w), 1e-13)
    with pytest.raises(IndexError):
        sg.jit(moment)(rows[:0], w)
    total = sg.value_and_grad(lambda x: np.sum(x * x))
    value, gradient = total(np.zeros((0, 3)))
    assert (value, gradient.shape) == (0.0, (0, 3))


def test_arrays_written_in_place_keep_their_layout() -> None:
    def double_rows(x):
        x[::2] *= 2.0
        return x.sum()

    for name, array in every_layout(np.arange(20.0).reshape(4, 5)).items():
        if not array.flags.writeable:
            continue
        expected = np.array(array)
        total = double_rows(expected)
        assert sg.jit(double_rows)(array) == total, name
        assert np.array_equal(array, expected), name


# NaN and infinities

SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0)


def with_specials(size: int, seed: int) -> Any:
    """Numbers among which each special one stands at several places."""
    rng = np.random.default_rng(seed)
    array = rng.normal(size=size)
    places = rng.permutation(size)[: min(size, 3 * len(SPECIAL))]
    array[places] = np.resize(SPECIAL, len(places))
    return array


def elementwise_results(x, y):
    positive = np.abs(x)
    return {
        "maximum": np.maximum(x, y),
        "minimum": np.minimum(x, y),
        "fmax": np.fmax(x, y),
        "fmin": np.fmin(x, y),
        "clip": np.clip(x, -1.0, 1.0),
        "clip by arrays": np.clip(x, np.minimum(y, 0.0), 2.0),
        "where": np.where(x > y, x, y),
        "where nan": np.where(np.isnan(x), 0.0, x),
        "compare": (x < y, x >= y, x == y, x != y),
        "isnan": (np.isnan(x), np.isinf(x), np.isfinite(x)),
        "sign": np.sign(x),
        "difference": x - y,
        "minus itself": x - x,
        "times zero": x * 0.0,
        "over zero": x / 0.0,
        "over itself": x / x,
        "reciprocal": 1.0 / x,
        "exp": np.exp(x),
        "log": np.log(x),
        "log1p": np.log1p(x),
        "sqrt": np.sqrt(x),
        "tanh": np.tanh(x),
        "arctan2": np.arctan2(x, y),
        "hypot": np.hypot(x, y),
        "power": (positive**y, x**2, positive**0.5),
        "logaddexp": np.logaddexp(x, y),
        "floor": (np.floor(x), np.ceil(x), np.rint(x), np.trunc(x)),
        "remainder": (np.remainder(x, 2.0), np.fmod(x, y)),
        "copysign": np.copysign(1.0, x),
        "sin": np.sin(x),
        "heaviside": np.heaviside(x, 0.5),
        "not": ~(x > 0),
    }


def reduced_results(x, y):
    matrix = np.stack([x, y, x + y])
    return {
        "sum": (x.sum(), matrix.sum(axis=0), matrix.sum(axis=1)),
        "mean": (x.mean(), matrix.mean(axis=1)),
        "max": (x.max(), matrix.max(axis=0), matrix.max(axis=1), np.fmin(x, 0.0).max()),
        "min": (x.min(), matrix.min(axis=0), matrix.min(axis=1)),
        "argmax": (x.argmax(), matrix.argmax(axis=0), matrix.argmax(axis=1)),
        "argmin": (y.argmin(), matrix.argmin(axis=0), matrix.argmin(axis=1)),
        "any": (np.any(np.isnan(x)), np.all(np.isfinite(y)), np.all(x == x)),
        "prod": x[:4].prod(),
        "dot": (x @ y, np.outer(x[:3], y[:3])),
        "cumsum": np.cumsum(x),
        "sort": np.sort(x),
        "argsort": np.argsort(x, kind="stable"),
        "var": x.var(),
        "diff": np.diff(x),
        "concatenate": np.concatenate([x[::2], y[::-1]]),
    }


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("size", [5, 61])
@pytest.mark.parametrize("results", [elementwise_results, reduced_results])
def test_nan_and_infinities_go_where_numpy_lets_them_go(results: Any, size: int, dtype: str) -> None:
    compiled = sg.jit(results)
    for seed in range(3):
        x, y = (with_specials(size, seed + shift).astype(dtype) for shift in (0, 10))
        with np.errstate(all="ignore"):
            expected = results(x, y)
        found = compiled(x, y)
        for name in expected:
            for a, b in zip(leaves_of(found[name]), leaves_of(expected[name]), strict=True):
                tolerance = 1e-12 if dtype == "f8" else 1e-4
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=f"{name} of {x}, {y}")


def test_gradients_at_infinities_are_selected_not_multiplied() -> None:
    x = np.array([0.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 1e308])

    def guarded(x):
        return np.sum(np.where(x > 0, np.log(x), 0.0)) + np.sum(np.maximum(x, 0.0)) + np.sum(np.clip(x, -1.0, 3.0))

    with interpreter():
        expected = sg.grad(guarded)(x)
    np.testing.assert_allclose(sg.grad(guarded)(x), expected, rtol=1e-12)
    assert np.isfinite(expected[:5]).all()


def test_fast_math_off_adds_in_order() -> None:
    x = np.array([1e16, 1.0, -1e16, 1.0] * 20)
    strict = sg.jit(lambda x: np.cumsum(x)[-1] + 0.0 * x.sum(), fast_math=False)(x)
    in_order = np.cumsum(x)[-1]
    assert strict == in_order
