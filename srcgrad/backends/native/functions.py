"""The functions of one library: a kernel, and those of our own that it calls, in the same library.

So all are optimised once, together. What LLVM may do with their arithmetic is said instruction by instruction
(`flags`). Functions with another model of errors stand in a module of their own until they are linked.
"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.bytecode import FunctionIdentity
from numba.core.compiler import Flags, _make_subtarget
from numba.core.errors import NumbaError
from numba.core.funcdesc import PythonFunctionDescriptor

from srcgrad.backends.native.expressions import Operand, Site, Unknown
from srcgrad.backends.native.flags import FloatFlags
from srcgrad.backends.native.kernel import KERNEL, KernelLowering
from srcgrad.backends.native.text import TextLowering

#: bytes of a cache line, and of the widest vector
STACK_ALIGNMENT = 64


class Unit:
    """The modules of one library, one for each model of errors."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any) -> None:
        self.typing_context = typing_context
        self.target_context = target_context
        self.library = library
        self._modules: dict[str, tuple[Any, Any]] = {}
        self._functions: dict[Any, tuple[Any, Any] | None] = {}

    def ask_numba(self) -> None:
        """Make all that Numba and its extensions implement known to its contexts: about as much work as a kernel."""
        self.typing_context.refresh()
        self.target_context.refresh()

    def module(self, flags: Any) -> tuple[Any, Any]:
        """The context and the module for functions with these flags; Numba does not add any to their arithmetic."""
        key = flags.error_model
        if key not in self._modules:
            module = self.library.create_ir_module(f"{self.library.name} {key}")
            self._modules[key] = _make_subtarget(self.target_context, flags).subtarget(fastmath=False), module
        return self._modules[key]

    def finish(self) -> None:
        """Hand the modules to the library."""
        for context, module in self._modules.values():
            context.post_lowering(module, self.library)
            self.library.add_ir_module(module)

    def define(
        self, context: Any, module: Any, function: Callable[..., Any], descriptor: Any, floats: FloatFlags
    ) -> Any:
        """Write a function into a module; its calling convention's helper."""
        declared = context.declare_function(module, descriptor)
        if floats.plain:  # a kernel: the vectors that it keeps on the stack do not cross cache lines
            declared.attributes.alignstack = STACK_ALIGNMENT
            declared.attributes.add("nounwind")  # llvmlite prints the alignment beside another attribute only
        builder = ir.IRBuilder(declared.append_basic_block("entry"))
        helper = context.call_conv.init_call_helper(builder)
        values = context.call_conv.decode_arguments(builder, descriptor.argtypes, declared)
        arguments = [Operand(kind, value) for kind, value in zip(descriptor.argtypes, values, strict=True)]
        kernel = getattr(function, KERNEL, None)
        site = Site(self, context, builder, function, floats, arguments)
        if kernel is not None:
            KernelLowering(site, kernel, descriptor.restype).run()
        else:
            TextLowering(site, syntax(function), descriptor.restype).run()
        return helper

    def own(self, dispatcher: Any, kinds: Sequence[types.Type]) -> tuple[Any, Any] | None:
        """Descriptor and signature of a function of our own, written where it was not; None if it cannot be read."""
        key = (dispatcher, tuple(kinds))
        if key not in self._functions:
            try:
                self._functions[key] = self._write(dispatcher, kinds)
            except (NumbaError, NotImplementedError):  # `Unknown`, or something that Numba cannot do in this form
                self._functions[key] = None
        return self._functions[key]

    def _write(self, dispatcher: Any, kinds: Sequence[types.Type]) -> tuple[Any, Any]:
        function, flags = dispatcher.py_func, _flags(dispatcher)
        context, module = self.module(flags)
        return_type = self.return_type(context, function, kinds, flags)
        descriptor = describe(context, function, kinds, return_type, flags)
        try:
            self.define(context, module, function, descriptor, FloatFlags.of(flags))
        except Exception:
            module.globals.pop(descriptor.mangled_name, None)
            raise
        written = module.globals[descriptor.mangled_name]
        written.linkage = "linkonce_odr"
        if flags.noalias:
            written.attributes.add("noinline")  # inlined, its arguments would not be known to be apart any more
        return descriptor, return_type(*kinds)

    def return_type(
        self, context: Any, function: Callable[..., Any], kinds: Sequence[types.Type], flags: Any
    ) -> types.Type:
        """What a function returns, found by writing it into a module that is thrown away."""
        kernel = getattr(function, KERNEL, None)
        if kernel is not None and not kernel.results:
            return types.none
        returns = [node for node in ast.walk(syntax(function)) if isinstance(node, ast.Return)]
        if all(node.value is None for node in returns):
            return types.none
        descriptor = describe(context, function, kinds, types.none, flags)
        scratch = ir.Function(ir.Module(), context.call_conv.get_function_type(types.none, tuple(kinds)), "scratch")
        builder = ir.IRBuilder(scratch.append_basic_block("entry"))
        context.call_conv.init_call_helper(builder)
        values = context.call_conv.decode_arguments(builder, descriptor.argtypes, scratch)
        arguments = [Operand(kind, value) for kind, value in zip(kinds, values, strict=True)]
        lowering = TextLowering(Site(self, context, builder, function, FloatFlags(), arguments), syntax(function), None)
        lowering.run()
        if lowering.return_type is None:
            raise Unknown("a function that only raises")
        return lowering.return_type


def _flags(dispatcher: Any) -> Any:
    """What a function asks for in its decorator."""
    flags = Flags()
    dispatcher.targetdescr.options.parse_as_flags(flags, dispatcher.targetoptions)
    return dispatcher._compiler._customize_flags(flags)


def describe(context: Any, function: Callable[..., Any], kinds: Sequence[Any], return_type: Any, flags: Any) -> Any:
    """What Numba has to know of a function to declare and call it."""
    identity = FunctionIdentity.from_function(function)
    return PythonFunctionDescriptor(
        native=True,
        modname=identity.modname,
        qualname=identity.func_qualname,
        unique_name=identity.unique_name,
        doc="",
        typemap=None,
        restype=return_type,
        calltypes=None,
        args=list(identity.arg_names),
        kws=(),
        mangler=context.mangler,
        argtypes=tuple(kinds),
        inline=flags.forceinline,
        noalias=flags.noalias,
        abi_tags=[flags.get_mangle_string()],
        uid=identity.unique_id,
    )


def syntax(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a function."""
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    found = _definitions(text).get((code.co_name, code.co_firstlineno))
    if found is None:
        raise Unknown(f"the text of {code.co_name}")
    return found


@functools.lru_cache(maxsize=16)
def _definitions(text: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """All functions of a module, by name and first line."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return {(node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])): node for node in found}
