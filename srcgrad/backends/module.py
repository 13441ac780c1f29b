"""Schedule to module: the functions of a kernel, their text, and what a caller has to know of them."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.backends import memory
from srcgrad.backends.emit import Emitter
from srcgrad.core.settings import settings
from srcgrad.kernel.ir import Buffer, Callee, Function, Variable, leaves, statements
from srcgrad.kernel.outline import outline, without_unused
from srcgrad.kernel.text import function_text, header_text
from srcgrad.kernel.verify import verify
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
    """Source text and what a caller has to know of it.

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
    #: what it is lowered from; none where only its text was kept
    functions: tuple[Function, ...] = ()


def emit_module(program: Program, storage: Storage, name: str, *, fast_math: bool = False) -> Module:
    """The module of a scheduled program."""
    functions, constants = emit_functions(program, storage, name)
    used = _leaves(functions)
    symbols = (leaf for leaf in used if isinstance(leaf, Callee) and leaf.arguments)
    return Module(
        functions[-1].name,
        module_text(functions, used, fast_math),
        tuple((value.shape, value.dtype) for value in program.inputs),
        constants,
        tuple((shape, value.dtype) for value, shape in zip(program.outputs, program.output_shapes, strict=True)),
        storage.workspace_bytes,
        tuple(sorted(place.offset for place in storage.places.values() if place.kind == "slices")),
        is_brief(program),
        tuple((symbol.home, symbol.exported, symbol.arguments) for symbol in symbols),
        storage.stack_bytes,
        functions,
    )


def emit_functions(
    program: Program, storage: Storage, name: str
) -> tuple[tuple[Function, ...], tuple[np.ndarray[Any, Any], ...]]:
    """The functions of a scheduled program, the kernel the last, and the constants that it takes."""
    name = name if name.isidentifier() else "f"
    if name in _RESERVED or keyword.iskeyword(name) or hasattr(builtins, name):
        name += "_"
    emitter = Emitter(program, storage, name)
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
    whole = Function(name, (*given, *workspace, *results), body, scalars)
    *parts, kernel = outline(_verified(whole, "emission"), emitter.names.fresh)
    functions = (*parts, without_unused(kernel))
    return tuple(_verified(function, "outlining") for function in functions), tuple(v.data for v in constants)


def _verified(function: Function, where: str) -> Function:
    return verify(function, where) if settings.verify else function


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
