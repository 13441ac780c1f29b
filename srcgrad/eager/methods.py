"""The methods and operators of tensors: functions of this package under their names, one list for eager and traced
tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.eager.autograd.backward import backward
from srcgrad.eager.functions import (
    activations,
    complex,
    conversion,
    creation,
    derived,
    indexing,
    joining,
    linear,
    random,
    reductions,
    shaping,
    surroundings,
)
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions.elementwise import where
from srcgrad.eager.recording import views
from srcgrad.eager.recording.operands import constant
from srcgrad.eager.recording.rows import RECORDED, bind
from srcgrad.eager.tensors.dtypes import get_default_dtype
from srcgrad.eager.tensors.modes import OFF, state
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, lift

Function = Callable[..., Any]


def _words(text: str) -> list[str]:
    return text.split()


def _take(module: Any, names: str) -> dict[str, Function]:
    return {name: getattr(module, name) for name in names.split()}


#: Functions that are methods too, of eager and of traced tensors: ``f(x, ...)`` is ``x.f(...)``.
SHARED: dict[str, Function] = {
    **_take(
        ew,
        """
        sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sqrt rsqrt
        sigmoid erf erfc erfinv lgamma digamma sinc square neg sign floor ceil trunc round reciprocal frac logit add
        sub mul div floor_divide remainder fmod pow maximum minimum fmax fmin clamp clamp_min clamp_max relu atan2
        hypot copysign logaddexp logaddexp2 xlogy heaviside lerp addcmul addcdiv eq ne lt le gt ge logical_and
        logical_or logical_xor logical_not isnan isinf isfinite signbit bitwise_and bitwise_or bitwise_xor
        bitwise_not bitwise_left_shift bitwise_right_shift isclose allclose equal deg2rad rad2deg nan_to_num
        """,
    ),
    **_take(
        reductions,
        """
        sum mean prod max min amax amin argmax argmin any all sort argsort topk kthvalue median cumsum cumprod var
        std norm logsumexp count_nonzero
        """,
    ),
    **_take(
        shaping,
        """
        view reshape view_as reshape_as flatten unflatten ravel unsqueeze squeeze permute transpose t movedim expand
        expand_as broadcast_to repeat tile narrow select flip repeat_interleave
        """,
    ),
    **_take(joining, "unbind split chunk roll"),
    **_take(linear, "mm bmm mv dot outer matmul addmm addmv baddbmm"),
    **_take(
        indexing,
        """
        gather scatter scatter_add index_select index_add take masked_select masked_fill nonzero argwhere tril triu
        diagonal diag
        """,
    ),
    **_take(activations, "softmax log_softmax"),
    **_take(derived, "nansum nanmean aminmax dist diff cross inner kron fliplr flipud"),
    **_take(derived, "take_along_dim"),
    "trace": surroundings.trace,
    **_take(complex, "conj angle resolve_conj"),
    **_take(conversion, "clone contiguous to double half long short byte char type_as"),
    "abs": ew.abs,
    "float": conversion.float_,
    "int": conversion.int_,
    "bool": conversion.bool_,
    "type": conversion.type_,
}
_ALIASES = {
    "absolute": "abs",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "negative": "neg",
    "power": "pow",
    "clip": "clamp",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "not_equal": "ne",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "fix": "trunc",
    "special_expit": "sigmoid",
    "ger": "outer",
    "concat": "cat",
}
SHARED.update({alias: SHARED[name] for alias, name in _ALIASES.items() if name in SHARED})


def _cast_method(function: Function) -> Function:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return functools.wraps(function)(method)


def _where(self: Any, condition: Any, other: Any) -> Any:
    return where(condition, self, other)


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
IN_PLACE = _words("""
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


def _random() -> dict[str, Function]:
    names = "uniform_ normal_ bernoulli_ random_ exponential_"
    return {**_take(random, names), "bernoulli": random.bernoulli, "multinomial": random.multinomial}


def _new(function: Function, takes_value: bool = False) -> Function:
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


def attach() -> None:
    """Give `Tensor` its methods and operators."""
    methods: dict[str, Any] = {**SHARED, **OPERATORS, **_random(), "where": _where}
    for name in IN_PLACE:
        methods[name + "_"] = _in_place(SHARED[name])
    ufuncs = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide}
    for name, ufunc in ufuncs.items():
        methods[name + "_"] = _arithmetic_in_place(SHARED[name], ufunc)
    for operator, name in (
        ("iadd", "add_"),
        ("isub", "sub_"),
        ("imul", "mul_"),
        ("itruediv", "div_"),
        ("ifloordiv", "floor_divide_"),
    ):
        methods[f"__{operator}__"] = methods[name]
    for operator, name in (
        ("imod", "remainder_"),
        ("ipow", "pow_"),
        ("iand", "bitwise_and_"),
        ("ior", "bitwise_or_"),
        ("ixor", "bitwise_xor_"),
    ):
        methods[f"__{operator}__"] = methods[name]
    methods |= _take(conversion, "copy_ zero_ fill_ set_") | {
        "_fill_with": conversion.fill_with,
        "index_put_": indexing.index_put_,
    }
    methods |= {"backward": _backward, "__sg_bind__": _bind}
    methods |= {"__getitem__": indexing.getitem, "__setitem__": indexing.setitem}
    methods |= {
        "new_zeros": _new(creation.zeros),
        "new_ones": _new(creation.ones),
        "new_empty": _new(creation.empty),
        "new_full": _new(creation.full),
        "new_tensor": _new(creation.tensor),
    }
    methods |= {
        name: getattr(shaping, name)
        for name in ("squeeze_", "unsqueeze_", "t_", "transpose_", "cpu")
        if hasattr(shaping, name)
    }
    for name, method in methods.items():
        setattr(Tensor, name, method)
    for name, getter in PROPERTIES.items():
        setattr(Tensor, name, property(getter))
    Tensor.__new__ = _made  # type: ignore[method-assign]


attach()
