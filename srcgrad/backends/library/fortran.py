"""BLAS and LAPACK, as SciPy ships them, called from compiled code by address.

Matrices are column-major there: the C-ordered matrix of the caller is their transpose. What that means for a routine
is said where it is called.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic

_ROUTINES = {
    ("cython_blas", "sdcz"): ("gemm", "trsm"),
    ("cython_lapack", "sdcz"): ("gesv", "getrf", "potrf"),
    ("cython_lapack", "sd"): ("geqrf", "gesdd", "orgqr", "syevd"),
    ("cython_lapack", "cz"): ("heevd",),
}
_PREFIX = {types.float32: "s", types.float64: "d", types.complex64: "c", types.complex128: "z"}


def _register() -> None:
    """Make the routines known to the linker; on import, since machine code from the disk cache needs that as well."""
    for (module, prefixes), names in _ROUTINES.items():
        for name in names:
            for prefix in prefixes:
                address = get_cython_function_address(f"scipy.linalg.{module}", prefix + name)
                binding.add_symbol(f"srcgrad_{prefix}{name}", address)


_register()


@intrinsic(prefer_literal=True)
def fortran(typingctx: Any, routine: Any, arguments: Any) -> Any:
    """``fortran("potrf", ("U", n, a, n, info))`` calls ``spotrf`` or another, by the first array that is not of ints.

    Letters and numbers are passed by reference, as Fortran has it: ints as 32-bit integers, floats in the dtype of that
    array. Of arrays the data is passed; addresses are passed as they are.
    """
    memory = (types.Array, types.CPointer)
    number = next(t.dtype for t in arguments if isinstance(t, memory) and t.dtype in _PREFIX)
    name = f"srcgrad_{_PREFIX[number]}{routine.literal_value}"

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointers = []
        for type_, value in zip(arguments, cgutils.unpack_tuple(builder, args[1]), strict=True):
            if isinstance(type_, types.Array):
                data = context.make_array(type_)(context, builder, value).data
            elif isinstance(type_, types.CPointer):
                data = value
            elif isinstance(getattr(type_, "literal_value", None), str):
                data = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(8), ord(type_.literal_value)))
            else:
                wanted = number if isinstance(type_, types.Float) else types.int32
                data = cgutils.alloca_once_value(builder, context.cast(builder, value, type_, wanted))
            pointers.append(builder.bitcast(data, ir.IntType(8).as_pointer()))
        callee_type = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        builder.call(cgutils.get_or_insert_function(builder.module, callee_type, name), pointers)
        return context.get_dummy_value()

    return types.none(routine, arguments), codegen
