"""Arrays of which it is known only when the program runs which object they are.

After ``c = a if t else b`` the name c is bound to an object that exists already. A `Choice` stands for it: what is
written through it goes into the one that was chosen, and a read sees what was written into either under its own name.

After a loop with ``if t: best = cur`` the two names are one array or not, and no condition that is at hand says which.
Each is on a `Shared`: a write into one makes it an error to read the other.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.control.record import error
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import Array
from srcgrad.numpy.geometry import Ints
from srcgrad.staging.unbound import assumptions, truth_on_path

#: records ``then()`` if the predicate holds, else ``orelse()``
Branch = Callable[[Node, Callable[[], Any], Callable[[], Any]], None]
#: the first node if the predicate holds, else the second; both are made by calling
Select = Callable[[Node, Callable[[], Node], Callable[[], Node]], Node]


class Choice(Tracer):
    """What the handle on a chosen array is a view of."""

    __slots__ = ("_branch", "_seen", "_select", "_state", "is_exact", "no", "owners", "predicate", "roots", "yes")

    def __init__(
        self,
        predicate: Node,
        yes: Array,
        no: Array,
        joined: Node | None,
        how: tuple[Branch, Select],
        is_exact: bool = True,
    ) -> None:
        super().__init__(predicate)
        self.predicate, self.yes, self.no = predicate, yes, no
        #: whether it is one of the two, and not a view of the whole of one
        self.is_exact = is_exact
        self._branch, self._select = how
        #: the nodes of both, and what was chosen of them
        self._seen: tuple[Node, Node, Node] | None = None
        #: what a read depends on, and its result: choices of choices share their parts
        self._state: tuple[list[Any], Node] | None = None
        self.roots = _twice_at_most([*roots(yes), *roots(no)])
        self.owners = [*{id(owner): owner for root in self.roots for owner in _read_with(root)}.values()]
        if joined is not None:
            self.remember(joined)

    def remember(self, node: Node) -> None:
        """Note what is chosen of what both hold now."""
        self._seen = (self.yes.__sg_node__, self.no.__sg_node__, node)
        self._state = None

    @property
    def __sg_node__(self) -> Node:
        state = [assumptions(), *(owner._node for owner in self.owners)]
        if self._state is None or not all(map(operator.is_, self._state[0], state)):
            self._state = None
            self._state = state, self._read_now()
        return self._state[1]

    def _read_now(self) -> Node:
        known = truth_on_path(self.predicate)
        if known is not None:
            return (self.yes if known else self.no).__sg_node__
        if self._seen is None or self._seen[:2] != (self.yes.__sg_node__, self.no.__sg_node__):
            self.remember(self._select(self.predicate, lambda: as_node(self.yes), lambda: as_node(self.no)))
        assert self._seen is not None
        return self._seen[2]

    def assign(self, node: Node) -> None:
        """Write into the array that was chosen."""
        known = truth_on_path(self.predicate)
        if known is not None:
            (self.yes if known else self.no).assign(node)
            return
        if self.yes.dtype != self.no.dtype:
            types = f"{self.yes.__sg_type__} or {self.no.__sg_type__}"
            what = f"what is written into is {types}, as a condition says that is known only when the program runs"
            raise error(TraceError, f"{what}; give both one dtype")
        if self.yes.owner is self.no.owner and _is_writable(self.yes) and _is_writable(self.no):  # it is written once
            self.yes.owner.assign(
                self._select(self.predicate, lambda: _written(self.yes, node), lambda: _written(self.no, node))
            )
        else:
            self._branch(self.predicate, lambda: self.yes.assign(node), lambda: self.no.assign(node))
        self.remember(node)

    @property
    def strides(self) -> Ints:
        """Those of both; where they differ the first one's, which `reshape` may not ask for."""
        return self.yes.element_strides


