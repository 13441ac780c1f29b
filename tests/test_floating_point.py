"""Floating point as NumPy has it: flags are those of single operations, and by default few.

See `docs/floating_point.md`. What a product that feeds a sum may become, and in which order a reduction is added up, is
free; all else has NumPy's bits, through loops, branches and gradients too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backends.native import compiler
from srcgrad.core.settings import settings

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

N = 67  # vectors, and some iterations that are left over
INF, NAN = np.inf, np.nan
ODD = np.resize([0.0, -0.0, 1.0, -1.0, NAN, INF, -INF, 5e-324, -1e-310, 1e308, 0.1, -0.3, 0.6, 0.7], N)
OTHER = np.resize([-0.0, 0.0, 0.1, NAN, -INF, INF, 2.0, -5e-324, 1e-17, 3.0, 1e308], N)


def assert_same_bits(found: Any, expected: Any, what: str = "") -> None:
    """Equal, zeros with their signs; all NaN are the same."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), what
    np.testing.assert_array_equal(found, expected, err_msg=what)
    if expected.dtype.kind == "f":
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(
            np.signbit(found)[numbers], np.signbit(expected)[numbers], err_msg=f"{what}: signs"
        )


# what users write stays as it is written

EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "what cancels": lambda x, y: (x + 1) - x,
    "a sum that loses": lambda x, y: (x + 1e16) - 1e16,
    "no reciprocal": lambda x, y: np.floor(x / 0.1),
    "no common reciprocal": lambda x, y: x / 3.0 + y / 3.0,
    "factors stay": lambda x, y: (x + y) * 0.1 / 0.1,
    "constants stay apart": lambda x, y: (x * 0.1) * 10.0,
    "constants of sums stay apart": lambda x, y: (x + 0.1) - 0.1,
    "quotients stay apart": lambda x, y: x / y / 3.0,
    "nothing is nothing": lambda x, y: x - x,
    "nothing times": lambda x, y: x * 0,
    "one": lambda x, y: x / x,
    "zero plus": lambda x, y: 1 / (x + 0),
    "zero plus from the left": lambda x, y: 1 / (0 + x),
    "minus zero": lambda x, y: 1 / (x - 0.0),
    "zero minus": lambda x, y: 1 / (0 - x),
    "negative": lambda x, y: 1 / (-x),
    "negative difference": lambda x, y: 1 / -(x - y),
    "negative product": lambda x, y: 1 / (-x * y),
    "difference of negatives": lambda x, y: 1 / (-x - -y),
    "times minus one": lambda x, y: 1 / (x * -1),
    "copied sign": lambda x, y: np.copysign(1.0, x) + 0.25 * np.copysign(1.0, y),
    "sign bit": lambda x, y: np.signbit(x) * 1.0,
    "greater": lambda x, y: np.where(x > y, 1.0, np.where(x < y, 2.0, np.where(x == y, 3.0, 4.0))),
    "not less": lambda x, y: np.where(~(x < y), x, y),
    "unequal": lambda x, y: (x != y) * 1.0,
    "is it NaN": lambda x, y: np.where(x != x, 1.0, 0.0),
    "larger": lambda x, y: np.maximum(x, y) + 0.0,
    "smaller": lambda x, y: np.minimum(x, y) + 0.0,
    "larger of zero": lambda x, y: np.maximum(x, 0.0) + 0.0,
    "zero or larger": lambda x, y: np.maximum(0.0, x) + 0.0,
    "smaller of a constant": lambda x, y: np.minimum(x, 0.6) + np.minimum(-0.3, y),
    "number, or a constant": lambda x, y: np.fmax(x, 0.6) + np.fmax(-0.3, y),
    "constant, or smaller number": lambda x, y: np.fmin(x, 0.6) + np.fmin(-0.3, y),
    "larger of a zero and less": lambda x, y: np.maximum(x, np.where(x == 0, -1.0, x)),
    "less of a zero and more": lambda x, y: np.minimum(np.where(x == 0, 1.0, x), x),
    "larger of NaN": lambda x, y: np.where(np.isnan(np.maximum(x, NAN)), np.fmax(x, NAN) + 0.0, 1.0),
    "clipped": lambda x, y: np.clip(x, -0.5, 0.5) + 0.0,
    "number of the two": lambda x, y: np.fmax(x, y) + 0.0,
    "root": lambda x, y: np.sqrt(x),
    "remainder": lambda x, y: np.remainder(x, 0.3),
    "rounded": lambda x, y: np.rint(x * 2.5),
    "fraction": lambda x, y: x - np.floor(x),
    "split": lambda x, y: (134217729.0 * x - (134217729.0 * x - x)) + y,
    "error of a sum": lambda x, y: (x - ((x + y) - ((x + y) - x))) + (y - ((x + y) - x)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_expressions_have_numpys_bits(dtype: Any) -> None:
    x, y = ODD.astype(dtype), OTHER.astype(dtype)
    found = sg.jit(lambda x, y: {name: f(x, y) for name, f in EXPRESSIONS.items()})(x, y)
    for name, f in EXPRESSIONS.items():
        assert_same_bits(found[name], f(x, y), name)


def test_scalars_have_numpys_bits() -> None:
    compiled = sg.jit(lambda x, y: {name: f(x, y) for name, f in EXPRESSIONS.items()})
    for x, y in zip(ODD[:14], OTHER[:14], strict=True):
        found = compiled(x, y)
        for name, f in EXPRESSIONS.items():
            assert_same_bits(found[name], np.asarray(f(x, y), np.float64), name)


def test_the_issues_examples() -> None:
    def functions(x: Any) -> Any:
        return np.log1p(x), np.exp(x + 709.6), np.logaddexp(0.0, x - 40.0)

    log1p, exp, logaddexp = sg.jit(functions)(np.full(N, 1e-17))
    assert (log1p == 1e-17).all()
    np.testing.assert_allclose(exp, np.exp(709.6), rtol=3e-16)
    np.testing.assert_allclose(logaddexp, np.logaddexp(0, -40), rtol=3e-16)


# sums

X = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.random.default_rng(1).integers(-8, 9, 1000)


def kahan(x: Any) -> Any:
    total = lost = 0.0
    for i in range(x.shape[0]):
        term = x[i] - lost
        following = total + term
        lost = (following - total) - term
        total = following
    return total


def in_order(x: Any) -> Any:
    total = 0.0
    for i in range(x.shape[0]):
        total = total + x[i]
    return total


def in_an_array(x: Any) -> Any:
    total = np.zeros(2)
    for i in range(x.shape[0]):
        total[1] += x[i]
    return total[1]


def by_a_native_loop(x: Any) -> Any:
    return sg.fori_loop(0, x.shape[0], lambda i, total: total + x[i], 0.0)


def differences(x: Any) -> Any:
    """Pairs whose difference is small beside them: taken apart, the sum so far would be lost."""
    total = 0.0
    for i in range(x.shape[0]):
        total = total + (x[i] * 1e16 - x[i] * 1e16)
    return total


@pytest.mark.parametrize("sum_up", [kahan, in_order, in_an_array, by_a_native_loop, differences])
def test_loops_add_up_in_their_order(sum_up: Callable[..., Any]) -> None:
    expected = in_order(X) if sum_up is by_a_native_loop else sum_up(X)
    assert_same_bits(sg.jit(sum_up)(X), np.float64(expected))


def test_terms_of_sums_are_not_torn() -> None:
    """The combine of a reduction may be reordered and contracted; that no term is torn for it."""
    a, b, c = np.full((3, N), 1e10)
    a[:4], b[:4], c[:4] = 1.0, 0.5, 0.0

    def total(a: Any, b: Any, c: Any, d: Any) -> Any:
        return np.sum(a * b + c * d), np.sum(a * b - c * b)

    for found in sg.jit(total)(a, b, c, -b):
        assert found == 2.0


def test_reductions_of_nan_infinities_and_zeros() -> None:
    rows = np.stack([np.full(N, 1.0), np.full(N, -0.0), np.zeros(N), np.arange(N) - 5.0])
    with_nan, with_inf, both = rows.copy(), rows.copy(), rows.copy()
    with_nan[:, 40], with_inf[:, 40] = NAN, INF
    both[:, 3], both[:, 66] = INF, -INF

    def reduced(x: Any) -> Any:
        return (x.sum(1), x.max(1) + 0.0, x.min(1) + 0.0, x.prod(1), x.argmax(1), x.sum(0), x.max(0) + 0.0, x @ x.T)

    for x in (rows, with_nan, with_inf, both):
        for found, expected in zip(sg.jit(reduced)(x), reduced(x), strict=True):
            assert_same_bits(found, expected)


# gradients


def gradient_by_hand(f: Callable[..., Any], partial: Callable[..., Any]) -> tuple[Any, Any]:
    return sg.grad(lambda x: np.sum(f(x)))(ODD), partial(ODD)


@pytest.mark.parametrize(
    ("f", "partial"),
    [
        (lambda x: (x + 1) - x, lambda x: 1.0 + -1.0 + 0 * np.zeros(N)),
        (lambda x: np.maximum(x, 0.0), lambda x: np.where(~(x < 0), 1.0, 0.0)),
        (lambda x: np.where(x > 0, x * 2.0, 0.0), lambda x: np.where(x > 0, 2.0, 0.0)),
        (lambda x: 1 / x, lambda x: -(1 / x) / x),
        (lambda x: np.sqrt(x), lambda x: 0.5 / np.sqrt(x)),
        (lambda x: x * x, lambda x: x + x),
        (lambda x: x / 0.1, lambda x: np.full(N, 1 / 0.1)),
    ],
)
def test_gradients_at_odd_values(f: Callable[..., Any], partial: Callable[..., Any]) -> None:
    found, expected = gradient_by_hand(f, partial)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extrema_of_arrays_see_nan_wherever_it_is(dtype: str, modules: list[str]) -> None:
    largest, smallest = sg.jit(lambda x: np.max(x)), sg.jit(lambda x: np.min(x, axis=0))
    share = sg.grad(lambda x: np.sum(np.max(x, axis=1)))
    x = np.random.default_rng(0).normal(size=(3, N)).astype(dtype)
    for place in (None, 0, 1, 40, N - 1):
        for odd in (NAN, INF, -INF) if place is not None else (0.0,):
            y = x.copy()
            if place is not None:
                y[1, place] = odd
            np.testing.assert_array_equal(largest(y), np.max(y))
            np.testing.assert_array_equal(smallest(y), np.min(y, axis=0))
            chosen = (y == np.max(y, axis=1, keepdims=True)) | np.isnan(y)
            np.testing.assert_array_equal(share(y), chosen.astype(dtype))
    assert any(EXTREMUM.search(module) for module in modules)


def test_a_mask_that_is_cheap_is_not_stored() -> None:
    source = sg.source(sg.grad(lambda x: np.sum(np.max(x, axis=1) ** 2)), np.ones((1000, 25)), form="machine")
    assert source.count("isnan(x[") > 1
    assert "boolean" not in source


def test_gradients_of_native_loops_see_nan_and_infinities() -> None:
    def recurrence(x: Any, rate: Any) -> Any:
        state = 0.0
        for i in range(x.shape[0]):
            state = state * rate + (x[i] + 1.0) - x[i]
        return state

    for odd in (NAN, INF):
        x = np.linspace(-1, 1, 20)
        x[7] = odd
        assert np.isnan(sg.jit(recurrence)(x, 0.5))
        assert np.isnan(sg.grad(recurrence, 1)(x, 0.5))


# the flags

FLAG = re.compile(r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b")
EXTREMUM = re.compile(r"call nsz \S+ @\"?llvm\.(?:maximum|minimum)\.")
OPERATION = re.compile(r"= (?:tail )?(fadd|fsub|fmul|fdiv|frem|fneg|fcmp|select|call|phi)\b([^%@<({]*)")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The LLVM modules that are made, before any pass."""
    monkeypatch.setattr(settings, "cache_dir", "")
    found: list[str] = []
    optimise = compiler.Library._optimize_final_module

    def note(library: Any) -> None:
        found.append(str(library._final_module))
        optimise(library)

    monkeypatch.setattr(compiler.Library, "_optimize_final_module", note)
    return found


def flags_in(modules: list[str]) -> dict[str, set[str]]:
    """Of each operation the flags that it carries somewhere. The sign of the larger of two zeros is free."""
    found: dict[str, set[str]] = {}
    plain = [EXTREMUM.sub("call ", module) for module in modules]
    for name, text in (match for module in plain for match in OPERATION.findall(module)):
        found.setdefault(name, set()).update(FLAG.findall(text))
    return found


def network(w: Any, v: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ w)
    error = np.log1p(np.exp(hidden @ v)) / 3.0 - y
    return np.mean(error * error) + np.max(hidden) + np.prod(1.0 + 0.01 * v)


def loops(x: Any, rate: Any) -> Any:
    state = 0.0
    for i in range(x.shape[0]):
        state = state * rate + np.sin(x[i] * rate)
        if state > 2.0:
            state = state / rate
    return state


def fitted(a: Any, x: Any) -> Any:
    total = 0.0
    for i in range(x.shape[0]):
        total = total + np.sin(a * x[i])
    return total


def spectra(z: Any) -> Any:
    return np.sum(np.abs(z * z + 1.0) ** 2) + np.real(np.sum(z / 3.0))


GENERATOR = np.random.default_rng(0)
PROGRAMS: dict[str, Callable[..., Any]] = {
    "network": lambda **options: sg.grad(network, (0, 1), **options)(
        *(GENERATOR.normal(size=shape) for shape in ((3, 16), (16,), (40, 3), (40,)))
    ),
    "loops": lambda **options: sg.grad(loops, 1, **options)(np.linspace(0, 1, 30), 0.7),
    "fitted": lambda **options: sg.grad(fitted, **options)(0.5, np.linspace(0, 1, 100)),
    "complex": lambda **options: sg.jit(spectra, **options)(np.exp(1j * np.arange(20.0))),
    "kahan": lambda **options: sg.jit(kahan, **options)(X),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_default_flags(name: str, modules: list[str]) -> None:
    PROGRAMS[name]()
    found = flags_in(modules)
    assert modules
    assert set().union(*found.values()) <= {"contract", "reassoc"}
    assert found.get("fsub", set()) | found.get("fdiv", set()) <= {"contract"}
    assert not any(found.get(name) for name in ("frem", "fneg", "fcmp", "select", "call", "phi"))
    assert ("reassoc" in found["fadd"]) == (name not in ("kahan", "loops"))


def test_the_inside_of_library_functions_has_no_flags(modules: list[str]) -> None:
    sg.jit(lambda x: np.log1p(x) * x + np.sin(x) / 3.0, fast_math=True)(np.ones(N))
    functions = [f for module in modules for f in re.split(r"\n(?=define )", module) if f.startswith("define")]
    inside = [f for f in functions if re.search(r"define.*(log1p|sin|log_of_parts|quadrant|sine|cosine)\w*_f64", f)]
    assert len(inside) >= 2
    assert not any(FLAG.findall(text) for f in inside for _, text in OPERATION.findall(f))
    kernel = next(f for f in functions if "nsz" in f)
    assert "arcp" in kernel


def test_fast_math_is_asked_for() -> None:
    for transform in (sg.jit, sg.grad, sg.value_and_grad):
        assert "@kernel(fast_math=False)" in sg.source(transform(np.sum), np.ones(N), form="machine")
        assert "@kernel(fast_math=True)" in sg.source(transform(np.sum, fast_math=True), np.ones(N), form="machine")
    x = np.linspace(0.1, 3.0, N)
    fast = sg.jit(lambda x: ((x + 1e16) - 1e16, np.log1p(x * 1e-17)), fast_math=True)(x)
    np.testing.assert_allclose(fast[1], x * 1e-17, rtol=1e-15)  # a library formula is as exact as ever
