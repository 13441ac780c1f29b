"""Every scalar function through `sg.jit` with its default options: in vectors and in what is left over of them.

`test_vecmath` holds the functions by themselves to their bounds. Here kernels of several functions each run them in
loops of 67 iterations (vectors and a rest), 7 and 1: the results are those of the function by itself, bit for bit, and
so within the same bounds, which mpmath checks once more on fewer arguments.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

import srcgrad as sg
from srcgrad.core.lowering import Pointwise
from srcgrad.core.op import TABLE, Op
from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS
from tests.test_vecmath import (
    BINARY,
    CASES,
    DTYPES,
    NAMES,
    REFERENCE,
    SPECIAL,
    _arguments,
    _bound,
    _scale,
    _ulps,
    function_of,
)

VECTOR, SHORT = 67, (7, 1)
LENGTHS = (VECTOR, *SHORT)


def edges(name: str, dtype: np.dtype[Any]) -> list[Any]:
    """Zeros, ones, infinities, NaN, the largest and the smallest numbers; in all pairs for functions of two."""
    info = np.finfo(dtype)
    far = [info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal, info.tiny / 2, info.eps, 709.6, -745.0]
    values = np.array([*SPECIAL, *far], dtype)
    if name not in BINARY:
        return [values]
    return list(np.array([*itertools.product(values, values)], dtype).T)


@functools.cache
def arguments(name: str, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """The edges and the whole domain, in whole chunks."""
    drawn = _arguments(name, dtype, 60)
    both = [np.concatenate(parts).astype(dtype) for parts in zip(edges(name, dtype), drawn, strict=True)]
    size = -(-both[0].size // VECTOR) * VECTOR
    return tuple(np.resize(x, size) for x in both)


def of_all(rows: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    def run(given: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        return {name: tuple(rows[name](*[x[:n] for x in given[name]]) for n in LENGTHS) for name in given}

    return run


def groups_of(names: Iterable[str], size: int = 6) -> dict[str, tuple[str, ...]]:
    """For each name the names that share a kernel with it."""
    ordered = list(names)
    groups = [tuple(ordered[k : k + size]) for k in range(0, len(ordered), size)]
    return {name: group for group in groups for name in group}


GROUPS = groups_of(NAMES)


@functools.cache
def compiled_results(group: tuple[str, ...], dtype: np.dtype[Any]) -> dict[str, list[Any]]:
    """For each function and each length of a loop the results of all arguments, chunk by chunk."""
    kernel = sg.jit(of_all({name: TABLE[name] for name in group}))
    chunks = {name: [x.reshape(-1, VECTOR) for x in arguments(name, dtype)] for name in group}
    found: dict[str, list[Any]] = {name: [[] for _ in LENGTHS] for name in group}
    for k in range(max(len(parts[0]) for parts in chunks.values())):
        given = {name: tuple(x[k % len(x)] for x in parts) for name, parts in chunks.items()}
        for name, results in kernel(given).items():
            if k < len(chunks[name][0]):
                for own, result in zip(found[name], results, strict=True):
                    own.append(result)
    return found


def assert_same_bits(found: Any, expected: Any, name: str, given: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    signs = np.signbit(found) == np.signbit(expected) if expected.dtype.kind == "f" else True
    same = ((found == expected) & signs) | ((found != found) & (expected != expected))
    if not same.all():
        k = int(np.argmin(same))
        values = ", ".join(repr(x[k]) for x in given)
        raise AssertionError(f"{name}({values}) is {found[k]!r}, not {expected[k]!r}; {(~same).sum()} others")


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_results_are_those_of_the_function_by_itself(name: str, dtype: np.dtype[Any]) -> None:
    function = function_of(name, dtype)
    given = [x.reshape(-1, VECTOR) for x in arguments(name, dtype)]
    alone = np.array([function(*values) for values in zip(*map(np.ravel, given), strict=True)], dtype)
    for length, results in zip(LENGTHS, compiled_results(GROUPS[name], dtype)[name], strict=True):
        parts = [np.ascontiguousarray(x[:, :length]).reshape(-1) for x in given]
        expected = alone.reshape(-1, VECTOR)[:, :length].reshape(-1)
        assert_same_bits(np.concatenate(results), expected, name, parts)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_results_are_within_the_documented_bound(name: str, dtype: np.dtype[Any]) -> None:
    given = _arguments(name, dtype, 60)
    start = edges(name, dtype)[0].size
    results = np.concatenate(compiled_results(GROUPS[name], dtype)[name][0])[start : start + given[0].size]
    chosen = np.random.default_rng(1).permutation(given[0].size)[:25]
    with mp.workprec(160):
        for k in chosen:
            inputs = tuple(mpf(float(x[k])) for x in given)
            exact = REFERENCE[name](*inputs)
            error = _ulps(float(results[k]), exact, dtype, _scale(name, inputs, exact))
            assert error <= _bound(name, dtype), f"{name}({', '.join(map(str, inputs))}) = {results[k]!r}"


# what is one instruction, or computed without an error

_INEXACT = {*NAMES, *(name for name, f in SCALAR_FUNCTIONS.items() if ".incomplete." in str(f.code))}
_BUILT_ON_THESE = {"float_power", "xlogy", "xlog1py"}
_OTHER = {"where", "accumulate"}


def is_exact(op: Op) -> bool:
    """Whether a row of the table takes floats and gives NumPy's result to the last bit."""
    if not isinstance(op.lowering, Pointwise) or op.name in _INEXACT | _OTHER:
        return False
    try:
        op(*[np.ones(2)] * arity(op))
    except TypeError:
        return False
    return bool(op.samples) and all(arg.kind == "f" for arg in op.samples[0].args)


