"""Which writes may happen in place: those into an array whose old value nobody reads any more.

A graph is pure: `scatter_set(base, ...)` makes a new array. Where the base is a value of this program (no input,
nothing from outside) and every node that reads it comes earlier in the order, the new array is the old one with some
elements overwritten. `order` puts readers before writers where it can; `Owner` knows, for each value, the nodes that
read it without having copied it (views and casts are expressions over what they view).
"""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.core import lowering as kinds
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.structure import COND, ITEM, LOOP, WHILE
from srcgrad.schedule.element import Element
from srcgrad.schedule.ir import Value, loads

_NEVER = 1 << 62
#: graphs with more nodes than this keep the order they come in
_MOST = 4000


def bases(node: Node) -> tuple[Node, ...]:
    """The operands whose storage a node may take over."""
    if writes_over(node):
        return node.inputs[:1]
    if node.op is LOOP:
        first = 1 + node.params["n_consts"]
        return node.inputs[first : first + node.params["n_carries"]]
    if node.op is WHILE:
        return node.inputs[node.params["n_cond_consts"] + node.params["n_body_consts"] :]
    if node.op is COND:
        return tuple(node.inputs[1 + position] for position in taken_over(node) if position is not None)
    return ()


def writes_over(node: Node) -> bool:
    """Whether a node is its first operand with some elements overwritten."""
    kind = node.op.lowering
    if isinstance(kind, kinds.Assemble):
        return len(node.inputs) > 1 and node.inputs[0].shape == node.shape
    return isinstance(kind, kinds.Scatter)


def is_whole_view(node: Node) -> bool:
    """Whether a node is its operand in another order or shape: writing into one is writing into the other."""
    return isinstance(node.op.lowering, kinds.Reshape | kinds.View) and node.size == node.inputs[0].size


def viewed(node: Node) -> Node:
    """The array behind such views."""
    while is_whole_view(node):
        node = node.inputs[0]
    return node


def taken_over(node: Node) -> list[int | None]:
    """For each result of a branch, the operand that both sides change in place (or leave as it is) to make it."""
    found: list[int | None] = []
    for then, orelse in zip(node.params["then"].outputs, node.params["orelse"].outputs, strict=True):
        a, b = origin(then), origin(orelse)
        inputs = node.params["then"].inputs
        position = inputs.index(a) if a in inputs else None
        same = position is not None and b is node.params["orelse"].inputs[position]
        found.append(position if same and then.shape and position not in found else None)
    return found


def origin(node: Node) -> Node:
    """The array that a chain of writes starts from."""
    while True:
        if writes_over(node) or is_whole_view(node):
            node = node.inputs[0]
            continue
        if node.op is ITEM:
            region, index = node.inputs[0], node.params["index"]
            if region.op is COND and (position := taken_over(region)[index]) is not None:
                node = region.inputs[1 + position]
                continue
            if region.op in (LOOP, WHILE) and index < len(bases(region)):
                node = bases(region)[index]
                continue
        return node


def order(graph: Graph) -> list[Node]:
    """The graph's nodes, operands before users, and where possible readers of an array before what overwrites it."""
    nodes = graph.nodes()
    writers = [node for node in nodes if bases(node)]
    if not writers or len(nodes) > _MOST:
        return nodes
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for operand in node.inputs:
            users.setdefault(operand, []).append(node)
    before: dict[Node, set[Node]] = {node: set(node.inputs) for node in nodes}
    positions = {node: position for position, node in enumerate(nodes)}
    for writer in writers:
        for base in map(viewed, bases(writer)):
            before[writer] |= {
                reader
                for reader in _readers(base, users)
                if all(viewed(other) is not base for other in bases(reader)) and not _needs(reader, writer, positions)
            }
    return _sorted(nodes, before) or nodes


def _readers(base: Node, users: dict[Node, list[Node]]) -> Iterable[Node]:
    """The nodes that read an array, also through views."""
    stack, seen = [base], {base}
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in seen:
                seen.add(user)
                yield user
                if isinstance(user.op.lowering, kinds.View | kinds.Reshape | kinds.Cast):
                    stack.append(user)


def _needs(node: Node, other: Node, positions: dict[Node, int]) -> bool:
    """Whether a node depends on another (or is it): looked for among those that come after the other."""
    seen, stack = {node}, [node]
    while stack:
        node = stack.pop()
        if node is other:
            return True
        for operand in node.inputs:
            if operand not in seen and positions[operand] >= positions[other]:
                seen.add(operand)
                stack.append(operand)
    return False


def _sorted(nodes: list[Node], before: dict[Node, set[Node]]) -> list[Node] | None:
    """The nodes in their order as far as ``before`` allows; None where that has a cycle."""
    made: list[Node] = []
    done: set[Node] = set()
    for root in nodes:
        stack = [root]
        open_: set[Node] = set()
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            missing = [operand for operand in before[node] if operand not in done]
            if not missing:
                stack.pop()
                done.add(node)
                made.append(node)
            elif node in open_:
                return None
            else:
                open_.add(node)
                stack += sorted(missing, key=lambda operand: -operand.serial)
    return made


class Owner:
    """Which values a program may overwrite, and when."""

    def __init__(self) -> None:
        self._own: set[Value] = set()
        #: the position of the last reader of a value, also through views
        self._until: dict[Value, int] = {}
        self._last: dict[Node, int] = {}
        #: of the node that is lowered now
        self.position = 0

    def plan(self, graph: Graph, nodes: list[Node]) -> None:
        """Note when each node is read last."""
        for position, node in enumerate(nodes):
            self._last.update((operand, position) for operand in node.inputs)
        self._last.update((output, _NEVER) for output in graph.outputs)

    def own(self, value: Value) -> None:
        self._own.add(value)

    def saw(self, node: Node, made: Element | list[Element]) -> None:
        """Note what a node's element reads."""
        for element in made if isinstance(made, list) else [made]:
            for value in {load.value for load in loads(element.expr)} & self._own:
                self._until[value] = max(self._until.get(value, -1), self._last.get(node, -1))

    def may_overwrite(self, element: Element) -> Value | None:
        """The value of an element, if from this node on nobody reads what is in it."""
        value = element.viewed_value()
        if value is None or value not in self._own or value.role != "temporary" or not value.shape:
            return None
        return value if self._until.get(value, -1) <= self.position else None
