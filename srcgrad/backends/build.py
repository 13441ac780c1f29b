"""Source text to callable, through a disk cache.

Emitted source is a file for people to read, named by a hash of its content; its machine code is kept beside it
(`machine_code`). Without a directory that can be used all is as before, but for the next process.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import linecache
import sys
import tempfile
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.backends import machine_code, room, signals, store, threads
from srcgrad.backends.module import Module
from srcgrad.backends.native import entry
from srcgrad.backends.native.kernel import KERNEL
from srcgrad.backends.stacks import workspace_with_stacks

#: how much of a function's name goes into file names, whose length is limited
NAME = 60
#: bytes of arrays on the stack from which on it is asked how large the thread's stack is: what takes so much takes
#: microseconds, and no thread that runs Python has much less
LARGE = 49152


def build(
    module: Module,
    loops: Callable[[], str] = str,
    around: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
) -> Callable[..., Any]:
    """The function of a module: inputs and constants, of exactly the types it was made for, to a tuple of outputs
    (arrays, and NumPy scalars for zero-dimensional ones); NotImplemented where an argument is not as it must be.

    ``loops`` says where the user wrote those whose stacks may not fit into memory; ``around`` takes the native function
    in the thread that runs it.
    """
    threads.provide()
    signals.provide()
    entry.provide()
    for where, maker, arguments in module.symbols:
        getattr(importlib.import_module(where), maker)(*arguments)
    path = _source_file(module)
    namespace = types.ModuleType(path.stem)
    namespace.__file__ = str(path)
    signature = _signature(module)
    name = machine_code.entry_name(path.stem, signature)
    linecache.cache[str(path)] = (len(module.source), None, module.source.splitlines(keepends=True), str(path))
    native = machine_code.load_entry(name, namespace) or _compiled(module, name, namespace, signature)
    weakref.finalize(native, linecache.cache.pop, str(path), None).atexit = False
    if around is not None:
        native = around(native)
    if module.stack_bytes >= LARGE:
        native = _with_room(native, module.stack_bytes + room.FRAMES)
    return _with_workspace(module, native, loops) if module.workspace_bytes else native


def _compiled(module: Module, name: str, namespace: types.ModuleType, signature: Any) -> Callable[..., Any]:
    """The native function, compiled; Numba looks for the functions of a module by the module's name meanwhile."""
    sys.modules[namespace.__name__] = namespace
    try:
        exec(compile(module.source, str(namespace.__file__), "exec"), namespace.__dict__)
        dispatcher = getattr(namespace, module.name)
        setattr(dispatcher.py_func, entry.LAYOUT, _layout(module))
        for function in module.functions:
            setattr(getattr(namespace, function.name).py_func, KERNEL, function)
        return machine_code.compiled_entry(name, dispatcher, signature, namespace)
    finally:
        sys.modules.pop(namespace.__name__, None)


def _with_room(native: Callable[..., Any], need: int) -> Callable[..., Any]:
    """The native function for threads whose stacks may be too small for its arrays."""
    size = room.stack_size

    def call(*arguments: Any) -> Any:
        return native(*arguments) if size() >= need else room.in_a_thread(native, *arguments)

    return call


def _with_workspace(module: Module, native: Callable[..., Any], loops: Callable[[], str]) -> Callable[..., Any]:
    """The native function with a workspace for every call under way: made once, used again, never by two calls."""
    size = module.workspace_bytes
    free: list[Any] = []
    make: Callable[[], Any] = functools.partial(np.empty, size, np.uint8)
    if module.stacks:
        make = functools.partial(workspace_with_stacks, size, module.stacks)

    def call(*arguments: Any) -> Any:
        try:
            workspace = free.pop()
        except IndexError:
            workspace = make()
        try:
            return native(*arguments, workspace)
        except MemoryError:
            if not module.stacks:
                raise
            raise MemoryError(
                f"what {module.name} keeps of every iteration of a loop{loops()} for its derivative does not fit into "
                "memory; run fewer iterations in a call, or keep less with sg.fori_loop(..., checkpoint=N) or "
                "sg.checkpointed(xs, N)"
            ) from None
        finally:
            free.append(workspace)

    return call


def _layout(module: Module) -> entry.Layout:
    arguments = list(module.inputs)
    arguments += [(constant.shape, constant.dtype) for constant in module.constants]
    return entry.Layout(tuple(arguments), module.workspace_bytes > 0, module.outputs, module.brief)


def _signature(module: Module) -> Any:
    """Numba's types of the arguments and of what comes back."""
    from numba.core import types as numba_types
    from numba.np.numpy_support import from_dtype

    arguments = list(module.inputs)
    arguments += [(constant.shape, constant.dtype) for constant in module.constants]
    if module.workspace_bytes:
        arguments.append(((module.workspace_bytes,), np.dtype(np.uint8)))
    arguments += [output for output in module.outputs if output[0]]
    scalars = [from_dtype(dtype) for shape, dtype in module.outputs if not shape]
    result = (
        numba_types.none if not scalars else scalars[0] if len(scalars) == 1 else numba_types.Tuple.from_types(scalars)
    )
    return result(
        *(
            numba_types.Array(from_dtype(dtype), len(shape), "C") if shape else from_dtype(dtype)
            for shape, dtype in arguments
        )
    )


def _source_file(module: Module) -> Path:
    """Where the source is kept: written unless it is there. Where it cannot be, only tracebacks miss it."""
    from srcgrad.backends import fingerprint

    content = f"{fingerprint.of_backends()}{module.source}{_layout(module)}"
    digest = hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
    name = f"{module.name[:NAME]}_{digest}.py"
    return store.write_text(name, module.source) or Path(tempfile.gettempdir()) / name