class Shared(Tracer):
    """The owner of an array that may be the same as others of its group, or as some that were there before."""

    __slots__ = ("group", "name", "watched", "where")

    def __init__(self, node: Node, name: str, group: list[Shared], others: Sequence[Tracer] = ()) -> None:
        super().__init__(node)
        self.name, self.group, self.where = name, group, user_location()
        #: the others, and what they held when this was known
        self.watched = [(other, other._node) for other in others]
        group.append(self)

    @property
    def __sg_node__(self) -> Node:
        if self.is_outdated:
            what = "may be the same array as one that was written in place under another name"
            place = "" if self.where is None else f"{self.where}: "
            raise TraceError(f"{place}{self.name} {what}; {_UNKNOWN}: bind it to a copy where the loop binds it")
        return super().__sg_node__

    @property
    def is_outdated(self) -> bool:
        """Whether one of the others was written since."""
        return any(
            (other._node is not node and not other.is_stale) or (isinstance(other, Shared) and other.is_outdated)
            for other, node in self.watched
        )

    @property
    def older(self) -> list[Tracer]:
        """The arrays from before that it may be, those that these may be included."""
        found = {id(other): other for other, _ in self.watched}
        for other in [*found.values()]:
            if isinstance(other, Shared):
                found |= {id(one): one for one in other.older}
        return [*found.values()]

    def assign(self, node: Node) -> None:
        """Write into the array; what the others hold is not known then."""
        self.__sg_node__  # noqa: B018  an error where it is not known what it holds
        super().assign(node)
        names = [(other, other.name) for other in self.group if other is not self]
        for other, name in [*names, *((other, "another array") for other in self.older)]:
            other.spoil(
                f"{user_location()}: {self.name} is written in place, and {name}, which is read later, may be the same "
                f"array; {_UNKNOWN}: bind one of them to a copy"
            )


_UNKNOWN = "whether it is depends on what is known only when the program runs"


def over(base: Choice | Shared, strides: Ints | None = None) -> Array:
    """The handle on an array that is one of several, or shares its data with others."""
    made = object.__new__(Array)
    made._node, made._base, made._read, made._write = None, base, _itself, _replaced
    made._window, made._strides, made._is_zero_d, made._last_read = None, strides, True, None
    return made


def chosen(choice: Choice) -> Array:
    """The handle on a chosen array."""
    return over(choice, choice.strides)


def choice_of(handle: Any) -> Choice | None:
    """The choice that a handle stands for as a whole."""
    is_whole = isinstance(handle._base, Choice) and handle._read is _itself
    return handle._base if is_whole else None


def _itself(base: Node) -> Node:
    return base


def _replaced(base: Node, value: Node) -> Node:
    return value


def rebased(view: Any, base: Any) -> Any:
    """The same view of another array of the same type."""
    made = object.__new__(type(view))
    made._node, made._base, made._read, made._write = None, base, view._read, view._write
    made._window, made._strides, made._is_zero_d, made._last_read = view._window, view._strides, view._is_zero_d, None
    return made


def identity(owner: Tracer) -> int:
    """What stands for an owner where only those count that are certain to be distinct."""
    return id(owner.group) if isinstance(owner, Shared) else id(owner)


def roots(handle: Any) -> list[Tracer]:
    """The arrays that own the data that a handle may be on."""
    owner = handle
    while owner._base is not None:
        owner = owner._base
    return [*owner.roots] if isinstance(owner, Choice) else [owner]


def _written(view: Tracer, node: Node) -> Node:
    """What the owner of a view that can be written holds when the node is written through the view."""
    while view._base is not None and view._write is not None:
        node = view._write(view._base.__sg_node__, node)
        view = view._base
    return node


def _is_writable(view: Tracer) -> bool:
    while view._base is not None:
        if view._write is None:
            return False
        view = view._base
    return True


def _twice_at_most(owners: Sequence[Tracer]) -> list[Tracer]:
    """The owners, each as often as it matters: once or more than once."""
    counts = Counter[int]()
    kept = []
    for owner in owners:
        counts[id(owner)] += 1
        if counts[id(owner)] <= 2:
            kept.append(owner)
    return kept


def _read_with(owner: Tracer) -> list[Tracer]:
    """An owner, and what else is looked at when it is read."""
    return [owner, *owner.older] if isinstance(owner, Shared) else [owner]


def possible(handle: Any) -> list[Tracer]:
    """The arrays that a handle may be on, as far as is known."""
    return [owner for root in roots(handle) for owner in _read_with(root)]
