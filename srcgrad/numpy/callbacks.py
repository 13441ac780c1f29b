"""`sg.pure_callback`: a call of any Python function from compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.callback import Callback
from srcgrad.core.errors import ArgumentError, TraceShapeError
from srcgrad.core.types import ArrayType, type_of
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.trace import is_tracing
from srcgrad.numpy.geometry import reshaped
from srcgrad.numpy.traced import Array
from srcgrad.ops.callback import callback


def pure_callback(function: Callable[..., Any], result_like: Any, *args: Any) -> Any:
    """The result of ``function(*args)``, which runs as plain Python, also where it is called from compiled code.

    For what cannot be traced: quadrature, interpolation, other libraries. The function must be pure: it may be called
    any number of times, or not at all where nobody reads its result. An exception that it raises reaches the caller
    when the compiled function has run. It has no derivative; put it into a function decorated with `custom_vjp` to give
    it one. A call costs some tens of microseconds.

    Args:
        function: takes what ``args`` are, with NumPy arrays (0-dimensional ones for numbers) in place of traced ones.
        result_like: a pytree of arrays or numbers with the structure, shapes and dtypes of the result; its values do
            not matter.
        args: pytrees of arrays and numbers.

    Raises:
        ValueError: the result has another structure or another shape than ``result_like``.

    >>> import numpy as np
    >>> import srcgrad as sg
    >>> from scipy.integrate import quad
    >>> @sg.custom_vjp
    ... def integral(a):
    ...     return sg.pure_callback(lambda a: quad(lambda t: np.exp(-a * t), 0.0, 1.0)[0], 0.0, a)
    >>> _ = integral.defvjp(
    ...     lambda a: (integral(a), a),
    ...     lambda a, ct: (ct * sg.pure_callback(lambda a: quad(lambda t: -t * np.exp(-a * t), 0.0, 1.0)[0], 0.0, a),),
    ... )
    >>> sg.value_and_grad(integral)(1.0)
    (np.float64(0.632...), np.float64(-0.264...))
    """
    if not callable(function):
        raise ArgumentError(f"pure_callback takes a function, not {function!r}")
    leaves, structure = tree.flatten(args)
    likes, result_structure = tree.flatten(result_like)
    types = [_strong(type_of(like)) for like in likes]

    def run(*values: Any) -> list[Any]:
        given = [value[()] if value.ndim == 0 else value for value in values]
        return _checked(function(*tree.unflatten(structure, given)), types, result_structure, function)

    if not is_tracing():
        arrays = [np.asarray(leaf) for leaf in leaves]
        return tree.unflatten(
            result_structure, [np.asarray(x, t.dtype)[()] for x, t in zip(run(*arrays), types, strict=True)]
        )
    nodes = [as_node(leaf) for leaf in leaves] or [as_node(0.0)]
    operand_types = [_strong(node.array_type) for node in nodes[: len(leaves)]]
    stored = [ArrayType(type_.shape or (1,), type_.dtype) for type_ in types]
    made = Callback.of(run, operand_types, stored, name=getattr(function, "__qualname__", repr(function)))
    handle = next((type(leaf) for leaf in leaves if isinstance(leaf, Array)), Array)
    found = callback(*[handle.new(with_dimensions(node)) for node in nodes], callback=made)
    shaped = [x if type_.shape else handle(reshaped(as_node(x), ())) for x, type_ in zip(found, types, strict=True)]
    return tree.unflatten(result_structure, shaped)


def with_dimensions(node: Node) -> Node:
    """No operand of a library call is 0-dimensional."""
    return node if node.shape else reshaped(node, (1,))


def _strong(type_: ArrayType) -> ArrayType:
    return ArrayType(type_.shape, type_.dtype)


def _checked(result: Any, types: list[ArrayType], structure: tree.Structure, function: Any) -> list[Any]:
    leaves, found = tree.flatten(result)
    name = getattr(function, "__qualname__", repr(function))
    if found != structure:
        raise TraceShapeError(f"pure_callback: {name} returned {found}, and result_like is {structure}")
    for leaf, type_ in zip(leaves, types, strict=True):
        if np.shape(leaf) != type_.shape:
            raise TraceShapeError(
                f"pure_callback: {name} returned shape {np.shape(leaf)} where result_like has {type_.shape}"
            )
    return leaves
