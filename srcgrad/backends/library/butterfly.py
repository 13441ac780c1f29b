"""The arithmetic of a Fourier transform's pass, in vectors: one discrete transform of a small length on LANES columns.

Written in LLVM's instructions: that the columns are a vector is then no guess of the compiler's. Numbers are kept as
real and imaginary parts apart, so that no vector is shuffled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

#: columns that are transformed side by side
LANES = 8
_FLAGS = ("contract", "nsz")
_INDEX = ir.IntType(64)

Vector = Any
Complex = tuple[Vector, Vector]


class _Vectors:
    """Loads, stores and complex arithmetic on vectors of LANES numbers."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self._context, self._builder = context, builder
        self._element = context.get_data_type(dtype)
        self._type = ir.VectorType(self._element, LANES)
        self._size = dtype.bitwidth // 8

    def _place(self, data: Any, index: Any) -> Any:
        return self._builder.gep(data, [index])

    def load(self, data: Any, index: Any) -> Vector:
        pointer = self._builder.bitcast(self._place(data, index), self._type.as_pointer())
        return self._builder.load(pointer, align=self._size)

    def store(self, value: Vector, data: Any, index: Any) -> None:
        pointer = self._builder.bitcast(self._place(data, index), self._type.as_pointer())
        self._builder.store(value, pointer, align=self._size)

    def splat(self, number: Any) -> Vector:
        """A number, or a scalar value, in every lane."""
        if isinstance(number, float):
            return ir.Constant(self._type, [ir.Constant(self._element, number)] * LANES)
        first = self._builder.insert_element(ir.Constant(self._type, ir.Undefined), number, ir.Constant(_INDEX, 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
        return self._builder.shuffle_vector(first, ir.Constant(self._type, ir.Undefined), mask)

    def splat_of(self, data: Any, index: Any) -> Vector:
        return self.splat(self._builder.load(self._place(data, index), align=self._size))

    def add(self, a: Vector, b: Vector) -> Vector:
        return self._builder.fadd(a, b, flags=_FLAGS)

    def subtract(self, a: Vector, b: Vector) -> Vector:
        return self._builder.fsub(a, b, flags=_FLAGS)

    def multiply(self, a: Vector, b: Vector) -> Vector:
        return self._builder.fmul(a, b, flags=_FLAGS)

    def sum(self, a: Complex, b: Complex) -> Complex:
        return self.add(a[0], b[0]), self.add(a[1], b[1])

    def difference(self, a: Complex, b: Complex) -> Complex:
        return self.subtract(a[0], b[0]), self.subtract(a[1], b[1])

    def scaled(self, a: Complex, factor: Vector) -> Complex:
        return self.multiply(a[0], factor), self.multiply(a[1], factor)

    def product(self, a: Complex, b: Complex) -> Complex:
        real = self.subtract(self.multiply(a[0], b[0]), self.multiply(a[1], b[1]))
        return real, self.add(self.multiply(a[0], b[1]), self.multiply(a[1], b[0]))

    def less_i_times(self, a: Complex, b: Complex) -> Complex:
        """``a - i b``"""
        return self.add(a[0], b[1]), self.subtract(a[1], b[0])

    def plus_i_times(self, a: Complex, b: Complex) -> Complex:
        """``a + i b``"""
        return self.subtract(a[0], b[1]), self.add(a[1], b[0])


def _transform(v: _Vectors, a: list[Complex]) -> list[Complex]:
    """The discrete Fourier transform of a few numbers."""
    if len(a) == 2:
        return [v.sum(*a), v.difference(*a)]
    if len(a) == 4:
        even, odd = (v.sum(a[0], a[2]), v.difference(a[0], a[2])), (v.sum(a[1], a[3]), v.difference(a[1], a[3]))
        return [
            v.sum(even[0], odd[0]),
            v.less_i_times(even[1], odd[1]),
            v.difference(even[0], odd[0]),
            v.plus_i_times(even[1], odd[1]),
        ]
    return _odd_transform(v, a)


def _odd_transform(v: _Vectors, a: list[Complex]) -> list[Complex]:
    """Of an odd length: ``x[j]`` and ``x[n - j]`` have the same cosines and opposite sines."""
    n = len(a)
    pairs = [(v.sum(a[j], a[n - j]), v.difference(a[j], a[n - j])) for j in range(1, (n + 1) // 2)]
    found = [a[0]] * n
    for together, _ in pairs:
        found[0] = v.sum(found[0], together)
    for k in range(1, (n + 1) // 2):
        even = a[0]
        odd: Complex | None = None
        for j, (together, apart) in enumerate(pairs, 1):
            angle = 2 * math.pi * (j * k % n) / n
            even = v.sum(even, v.scaled(together, v.splat(math.cos(angle))))
            term = v.scaled(apart, v.splat(math.sin(angle)))
            odd = term if odd is None else v.sum(odd, term)
        assert odd is not None
        found[k], found[n - k] = v.less_i_times(even, odd), v.plus_i_times(even, odd)
    return found


def butterfly(radix: int, has_roots: bool) -> Callable[..., Any]:
    """The butterfly of a radix; with ``has_roots`` its results but the first are multiplied by roots of the table.

    Takes the addresses of real and imaginary parts of results and operands, and of the table; then where the results
    begin and how far they are apart, the same for the operands, and where the roots begin.
    """

    def emit(
        typingctx: Any, yr: Any, yi: Any, xr: Any, xi: Any, roots: Any, y: Any, y_step: Any, x: Any, x_step: Any, w: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            data = args[:5]
            first_y, step_y, first_x, step_x, first_w = args[5:]
            v = _Vectors(context, builder, sig.args[0].dtype)

            def place(first: Any, step: Any, k: int) -> Any:
                return builder.add(first, builder.mul(step, ir.Constant(_INDEX, k)))

            operands = []
            for k in range(radix):
                at = place(first_x, step_x, k)
                operands.append((v.load(data[2], at), v.load(data[3], at)))
            for k, result in enumerate(_transform(v, operands)):
                if has_roots and k:
                    at = builder.add(first_w, ir.Constant(_INDEX, 2 * k - 2))
                    after = builder.add(at, ir.Constant(_INDEX, 1))
                    result = v.product(result, (v.splat_of(data[4], at), v.splat_of(data[4], after)))
                at = place(first_y, step_y, k)
                v.store(result[0], data[0], at)
                v.store(result[1], data[1], at)
            return context.get_dummy_value()

        return types.none(yr, yi, xr, xi, roots, *[types.int64] * 5), codegen

    return intrinsic(emit)  # type: ignore[no-any-return]


@intrinsic
def address(typingctx: Any, array: Any) -> Any:
    """Where the data of an array begins, as a pointer for native functions."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def parts(typingctx: Any, pointer: Any) -> Any:
    """The address of complex numbers as that of their parts."""
    if not isinstance(pointer, types.CPointer) or not isinstance(pointer.dtype, types.Complex):
        return None
    result = types.CPointer(pointer.dtype.underlying_float)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(pointer), codegen


@intrinsic
def read(typingctx: Any, array: Any, index: Any) -> Any:
    """``array[index]`` for an index that is known to be inside: no test for negative ones."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return array.dtype(array, types.int64), codegen


@intrinsic
def write(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """``array[index] = value`` for an index that is known to be inside."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        builder.store(context.cast(builder, args[2], value, array.dtype), builder.gep(data, [args[1]]))
        return context.get_dummy_value()

    return types.none(array, types.int64, value), codegen
