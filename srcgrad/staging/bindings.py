"""Which object a carried name is bound to when an iteration begins, and what follows from that.

A loop carries the contents of what a name is bound to. That is all there is to it where every iteration binds the name
to an array of its own. Else the name may be an object that was there before the loop (then an index is carried that
says which, and writes go into that one), or the object of another carried name (then they are one in every iteration,
or neither is written, or it is an error).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.control.record import error
from srcgrad.core.errors import TraceError
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node
from srcgrad.graph.structure import constant, new_input
from srcgrad.graph.trace import Tracer, Watch
from srcgrad.numpy import Array
from srcgrad.numpy.geometry import Window
from srcgrad.staging.choices import Branch, Choice, Select, Shared, chosen, identity, over, possible, roots
from srcgrad.staging.places import is_number, shown
from srcgrad.staging.slots import Slot

_INDEX = ArrayType((), np.dtype(np.int64))


class Aliased(TraceError):
    """Names of which it is not known whether they are one array, and one of them is written."""


@dataclass(eq=False)
class Name:
    """A carried array: the leaf of a slot, the object before the loop (None: zeros), a handle on its contents."""

    slot: Slot
    n: int
    entry: Any
    #: whether nothing but this name refers to the object before the loop
    is_private: bool
    own: Any
    #: what the name is bound to when an iteration begins, and when it ends
    fresh: Any = None
    leaving: Any = None
    origin: Origin | None = None
    #: whether an index is carried, and whether reads and writes go where it says
    is_tracked: bool = False
    is_choosing: bool = False
    #: whether the loop asks which object it is
    is_asked: bool = False
    index: Node | None = None
    #: the name that is bound to the same object in every iteration
    same_as: Name | None = None
    _node: Node | None = None

    @property
    def text(self) -> str:
        return shown(self.slot.place.name)

    @property
    def is_written(self) -> bool:
        """Whether an iteration writes in place into what the name is bound to at its beginning."""
        return self.own._node is not self._node

    def enter(self, own: Any) -> None:
        """Take the handle for the contents in the next run."""
        self.own = self.fresh = own
        self._node, self.index = own._node, None


@dataclass(frozen=True, eq=False)
class Origin:
    """Where an object comes from: made in the iteration, there before the loop, bound to a name at the beginning, a
    part of one of these, or one of two.
    """

    kind: str
    what: Any = None
    parts: tuple[Origin, ...] = ()
    #: whether it is that object, and not a view of the whole of it
    is_same: bool = True

    def leaves(self) -> Sequence[Origin]:
        return self._leaves

    @functools.cached_property
    def _leaves(self) -> Sequence[Origin]:
        """Each once: choices of choices share their parts."""
        return [*dict.fromkeys(leaf for part in self.parts for leaf in part.leaves())] if self.parts else [self]

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether it says which object it is, and not only whose elements it shows."""
        return self.is_same and all(part.is_exact for part in self.parts)

    @functools.cached_property
    def is_new(self) -> bool:
        """Whether the iteration made it."""
        return all(leaf.kind == "new" for leaf in self.leaves())

    @functools.cached_property
    def is_simple(self) -> bool:
        """Whether an index can say which object it is."""
        return self.is_new or (self.kind != "part" and all(part.is_simple for part in self.parts))


