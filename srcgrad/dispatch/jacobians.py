"""Whole Jacobians by reverse mode, and Hessians: loops of pullbacks over one forward pass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.control import scan
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, ArgumentValueError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, type_of
from srcgrad.dispatch.function import Function, Options
from srcgrad.dispatch.identity import SharedPrograms
from srcgrad.dispatch.pullback import vjp
from srcgrad.dispatch.transforms import Argnums, Grad, Jit
from srcgrad.staging import staged


def jacrev(function: Callable[..., Any], argnums: Argnums, options: Options) -> Function:
    """See `srcgrad.jacrev`."""

    @functools.wraps(function)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = _positions(argnums, len(args))
        restricted = _restricted(function, args, kwargs, numbers)
        value, pullback = vjp(restricted, *(args[number] for number in numbers))
        leaves, structure = tree.flatten(value)
        rows = []
        for position, leaf in enumerate(leaves):
            columns = _rows(pullback, structure, leaves, position, leaf)
            rows.append(columns[0] if isinstance(argnums, int) else columns)
        return tree.unflatten(structure, rows)

    return Jit(jacobian, options)


def hessian(function: Callable[..., Any], argnums: Argnums, options: Options) -> Function:
    """See `srcgrad.hessian`."""
    gradient: Function = Grad(function, argnums, False, False, options)

    @functools.wraps(gradient)
    def of_real(*args: Any, **kwargs: Any) -> Any:
        if any(type_of(leaf).dtype.kind == "c" for leaf in tree.leaves(args) if hasattr(leaf, "dtype")):
            raise ArgumentError(
                "hessian takes real arguments: the gradient of a real function is not differentiable as a function of "
                "complex numbers; use sg.hvp, or differentiate with respect to real and imaginary parts"
            )
        return gradient(*args, **kwargs)

    return jacrev(of_real, argnums, options)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """See `srcgrad.hvp`."""
    (product,) = _compiled_hvp(function)
    return product(tuple(primals), tuple(tangents))  # type: ignore[no-any-return]


@SharedPrograms
def _compiled_hvp(function: Callable[..., Any]) -> tuple[Function]:
    def product(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        gradient: Function = Grad(function, tuple(range(len(primals))))
        value, pullback = vjp(gradient, *primals)
        if tree.flatten(tangents)[1] != tree.flatten(value)[1]:
            raise ArgumentError(f"hvp: tangents {tree.flatten(tangents)[1]} are not like the primals")
        return pullback(tangents)  # the Hessian is symmetric

    return (Jit(product),)


def _positions(argnums: Argnums, count: int) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for number in numbers:
        if not -count <= number < count:
            raise ArgumentValueError(f"jacrev: argnums {number} is out of range for {count} positional arguments")
    return [number % count for number in numbers]


def _restricted(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], numbers: Sequence[int]
) -> Callable[..., Any]:
    """The function of some of its arguments, under their names."""

    def restricted(*chosen: Any) -> Any:
        filled = list(args)
        for number, value in zip(numbers, chosen, strict=True):
            filled[number] = value
        return staged(function)(*filled, **kwargs)

    names = [name for name, _ in zip(inspect.signature(function).parameters, args, strict=False)]
    if len(names) == len(args):
        kind = inspect.Parameter.POSITIONAL_ONLY
        parameters = [inspect.Parameter(names[number], kind) for number in numbers]
        restricted.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    restricted.__name__ = restricted.__qualname__ = getattr(function, "__name__", "f")
    return restricted


def _rows(pullback: Callable[..., Any], structure: tree.Structure, leaves: list[Any], position: int, leaf: Any) -> Any:
    """For one leaf of the result, the derivatives of all its elements: shapes of the leaf, then of the argument."""
    type_ = type_of(leaf)
    others = [np.zeros(type_of(other).shape, type_of(other).dtype) for other in leaves]

    def pulled(hit: Any) -> Any:
        others[position] = hit
        found = pullback(tree.unflatten(structure, others))
        if type_.dtype.kind != "c":
            return found
        others[position] = hit * 1j
        return tree.map(_complex_derivative, found, pullback(tree.unflatten(structure, others)))

    def row(carry: tuple[()], number: Any) -> Any:
        hit = apply("equal", np.arange(type_.size).reshape(type_.shape), number)
        return carry, pulled(apply("astype", hit, dtype=type_.dtype))

    if type_.shape == ():
        return pulled(np.ones((), type_.dtype))
    _, stacked = scan(row, (), np.arange(type_.size))
    return tree.map(lambda column: _unstacked(column, type_), stacked)


def _complex_derivative(of_real: Any, of_imaginary: Any) -> Any:
    """Of a complex result, given the gradients of its parts: of holomorphic functions where the argument is complex."""
    if type_of(of_real).dtype.kind == "c":
        return apply("conjugate", of_real)
    return apply("compose", of_real, of_imaginary)


def _unstacked(column: Any, type_: ArrayType) -> Any:
    shape = (*type_.shape, *column.shape[1:])
    return column if column.shape == shape else apply("reshape", column, shape=shape)
