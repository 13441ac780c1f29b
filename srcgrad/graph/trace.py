"""Tracing: run a Python function on handles and record what it does.

The graph is pure; the handle is not. A `Tracer` is either an owner, which names a current node, or a view of
another tracer, which is a pair of functions: how to read the view from the base's current node, and how to
write the view into the base. A write through any view therefore reaches the owner, and a read through any view
sees it: NumPy's semantics, with no aliasing in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.op import Op
from srcgrad.core.operators import Operators
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Graph, Node, as_node, bind, is_tuple
from srcgrad.graph.structure import items, new_input

Read = Callable[[Node], Node]
Write = Callable[[Node, Node], Node]

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)
_watching: ContextVar[Watch | None] = ContextVar("watching", default=None)


def is_tracing() -> bool:
    """Whether a function is being recorded: then ``np.zeros`` and its like make handles that take traced values."""
    return _tracing.get()


class Stale:
    """In place of the contents of an array of which it is not known what they are; reading it is an error, whose
    message names the line that did it.
    """

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    def error(self) -> TraceError:
        return TraceError(self.message)


@contextmanager
def unwatched() -> Iterator[None]:
    """Handles that are made in the block count as older than any watch."""
    token = _watching.set(None)
    try:
        yield
    finally:
        _watching.reset(token)


class Watch:
    """What happens to handles inside a ``with`` block: which are made, which older ones are written."""

    def __init__(self) -> None:
        self._made: dict[int, Tracer] = {}
        self._written: dict[int, tuple[Tracer, Node | Stale]] = {}
        self._outer: Watch | None = None

    def __enter__(self) -> Watch:
        self._outer = _watching.get()
        self._token = _watching.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _watching.reset(self._token)

    def made(self, handle: Tracer) -> None:
        self._made[id(handle)] = handle

    def writes(self, handle: Tracer, before: Node | Stale) -> None:
        if id(handle) not in self._made:
            self._written.setdefault(id(handle), (handle, before))

    def is_older(self, value: object) -> bool:
        """Whether it is a handle that was there before."""
        while isinstance(value, Tracer) and value._base is not None:
            value = value._base
        return isinstance(value, Tracer) and id(value) not in self._made

    @property
    def before(self) -> list[tuple[Tracer, Node | Stale]]:
        """The older handles that were written, with the nodes that they had."""
        return list(self._written.values())


def watched_references(handle: Tracer) -> int:
    """How many of the watches that are active refer to a handle because it was made inside of them."""
    count, watch = 0, _watching.get()
    while watch is not None:
        count += id(handle) in watch._made
        watch = watch._outer
    return count


class Tracer(Operators):
    """A mutable handle on a value of the program being recorded."""

    __slots__ = ("__weakref__", "_base", "_node", "_read", "_write", "is_differentiated", "is_written")
    __sg_level__ = 1

    def __init__(self, node: Node) -> None:
        self._node: Node | Stale | None = node
        self._base: Tracer | None = None
        self._read: Read | None = None
        self._write: Write | None = None
        #: of owners: whether anything was ever written, whether a derivative with respect to it was taken
        self.is_written = self.is_differentiated = False
        watch = _watching.get()
        if watch is not None:
            watch.made(self)

    def view(self, read: Read, write: Write | None) -> Any:
        """A handle on a part of this one.

        ``write(base, new) -> base`` puts a new part into the base; None makes it read-only.
        """
        handle = object.__new__(type(self))
        handle._node, handle._base, handle._read, handle._write = None, self, read, write
        return handle

    @property
    def __sg_node__(self) -> Node:
        if self._base is None:
            node = self._node
            if type(node) is Stale:
                raise node.error()
            return node  # type: ignore[return-value]
        assert self._read is not None
        return self._read(self._base.__sg_node__)

    @property
    def owner(self) -> Tracer:
        """The handle whose data this one shows."""
        handle = self
        while handle._base is not None:
            handle = handle._base
        return handle

    def assign(self, node: Node) -> None:
        """Make this handle, and every view of the same data, see a new value of the same type."""
        if self._base is None:
            self.is_written = True
            watch = _watching.get()
            if watch is not None:
                assert self._node is not None
                watch.writes(self, self._node)
            self._node = node
            return
        if self._write is None:
            raise ValueError("assignment destination is read-only")
        self._base.assign(self._write(self._base.__sg_node__, node))

    def spoil(self, message: str) -> None:
        """The contents are not known from here on: reading them is an error with this message."""
        watch = _watching.get()
        if watch is not None:
            assert self._node is not None
            watch.writes(self, self._node)
        self._node = Stale(message)

    @property
    def is_stale(self) -> bool:
        """Whether the contents of an owner are unknown."""
        return type(self._node) is Stale

    def __sg_bind__(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Any:
        node = bind(op, [as_node(arg) for arg in args], params)
        if is_tuple(node):
            return tuple(type(self)(part) for part in items(node))
        return type(self)(node)

    def __sg_lift__(self, value: Any) -> Any:
        return type(self)(as_node(value))

    @property
    def __sg_type__(self) -> ArrayType:
        return self.__sg_node__.array_type

    @property
    def shape(self) -> tuple[int, ...]:
        return self.__sg_type__.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.__sg_type__.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.__sg_type__.size


@dataclass(frozen=True)
class Traced:
    """A recorded function: outputs are the flattened results, then the new values of the inputs written in place."""

    graph: Graph
    out_structure: tree.Structure
    mutated: tuple[int, ...]
    #: the inputs into which anything was written, also where it left them as they were
    written: tuple[int, ...] = ()
    #: the inputs that a derivative was taken with respect to while the function ran
    differentiated: tuple[int, ...] = ()

    @property
    def n_results(self) -> int:
        return len(self.graph.outputs) - len(self.mutated)

    def writing(self, positions: Sequence[int]) -> Traced:
        """The same with new values of no other inputs than these, of several that share memory."""
        kept = [k for k, position in enumerate(self.mutated) if position in positions]
        outputs = [*self.graph.outputs[: self.n_results], *(self.graph.outputs[self.n_results + k] for k in kept)]
        mutated = tuple(self.mutated[k] for k in kept)
        return replace(self, graph=replace(self.graph, outputs=tuple(outputs)), mutated=mutated)


def trace(
    function: Callable[..., Any],
    in_structure: tree.Structure,
    types: Sequence[ArrayType],
    *,
    handle: type[Tracer],
    names: Sequence[str] | None = None,
    static: dict[str, Any] | None = None,
    arrange: Callable[[list[Any]], list[Any]] | None = None,
) -> Traced:
    """Record ``function(*args, **kwargs)`` where ``(args, kwargs)`` is ``in_structure`` filled with handles of
    these types. ``arrange`` gives the handles that the function sees, of one for each input.
    """
    names = names or [f"x{position}" for position in range(len(types))]
    inputs = tuple(new_input(type_, name) for type_, name in zip(types, names, strict=True))
    handles = [handle(node) for node in inputs]
    token = _tracing.set(True)
    try:
        given = handles if arrange is None else arrange(handles)
        owners = [own.owner for own in given]
        before = [owner.__sg_node__ for owner in owners]
        for owner in owners:
            owner.is_written = False
        args, kwargs = tree.unflatten(in_structure, given)
        result = function(*args, **kwargs, **(static or {}))
    finally:
        _tracing.reset(token)
    leaves, out_structure = tree.flatten(result)
    outputs = [as_node(leaf) for leaf in leaves]
    mutated = tuple(k for k, owner in enumerate(owners) if owner.__sg_node__ is not before[k])
    outputs += [given[k].__sg_node__ for k in mutated]
    graph = Graph(inputs, tuple(outputs), getattr(function, "__name__", "f"))
    written = tuple(k for k, owner in enumerate(owners) if owner.is_written)
    differentiated = tuple(k for k, owner in enumerate(owners) if owner.is_differentiated)
    return Traced(graph, out_structure, mutated, written, differentiated)
