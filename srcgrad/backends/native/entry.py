"""The Python function around a kernel: it looks at its arguments, makes the results, calls.

It takes what the kernel was made for and nothing else: arrays of exactly these dtypes and shapes, contiguous and
aligned. For anything else it returns NotImplemented, and whoever calls converts. So a look at an array is a few
comparisons, where Numba's own wrapper, which takes any array, makes a description of each and counts its references.
Results are made here too: arrays by NumPy's own functions, zero-dimensional ones as NumPy scalars.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.core.callwrapper import PyCallWrapper

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = I8.as_pointer()

#: the objects whose addresses the wrapper compares with, by the names of their symbols
_TYPE, _OTHERWISE = "srcgrad_ndarray", "srcgrad_not_implemented"
#: NumPy's functions by their numbers in its table, which never change
_NUMPY = {"srcgrad_empty": 184, "srcgrad_scalar": 60}
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *_INTEGERS, "float16", "float32", "float64", "complex64", "complex128")
#: where things are in an object, an array, and an array's flags
HEAD = object.__basicsize__
OF_TYPE = HEAD - 8
DATA, N_DIMS, EXTENTS, DESCRIPTOR, FLAGS = (HEAD + offset for offset in (0, 8, 16, 40, 48))
CONTIGUOUS_AND_ALIGNED = 0x0001 | 0x0100

#: the attribute of a kernel's Python function that holds its `Layout`
LAYOUT = "__srcgrad_layout__"

ArrayTypes = Sequence[tuple[tuple[int, ...], np.dtype[Any]]]


@dataclass(frozen=True)
class Layout:
    """What a kernel takes and gives: the shapes and dtypes of its arguments, whether a workspace follows, and those of
    its results. While a brief one runs no other Python thread is let in.
    """

    arguments: ArrayTypes
    workspace: bool
    results: ArrayTypes
    brief: bool


@functools.cache
def provide() -> None:
    """Make what wrappers refer to known to the linker."""
    table_of_numpy: Any = importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API

    for name, value in ((_TYPE, np.ndarray), (_OTHERWISE, NotImplemented)):
        binding.add_symbol(name, id(value))
    for name in DTYPES:
        dtype = np.dtype(name)
        binding.add_symbol(_descriptor_name(dtype), id(dtype))
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get_pointer(table_of_numpy, None), ctypes.POINTER(ctypes.c_void_p))
    for name, number in _NUMPY.items():
        binding.add_symbol(name, table[number])


def canonical(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The one object for a dtype that the wrapper knows; equal ones may be others."""
    return np.dtype(dtype.type)


def _descriptor_name(dtype: np.dtype[Any]) -> str:
    return f"srcgrad_dtype_{dtype.name}"


