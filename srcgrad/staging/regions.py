"""Recording the body of a loop: which state it carries is found by running it.

The state is what one iteration leaves for the next: variables, items of containers, and arrays that are written in
place. A first run of the body on traced numbers shows what it changes; whatever it does becomes carried, and the body
runs again, until nothing new shows. After each run everything is put back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CellType
from typing import Any

from srcgrad.control.failures import in_region
from srcgrad.control.record import Body, closed, converted
from srcgrad.core import tree
from srcgrad.core.location import user_location
from srcgrad.core.types import ArrayType
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import new_input
from srcgrad.graph.trace import Stale, Tracer, Watch
from srcgrad.numpy.static import is_static
from srcgrad.staging.attempts import attempt
from srcgrad.staging.bindings import Bindings, Name, is_object
from srcgrad.staging.branches import read_chosen, record_branch
from srcgrad.staging.containers import Containers, forget_choices
from srcgrad.staging.growing import Growing
from srcgrad.staging.identities import asking
from srcgrad.staging.joining import zeros
from srcgrad.staging.places import (
    UNBOUND,
    Entry,
    Place,
    Variable,
    handle_like,
    held,
    is_array,
    is_number,
    is_private,
    known_elsewhere,
    places,
    same,
)
from srcgrad.staging.slots import Changing, Slot
from srcgrad.staging.unbound import Maybe


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
        self._body, self._cells, self._stacking = body, cells, stacking
        self._runs = runs or not may_not_run
        self._private = {name for name, cell in cells.items() if is_private(Variable(name, cell))}
        self.bindings = Bindings((record_branch, read_chosen), peeled, self._runs)
        self.growing: dict[str, Growing] = {}
        self._watched = places(cells, (*carried, *leaving) if may_not_run else carried)
        self._leaving = [] if may_not_run else places(cells, leaving)
        self.slots: list[Slot] = []
        self.handles: list[tuple[Tracer, Node]] = []
        #: older arrays whose contents are unknown after an iteration
        self._spoiled: dict[int, tuple[Tracer, Stale]] = {}
        self.kept: list[tuple[Place, Any, list[Node]]] = []
        self.result: Any = None
        self.inputs: list[Node] = []
        self.outputs: list[Node] = []
        for place in [*self._watched]:
            value = place.get()
            leaves = [] if value is UNBOUND else tree.leaves(value)
            if leaves and all(is_number(leaf) for leaf in leaves):
                self._carry(place, value, value)
        self._hidden = Containers(cells).variables_beside([*self._watched, *(slot.place for slot in self.slots)])
        self._watched += self._hidden
        while not self._settled():
            pass

    def _carry(self, place: Place, entry: Any, leaving: Any) -> None:
        self._watched = [other for other in self._watched if other is not place]
        self._leaving = [other for other in self._leaving if other is not place]
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
        set_aside = [handle for handle, _ in (*self.handles, *self._spoiled.values())]
        contents = [(handle, handle._node) for handle in (*set_aside, *self.bindings.hidden.values())]
        entered = [*self.slots]
        with Watch() as watch, attempt(), asking() as asked:
            try:
                with self._entered(), forget_choices() as forget:
                    with containers.kept(), in_region():
                        self.result = self._body()
                    settled = self._see(watch, containers, entered, entries, asked)
                    if not settled:
                        forget()
                    return settled
            finally:
                containers.restore()
                for handle, node in [*watch.before, *contents]:
                    handle._node = node
                for place, value in before:
                    place.set(value)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """The state as an iteration finds it."""
        self.inputs = [node for slot in self.slots for node in slot.enter()]
        for handle, node in self.handles:
            handle._node = new_input(node.array_type, "a")
            self.inputs.append(handle._node)
        for handle, stale in self._spoiled.values():
            handle._node = stale
        for handle in self.bindings.hidden.values():
            handle._node = Stale(
                f"{user_location()}: an array changes places in this loop and is read under another name"
            )
        names = [self._name(slot, n) for slot in self.slots for n, leaf in enumerate(slot.fresh) if is_object(leaf)]
        self.inputs += self.bindings.enter(names)
        for name in self.bindings.active:
            name.slot.fresh[name.n] = name.fresh
        for slot in self.slots:
            slot.put()
        references = Counter({id(name.own): 3 for name in self.bindings.active})
        others = Counter(id(name.own) for name in self.bindings.active if not name.is_private)
        held.update(references)
        known_elsewhere.update(others)
        try:
            yield
        finally:
            held.subtract(references)
            known_elsewhere.subtract(others)

    def _name(self, slot: Slot, n: int) -> Name:
        entry = slot.leaves[n] if isinstance(slot.leaves[n], Tracer) and not slot.is_absent else None
        variable = slot.place
        is_alone = isinstance(variable, Variable) and variable.name in self._private and entry is variable.get()
        return Name(slot, n, entry, is_alone, slot.fresh[n])

    def _see(
        self,
        watch: Watch,
        containers: Containers,
        entered: Sequence[Slot],
        entries: Sequence[Any],
        asked: Mapping[int, Any],
    ) -> bool:
        known = {id(handle) for handle, _ in self.handles}
        stale = {id(handle): (handle, handle._node) for handle, _ in watch.before if isinstance(handle._node, Stale)}
        spoiled, self._spoiled = self._spoiled, {**stale, **self._spoiled}
        self.handles = [(handle, node) for handle, node in self.handles if id(handle) not in self._spoiled]
        found = [
            (handle, node)
            for handle, node in watch.before
            if id(handle) not in known and id(handle) not in self._spoiled and isinstance(node, Node)
        ]
        self.handles += found
        if self._stacking and self._finds_growing(containers):
            return False
        own = {slot.place.identity for slot in self.slots if isinstance(slot.place, Entry)}
        for entry, before in changed_entries(containers):
            if entry.identity not in own:
                self._carry(entry, containers.original(before), entry.get())
        for place, before in zip([*self._watched], entries, strict=True):
            if not same(before, place.get()):
                self._carry(place, containers.original(before), place.get())
        refitted = [slot.refit(slot.place.get()) for slot in entered]
        if found or any(refitted) or len(entered) < len(self.slots) or len(spoiled) < len(self._spoiled):
            return False
        written = [(handle, node) for handle, node in self.handles if handle.__sg_node__ not in self.inputs]
        if len(written) < len(self.handles):  # what was written under a name that is carried by value now
            self.handles = written
            return False
        for name in self.bindings.active:
            name.leaving = name.slot.leaving[name.n]
        self.bindings.trace(watch, asked)
        if self._finds_objects_kept() or not self.bindings.settled([handle for handle, _ in self.handles]):
            return False
        self._collect(watch)
        return True

    def _finds_objects_kept(self) -> bool:
        """Whether names that are read only after the loop are more than new arrays: these are carried like others."""
        owners = Counter(self.bindings.owners())
        values = [(place, value) for place in self._leaving if (value := place.get()) is not UNBOUND]
        objects = [(place, leaf) for place, value in values for leaf in tree.leaves(value) if is_object(leaf)]
        owners.update(owner for _, leaf in objects for owner in self.bindings.new_owners(leaf))
        uncertain = [place for place, value in values if isinstance(value, Maybe)]
        found = [place for place, leaf in objects if not self.bindings.is_plain(leaf, owners)]
        for place in dict.fromkeys([*uncertain, *found]):
            self._carry(place, UNBOUND, place.get())
        return bool(found or uncertain)

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
        return [name.leaving for name in self.bindings.active if name.is_written]

    def _collect(self, watch: Watch) -> None:
        self.outputs = [node for slot in self.slots for node in slot.outputs()]
        self.outputs += [handle.__sg_node__ for handle, _ in self.handles]
        self.outputs += self.bindings.indices()
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
        found += self.bindings.initial_indices()
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

    def leave(self, results: Sequence[Node], iterations: int | Node) -> None:
        """Bring the state into what that many iterations of the loop made of it."""
        nodes = [*results]
        after = [slot.results(nodes) for slot in self.slots]
        for handle, _ in self.handles:
            handle.assign(nodes.pop(0))
        contents = {name: after[self.slots.index(name.slot)][name.n].__sg_node__ for name in self.bindings.active}
        made = self.bindings.after(contents, nodes, iterations)
        for name, handle in made.items():
            after[self.slots.index(name.slot)][name.n] = handle
        for slot, leaves in zip(self.slots, after, strict=True):
            if slot.flagged and self._runs and is_static(as_node(slot.leaving[-1])):
                leaves[-1] = slot.leaving[-1]
            slot.place.set(slot.built(leaves))
        known = {id(name.leaving): handle for name, handle in made.items()}
        for place, value, _ in self.kept:
            if value is UNBOUND:
                place.set(value)
                continue
            leaves, structure = tree.flatten(value)
            place.set(tree.unflatten(structure, [self._after(leaf, nodes, known) for leaf in leaves]))
        for handle, stale in self._spoiled.values():
            handle.spoil(stale.message)
        stacks = iter(nodes)
        for growing in self.growing.values():
            assert isinstance(iterations, int)
            growing.extended(stacks, iterations)

    def _after(self, leaf: Any, nodes: list[Node], known: dict[int, Any]) -> Any:
        """A leaf of what a name is bound to after the loop; one object stays one."""
        if not is_array(leaf) or self._older(leaf):
            return leaf
        made = handle_like(leaf, nodes.pop(0))
        return known.setdefault(id(leaf), made) if is_object(leaf) else made


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


def strong(type_: ArrayType) -> ArrayType:
    """The type of an array, also where a Python number stands for it."""
    return ArrayType(type_.shape, type_.dtype)


def is_known(leaf: Any) -> bool:
    """Whether a leaf depends on nothing that is traced."""
    return not isinstance(leaf, Tracer) or is_static(as_node(leaf))