class Bindings:
    """The carried names of one loop; ``runs`` says that it has one iteration at least."""

    def __init__(self, how: tuple[Branch, Select], peeled: bool, runs: bool) -> None:
        self._how, self._peeled, self._runs = how, peeled, runs
        self._names: dict[tuple[int, int], Name] = {}
        #: objects from before the loop that names may be bound to, as indices count them from 1
        self._older: list[Any] = []
        #: whether all names are bound to these objects, and not to views of the whole of them
        self._is_exact = True
        self._cyclic: set[Name] = set()
        self._owners: dict[int, Tracer] = {}
        #: owners that must not be read under another name while the body is recorded
        self.hidden: dict[int, Tracer] = {}
        self.active: list[Name] = []
        #: where a handle comes from, in the run that was traced last
        self.origin: Callable[[Any], Origin]

    def enter(self, every: Sequence[Name]) -> list[Node]:
        """Bind the names of the next run; the inputs for their indices."""
        self.active = []
        for found in every:
            name = self._names.setdefault((id(found.slot), found.n), found)
            name.enter(found.own)
            self.active.append(name)
        for name in self.active:
            name.index = new_input(_INDEX, "which") if name.is_tracked else None
            if name.is_choosing:
                assert name.index is not None
                name.fresh = self._choice(name.index, name.own)
        for name in self.active:
            name.fresh = name.fresh if name.same_as is None else name.same_as.fresh
        return [name.index for name in self.active if name.index is not None]

    def _choice(self, index: Node, own: Any) -> Any:
        """The array of which the index says whether it is one of the older ones, or the private one."""
        made = own
        for number, older in enumerate(self._older, 1):
            if older.__sg_type__ == own.__sg_type__:
                predicate = apply("equal", index, constant(np.int64(number)))
                made = chosen(Choice(predicate, older, made, own.__sg_node__, self._how, self._is_exact))
        return made

    # what an iteration did

    def trace(self, watch: Watch, asked: Mapping[int, Any]) -> None:
        """See where the objects come from that the names are bound to at the end of the iteration; ``asked`` are those
        of which it asked whether they are some other one.
        """
        starts = {id(name.own): name for name in reversed(self.active)}
        starts |= {id(name.fresh): name for name in reversed(self.active)}
        known: dict[int, tuple[Any, Origin]] = {}
        self.origin = lambda handle: _origin(handle, starts, watch, known)
        for name in self.active:
            name.origin = self.origin(name.leaving)
            name.is_asked = name.is_asked or id(name.own) in asked
        self._cyclic = {name for cycle in self.cycles() for name in cycle}

    def settled(self, written: Iterable[Tracer]) -> bool:
        """Whether the recorded iteration is right as it is; if not the body has to run again."""
        touched = {identity(owner) for owner in written}
        older = self._possible_older()
        calm = [self._sees_older(name, older[name], touched) for name in self.active]
        calm += [self._sees_others(one, other) for one, other in self._possible_pairs()]
        if self._is_exact and not all(name.origin is None or name.origin.is_exact for name in self.active):
            self._is_exact = False
            calm.append(not any(name.is_asked for name in self.active))
        hidden = {id(root): root for name in self._cyclic for root in roots(name.entry)}
        if not hidden.keys() <= self.hidden.keys():
            self.hidden |= hidden
            return False
        return all(calm)

    def owners(self) -> list[int]:
        """The new owners that the carried names are on."""
        return [owner for name in self.active for owner in self.new_owners(name.leaving)]

    def new_owners(self, handle: Any) -> list[int]:
        """The owners that the iteration made that a handle is on."""
        return list(dict.fromkeys(leaf.what for leaf in self.origin(handle).leaves() if leaf.kind == "new"))

    def is_plain(self, handle: Any, owners: Counter[int]) -> bool:
        """Whether a handle is an array from before the loop, or a new one that no other handle is on."""
        origin = self.origin(handle)
        if origin.kind == "older":
            return True
        shares = any(owners[leaf.what] > 1 for leaf in origin.leaves() if leaf.kind == "new")
        return origin.is_new and (not shares or any(name.leaving is handle for name in self.active))

    def cycles(self) -> list[list[Name]]:
        """Arrays that only change places (``a, b = b, a``): each, then what moves there, and on."""
        found: list[list[Name]] = []
        seen: set[Name] = set()
        for start in self.active:
            cycle = [start]
            while (step := _moved(cycle[-1])) is not None and step not in cycle:
                cycle.append(step)
            if _moved(cycle[-1]) is start and len(cycle) > 1 and not seen & {*cycle}:
                owners = [identity(root) for name in cycle for root in roots(name.entry)]
                if len(set(owners)) == len(owners) == len(cycle):
                    found.append(cycle)
                seen |= {*cycle}
        return found

    def _possible_older(self) -> dict[Name, set[int]]:
        """The owners from before the loop that a name may be on when an iteration begins."""
        found = {name: _identities(name.entry) for name in self.active}
        handles = [leaf.what for name in self.active for leaf in _leaves(name.origin) if leaf.kind == "older"]
        for handle in [*handles, *(name.entry for name in self.active if isinstance(name.entry, Tracer))]:
            self._owners.update((identity(owner), owner) for owner in possible(handle))
        size = -1
        while size != (size := sum(map(len, found.values()))):
            for name in self.active:
                assert name.origin is not None
                for leaf in name.origin.leaves():
                    if leaf.kind == "older":
                        found[name] |= _identities(leaf.what)
                    elif leaf.kind == "start":
                        found[name] |= found[leaf.what]
        return found

    def _sees_older(self, name: Name, older: set[int], touched: set[int]) -> bool:
        """Take care that a name that may be an older object is that one."""
        origin = name.origin
        assert origin is not None
        if name.same_as is not None or name in self._cyclic or not older:
            return True
        alone = name.is_private and older <= _identities(name.entry)
        is_used = bool(older & touched) or ((name.is_written or name.is_asked) and not alone)
        stays = not (origin.is_new and self._runs) and not alone
        if not (is_used or stays or name.is_tracked):
            return True
        if is_used and not name.is_choosing and not self._peeled and origin.is_new:
            raise self._refusal(name, "an array from before the loop")
        if not origin.is_simple or not self._is_indexed(origin):
            if not is_used and not name.is_tracked:
                return True
            raise self._refusal(name, "a part of another array")
        changed = (is_used and not name.is_choosing) or not name.is_tracked
        name.is_tracked, name.is_choosing = True, name.is_choosing or is_used
        for leaf in (Origin("older", name.entry) if name.entry is not None else Origin("new"), *origin.leaves()):
            if leaf.kind == "older" and self._number(leaf.what) is None:
                self._older.append(leaf.what)
                changed = True
            if leaf.kind == "start" and not leaf.what.is_tracked:
                leaf.what.is_tracked = changed = True
        return not changed

    def _is_indexed(self, origin: Origin) -> bool:
        return all(leaf.kind != "start" or leaf.what not in self._cyclic for leaf in origin.leaves())

    def _number(self, handle: Any) -> int | None:
        """The number of an older object; a part of one is known by its window."""
        for number, other in enumerate(self._older, 1):
            if other is handle:
                return number
            window = getattr(handle, "_window", None)
            if window is not None and other._base is handle._base and getattr(other, "_window", None) == window:
                return number
        return None

    def _possible_pairs(self) -> list[tuple[Name, Name]]:
        """Names that may be on one private object when an iteration begins."""
        pairs = {
            (one, other)
            for one in self.active
            for other in self.active
            if one is not other
            and not (one.is_tracked and other.is_tracked)
            and _identities(one.entry) & _identities(other.entry)
        }
        size = -1
        while size != (size := len(pairs)):
            for one in self.active:
                for other in self.active:
                    if one is not other and self._may_be_one(one.origin, other.origin, pairs):
                        pairs.add((one, other))
        return [(one, other) for one, other in pairs if self.active.index(one) < self.active.index(other)]

    def _may_be_one(self, a: Any, b: Any, pairs: set[tuple[Name, Name]]) -> bool:
        if a.kind == b.kind == "choice" and a.what is b.what:
            return any(self._may_be_one(x, y, pairs) for x, y in zip(a.parts, b.parts, strict=True))
        for x in a.leaves():
            for y in b.leaves():
                if x.kind == y.kind == "new" and x.what is not None and x.what == y.what:
                    return True
                if x.kind == y.kind == "start" and (x.what is y.what or (x.what, y.what) in pairs):
                    return True
        return False

    def _sees_others(self, one: Name, other: Name) -> bool:
        """Take care that two names that may be one object are, or that neither is written."""
        if other.same_as is one or not any(name.is_written or name.is_asked for name in (one, other)):
            return True
        if one.entry is other.entry and one.leaving is other.leaving and other.same_as is None:
            other.same_as = one
            return False
        raise self._refusal(one, other.text)

    def _refusal(self, name: Name, other: str) -> Aliased:
        text, use = name.text, "compared by `is`" if name.is_asked else "written in place"
        return error(
            Aliased,
            f"in this loop {text} may be the same array as {other} when an iteration begins, and one of them is "
            f"{use}; whether it is depends on what is known only when the program runs: bind {text} to a copy",
        )

    # the state

    def indices(self) -> list[Node]:
        """The indices at the end of the iteration."""
        known: dict[Origin, Node] = {}
        return [self._index(name.origin, known) for name in self.active if name.is_tracked]

    def _index(self, origin: Any, known: dict[Origin, Node]) -> Node:
        if origin not in known:
            known[origin] = self._new_index(origin, known)
        return known[origin]

    def _new_index(self, origin: Any, known: dict[Origin, Node]) -> Node:
        if origin.kind == "choice":
            yes, no = (self._index(part, known) for part in origin.parts)
            return yes if yes is no else apply("where", origin.what, yes, no)
        if origin.kind == "start":
            assert origin.what.index is not None
            return origin.what.index  # type: ignore[no-any-return]
        return constant(np.int64((self._number(origin.what) or 0) if origin.kind == "older" else 0))

    def initial_indices(self) -> list[Node]:
        """The indices before the loop."""
        return [
            constant(np.int64(0 if name.entry is None else self._number(name.entry) or 0))
            for name in self.active
            if name.is_tracked
        ]

    def after(self, results: dict[Name, Node], nodes: list[Node], iterations: int | Node) -> dict[Name, Any]:
        """What the names are bound to after the loop; takes the indices from the front of the nodes."""
        index = {name: nodes.pop(0) for name in self.active if name.is_tracked}
        groups = self._groups()
        older = self._possible_older()
        made: dict[Name, Any] = {}
        for cycle in self.cycles():
            made |= self._swapped(cycle, results, iterations)
        for name in self.active:
            if name in made:
                continue
            first = next((other for other in made if self._is_one(other, name)), None)
            if first is not None:
                made[name] = made[first]
                continue
            others = [self._owners[known] for known in older[name]] if self._is_lost(name, older[name]) else []
            if others or name in groups:
                own = over(Shared(results[name], name.text, groups.get(name, []), others))
            else:
                own = Array.new(results[name])
            made[name] = self._choice(index[name], own) if name in index else own
        return made

    def _swapped(self, cycle: list[Name], results: dict[Name, Node], iterations: int | Node) -> dict[Name, Any]:
        """Arrays that changed places are the same arrays: where each is depends on how often they did."""
        size = len(cycle)
        nodes = [results[name] for name in cycle]
        originals = [name.entry for name in cycle]
        if isinstance(iterations, int):
            for place, original in enumerate(originals):
                original.assign(nodes[(place - iterations) % size])
            return {name: originals[(place + iterations) % size] for place, name in enumerate(cycle)}
        number = apply("remainder", iterations, size)
        passed = [apply("equal", number, constant(np.int64(count))) for count in range(size)]
        for place, original in enumerate(originals):
            node = nodes[place]
            for count in range(1, size):
                node = apply("where", passed[count], nodes[(place - count) % size], node)
            original.assign(node)
        made: dict[Name, Any] = {}
        for place, name in enumerate(cycle):
            handle = originals[place]
            for count in range(1, size):
                other = originals[(place + count) % size]
                handle = chosen(Choice(passed[count], other, handle, None, self._how))
            handle._base.remember(nodes[place])
            made[name] = handle
        return made

    def _is_lost(self, name: Name, older: set[int]) -> bool:
        """Whether a name may be an array from before the loop, and no index says so."""
        assert name.origin is not None
        stays = not (name.origin.is_new and self._runs)
        is_alone = name.is_private and older <= _identities(name.entry)
        return stays and not (name.is_tracked or is_alone or name in self._cyclic)

    def _is_one(self, a: Name, b: Name) -> bool:
        if b.same_as is a:
            return True
        return a.leaving is b.leaving and (self._runs or a.entry is b.entry)

    def _groups(self) -> dict[Name, list[Shared]]:
        """For names that may be on one private object: what they are to share."""
        found: dict[Name, list[Shared]] = {}
        for one, other in self._possible_pairs():
            if not self._is_one(one, other):
                group = found.get(one) or found.get(other) or []
                for name in (one, other):
                    found[name] = group
        return found


