"""Source text to callable, through a disk cache.

Emitted source is a real file, named by a hash of its content; its machine code is kept beside it (`machine_code`). A
file whose content is not what its name says is written anew. Without a directory that can be written all is as before,
but for the next process.
"""

from __future__ import annotations

import contextlib
import hashlib
import linecache
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.backends.machine_code import MachineCode, write_atomically
from srcgrad.backends.module import Module
from srcgrad.backends.stacks import workspace_with_stacks
from srcgrad.core.settings import settings

#: how much of a function's name goes into file names, whose length is limited
NAME = 60


def build(module: Module) -> Any:
    """The function of a module: inputs and constants, of exactly the types it was made for, to a tuple of outputs."""
    path = _source_file(module)
    namespace = types.ModuleType(path.stem)
    namespace.__file__ = str(path)
    sys.modules[path.stem] = namespace
    code = compile(module.source, str(path), "exec")
    linecache.cache[str(path)] = (len(module.source), None, module.source.splitlines(keepends=True), str(path))
    exec(code, namespace.__dict__)
    dispatcher = getattr(namespace, module.name)
    if settings.cache_dir:
        dispatcher._cache = MachineCode(path)
    signature = _signature(module)
    dispatcher.compile(signature)
    return _with_outputs(module, dispatcher.overloads[signature.args].entry_point)


def _with_outputs(module: Module, native: Callable[..., Any]) -> Callable[..., Any]:
    """The native function with outputs made for every call, and a workspace for every call under way.

    ``native`` is what Numba's dispatcher would call after it has looked at the arguments; here the caller has
    done that. A workspace is made once, used again, and never by two calls at a time. The text, for one array
    and one scalar:

        def call(a0, a1):
            try: workspace = free.pop()
            except IndexError: workspace = empty(SIZE, BYTES)
            o0 = empty(S0, D0)
            try: o1 = native(a0, a1, workspace, o0)
            finally: free.append(workspace)
            return (o0, o1)
    """
    names: dict[str, Any] = {"native": native, "empty": np.empty, "free": [], "BYTES": np.uint8}
    arguments = [f"a{k}" for k in range(len(module.inputs) + len(module.constants))]
    lines = [f"def call({', '.join(arguments)}):"]
    passed = list(arguments)
    if module.workspace_bytes:
        passed.append("workspace")
        lines.append("    try: workspace = free.pop()")
        if module.stacks:
            names["SIZE"], names["STACKS"] = module.workspace_bytes, module.stacks
            names["workspace_with_stacks"] = workspace_with_stacks
            lines.append("    except IndexError: workspace = workspace_with_stacks(SIZE, STACKS)")
        else:
            lines.append(f"    except IndexError: workspace = empty({module.workspace_bytes}, BYTES)")
    scalars = []
    for k, (shape, dtype) in enumerate(module.outputs):
        if not shape:
            scalars.append(f"o{k}")
            continue
        names[f"S{k}"], names[f"D{k}"] = shape, dtype
        lines.append(f"    o{k} = empty(S{k}, D{k})")
        passed.append(f"o{k}")
    run = f"{', '.join(scalars)} = " if scalars else ""
    run += f"native({', '.join(passed)})"
    lines.append(f"    try: {run}" if module.workspace_bytes else f"    {run}")
    if module.workspace_bytes:
        lines.append("    finally: free.append(workspace)")
    lines.append(f"    return ({''.join(f'o{k}, ' for k in range(len(module.outputs)))})")
    exec("\n".join(lines), names)
    return names["call"]  # type: ignore[no-any-return]


def _signature(module: Module) -> Any:
    """Numba's types of the arguments and of what comes back."""
    from numba.core import types as numba_types
    from numba.np.numpy_support import from_dtype

    arguments = [(value.shape, value.dtype) for value in module.inputs]
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
    from srcgrad.backends import stamp

    digest = hashlib.blake2b((stamp.digest() + module.source).encode(), digest_size=12).hexdigest()
    path = Path(settings.cache_dir or tempfile.gettempdir()) / f"{module.name[:NAME]}_{digest}.py"
    if settings.cache_dir:
        source = module.source.encode()
        with contextlib.suppress(OSError):
            if not path.exists() or path.read_bytes() != source:
                write_atomically(path, source)
    return path
