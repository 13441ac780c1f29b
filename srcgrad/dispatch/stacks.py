"""What is read of every item of a long list, at each call: one array of all numbers, one check of all items.

Lists are looked at whole: which objects a list holds is compared as a block of memory (some nanoseconds an item), and
what was found out about these very objects still holds where they cannot change: numbers, and tuples of such.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.staging.sources import ANY, CODE, EQUAL, IDENTITY, KEYS, KIND, LENGTH, Source, same

_Items = tuple[Any, ...]
_HEAD, _POINTER = tuple.__basicsize__, ctypes.sizeof(ctypes.c_void_p)
#: what a list holds is not described by more than this
_DEEP = 8


def _block(items: _Items) -> bytes:
    return ctypes.string_at(id(items) + _HEAD, len(items) * _POINTER)


def _identities(items: _Items) -> Any:
    return tuple(map(id, items))


def _is_laid_out() -> bool:
    """Whether a tuple is a head and the addresses of its items, as in every CPython so far."""
    if type(id).__name__ != "builtin_function_or_method" or _POINTER != 8:
        return False
    sample: _Items = (1.5, "a", None, [], ())
    return _block(sample) == np.array([id(one) for one in sample], np.uintp).tobytes()


#: equal for two tuples that hold the same objects
identities: Callable[[_Items], Any] = _block if _is_laid_out() else _identities


class _Same:
    """What was found out about the items of a list last, for as long as it holds the same objects."""

    def __init__(self) -> None:
        self._last: tuple[Any, _Items, Any] | None = None  # the items are kept: others cannot have their addresses

    def find(self, items: _Items) -> Any:
        last = self._last
        return last[2] if last is not None and identities(items) == last[0] else None

    def keep(self, items: _Items, found: Any) -> Any:
        self._last = identities(items), items, found
        return found


class Stack:
    """The numbers on paths of the same steps from many items of a list, as one array; None for other things there."""

    def __init__(self, whole: Source) -> None:
        steps, positions = whole.key
        assert whole.parent is not None
        self._pick = _picker(whole.parent, positions)
        self._getters = [_getter(*step) for step in steps]
        self._kinds = {whole.known}
        self._dtype, self._count = whole.value.dtype, len(positions)
        self._same = _Same()
        self._is_frozen = _is_frozen(whole.parent, steps, positions)

    def __call__(self, container: Any) -> Any:
        items = self._pick(container)
        if self._is_frozen:
            found = self._same.find(items)
            return self._same.keep(items, self._made(items)) if found is None else found
        return self._made(items)

    def _made(self, items: _Items) -> Any:
        for getter in self._getters:
            items = tuple(map(getter, items))
        found = self._same.find(items) if not self._is_frozen else None
        if found is not None:
            return found
        if {*map(type, items)} != self._kinds:
            return None
        made = np.fromiter(items, self._dtype, self._count)
        return made if self._is_frozen else self._same.keep(items, made)


class Column:
    """Whether items of a list, all of which are checked in the same way, are what they were."""

    def __init__(self, alike: Sequence[Source], needed: set[Source]) -> None:
        members = sorted(alike, key=lambda member: member.key)
        holder = members[0].parent
        assert holder is not None
        self._pick = _picker(holder, tuple(member.key for member in members))
        self._test = _test(members, needed)
        self._same = _Same()
        self._is_frozen = all(_is_lasting(member, needed) for member in members)

    def __call__(self, container: Any) -> bool:
        items = self._pick(container)
        if not self._is_frozen:
            return self._test(items)
        return bool(self._same.find(items) or (self._test(items) and self._same.keep(items, True)))


def columns(needed: Sequence[Source], variables: set[Source]) -> dict[Source, list[list[Source]]]:
    """Items of lists that are checked all at once, by the lists: none of those of which something has a variable."""
    inside = {*needed}
    groups: dict[Source, dict[Any, list[Source]]] = {}
    for source in needed:
        holder = source.parent
        if holder is None or source.step != "item" or not isinstance(holder.value, list | tuple):
            continue
        described = _described(source, inside, variables, _DEEP)
        if described is not None:
            groups.setdefault(holder, {}).setdefault(described, []).append(source)
    long = {holder: [g for g in found.values() if len(g) > _FEW] for holder, found in groups.items()}
    return {holder: found for holder, found in long.items() if found}


_FEW = 16


def _picker(holder: Source, positions: tuple[int, ...]) -> Callable[[Any], _Items]:
    if holder.check == LENGTH and holder.known[1] == len(positions):
        return tuple
    return operator.itemgetter(*positions)


def _getter(step: Any, key: Any) -> Callable[[Any], Any]:
    if step == "item":
        return operator.itemgetter(key)
    return operator.attrgetter(key) if key.isidentifier() else lambda value: getattr(value, key)


def _is_frozen(holder: Source, steps: Sequence[Any], positions: Sequence[int]) -> bool:
    """Whether the numbers are the same for as long as the items are: in tuples, which the guards tell from others."""
    for k in positions:
        source = holder.children["item", k]
        for step in steps:
            if not isinstance(source.value, tuple) or source.check != LENGTH:
                return False
            source = source.children[step]
    return True


def _is_lasting(source: Source, needed: set[Source]) -> bool:
    """Whether all that is checked of an object is so for good."""
    is_fixed = source.check in (ANY, EQUAL, IDENTITY) or (source.check == LENGTH and isinstance(source.value, tuple))
    below = [child for child in source.children.values() if child in needed]
    if below and not isinstance(source.value, tuple):
        return False
    return is_fixed and all(_is_lasting(child, needed) for child in below)


def _described(source: Source, needed: set[Source], variables: set[Source], depth: int) -> Any:
    """Equal for sources that are checked in the same way; None where they have to be looked at one by one."""
    if source in variables or source.check not in _CONDITIONS or not depth:
        return None
    parts: list[Any] = [source.check, source.known if source.check in (KIND, LENGTH) else None]
    if source.check == KEYS:
        parts[1] = tuple(source.known)
    for step, child in source.children.items():
        if child in needed:
            described = _described(child, needed, variables, depth - 1)
            if described is None:
                return None
            parts.append((step, described))
    try:
        hash(made := tuple(parts))
    except TypeError:
        return None
    return made


def _test(members: Sequence[Source], needed: set[Source]) -> Callable[[_Items], bool]:
    own = _CONDITIONS[members[0].check](members)
    steps = [step for step, child in members[0].children.items() if child in needed]
    below = [(_getter(*step), _test([member.children[step] for member in members], needed)) for step in steps]

    def test(items: _Items) -> bool:
        return own(items) and all(inner(tuple(map(getter, items))) for getter, inner in below)

    return test


def _anything(members: Sequence[Source]) -> Callable[[_Items], bool]:
    return lambda items: True


def _objects(members: Sequence[Source]) -> Callable[[_Items], bool]:
    known = tuple(member.value for member in members)
    block = identities(known)
    return lambda items: bool(identities(items) == block)


def _values(members: Sequence[Source]) -> Callable[[_Items], bool]:
    known = tuple(member.value if member.known is None else member.known for member in members)
    block = identities(known)
    return lambda items: bool(identities(items) == block) or all(map(same, items, known))


def _kinds(members: Sequence[Source]) -> Callable[[_Items], bool]:
    kinds = {members[0].known}
    return lambda items: {*map(type, items)} == kinds


def _lengths(members: Sequence[Source]) -> Callable[[_Items], bool]:
    kind, length = members[0].known
    return lambda items: {*map(type, items)} == {kind} and {*map(len, items)} == {length}


def _keys(members: Sequence[Source]) -> Callable[[_Items], bool]:
    keys = members[0].known
    return lambda items: {*map(type, items)} == {dict} and all([*item] == keys for item in items)


def _codes(members: Sequence[Source]) -> Callable[[_Items], bool]:
    is_same, codes = _objects(members), tuple(member.known for member in members)
    return lambda items: is_same(items) and all(f.__code__ is code for f, code in zip(items, codes, strict=True))


_CONDITIONS: dict[int, Callable[[Sequence[Source]], Callable[[_Items], bool]]] = {
    ANY: _anything,
    IDENTITY: _objects,
    EQUAL: _values,
    KIND: _kinds,
    LENGTH: _lengths,
    KEYS: _keys,
    CODE: _codes,
}
