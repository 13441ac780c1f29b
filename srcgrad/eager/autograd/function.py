"""`Function`: an operation with a derivative of one's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.convention import as_seen
from srcgrad.eager.recording.cotangents import sum_to
from srcgrad.eager.recording.operands import to_dtype
from srcgrad.eager.recording.views import attach, make_view
from srcgrad.eager.tensors.errors import broadcast_mismatch
from srcgrad.eager.tensors.modes import ANOMALY, OFF, no_grad, state
from srcgrad.eager.tensors.node import FREED_MESSAGE, BackwardNode, Edges, Parts, Port, modified, sequence
from srcgrad.eager.tensors.tensor import Tensor, version_of, wrap


class FunctionCtx:
    """What `Function.forward` and `Function.backward` share; it is the node of the graph."""

    # as a user sees it

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or other tensors for `backward`, guarded against changes in place."""
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that inputs were changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that outputs have no derivative."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros, rather than None, for outputs that nothing depends on."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that were kept."""
        if self._saved is None:
            raise RuntimeError(FREED_MESSAGE)
        return tuple(part if part is None else part.get(self) for part in self._saved)

    needs_input_grad: tuple[bool, ...] = ()
    _to_save: Sequence[Tensor | None] = ()
    _dirty: Sequence[Tensor] = ()
    _constant: Sequence[Tensor] = ()
    _materialize = True
    _saved: list[Any] | None = ()  # type: ignore[assignment]


class _Kept:
    """A saved tensor and its version; of an output no more than its memory, for the output holds the node."""

    __slots__ = ("is_output", "number", "tensor", "version")

    def __init__(self, tensor: Tensor, number: int | None) -> None:
        self.is_output, self.number = number is not None, number
        if self.is_output:
            kept = wrap(tensor._array)
            kept._counter = version_of(tensor)
            tensor = kept
        self.tensor, self.version = tensor, tensor._version

    def get(self, node: Any) -> Tensor:
        tensor = self.tensor
        if tensor._version != self.version:
            raise modified(tensor, self.version)
        if self.is_output:
            made = wrap(tensor._array)
            made._counter, made._node = tensor._counter, node.port(self.number)
            return made
        return tensor


class FunctionNode(FunctionCtx, BackwardNode):
    """An application of a `Function`."""

    function: type[Function]
    inputs: list[tuple[tuple[int, ...], Any] | None]
    outputs: list[tuple[tuple[int, ...], Any]]

    def port(self, number: int) -> BackwardNode:
        """What an output has as its node."""
        return self if len(self.outputs) == 1 else Port(self, number)

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        given = cotangent.as_list(len(self.outputs)) if isinstance(cotangent, Parts) else [cotangent]
        tensors = [None if part is None else wrap(np.asarray(as_seen(part))) for part in given]
        return [None if part is None else as_seen(part._array) for part in self._call(tensors, edges)]

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        given = cotangent.as_list(len(self.outputs)) if isinstance(cotangent, Parts) else [cotangent]
        return [as_seen(part) for part in self._call([as_seen(part) for part in given], edges)]

    def _call(self, given: list[Any], edges: Edges) -> list[Any]:
        if self._materialize:
            given = [
                wrap(np.zeros(shape, dtype)) if part is None else part
                for part, (shape, dtype) in zip(given, self.outputs, strict=True)
            ]
        found = self.function.backward(self, *given)
        results = list(found) if isinstance(found, tuple | list) else [found]
        expected = len(self.inputs)
        if len(results) > expected and all(part is None for part in results[expected:]):
            results = results[:expected]
        if len(results) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got "
                f"{len(results)})"
            )
        checked = [self._checked(part, number) for number, part in enumerate(results)]
        return [checked[number] for number, kind in enumerate(self.inputs) if kind is not None]

    def _checked(self, part: Any, number: int) -> Any:
        kind = self.inputs[number]
        if part is None:
            return None
        if kind is None:
            raise RuntimeError(
                f"function {self.name()} returned a gradient different from None at position {number + 1}, but the "
                "corresponding forward input was not a Variable"
            )
        if not isinstance(part, Tensor):
            raise TypeError(f"expected Variable or None (got {type(part).__name__})")
        shape, dtype = kind
        given = part._array.shape
        if given != shape:
            if broadcast_mismatch(given, shape) is not None or np.broadcast_shapes(given, shape) != given:
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {number} - got {list(given)} but "
                    f"expected shape compatible with {list(shape)}"
                )
            part = sum_to(part, shape)
        return to_dtype(part, dtype)

    def release(self) -> None:
        if self._saved:
            self._saved = None


class Function:
    """Base class: define ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, both static, and call ``apply``.

    ``backward`` is itself recorded under ``create_graph``, so that what it is made of gives the higher derivatives.

    >>> import srcgrad.eager as torch
    >>> class Exp(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         result = x.exp()
    ...         ctx.save_for_backward(result)
    ...         return result
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         result, = ctx.saved_tensors
    ...         return grad * result
    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> Exp.apply(x).backward()
    >>> x.grad
    tensor(1.)
    """

    forward: Callable[..., Any]
    setup_context: Callable[..., Any] | None = None
    _node_kind: type[FunctionNode]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each input, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it "
            "with backward mode AD."
        )

    vjp = backward

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_kind = type(
            cls.__name__ + "Backward", (FunctionNode,), {"function": cls, "__module__": cls.__module__}
        )

    def __init__(self, *args: Any) -> None:
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you "
            "should invoke them on the class itself."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and record it."""
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        recorded = state.mode != OFF and any(tensor._node is not None for tensor in tensors)
        node = cls._node_kind()
        node.edges = tuple(tensor._node for tensor in tensors)
        node.seq, node.extra = next(sequence), None
        node.needs_input_grad = tuple(isinstance(arg, Tensor) and arg._node is not None for arg in args)
        node.inputs = [(arg._array.shape, arg._array.dtype) if isinstance(arg, Tensor) else None for arg in args]
        with no_grad():
            if cls.setup_context is None:
                result = cls.forward(node, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(node, args, result)
        several = isinstance(result, tuple)
        outputs = list(result) if several else [result]
        if recorded:
            outputs = _record(node, tensors, outputs)
        node._to_save = ()
        return tuple(outputs) if several else outputs[0]


def _record(node: FunctionNode, tensors: Sequence[Tensor], outputs: list[Any]) -> list[Any]:
    """The outputs with the node that made them."""
    node.seq = next(sequence)
    made: list[Any] = []
    numbers: dict[int, int] = {}
    node.outputs = [(part._array.shape, part._array.dtype) for part in outputs if isinstance(part, Tensor)]
    count = 0
    for part in outputs:
        if not isinstance(part, Tensor):
            made.append(part)
            continue
        number, count = count, count + 1
        numbers[id(part)] = number
        is_constant = any(part is one for one in node._constant) or part._array.dtype.kind not in "fc"
        if any(part is one for one in node._dirty):
            attach(part, node.port(number))
        elif any(part is one for one in tensors):
            part = make_view(
                part, part._array, lambda base: base.view(base.shape), None if is_constant else node.port(number)
            )
        elif not is_constant:
            if part._meta is not None and part._meta.base is not None:
                part._meta = None
            part._node = node.port(number)
        made.append(part)
    node._saved = [None if part is None else _Kept(part, numbers.get(id(part))) for part in node._to_save]
    for kept, part in zip(node._saved, node._to_save, strict=True):
        if kept is not None and any(part is one for one in tensors):
            kept.is_output, kept.tensor, kept.version = False, part, part._version  # type: ignore[union-attr]
    if state.mode == ANOMALY:
        annotate(node)
    return made


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `Function.backward` that cannot be differentiated itself."""

    @functools.wraps(function)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        recorded = state.mode != OFF and any(isinstance(grad, Tensor) and grad._node is not None for grad in grads)
        with no_grad():
            results = function(ctx, *grads)
        if not recorded:
            return results
        parts = results if isinstance(results, tuple) else (results,)
        return tuple(
            part if part is None else _Once.apply(part, *[grad for grad in grads if grad is not None]) for part in parts
        )

    return wrapped


class _Once(Function):
    """Passes a value on, and refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *grads: Tensor) -> Tensor:
        return value.clone()  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
