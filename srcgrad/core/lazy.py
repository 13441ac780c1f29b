"""Attributes that are computed once, without the lock of `functools.cached_property`.

Before Python 3.12 that is one lock for all objects, which a fork may leave locked in the child.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
S = TypeVar("S")


class lazy(Generic[T]):
    """A property that is computed when it is first read; by two threads at once perhaps twice."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self: S, instance: None, owner: type) -> S: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.function.__name__] = self.function(instance)
        return value
