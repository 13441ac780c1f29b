"""Nodes of the recorded graph: what `Tensor.grad_fn` is.

A node remembers which nodes made its operands (``edges``) and what its rule has to read (``saved`` tensors with the
versions that they had). Its rule is the row's: `pull` turns the cotangent of the result into one contribution per
operand. The same rule is run on plain arrays, or, under ``create_graph``, on tensors, which record it: that is all
there is to higher derivatives.

No node refers to the tensor that it made, so that a graph holds no cycle and is freed with the last tensor that needs
it. A rule that reads its own result gets it as an array with the result's version counter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

Edges = tuple["BackwardNode | None", ...]

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)

#: Numbers nodes in order of creation: the engine takes the latest first.
sequence = itertools.count()
#: Leaves are numbered from here: they go first of all.
LEAVES = 1 << 62


_keys = itertools.count()


class RemovableHandle:
    """Takes a hook away again with `remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self.id = hooks, next(_keys)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_hook(extra: Extra, place: str, hook: Callable[..., Any]) -> RemovableHandle:
    """Keep a hook among those of a node."""
    hooks = getattr(extra, place)
    if hooks is None:
        hooks = {}
        setattr(extra, place, hooks)
    return RemovableHandle(hooks, hook)


class Extra:
    """What few nodes have: hooks, where they were recorded (anomaly detection), what shows as edges of a composite."""

    pre_hooks: dict[int, Callable[..., Any]] | None = None
    retain: Any = None
    shown: Edges | None = None
    post_hooks: dict[int, Callable[..., Any]] | None = None
    trace: str | None = None


class BackwardNode:
    """One recorded operation."""

    __slots__ = ("__weakref__", "edges", "extra", "seq")
    #: part of a composite function, which shows as one node
    hidden = False

    edges: Edges
    extra: Extra | None
    seq: int

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        """One contribution, or None, per edge, from arrays to arrays; nothing for edges that are None."""
        raise NotImplementedError

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        """As `pull`, from tensors to tensors."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of what was saved."""

    def adopt(self, array: Any, counter: Any) -> None:
        """Read the result, where it was saved, from the array that it was written to."""

    def more(self) -> Extra:
        """Room for hooks."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    # what users see

    @property
    def next_functions(self) -> tuple[tuple[BackwardNode | None, int], ...]:
        """The nodes that made the operands, each with the number of its output; ``(None, 0)`` for what needs no
        gradient.
        """
        found: list[tuple[BackwardNode | None, int]] = []
        for edge in self.shown_edges():
            if edge is None:
                found.append((None, 0))
            elif isinstance(edge, Port):
                found.append((edge.node, edge.number))
            elif edge.hidden:
                found.extend(pair for pair in edge.next_functions if pair not in found)
            else:
                found.append((edge, 0))
        return tuple(found)

    def shown_edges(self) -> Edges:
        """The edges of what PyTorch counts as operands: not indices, conditions and numbers."""
        if self.extra is not None and self.extra.shown is not None:
            return self.extra.shown
        return self.edges

    def name(self) -> str:
        """The name of the kind of node, such as ``MulBackward0``."""
        return type(self).__name__

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node; what it returns replaces ``grad_inputs``."""
        return add_hook(self.more(), "post_hooks", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_outputs)`` before the node; what it returns replaces ``grad_outputs``."""
        return add_hook(self.more(), "pre_hooks", lambda gradient: _single(hook((gradient,))))

    @property
    def metadata(self) -> dict[Any, Any]:
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"


def _single(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


class Port(BackwardNode):
    """One of several results of a node: hands its cotangent on under the result's number."""

    __slots__ = ("node", "number")

    def __init__(self, node: BackwardNode, number: int) -> None:
        self.edges, self.seq, self.extra = (node,), next(sequence), None
        self.node, self.number = node, number

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        return (Parts({self.number: cotangent}),)

    pull_recorded = pull


class Parts:
    """The cotangents of a node with several results, by number; what is missing is zero."""

    __slots__ = ("found",)

    def __init__(self, found: dict[int, Any]) -> None:
        self.found = found

    def __add__(self, other: Parts) -> Parts:
        return Parts({**self.found, **other.found})

    def as_list(self, count: int) -> list[Any]:
        return [self.found.get(number) for number in range(count)]


class Freed:
    """Stands where a saved value was until a backward pass freed it: as a tensor, as its version, as all of them."""

    __slots__ = ()

    @property
    def _counter(self) -> Any:
        raise RuntimeError(FREED_MESSAGE)

    count = _counter

    def __iter__(self) -> Any:
        raise RuntimeError(FREED_MESSAGE)


FREED: Any = Freed()


def modified(tensor: Any, version: int) -> RuntimeError:
    """The error for a saved value that was overwritten: what it is, and which version was expected."""
    from srcgrad.eager.tensors import dtypes
    from srcgrad.eager.tensors.modes import state

    array, made_by = tensor._array, tensor.grad_fn
    alias = dtypes.of(array.dtype).alias
    what = f"[{'CPUBoolType' if alias == 'Bool' else f'torch.{alias}Tensor'} {list(array.shape)}]"
    origin = "" if made_by is None else f", which is output {tensor.output_nr} of {operation(made_by)},"
    hint = (
        "the backtrace further above shows the operation that failed to compute its gradient. The variable in question "
        "was changed in there or anywhere later. Good luck!"
        if state.anomaly
        else "enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{what}{origin} is at version {tensor._version}; expected version {version} instead. Hint: {hint}"
    )


def operation(node: BackwardNode) -> str:
    """What a node is the backward of: ``Mul`` for ``MulBackward0``."""
    return re.sub(r"Backward\d*$", "", node.name())


_kinds: dict[tuple[type[BackwardNode], str, bool], type[BackwardNode]] = {}


def rename(node: BackwardNode, name: str, hidden: bool = False) -> None:
    """Let a node show under another name, or not at all."""
    old = type(node)
    key = (old, name, hidden)
    kind = _kinds.get(key)
    if kind is None:
        kind = _kinds[key] = type(name, (old,), {"__slots__": (), "hidden": hidden, "__module__": old.__module__})
    node.__class__ = kind


def hide(node: BackwardNode) -> BackwardNode:
    """The same node, as a part of the next one."""
    if not node.hidden and node.seq < LEAVES:
        rename(node, type(node).__name__, hidden=True)
    return node
