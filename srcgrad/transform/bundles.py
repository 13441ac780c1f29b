"""Bundles: the nodes that one step of a repetition has in each of its iterations, and where their operands come from.

Let a program have done the same ``count`` times. A *bundle* is one node of it in every iteration: the k-th node of the
bundle belongs to iteration k, and all are one operation with one set of parameters. From a few bundles that are known
(the nodes along a path) the others follow: the operands of a bundle at one position, one for each iteration, are

    the same node in all iterations         a constant of the loop
    another bundle, d iterations earlier    a value of the iteration (d = 0) or a carried one; in the first d
                                            iterations any other value, which the loop starts with
    nodes of one operation                  a bundle of its own, whose operands are looked at in turn
    anything else                           a stack of values, from which each iteration reads one

Where a bundle is of one operation only from some iteration on, or up to one, the loop is made shorter: ``first`` and
``stop`` close in until every bundle fits, and what is left out stays as it is. (So a second state, which has a value
before the first iteration, costs one iteration: from the next on its values are a bundle.)

A loop computes all its iterations at once, as far as the rest of the program can see: what it reads must not depend on
what it computes. That is checked last, and makes the loop shorter again, or impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.core.lowering import Cast, Generate, Pointwise, Reshape, Structure, View
from srcgrad.core.types import ArrayType, TupleType
from srcgrad.graph.node import Graph, Node, make_node
from srcgrad.graph.structure import INPUT, ITEM
from srcgrad.transform.periods import longest_repetition, longest_run

#: how often what a loop reads may make it shorter
_PATIENCE = 8
#: a shorter loop for the sake of a bundle is worth it where it keeps this part of the iterations
_KEPT = 0.25
#: iterations of which a longer one may be made, where a bundle repeats only with several of them
_GROUPED = 64


class Kinds:
    """Numbers for nodes: equal where a loop can compute both by one node of its body."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._of: dict[Node, int] = {}
        self._graphs: dict[Graph, int] = {}

    def __getitem__(self, node: Node) -> int:
        number = self._of.get(node)
        if number is None:
            number = self._of[node] = self._numbers.setdefault(self._describe(node), len(self._numbers))
        return number

    def _describe(self, node: Node) -> Hashable:
        if not is_computed(node):
            return node.type
        source = self[node.inputs[0]] if node.op is ITEM else None  # results of equal regions only
        varying = VARYING.get(node.op.name)
        params = tuple((k, self._param(v)) for k, v in sorted(node.params.items()) if k != varying)
        return node.op, params, node.type, len(node.inputs), source

    def _param(self, value: Any) -> Hashable:
        """A parameter; a graph by what it computes, since each loop and branch has one of its own."""
        if not isinstance(value, Graph):
            return value  # type: ignore[no-any-return]
        number = self._graphs.get(value)
        if number is None:
            places = {node: k for k, node in enumerate(value.nodes())}
            nodes = tuple(
                node.type
                if node.op is INPUT
                else (
                    node.op,
                    tuple((k, self._param(v)) for k, v in sorted(node.params.items())),
                    node.type,
                    tuple(places[operand] for operand in node.inputs),
                )
                for node in places
            )
            ends = tuple(tuple(places[node] for node in ends) for ends in (value.inputs, value.outputs))
            number = self._graphs[value] = self._numbers.setdefault((nodes, ends), len(self._numbers))
        return number


#: the parameter in which the nodes of a bundle may differ, by the names of operations
VARYING = {"slice": "starts"}


def is_computed(node: Node) -> bool:
    """Whether a node can be part of a loop's body: it is no input, constant or guard."""
    return node.op is ITEM or not isinstance(node.op.lowering, Structure)


def is_free(node: Node) -> bool:
    """Whether a node is no work where it is read."""
    kind = node.op.lowering
    if isinstance(kind, Pointwise):
        return kind.cost == 0
    return isinstance(kind, View | Reshape | Cast | Generate | Structure)


@dataclass(frozen=True)
class Same:
    """An operand that is one node in all iterations."""

    node: Node


@dataclass(frozen=True)
class Stack:
    """An operand that is a value from outside, another one in each iteration."""

    nodes: Sequence[Node | None]


@dataclass(frozen=True)
class Result:
    """An operand that is a bundle's value, ``delay`` iterations earlier; ``nodes`` are the operands themselves."""

    bundle: Bundle
    delay: int
    nodes: Sequence[Node | None]


@dataclass(eq=False)
class Bundle:
    """A node in every iteration; ``nodes`` outside of the loop's iterations are None."""

    nodes: Sequence[Node | None]
    operands: list[Same | Stack | Result] = field(default_factory=list)


