"""Threads: how many, and one fork and join through GNU OpenMP.

OpenMP's runtime is safe under calls from several Python threads and costs about a microsecond for a fork and a
join. It is not safe in a child process after a fork of one that has used it, so a child runs serially; where
the runtime is missing, everything runs serially too. Numba's workqueue layer is never used: it aborts on
concurrent calls.

The number of threads is NUMBA_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs that this process may run on,
until `set_num_threads` says otherwise. Work is split by the number alone, so results are the same from run to
run for a given number.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
import warnings
from collections.abc import Iterator
from typing import Any

from llvmlite import binding, ir
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from srcgrad.backends.room import FRAMES, of_new_threads
from srcgrad.core.forks import hold_over_forks
from srcgrad.core.settings import settings

_count = ctypes.c_int64(0)
_is_forked = False


def available() -> int:
    """The most threads that are ever used."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").split(",")[0]
        if text.isdigit() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(count: int) -> None:
    """Use this many threads from now on, at most as many as were available at first.

    A process that was forked runs on one thread, whatever is asked for, and says so in a RuntimeWarning.
    """
    if not 1 <= count <= limit():
        raise ValueError(f"the number of threads must be between 1 and {limit()}, not {count}")
    provide()
    if count > 1 and _is_forked:
        warnings.warn(
            "this process was forked from one that may have used threads, which GNU OpenMP does not survive: compiled "
            "code runs on one thread here; start processes with multiprocessing's 'spawn' or 'forkserver'",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    _count.value = count


def get_num_threads() -> int:
    """How many threads compiled code uses."""
    provide()
    return _count.value


@functools.cache
def limit() -> int:
    """How many threads compiled code is laid out for: one where the stacks of others may not hold a kernel's arrays."""
    has_room = _worker_stack() >= settings.stack_budget + FRAMES
    return available() if has_room and _runtime() is not None else 1


def _worker_stack() -> int:
    """Bytes of the stacks of the runtime's threads."""
    for name in ("OMP_STACKSIZE", "GOMP_STACKSIZE"):
        found = re.fullmatch(r"\s*(\d+)\s*([bkmg]?)\s*", os.environ.get(name, "").lower())
        if found:
            return int(found[1]) << {"b": 0, "": 10, "k": 10, "m": 20, "g": 30}[found[2]]
    return of_new_threads()


@functools.cache
def _runtime() -> ctypes.CDLL | None:
    """GNU OpenMP, as Numba's own pool loads it."""
    try:
        with _short_spins():
            from numba.np.ufunc import omppool  # noqa: F401  (loads the runtime that Numba was built with)

            return ctypes.CDLL("libgomp.so.1")
    except (ImportError, OSError):
        return None


@contextlib.contextmanager
def _short_spins() -> Iterator[None]:
    """Let the runtime, which reads its variables as it is loaded, spin for about 250 us before a thread sleeps.

    Its own choice is some 10 ms, in which a waiting thread keeps the one that it waits for from a core that
    others use too: on two busy cores a fork and join took 24 ms.
    """
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    if any(name in os.environ for name in names):
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "5000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


@functools.cache
def provide() -> None:
    """Make the symbols that emitted code calls known to the linker."""
    runtime = _runtime()
    _count.value = limit()
    binding.add_symbol("srcgrad_num_threads", ctypes.addressof(_count))
    if runtime is not None:
        for name in ("GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"):
            binding.add_symbol(name, ctypes.cast(getattr(runtime, name), ctypes.c_void_p).value)
        os.register_at_fork(after_in_child=_serial)
    hold_over_forks(global_compiler_lock)
    hold_over_forks(binding.ffi.lib._lock._lock)


def _serial() -> None:
    global _is_forked  # noqa: PLW0603
    _is_forked = True
    _count.value = 1


I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _external(module: Any, name: str, kind: ir.FunctionType) -> Any:
    return module.globals.get(name) or ir.Function(module, kind, name)


@intrinsic
def thread_count(typingctx: Any, most: Any) -> Any:
    """The number of threads to use now, at most ``most``."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        module = builder.module
        variable = module.globals.get("srcgrad_num_threads")
        if variable is None:
            variable = ir.GlobalVariable(module, I64, "srcgrad_num_threads")
            variable.linkage = "external"
        count = builder.load(variable)
        return builder.select(builder.icmp_signed("<", count, args[0]), count, args[0])

    return types.int64(types.int64), codegen


@intrinsic
def fork(typingctx: Any, function: Any, parts: Any, captured: Any) -> Any:
    """``function(part, parts, *captured)`` for every part, each in a thread of its own, and wait for all."""
    if not isinstance(captured, types.BaseTuple):
        return None
    inner = (types.int64, types.int64, *captured)
    signature = function.get_call_type(typingctx, inner, {})

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, parts_value, values = args
        arguments = [builder.extract_value(values, k) for k in range(len(captured))]
        compiled = function.dispatcher.get_compile_result(signature)
        context.add_linking_libs([compiled.library])

        def call(inside: Any, values: tuple[Any, ...]) -> None:
            """A function raises nothing: what could is never split."""
            context.call_internal_no_propagate(inside, compiled.fndesc, signature, values)

        run_parts(builder, call, parts_value, arguments)
        return context.get_dummy_value()

    return types.void(function, types.int64, captured), codegen


def run_parts(builder: Any, call: Any, parts: Any, arguments: list[Any]) -> None:
    """Write the calls of all parts, and the wait for them; ``call(builder, (part, parts, *arguments))`` writes one."""
    serial = builder.icmp_signed("<=", parts, ir.Constant(I64, 1))
    with builder.if_else(serial) as (alone, together):
        with alone:
            call(builder, (ir.Constant(I64, 0), ir.Constant(I64, 1), *arguments))
        with together:
            _parallel(builder, call, parts, arguments)


def _parallel(builder: Any, call: Any, parts: Any, arguments: list[Any]) -> None:
    """Pack the arguments into a structure on the stack, and hand it with a callback to the OpenMP runtime."""
    module = builder.module
    packed = ir.LiteralStructType([I64, *[argument.type for argument in arguments]])
    with builder.goto_entry_block():
        memory = builder.alloca(packed)
    for position, value in enumerate([parts, *arguments]):
        builder.store(value, builder.gep(memory, [ir.Constant(I32, 0), ir.Constant(I32, position)]))
    pointer = I8.as_pointer()
    callback = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), module.get_unique_name("srcgrad_part"))
    callback.linkage = "internal"
    _write_callback(callback, packed, call)
    kind = ir.FunctionType(ir.VoidType(), [callback.type, pointer, I32, I32])
    runtime = _external(module, "GOMP_parallel", kind)
    data = builder.bitcast(memory, pointer)
    builder.call(runtime, [callback, data, builder.trunc(parts, I32), ir.Constant(I32, 0)])


def _write_callback(callback: Any, packed: Any, call: Any) -> None:
    """One thread's share: parts number own, own + running, ...; fewer threads may run than were asked for."""
    module = callback.module
    builder = ir.IRBuilder(callback.append_basic_block("entry"))
    memory = builder.bitcast(callback.args[0], packed.as_pointer())
    values = [
        builder.load(builder.gep(memory, [ir.Constant(I32, 0), ir.Constant(I32, k)]))
        for k in range(len(packed.elements))
    ]
    number = ir.FunctionType(I32, [])
    own = builder.sext(builder.call(_external(module, "omp_get_thread_num", number), []), I64)
    running = builder.sext(builder.call(_external(module, "omp_get_num_threads", number), []), I64)
    entry = builder.block
    head, body, done = (callback.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    part = builder.phi(I64)
    part.add_incoming(own, entry)
    builder.cbranch(builder.icmp_signed("<", part, values[0]), body, done)
    builder.position_at_end(body)
    call(builder, (part, *values))
    following = builder.add(part, running)
    part.add_incoming(following, builder.block)
    builder.branch(head)
    builder.position_at_end(done)
    builder.ret_void()
