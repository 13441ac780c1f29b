"""`gradcheck`: gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.autograd.backward import grad
from srcgrad.eager.tensors.modes import enable_grad, no_grad
from srcgrad.eager.tensors.tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A gradient is not what finite differences say."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **_: Any,
) -> bool:
    """Whether the Jacobian by the engine is the one by central differences; inputs should be float64.

    Raises GradcheckError with the worst element, or returns False where ``raise_exception`` is off.
    """
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    checked = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    try:
        with enable_grad():
            for number, output in enumerate(_outputs(func(*given))):
                for position, x in enumerate(given):
                    if any(x is one for one in checked):
                        _compare(func, given, number, position, output, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _outputs(result: Any) -> list[Tensor]:
    parts = result if isinstance(result, tuple | list) else (result,)
    return [part for part in parts if isinstance(part, Tensor) and part._array.dtype.kind == "f"]


def _compare(
    func: Any, given: Sequence[Any], number: int, position: int, output: Tensor, eps: float, atol: float, rtol: float
) -> None:
    x = given[position]
    analytical = np.zeros((x._array.size, output._array.size))
    for k in range(output._array.size if output.requires_grad else 0):
        unit = np.zeros(output._array.shape, output._array.dtype)
        unit.reshape(-1)[k] = 1
        (part,) = grad(output, x, wrap(unit), retain_graph=True, allow_unused=True)
        if part is not None:
            if part._array.shape != x._array.shape:
                raise GradcheckError(
                    f"the gradient of input {position} has shape {list(part.shape)}, the input {list(x.shape)}"
                )
            analytical[:, k] = part._array.reshape(-1)
    numerical = _differences(func, given, number, position, eps)
    if not np.allclose(analytical, numerical, rtol, atol):
        raise GradcheckError(
            f"Jacobian mismatch for output {number} with respect to input {position},\nnumerical:{wrap(numerical)}\n"
            f"analytical:{wrap(analytical)}\n"
        )


def _differences(func: Any, given: Sequence[Any], number: int, position: int, eps: float) -> Any:
    x = given[position]
    flat = x._array.reshape(-1) if x._array.flags.c_contiguous else None
    if flat is None:
        raise ValueError(f"gradcheck changes input {position} element by element; it must be contiguous")
    rows = []
    with no_grad():
        for k in range(flat.size):
            value = flat[k]
            flat[k] = value + eps
            above = _outputs(func(*given))[number]._array.astype(float)
            flat[k] = value - eps
            below = _outputs(func(*given))[number]._array.astype(float)
            flat[k] = value
            rows.append(((above - below) / (2 * eps)).reshape(-1))
    return np.array(rows)


def gradgradcheck(func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any) -> bool:
    """Whether the gradients of the gradient are right: `gradcheck` of the backward pass."""
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    outputs = _outputs(func(*given))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        cotangents = [
            wrap(np.asarray(rng.normal(size=output._array.shape), output._array.dtype)).requires_grad_()
            for output in outputs
        ]
    else:
        cotangents = list(grad_outputs if isinstance(grad_outputs, tuple | list) else (grad_outputs,))
    count = len(given)

    def backward(*args: Any) -> tuple[Any, ...]:
        xs, cts = args[:count], args[count:]
        with enable_grad():
            xs = tuple(
                x.detach().requires_grad_() if isinstance(x, Tensor) and x.requires_grad and not _is_recording() else x
                for x in xs
            )
            wrt = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
            return tuple(
                part
                for part in grad(_outputs(func(*xs)), wrt, list(cts), create_graph=True, allow_unused=True)
                if part is not None
            )

    return gradcheck(backward, (*given, *cotangents), **options)


def _is_recording() -> bool:
    from srcgrad.eager.tensors.modes import is_grad_enabled

    return is_grad_enabled()
