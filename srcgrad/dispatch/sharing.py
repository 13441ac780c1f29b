"""Arguments that share memory, or lie in it otherwise than in C order, where the function writes into them.

A program has one input for each array; what is written into one is not seen in another. That is NumPy's answer only
while no two of them overlap. So a function is traced with arrays that do not; if it writes into one that does, it is
traced again with handles on one array for all that overlap: as in NumPy, an argument is then a view of it.

    f(a, a)           two names for one handle
    f(x[1:], x[:-1])  base = zeros(n); base[1:n] = a; base[0:n-1] = b; then views of base

Who writes nothing pays nothing: the check of a call looks at memory only where the function writes (`apart`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core.errors import ArgumentError
from srcgrad.graph.node import as_node
from srcgrad.graph.trace import Tracer

#: what NumPy may spend on finding out whether two interleaved arrays have an element in common
_EFFORT = 10_000


@dataclass(frozen=True)
class Part:
    """One argument in memory that it shares: its first element and its strides, in elements."""

    position: int
    start: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Arguments that overlap, as parts of one array of so many elements."""

    size: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Sharing:
    """How the arguments of a call lie in memory, as far as it matters to a function that writes into some of them."""

    groups: tuple[Group, ...] = ()
    #: the strides, in elements, of written arguments by themselves that are not in C order
    strides: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.groups or self.strides)

    @property
    def shared(self) -> set[int]:
        """The arguments that overlap others."""
        return {part.position for group in self.groups for part in group.parts}


#: nothing overlaps, and all is in C order
NOTHING = Sharing()


def apart(written: Sequence[int], *arrays: np.ndarray[Any, Any]) -> bool:
    """Whether none of the written ones may overlap itself or another."""
    owners = set()
    for array in arrays:  # views of arrays that own their memory, each of another: that is the usual case
        owner = array if array.base is None else array.base
        if owner is not array and (type(owner) is not np.ndarray or owner.base is not None):
            break
        owners.add(id(owner))
    if len(owners) == len(arrays) and all(arrays[k].flags.forc for k in written):
        return True
    return not any(_folded(arrays[k]) for k in written) and not any(_overlaps(written, arrays))


def meets(array: Any, *others: Any) -> bool:
    """Whether an array has memory in common with one of the others."""
    owns = array.base is None
    return any(other is array or (not (owns and other.base is None) and _meet(array, other)) for other in others)


def lies_as(sharing: Sharing, positions: Sequence[int], written: Sequence[int], *arrays: np.ndarray[Any, Any]) -> bool:
    """Whether arrays, those among the arguments, lie in memory like those that a program was made for."""
    values: list[Any] = [None] * (max(positions) + 1)
    for position, array in zip(positions, arrays, strict=True):
        values[position] = array
    try:
        return sharing_of(values, [positions[k] for k in written], str) == sharing
    except ArgumentError:  # raised again with the names of the arguments
        return False


def sharing_of(values: Sequence[Any], written: Iterable[int], names: Callable[[int], str]) -> Sharing:
    """How values lie in memory; ``names(k)`` is what a message calls one. Raises ArgumentError for what has no answer:
    elements of two dtypes in the same bytes, or a written array that overlaps itself.
    """
    written = sorted(written)
    if not written:
        return NOTHING
    for k in written:
        if isinstance(values[k], np.ndarray) and values[k].flags.writeable and _folded(values[k]):
            raise ArgumentError(
                f"argument {names(k)} is written, and several of its elements are the same memory (strides "
                f"{values[k].strides} for shape {values[k].shape}); pass {names(k)}.copy()"
            )
    component = list(range(len(values)))
    for first, second in _overlaps(written, values):
        old, new = component[second], component[first]
        component = [new if number == old else number for number in component]
    members = [[k for k in range(len(values)) if component[k] == number] for number in sorted(set(component))]
    groups = tuple(_group(values, group, names) for group in members if len(group) > 1)
    shared = {k for group in members if len(group) > 1 for k in group}
    alone = [k for k in written if k not in shared and isinstance(values[k], np.ndarray)]
    strides = [(k, _strides(values[k])) for k in alone if not values[k].flags.c_contiguous]
    return Sharing(groups, tuple(strides))


