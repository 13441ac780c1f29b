"""The array that emitted code computes with: a bare pointer whose dtype and shape are part of its type.

Strides are constants, there is no bounds check and no wrap-around of negative indices: ``x[n, j]`` in the
source is one address computation. Buffers are views of NumPy arrays (`view`), stack memory that LLVM may keep
in registers (`local`), or parts of one workspace (`part_of`). They are passed to kernels compiled with
``noalias=True``, so that LLVM may assume that two of them never overlap.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model


class Buffer(types.Type):
    """Numba type of a pointer to a C-ordered array of static shape."""

    def __init__(self, dtype: types.Type, shape: tuple[int, ...]) -> None:
        self.dtype = dtype
        self.shape = shape
        super().__init__(name=f"Buffer({dtype}, {shape})")

    @property
    def key(self) -> Any:
        return self.dtype, self.shape

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides in elements."""
        strides, step = [], 1
        for extent in reversed(self.shape):
            strides.append(step)
            step *= extent
        return tuple(reversed(strides))

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size


@register_model(Buffer)
class BufferModel(models.PrimitiveModel):
    """A buffer is its address."""

    def __init__(self, dmm: Any, fe_type: Buffer) -> None:
        pointee = dmm.lookup(fe_type.dtype).get_data_type()
        super().__init__(dmm, fe_type, pointee.as_pointer())


def _index_types(index: types.Type) -> tuple[types.Type, ...]:
    return tuple(index) if isinstance(index, types.BaseTuple) else (index,)


def _fits(buffer: types.Type, index: types.Type) -> bool:
    if not isinstance(buffer, Buffer):
        return False
    parts = _index_types(index)
    return len(parts) == len(buffer.shape) and all(
        isinstance(part, types.Integer | types.IntegerLiteral) for part in parts
    )


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and _fits(*args):
            buffer, index = args
            return signature(buffer.dtype, buffer, index)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 3 and _fits(args[0], args[1]):
            buffer, index, _ = args
            return signature(types.none, buffer, index, buffer.dtype)
        return None


def address(builder: Any, pointer: Any, terms: Iterable[tuple[Any, int]], known: int) -> Any:
    """The address ``pointer + sum(index * stride) + known``; ``terms`` are int64 indices and their strides."""
    offset = None
    for index, stride in terms:
        term = builder.mul(index, ir.Constant(ir.IntType(64), stride), flags=["nsw"]) if stride != 1 else index
        offset = term if offset is None else builder.add(offset, term, flags=["nsw"])
    if offset is None:
        offset = ir.Constant(ir.IntType(64), known)
    elif known:
        offset = builder.add(offset, ir.Constant(ir.IntType(64), known), flags=["nsw"])
    return builder.gep(pointer, [offset], inbounds=True)


def _address(context: Any, builder: Any, buffer_type: Buffer, pointer: Any, index_type: types.Type, index: Any) -> Any:
    parts = _index_types(index_type)
    values = cgutils.unpack_tuple(builder, index, len(parts)) if isinstance(index_type, types.BaseTuple) else [index]
    terms, known = [], 0
    for part, value, stride in zip(parts, values, buffer_type.strides, strict=True):
        if isinstance(part, types.IntegerLiteral):
            known += part.literal_value * stride
        else:
            terms.append((context.cast(builder, value, part, types.intp), stride))
    return address(builder, pointer, terms, known)


@lower_builtin(operator.getitem, Buffer, types.Any)
def _lower_getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    buffer_type, index_type = sig.args
    address = _address(context, builder, buffer_type, args[0], index_type, args[1])
    return context.unpack_value(builder, buffer_type.dtype, address)


@lower_builtin(operator.setitem, Buffer, types.Any, types.Any)
def _lower_setitem(context: Any, builder: Any, sig: Any, args: Any) -> None:
    buffer_type, index_type, value_type = sig.args
    address = _address(context, builder, buffer_type, args[0], index_type, args[1])
    value = context.cast(builder, args[2], value_type, buffer_type.dtype)
    context.pack_value(builder, buffer_type.dtype, value, address)


def _literals(shape: Any) -> tuple[int, ...] | None:
    values = tuple(getattr(extent, "literal_value", None) for extent in shape)
    return None if any(value is None for value in values) else values  # type: ignore[return-value]


@intrinsic(prefer_literal=True)
def view(typingctx: Any, array: Any, shape: Any) -> Any:
    """``view(array, (n, m))``: the data of a C-contiguous array, as a buffer of that shape."""
    extents = _literals(shape)
    if not isinstance(array, types.Array) or extents is None:
        return None
    result = Buffer(array.dtype, extents)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(array)(context, builder, args[0]).data
        return builder.bitcast(data, context.get_value_type(result))

    return result(array, shape), codegen


@intrinsic(prefer_literal=True)
def local(typingctx: Any, dtype: Any, shape: Any) -> Any:
    """``local(float32, (n, m))``: uninitialised stack memory."""
    extents = _literals(shape)
    if extents is None:
        return None
    result = Buffer(dtype.dtype, extents)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        element = context.get_data_type(result.dtype)
        with builder.goto_entry_block():
            pointer = builder.alloca(element, size=ir.Constant(ir.IntType(64), max(result.size, 1)))
            pointer.align = 64
        return pointer

    return result(dtype, shape), codegen


@intrinsic(prefer_literal=True)
def part_of(typingctx: Any, workspace: Any, offset: Any, dtype: Any, shape: Any) -> Any:
    """``part_of(workspace, offset, float32, (n, m))``: a buffer at a byte offset of the workspace, an array of
    bytes.
    """
    extents, start = _literals(shape), getattr(offset, "literal_value", None)
    if extents is None or start is None or not isinstance(workspace, types.Array):
        return None
    result = Buffer(dtype.dtype, extents)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(workspace)(context, builder, args[0]).data
        address = builder.gep(data, [ir.Constant(ir.IntType(64), start)], inbounds=True)
        return builder.bitcast(address, context.get_value_type(result))

    return result(workspace, offset, dtype, shape), codegen


@intrinsic(prefer_literal=True)
def reshaped(typingctx: Any, buffer: Any, shape: Any) -> Any:
    """The same memory under another shape."""
    extents = _literals(shape)
    if not isinstance(buffer, Buffer) or extents is None:
        return None
    result = Buffer(buffer.dtype, extents)
    return result(buffer, shape), lambda context, builder, sig, args: args[0]


@intrinsic
def own_part(typingctx: Any, target: Any, others: Any, part: Any) -> Any:
    """The buffer that a part accumulates into: the target itself for part 0, row ``part - 1`` of the others' for
    the rest.
    """
    if not isinstance(target, Buffer) or not isinstance(others, Buffer):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first, rows, number = args
        index = ir.IntType(64)
        offset = builder.mul(builder.sub(number, ir.Constant(index, 1)), ir.Constant(index, target.size))
        return builder.select(
            builder.icmp_signed("==", number, ir.Constant(index, 0)), first, builder.gep(rows, [offset])
        )

    return target(target, others, types.int64), codegen


@intrinsic
def at(typingctx: Any, buffer: Any, offset: Any) -> Any:
    """The address of the element at a row-major offset, as a pointer for native functions."""
    if not isinstance(buffer, Buffer):
        return None
    result = types.CPointer(buffer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.int64)])

    return result(buffer, types.int64), codegen