def _origin(handle: Any, starts: dict[int, Name], watch: Watch, known: dict[int, tuple[Any, Origin]]) -> Origin:
    if id(handle) not in known:
        known[id(handle)] = handle, _new_origin(handle, starts, watch, known)
    return known[id(handle)][1]


def _new_origin(handle: Any, starts: dict[int, Name], watch: Watch, known: dict[int, tuple[Any, Origin]]) -> Origin:
    if not isinstance(handle, Tracer):
        return Origin("new")
    if id(handle) in starts:
        return Origin("start", starts[id(handle)])
    base = handle._base
    if isinstance(base, Choice) and not watch.is_older(base):
        sides = tuple(_origin(side, starts, watch, known) for side in (base.yes, base.no))
        return Origin("choice", base.predicate, sides)
    if base is None or isinstance(base, Choice | Shared):
        owner = handle if base is None else base
        if watch.is_older(owner):
            return Origin("older", handle)
        made = Origin("new", identity(owner))
        if not isinstance(owner, Shared) or not owner.watched:
            return made
        return Origin("part", None, (made, *(_origin(other, starts, watch, known) for other, _ in owner.watched)))
    window = getattr(handle, "_window", None)
    if window is not None and window == Window.whole(base.shape):  # `x[:]` is x by another handle
        return replace(_origin(base, starts, watch, known), is_same=False)
    if window is not None and watch.is_older(base):
        return Origin("older", handle)
    return Origin("part", None, (_origin(base, starts, watch, known),))


def _moved(name: Name) -> Name | None:
    """The name that was bound to this array when the iteration began."""
    origin = name.origin
    can_move = origin is not None and origin.kind == "start" and not name.is_tracked
    return origin.what if origin is not None and can_move and isinstance(name.entry, Tracer) else None


def _leaves(origin: Origin | None) -> Iterable[Origin]:
    return () if origin is None else origin.leaves()


def _identities(handle: Any) -> set[int]:
    return {identity(owner) for owner in possible(handle)} if isinstance(handle, Tracer) else set()


def is_object(leaf: Any) -> bool:
    """Whether a leaf is an array that has an identity."""
    return isinstance(leaf, Array) and not is_number(leaf)
