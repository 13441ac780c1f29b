"""The methods and operators of tensors: functions of this package under their names, one list for eager and traced
tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.autograd.backward import backward
from srcgrad.eager.functions import complex, conversion, indexing, linear, shaping
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions.catalogue import METHODS, late, words
from srcgrad.eager.making import creation, random
from srcgrad.eager.recording import views
from srcgrad.eager.recording.operands import constant
from srcgrad.eager.recording.rows import RECORDED, bind
from srcgrad.eager.tensors.dtypes import get_default_dtype
from srcgrad.eager.tensors.modes import OFF, state
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, lift

Function = Callable[..., Any]


def _where(self: Any, condition: Any, other: Any) -> Any:
    return ew.where(condition, self, other)


def _comparison_operator(function: Function) -> Function:
    """``x == y``: values that are no numbers are simply different."""

    def operator(self: Any, other: Any) -> Any:
        try:
            return function(self, other)
        except TypeError:
            return NotImplemented

    return operator


def _reflected(function: Function) -> Function:
    def operator(self: Any, other: Any) -> Any:
        return function(other, self)

    return operator


#: Python's operators.
OPERATORS: dict[str, Function] = {
    "__add__": ew.add_operands,
    "__radd__": ew.add_operands,
    "__sub__": ew.sub_operands,
    "__rsub__": ew.rsub,
    "__mul__": ew.mul,
    "__rmul__": ew.mul,
    "__truediv__": ew.true_divide,
    "__rtruediv__": ew.rdiv,
    "__floordiv__": ew.floor_divide,
    "__rfloordiv__": _reflected(ew.floor_divide),
    "__mod__": ew.remainder,
    "__rmod__": _reflected(ew.remainder),
    "__pow__": ew.pow,
    "__rpow__": _reflected(ew.pow),
    "__matmul__": linear.matmul,
    "__rmatmul__": _reflected(linear.matmul),
    "__neg__": ew.neg,
    "__pos__": lambda self: self,
    "__abs__": ew.abs,
    "__invert__": ew.bitwise_not,
    "__and__": ew.bitwise_and,
    "__rand__": ew.bitwise_and,
    "__or__": ew.bitwise_or,
    "__ror__": ew.bitwise_or,
    "__xor__": ew.bitwise_xor,
    "__rxor__": ew.bitwise_xor,
    "__lshift__": ew.bitwise_left_shift,
    "__rshift__": ew.bitwise_right_shift,
    "__eq__": _comparison_operator(ew.eq),
    "__ne__": _comparison_operator(ew.ne),
    "__lt__": ew.lt,
    "__le__": ew.le,
    "__gt__": ew.gt,
    "__ge__": ew.ge,
}

#: Functions whose in-place variant has a trailing underscore.
IN_PLACE = words("""
    add sub mul div floor_divide remainder fmod pow sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp
    exp2 expm1 log log2 log10 log1p sqrt rsqrt sigmoid erf erfc erfinv lgamma digamma square neg abs sign floor ceil
    trunc round reciprocal frac clamp clamp_min clamp_max relu lerp addcmul addcdiv addmm addmv baddbmm copysign
    atan2 hypot xlogy masked_fill scatter scatter_add index_add logical_and logical_or logical_xor logical_not
    bitwise_and bitwise_or bitwise_xor bitwise_not tril triu cumsum cumprod eq ne lt le gt ge logit subtract
    multiply divide true_divide clip absolute negative
