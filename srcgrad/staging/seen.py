"""Captured lists and dicts as traced code sees them: copies that note what is read of them.

Reading an item notes the item alone; iterating, or asking for the length, notes all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from srcgrad.staging.sources import KEYS, KIND, LENGTH, Source, same

if TYPE_CHECKING:
    from srcgrad.staging.captured import Captured


def _writing(method: str) -> Any:
    def write(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._captured.held.note_line(self._source.value)
        result = getattr(self._source.value, method)(*args, **kwargs)
        self._refresh()
        return self if method in ("__iadd__", "__ior__", "__imul__") else result

    write.__name__ = method
    return write


class SeenList(list[Any]):
    """A captured list."""

    __sg_stands_for__ = list

    def __init__(self, captured: Captured, source: Source) -> None:
        super().__init__(source.value)
        self._captured, self._source = captured, source
        self.__sg_real__ = source.value
        captured.held.container(source.name, source.value)
        self._before = len(source.value)
        source.check, source.known = KIND, list

    def _refresh(self) -> None:
        super().clear()
        super().extend(self._source.value)

    def _note_length(self) -> None:
        if self._source.check == KIND:
            self._source.check, self._source.known = LENGTH, (list, self._before)

    def _at(self, position: int) -> Any:
        value = self._source.value[position]
        if position >= self._before:
            return value
        source = self._source.children.get(("item", position))
        if source is not None and not same(source.value, value):
            return value
        return self._captured.read(self._source, "item", position, f"{self._source.name}[{position}]")

    def _all(self) -> list[Any]:
        self._note_length()
        return [self._at(position) for position in range(len(self._source.value))]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self._all()[key]
        if not isinstance(key, int):
            return super().__getitem__(key)
        if key < 0:
            self._note_length()
            key += len(self._source.value)
        if not 0 <= key < len(self._source.value):
            raise IndexError("list index out of range")
        return self._at(key)

    def __iter__(self) -> Iterator[Any]:
        items: list[Any] = self._all()
        yield from items

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._all())

    def __len__(self) -> int:
        self._note_length()
        return len(self._source.value)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __contains__(self, value: Any) -> bool:
        return value in self._all()

    def __eq__(self, other: Any) -> bool:
        return self._all() == ([*other] if isinstance(other, SeenList) else other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = None

    def __add__(self, other: Any) -> Any:
        return [*self._all(), *other]

    def __radd__(self, other: Any) -> Any:
        return [*other, *self._all()]

    def __mul__(self, count: Any) -> Any:
        return self._all() * count

    __rmul__ = __mul__

    def copy(self) -> list[Any]:
        return self._all()

    def __deepcopy__(self, memo: Any) -> list[Any]:
        return copy.deepcopy(self._all(), memo)

    def index(self, *args: Any) -> int:
        return self._all().index(*args)

    def count(self, value: Any) -> int:
        return self._all().count(value)

    def __repr__(self) -> str:
        return repr(self._all())

    for _name in ("append", "extend", "insert", "remove", "clear", "__setitem__", "__delitem__", "__iadd__"):
        locals()[_name] = _writing(_name)
    for _name in ("__imul__", "pop", "sort", "reverse"):
        locals()[_name] = _writing(_name)
    del _name


class SeenDict(dict[Any, Any]):
    """A captured dict."""

    __sg_stands_for__ = dict

    def __init__(self, captured: Captured, source: Source) -> None:
        super().__init__(source.value)
        self._captured, self._source = captured, source
        self.__sg_real__ = source.value
        captured.held.container(source.name, source.value)
        self._before = {**source.value}
        source.check, source.known = KIND, dict

    def _refresh(self) -> None:
        super().clear()
        super().update(self._source.value)

    def _note_keys(self) -> None:
        if self._source.check == KIND:
            self._source.check, self._source.known = KEYS, [*self._before]

    def _at(self, key: Any) -> Any:
        value = self._source.value[key]
        if key not in self._before or self._before[key] is not value:
            return value
        return self._captured.read(self._source, "item", key, f"{self._source.name}[{key!r}]")

    def __getitem__(self, key: Any) -> Any:
        if key not in self._source.value:
            self._note_keys()
            raise KeyError(key)
        return self._at(key)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._at(key) if key in self else default

    def __contains__(self, key: Any) -> bool:
        found = key in self._source.value
        if not found:
            self._note_keys()
        elif key in self._before:
            self._at(key)
        return found

    def __iter__(self) -> Iterator[Any]:
        self._note_keys()
        keys: list[Any] = [*self._source.value]
        yield from keys

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed([*self])

    def __len__(self) -> int:
        self._note_keys()
        return len(self._source.value)

    def __bool__(self) -> bool:
        return len(self) > 0

    def copy(self) -> dict[Any, Any]:
        return {key: self._at(key) for key in self}

    def __deepcopy__(self, memo: Any) -> dict[Any, Any]:
        return copy.deepcopy(self.copy(), memo)

    def keys(self) -> Any:
        return dict.fromkeys(self).keys()

    def values(self) -> Any:
        return self.copy().values()

    def items(self) -> Any:
        return self.copy().items()

    def __or__(self, other: Any) -> Any:
        return self.copy() | ({**other})

    def __ror__(self, other: Any) -> Any:
        return {**other} | self.copy()

    def __eq__(self, other: Any) -> bool:
        return self.copy() == ({**other} if isinstance(other, SeenDict) else other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.copy())

    for _name in ("__setitem__", "__delitem__", "update", "pop", "popitem", "clear", "setdefault", "__ior__"):
        locals()[_name] = _writing(_name)
    del _name
