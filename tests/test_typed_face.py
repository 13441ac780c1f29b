"""The types that editors show: `mypy`, which the gate runs, is the test of the functions that nothing calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import srcgrad as sg
from srcgrad.dispatch import Options

if TYPE_CHECKING:
    from typing_extensions import assert_type

Floats = NDArray[np.float64]


def loss(w: Floats, x: Floats, power: int = 2) -> float:
    return float(np.sum(w * x) ** power)


def with_aux(w: Floats, x: Floats) -> tuple[float, str]:
    return float(np.sum(w * x)), "aux"


def _a_transformed_function_has_the_parameters_of_its_function(w: Floats) -> None:
    assert_type(sg.jit(loss)(w, w, power=3), float)
    assert_type(sg.value_and_grad(loss)(w, w), tuple[float, Any])
    assert_type(sg.value_and_grad(with_aux, has_aux=True)(w, w), tuple[tuple[float, str], Any])
    assert_type(sg.grad(with_aux, has_aux=True)(w, w), tuple[Any, str])
    assert_type(sg.checkpoint(loss)(w, w), float)
    assert_type(sg.custom_vjp(loss)(w, w), float)
    assert_type(sg.jit(static_argnums=2)(loss)(w, w, 3), float)
    assert_type(sg.stop_gradient({"w": w}), dict[str, Floats])
    sg.grad(loss)(w)  # type: ignore[call-arg]
    sg.grad(loss)(w, w, exponent=3)  # type: ignore[call-arg]
    sg.hessian(loss)(w, w, "3")  # type: ignore[arg-type]
    sg.jacrev(argnums=1)(loss)(w, w, "3")  # type: ignore[arg-type]


def _options_are_checked_by_name_and_type() -> None:
    sg.jit(loss, fast_maths=True)  # type: ignore[call-overload]
    sg.grad(loss, fast_math="yes")  # type: ignore[call-overload]


def _what_has_no_types_is_taken(w: Floats) -> None:
    assert_type(sg.grad(sg.grad(lambda x: x**3))(2.0), Any)
    sg.value_and_grad(lambda w, x: np.sum(w * x))(w, w)
    sg.jit(functools.partial(loss, w))(w)

    @sg.value_and_grad
    def untyped(w, x):
        return np.sum(w * x)

    assert_type(untyped(w, w), tuple[Any, Any])


TRANSFORMS = [sg.jit, sg.grad, sg.value_and_grad, sg.jacrev, sg.hessian]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.__name__)
def test_transforms_share_the_options(transform: Callable[..., Any]) -> None:
    text = inspect.getdoc(transform)
    assert text is not None
    assert all(f"{option}:" in text or f"{option}, " in text for option in Options.__annotations__)
    with pytest.raises(
        TypeError, match="no option 'fast_maths'; it has static_argnums, static_argnames, backend, fast_"
    ):
        transform(loss, fast_maths=True)
    assert inspect.signature(transform(loss, static_argnums=2)) == inspect.signature(loss)
