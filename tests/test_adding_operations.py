"""What `docs/adding_an_op.md` promises: a scalar function is an entry and a row, a reduction and a routine of linear
algebra are their code and a row, and all the rest follows: compiled loops, derivatives, the define-by-run face.
"""

from __future__ import annotations

import dataclasses
import importlib
import linecache
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import carray, njit

import srcgrad as sg
import srcgrad.eager as torch
from srcgrad.backends.runtime import scalar
from srcgrad.core.lowering import Library
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.scalar_functions import SCALAR_FUNCTIONS, ScalarFunction
from srcgrad.core.types import smallest
from srcgrad.ops.families import expand_reduced, pointwise, reduction

RNG = np.random.default_rng(0)
#: vectors and a rest, a rest alone, one
LENGTHS = (67, 7, 1)


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds is gone after it."""
    before = list(TABLE._rows)
    functions = dict(SCALAR_FUNCTIONS)
    yield
    for name in [name for name in TABLE._rows if name not in before]:
        del TABLE._rows[name]
    SCALAR_FUNCTIONS.clear()
    SCALAR_FUNCTIONS.update(functions)


# a scalar function: one entry, one row


@scalar
def soft_sign_f64(x: float) -> float:
    return x / (1.0 + abs(x))


@scalar
def soft_sign_f32(x: Any) -> Any:
    return x / (np.float32(1.0) + abs(x))


def _reference_soft_sign(x: Any) -> Any:
    return x / (1 + np.abs(x))


@pytest.fixture
def soft_sign() -> Op:
    SCALAR_FUNCTIONS["soft_sign"] = ScalarFunction("soft_sign", {"f": f"{__name__}.soft_sign_f{{bits}}"}, cost=5.0)
    return pointwise("soft_sign", lambda out, x: (1 - apply("absolute", out)) ** 2, reference=_reference_soft_sign)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_scalar_function_runs_in_vectors_and_in_what_is_left_over(soft_sign: Op, dtype: str) -> None:
    compiled = sg.jit(lambda x: soft_sign(x) * 2)
    for length in LENGTHS:
        x = RNG.normal(size=length).astype(dtype)
        assert compiled(x).dtype == x.dtype
        np.testing.assert_array_equal(compiled(x), _reference_soft_sign(x) * 2)
    assert "soft_sign" in sg.source(compiled, x)


def test_a_scalar_function_does_not_keep_loops_from_being_vector_code() -> None:
    @njit(error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = soft_sign_f64(x[i])

    x = np.ones(8)
    loop(x, np.empty(8))
    assert re.search(r"load <\d+ x double>", *loop.inspect_llvm().values())


def test_a_scalar_function_has_derivatives_and_fuses(soft_sign: Op) -> None:
    x = RNG.normal(size=67)
    slope = (1 - np.abs(_reference_soft_sign(x))) ** 2
    np.testing.assert_allclose(sg.grad(lambda x: np.sum(soft_sign(x)))(x), slope)
    second = sg.grad(lambda x: np.sum(sg.grad(lambda x: np.sum(soft_sign(x)))(x)))(x)
    np.testing.assert_allclose(second, -2 * np.sign(x) * (1 - np.abs(_reference_soft_sign(x))) ** 3)
    source = sg.source(sg.value_and_grad(lambda x: np.sum(soft_sign(x))), x)
    assert source.count("for ") == 1


def test_a_scalar_function_is_part_of_the_define_by_run_face(soft_sign: Op) -> None:
    x = torch.tensor(RNG.normal(size=5), requires_grad=True)
    y = x.soft_sign()
    assert torch.equal(y, torch.soft_sign(x))
    assert y.grad_fn.name() == "Soft_signBackward0"
    assert torch.autograd.gradgradcheck(torch.soft_sign, x)


def test_formulas_of_other_rows_may_call_it(soft_sign: Op) -> None:
    twice = pointwise("soft_sign_twice", None, formula="soft_sign(soft_sign({0}))", reference=None)
    x = RNG.normal(size=9)
    found = sg.jit(lambda x: twice(x))(x)
    np.testing.assert_array_equal(found, _reference_soft_sign(_reference_soft_sign(x)))


def test_a_row_without_a_formula_needs_a_scalar_function_of_its_name() -> None:
    with pytest.raises(ValueError, match="there is no scalar function of that name"):
        pointwise("unheard_of", None)


def test_another_formula_under_a_name_is_another_program_on_disk() -> None:
    for formula, factor in (("{0} + {0}", 2), ("{0} + {0} + {0}", 3)):
        op = pointwise("times", None, formula=formula, reference=lambda x, factor=factor: factor * x)
        compiled = sg.jit(lambda x, op=op: op(x))
        np.testing.assert_array_equal(compiled(np.arange(3.0)), factor * np.arange(3.0))
        del TABLE._rows["times"]


def test_other_code_of_a_scalar_function_is_another_program_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    SCALAR_FUNCTIONS["scaled"] = ScalarFunction("scaled", {"f": "scaled_by_a_user.scaled"})
    op = pointwise("scaled", None, reference=lambda x: x)
    for factor in (2.0, 33.0):
        text = "from srcgrad.backends.runtime import scalar\n\n\n@scalar\ndef scaled(x):\n    return x * {}\n"
        (tmp_path / "scaled_by_a_user.py").write_text(text.format(factor))
        sys.modules.pop("scaled_by_a_user", None)
        importlib.invalidate_caches()
        linecache.checkcache()
        compiled = sg.jit(lambda x, op=op: op(x))
        np.testing.assert_array_equal(compiled(np.arange(3.0)), factor * np.arange(3.0))


# a reduction: a scalar function that combines, and a row


@pytest.fixture
def log_of_sum() -> Op:
    SCALAR_FUNCTIONS["logaddexp"] = dataclasses.replace(SCALAR_FUNCTIONS["logaddexp"], neutral=smallest)
    return reduction(
        "log_of_sum",
        "logaddexp",
        lambda x, axes: np.logaddexp.reduce(x, axes),
        lambda cotangent, out, x, *, axes: (
            expand_reduced(cotangent, x.shape, axes) * apply("exp", x - expand_reduced(out, x.shape, axes)),
        ),
        lambda tangents, out, x, *, axes: apply(
            "sum", tangents[0] * apply("exp", x - expand_reduced(out, x.shape, axes)), axes=axes
        ),
        kinds="f",
    )


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), ()])
def test_a_reduction_is_compiled_and_differentiated(log_of_sum: Op, axes: tuple[int, ...], dtype: str) -> None:
    for shape in ((7, 67), (3, 1), (0, 4)):
        x = RNG.normal(size=shape).astype(dtype)
        expected = np.logaddexp.reduce(x.astype("f8"), axes)
        tolerance = 1e-5 if dtype == "f4" else 1e-13
        np.testing.assert_allclose(sg.jit(lambda x: log_of_sum(x, axes=axes))(x), expected, rtol=tolerance)
        if x.size:
            slope = sg.grad(lambda x: np.sum(log_of_sum(x, axes=axes)))(x)
            np.testing.assert_allclose(slope, np.exp(x - expand_reduced(expected, x.shape, axes)), rtol=tolerance)


def test_a_reduction_is_printed(log_of_sum: Op) -> None:
    text = sg.source(sg.jit(lambda x: log_of_sum(x, axes=(0,))), np.ones(5))
    assert "= -np.inf" in text
    assert "= np.logaddexp(" in text


def test_a_reduction_is_part_of_the_define_by_run_face(log_of_sum: Op) -> None:
    x = torch.tensor(RNG.normal(size=(3, 4)), requires_grad=True)
    np.testing.assert_allclose(x.log_of_sum(dim=1).detach().numpy(), np.logaddexp.reduce(x.detach().numpy(), 1))
    assert torch.autograd.gradgradcheck(lambda x: torch.log_of_sum(x, dim=0), x)


# a routine of linear algebra: its code, and a row


def squared(out_data: Any, a_data: Any, count: int, n: int) -> None:
    out, a = carray(out_data, (count, n, n)), carray(a_data, (count, n, n))
    for c in range(count):
        for i in range(n):
            for j in range(n):
                total = a[c, i, j] * 0
                for k in range(n):
                    total += a[c, i, k] * a[c, k, j]
                out[c, i, j] = total


@pytest.fixture
def matrix_square() -> Op:
    def adjoint(cotangent: Any, out: Any, a: Any) -> tuple[Any]:
        turned = apply("transpose", a, axes=(0, 2, 1))
        pairs = (cotangent, turned), (turned, cotangent)
        first, second = (apply("contract", *pair, spec="bij,bjk->bik") for pair in pairs)
        return (first + second,)

    return TABLE.add(
        Op(
            "matrix_square",
            lambda a: a,
            lambda a: a @ a,
            Library(f"{__name__}.squared", lambda params, types: types[0].shape[:2]),
            adjoint=adjoint,
            samples=(Sample((Arg((2, 3, 3)),)),),
        )
    )


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_a_routine_is_compiled_between_loops_and_differentiated(matrix_square: Op, dtype: str) -> None:
    a = RNG.normal(size=(2, 5, 5)).astype(dtype)
    tolerance = 1e-4 if dtype == "f4" else 1e-12
    found = sg.jit(lambda a: np.sin(matrix_square(2 * a)))(a)
    np.testing.assert_allclose(found, np.sin(4 * a @ a), rtol=tolerance, atol=tolerance)
    ones, turned = np.ones_like(a), np.swapaxes(a, 1, 2)
    slope = sg.grad(lambda a: np.sum(matrix_square(a)))(a)
    np.testing.assert_allclose(slope, ones @ turned + turned @ ones, rtol=tolerance, atol=tolerance)


def test_a_routine_takes_tensors(matrix_square: Op) -> None:
    a = torch.tensor(RNG.normal(size=(1, 3, 3)), requires_grad=True)
    matrix_square(a).sum().backward()
    ones, turned = np.ones((1, 3, 3)), np.swapaxes(a.detach().numpy(), 1, 2)
    np.testing.assert_allclose(a.grad.numpy(), ones @ turned + turned @ ones)
