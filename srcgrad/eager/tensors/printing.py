"""Tensors as text, as PyTorch prints them: four decimals, aligned, the middle of large tensors left out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from srcgrad.eager.tensors import dtypes

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Options:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = Options()
_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print: decimals, elements before the middle is left out, elements at each edge then, width of a
    line.
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = {**_PROFILES.get(profile or "", {}), **{name: value for name, value in given.items() if value is not None}}
    for name, value in chosen.items():
        setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options that `set_printoptions` sets."""
    return asdict(OPTIONS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Options for the length of a ``with`` block."""
    saved = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**saved)


def tensor_text(tensor: Any) -> str:
    """``tensor([1., 2.], requires_grad=True)``"""
    array = tensor._array
    plain = type(tensor).__name__ in ("Tensor", "Parameter")
    prefix = "tensor(" if plain else f"{type(tensor).__name__}("
    suffixes = []
    if array.size == 0 and array.ndim != 1:
        suffixes.append(f"size={array.shape}")
    usual = (
        (dtypes.default.float,)
        if array.size == 0
        else (dtypes.default.float, dtypes.default.complex, dtypes.I8, dtypes.B1)
    )
    if array.dtype not in usual:
        suffixes.append(f"dtype={tensor.dtype}")
    node = tensor.grad_fn
    if node is not None:
        suffixes.append(f"grad_fn=<{type(node).__name__}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    body = "[]" if array.size == 0 else _body(array, len(prefix))
    return _join(prefix + body, suffixes, len(prefix))


def _join(text: str, suffixes: list[str], indent: int) -> str:
    """Suffixes behind the text, on a new line where they would make a line too long."""
    length = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if length + len(suffix) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text + ")"


def _body(array: Array, indent: int) -> str:
    summarize = array.size > OPTIONS.threshold
    shown = _edges(array) if summarize else array
    if array.dtype.kind == "c":
        return _block(array, indent, summarize, _ComplexFormat(shown))
    return _block(array, indent, summarize, _Format(shown))


def _edges(array: Array) -> Array:
    """The elements that remain when the middle of each dimension is left out."""
    for axis, extent in enumerate(array.shape):
        if extent > 2 * OPTIONS.edgeitems:
            kept = [*range(OPTIONS.edgeitems), *range(extent - OPTIONS.edgeitems, extent)]
            array = np.take(array, kept, axis)
    return array


class _Format:
    """How all numbers of a tensor are written: whole, with decimals or with an exponent, and how wide."""

    def __init__(self, array: Array) -> None:
        self.is_float = array.dtype.kind == "f"
        self.is_whole = True
        self.is_scientific = False
        self.width = 1
        if not self.is_float:
            self.width = max(len(str(value)) for value in array.reshape(-1).tolist())
            return
        values = array[np.isfinite(array) & (array != 0)]
        if values.size == 0:
            return
        sizes = np.abs(values).astype(np.float64)
        largest, smallest = float(sizes.max()), float(sizes.min())
        self.is_whole = bool((values == np.ceil(values)).all())
        self.is_scientific = (
            largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
            if OPTIONS.sci_mode is None
            else OPTIONS.sci_mode
        )
        extra = 1 if self.is_whole and not self.is_scientific else 0
        self.width = max(len(self._number(value)) + extra for value in values.tolist())

    def _number(self, value: float) -> str:
        if self.is_scientific:
            return f"{value:.{OPTIONS.precision}e}"
        return f"{value:.0f}" if self.is_whole else f"{value:.{OPTIONS.precision}f}"

    def __call__(self, value: Any) -> str:
        if not self.is_float:
            return str(value).rjust(self.width)
        text = self._number(value)
        if self.is_whole and not self.is_scientific and math.isfinite(value):
            text += "."
        return text.rjust(self.width)


class _ComplexFormat:
    """Real and imaginary parts, each aligned by itself."""

    def __init__(self, array: Array) -> None:
        self.real, self.imag = _Format(array.real), _Format(array.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = (self.imag(value.imag) + "j").lstrip()
        return self.real(value.real) + ("" if imag[0] in "+-" else "+") + imag


def _block(array: Array, indent: int, summarize: bool, write: Any) -> str:
    """A tensor as nested brackets."""
    if array.ndim == 0:
        return str(write(array.item()))
    edge = OPTIONS.edgeitems
    cut = summarize and array.shape[0] > 2 * edge
    rows = [*array[:edge], None, *array[array.shape[0] - edge :]] if cut else list(array)
    if array.ndim == 1:
        texts = [" ..." if row is None else write(row.item()) for row in rows]
        per_line = max(1, (OPTIONS.linewidth - indent) // (write.width + 2))
        lines = [", ".join(texts[k : k + per_line]) for k in range(0, len(texts), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    blocks = ["..." if row is None else _block(row, indent + 1, summarize, write) for row in rows]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(blocks) + "]"
