"""Schedule to module: the functions of a kernel, their text, and what a caller has to know of them.

The passes over modules are here; what each does to a function is in `kernel`.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.backends import memory
from srcgrad.backends.emit import Emitter
from srcgrad.core.target import Target
from srcgrad.kernel.build import Names
from srcgrad.kernel.ir import Buffer, Callee, Function, Variable, leaves, statements
from srcgrad.kernel.names import assigned
from srcgrad.kernel.outline import outline, without_unused
from srcgrad.kernel.text import function_text, header_text
from srcgrad.schedule.ir import Program
from srcgrad.schedule.parallel import is_brief
from srcgrad.schedule.storage import Storage

_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_FRAME = (
    "np view local part parts part_of own_part fork thread_count reshaped at product library kernel workspace stack_of "
    "see_to_signals inf nan complex64 complex128 boolean"
)
#: names that the frame of a module uses
_RESERVED = (*_FRAME.split(), *_TYPES)

#: a function that makes a native symbol known to the linker: its module, its name, its arguments
Symbol = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Module:
    """Functions, their text once it is printed, and what a caller has to know of them.

    The function takes the inputs, the constants, a workspace if it needs one, and the arrays to fill: the
    outputs that are not scalars. It returns the scalar outputs: nothing, one, or a tuple.
    """

    name: str
    source: str
    inputs: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    constants: tuple[np.ndarray[Any, Any], ...]
    outputs: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    workspace_bytes: int
    #: where the workspace holds the stacks of slices whose number is known only at run time
    stacks: tuple[int, ...] = ()
    #: whether it takes no longer than letting another Python thread in would
    brief: bool = False
    #: what makes the native symbols known that its machine code refers to
    symbols: tuple[Symbol, ...] = ()
    #: of its arrays on the stack
    stack_bytes: int = 0
    #: whether the user's own arithmetic may be reassociated
    fast_math: bool = False
    #: what it is lowered from; none where only its text was kept
    functions: tuple[Function, ...] = ()

    def __str__(self) -> str:
        return self.source or "\n\n\n".join(map(function_text, self.functions))


def emit_module(program: Program, storage: Storage, name: str, fast_math: bool, target: Target) -> Module:
    """The module of a scheduled program: one function, and no text yet."""
    name = name if name.isidentifier() else "f"
    if name in _RESERVED or keyword.iskeyword(name) or hasattr(builtins, name):
        name += "_"
    emitter = Emitter(program, storage, target)
    for reserved in (name, *_RESERVED, *(f"kept_{dtype.name}" for dtype in storage.kept)):
        emitter.names.reserve(reserved)
    for value in (*program.inputs, *program.outputs):
        emitter.name(value)
    assert program.tree is not None
    emitter.block(program.tree)
    constants = [v for v, place in storage.places.items() if place.kind == "constant" and v in emitter.value_names]
    arrays = [v for v in program.outputs if v.shape]
    given = [_parameter(emitter, value) for value in (*program.inputs, *constants)]
    results = [_parameter(emitter, value) for value in arrays]
    workspace = [memory.WORKSPACE] if storage.workspace_bytes else []
    views = [memory.view(parameter) for parameter in (*given, *results) if isinstance(parameter, Buffer)]
    body = (*views, *memory.of_kernel(emitter), *emitter.out.statements)
    scalars = tuple(Variable(emitter.name(v), v.dtype) for v in program.outputs if not v.shape)
    return Module(
        name,
        "",
        tuple((value.shape, value.dtype) for value in program.inputs),
        tuple(v.data for v in constants),
        tuple((shape, value.dtype) for value, shape in zip(program.outputs, program.output_shapes, strict=True)),
        storage.workspace_bytes,
        tuple(sorted(place.offset for place in storage.places.values() if place.kind == "slices")),
        is_brief(program, target),
        stack_bytes=storage.stack_bytes,
        functions=(Function(name, (*given, *workspace, *results), body, scalars),),
        fast_math=fast_math,
    )


def outline_module(module: Module, target: Target) -> Module:
    """The module with functions of its parallel loops and sections."""
    names = Names()
    for function in module.functions:
        for name in (function.name, *_RESERVED, *assigned(function.body), *(p.name for p in function.parameters)):
            names.reserve(name)
    functions = (made for function in module.functions for made in outline(function, names.fresh))
    return replace(module, functions=tuple(functions))


def drop_unused_buffers(module: Module, target: Target) -> Module:
    """The module whose kernel declares the buffers that it uses."""
    *parts, kernel = module.functions
    return replace(module, functions=(*parts, without_unused(kernel)))


def print_module(module: Module, target: Target) -> Module:
    """The module with its text, and what makes the native symbols known that it refers to."""
    used = _leaves(module.functions)
    symbols = (leaf for leaf in used if isinstance(leaf, Callee) and leaf.arguments)
    return replace(
        module,
        source=module_text(module.functions, used, module.fast_math),
        symbols=tuple((symbol.home, symbol.exported, symbol.arguments) for symbol in symbols),
    )


def _parameter(emitter: Emitter, value: Any) -> Buffer | Variable:
    return emitter.buffer(value) if value.shape else Variable(emitter.name(value), value.dtype)


def module_text(functions: tuple[Function, ...], used: Iterable[Any], fast_math: bool) -> str:
    """Functions that use these leaves as the text of a module."""
    definitions = [f"@kernel(fast_math={fast_math})\n{function_text(function)}" for function in functions]
    return "\n".join([*header_text(used), "", "", "\n\n\n".join(definitions)]) + "\n"


def _leaves(functions: tuple[Function, ...]) -> list[Any]:
    """Each of what functions use once: callees, dtypes, numbers with a name."""
    found: dict[Any, None] = {}
    for function in functions:
        for statement in statements(function.body):
            found.update(dict.fromkeys(leaves(statement)))
    return [leaf for leaf in found if not isinstance(leaf, Variable | Buffer)]
