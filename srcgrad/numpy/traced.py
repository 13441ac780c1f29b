"""The traced array: what a user's function is given in place of a NumPy array.

An `Array` behaves as the ndarray that it stands for: NumPy's functions accept it, it is written in place, and its
views share its data. What it cannot do is tell its numbers, for they do not exist yet; where a program asks for them,
the error says so and names the line.

A 0-d result (``x[0]``, ``x.sum()``) is a scalar in NumPy and cannot be changed: ``s += 1`` makes a new one, and a
second name for the old one keeps what it was. So it is here, and so are 0-d arguments. ``np.zeros(())`` and
``x[0, ...]`` are 0-d *arrays*, and can be changed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import OutOfBoundsError, SrcgradError, TraceError, TraceShapeError, UnsupportedError
from srcgrad.core.op import Op, apply
from srcgrad.core.operators import is_operand
from srcgrad.core.types import type_of
from srcgrad.graph.captured import implicit_value
from srcgrad.graph.node import Node, as_node, substitute
from srcgrad.graph.structure import constant
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import protocols
from srcgrad.numpy.assignment import ReadOnlyError, assigned_value, cast_in_place
from srcgrad.numpy.geometry import Ints, Window, c_strides
from srcgrad.numpy.keys import Key, is_traced_mask, parse_key
from srcgrad.numpy.messages import BRANCH, COUNT, NUMBER, error, unknown
from srcgrad.numpy.methods import Methods
from srcgrad.numpy.powers import power
from srcgrad.numpy.ragged import Ragged
from srcgrad.numpy.selection import select
from srcgrad.numpy.static import static_value
from srcgrad.numpy.traced_slices import spans_of


class Array(Methods, Tracer):
    """A handle on an array of the program being recorded, with the interface of `numpy.ndarray`."""

    __slots__ = ("_is_zero_d", "_last_read", "_strides", "_window")

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._window: Window | None = None
        self._strides: Ints | None = None
        self._last_read: tuple[Node, Node] | None = None
        self._is_zero_d = False

    @classmethod
    def new(cls, node: Node) -> Array:
        """A new array, not a scalar, also where it has no dimensions."""
        made = cls(node)
        made._is_zero_d = True
        return made

    def __sg_bind__(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if op.name == "power":
            args = [args[0], _known_exponent(args[1])]
        return super().__sg_bind__(op, args, params)

    # views

    @property
    def __sg_node__(self) -> Node:
        if self._base is None or self._read is None:
            return super().__sg_node__
        base = self._base.__sg_node__
        if self._last_read is None or self._last_read[0] is not base:
            self._last_read = (base, self._read(base))
        return self._last_read[1]

    def view(self, dtype: Any = None, type: Any = None) -> Array:
        """As `numpy.ndarray.view` without arguments: another name for the same data."""
        if dtype is not None or type is not None:
            what = "the bytes of a traced array cannot be viewed as another dtype"
            raise error(UnsupportedError, what, "Use x.astype(dtype)")
        return self.through(lambda window: window)

    @property
    def is_scalar(self) -> bool:
        """Whether it stands for a NumPy scalar, which has no views and cannot be changed."""
        return self._base is None and not self._is_zero_d and self.ndim == 0

    @property
    def element_strides(self) -> Ints:
        """The strides that the array has in NumPy, in elements. Arguments and results are taken to be C-contiguous."""
        return c_strides(self.shape) if self._strides is None else self._strides

    def derive(self, read: Callable[[Node], Node], write: Callable[[Node, Node], Node] | None, strides: Ints) -> Array:
        """A view; of a scalar a copy. ``write(base, value)`` gives the base's new value; None makes it read-only."""
        base = Array.new(self.__sg_node__) if self.is_scalar else self
        made = object.__new__(type(self))
        made._node, made._base, made._read, made._write = None, base, read, write
        made.is_written = made.is_differentiated = False
        made._window, made._strides, made._is_zero_d, made._last_read = None, strides, True, None
        return made

    def through(self, change: Callable[[Window], Window | None]) -> Array:
        """The view that a change of this array's window makes."""
        base: Tracer = self
        window = None
        if self._window is not None and self._base is not None:
            base, window = self._base, change(self._window)
        if window is None:
            base, window = self, change(Window.whole(self.shape))
        assert isinstance(base, Array)
        assert window is not None
        made = base.derive(window.read, window.write, window.strides(base.element_strides))
        made._window = window
        return made

    def assign(self, node: Node) -> None:
        if self.is_scalar:
            raise error(TraceError, "a NumPy scalar cannot be changed in place")
        owner: Tracer | None = self
        while owner is not None and owner._base is not None:
            if owner._write is None:
                raise error(ReadOnlyError, "assignment destination is read-only")
            owner = owner._base
        if node is not self.__sg_node__:  # the write that ends `x[1:] += 1` is done already
            super().assign(node)

    # indexing

    def __getitem__(self, key: Any) -> Any:
        sliced = spans_of(key, self.shape)
        if sliced is not None:
            return Ragged(self[sliced[0]], sliced[1], is_view=True)
        parsed = parse_key(key, self.shape)
        view = self._view(parsed)
        is_element = view.ndim == 0 and not parsed.has_ellipsis
        return Array(view.__sg_node__) if is_element or parsed.has_arrays else view

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.is_scalar:
            raise error(TraceError, "a NumPy scalar does not support item assignment")
        if is_traced_mask(key):
            self._set_where(key, value)
            return
        sliced = spans_of(key, self.shape)
        if sliced is not None:
            Ragged(self._view(parse_key(sliced[0], self.shape)), sliced[1], is_view=True).write(value)
            return
        parsed = parse_key(key, self.shape)
        view = self._view(parsed)
        if view.ndim == 0 and not parsed.has_ellipsis and _has_dimensions(value):
            raise error(TraceShapeError, "setting an array element with a sequence", "Assign one number, or to a slice")
        node = assigned_value(value, view.shape, self.dtype, indexed=parsed.has_arrays)
        view.assign(node)

    def _view(self, key: Key) -> Array:
        """The indexed part as a view; of elements at index arrays NumPy makes a copy, which the caller does."""
        if key.is_basic:
            return self.through(lambda window: window.select(key.basic_items))
        window, base = self._window, self._base
        if window is None or not window.is_ordered or base is None:
            window, base = Window.whole(self.shape), self
        assert isinstance(base, Array)
        chosen = select(key, window)
        strides = iter(self.element_strides)
        own: list[int] = []
        for item in key.items:
            stride = 0 if item is None else next(strides)
            if item is None or hasattr(item, "count"):
                own.append(stride * getattr(item, "step", 0))
        return base.derive(chosen.read, chosen.write, tuple(own))

    def add_at(self, key: Any, value: Any) -> None:
        """``np.add.at(self, key, value)``."""
        parsed = parse_key(key, self.shape)
        if parsed.is_basic:
            self[key] += value
            return
        chosen = select(parsed, Window.whole(self.shape))
        node = assigned_value(value, chosen.shape, self.dtype, indexed=True)
        self.assign(chosen.add(self.__sg_node__, node))

    def _set_where(self, mask: Any, value: Any) -> None:
        """``x[mask] = value`` with a mask that is not known: one value for all selected elements."""
        mask_shape = mask.shape
        if mask_shape != self.shape[: len(mask_shape)]:
            what = f"boolean index of shape {mask_shape} did not match indexed array of shape {self.shape}"
            raise error(OutOfBoundsError, what)
        if type_of(value).size != 1:
            what = "x[mask] = values with a traced mask: which value goes where is not known while tracing"
            raise error(TraceError, what, "Write x[:] = np.where(mask, values_of_the_shape_of_x, x)")
        node = assigned_value(value, (), self.dtype, indexed=False)
        trailing = (1,) * (self.ndim - len(mask_shape))
        condition = apply("reshape", as_node(mask), shape=(*mask_shape, *trailing)) if trailing else as_node(mask)
        self.assign(apply("where", condition, node, self.__sg_node__))

    def __len__(self) -> int:
        if self.ndim == 0:
            raise error(TraceError, "len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise error(TraceError, "iteration over a 0-d array", COUNT)
        return (self[k] for k in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    # operators that the table alone does not define

    def __hash__(self) -> int:
        what = "a traced array can be no key of a dict and no element of a set: its value is known only at run time"
        raise error(TraceError, what, "Use a list, or keys that are known while tracing")

    def __eq__(self, other: Any) -> Any:
        return apply("equal", self, other) if is_operand(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return apply("not_equal", self, other) if is_operand(other) else NotImplemented

    def __pos__(self) -> Array:
        if self.dtype.kind == "b":
            raise error(TraceError, "the unary + is not defined for booleans")
        return Array(self.__sg_node__)

    def __pow__(self, other: Any) -> Any:
        return power(self, other) if is_operand(other) else NotImplemented

    def __rpow__(self, other: Any) -> Any:
        return power(other, self) if is_operand(other) else NotImplemented

    def __matmul__(self, other: Any) -> Any:
        return protocols.namespace("matmul")(self, other) if is_operand(other) else NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return protocols.namespace("matmul")(other, self) if is_operand(other) else NotImplemented

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple | str) and self.is_scalar and self.dtype.kind in "iu":
            return other * operator.index(self)  # as a NumPy integer, it repeats a sequence
        return super().__rmul__(other)

    def __divmod__(self, other: Any) -> Any:
        return (self // other, self % other) if is_operand(other) else NotImplemented

    def __rdivmod__(self, other: Any) -> Any:
        return (other // self, other % self) if is_operand(other) else NotImplemented

    def __round__(self, ndigits: int | None = None) -> Any:
        rounded = self.round(ndigits or 0)
        return rounded if ndigits is not None else rounded.astype(np.int64)

    def __floor__(self) -> Any:
        return apply("floor", self).astype(np.int64)

    def __ceil__(self) -> Any:
        return apply("ceil", self).astype(np.int64)

    def __trunc__(self) -> Any:
        return apply("trunc", self).astype(np.int64)

    def _in_place(self, name: str, other: Any) -> Any:
        """``self op= other``: through to the data where this is an array, a new value where it is a scalar."""
        if not is_operand(other):
            return NotImplemented
        if name == "matmul":
            result = protocols.namespace("matmul")(self, other)
        else:
            result = power(self, other) if name == "power" else apply(name, self, other)
        if self.is_scalar:
            return result
        self.assign(cast_in_place(as_node(result), self.shape, self.dtype, name))
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place("add", other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place("subtract", other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place("multiply", other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place("divide", other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._in_place("floor_divide", other)

    def __imod__(self, other: Any) -> Any:
        return self._in_place("remainder", other)

    def __ipow__(self, other: Any) -> Any:
        return self._in_place("power", other)

    def __imatmul__(self, other: Any) -> Any:
        return self._in_place("matmul", other)

    def __iand__(self, other: Any) -> Any:
        return self._in_place("bitwise_and", other)

    def __ior__(self, other: Any) -> Any:
        return self._in_place("bitwise_or", other)

    def __ixor__(self, other: Any) -> Any:
        return self._in_place("bitwise_xor", other)

    def __ilshift__(self, other: Any) -> Any:
        return self._in_place("left_shift", other)

    def __irshift__(self, other: Any) -> Any:
        return self._in_place("right_shift", other)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocols.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocols.call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        value = static_value(self.__sg_node__, is_needed=True)
        if value is None:
            raise protocols.conversion_error(self.dtype)
        return np.array(value, dtype=dtype)

    # the value itself: known only where it depends on no input

    def _known(self, what: str, cure: str) -> np.ndarray[Any, Any]:
        value = static_value(self.__sg_node__, is_needed=True)
        if value is None:
            raise unknown(what, cure)
        return value

    def __bool__(self) -> bool:
        if self.size > 1:
            what = "the truth value of an array with more than one element is ambiguous"
            raise error(AmbiguousError, what, "Use a.any() or a.all()")
        return bool(self._known("the truth value of a traced array", BRANCH))

    def __int__(self) -> int:
        return int(self._known("int() of a traced array", NUMBER))

    def __float__(self) -> float:
        return float(self._known("float() of a traced array", NUMBER))

    def __complex__(self) -> complex:
        return complex(self._known("complex() of a traced array", NUMBER))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise error(TraceError, "only integer scalar arrays can be converted to a scalar index")
        return int(self._known("a traced integer", COUNT))

    def item(self, *args: Any) -> Any:
        """The element (with one argument, that of the flat array) as a number."""
        value = static_value(self.__sg_node__)
        if value is not None:
            return value.item(*args)
        if not args and self.size != 1:
            raise error(TraceShapeError, "can only convert an array of size 1 to a Python scalar")
        part = self
        if args:
            part = self[args if len(args) == self.ndim else np.unravel_index(int(args[0]), self.shape)]
        node = apply("reshape", part.__sg_node__, shape=())
        return type(self)(apply("astype", node, dtype=node.dtype, weak=True))

    def tolist(self) -> Any:
        """The elements as Python numbers, where they are known while tracing."""
        return self._known("tolist() of a traced array", NUMBER).tolist()

    def __repr__(self) -> str:
        value = static_value(self.__sg_node__)
        return f"Array({self.__sg_type__})" if value is None else f"Array({np.array2string(value, separator=', ')})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Array:
        return Array.new(self.__sg_node__)

    def __deepcopy__(self, memo: Any) -> Array:
        return Array.new(self.__sg_node__)


def _known_exponent(value: Any) -> Any:
    """A number read from outside of the function as its present value: which power it is decides how it is computed."""
    node = root = as_node(value)
    while root.op.name in ("astype", "broadcast_to", "reshape"):
        root = root.inputs[0]
    known = implicit_value(root, False) if root.shape == () else None
    if known is None:
        return value
    number = constant(known.item() if root.array_type.weak else known[()])
    return substitute([node], {root: number})[0]


class AmbiguousError(SrcgradError, ValueError):
    """An array of several elements has no truth value."""


def lift(value: Any) -> Any:
    """A traced value as it is; a constant handle for anything else."""
    return value if hasattr(value, "__sg_bind__") else Array.new(as_node(value))


def _has_dimensions(value: Any) -> bool:
    return isinstance(value, list | tuple) or bool(np.ndim(value))
