"""A slow path that does not stop LLVM from vectorising the fast one.

`rarely(x, key, limit, usual, slow)` is `usual` where `|key| < limit` and `slow(x)` elsewhere. A branch would keep the
loop around it scalar, and a select would compute both. Instead it is a call of a small LLVM function that makes the
test, and that function is declared to have vector versions (by the attribute `vector-function-abi-variant`, with
which compilers announce a vector math library). LLVM's vectoriser calls those instead; they test all lanes at once
and go on to call `slow`, lane by lane, only if one of them asks for it. A loop that is not vectorised, and an LLVM
that does not know the attribute, call the scalar function: the result is the same.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Numba type -> LLVM type, its name, the lanes of vectors of 128 to 512 bits (float32 also next to float64)
_RARE_TYPE = {
    types.float32: (ir.FloatType(), "f32", (2, 4, 8, 16)),
    types.float64: (ir.DoubleType(), "f64", (2, 4, 8)),
}


@intrinsic
def rarely(typingctx: Any, x: Any, key: Any, limit: Any, usual: Any, slow: Any) -> Any:
    """`usual` if `|key| < limit`, else (also for NaN) `slow(x)`; `x`, `key` and `usual` are of one float type.

    `slow` is an njit function from that type to itself that raises nothing.
    """
    if x not in _RARE_TYPE or not x == key == usual:
        return None
    callee = slow.get_call_type(typingctx, (x,), {})
    compiled = slow.dispatcher.overloads[callee.args]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value, tested, bound, common, _ = values
        module = builder.module
        name = f"rarely.{compiled.fndesc.mangled_name}"
        function = module.globals.get(name)
        if function is None:
            scalar, suffix, widths = _RARE_TYPE[x]
            function = _declare_pure(module, name, scalar)
            slow_function = context.declare_function(module, compiled.fndesc)
            context.add_linking_libs([compiled.library])
            _define_scalar(function, suffix, slow_function)
            vectors = [_define_vector(function, scalar, suffix, lanes) for lanes in widths]
            variants = ",".join(
                f"_ZGV_LLVM_N{lanes}vvvv_{name}({vector.name})" for lanes, vector in zip(widths, vectors, strict=True)
            )
            set.add(function.attributes, f'"vector-function-abi-variant"="{variants}"')
            _keep(module, [function, *vectors])
        return builder.call(function, [value, tested, context.cast(builder, bound, limit, x), common])

    return x(x, key, limit, usual, slow), codegen


def _declare_pure(module: Any, name: str, operand: Any) -> Any:
    """A function `(x, key, limit, usual)` without side effects, not to be inlined before the vectoriser runs."""
    function = ir.Function(module, ir.FunctionType(operand, [operand] * 4), name=name)
    function.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind", "readnone", "willreturn"):
        set.add(function.attributes, attribute)  # llvmlite's own `add` does not know all of them
    return function


def _outside(builder: Any, key: Any, limit: Any, suffix: str) -> Any:
    """Where `|key| < limit` does not hold."""
    fabs_type = ir.FunctionType(key.type, [key.type])
    fabs = cgutils.get_or_insert_function(builder.module, fabs_type, f"llvm.fabs.{suffix}")
    return builder.fcmp_unordered(">=", builder.call(fabs, [key]), limit)


def _define_scalar(function: Any, suffix: str, slow: Any) -> None:
    x, key, limit, usual = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    with builder.if_then(_outside(builder, key, limit, suffix), likely=False):
        # Numba's calling convention: result by pointer, exception by pointer (none), the arguments
        result = cgutils.alloca_once(builder, x.type)
        builder.call(slow, [result, ir.Constant(slow.args[1].type, None), x])
        builder.ret(builder.load(result))
    builder.ret(usual)


def _define_vector(scalar_function: Any, scalar: Any, suffix: str, lanes: int) -> Any:
    vector = ir.VectorType(scalar, lanes)
    function = _declare_pure(scalar_function.module, f"{scalar_function.name}.v{lanes}", vector)
    _, key, limit, usual = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    outside = builder.bitcast(_outside(builder, key, limit, f"v{lanes}{suffix}"), ir.IntType(lanes))
    with builder.if_then(builder.icmp_unsigned("!=", outside, ir.Constant(outside.type, 0)), likely=False):
        slots = []
        for value in function.args:
            slot = cgutils.alloca_once(builder, vector)
            builder.store(value, slot)
            slots.append(builder.bitcast(slot, scalar.as_pointer()))
        with cgutils.for_range(builder, ir.Constant(ir.IntType(64), lanes)) as loop:
            lane = [builder.gep(slot, [loop.index]) for slot in slots]
            builder.store(builder.call(scalar_function, [builder.load(pointer) for pointer in lane]), lane[3])
        builder.ret(builder.load(builder.bitcast(slots[3], vector.as_pointer())))
    builder.ret(usual)
    return function


def _keep(module: Any, functions: list[Any]) -> None:
    """Tell LLVM not to drop functions that only an attribute names."""
    pointer = ir.IntType(8).as_pointer()
    kept = module.globals.get("llvm.compiler.used")
    addresses = [function.bitcast(pointer) for function in functions]
    if kept is None:
        kept = ir.GlobalVariable(module, ir.ArrayType(pointer, 0), "llvm.compiler.used")
        kept.linkage = "appending"
        kept.section = "llvm.metadata"
    else:
        addresses = [*kept.initializer.constant, *addresses]
    kept.value_type = ir.ArrayType(pointer, len(addresses))
    kept.type = kept.value_type.as_pointer()
    kept.initializer = ir.Constant(kept.value_type, addresses)
