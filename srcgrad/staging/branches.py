"""`if` where the condition is traced: both branches are recorded, and what either changes becomes a result.

Results are the variables that are read later, the items of containers, and the arrays that a branch writes in place.
A variable that only one branch assigns may be unbound after it (see ``unbound``).
Branches of a few scalar operations become a selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CellType
from typing import Any

import numpy as np

from srcgrad.control.failures import fail_if, in_region, is_pythons, is_raised
from srcgrad.control.record import converted, error
from srcgrad.core.errors import TraceError
from srcgrad.core.lowering import Cast, Pointwise
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, promote
from srcgrad.graph.names import names_of
from srcgrad.graph.node import Graph, Node, as_node, bind, substitute
from srcgrad.graph.structure import COND, CONSTANT, items, new_input
from srcgrad.graph.trace import Tracer, Watch
from srcgrad.numpy.static import static_of
from srcgrad.numpy.traced import AmbiguousError
from srcgrad.staging.attempts import attempt, is_inside, now
from srcgrad.staging.containers import Containers
from srcgrad.staging.joining import Join, Side
from srcgrad.staging.places import (
    Box,
    Entry,
    Place,
    around,
    is_private,
    places,
    same,
)
from srcgrad.staging.unbound import assuming

#: scalar operations up to which a branch is a selection
_SELECTION = 12
_RAISING = ("floor_divide", "remainder")


def if_(
    test: Any,
    then: Callable[[], None],
    orelse: Callable[[], None],
    leaving: Sequence[str],
) -> None:
    """``if test: then() else: orelse()``; ``leaving`` are the written variables that are read afterwards."""
    known = known_truth(test)
    if known is not None:
        (then if known else orelse)()
        return
    cells = around(then, orelse)
    branch(test, then, orelse, places(cells, leaving), cells)


def if_else(test: Any, then: Callable[[], Any], orelse: Callable[[], Any], names: Sequence[str] = ()) -> Any:
    """``then() if test else orelse()``; ``names`` are the variables that these bind."""
    known = known_truth(test)
    if known is not None:
        return then() if known else orelse()
    box = Box("the conditional expression")
    cells = around(then, orelse)
    branch(test, lambda: box.set(then()), lambda: box.set(orelse()), [box, *places(cells, names)], cells)
    return box.get()


def known_truth(test: Any) -> bool | None:
    """The truth of a value as Python sees it; None where it is known only at run time."""
    if not isinstance(test, Tracer):
        return bool(test)
    if test.size > 1:
        what = "the truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
        raise error(AmbiguousError, what)
    known = static_of(test)
    return None if known is None else bool(known)


def truth(test: Any) -> Any:
    """A traced value as one bool."""
    node = as_node(test)
    if node.shape:
        node = apply("reshape", node, shape=())
    return node if node.dtype == np.dtype(bool) else apply("not_equal", node, 0)


def branch(
    test: Any,
    then: Callable[[], Any],
    orelse: Callable[[], Any],
    results: Sequence[Place],
    cells: dict[str, CellType],
) -> None:
    """Run one of two functions, as the traced ``test`` says, and leave its effects on the places and on arrays.

    Where one raises an exception the program notes that, and goes on with the other.
    """
    predicate = truth(test)
    containers = Containers(cells)
    results = [*results, *containers.variables_beside(results)]
    private = [place.get() for place in results if is_private(place)]
    mark = now()
    with assuming(predicate, True):
        taken = _attempt(then, results, cells, containers)
    with assuming(predicate, False):
        other = _attempt(orelse, results, cells, containers)
    if isinstance(taken, Exception):
        if isinstance(other, Exception):
            raise taken
        fail_if(predicate, taken)
        orelse()
        return
    if isinstance(other, Exception):
        fail_if(apply("logical_not", predicate), other)
        then()
        return
    joined = Join(predicate, (taken, other), (record_branch, read_chosen))
    joined.private = {id(handle): handle for handle in private}
    pending: list[tuple[Place, Callable[[], Any]]] = []
    for place, a, b in zip(results, taken.values, other.values, strict=True):
        pending.append((place, joined.value(place.name, a, b)))
    grown = _grown(taken, other)
    if grown:
        raise _grows(grown[0].name.rpartition("[")[0])  # of the container
    for key in {**taken.entries, **other.entries}:
        changed, _ = taken.entries.get(key) or other.entries[key]
        a, b = (found.entries[key][1] if key in found.entries else changed.get() for found in (taken, other))
        pending.append((changed, joined.value(changed.name, a, b)))
    joined.plan()
    written = [handle for handle, _ in {**taken.written, **other.written}.values()]
    handles = [handle for handle in written if not (taken.spoils(handle) or other.spoils(handle))]
    for handle in handles:
        joined.node(taken.node(handle), other.node(handle))
    joined.nodes = _select(predicate, joined.pairs, mark)
    for handle, node in zip(handles, joined.nodes[len(joined.nodes) - len(handles) :], strict=True):
        handle.assign(node)
    for handle in written:
        for side in (taken, other):
            if side.spoils(handle) and not handle.is_stale:
                handle.spoil(side.message(handle))
    for place, build in pending:
        place.set(build())


def record_branch(predicate: Node, then: Callable[[], Any], orelse: Callable[[], Any]) -> None:
    """Record one of two writes."""
    branch(predicate, then, orelse, (), {})


def read_chosen(predicate: Node, yes: Callable[[], Node], no: Callable[[], Node]) -> Node:
    """One of two nodes, made only where it is the one."""
    mark = now()
    a, b = yes(), no()
    dtype, weak = promote((a.array_type, b.array_type))
    type_ = ArrayType(a.shape, dtype, weak)
    return _select(predicate, [(converted(a, type_), converted(b, type_))], mark)[0]


def _attempt(
    function: Callable[[], Any], results: Sequence[Place], cells: dict[str, CellType], containers: Containers
) -> Side | Exception:
    """Run a branch, see what it changed, and undo that; or the exception that the user's program raises there."""
    variables = places(cells, cells)
    before = [(place, place.get()) for place in (*variables, *results)]
    with Watch() as watch, attempt():
        try:
            with containers.kept(), in_region():
                function()
            values = [place.get() for place in results]
            written = {id(handle): (handle, handle._node) for handle, _ in watch.before}
            entries = _entries(containers)
        except Exception as exception:
            if not (is_raised(exception) or is_pythons(exception)):
                raise
            return exception
        finally:
            containers.restore()
            for handle, node in watch.before:
                handle._node = node
            for place, value in before:
                place.set(value)
    return Side(values, written, entries, watch, containers)