""")


def _in_place(function: Function) -> Function:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return views.in_place(self, lambda old: function(old, *args, **kwargs))

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}` in place."
    return method


def _arithmetic_in_place(function: Function, ufunc: Any) -> Function:
    """As `_in_place`, and straight into the memory where nothing is recorded."""
    general = _in_place(function)

    def method(self: Any, other: Any, **kwargs: Any) -> Any:
        if (state.mode == OFF or self._node is None) and not kwargs:
            array = self._array
            dtype = array.dtype
            if isinstance(other, Tensor):
                operand: Any = other
                plain = other._array.dtype is dtype and (other._node is None or state.mode == OFF)
            else:
                plain = dtype.kind == "f" and type(other) in (int, float)
                operand = constant(other, dtype) if plain else other
            if plain and dtype.kind == "f" and self._meta is None and array.flags.writeable:
                try:
                    state.run(ufunc, array, operand._array, array)
                except ValueError:
                    return general(self, other)
                counter = self._counter
                if counter is None:
                    self._counter = counter = Version()
                counter.count += 1
                return self
        return general(self, other, **kwargs)

    return functools.wraps(general)(method)


def _transposed(self: Any) -> Any:
    return shaping.permute(self, tuple(range(len(self.shape)))[::-1])


def _adjoint_of_matrices(self: Any) -> Any:
    return shaping.transpose(self, -2, -1)


PROPERTIES: dict[str, Function] = {
    "T": _transposed,
    "mT": _adjoint_of_matrices,
    "real": complex.real,
    "imag": complex.imag,
}


def _new(function: Function) -> Function:
    """``x.new_zeros(shape)``: in the dtype of x."""

    def method(self: Any, *size: Any, dtype: Any = None, **options: Any) -> Any:
        return function(*size, dtype=self.dtype if dtype is None else dtype, **options)

    return method


def _made(cls: Any, *size: Any) -> Any:
    """``Tensor([1, 2])`` holds numbers as floats, ``Tensor(2, 3)`` a shape of numbers that are not set."""
    if len(size) == 1 and not isinstance(size[0], int):
        return creation.tensor(size[0], dtype=get_default_dtype())
    return creation.empty(*(size or (0,)))


def _backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | Tensor | None = None,
) -> None:
    """Add the gradient of this tensor to ``grad`` of the leaves that it was computed from."""
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _bind(self: Tensor, op: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
    recorded = RECORDED.get(op.name)
    return bind(op, args, params) if recorded is None else recorded(*map(lift, args), **params)


def _operators_in_place(methods: dict[str, Any]) -> dict[str, Any]:
    """``x += y`` is ``x.add_(y)``."""
    pairs = "add=add sub=sub mul=mul truediv=div floordiv=floor_divide mod=remainder pow=pow"
    pairs += " and=bitwise_and or=bitwise_or xor=bitwise_xor"
    entries = [pair.split("=") for pair in pairs.split()]
    return {f"__i{operator}__": methods[name + "_"] for operator, name in entries}


_OF_MODULES = {
    random: "uniform_ normal_ bernoulli_ random_ exponential_ bernoulli multinomial",
    conversion: "copy_ zero_ fill_ set_",
    indexing: "index_put_",
}


def attach() -> None:
    """Give `Tensor` its methods and operators."""
    methods: dict[str, Any] = {name: method for name, method in METHODS.items() if name not in vars(Tensor)}
    methods |= {name + "_": _in_place(METHODS[name]) for name in IN_PLACE}
    ufuncs = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide}
    methods |= {name + "_": _arithmetic_in_place(METHODS[name], ufunc) for name, ufunc in ufuncs.items()}
    for module, names in _OF_MODULES.items():
        methods |= {name: getattr(module, name) for name in names.split()}
    for name in ("zeros", "ones", "empty", "full", "tensor"):
        methods["new_" + name] = _new(getattr(creation, name))
    methods |= {**OPERATORS, **_operators_in_place(methods), "where": _where, "backward": _backward}
    methods |= {"_fill_with": conversion.fill_with, "__sg_bind__": _bind, "_late": staticmethod(late)}
    methods |= {"__getitem__": indexing.getitem, "__setitem__": indexing.setitem, "__new__": _made}
    for name, method in methods.items():
        setattr(Tensor, name, method)
    for name, getter in PROPERTIES.items():
        setattr(Tensor, name, property(getter))


attach()
