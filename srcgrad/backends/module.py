"""Schedule to module text: imports, constants, the functions of split loops, the kernel."""

from __future__ import annotations

import ast
import builtins
import json
import keyword
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.backends.split import free_names
from srcgrad.backends.writer import Writer
from srcgrad.schedule.ir import Program, Value
from srcgrad.schedule.parallel import is_brief
from srcgrad.schedule.storage import Place, Storage

if TYPE_CHECKING:
    from srcgrad.backends.emit import Emitter

_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
#: names that the frame of a module uses
_RESERVED = (
    *(
        "np",
        "view",
        "local",
        "part",
        "parts",
        "part_of",
        "own_part",
        "fork",
        "thread_count",
        "reshaped",
        "at",
        "product",
        "library",
        "kernel",
        "workspace",
        "stack_of",
        "see_to_signals",
        "inf",
        "nan",
    ),
    *(*_TYPES, "complex64", "complex128", "boolean"),
)


#: a function that makes a native symbol known to the linker: its module, its name, its arguments
Symbol = tuple[str, str, tuple[str, ...]]
_PRODUCTS, _LIBRARY = "srcgrad.backends.gemm.native", "srcgrad.backends.library.native"


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


def emit_module(program: Program, storage: Storage, name: str, *, fast_math: bool = False) -> Module:
    """The module of a scheduled program."""
    from srcgrad.backends.emit import Emitter

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
    body = emitter.out.lines
    used = set(emitter.value_names)
    constants = tuple(v for v, place in storage.places.items() if place.kind == "constant" and v in emitter.value_names)
    arrays = [v for v in program.outputs if v.shape]
    scalars = [v for v in program.outputs if not v.shape]

    out = Writer()
    symbols = _imports(out, emitter)
    for text in emitter.parts:
        out.line(f"@kernel(fast_math={fast_math})")
        out.lines += text.splitlines()
        out.line("")
        out.line("")
    parameters = [emitter.name(v) for v in (*program.inputs, *constants)]
    if storage.workspace_bytes:
        parameters.append("workspace")
    parameters += [emitter.name(v) for v in arrays]
    out.line(f"@kernel(fast_math={fast_math})")
    with out.block(f"def {name}({', '.join(parameters)}):"):
        for value in (*program.inputs, *constants, *arrays):
            if value.shape and value in used:
                argument = emitter.name(value)
                out.line(f"{argument} = view({argument}, {tuple_text(value.shape)})")
        _locals(out, emitter, storage, body)
        for line in body:
            out.line(line)
        if scalars:
            out.line(f"return {', '.join(emitter.name(v) for v in scalars)}")
    return Module(
        name,
        out.text(),
        tuple((value.shape, value.dtype) for value in program.inputs),
        tuple(v.data for v in constants),
        tuple((shape, value.dtype) for value, shape in zip(program.outputs, program.output_shapes, strict=True)),
        storage.workspace_bytes,
        tuple(sorted(place.offset for place in storage.places.values() if place.kind == "slices")),
        is_brief(program),
        symbols,
        storage.stack_bytes,
    )


def _imports(out: Writer, emitter: Emitter) -> tuple[Symbol, ...]:
    """Write what the module imports and the constants; the native symbols among them."""
    from srcgrad.backends import complex_math, vecmath
    from srcgrad.backends.incomplete import INCOMPLETE
    from srcgrad.backends.numeric import BY_KIND, NUMERIC
    from srcgrad.backends.scalars import INSTRUCTIONS

    casts: set[str] = set()
    imported: dict[str, set[str]] = {}
    symbols: list[tuple[str, Symbol]] = []
    for (function, dtype), name in emitter.expressions.functions.items():
        if function.startswith("cast "):
            casts.add(name)
        elif dtype.endswith("product"):
            symbols.append((name, (_PRODUCTS, dtype, (function,))))
        elif dtype == "library":
            symbols.append((name, (_LIBRARY, "library", ast.literal_eval(f"({function})"))))
        elif complex_math.has(function, np.dtype(dtype).kind):
            _import(imported, "srcgrad.backends.complex_math", function, name)
        elif function in INSTRUCTIONS:
            _import(imported, "srcgrad.backends.scalars", function, name)
        elif function in BY_KIND:
            kind = "float" if np.dtype(dtype).kind == "f" else "integer"
            _import(imported, "srcgrad.backends.numeric", f"{kind}_{function}", name)
        elif function in NUMERIC:
            _import(imported, "srcgrad.backends.numeric", function, name)
        elif function in INCOMPLETE:
            _import(imported, "srcgrad.backends.incomplete", function, name)
        else:
            exported = vecmath.lookup(function, np.dtype(dtype))
            _import(imported, vecmath.FUNCTIONS[exported].__module__, exported, name)
    dtypes = {v.dtype.name for v in emitter.places if emitter.places[v].kind in ("stack", "workspace", "slices")}
    dtypes |= {dtype.name for dtype in emitter.storage.kept}
    dtypes |= {place.dtype.name for place in emitter.partials.values() if place.dtype is not None}
    out.line("import numpy as np")
    numba_types = sorted(casts | {numba_name(d) for d in dtypes})
    if numba_types:
        out.line(f"from numba import {', '.join(numba_types)}")
    out.line("from srcgrad.backends.buffer import at, local, own_part, part_of, reshaped, view")
    if any(place.kind == "slices" for place in emitter.places.values()):
        out.line("from srcgrad.backends.stacks import stack_of")
    if emitter.sees_to_signals:
        out.line("from srcgrad.backends.signals import see_to_signals")
    if emitter.parts:
        out.line("from srcgrad.backends.threads import fork, thread_count")
    for module in (_PRODUCTS, _LIBRARY):
        makers = sorted({maker for _, (where, maker, _) in symbols if where == module})
        if makers:
            out.line(f"from {module} import {', '.join(makers)}")
    out.line("from srcgrad.backends.runtime import kernel")
    for module, found in sorted(imported.items()):
        out.line(f"from {module} import {', '.join(sorted(found))}")
    out.line("")
    for name, (_, maker, arguments) in symbols:
        out.line(f"{name} = {maker}({', '.join(json.dumps(argument) for argument in arguments)})")
    for (dtype, text), name in emitter.expressions.constants.items():
        value = f'float("{text}")' if text in ("inf", "-inf", "nan") else text
        out.line(f"{name} = np.{dtype}({value})")
    out.line("")
    out.line("")
    return tuple(symbol for _, symbol in symbols)


