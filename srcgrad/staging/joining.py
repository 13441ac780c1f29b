"""What two branches leave behind, as one.

Objects that were there before keep their identity: their contents are joined. A name is bound to what its branch bound
it to. Where that is the same object on both sides it stays that object. Where both sides made a new one, that nothing
else refers to, the two become one new array. In any other case the name is bound to a `Choice` of the two objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from srcgrad.control.record import converted, error
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, promote
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import constant
from srcgrad.graph.trace import Stale, Tracer, Watch
from srcgrad.numpy import Array
from srcgrad.numpy.static import is_static
from srcgrad.staging.choices import Branch, Choice, Select, Shared, chosen, identity, rebased, roots
from srcgrad.staging.containers import Containers, note_choice
from srcgrad.staging.places import UNBOUND, Entry, describe, handle_like, is_array, is_number, leaf_type, same, shown
from srcgrad.staging.unbound import Maybe, flagged


@dataclass(frozen=True)
class Side:
    """What one branch leaves behind: values of places, new contents of older arrays, changed entries of containers."""

    values: list[Any]
    written: Mapping[int, tuple[Tracer, Node | Stale | None]]
    entries: dict[tuple[int, Any], tuple[Entry, Any]]
    watch: Watch
    containers: Containers

    def spoils(self, handle: Tracer) -> bool:
        """Whether the contents of an older array are unknown after the branch."""
        return isinstance(self.written[id(handle)][1] if id(handle) in self.written else handle._node, Stale)

    def message(self, handle: Tracer) -> str:
        """Why they are."""
        found = self.written[id(handle)][1]
        assert isinstance(found, Stale)
        return found.message

    def node(self, leaf: Any) -> Node:
        """The contents of a leaf at the end of the branch."""
        with self._contents():
            return as_node(leaf)

    @contextmanager
    def _contents(self) -> Iterator[None]:
        before = [(handle, handle._node) for handle, _ in self.written.values()]
        try:
            for handle, node in self.written.values():
                handle._node = node
            yield
        finally:
            for handle, old in before:
                handle._node = old


@dataclass(eq=False)
class _Pair:
    """Two arrays that a name may be bound to, and the place of their contents among the joint nodes."""

    sides: tuple[Any, Any]
    position: int
    like: Any
    build: Callable[[], Any] = field(default=lambda: None)
    made: Any = None

    def result(self) -> Any:
        if self.made is None:
            self.made = self.build()
        return self.made


class Join:
    """Collects pairs of nodes, one from each branch; results are built from what becomes of them."""

    def __init__(self, predicate: Node, sides: tuple[Side, Side], how: tuple[Branch, Select]) -> None:
        self.predicate, self.sides, self._how = predicate, sides, how
        self.pairs: list[tuple[Node, Node]] = []
        #: what became of the pairs
        self.nodes: Sequence[Node] = ()
        self._arrays: dict[tuple[int, int], _Pair] = {}
        self._exported: dict[tuple[int, int], Callable[[], Any]] = {}
        #: arrays of before that only the names hold that are bound anew: nobody can tell whether they are kept
        self.private: dict[int, Tracer] = {}
        self._groups: dict[tuple[int, int], list[Shared]] = {}

    def node(self, a: Node, b: Node) -> int:
        """The place of a new pair."""
        dtype, weak = promote((a.array_type, b.array_type))
        type_ = ArrayType(a.shape, dtype, weak)
        self.pairs.append((converted(a, type_), converted(b, type_)))
        return len(self.pairs) - 1

    def value(self, name: str, a: Any, b: Any) -> Callable[[], Any]:
        """How to build, once the joint nodes are there, the value after the branch."""
        if same(a, b):
            return lambda: a
        if any(value is UNBOUND or isinstance(value, Maybe) for value in (a, b)):
            return self._uncertain(name, a, b)
        (a_leaves, structure), (b_leaves, other) = tree.flatten(a), tree.flatten(b)
        if structure != other:
            raise _disagreement(name, a, b)
        leaves = [self._leaf(name, x, y) for x, y in zip(a_leaves, b_leaves, strict=True)]
        is_older = any(one in side.containers for one, side in zip((a, b), self.sides, strict=True))

        def build() -> Any:
            made = tree.unflatten(structure, [leaf() for leaf in leaves])
            if is_older:
                note_choice(shown(name), made, a, b)
            return made

        return _once(build)

    def _uncertain(self, name: str, a: Any, b: Any) -> Callable[[], Any]:
        """A variable that has no value on one path; one of ours is zero there, as nobody reads it."""
        (a, a_flag), (b, b_flag) = flagged(a, UNBOUND), flagged(b, UNBOUND)
        if a is UNBOUND:
            a = zeros_like(b)
        if b is UNBOUND:
            b = zeros_like(a)
        build = self.value(name, a, b)
        if name.startswith("$"):
            return build
        if is_static(a_flag) and is_static(b_flag):  # not inside of a region, so that `holds` can look at it
            flag = apply("where", self.predicate, a_flag, b_flag)
            return lambda: Maybe.of(build(), flag)
        position = self.node(a_flag, b_flag)
        return lambda: Maybe.of(build(), self.nodes[position])

    def _leaf(self, name: str, a: Any, b: Any) -> Callable[[], Any]:
        if same(a, b):
            return lambda: a
        if not (is_array(a) and is_array(b)) or leaf_type(a).shape != leaf_type(b).shape:
            raise _disagreement(name, a, b)
        known = self._arrays.get((id(a), id(b)))
        if known is not None:
            return known.result
        position = self.node(self.sides[0].node(a), self.sides[1].node(b))
        like = b if is_array(a) and not isinstance(a, Tracer) else a
        pair = self._arrays[id(a), id(b)] = _Pair((a, b), position, like)
        return pair.result

    def plan(self) -> None:
        """Decide, when all results are known, which objects they are; that may take further pairs of nodes."""
        uses: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for pair in self._arrays.values():
            for counts, handle in zip(uses, pair.sides, strict=True):
                for root in roots(handle) if isinstance(handle, Tracer) else ():
                    counts[identity(root)] = counts.get(identity(root), 0) + 1
        for pair in [*self._arrays.values()]:
            if all(self._is_own(side, pair.sides[side], uses[side]) for side in (0, 1)):
                pair.build = lambda pair=pair: handle_like(pair.like, self.nodes[pair.position])  # type: ignore[misc]
                continue
            yes, no = (self._outside(side, pair.sides[side], pair.position) for side in (0, 1))
            pair.build = lambda pair=pair, yes=yes, no=no: self._choice(  # type: ignore[misc]
                self.predicate, yes(), no(), self.nodes[pair.position]
            )

    def _choice(self, predicate: Node, yes: Any, no: Any, joined: Node | None) -> Array:
        return chosen(Choice(predicate, yes, no, joined, self._how))

    def _is_own(self, side: int, handle: Any, uses: dict[int, int]) -> bool:
        """Whether a branch made it, and leaves it under this name alone (a number has no identity)."""
        if not isinstance(handle, Tracer) or is_number(handle):
            return True
        owner, *others = roots(handle)
        if others or uses[identity(owner)] > 1 or (isinstance(owner, Shared) and owner.watched):
            return False
        return id(handle) in self.private or not self.sides[side].watch.is_older(owner)

    def _outside(self, side: int, handle: Any, position: int | None) -> Callable[[], Any]:
        """An object that a branch knows, for the code after it; its contents may be those of a pair."""
        if isinstance(handle, Tracer) and self.sides[side].watch.is_older(handle):
            return lambda: handle
        key = (side, id(handle))
        if key not in self._exported:
            self._exported[key] = self._moved(side, handle, position)
        return self._exported[key]

    def _moved(self, side: int, handle: Any, position: int | None) -> Callable[[], Any]:
        base = handle._base if isinstance(handle, Tracer) else None
        if isinstance(base, Choice):
            inner = self._where(side, base.predicate, constant(False))
            yes, no = (self._outside(side, one, None) for one in (base.yes, base.no))
            return _once(lambda: self._choice(self.nodes[inner], yes(), no(), None))
        if base is not None:
            moved = self._outside(side, base, None)
            return _once(lambda: rebased(handle, moved()))
        if position is None:
            node = self.sides[side].node(handle)
            position = self._where(side, node, zeros(node.array_type))
        if isinstance(handle, Shared):
            group = self._groups.setdefault((side, id(handle.group)), [])
            others = [self._outside(side, other, None) for other, _ in handle.watched]
            return _once(lambda: Shared(self.nodes[position], handle.name, group, [other() for other in others]))
        return _once(lambda: Array.new(self.nodes[position]))

    def _where(self, side: int, node: Node, otherwise: Node) -> int:
        return self.node(*((node, otherwise) if side == 0 else (otherwise, node)))


def _once(make: Callable[[], Any]) -> Callable[[], Any]:
    made: list[Any] = []

    def get() -> Any:
        if not made:
            made.append(make())
        return made[0]

    return get


def _disagreement(name: str, a: Any, b: Any) -> TraceError:
    return error(
        TraceError,
        f"{shown(name)} is {describe(a)} if the condition holds and {describe(b)} if not; the condition is known "
        "only when the program runs, so both have to be of one shape and structure",
    )


def zeros_like(value: Any) -> Any:
    """The value with zeros in place of its arrays."""
    leaves, structure = tree.flatten(value)
    return tree.unflatten(
        structure, [handle_like(leaf, zeros(leaf_type(leaf))) if is_array(leaf) else leaf for leaf in leaves]
    )


def zeros(type_: ArrayType) -> Node:
    """A constant of zeros."""
    zero = constant(type_.dtype.type(0))
    zero = converted(zero, ArrayType((), type_.dtype, type_.weak))
    return apply("broadcast_to", zero, shape=type_.shape) if type_.shape else zero
