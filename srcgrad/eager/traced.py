"""Tensors of a program that is being recorded for the compiler: what `sg.jit` and `sg.grad` hand to a function called
with tensors.

A `TracedTensor` is a traced array with PyTorch's names: the same functions that record nodes of a backward graph for
eager tensors apply rows of the table here. Views, in-place changes and indexing are those of traced arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError
from srcgrad.core.op import Op, apply
from srcgrad.eager.functions.catalogue import METHODS
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.methods import IN_PLACE, OPERATORS, PROPERTIES
from srcgrad.eager.recording.operands import plain
from srcgrad.eager.recording.views import check_cast
from srcgrad.eager.tensors import dtypes
from srcgrad.eager.tensors.modes import OFF, state
from srcgrad.eager.tensors.storage import Size
from srcgrad.graph.node import Node, as_node
from srcgrad.numpy import Array
from srcgrad.numpy.keys import parse_key
from srcgrad.numpy.protocols import namespace
from srcgrad.transform.stop import stop_gradient


class TracedTensor(Array):
    """A handle on a tensor of the program being recorded."""

    __slots__ = ()
    __sg_level__ = 3
    __hash__ = object.__hash__
    requires_grad = True
    is_leaf = False
    grad_fn = None

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._is_zero_d = True  # a 0-d tensor can be changed, unlike a NumPy scalar

    def __sg_bind__(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Any:
        made = super().__sg_bind__(op, [plain(arg) for arg in args], params)
        if state.mode == OFF and isinstance(made, TracedTensor):
            return type(self)(stop_gradient(made.__sg_node__))
        return made

    def __sg_lift__(self, value: Any) -> Any:
        return super().__sg_lift__(plain(value))

    # what tensors say of themselves

    @property
    def shape(self) -> Size:
        return Size(self.__sg_type__.shape)

    @property
    def dtype(self) -> Any:
        return dtypes.of(self.__sg_type__.dtype)

    @property
    def data(self) -> Any:
        return stop_gradient(self)

    @property
    def grad(self) -> Any:
        raise _unknown("x.grad", "sg.grad gives gradients as results")

    @property
    def size(self) -> Any:
        return _Count(self.shape)

    def dim(self) -> int:
        """The number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.shape.numel()

    nelement = numel

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return bool(self.__sg_type__.is_float)

    def detach(self) -> Any:
        """The same values, constants for differentiation."""
        return stop_gradient(self)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Nothing to do: which arguments are differentiated is said to `sg.grad`."""
        return self

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """There is no backward pass while a function is recorded."""
        raise _unknown(
            "x.backward()", "return the loss, and let sg.grad or sg.value_and_grad differentiate the function"
        )

    def numpy(self) -> Any:
        """There is no array yet."""
        raise _unknown("x.numpy()", "use tensor operations")

    # views

    def as_shape(self, shape: tuple[int, ...]) -> Any:
        """The same elements in another shape; a view where NumPy makes one."""
        found = namespace("reshape")(self, shape)
        return found if isinstance(found, TracedTensor) else type(self)(found.__sg_node__)

    def as_wide(self, shape: tuple[int, ...]) -> Any:
        """A view with dimensions repeated."""
        found = namespace("broadcast_to")(self, shape)
        return found if isinstance(found, TracedTensor) else type(self)(found.__sg_node__)

    def as_order(self, order: tuple[int, ...]) -> Any:
        """A view with the dimensions in another order."""
        return namespace("transpose")(self, order)

    def __getitem__(self, key: Any) -> Any:
        parsed = parse_key(_key(key), tuple(self.shape))
        view = self._view(parsed)
        return type(self)(view.__sg_node__) if parsed.has_arrays else view

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_key(key), plain(value))

    def __iter__(self) -> Any:
        return iter([self[k] for k in range(self.shape[0])])

    def index_put_(self, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
        """Write, or add, values at index tensors for the first dimensions."""
        key = tuple(map(plain, indices))
        if accumulate:
            self.add_at(key, plain(values))
        else:
            self[key] = values
        return self

    def where(self, condition: Any, other: Any) -> Any:
        """The elements where the condition holds, else the other's."""
        return where(condition, self, other)

    def change(self, value: Any) -> Any:
        """Let the tensor, and every view of its memory, have another value."""
        node = as_node(plain(value))
        own = self.__sg_type__
        check_cast(node.dtype, own.dtype)
        if node.shape != own.shape:
            if np.broadcast_shapes(node.shape, own.shape) != own.shape:
                wide = list(np.broadcast_shapes(node.shape, own.shape))
                raise RuntimeError(f"output with shape {list(own.shape)} doesn't match the broadcast shape {wide}")
            node = apply("broadcast_to", node, shape=own.shape)
        self.assign(node if node.dtype == own.dtype else apply("astype", node, dtype=own.dtype))
        return self

    def copy_(self, src: Any) -> Any:
        """Let the elements be those of another tensor."""
        source = as_node(plain(src))
        return self.change(apply("astype", source, dtype=self.__sg_type__.dtype))

    def zero_(self) -> Any:
        """Let all elements be zero."""
        return self.fill_(0)

    def fill_(self, value: Any) -> Any:
        """Let all elements be one value."""
        return self.copy_(plain(value) if hasattr(value, "__sg_bind__") else np.asarray(value))

    def __repr__(self) -> str:
        return f"TracedTensor({self.__sg_type__})"

    __str__ = __repr__


def traced_tensor(array: Any) -> TracedTensor:
    """An array as a constant of the program that is being recorded."""
    return TracedTensor(as_node(array))


class _Count(int):
    """The number of elements, as traced arrays have it; called, the shape, as tensors do."""

    shape: Size

    def __new__(cls, shape: Size) -> _Count:
        made = super().__new__(cls, shape.numel())
        made.shape = shape
        return made

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


def _key(key: Any) -> Any:
    """An index without tensors of the eager kind."""
    return tuple(map(plain, key)) if isinstance(key, tuple) else plain(key)


def _unknown(what: str, cure: str) -> TraceError:
    return TraceError(f"{what} does not exist while a function is recorded for the compiler; {cure}")


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.change(function(self, *args, **kwargs))

    return method


def _attach() -> None:
    own = vars(TracedTensor)
    methods: dict[str, Any] = {**METHODS, **OPERATORS}
    methods |= {name + "_": _in_place(METHODS[name]) for name in IN_PLACE}
    changes = {"iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "ipow": "pow_", "imod": "remainder_"}
    methods |= {f"__{operator}__": methods[name] for operator, name in changes.items()}
    for name, method in methods.items():
        if name not in own:
            setattr(TracedTensor, name, method)
    for name, getter in PROPERTIES.items():
        setattr(TracedTensor, name, property(getter))


_attach()

__all__ = ["TracedTensor", "traced_tensor"]