def _import(imported: dict[str, set[str]], module: str, function: str, name: str) -> None:
    imported.setdefault(module, set()).add(name if name == function else f"{function} as {name}")


def numba_name(dtype: str) -> str:
    """Numba's name of a NumPy dtype."""
    return "boolean" if dtype == "bool" else dtype


def _locals(out: Writer, emitter: Emitter, storage: Storage, body: list[str]) -> None:
    """The arrays of the kernel itself: of one in sections, what its own lines name."""
    used = set(free_names(emitter, body)) if storage.left else None
    lines = [kept_line(dtype, room) for dtype, room in storage.kept.items()]
    own = (value for value in storage.places if value in emitter.value_names and storage.places[value].kind != "slices")
    lines += [line for value in own for line in array_lines(emitter, value)]
    lines += [parts_line(emitter, value) for value in storage.partials]
    for (value, shape), name in emitter.aliases.items():
        if storage.places[value].within is None or storage.places[value].kind != "stack":
            lines.append(f"{name} = reshaped({emitter.name(value)}, {tuple_text(shape)})")
            if used is not None and name in used:
                used.add(emitter.name(value))
    for line in lines:
        if line and (used is None or line.partition(" ")[0] in used):
            out.line(line)


def array_lines(emitter: Emitter, value: Value) -> list[str]:
    """The lines that make an array; none where a kernel is given it, or the function of a split loop makes it."""
    place = emitter.storage.places[value]
    name, dtype = emitter.name(value), numba_name(value.dtype.name)
    if place.kind == "stack" and place.within is None:
        names = [name, *emitter.lane_arrays.get(value, ())]
        return [f"{name} = local({dtype}, {tuple_text(place.shape)})" for name in names]
    if place.kind == "workspace":
        shape = place.shape if place.within is None else (emitter.storage.threads, *place.shape)
        return [f"{name} = part_of(workspace, {place.offset}, {dtype}, {tuple_text(shape)})"]
    if place.kind == "slices" and emitter.storage.left:  # made by another section: with room for 0 more it stays
        return [f"{name} = stack_of(workspace, {place.offset}, 0, {dtype}, {tuple_text(place.shape)})"]
    return []


def parts_line(emitter: Emitter, value: Value) -> str:
    """The line that finds the parts' copies of an accumulator."""
    place = emitter.storage.partials[value]
    assert place.dtype is not None
    rows = tuple_text(_flat_rows(value, emitter.storage))
    return f"{emitter.name(value)}_parts = part_of(workspace, {place.offset}, {numba_name(place.dtype.name)}, {rows})"


def kept_line(dtype: np.dtype[Any], place: Place) -> str:
    """The line that finds the numbers of a dtype that sections leave."""
    name = dtype.name
    return f"kept_{name} = part_of(workspace, {place.offset}, {numba_name(name)}, {tuple_text(place.shape)})"


def _flat_rows(value: Value, storage: Storage) -> tuple[int, ...]:
    """The shape of the parts' copies of an accumulator: one row each."""
    place = storage.partials[value]
    kind = storage.places[value].kind
    return place.shape if kind == "variable" else (place.shape[0], math.prod(place.shape[1:]))


def tuple_text(shape: tuple[int, ...]) -> str:
    """A shape as Python text."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