def value_without_effects(function: Callable[[], Any], cells: dict[str, CellType]) -> Any:
    """What the function returns; None where it raises, or does more than to return something, which is undone."""
    box, containers = Box(""), Containers(cells)
    results: list[Place] = [box, *containers.variables_beside(())]
    before = [place.get() for place in results[1:]]
    try:
        side = _attempt(lambda: box.set(function()), results, cells, containers)
    except Exception:
        return None
    if isinstance(side, Exception) or side.written or side.entries or not all(map(same, before, side.values[1:])):
        return None
    return side.values[0]


def _entries(containers: Containers) -> dict[tuple[int, Any], tuple[Entry, Any]]:
    found = {}
    for name, container, before in containers.changed():
        is_list = isinstance(container, list)
        if len(container) < len(before) or not (is_list or before.keys() <= container.keys()):
            raise _grows(name)
        held = range(len(before)) if is_list else before
        for key in range(len(container)) if is_list else container.keys():
            if key not in held or container[key] is not before[key]:
                entry = Entry(f"{name}[{key!r}]", container, key, key not in held)
                found[entry.identity] = (entry, container[key])
    return found


def _grown(*sides: Side) -> list[Entry]:
    """Entries that one branch adds; none where both add the same in the same order."""
    added = [{key: entry for key, (entry, _) in side.entries.items() if entry.is_new} for side in sides]
    return [] if [*added[0]] == [*added[1]] else [*added[0].values(), *added[1].values()]


def _grows(name: str) -> TraceError:
    what = f"{name} grows or shrinks in a branch whose condition is traced, and not in the same way in the other"
    return error(TraceError, f"{what}; give it its final size before")


def _select(predicate: Node, pairs: Sequence[tuple[Node, Node]], mark: int) -> list[Node]:
    """For each pair its first node where the predicate holds, else its second; only one side is computed."""
    differing = {pair: k for k, pair in enumerate(dict.fromkeys(pair for pair in pairs if pair[0] is not pair[1]))}
    if not differing:
        return [a for a, _ in pairs]
    sides = [[pair[side] for pair in differing] for side in (0, 1)]
    inside = [_inside(side, mark) for side in sides]
    if all(not node.shape for side in sides for node in side) and all(_is_cheap(new) for new in inside):
        chosen = [apply("where", predicate, a, b) for a, b in differing]
    else:
        chosen = _cond(predicate, sides, mark)
    return [a if a is b else chosen[differing[a, b]] for a, b in pairs]


def _cond(predicate: Node, sides: Sequence[Sequence[Node]], mark: int) -> list[Node]:
    operands = list(dict.fromkeys(node for side in sides for node in _operands(side, mark)))
    names = names_of(operands)
    slots = {node: new_input(node.array_type, names[node][0] or f"c{k}") for k, node in enumerate(operands)}
    then, orelse = (
        Graph(tuple(slots.values()), tuple(substitute(side, slots)), name)
        for side, name in zip(sides, ("then", "orelse"), strict=True)
    )
    return items(bind(COND, (predicate, *operands), {"then": then, "orelse": orelse}))


def _inside(roots: Sequence[Node], mark: int) -> list[Node]:
    """The nodes that a branch made, constants aside."""
    found: dict[Node, None] = {}
    stack = [*roots]
    while stack:
        node = stack.pop()
        if node not in found and is_inside(node, mark):
            found[node] = None
            stack += node.inputs
    return [node for node in found if node.op is not CONSTANT]


def _operands(roots: Sequence[Node], mark: int) -> list[Node]:
    """What a branch reads that was there before."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = [*roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if is_inside(node, mark):
            stack += node.inputs
        else:
            found[node] = None
    return list(found)


def _is_cheap(nodes: Sequence[Node]) -> bool:
    return len(nodes) <= _SELECTION and all(is_harmless(node) and not node.shape for node in nodes)


def is_harmless(node: Node) -> bool:
    """Whether computing it needlessly does no harm: it reads no element at an index and cannot fail."""
    return isinstance(node.op.lowering, Pointwise | Cast) and node.op.name not in _RAISING


def made_since(mark: int, value: Any) -> list[Node]:
    """The nodes behind a value that are newer than the mark."""
    return _inside([as_node(value)], mark)
