"""Emitted modules run as plain Python: no Numba, no compile time, every index checked, memory poisoned at the start.

What goes wrong here is wrong in the schedule or in the text; what goes wrong only when compiled is wrong in the back
end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from srcgrad.dispatch.executable import Executable

Values = Sequence[Any]
THREADS = 3


def run_plain(executable: Executable, arrays: Values) -> list[Any]:
    """As calling the executable: one array or NumPy scalar for each output."""
    namespace: dict[str, Any] = {"np": np}
    source = _with_stand_ins(executable.source, namespace)
    namespace["stack_of"] = _stacks()
    exec(source, namespace)
    native = [
        np.ascontiguousarray(array, dtype) if shape else dtype.type(array)
        for array, (shape, dtype) in zip(arrays, executable.input_types, strict=True)
    ]
    module = executable.module
    workspace = [np.full(module.workspace_bytes, 255, np.uint8)] if module.workspace_bytes else []  # NaN, -1 and True
    outputs = [poison(dtype, shape) if shape else None for shape, dtype in module.outputs]
    arrays = [output for output in outputs if output is not None]
    with np.errstate(all="ignore"):
        returned = namespace[module.name](*native, *module.constants, *workspace, *arrays)
    scalars = iter(returned if isinstance(returned, tuple) else (returned,))
    return [
        dtype.type(next(scalars)) if output is None else output
        for output, (_, dtype) in zip(outputs, module.outputs, strict=True)
    ]


def _with_stand_ins(source: str, namespace: dict[str, Any]) -> str:
    """The source without its imports; what they name is entered into the namespace."""
    kept = []
    for line in source.splitlines():
        imported = re.match(r"from (\S+) import (.*)", line)
        if imported is None:
            kept.append("" if line.startswith("import ") else line)
            continue
        for clause in imported[2].split(", "):
            name, _, alias = clause.partition(" as ")
            namespace[alias or name] = _cast(name) if imported[1] == "numba" else _stand_in(name)
    return "\n".join(kept)


class Buffer:
    """Memory of one shape. Unlike in NumPy, an index below zero is an error."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> Any:
        return self.array[self.checked(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        kinds = self.array.dtype.kind, np.asarray(value).dtype.kind
        assert kinds[0] == kinds[1] or kinds in ((("u", "i")), ("i", "u")), f"{value!r} into {self.array.dtype}"
        self.array[self.checked(index)] = value

    def checked(self, index: Any) -> tuple[int, ...]:
        parts = index if isinstance(index, tuple) else (index,)
        shape = self.array.shape or (1,)
        if len(parts) != len(shape) or not all(0 <= k < extent for k, extent in zip(parts, shape, strict=True)):
            raise IndexError(f"{parts} in an array of shape {shape}")
        return tuple(int(k) for k in parts)


def poison(dtype: Any, shape: tuple[int, ...]) -> Any:
    """Memory that holds nothing useful yet."""
    dtype = np.dtype(dtype)
    return np.full(shape, np.nan if dtype.kind in "fc" else True if dtype.kind == "b" else 113, dtype)


def _view(array: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(array, Buffer):
        array = array.array
    assert array.flags.c_contiguous
    return Buffer(array.reshape(shape))


def _part_of(workspace: Any, offset: int, dtype: Any, shape: tuple[int, ...]) -> Buffer:
    bytes_ = workspace.array if isinstance(workspace, Buffer) else workspace
    size = int(np.prod(shape)) * np.dtype(dtype.dtype).itemsize
    assert offset + size <= bytes_.size, "beyond the workspace"
    return Buffer(bytes_[offset : offset + size].view(dtype.dtype).reshape(shape))


def _stacks() -> Callable[..., Buffer]:
    """The stacks of a call: asked for by several sections, each is the same memory, with room for what was asked."""
    kept: dict[int, Any] = {}

    def stack_of(workspace: Any, offset: int, count: int, dtype: Any, shape: tuple[int, ...]) -> Buffer:
        if offset not in kept or len(kept[offset]) < count:
            kept[offset] = poison(dtype.dtype, (count, *shape[1:]))
        return Buffer(kept[offset])

    return stack_of


def _product(dtype: str) -> Callable[..., None]:
    def gemm(m: int, n: int, k: int, *rest: Any) -> None:
        (a, a_start), a_row, a_col, (b, b_start), b_row, b_col, (c, c_start), c_row, accumulate = rest
        rows, cols, depth = np.arange(m)[:, None], np.arange(n), np.arange(k)
        left = a[a_start + a_row * rows + a_col * depth]
        right = b[b_start + b_row * depth[:, None] + b_col * cols]
        places = c_start + c_row * rows + cols
        assert places.min() >= 0
        c[places] = left @ right + (c[places] if accumulate else 0)

    return gemm


def _checked_index(index: int, extent: int) -> int:
    wrapped = index + extent if index < 0 else index
    if not 0 <= wrapped < extent:
        raise IndexError("index out of bounds")
    return int(wrapped)


def _noted_index(index: int, extent: int, outside: Any) -> int:
    try:
        return _checked_index(index, extent)
    except IndexError:
        outside[0] = 1
        return 0


def _raise_noted(outside: Any) -> None:
    if outside[0]:
        raise IndexError("index out of bounds")


def _library(function: str, arguments: str) -> Callable[..., None]:
    """A library function: pointers to the result and to the operand, as arrays (before, length, after)."""

    def apply(out: Any, x: Any, *shape: int) -> None:
        (result, start), (operand, x_start) = out, x
        assert start == x_start == 0
        assert result.size == operand.size == np.prod(shape)
        if operand.size:
            result.reshape(shape)[...] = _ALONG[function](operand.reshape(shape))

    return apply


_ALONG: dict[str, Callable[[Any], Any]] = {
    "lines.cumsum": lambda x: np.cumsum(x, 1, dtype=x.dtype),
    "lines.cumprod": lambda x: np.cumprod(x, 1, dtype=x.dtype),
    "lines.sort": lambda x: np.sort(x, 1),
    "lines.argsort": lambda x: np.argsort(x, 1, kind="stable"),
}


def _cast(name: str) -> Any:
    dtype = np.dtype("bool" if name == "boolean" else name)

    class Cast:
        """Called, it converts a value; as an argument, it names a dtype."""

        def __init__(self) -> None:
            self.dtype = dtype

        def __call__(self, value: Any) -> Any:
            return np.asarray(value).astype(dtype)[()]

    return Cast()


_FRAME: dict[str, Any] = {
    "kernel": lambda fast_math: lambda function: function,
    "view": _view,
    "local": lambda dtype, shape: Buffer(poison(dtype.dtype, shape)),
    "part_of": _part_of,
    "stack_of": None,  # of each call
    "own_part": lambda target, others, part: target if part == 0 else _view(others.array[part - 1], target.array.shape),
    "thread_count": lambda most: min(most, THREADS),
    "fork": lambda function, parts, arguments: [function(part, parts, *arguments) for part in range(parts)],
    "reshaped": lambda buffer, shape: Buffer(buffer.array.reshape(shape)),
    "at": lambda buffer, offset: (buffer.array.reshape(-1), offset),
    "product": _product,
    "split_product": _product,
    "blas_product": _product,
    "checked_index": _checked_index,
    "noted_index": _noted_index,
    "raise_noted": _raise_noted,
    "where": lambda condition, x, y: x if condition else y,
    "library": _library,
    "integer_power": np.power,
    "see_to_signals": lambda: None,
}


def _stand_in(name: str) -> Any:
    """NumPy's or SciPy's function for one of ours."""
    if name in _FRAME:
        return _FRAME[name]
    plain = re.sub(r"_[fiu]\d+$|^float_|^integer_", "", name)
    return getattr(np, plain, None) or getattr(scipy.special, plain)
