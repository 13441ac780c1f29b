"""Functions to functions: what each transform records in place of the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, ArgumentValueError, TraceError
from srcgrad.dispatch.arguments import Arguments, Static
from srcgrad.dispatch.function import Function, Options, P, Recorded, Result, Transformed
from srcgrad.graph.node import Node
from srcgrad.graph.trace import Tracer
from srcgrad.pipeline import differentiate
from srcgrad.staging import staged
from srcgrad.transform.rewrite import filled

Argnums = int | Sequence[int]


class Jit(Transformed[P, Result]):
    """See `srcgrad.jit`."""

    def record(self, arguments: Arguments) -> Recorded:
        traced = self.trace(arguments)
        return Recorded(traced.graph, traced.out_structure, traced.mutated)

    def inline(self, arguments: Arguments, handle: type[Tracer]) -> Any:
        args, kwargs = arguments.fill(arguments.values)
        return staged(self.function)(*args, **kwargs)


class Grad(Transformed[P, Result]):
    """See `srcgrad.grad` and `srcgrad.value_and_grad`."""

    def __init__(
        self,
        function: Callable[..., Any],
        argnums: Argnums = 0,
        has_aux: bool = False,
        with_value: bool = False,
        options: Options | None = None,
    ) -> None:
        super().__init__(function, options)
        self.argnums, self.has_aux, self.with_value = argnums, has_aux, with_value

    def record(self, arguments: Arguments) -> Recorded:
        wrt = differentiated_leaves(self, arguments, self.argnums)
        inputs = [arguments.dynamic.index(position) for positions in wrt for position in positions]
        traced = self.trace_differentiated(arguments, inputs)
        value, aux = self._split(traced.out_structure)
        results = traced.graph.outputs[: traced.n_results]
        _check_scalar(self, value, results[: value.num_leaves])
        seeds = [filled(results[0].array_type, 1), *[None] * (len(results) - 1)]
        joint = differentiate(replace(traced.graph, outputs=tuple(results)), inputs, seeds)
        outputs, grads = joint.outputs[: len(results)], joint.outputs[len(results) :]
        structure = self._grad_structure(arguments)
        kept = (*outputs, *grads) if self.with_value else (*grads, *outputs[1:])
        names = {grad: f"grad_{joint.inputs[k].params['name']}" for grad, k in zip(grads, inputs, strict=True)}
        result = self._result(value, aux, structure)
        return Recorded(replace(joint, outputs=kept), result, names=tuple(names.get(output, "") for output in kept))

    def made_from(self) -> tuple[Any, ...]:
        return self.function, self.argnums, self.has_aux, self.with_value, self.options

    def _split(self, structure: tree.Structure) -> tuple[tree.Structure, tree.Structure | None]:
        if not self.has_aux:
            return structure, None
        if structure.kind is not tuple or len(structure.children) != 2:
            raise TraceError(f"{_name(self)}: with has_aux=True the function must return a pair (value, aux)")
        return structure.children

    def _grad_structure(self, arguments: Arguments) -> tree.Structure:
        positional = arguments.structure.children[0].children
        if isinstance(self.argnums, int):
            return positional[self.argnums]
        return tree.Structure(tuple, None, tuple(positional[k] for k in self.argnums))

    def _result(self, value: tree.Structure, aux: tree.Structure | None, grads: tree.Structure) -> tree.Structure:
        if self.with_value:
            return _pair(value if aux is None else _pair(value, aux), grads)
        return grads if aux is None else _pair(grads, aux)


def _pair(first: tree.Structure, second: tree.Structure) -> tree.Structure:
    return tree.Structure(tuple, None, (first, second))


def differentiated_leaves(function: Function, arguments: Arguments, argnums: Argnums) -> list[list[int]]:
    """For each of ``argnums`` the leaves of that argument: all must be arrays of floats or complex numbers."""
    positional = arguments.structure.children[0].children
    starts = np.cumsum([0, *(child.num_leaves for child in positional)]).tolist()
    found = []
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not isinstance(numbers, tuple | list) or not all(isinstance(number, int) for number in numbers):
        raise ArgumentError(f"{_name(function)}: argnums is {argnums!r}; it takes a position, or a tuple of positions")
    for number in numbers:
        if not -len(positional) <= number < len(positional):
            raise ArgumentValueError(
                f"{_name(function)}: argnums {number} is out of range for {len(positional)} positional arguments; "
                "an argument to differentiate is passed by position"
            )
        number %= len(positional)
        found.append(list(range(starts[number], starts[number + 1])))
        for position in found[-1]:
            _check_differentiable(function, arguments, position)
    return found


def _check_differentiable(function: Function, arguments: Arguments, position: int) -> None:
    leaf = arguments.leaves[position]
    path = arguments.paths[position]
    if isinstance(leaf, Static):
        raise ArgumentError(
            f"{_name(function)}: argument {path} is {leaf.value!r}, which cannot be differentiated; "
            "choose other argnums, or pass it as an argument of its own"
        )
    type_ = arguments.types[arguments.dynamic.index(position)]
    if type_.is_differentiable:
        return
    cure = "pass a float (1.0 instead of 1)" if type_.shape == () else "convert it with .astype(float)"
    raise ArgumentError(
        f"{_name(function)}: argument {path} has dtype {type_.dtype}, the derivative needs floats; {cure}"
    )


def _check_scalar(function: Function, structure: tree.Structure, results: Sequence[Node]) -> None:
    if structure.kind is not None:
        raise ArgumentError(
            f"{_name(function)} needs a function that returns one scalar, this one returns {structure}; "
            "return (value, aux) with has_aux=True, or use sg.vjp"
        )
    type_ = results[0].array_type
    if type_.shape != ():
        raise ArgumentValueError(
            f"{_name(function)} needs a function that returns a scalar, this one returns shape {type_.shape}; "
            "reduce it (.sum(), .mean()), or use sg.vjp for any other shape"
        )
    if type_.dtype.kind == "c":
        raise ArgumentError(
            f"{_name(function)} needs a function that returns a real number, this one returns {type_.dtype}; "
            "return its .real, .imag or abs(), or use sg.vjp with a complex cotangent"
        )
    if not type_.is_float:
        raise ArgumentError(
            f"{_name(function)} needs a function that returns a float, this one returns {type_.dtype}; "
            "integers and booleans have no derivative"
        )


def _name(function: Function) -> str:
    transform = "value_and_grad" if getattr(function, "with_value", False) else type(function).__name__.lower()
    return f"{transform}({getattr(function, '__qualname__', 'f')})"