def arity(op: Op) -> int:
    return len(op.samples[0].args)


EXACT = {op.name: op for op in TABLE if is_exact(op)}


EXACT_GROUPS = groups_of(sorted(EXACT), 8)


@functools.cache
def exact_results(group: tuple[str, ...], dtype: np.dtype[Any]) -> tuple[dict[str, tuple[Any, ...]], list[Any]]:
    info = np.finfo(dtype)
    far = [info.max, -info.max, info.tiny, info.smallest_subnormal, -info.smallest_subnormal, 0.1, 0.3, -7.5, 2.5]
    values = np.array([*SPECIAL, *far], dtype)
    pairs = np.array([*itertools.product(values, values)], dtype)
    drawn = np.random.default_rng(0).normal(size=(8 * VECTOR - len(pairs) % VECTOR, 2)).astype(dtype)
    columns = np.concatenate([pairs, drawn]).T.reshape(2, -1, VECTOR)
    kernel = sg.jit(of_all({name: EXACT[name] for name in group}))
    given = {name: tuple(columns[: arity(EXACT[name])]) for name in group}
    chunks = ({name: tuple(x[k] for x in own) for name, own in given.items()} for k in range(columns.shape[1]))
    return given, [kernel(chunk) for chunk in chunks]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", sorted(EXACT))
def test_what_needs_no_rounding_of_its_own_has_numpys_bits(name: str, dtype: np.dtype[Any]) -> None:
    given, results = exact_results(EXACT_GROUPS[name], dtype)
    for k, found in enumerate(results):
        for length, result in zip(LENGTHS, found[name], strict=True):
            parts = [x[k, :length] for x in given[name]]
            with np.errstate(all="ignore"):
                expected = EXACT[name].reference(*parts)
            if name in _BUILT_ON_THESE:
                np.testing.assert_allclose(result, expected, rtol=8 * np.finfo(dtype).eps)
                continue
            if name in ("maximum", "minimum", "fmax", "fmin"):  # of zeros NumPy gives either, by the width of vectors
                result, expected = result + dtype.type(0), expected + dtype.type(0)
            assert_same_bits(result, expected, name, parts)
