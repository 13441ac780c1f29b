"""Operators, elements and calls to LLVM instructions.

What operations mean is Numba's business: operators on anything but floats and int64, functions, casts and the calling
convention are asked from its contexts. What is known at compile time is a Python object, all else an `Operand`.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.core.extending import _Intrinsic
from numba.core.funcdesc import ExternalFunctionDescriptor
from numba.cpython import numbers
from numba.np.numpy_support import from_dtype

from srcgrad.backends import buffer
from srcgrad.backends.native.complex_parts import BY_PARTS, by_parts
from srcgrad.backends.native.flags import FloatFlags
from srcgrad.backends.threads import fork, run_parts

I1, I64 = ir.IntType(1), ir.IntType(64)


class Unknown(NumbaError):
    """Something in the text that this frontend does not know."""


@dataclass(slots=True)
class Operand:
    """A value at run time; what is known now is a Python object instead."""

    type: types.Type
    value: Any


_FOLDED = {operator.add, operator.sub, operator.mul, operator.neg}
_COMPARISONS = {
    operator.eq: "==",
    operator.ne: "!=",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
}
_FLOATS = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
_INTEGERS = {operator.add: "add", operator.sub: "sub", operator.mul: "mul"}
_BITS = {operator.and_: "and_", operator.or_: "or_", operator.xor: "xor"}
_SHIFTS = {operator.lshift: "shl", operator.rshift: "ashr"}
_DIVISIONS = {operator.floordiv: numbers.int_floordiv_impl, operator.mod: numbers.int_rem_impl}
_INT64_OF_TWO = types.int64(types.int64, types.int64)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a function is lowered.

    Attributes:
        unit: the library, which knows the functions of our own.
        context: Numba's target context.
        builder: stands in the LLVM function.
        function: the Python function, of whose module names are used.
        floats: the flags of its floating-point operations.
        arguments: a type and an LLVM value for each parameter.
    """

    unit: Any
    context: Any
    builder: Any
    function: Callable[..., Any]
    floats: FloatFlags
    arguments: Sequence[Operand]


