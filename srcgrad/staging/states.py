"""All that an object holds, as plain data that can be compared with a later state of it.

For objects whose reads cannot be seen one by one: those with operators of their own, deques, arrays of objects, what is
handed to library functions.
"""

from __future__ import annotations

import array
import struct
from collections import deque
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_DEEP = 8
_ATOMS = (bool, int, str, bytes, type(None), type(Ellipsis))
_BUFFERS = (bytearray, memoryview, array.array)
#: methods of Python's protocols that are called by name, or that tell nothing
_CALLED = ("__init__", "__new__", "__call__", "__repr__", "__str__", "__format__", "__post_init__", "__del__")
_CALLED_BY_US = ("__getattr__", "__setattr__", "__init_subclass__", "__class_getitem__", "__set_name__", "__sizeof__")


class Identity:
    """An object, as itself."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def state_of(value: Any, depth: int = _DEEP, seen: frozenset[int] = frozenset()) -> Any:
    """The state: equal to another one if the objects hold the same."""
    kind = type(value)
    if kind in _ATOMS:
        return kind, value
    if kind is float:
        return kind, struct.pack("d", value)
    if kind is complex:
        return kind, struct.pack("dd", value.real, value.imag)
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind == "O":
            return kind, value.shape, tuple(state_of(one, depth - 1, seen) for one in np.asarray(value).flat)
        return kind, value.dtype, value.shape, value.tobytes()
    if isinstance(value, _BUFFERS):
        return kind, bytes(memoryview(value))
    if isinstance(value, FunctionType):
        return Identity(value), Identity(value.__code__)
    if not depth or id(value) in seen or isinstance(value, type | ModuleType):
        return Identity(value)
    inner = seen | {id(value)}
    parts: list[Any] = [kind]
    if isinstance(value, MethodType):
        return kind, state_of(value.__func__, depth, inner), state_of(value.__self__, depth - 1, inner)
    if isinstance(value, dict):
        parts.append([(key, state_of(one, depth - 1, inner)) for key, one in value.items()])
    elif isinstance(value, list | tuple | deque):
        parts.append([state_of(one, depth - 1, inner) for one in value])
    elif isinstance(value, set | frozenset):
        parts.append(frozenset(value))
    attributes = attributes_of(value)
    if attributes is not None:
        parts.append([(name, state_of(one, depth - 1, inner)) for name, one in attributes.items()])
    return parts if len(parts) > 1 else Identity(value)


def same_state(value: Any, known: Any) -> bool:
    """Whether an object holds what it did."""
    return bool(state_of(value) == known)


def attributes_of(value: Any) -> dict[str, Any] | None:
    """The attributes of an object, those in slots included; None where it has none of its own."""
    found = dict(getattr(value, "__dict__", None) or {})
    slots = [name for part in type(value).__mro__ for name in _names(getattr(part, "__slots__", ()))]
    found.update({name: getattr(value, name) for name in slots if hasattr(value, name)})
    return found if slots or hasattr(value, "__dict__") else None


def _names(slots: Any) -> tuple[str, ...]:
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def has_operators(kind: type, is_users: Any) -> bool:
    """Whether a class has operators, items or the like that the user wrote: nobody sees what they read."""
    for part in kind.__mro__:
        for name, value in vars(part).items():
            if name.startswith("__") and name.endswith("__") and name not in (*_CALLED, *_CALLED_BY_US):
                code = getattr(value, "__code__", None)
                if code is not None and is_users(code):
                    return True
    return False