def arranged(sharing: Sharing, handles: Sequence[Any]) -> list[Any]:
    """The handles that a function is traced with, made of one for each argument."""
    given = list(handles)
    for position, strides in sharing.strides:
        given[position]._strides = strides
    for group in sharing.groups:
        first = group.parts[0]
        kinds = {(part.start, part.strides, given[part.position].shape) for part in group.parts}
        if len(kinds) == 1:
            owner = given[first.position]
            owner._strides = first.strides
            for part in group.parts:
                given[part.position] = owner
            continue
        base = type(given[first.position]).new(as_node(np.zeros(group.size, given[first.position].dtype)))
        for part in group.parts:
            view = _view(base, part, given[part.position].shape)
            view[...] = given[part.position]
            given[part.position] = view
    return given


def _view(base: Any, part: Part, shape: tuple[int, ...]) -> Any:
    """A part of a one-dimensional array, which need not be one that slices name."""
    from srcgrad.numpy.geometry import Window, c_strides
    from srcgrad.numpy.keys import parse_key
    from srcgrad.numpy.selection import select

    size = int(np.prod(shape))
    if part.strides == c_strides(shape):
        return base[part.start : part.start + size].reshape(shape)
    if len(shape) == 1 and part.strides[0] > 0:
        return base[part.start : part.start + part.strides[0] * (size - 1) + 1 : part.strides[0]]
    places = [np.arange(extent) * stride for extent, stride in zip(shape, part.strides, strict=True)]
    index = sum(np.ix_(*places), np.int64(part.start))
    chosen = select(parse_key(index, base.shape), Window.whole(base.shape))
    return base.derive(chosen.read, chosen.write, part.strides)


def _group(values: Sequence[Any], members: Sequence[int], names: Callable[[int], str]) -> Group:
    together = " and ".join(names(k) for k in members)
    cure = f"pass a copy of one ({names(members[-1])}.copy())"
    if isinstance(values[members[0]], Tracer):
        if any(values[k] is not values[members[0]] for k in members):
            raise ArgumentError(f"arguments {together} are views of one array, and are written; {cure}")
        return Group(0, tuple(Part(k, 0, values[members[0]].element_strides) for k in members))
    arrays = [values[k] for k in members]
    bounds = [_bounds(array) for array in arrays]
    size, low, high = arrays[0].itemsize, min(bound[0] for bound in bounds), max(bound[1] for bound in bounds)
    starts = [array.__array_interface__["data"][0] - low for array in arrays]
    steps = itertools.chain(starts, *(array.strides for array in arrays))
    if len({array.dtype for array in arrays}) > 1 or any(step % size for step in steps):
        kinds = ", ".join(str(array.dtype) for array in arrays)
        raise ArgumentError(
            f"arguments {together} share memory, and are written: of dtypes {kinds}, their elements are not the same; "
            f"{cure}"
        )
    parts = [Part(k, start // size, _strides(array)) for k, start, array in zip(members, starts, arrays, strict=True)]
    return Group((high - low) // size, tuple(parts))


def _strides(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Strides in elements; of extents that tell nothing, those of C order."""
    from srcgrad.numpy.geometry import c_strides

    if array.flags.c_contiguous:
        return tuple(c_strides(array.shape))
    return tuple(stride // array.itemsize for stride in array.strides)


def _overlaps(written: Sequence[int], values: Sequence[Any]) -> Iterable[tuple[int, int]]:
    """The pairs of a written value and another that have memory in common."""
    for k in written:
        for other in range(len(values)):
            if other != k and (other > k or other not in written) and _meet(values[k], values[other]):
                yield k, other


def _meet(one: Any, other: Any) -> bool:
    if isinstance(one, Tracer) or isinstance(other, Tracer):
        return isinstance(one, Tracer) and isinstance(other, Tracer) and one.owner is other.owner
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)) or not np.may_share_memory(one, other):
        return False
    try:
        return np.shares_memory(one, other, max_work=_EFFORT)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _folded(array: Any) -> bool:
    """Whether two elements of an array may be the same memory."""
    if not isinstance(array, np.ndarray) or array.flags.forc or not array.size:
        return False
    reach = array.itemsize
    for stride, extent in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < reach:
            return True
        reach += stride * (extent - 1)
    return False


def _bounds(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The first byte of an array, and the one after its last."""
    start = array.__array_interface__["data"][0]
    spans = [stride * (extent - 1) for stride, extent in zip(array.strides, array.shape, strict=True)]
    low, high = sum(s for s in spans if s < 0), sum(s for s in spans if s > 0)
    return start + low, start + high + array.itemsize
