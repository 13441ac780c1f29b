"""Transformed functions called with tensors: the program is recorded with tensors, and gives tensors.

A function called with tensors gets a twin for each choice of arguments that are tensors. The twin takes arrays, as
every compiled function does; while it is traced, its function sees traced tensors in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.types import type_of
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.pullback import vjp
from srcgrad.dispatch.transforms import Jit
from srcgrad.eager import autograd
from srcgrad.eager.tensors.modes import is_grad_enabled, tracing
from srcgrad.eager.tensors.tensor import Tensor, version_of, wrap
from srcgrad.eager.traced import TracedTensor, traced_tensor
from srcgrad.graph.trace import Tracer
from srcgrad.staging import staged

if TYPE_CHECKING:
    from srcgrad.dispatch.function import Function

Flags = tuple[bool, ...]


def call(function: Function, arguments: Arguments) -> Any:
    """The result of a transformed function some of whose arguments are tensors.

    Where a tensor requires a gradient, the call is one node of the backward graph, and its pullback is compiled too.
    """
    flags = tensors_among(arguments)
    twin, args, kwargs = with_arrays(function, arguments)
    result = twin(*args, **kwargs)
    function.last = twin.last
    if twin.last is not None:
        for position in twin.last.recorded.mutated:
            if flags[position]:
                version_of(arguments.values[position]).count += 1
    leaves, structure = tree.flatten(result)
    leaves = [wrap(np.asarray(leaf)) for leaf in leaves]
    wanted = tuple(k for k, flag in enumerate(flags) if flag and arguments.values[k].requires_grad)
    if wanted and is_grad_enabled():
        pullback = _pullback(twin, arguments, wanted)
        leaves = list(CompiledCall.apply(leaves, pullback, wanted, *arguments.values))
    return tree.unflatten(structure, leaves)


class CompiledCall(autograd.Function):
    """A call of a compiled function, recorded."""

    @staticmethod
    def forward(ctx: Any, leaves: list[Tensor], pullback: Any, wanted: tuple[int, ...], *values: Any) -> Any:
        ctx.pullback, ctx.wanted, ctx.count = pullback, wanted, len(values)
        ctx.others = [None if isinstance(value, Tensor) else value for value in values]
        ctx.save_for_backward(*[value if isinstance(value, Tensor) else None for value in values])
        return tuple(leaves)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        values = [other if kept is None else kept for kept, other in zip(ctx.saved_tensors, ctx.others, strict=True)]
        found = ctx.pullback([part for part in cotangents if type_of(part).is_differentiable], values)
        gradients: list[Any] = [None] * ctx.count
        for position, gradient in zip(ctx.wanted, found, strict=True):
            gradients[position] = gradient
        return None, None, None, *gradients


def _pullback(twin: Function, arguments: Arguments, wanted: tuple[int, ...]) -> Any:
    """The compiled pullback: from the cotangents of the results and the values to the gradients of those wanted.

    Results without a derivative have no cotangent.
    """
    key = (arguments.structure, tuple(arguments.statics.items()), wanted)
    known = twin.pullbacks.get(key)
    if known is not None:
        return known

    def transposed(cotangents: Sequence[Any], values: Sequence[Any]) -> Any:
        def results(*chosen: Any) -> Any:
            moved = list(values)
            for position, value in zip(wanted, chosen, strict=True):
                moved[position] = value
            args, kwargs = arguments.fill(moved)
            return [leaf for leaf in tree.leaves(twin(*args, **kwargs)) if type_of(leaf).is_differentiable]

        return vjp(results, *[values[position] for position in wanted])[1](list(cotangents))

    compiled: Function = Jit(transposed)
    twin.pullbacks[key] = compiled
    return compiled


def with_arrays(function: Function, arguments: Arguments) -> tuple[Function, tuple[Any, ...], dict[str, Any]]:
    """The twin for these arguments, and the arguments as it takes them."""
    flags = tensors_among(arguments)
    twin = function.twins.get(flags)
    if twin is None:
        options = function.made_from()[1:]
        twin = function.twins[flags] = type(function)(seeing_tensors(function.function, flags), *options)
    arrays = [value._array if flag else value for value, flag in zip(arguments.values, flags, strict=True)]
    return twin, *arguments.fill(arrays)


def tensors_among(arguments: Arguments) -> Flags:
    """Which of the dynamic arguments are tensors."""
    return tuple(isinstance(value, Tensor) for value in arguments.values)


def seeing_tensors(function: Callable[..., Any], flags: Flags) -> Callable[..., Any]:
    """The function, for which those of its traced arguments are tensors that the flags name."""

    @functools.wraps(function)
    def entered(*args: Any, **kwargs: Any) -> Any:
        handles = [leaf for leaf in tree.leaves((args, kwargs)) if isinstance(leaf, Tracer)]
        for handle, flag in zip(handles, flags, strict=False):
            if flag and type(handle) is not TracedTensor:
                handle.__class__ = TracedTensor
                handle._is_zero_d = True  # type: ignore[attr-defined]
        with tracing(traced_tensor):
            return staged(function)(*args, **kwargs)

    return entered
