"""Recording the body of a loop: which state it carries is found by running it.

The state is what one iteration leaves for the next: variables, items of containers, and arrays that are written in
place. A first run of the body on traced numbers shows what it changes; whatever it does becomes carried, and the body
runs again, until nothing new shows. After each run everything is put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CellType
from typing import Any

from srcgrad.control.record import Body, carried_type, closed, converted
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.location import user_location
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import new_input
from srcgrad.graph.trace import Tracer, Watch
from srcgrad.numpy import Array
from srcgrad.numpy.static import is_static
from srcgrad.staging.attempts import attempt
from srcgrad.staging.growing import Growing
from srcgrad.staging.joining import zeros, zeros_like
from srcgrad.staging.places import (
    UNBOUND,
    Containers,
    Entry,
    Place,
    Variable,
    describe,
    handle_like,
    hidden_variables,
    is_array,
    is_number,
    leaf_type,
    places,
    same,
    shown,
)
from srcgrad.staging.unbound import Maybe, flagged


class Changing(TraceError):
    """A carried value changes its shape, dtype or structure."""


class Aliased(TraceError):
    """What the first iteration writes is not what later ones write."""


@dataclass(eq=False)
class Slot:
    """A place whose value is carried: its leaves on entry, and their types (None: no array, stays as it is)."""

    place: Place
    structure: tree.Structure
    leaves: list[Any]
    types: list[ArrayType | None]
    fresh: list[Any] = field(default_factory=list)
    leaving: list[Any] = field(default_factory=list)
    #: whether the last leaf is a flag: the variable is bound
    flagged: bool = False

    @staticmethod
    def of(place: Place, entry: Any, leaving: Any) -> Slot:
        slot = Slot(place, tree.LEAF, [], [])
        slot.flagged = _is_uncertain(entry) or _is_uncertain(leaving)
        if place.name.startswith("$"):
            entry, slot.flagged = zeros_like(leaving) if entry is UNBOUND else entry, False
        slot.leaves, slot.structure = slot.flatten(entry, leaving)
        slot.types = [leaf_type(leaf) if is_array(leaf) else None for leaf in slot.leaves]
        return slot

    def flatten(self, value: Any, like: Any) -> tuple[list[Any], tree.Structure]:
        """Its leaves, with the flag; where it is unbound there are zeros in place of what ``like`` holds."""
        if not self.flagged:
            return tree.flatten(value)
        value, flag = flagged(value, UNBOUND)
        return tree.flatten((zeros_like(flagged(like, UNBOUND)[0]) if value is UNBOUND else value, Array(flag)))

    def built(self, leaves: Sequence[Any]) -> Any:
        """The value of the variable that has these leaves."""
        value = tree.unflatten(self.structure, [*leaves])
        return Maybe.of(value[0], value[1].__sg_node__) if self.flagged else value

    def enter(self) -> list[Node]:
        """Put fresh handles into the place; their nodes."""
        self.fresh, nodes = [], []
        for leaf, type_ in zip(self.leaves, self.types, strict=True):
            if type_ is None:
                self.fresh.append(leaf)
                continue
            node = new_input(type_, self.place.name.lstrip("$"))
            nodes.append(node)
            self.fresh.append(handle_like(leaf, node))
        self.place.set(self.built(self.fresh))
        return nodes

    def refit(self, leaving: Any) -> bool:
        """Take the types that carry what leaves an iteration as well; whether they changed."""
        if not self.flagged and _is_uncertain(leaving):
            fresh = Slot.of(self.place, self.built(self.leaves), leaving)
            self.flagged, self.structure, self.leaves, self.types = True, fresh.structure, fresh.leaves, fresh.types
            return True
        self.leaving, structure = self.flatten(leaving, self.built(self.leaves))
        if structure != self.structure:
            raise self.changing(leaving)
        types: list[ArrayType | None] = []
        for type_, before, after in zip(self.types, self.leaves, self.leaving, strict=True):
            found = None
            if type_ is None:
                if not same(before, after):
                    raise self.changing(leaving)
            elif not is_array(after) or (found := carried_type(type_, leaf_type(after))) is None:
                raise self.changing(leaving)
            types.append(found)
        changed, self.types = types != self.types, types
        return changed

    def changing(self, leaving: Any) -> Changing:
        before = describe(flagged(self.built(self.leaves), UNBOUND)[0])
        leaving = flagged(leaving, UNBOUND)[0]
        where = user_location()
        return Changing(
            f"{f'{where}: ' if where else ''}{shown(self.place.name)} changes in the loop: it comes into an iteration "
            f"as {before} and leaves it as {describe(leaving)}; what is carried keeps its shape and dtype"
        )

    def outputs(self) -> list[Node]:
        pairs = zip(self.leaving, self.types, strict=True)
        return [converted(as_node(leaf), type_) for leaf, type_ in pairs if type_ is not None]

    def initial(self) -> list[Node]:
        pairs = zip(self.leaves, self.types, strict=True)
        return [converted(as_node(leaf), type_) for leaf, type_ in pairs if type_ is not None]

    def results(self, nodes: list[Node]) -> list[Any]:
        """The leaves after the loop; takes their nodes from the front of the list."""
        return [
            before if type_ is None else handle_like(after, nodes.pop(0))
            for before, after, type_ in zip(self.leaves, self.leaving, self.types, strict=True)
        ]


class Recorder:
    """Runs a body until its state is known; then its ``inputs`` and ``outputs`` are the body over that state.

    Where the body may not run, or not every time, a variable that is read only after the loop is carried as well;
    ``runs`` says that it runs once at least.
    """

    def __init__(
        self,
        body: Callable[[], Any],
        cells: dict[str, CellType],
        carried: Sequence[str],
        leaving: Sequence[str],
        *,
        may_not_run: bool,
        runs: bool = False,
        peeled: bool = True,
        stacking: bool = False,
    ) -> None:
        self._body, self._cells, self._peeled, self._stacking = body, cells, peeled, stacking
        self._runs = runs or not may_not_run
        self.growing: dict[str, Growing] = {}
        self._watched = places(cells, (*carried, *leaving) if may_not_run else carried)
        self._leaving = [] if may_not_run else places(cells, leaving)
        self.slots: list[Slot] = []
        self.handles: list[tuple[Tracer, Node]] = []
        self.kept: list[tuple[Place, Any, list[Node]]] = []
        self.result: Any = None
        self.inputs: list[Node] = []
        self.outputs: list[Node] = []
        for place in [*self._watched]:
            value = place.get()
            leaves = [] if value is UNBOUND else tree.leaves(value)
            if leaves and all(is_number(leaf) for leaf in leaves):
                self._carry(place, value, value)
        self._hidden = hidden_variables(cells)
        self._watched += self._hidden
        while not self._settled():
            pass

    def _carry(self, place: Place, entry: Any, leaving: Any) -> None:
        self._watched = [other for other in self._watched if other is not place]
        self.slots.append(Slot.of(place, entry, leaving))

    def _settled(self) -> bool:
        """Run the body once; whether it changed nothing that is not carried."""
        variables = [*places(self._cells, self._cells), *self._hidden]
        before = [(place, place.get()) for place in [*variables, *(slot.place for slot in self.slots)]]
        for name, growing in self.growing.items():
            growing.values.clear()
            Variable(name, self._cells[name]).set(growing)
        entries = [place.get() for place in self._watched]
        containers = Containers(self._cells)
        entered, carried = [*self.slots], [*self.handles]
        self.inputs = []
        with Watch() as watch, attempt():
            try:
                for slot in self.slots:
                    self.inputs += slot.enter()
                for handle, node in self.handles:
                    handle._node = new_input(node.array_type, "a")
                    self.inputs.append(handle._node)
                self.result = self._body()
                return self._see(watch, containers, entered, entries)
            finally:
                containers.restore()
                for handle, node in [*watch.before, *carried]:
                    handle._node = node
                for place, value in before:
                    place.set(value)

    def _see(self, watch: Watch, containers: Containers, entered: Sequence[Slot], entries: Sequence[Any]) -> bool:
        known = {id(handle) for handle, _ in self.handles}
        found = [(handle, node) for handle, node in watch.before if id(handle) not in known]
        self.handles += found
        if self._stacking and self._finds_growing(containers):
            return False
        own = {(id(slot.place.container), slot.place.key) for slot in self.slots if isinstance(slot.place, Entry)}
        for entry, before in changed_entries(containers):
            if (id(entry.container), entry.key) not in own:
                self._carry(entry, before, entry.get())
        for place, before in zip([*self._watched], entries, strict=True):
            if not same(before, place.get()):
                self._carry(place, before, place.get())
        refitted = [slot.refit(slot.place.get()) for slot in entered]
        if found or any(refitted) or len(entered) < len(self.slots):
            return False
        written = [(handle, node) for handle, node in self.handles if handle.__sg_node__ not in self.inputs]
        if len(written) < len(self.handles):  # what was written under a name that is carried by value now
            self.handles = written
            return False
        self._check_aliases(watch)
        self._collect(watch)
        return True

    def _finds_growing(self, containers: Containers) -> bool:
        """Whether the body appends to further lists: it runs again, and may do nothing else with them."""
        found = False
        for name, container, before in containers.changed():
            variable = Variable(name, self._cells[name]) if name in self._cells else None
            if variable is None or variable.get() is not container or not isinstance(container, list):
                continue
            if len(container) > len(before) and all(a is b for a, b in zip(container, before, strict=False)):
                self.growing[name] = Growing(name, container)
                found = True
        return found

    def _changed_in_place(self) -> list[Any]:
        """What leaves an iteration under a name of which the next one changes the array."""
        leaves = [pair for slot in self.slots for pair in zip(slot.fresh, slot.leaving, strict=True)]
        return [
            after for inside, after in leaves if isinstance(inside, Tracer) and inside.__sg_node__ not in self.inputs
        ]

    def _check_aliases(self, watch: Watch) -> None:
        """What is carried by value must not have been written under its first name."""
        fresh = {id(leaf) for slot in self.slots for leaf in slot.fresh}
        for slot in self.slots:
            for first, inside, after in zip(slot.leaves, slot.fresh, slot.leaving, strict=True):
                outer = isinstance(first, Tracer) and not is_number(first) and first is not inside
                if outer and inside.__sg_node__ not in self.inputs and id(after) not in fresh and not self._peeled:
                    raise Aliased(f"{slot.place.name} is written before it is bound to another array")

    def _collect(self, watch: Watch) -> None:
        self.outputs = [node for slot in self.slots for node in slot.outputs()]
        self.outputs += [handle.__sg_node__ for handle, _ in self.handles]
        self.kept = []
        for place in self._leaving:
            value = place.get()
            leaves = [] if value is UNBOUND else tree.leaves(value)
            nodes = [as_node(leaf) for leaf in leaves if is_array(leaf) and not watch.is_older(leaf)]
            self.kept.append((place, value, nodes))
            self.outputs += [converted(node, strong(node.array_type)) for node in nodes]
        for growing in self.growing.values():
            self.outputs += growing.nodes(watch, self._changed_in_place())
        self._older = watch.is_older

    @property
    def initial(self) -> list[Node]:
        """What the state is before the first iteration."""
        found = [node for slot in self.slots for node in slot.initial()]
        found += [node for _, node in self.handles]
        return found + [zeros(strong(node.array_type)) for _, _, nodes in self.kept for node in nodes]

    @property
    def body(self) -> Body:
        """The recorded iteration; variables that are only read afterwards are carried from nothing."""
        unused = tuple(new_input(strong(node.array_type), "last") for _, _, nodes in self.kept for node in nodes)
        return Body((*self.inputs, *unused), tuple(self.outputs), tree.LEAF, {}, "loop")

    @property
    def is_plain(self) -> bool:
        """Whether it computes with numbers alone: nothing in it, nor its result, depends on what is traced."""
        if self.handles or any(not is_known(leaf) for slot in self.slots for leaf in slot.leaves):
            return False
        results = [as_node(self.result)] if isinstance(self.result, Tracer) else []
        body = self.body
        return all(is_static(node) for node in closed([body.with_outputs((*body.outputs, *results))])[0])

    def leave(self, results: Sequence[Node], turns: int | Node) -> None:
        """Bring the state into what that many turns of the loop made of it."""
        nodes = [*results]
        after = [slot.results(nodes) for slot in self.slots]
        self._keep_swapped(after, turns)
        for slot, leaves in zip(self.slots, after, strict=True):
            if slot.flagged and self._runs and is_static(as_node(slot.leaving[-1])):
                leaves[-1] = slot.leaving[-1]
            slot.place.set(slot.built(leaves))
        for handle, _ in self.handles:
            handle.assign(nodes.pop(0))
        for place, value, _ in self.kept:
            if value is UNBOUND:
                place.set(value)
                continue
            leaves, structure = tree.flatten(value)
            place.set(
                tree.unflatten(
                    structure,
                    [
                        handle_like(leaf, nodes.pop(0)) if is_array(leaf) and not self._older(leaf) else leaf
                        for leaf in leaves
                    ],
                )
            )
        stacks = iter(nodes)
        for growing in self.growing.values():
            assert isinstance(turns, int)
            growing.extended(stacks, turns)

    @property
    def cycles(self) -> list[list[tuple[int, int]]]:
        """Arrays that only change places (``a, b = b, a``): slot and leaf of each, then of what moves there, and on."""
        every = [(k, n) for k, slot in enumerate(self.slots) for n in range(len(slot.leaves))]
        position = {id(self.slots[k].fresh[n]): (k, n) for k, n in every}
        comes_from = {(k, n): position.get(id(self.slots[k].leaving[n])) for k, n in every}
        found: list[list[tuple[int, int]]] = []
        for start in every:
            cycle = [start]
            while (before := comes_from[cycle[-1]]) is not None and before not in cycle:
                cycle.append(before)
            arrays = [self.slots[k].leaves[n] for k, n in cycle]
            mutable = all(isinstance(array, Tracer) and not is_number(array) for array in arrays)
            if comes_from[cycle[-1]] == start == min(cycle) and len(cycle) > 1 and mutable:
                found.append(cycle)
        return found

    def _keep_swapped(self, after: list[list[Any]], turns: int | Node) -> None:
        """After the loop these are the same arrays: where each is depends on how often they changed places."""
        for cycle in self.cycles:
            size = len(cycle)
            originals = [self.slots[k].leaves[n] for k, n in cycle]
            nodes = [after[k][n].__sg_node__ for k, n in cycle]
            for place, original in enumerate(originals):
                original.assign(_chosen([nodes[(place - turn) % size] for turn in range(size)], turns))
            if isinstance(turns, int):
                for place, (k, n) in enumerate(cycle):
                    after[k][n] = originals[(place + turns) % size]


def _chosen(nodes: Sequence[Node], turns: int | Node) -> Node:
    """The node of number ``turns`` modulo their count."""
    if isinstance(turns, int):
        return nodes[turns % len(nodes)]
    chosen, number = nodes[0], apply("remainder", turns, len(nodes))
    for position, node in enumerate(nodes[1:], 1):
        chosen = apply("where", apply("equal", number, position), node, chosen)
    return chosen


def changed_entries(containers: Containers) -> Iterator[tuple[Entry, Any]]:
    """The entries of containers that hold something else now, and what they held before."""
    for name, container, before in containers.changed():
        same_keys = isinstance(container, list) or container.keys() == before.keys()
        if len(container) != len(before) or not same_keys:
            where = user_location()
            raise Changing(f"{f'{where}: ' if where else ''}{name} grows or shrinks in the loop")
        for key in range(len(before)) if isinstance(container, list) else before:
            if container[key] is not before[key]:
                yield Entry(f"{name}[{key!r}]", container, key), before[key]


def _is_uncertain(value: Any) -> bool:
    return value is UNBOUND or isinstance(value, Maybe)


def strong(type_: ArrayType) -> ArrayType:
    """The type of an array, also where a Python number stands for it."""
    return ArrayType(type_.shape, type_.dtype)


def is_known(leaf: Any) -> bool:
    """Whether a leaf depends on nothing that is traced."""
    return not isinstance(leaf, Tracer) or is_static(as_node(leaf))
