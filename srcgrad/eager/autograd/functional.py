"""Derivatives of functions of tensors: Jacobians, Hessians and their products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.eager.autograd.backward import grad
from srcgrad.eager.functions.joining import stack
from srcgrad.eager.tensors.modes import enable_grad
from srcgrad.eager.tensors.tensor import Tensor, wrap

Function = Callable[..., Any]


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, tuple[Tensor, ...]]:
    is_tuple = isinstance(value, tuple)
    parts = value if is_tuple else (value,)
    for number, part in enumerate(parts):
        if not isinstance(part, Tensor):
            kind = type(part)
            where = f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the"
            raise TypeError(
                f"{where} value at index {number} has type {kind}."
                if is_tuple
                else f"{where} given {what} has type {kind}."
            )
    return is_tuple, tuple(parts)


def _leaves(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs to differentiate with respect to: views of the given ones, or constants of their values."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _zeros(like: Tensor) -> Tensor:
    return wrap(np.zeros_like(like._array))


def _gradients(
    output: Tensor, inputs: Any, cotangent: Tensor | None, *, create_graph: bool, keep: bool, strict: str
) -> list[Tensor]:
    """The gradient for each input; zeros, or with ``strict`` an error, where there is none."""
    found: Any = (None,) * len(inputs)
    if output.requires_grad:
        found = grad(
            output, inputs, cotangent, retain_graph=keep or create_graph, create_graph=create_graph, allow_unused=True
        )
    if strict and any(part is None for part in found):
        raise RuntimeError(strict)
    return [_zeros(x) if part is None else part for part, x in zip(found, inputs, strict=True)]


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every output with respect to every input: shape ``(*output.shape, *input.shape)``.

    >>> import srcgrad.eager as torch
    >>> jacobian(lambda x: x ** 2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    with enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        leaves = _leaves(given, create_graph)
        several, outputs = _as_tuple(func(*leaves), "outputs of the user-provided function", "jacobian")
        message = (
            "Output 0 of the user-provided function is independent of an input. This is not allowed in strict mode."
            if strict
            else ""
        )
        rows = [_jacobian_of(output, leaves, create_graph, message) for output in outputs]
    shaped = [row if is_tuple else row[0] for row in rows]
    return tuple(shaped) if several else shaped[0]


def _jacobian_of(output: Tensor, leaves: tuple[Tensor, ...], create_graph: bool, message: str) -> tuple[Tensor, ...]:
    size = output._array.size
    columns: list[list[Tensor]] = [[] for _ in leaves]
    for k in range(size):
        unit = np.zeros(output._array.shape, output._array.dtype)
        unit.reshape(-1)[k] = 1
        parts = _gradients(output, leaves, wrap(unit), create_graph=create_graph, keep=True, strict=message)
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    return tuple(
        stack(column).reshape((*output.shape, *x.shape))
        if column
        else wrap(np.zeros((*output.shape, *x.shape), x._array.dtype))
        for column, x in zip(columns, leaves, strict=True)
    )


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a scalar function: the Jacobian of its gradient."""
    is_tuple, given = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*xs: Tensor) -> Any:
        output = _scalar(func(*xs), "hessian")
        found = _gradients(output, xs, None, create_graph=True, keep=True, strict="")
        return tuple(found)

    found = jacobian(gradient, given, create_graph, strict)
    return found if is_tuple else found[0][0]


def _scalar(output: Any, name: str) -> Tensor:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if output._array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return output.reshape(())  # type: ignore[no-any-return]


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and the product of ``v`` with the Jacobian."""
    with enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "vjp")
        leaves = _leaves(given, create_graph)
        several, outputs = _as_tuple(func(*leaves), "outputs of the user-provided function", "vjp")
        if v is None:
            if len(outputs) != 1 or outputs[0]._array.size != 1:
                raise RuntimeError(
                    "The vector v can only be None if the user-provided function returns a single Tensor with a "
                    "single element."
                )
            cotangents: Any = (None,)
        else:
            cotangents = v if isinstance(v, tuple) else (v,)
        found = grad(outputs, leaves, list(cotangents), create_graph=create_graph, allow_unused=True)
        parts = tuple(_zeros(x) if part is None else part for part, x in zip(found, leaves, strict=True))
    results = outputs if create_graph else tuple(output.detach() for output in outputs)
    return (results if several else results[0]), (parts if is_tuple else parts[0])


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and the product of the Jacobian with ``v``: the derivative of the reverse product with respect
    to its vector.
    """
    with enable_grad():
        _, given = _as_tuple(inputs, "inputs", "jvp")
        leaves = _leaves(given, create_graph)
        several, outputs = _as_tuple(func(*leaves), "outputs of the user-provided function", "jvp")
        if v is None:
            if len(leaves) != 1 or leaves[0]._array.size != 1:
                raise RuntimeError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor "
                    "with a single element."
                )
            v = wrap(np.ones_like(leaves[0]._array))
        tangents = v if isinstance(v, tuple) else (v,)
        dummies = [wrap(np.zeros_like(output._array)).requires_grad_() for output in outputs]
        backward = grad(outputs, leaves, dummies, create_graph=True, allow_unused=True)
        known = [
            (part, tangent)
            for part, tangent in zip(backward, tangents, strict=True)
            if part is not None and part.requires_grad
        ]
        found: Any = (None,) * len(dummies)
        if known:
            found = grad(
                [part for part, _ in known],
                dummies,
                [t for _, t in known],
                create_graph=create_graph,
                allow_unused=True,
            )
        parts = tuple(_zeros(x) if part is None else part for part, x in zip(found, outputs, strict=True))
    results = outputs if create_graph else tuple(output.detach() for output in outputs)
    return (results if several else results[0]), (parts if several else parts[0])


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value, and the product of ``v`` with the Hessian."""
    with enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "vhp")
        leaves = _leaves(given, create_graph)
        output = _scalar(func(*leaves), "vhp")
        gradient = _gradients(output, leaves, None, create_graph=True, keep=True, strict="")
        tangents = (
            [wrap(np.ones_like(x._array)) for x in leaves] if v is None else list(v if isinstance(v, tuple) else (v,))
        )
        known = [(part, tangent) for part, tangent in zip(gradient, tangents, strict=True) if part.requires_grad]
        found: Any = (None,) * len(leaves)
        if known:
            found = grad(
                [part for part, _ in known], leaves, [t for _, t in known], create_graph=create_graph, allow_unused=True
            )
        parts = tuple(_zeros(x) if part is None else part for part, x in zip(found, leaves, strict=True))
    return (output if create_graph else output.detach()), (parts if is_tuple else parts[0])


hvp = vhp  # a Hessian is symmetric
