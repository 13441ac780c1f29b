"""einsum of any number of operands, two at a time in the order that NumPy's planner finds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceShapeError
from srcgrad.core.op import apply
from srcgrad.numpy.creation import fresh
from srcgrad.numpy.elementwise import deliver
from srcgrad.numpy.indexing import diagonal, diagonal_view
from srcgrad.numpy.messages import error
from srcgrad.numpy.products import LETTERS, contracted, operands
from srcgrad.numpy.protocols import implements
from srcgrad.numpy.views import permuted
from srcgrad.ops.families import BOOL, convert


@implements
def einsum(*args: Any, out: Any = None, optimize: Any = True, dtype: Any = None, **_: Any) -> Any:
    """As `numpy.einsum`: implicit and explicit results, ellipses, repeated labels, operand-and-sublist form."""
    spec, values = _as_text(args)
    arrays = operands(*values)
    if dtype is not None:
        arrays = [convert(array, np.dtype(dtype)) for array in arrays]
    inputs, result = _labels(spec, [array.shape for array in arrays])
    _check_extents(spec, inputs, [array.shape for array in arrays])
    if len(arrays) == 1 and out is None and set(inputs[0]) == set(result):
        return _view(arrays[0], inputs[0], result)
    terms = [_without_repetition(array, labels) for array, labels in zip(arrays, inputs, strict=True)]
    for chosen in _path(terms, result, optimize):
        picked = [terms.pop(position) for position in sorted(chosen, reverse=True)][::-1]
        needed = result + "".join(labels for _, labels in terms)
        while len(picked) > 1:
            (a, left), (b, right) = picked[:2]
            later = needed + "".join(labels for _, labels in picked[2:])
            kept = "".join(label for label in dict.fromkeys(left + right) if label in later)
            final = not terms and len(picked) == 2
            picked[:2] = [(contracted(a, left, b, right, result if final else kept), result if final else kept)]
        terms += picked
    ((array, labels),) = terms
    return deliver(fresh(_one_operand(array, labels, result)), out, name="einsum")


def _as_text(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts as text and the operands, from either of NumPy's two forms."""
    if isinstance(args[0], str):
        return args[0].replace(" ", ""), list(args[1:])
    values, sublists = list(args[0 : 2 * (len(args) // 2) : 2]), list(args[1::2])
    inputs = ",".join(_sublist_text(sublist) for sublist in sublists)
    return (f"{inputs}->{_sublist_text(args[-1])}" if len(args) % 2 else inputs), values


def _sublist_text(sublist: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else LETTERS[label] for label in sublist)


def _labels(spec: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, ellipses replaced by letters."""
    left, arrow, result = spec.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise error(TraceShapeError, f"einsum {spec!r} takes {len(inputs)} operands, was given {len(shapes)}")
    free = [letter for letter in LETTERS if letter not in spec]
    hidden = [len(shape) - len(one.replace("...", "")) for one, shape in zip(inputs, shapes, strict=True)]
    for one, extra, shape in zip(inputs, hidden, shapes, strict=True):
        if extra < 0 or (extra > 0 and "..." not in one):
            raise error(TraceShapeError, f"einsum {spec!r}: {one!r} does not fit an operand of shape {shape}")
    most = max((extra for one, extra in zip(inputs, hidden, strict=True) if "..." in one), default=0)
    letters = "".join(free[:most])
    filled = [one.replace("...", letters[most - extra :]) for one, extra in zip(inputs, hidden, strict=True)]
    if arrow:
        result = result.replace("...", letters)
    else:
        counts = Counter("".join(inputs).replace(".", ""))
        result = letters + "".join(sorted(label for label, count in counts.items() if count == 1))
    unknown = [label for label in result if label not in "".join(filled)]
    if unknown or len(set(result)) != len(result):
        what = f"einsum {spec!r}: the result has the label {unknown[0]!r}, which no operand has" if unknown else ""
        raise error(TraceShapeError, what or f"einsum {spec!r}: the result repeats a label")
    return filled, result


def _check_extents(spec: str, inputs: list[str], shapes: list[tuple[int, ...]]) -> None:
    extents: dict[str, int] = {}
    pairs = itertools.chain.from_iterable(
        zip(one, shape, strict=True) for one, shape in zip(inputs, shapes, strict=True)
    )
    for label, extent in pairs:
        if extents.setdefault(label, extent) == 1:
            extents[label] = extent
        if extent not in (1, extents[label]):
            what = f"einsum {spec!r}: the label {label!r} has the extents {extents[label]} and {extent}"
            raise error(TraceShapeError, what)


def _without_repetition(array: Any, labels: str) -> tuple[Any, str]:
    """``ii`` as the diagonal ``i``."""
    for label in set(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            array = diagonal(array, 0, first, second)
            labels = "".join(one for k, one in enumerate(labels) if k not in (first, second)) + label
    return array, labels


def _view(array: Any, labels: str, result: str) -> Any:
    """Of one operand whose labels all stay a view: its diagonals, and its dimensions in another order."""
    while len(labels) > len(set(labels)):
        label = next(label for label in labels if labels.count(label) > 1)
        first = labels.index(label)
        second = labels.index(label, first + 1)
        array = diagonal_view(array, 0, first, second, writable=True)
        labels = "".join(one for k, one in enumerate(labels) if k not in (first, second)) + label
    return permuted(array, [labels.index(label) for label in result])


def _path(terms: list[tuple[Any, str]], result: str, optimize: Any) -> list[tuple[int, ...]]:
    """Which operands are multiplied, step by step."""
    if isinstance(optimize, list | tuple) and optimize and optimize[0] == "einsum_path":
        return [tuple(step) for step in optimize[1:]]
    if len(terms) <= 2:
        return [tuple(range(len(terms)))]
    spec = ",".join(labels for _, labels in terms) + "->" + result
    shapes = [np.broadcast_to(0.0, array.shape) for array, _ in terms]
    planner = optimize if isinstance(optimize, str) else "optimal" if len(terms) <= 4 else "greedy"
    return [tuple(step) for step in np.einsum_path(spec, *shapes, optimize=planner)[0][1:]]


def _one_operand(array: Any, labels: str, result: str) -> Any:
    """Sum what the result lacks, and put the rest into its order."""
    axes = tuple(k for k, label in enumerate(labels) if label not in result)
    if axes:
        array = apply("any" if array.dtype == BOOL else "sum", array, axes=axes)
        labels = "".join(label for label in labels if label in result)
    order = tuple(labels.index(label) for label in result)
    return array if order == tuple(range(len(order))) else apply("transpose", array, axes=order)


@implements
def einsum_path(*args: Any, optimize: Any = "greedy", **_: Any) -> Any:
    """As `numpy.einsum_path`."""
    spec, values = _as_text(args)
    return np.einsum_path(spec, *[np.broadcast_to(0.0, value.shape) for value in values], optimize=optimize)