class Entry(PyCallWrapper):
    """Writes the wrapper, in place of Numba's."""

    def __init__(self, layout: Layout, *args: Any) -> None:
        super().__init__(*args)
        self.layout = layout

    def build_wrapper(self, api: Any, builder: Any, closure: Any, args: Any, kws: Any) -> None:
        self.api, self.builder = api, builder
        kinds = self.fndesc.argtypes
        count = len(self.layout.arguments) + self.layout.workspace
        otherwise, failed = builder.append_basic_block("otherwise"), builder.append_basic_block("failed")
        made = [cgutils.alloca_once_value(builder, api.get_null_object()) for _ in self.layout.results]
        self.require(builder.icmp_signed("==", api.tuple_size(args), ir.Constant(I64, count)), otherwise)
        given = [api.tuple_getitem(args, k) for k in range(count)]
        for thing, (shape, dtype) in zip(given, self.layout.arguments, strict=False):
            if shape:
                self.check(thing, shape, canonical(dtype), otherwise)
        values = []
        for thing, kind in zip(given, kinds, strict=False):
            values.append(self.array(thing, kind) if isinstance(kind, types.Array) else self.number(thing, kind))
        arrays = [k for k, (shape, _) in enumerate(self.layout.results) if shape]
        scalars = [k for k, (shape, _) in enumerate(self.layout.results) if not shape]
        for k, kind in zip(arrays, kinds[count:], strict=True):
            values.append(self.array(self.make_array(k, made[k], failed), kind))

        state = None if self.layout.brief else api.save_thread()
        status, returned = self.context.call_conv.call_function(
            builder, self.func, self.fndesc.restype, kinds, values, attrs=("noinline",)
        )
        if state is not None:
            api.restore_thread(state)
        with cgutils.if_unlikely(builder, builder.not_(status.is_ok)):
            self.context.call_conv.raise_error(builder, api, status)
            builder.branch(failed)

        several = len(scalars) > 1
        for position, k in enumerate(scalars):
            value = builder.extract_value(returned, position) if several else returned
            kind = self.fndesc.restype[position] if several else self.fndesc.restype
            self.make_scalar(k, value, kind, made[k], failed)
        result = api.tuple_new(len(made))
        self.require(cgutils.is_not_null(builder, result), failed)
        for k, slot in enumerate(made):
            api.tuple_setitem(result, k, builder.load(slot))
        builder.ret(result)

        builder.position_at_end(failed)
        for slot in made:
            api.decref(builder.load(slot))  # of nothing, where it was not made yet
        builder.ret(api.get_null_object())
        builder.position_at_end(otherwise)
        thing = self.external(_OTHERWISE)
        api.incref(thing)
        builder.ret(thing)

    # arguments

    def require(self, condition: Any, otherwise: Any) -> None:
        """Go on where a condition holds."""
        following = self.builder.append_basic_block("following")
        self.builder.cbranch(condition, following, otherwise)
        self.builder.position_at_end(following)

    def check(self, thing: Any, shape: tuple[int, ...], dtype: np.dtype[Any], otherwise: Any) -> None:
        """Go on where an object is an array that the kernel can take as it is."""
        builder = self.builder
        same_type = builder.icmp_unsigned("==", self.field(thing, OF_TYPE, POINTER), self.external(_TYPE))
        self.require(same_type, otherwise)
        descriptor = self.field(thing, DESCRIPTOR, POINTER)
        flags = builder.and_(self.field(thing, FLAGS, I32), ir.Constant(I32, CONTIGUOUS_AND_ALIGNED))
        conditions = [
            builder.icmp_unsigned("==", descriptor, self.external(_descriptor_name(dtype))),
            builder.icmp_signed("==", self.field(thing, N_DIMS, I32), ir.Constant(I32, len(shape))),
            builder.icmp_signed("==", flags, ir.Constant(I32, CONTIGUOUS_AND_ALIGNED)),
        ]
        self.require(functools.reduce(builder.and_, conditions), otherwise)
        extents = builder.bitcast(self.field(thing, EXTENTS, POINTER), I64.as_pointer())
        for dim, extent in enumerate(shape):
            found = builder.load(builder.gep(extents, [ir.Constant(I64, dim)]))
            self.require(builder.icmp_signed("==", found, ir.Constant(I64, extent)), otherwise)

    def array(self, thing: Any, kind: types.Array) -> Any:
        """What Numba's calling convention passes for an array: of this one, kernels read no more than the address."""
        array = cgutils.create_struct_proxy(kind)(self.context, self.builder)
        array.data = self.builder.bitcast(self.field(thing, DATA, POINTER), array.data.type)
        return array._getvalue()

    def number(self, thing: Any, kind: Any) -> Any:
        """A number from a Python or NumPy scalar."""
        native = self.api.to_native_value(kind, thing)
        with cgutils.if_unlikely(self.builder, native.is_error):
            self.builder.ret(self.api.get_null_object())
        return native.value

    # results

    def make_array(self, k: int, slot: Any, failed: Any) -> Any:
        builder = self.builder
        shape, dtype = self.layout.results[k]
        kind = ir.FunctionType(POINTER, [I32, I64.as_pointer(), POINTER, I32])
        empty = cgutils.get_or_insert_function(builder.module, kind, "srcgrad_empty")
        extents = cgutils.global_constant(builder, f"shape{k}", ir.Constant(ir.ArrayType(I64, len(shape)), list(shape)))
        descriptor = self.external(_descriptor_name(canonical(dtype)))
        self.api.incref(descriptor)  # the call takes this one
        first = builder.bitcast(extents, I64.as_pointer())
        array = builder.call(empty, [ir.Constant(I32, len(shape)), first, descriptor, ir.Constant(I32, 0)])
        builder.store(array, slot)
        self.require(cgutils.is_not_null(builder, array), failed)
        return array

    def make_scalar(self, k: int, value: Any, kind: Any, slot: Any, failed: Any) -> None:
        builder = self.builder
        stored = self.context.data_model_manager[kind].as_data(builder, value)
        place = cgutils.alloca_once_value(builder, stored)
        function = ir.FunctionType(POINTER, [POINTER, POINTER, POINTER])
        scalar = cgutils.get_or_insert_function(builder.module, function, "srcgrad_scalar")
        descriptor = self.external(_descriptor_name(canonical(self.layout.results[k][1])))
        number = builder.call(scalar, [builder.bitcast(place, POINTER), descriptor, ir.Constant(POINTER, None)])
        builder.store(number, slot)
        self.require(cgutils.is_not_null(builder, number), failed)

    # memory

    def external(self, name: str) -> Any:
        """The address of an object of this process."""
        module = self.builder.module
        variable = module.globals.get(name)
        if variable is None:
            variable = ir.GlobalVariable(module, I8, name)
            variable.linkage = "external"
        return variable

    def field(self, thing: Any, offset: int, kind: Any) -> Any:
        address = self.builder.gep(thing, [ir.Constant(I64, offset)])
        return self.builder.load(self.builder.bitcast(address, kind.as_pointer()))


def write_entry(
    function: Any, context: Any, library: Any, descriptor: Any, environment: Any, helper: Any, release_gil: bool
) -> None:
    """Write the wrapper of a kernel into its library: ours where the kernel's layout is known."""
    layout = getattr(function, LAYOUT, None)
    if layout is None:
        context.create_cpython_wrapper(library, descriptor, environment, helper, release_gil=release_gil)
        return
    module = library.create_ir_module("wrapper")
    declared = context.call_conv.get_function_type(descriptor.restype, descriptor.argtypes)
    kernel = ir.Function(module, declared, descriptor.llvm_func_name)
    entry = Entry(layout, context, module, kernel, descriptor, environment, helper, release_gil)
    entry.build()
    library.add_ir_module(module)
