"""Numba's compiler with our frontend before its own, and with one run of LLVM's passes.

Numba optimises each function by itself, then the module cheaply, so that reference counts meet, then in full; a kernel
has no reference counts that could meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import lowering
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder, _LowerResult
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.errors import NumbaError
from numba.core.imputils import builtin_registry
from numba.core.runtime import rtsys
from numba.core.typed_passes import NativeLowering, NoPythonBackend

from srcgrad.backends.native.entry import LAYOUT, write_entry
from srcgrad.backends.native.flags import FloatFlags
from srcgrad.backends.native.functions import Unit, describe


class Library(JITCodeLibrary):
    """Functions that are optimised once, together."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class KernelLibrary(Library):
    """The functions of a kernel as object code, which Numba's engine never sees; see `native.code`."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._set_compiled_object(self._codegen._tm.emit_object(self._final_module))
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class TextLowering(LoweringPass):
    """The function's text to LLVM instructions."""

    _name = "text_lowering"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        function, flags, context = state.func_id.func, state.flags, state.targetctx
        is_kernel = hasattr(function, LAYOUT)
        kind = KernelLibrary if is_kernel else Library
        library = state.library = kind(context.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        with context.push_code_library(library):
            unit = Unit(state.typingctx, context, library)
            own, module = unit.module(flags)
            return_type = state.return_type or unit.return_type(own, function, state.args, flags)
            descriptor = describe(context, function, state.args, return_type, flags)
            environment = lowering.Environment.from_fndesc(descriptor)
            own = own.subtarget(environment=environment, fndesc=descriptor)
            own.declare_env_global(module, own.get_env_name(descriptor))
            helper = unit.define(own, module, function, descriptor, FloatFlags.of(flags))
            unit.finish()
            if not flags.no_cpython_wrapper:
                write_entry(function, own, library, descriptor, environment, helper, flags.release_gil)
            if not flags.no_cfunc_wrapper:
                own.create_cfunc_wrapper(library, descriptor, environment, helper)
        entry = None
        if is_kernel:
            library.finalize()
        elif not flags.no_compile:
            entry = context.get_executable(library, descriptor, environment)
            context.insert_user_function(entry, descriptor, [library])
        state.return_type = return_type
        state["cr"] = _LowerResult(descriptor, helper, cfunc=entry, env=environment)
        return True


class _Lower(lowering.Lower):
    """Numba's code generation with our wrapper."""

    def create_cpython_wrapper(self, release_gil: bool = False) -> None:
        function = self.func_ir.func_id.func
        write_entry(function, self.context, self.library, self.fndesc, self.env, self.call_helper, release_gil)


@register_pass(mutates_CFG=True, analysis_only=False)
class _NumbaLowering(NativeLowering):
    _name = "numba_lowering_with_our_wrapper"

    @property
    def lowering_class(self) -> type[_Lower]:
        return _Lower


@contextmanager
def _as_they_are(*contexts: Any) -> Iterator[None]:
    """Numba's contexts are not filled with all that it implements: our frontend needs casts of numbers and the calling
    convention, and asks for more where it comes to it (`Unit.ask_numba`).
    """
    for context in contexts:
        context.refresh = _nothing
    try:
        yield
    finally:
        for context in contexts:
            del context.refresh


def _nothing() -> None:
    pass


class KernelCompiler(Compiler):
    """Our frontend; where it does not know something, Numba's.

    A function with this compiler that is called by another is defined within that one's module (`Unit.own`).
    """

    reads_text = True

    _knows = True

    def __init__(self, typing_context: Any, target_context: Any, *args: Any) -> None:
        with _as_they_are(typing_context, target_context):
            super().__init__(typing_context, target_context, *args)
        rtsys.initialize(target_context)
        target_context.install_registry(builtin_registry)

    def define_pipelines(self) -> list[Any]:
        if not self._knows:
            numbas = DefaultPassBuilder.define_nopython_pipeline(self.state)
            numbas.passes = [(_NumbaLowering if p is NativeLowering else p, text) for p, text in numbas.passes]
            return [numbas]
        ours = PassManager("text")
        ours.add_pass(TextLowering, "text to LLVM")
        ours.add_pass(NoPythonBackend, "nopython mode backend")
        ours.finalize()
        return [ours]

    def _compile_core(self) -> Any:
        try:
            return super()._compile_core()
        except (NumbaError, NotImplementedError):
            if not self._knows:
                raise
            self.state.typingctx.refresh()
            self.state.targetctx.refresh()
            self._knows, self.state.status.fail_reason, self.state.library = False, None, None
            return super()._compile_core()