class Unfit(Exception):
    """There is no loop of enough iterations in these bundles."""


class Regroup(Exception):
    """The bundles repeat with several iterations only: ``period`` of them are one."""

    def __init__(self, period: int, start: int, count: int) -> None:
        super().__init__(period, start, count)
        self.period, self.start, self.count = period, start, count


class Closure:
    """The bundles that follow from the first ones. The loop runs over the iterations from ``first`` to ``stop``.

    Raises:
        Unfit: where less than ``least`` iterations are left.
        Regroup: where several iterations should be one.
    """

    def __init__(self, seeds: Sequence[Sequence[Node]], kinds: Kinds, least: int) -> None:
        self.kinds, self.least = kinds, least
        self.first, self.stop = 0, len(seeds[0])
        self.bundles: list[Bundle] = []
        self._places: dict[Node, list[tuple[Bundle, int]]] = {}
        for nodes in seeds:
            self._add(nodes)
        for bundle in self.bundles:  # grows
            self._close(bundle)

    def _add(self, nodes: Sequence[Node | None]) -> Bundle:
        bundle = Bundle(nodes)
        self.bundles.append(bundle)
        for k in range(self.first, self.stop):
            node = nodes[k]
            assert node is not None
            self._places.setdefault(node, []).append((bundle, k))
        return bundle

    def _close(self, bundle: Bundle) -> None:
        first = bundle.nodes[self.first]
        assert first is not None
        for position in range(len(first.inputs)):
            nodes = self._each(bundle.nodes, lambda node, k=position: node.inputs[k])  # type: ignore[misc]
            bundle.operands.append(self._operand(nodes))

    def _each(self, nodes: Sequence[Node | None], change: Callable[[Node], Node]) -> list[Node | None]:
        """What a function makes of a node in every iteration."""
        made: list[Node | None] = [None] * len(nodes)
        for k in range(self.first, self.stop):
            node = nodes[k]
            assert node is not None
            made[k] = change(node)
        return made

    def _operand(self, nodes: list[Node | None]) -> Same | Stack | Result:
        """Where operands come from; the iterations become fewer until there is an answer."""
        while True:
            inside = [node for node in nodes[self.first : self.stop] if node is not None]
            if all(node is inside[0] for node in inside):
                return Same(inside[0])
            found = self._result(nodes, inside)
            if found is not None:
                return found
            numbers = np.array([self.kinds[node] for node in inside])
            if (numbers == numbers[0]).all():
                return self._of_one_kind(nodes, inside)
            start, stop = _longest_of_one_value(numbers)
            if stop - start >= max(self.least, _KEPT * len(inside)):
                self._narrow(start, stop)
                continue
            regrouped = longest_repetition(numbers.tolist(), self.least)
            if regrouped is not None and 1 < regrouped.period <= _GROUPED and regrouped.covered > stop - start:
                raise Regroup(regrouped.period, self.first + regrouped.start, regrouped.count)
            shapes = [_stackable(node) for node in inside]
            if len(set(shapes)) == 1 and shapes[0] is not None:
                return Stack(nodes)
            self._narrow(start, stop)

    def _narrow(self, start: int, stop: int) -> None:
        """Keep the iterations from ``start`` to ``stop``, counted from the first."""
        self.first, self.stop = self.first + start, self.first + stop
        if self.stop - self.first < self.least:
            raise Unfit

    def _result(self, nodes: list[Node | None], inside: list[Node]) -> Result | None:
        """The bundle that these are results of, in this iteration or earlier ones."""
        last = inside[-1]
        for bundle, k in self._places.get(last, ())[:4]:
            delay = self.stop - 1 - k
            if not 0 <= delay < self.least // 2:
                continue
            if isinstance(last.type, TupleType) and delay:
                continue  # its parts are carried
            matches = np.array(
                [nodes[k] is bundle.nodes[k - delay] for k in range(self.first + delay, self.stop)], dtype=bool
            )
            start, stop = longest_run(matches)
            if stop - start == len(matches):
                return Result(bundle, delay, nodes)
            if stop - start + delay >= max(self.least, _KEPT * len(inside)):
                self._narrow(start, stop + delay)
                return Result(bundle, delay, nodes)
        return None

    def _of_one_kind(self, nodes: list[Node | None], inside: list[Node]) -> Same | Stack | Result:
        node = inside[0]
        if not is_computed(node):
            return Stack(nodes)
        if node.op is ITEM:
            found = self._delayed(self._each(nodes, lambda part: part.inputs[0]))
            if found is not None:
                parts = self._each(
                    found.bundle.nodes, lambda one: make_node(ITEM, (one,), node.params, node.type, one.location)
                )
                return Result(self._add(parts), found.delay, nodes)
        elif not isinstance(node.type, TupleType):
            varying = VARYING.get(node.op.name)
            if varying is not None and any(other.params[varying] != node.params[varying] for other in inside):
                return Stack(nodes)
            if not is_free(node) and 2 * len(set(inside)) <= len(inside):
                return Stack(nodes)
        return Result(self._add(nodes), 0, nodes)

    def _delayed(self, sources: list[Node | None]) -> Result | None:
        """The region in earlier iterations whose results these are."""
        last = sources[self.stop - 1]
        assert last is not None
        for bundle, k in self._places.get(last, ())[:4]:
            delay = self.stop - 1 - k
            if 0 < delay < self.least // 2 and all(
                sources[k] is bundle.nodes[k - delay] for k in range(self.first + delay, self.stop)
            ):
                return Result(bundle, delay, sources)
        return None

    # what the loop reads

    def settle(self, order: Sequence[Node], position: dict[Node, int]) -> None:
        """Make the loop shorter until nothing that it reads depends on what it computes, nor starts with another type.

        ``order`` is the whole graph, operands first, and ``position`` where a node stands in it.
        """
        for _ in range(_PATIENCE):
            if not self.results():
                raise Unfit
            if not self._narrow_for(self._depending(order, position)):
                return
        raise Unfit

    def computed(self) -> dict[Node, int]:
        """What the loop computes, with the last iteration that does."""
        return {node: k for bundle in self.results() for k in range(self.first, self.stop) if (node := bundle.nodes[k])}

    def results(self) -> list[Bundle]:
        """The bundles of which the rest of the program reads what the loop computes.

        Others are no work and need nothing that it computes: a repeated constant stays outside too for who reads it.
        """
        known: dict[Bundle, bool] = {}
        return [bundle for bundle in self.bundles if not self._is_apart(bundle, known)]

    def _is_apart(self, bundle: Bundle, known: dict[Bundle, bool]) -> bool:
        if bundle not in known:
            first = bundle.nodes[self.first]
            assert first is not None
            known[bundle] = is_free(first) and all(
                not isinstance(operand, Result) or (operand.delay == 0 and self._is_apart(operand.bundle, known))
                for operand in bundle.operands
            )
        return known[bundle]

    def span(self, position: dict[Node, int]) -> tuple[int, int]:
        """The first and the last place in the graph of what the loop computes."""
        places = [position[node] for node in self.computed() if node in position]
        return min(places), max(places)

    def _depending(self, order: Sequence[Node], position: dict[Node, int]) -> dict[Node, int]:
        """The nodes that depend on what the loop computes, with the latest iteration that they depend on."""
        found = self.computed()
        first, last = self.span(position)
        for node in order[first : last + 1]:
            latest = max((found.get(operand, -1) for operand in node.inputs), default=-1)
            if latest > found.get(node, -1):
                found[node] = latest
        return found

    def _narrow_for(self, depending: dict[Node, int]) -> bool:
        """Shorten the loop for one of its operands; False where all are fine."""
        for bundle in self.bundles:
            for operand in bundle.operands:
                match operand:
                    case Same(node):
                        if node in depending:
                            self._narrow(depending[node] + 1 - self.first, self.stop - self.first)
                            return True
                    case Stack(nodes):
                        latest = np.array([depending.get(node, -1) for node in nodes[self.first : self.stop] if node])
                        if latest.max() >= 0:
                            start, stop = longest_run(latest < 0)
                            later = int(latest.max()) + 1 - self.first
                            if self.stop - self.first - later > stop - start:
                                start, stop = later, self.stop - self.first
                            self._narrow(start, stop)
                            return True
                    case Result(source, delay, nodes):
                        for before in nodes[self.first : self.first + delay]:
                            assert before is not None
                            if before in depending:
                                self._narrow(depending[before] + 1 - self.first, self.stop - self.first)
                                return True
                            if _stackable(before) != _stackable(source.nodes[self.first]):
                                self._narrow(delay, self.stop - self.first)
                                return True
        return False


def _stackable(node: Node | None) -> Hashable:
    """Shape and dtype; None for what has several results."""
    return (node.type.shape, node.type.dtype) if node is not None and isinstance(node.type, ArrayType) else None


def _longest_of_one_value(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, int]:
    changes = np.flatnonzero(np.diff(numbers)) + 1
    starts, stops = np.concatenate(([0], changes)), np.concatenate((changes, [len(numbers)]))
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest])