class ExpressionLowering:
    """Lowers expressions at the place where the builder stands; ``in_memory`` are the variables that need memory."""

    def __init__(self, site: Site, in_memory: set[str]) -> None:
        self.unit, self.context, self.builder, self.floats = site.unit, site.context, site.builder, site.floats
        self.typing_context = site.unit.typing_context
        function = site.function
        self.globals = function.__globals__
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.closure = {name: cell.cell_contents for name, cell in cells}
        self.in_memory = in_memory
        self.names: dict[str, Any] = {}
        self.slots: dict[str, Operand] = {}

    # names

    def bind(self, name: str, value: Any) -> None:
        if name not in self.in_memory:
            self.names[name] = value
            return
        value = self.operand(value)
        slot = self.slots.get(name)
        if slot is None:
            kind = self.context.get_value_type(value.type)
            slot = self.slots[name] = Operand(value.type, cgutils.alloca_once(self.builder, kind, name=name))
        if slot.type != value.type:
            raise Unknown(f"{name} is {slot.type} and {value.type}")
        self.builder.store(value.value, slot.value)

    def load(self, name: str) -> Any:
        if name in self.in_memory:
            if name not in self.slots:
                raise Unknown(f"{name} before its assignment")
            slot = self.slots[name]
            return Operand(slot.type, self.builder.load(slot.value))
        for known in (self.names, self.closure, self.globals):
            if name in known:
                return known[name]
        builtin = self.globals["__builtins__"]
        found = builtin.get(name) if isinstance(builtin, dict) else getattr(builtin, name, None)
        if found is None:
            raise Unknown(f"name {name}")
        return found

    def blocks(self, *names: str) -> list[Any]:
        return [self.builder.append_basic_block(name) for name in names]

    # operators

    def apply(self, function: Callable[..., Any], *args: Any) -> Any:
        """An operator."""
        if function in _FOLDED and all(type(arg) in (int, float) for arg in args):
            return function(*args)
        operands = [self.operand(arg) for arg in args]
        kinds = [operand.type for operand in operands]
        if all(isinstance(kind, types.Integer) and kind.signed for kind in kinds):  # as NumPy and Numba have it
            operands = [Operand(types.int64, self.cast(operand, types.int64)) for operand in operands]
            kinds = [types.int64] * len(operands)
        if all(kind in (types.float64, types.float32, types.int64) for kind in kinds):
            found = self.arithmetic(function, operands)
            if found is not None:
                return found
        values = [operand.value for operand in operands]
        if function in _BITS and kinds == [types.boolean] * 2:
            return Operand(types.boolean, getattr(self.builder, _BITS[function])(*values))
        if isinstance(kinds[0], types.Complex) and kinds == [kinds[0]] * 2 and function in BY_PARTS:
            return Operand(kinds[0], by_parts(self.builder, function, values[0], values[1], self.floats.plain))
        self.unit.ask_numba()
        signature = self.typing_context.resolve_function_type(function, tuple(kinds), {})
        if signature is None:
            raise Unknown(f"{function.__name__} of {kinds}")
        return self.lowered(self.context.get_function(function, signature), signature, operands)

    def arithmetic(self, function: Callable[..., Any], operands: list[Operand]) -> Operand | None:
        """The operators on floats and int64 that are one instruction."""
        builder = self.builder
        kind = operands[0].type if len(operands) == 1 else common(*(operand.type for operand in operands))
        if function is operator.truediv and kind == types.int64:
            kind = types.float64
        values = [self.cast(operand, kind) for operand in operands]
        if function in _COMPARISONS:
            sign = _COMPARISONS[function]
            if kind == types.int64:
                return Operand(types.boolean, builder.icmp_signed(sign, *values))
            compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
            return Operand(types.boolean, compare(sign, *values))
        if kind == types.int64:
            if function is operator.neg:
                return Operand(kind, builder.neg(*values))
            if function in _INTEGERS:
                return Operand(kind, getattr(builder, _INTEGERS[function])(*values, flags=["nsw"]))
            if function in _BITS or function in _SHIFTS:
                return Operand(kind, getattr(builder, (_BITS | _SHIFTS)[function])(*values))
            if function in _DIVISIONS:
                return self.divide(function, *values)
            return None
        if function is operator.neg:
            return Operand(kind, builder.fneg(*values))
        if function in _FLOATS:
            return Operand(kind, getattr(builder, _FLOATS[function])(*values, flags=self.floats.plain))
        return None

    def step(self, function: Callable[..., Any], total: Any, term: Any) -> Any:
        """A step of a reduction, ``total += term``: as the operator, with the flags of its own."""
        operands = [self.operand(total), self.operand(term)]
        kind = operands[0].type
        if operands[1].type != kind or function not in (operator.add, operator.mul):
            return self.apply(function, total, term)
        if isinstance(kind, types.Complex) and function is operator.add:
            values = [operand.value for operand in operands]
            return Operand(kind, by_parts(self.builder, function, values[0], values[1], self.floats.of_step(None)))
        if not isinstance(kind, types.Float):
            return self.apply(function, total, term)
        flags = self.floats.of_step(operands[1].value)
        return Operand(kind, getattr(self.builder, _FLOATS[function])(*(o.value for o in operands), flags=flags))

    def divide(self, function: Callable[..., Any], value: Any, by: Any) -> Operand:
        """Rounded down; by a positive constant without a branch."""
        if not isinstance(by, ir.Constant) or by.constant <= 0:
            found = _DIVISIONS[function](self.context, self.builder, _INT64_OF_TWO, (value, by))
            return Operand(types.int64, found)
        builder, zero = self.builder, ir.Constant(I64, 0)
        rest = builder.srem(value, by)
        below = builder.icmp_signed("<", rest, zero)
        if function is operator.mod:
            return Operand(types.int64, builder.select(below, builder.add(rest, by), rest))
        quotient = builder.sdiv(value, by)
        return Operand(types.int64, builder.sub(quotient, builder.zext(below, I64)))

    def truth(self, value: Any) -> Any:
        operand = self.operand(value)
        if isinstance(operand.type, types.Integer):
            return self.builder.icmp_unsigned("!=", operand.value, ir.Constant(operand.value.type, 0))
        if isinstance(operand.type, types.Float):
            return self.builder.fcmp_unordered("!=", operand.value, ir.Constant(operand.value.type, 0.0))
        if operand.type != types.boolean:
            raise Unknown(f"the truth of {operand.type}")
        return operand.value

    def integer(self, value: Any) -> Any:
        operand = self.operand(value)
        if not isinstance(operand.type, types.Integer):
            raise Unknown(f"{operand.type} as an integer")
        return self.cast(operand, types.int64)

    def operand(self, value: Any) -> Operand:
        """A value that is known now, as one at run time."""
        if isinstance(value, Operand):
            return value
        if isinstance(value, bool):
            return Operand(types.boolean, ir.Constant(I1, int(value)))
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return Operand(types.int64, ir.Constant(I64, value))
        if isinstance(value, tuple):
            parts = [self.operand(part) for part in value]
            kind = types.Tuple.from_types([part.type for part in parts])
            return Operand(kind, self.context.make_tuple(self.builder, kind, [part.value for part in parts]))
        if isinstance(value, float | complex | np.generic):
            kind = from_dtype(np.result_type(value))
            return Operand(kind, self.context.get_constant_generic(self.builder, kind, value))
        if isinstance(value, types.Type):
            return Operand(types.NumberClass(value), self.context.get_dummy_value())
        if isinstance(value, Dispatcher):
            return Operand(types.Dispatcher(value), self.context.get_dummy_value())
        raise Unknown(f"{value!r} as a value")

    def cast(self, operand: Operand, kind: types.Type) -> Any:
        if operand.type == kind:
            return operand.value
        if isinstance(operand.value, ir.Constant) and operand.type == types.int64 and isinstance(kind, types.Float):
            return self.context.get_constant(kind, operand.value.constant)
        return self.context.cast(self.builder, operand.value, operand.type, kind)

    # elements

    def unpacked(self, value: Any, count: int) -> Sequence[Any]:
        """The parts of a tuple."""
        if isinstance(value, Operand) and isinstance(value.type, types.BaseTuple):
            parts = cgutils.unpack_tuple(self.builder, value.value, len(value.type))
            value = tuple(Operand(kind, part) for kind, part in zip(value.type, parts, strict=True))
        if not isinstance(value, tuple) or len(value) != count:
            raise Unknown(f"{count} parts of {value}")
        return value

    def get_item(self, base: Any, index: Any) -> Any:
        if type(index) is int and isinstance(base, tuple):
            return base[index]
        if type(index) is int and isinstance(base, Operand) and isinstance(base.type, types.BaseTuple):
            return self.unpacked(base, len(base.type))[index]
        if isinstance(base, Operand) and isinstance(base.type, types.CPointer):
            address = self.builder.gep(base.value, [self.integer(index)])
            return Operand(base.type.dtype, self.context.unpack_value(self.builder, base.type.dtype, address))
        if isinstance(base, np.ndarray):
            base = self.table(base)
        address = self.address(base, index)
        return Operand(base.type.dtype, self.context.unpack_value(self.builder, base.type.dtype, address))

    def table(self, array: np.ndarray[Any, Any]) -> Operand:
        """An array among the names of the module, as numbers beside the code."""
        kind = buffer.Buffer(from_dtype(array.dtype), array.shape)
        element = self.context.get_data_type(kind.dtype)
        name = f"table_{hashlib.blake2b(array.tobytes(), digest_size=8).hexdigest()}_{kind.dtype}"
        found = self.builder.module.globals.get(name)
        if found is None:
            found = cgutils.global_constant(
                self.builder.module, name, ir.Constant(ir.ArrayType(element, array.size), array.ravel().tolist())
            )
        return Operand(kind, self.builder.bitcast(found, element.as_pointer()))

    def set_item(self, base: Any, index: Any, value: Any) -> None:
        if isinstance(base, Operand) and isinstance(base.type, types.CPointer):
            address = self.builder.gep(base.value, [self.integer(index)])
        else:
            address = self.address(base, index)
        self.context.pack_value(self.builder, base.type.dtype, self.cast(self.operand(value), base.type.dtype), address)

    def address(self, base: Any, index: Any) -> Any:
        if not isinstance(base, Operand) or not isinstance(base.type, buffer.Buffer):
            raise Unknown("an element of what is no buffer")
        parts = index if isinstance(index, tuple) else (index,)
        if len(parts) != len(base.type.shape):
            raise Unknown("an index of another rank")
        known = 0
        terms = []
        for part, stride in zip(parts, base.type.strides, strict=True):
            if type(part) is int:
                known += part * stride
            else:
                terms.append((self.integer(part), stride))
        return buffer.address(self.builder, base.value, terms, known)

    # calls

    def call(self, function: Any, args: list[Any]) -> Any:
        if function is fork and self.fork(*args):
            return None
        if isinstance(function, _Intrinsic):
            return self.call_intrinsic(function, args)
        if function is abs and len(args) == 1:
            operand = self.operand(args[0])
            if operand.type == types.int64:
                negative = self.builder.icmp_signed("<", operand.value, ir.Constant(I64, 0))
                return Operand(
                    types.int64, self.builder.select(negative, self.builder.neg(operand.value), operand.value)
                )
        if function in (min, max) and len(args) == 2 and all(_is_index(arg) for arg in args):
            first, second = (self.integer(arg) for arg in args)
            other = self.builder.icmp_signed("<" if function is min else ">", second, first)
            return Operand(types.int64, self.builder.select(other, second, first))
        if isinstance(function, type) and issubclass(function, np.generic):
            function = from_dtype(np.dtype(function))
        if isinstance(function, types.Number | types.Boolean):
            (arg,) = args
            return Operand(function, self.cast(self.operand(arg), function))
        operands = [self.operand(arg) for arg in args]
        kinds = tuple(operand.type for operand in operands)
        if isinstance(function, types.ExternalFunction):
            return self.call_external(function, operands)
        own = self.unit.own(function, kinds) if _reads_text(function) else None
        if own is not None:
            return self.call_own(own[0], own[1], operands)
        kind = types.Dispatcher(function) if isinstance(function, Dispatcher) else self.known_to_numba(function)
        self.unit.ask_numba()
        signature = self.typing_context.resolve_function_type(kind, kinds, {})
        if signature is None:
            raise Unknown(f"{function!r} of {kinds}")
        return self.lowered(self.context.get_function(kind, signature), signature, operands)

    def known_to_numba(self, function: Any) -> types.Type:
        """The type of a function that Numba or one of its extensions has."""
        self.unit.ask_numba()
        try:
            return self.typing_context.resolve_value_type(function)
        except (NumbaError, ValueError) as error:
            raise Unknown(f"call of {function!r}") from error

    def call_own(self, descriptor: Any, signature: Any, operands: list[Operand]) -> Operand:
        result = self.context.call_internal(
            self.builder, descriptor, signature, [operand.value for operand in operands]
        )
        return Operand(signature.return_type, result)

    def fork(self, function: Any, parts: Any, captured: Any) -> bool:
        """The parts of a split loop, where their function can be read."""
        operands = [self.operand(value) for value in captured]
        kinds = [types.int64, types.int64, *(operand.type for operand in operands)]
        own = self.unit.own(function, kinds) if _reads_text(function) else None
        if own is None:
            return False

        def call(builder: Any, values: Sequence[Any]) -> None:
            self.context.call_internal_no_propagate(builder, *own, values)

        run_parts(self.builder, call, self.integer(parts), [operand.value for operand in operands])
        return True

    def lowered(self, implementation: Any, signature: Any, operands: list[Operand]) -> Operand:
        """What Numba makes of a call or an operator."""
        values = [self.cast(operand, kind) for operand, kind in zip(operands, signature.args, strict=True)]
        result = implementation(self.builder, values)
        self.context.add_linking_libs(getattr(implementation, "libs", ()))
        return Operand(types.unliteral(signature.return_type), result)

    def call_intrinsic(self, function: Any, args: list[Any]) -> Operand:
        operands = [self.operand(arg) for arg in args]
        kinds = [
            _literal(arg) or operand.type if function._prefer_literal else operand.type
            for arg, operand in zip(args, operands, strict=True)
        ]
        found = function._defn(self.typing_context, *kinds)
        if found is None:
            raise Unknown(f"{function} of {kinds}")
        signature, codegen = found
        values = [
            operand.value if isinstance(kind, types.Literal | types.BaseTuple) else self.cast(operand, kind)
            for operand, kind in zip(operands, signature.args, strict=True)
        ]
        result = codegen(self.context, self.builder, signature, values)
        return Operand(types.unliteral(signature.return_type), result)

    def call_external(self, function: Any, operands: list[Operand]) -> Operand:
        signature = function.sig
        descriptor = ExternalFunctionDescriptor(function.symbol, signature.return_type, signature.args)
        declared = self.context.declare_external_function(self.builder.module, descriptor)
        values = [self.cast(operand, kind) for operand, kind in zip(operands, signature.args, strict=True)]
        result = self.context.call_external_function(self.builder, declared, descriptor.argtypes, values)
        return Operand(signature.return_type, result)


def _reads_text(function: Any) -> bool:
    """Whether a function is compiled by this frontend."""
    return isinstance(function, Dispatcher) and getattr(function._compiler.pipeline_class, "reads_text", False)


def _is_index(value: Any) -> bool:
    return type(value) is int or (isinstance(value, Operand) and value.type == types.int64)


def common(first: types.Type, second: types.Type) -> types.Type:
    """What an operator on floats and int64 computes in, as Numba has it."""
    return first if first == second else types.float64


def _literal(value: Any) -> types.Type | None:
    """The literal type of an integer, or a tuple of them, that is known now."""
    if type(value) is int:
        return types.literal(value)
    if isinstance(value, tuple) and all(type(part) is int for part in value):
        return types.Tuple([types.literal(part) for part in value])
    return None
