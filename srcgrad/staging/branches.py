"""`if` where the condition is traced: both branches are recorded, and what either changes becomes a result.

Results are the variables that are read later, the items of containers, and the arrays that a branch writes in place.
A variable that only one branch assigns may be unbound after it (see ``unbound``).
Branches of a few scalar operations become a selection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any

import numpy as np

from srcgrad.control.failures import fail_if, is_raised
from srcgrad.control.record import converted, error
from srcgrad.core import tree
from srcgrad.core.errors import TraceError
from srcgrad.core.lowering import Cast, Pointwise
from srcgrad.core.op import apply
from srcgrad.core.types import ArrayType, promote
from srcgrad.graph.node import Graph, Node, as_node, bind, substitute
from srcgrad.graph.structure import COND, CONSTANT, constant, items, new_input
from srcgrad.graph.trace import Tracer, Watch
from srcgrad.numpy.static import is_static, static_of
from srcgrad.numpy.traced import AmbiguousError
from srcgrad.staging.attempts import attempt, is_inside, now
from srcgrad.staging.places import (
    UNBOUND,
    Box,
    Containers,
    Entry,
    Place,
    cells_of,
    describe,
    handle_like,
    hidden_variables,
    is_array,
    leaf_type,
    places,
    same,
    shown,
)
from srcgrad.staging.unbound import Maybe, assuming, flagged

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
    cells = cells_of(then, orelse)
    branch(test, then, orelse, places(cells, leaving), cells)


def if_else(test: Any, then: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """``then() if test else orelse()``."""
    known = known_truth(test)
    if known is not None:
        return then() if known else orelse()
    box = Box("the conditional expression")
    branch(test, lambda: box.set(then()), lambda: box.set(orelse()), [box], cells_of(then, orelse))
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


@dataclass(frozen=True)
class _Branch:
    """What one branch leaves behind: values of places, new nodes of arrays, changed entries of containers."""

    values: list[Any]
    written: dict[int, tuple[Tracer, Node]]
    entries: dict[tuple[int, Any], tuple[Entry, Any]]


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
    results = [*results, *hidden_variables(cells)]
    mark = now()
    with assuming(predicate, True):
        taken = _attempt(then, results, cells)
    with assuming(predicate, False):
        other = _attempt(orelse, results, cells)
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
    joined = _Join(predicate)
    pending: list[tuple[Place, Any]] = []
    for place, a, b in zip(results, taken.values, other.values, strict=True):
        pending.append((place, joined.value(place.name, a, b)))
    for key in {**taken.entries, **other.entries}:
        changed, _ = taken.entries.get(key) or other.entries[key]
        a, b = (found.entries[key][1] if key in found.entries else changed.get() for found in (taken, other))
        pending.append((changed, joined.value(changed.name, a, b)))
    handles = [handle for handle, _ in {**taken.written, **other.written}.values()]
    for handle in handles:
        a, b = (
            found.written[id(handle)][1] if id(handle) in found.written else handle.__sg_node__
            for found in (taken, other)
        )
        joined.node(a, b)
    nodes = _select(predicate, joined.pairs, mark)
    for place, build in pending:
        place.set(build(nodes))
    for handle, node in zip(handles, nodes[len(nodes) - len(handles) :], strict=True):
        handle.assign(node)


def _attempt(function: Callable[[], Any], results: Sequence[Place], cells: dict[str, CellType]) -> _Branch | Exception:
    """Run a branch, see what it changed, and undo that; or the exception that the user's program raises there."""
    variables = places(cells, cells)
    before = [(place, place.get()) for place in (*variables, *results)]
    containers = Containers(cells)
    with Watch() as watch, attempt():
        try:
            function()
            values = [place.get() for place in results]
            written = {id(handle): (handle, handle.__sg_node__) for handle, _ in watch.before}
            entries = _entries(containers)
        except Exception as exception:
            if not is_raised(exception):
                raise
            return exception
        finally:
            containers.restore()
            for handle, node in watch.before:
                handle._node = node
            for place, value in before:
                place.set(value)
    return _Branch(values, written, entries)


def _entries(containers: Containers) -> dict[tuple[int, Any], tuple[Entry, Any]]:
    found = {}
    for name, container, before in containers.changed():
        keys = range(len(before)) if isinstance(container, list) else before
        if len(container) != len(before) or (isinstance(container, dict) and container.keys() != before.keys()):
            raise error(
                TraceError,
                f"{name} grows or shrinks in a branch whose condition is traced; give it its final size before",
            )
        for key in keys:
            if container[key] is not before[key]:
                found[id(container), key] = (Entry(f"{name}[{key!r}]", container, key), container[key])
    return found


class _Join:
    """Collects pairs of nodes, one from each branch; results are built from what becomes of them."""

    def __init__(self, predicate: Node) -> None:
        self.predicate = predicate
        self.pairs: list[tuple[Node, Node]] = []

    def node(self, a: Node, b: Node) -> int:
        dtype, weak = promote((a.array_type, b.array_type))
        type_ = ArrayType(a.shape, dtype, weak)
        self.pairs.append((converted(a, type_), converted(b, type_)))
        return len(self.pairs) - 1

    def value(self, name: str, a: Any, b: Any) -> Callable[[Sequence[Node]], Any]:
        """How to build, from the joint nodes, the value after the branch."""
        if same(a, b):
            return lambda nodes: a
        if any(value is UNBOUND or isinstance(value, Maybe) for value in (a, b)):
            return self.maybe(name, a, b)
        (a_leaves, structure), (b_leaves, other) = tree.flatten(a), tree.flatten(b)
        if structure != other:
            raise self.disagreement(name, a, b)
        leaves = [self.leaf(name, x, y) for x, y in zip(a_leaves, b_leaves, strict=True)]
        return lambda nodes: tree.unflatten(structure, [leaf(nodes) for leaf in leaves])

    def maybe(self, name: str, a: Any, b: Any) -> Callable[[Sequence[Node]], Any]:
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
            return lambda nodes: Maybe.of(build(nodes), flag)
        position = self.node(a_flag, b_flag)
        return lambda nodes: Maybe.of(build(nodes), nodes[position])

    def leaf(self, name: str, a: Any, b: Any) -> Callable[[Sequence[Node]], Any]:
        if same(a, b):
            return lambda nodes: a
        if not (is_array(a) and is_array(b)) or leaf_type(a).shape != leaf_type(b).shape:
            raise self.disagreement(name, a, b)
        position = self.node(as_node(a), as_node(b))
        like = b if is_array(a) and not isinstance(a, Tracer) else a
        return lambda nodes: handle_like(like, nodes[position])

    def disagreement(self, name: str, a: Any, b: Any) -> TraceError:
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
    slots = {node: new_input(node.array_type, f"c{k}") for k, node in enumerate(operands)}
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
