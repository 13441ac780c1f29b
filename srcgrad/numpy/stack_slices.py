"""The slices of one array as the elements of a list: what a loop appended, which is put together again at no cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.graph.node import Node, as_node
from srcgrad.numpy.protocols import namespace
from srcgrad.numpy.traced import Array


class StackSlice(Array):
    """An array that begins as a slice of another one, which is taken when it is asked for."""

    __slots__ = ("_place", "_stack")
    _place: int
    _stack: Array | None

    @classmethod
    def of(cls, stack: Array, place: int) -> StackSlice:
        """``stack[place]``, as an array of its own."""
        made = cls(None)  # type: ignore[arg-type]
        made._stack, made._place = stack, place
        made._is_zero_d = False
        return made

    @property
    def __sg_node__(self) -> Node:
        if self._node is None and self._base is None:
            assert self._stack is not None
            self._node = as_node(self._stack[self._place])
        return super().__sg_node__

    def assign(self, node: Node) -> None:
        before = self.__sg_node__
        super().assign(node)
        if node is not before:
            self._stack = None

    @property
    def origin(self) -> tuple[Array, int] | None:
        """The array and the position that it is still a slice of."""
        stack = getattr(self, "_stack", None)
        return None if stack is None else (stack, self._place)


def joined_rows(values: Sequence[Any]) -> Any:
    """The values along a new first axis, where some are successive slices of one array; None where none are."""
    pieces: list[Any] = []
    position = 0
    while position < len(values):
        count = _successive(values, position)
        if count > 1:
            stack, place = values[position].origin
            pieces.append(stack if count == stack.shape[0] else stack[place : place + count])
        else:
            pieces.append(namespace("asarray")(values[position])[None])
        position += count
    if len(pieces) == len(values):
        return None
    return pieces[0].copy() if len(pieces) == 1 else namespace("concatenate")(pieces)


def _successive(values: Sequence[Any], position: int) -> int:
    """How many values from a position on are successive slices of one array."""
    first = values[position].origin if isinstance(values[position], StackSlice) else None
    count = 1
    if first is not None:
        stack, place = first
        while position + count < len(values) and _follows(values[position + count], stack, place + count):
            count += 1
    return count


def _follows(value: Any, stack: Array, place: int) -> bool:
    origin = value.origin if isinstance(value, StackSlice) else None
    return origin is not None and origin[0] is stack and origin[1] == place
