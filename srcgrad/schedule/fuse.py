"""Fusion: one loop for all that can share it, and the search for the order of the axes.

Take one axis as the outer loop over a set of statements. Statements fall into slots, numbered so that odd slots
are loops over the axis and even slots lie before, between and after them:

    a statement with the axis    is in the first odd slot not before its operands' loops;
                                 one later (+2) than a producer that is complete only after its loop
                                 (reduced over the axis, or read at other indices)
    a statement without it       is in the first even slot after the loops it needs

All statements of an odd slot share one loop; inside it the same is done with the axes that remain. Which axis
comes first decides how much has to be stored across loops; the search tries each and keeps the cheapest, with
memoisation over (set of statements, fixed axes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from srcgrad.core.settings import settings
from srcgrad.core.target import Target
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.cost import accumulator_cost, crossing_cost, handed_on, jump_cost, leaf_cost, loop_overhead
from srcgrad.schedule.dependence import Dependences, dependences
from srcgrad.schedule.ir import AnyStatement, Axis, Block, Loop, Program, Section, Statement
from srcgrad.schedule.sections import cut
from srcgrad.schedule.stages import stages

#: statements from which on the search takes loops that no statement has both of one after the other, in one order
_MANY = 100

Fixed = frozenset[Axis]
Group = tuple[AnyStatement, ...]


def fuse_in_place(program: Program, target: Target) -> Program:
    """Give a program, and every program inside its regions, a tree of loops."""
    for statement in program.statements:
        for inner in inner_programs(statement):
            fuse_in_place(inner, target)
    runs = cut(program.statements)
    searches = [_search(run, settings.search_effort // len(runs), target) for run in runs]
    trees = [search.best(run, frozenset()).block for search, run in zip(searches, runs, strict=True)]
    program.is_cut_short = any(search.is_spent for search in searches)
    program.tree = trees[0] if len(trees) == 1 else Block([Section(tree) for tree in trees])
    return program


def _search(statements: Group, effort: int, target: Target) -> _Search:
    """The search for the cheapest tree of some statements, which looks at so many trees; others have their own."""
    return _Search(dependences(statements), target, exact=len(statements) <= settings.exact_search, effort=effort)


@dataclass(frozen=True, slots=True)
class _Choice:
    cost: float
    block: Block


class _Search:
    def __init__(self, before: Dependences, target: Target, *, exact: bool, effort: int) -> None:
        self.effort = effort
        self.target = target
        self.before = before
        self.handed = handed_on(before)
        self.exact = exact
        self.memo: dict[tuple[Group, Fixed], _Choice] = {}
        #: how many trees have been looked at: the search takes what comes first when it has seen enough
        self.arranged = 0

    @property
    def is_spent(self) -> bool:
        """Whether as many trees have been looked at as the effort allows."""
        return self.arranged >= self.effort

    def best(self, group: Group, fixed: Fixed) -> _Choice:
        """The cheapest tree of these statements inside loops over the fixed axes; cost of one execution."""
        key = (group, fixed)
        if key not in self.memo:
            self.memo[key] = self.search(group, fixed)
        return self.memo[key]

    def search(self, group: Group, fixed: Fixed) -> _Choice:
        parts = components(group, self.before, fixed)
        if len(parts) > 1:
            choices = [self.best(part, fixed) for part in parts]
            return _Choice(sum(c.cost for c in choices), Block([item for c in choices for item in c.block.items]))
        candidates = _open_axes(group, fixed, unrolled=False) or _open_axes(group, fixed, unrolled=True)
        if not candidates:
            return _Choice(sum(leaf_cost(s, None, fixed, self.target) for s in group), Block(list(group)))
        if len(group) > _MANY:
            candidates = _nested_with_first(candidates, group)
        if not self.exact and len(candidates) > 2:
            candidates = candidates[:2]
        cheapest: _Choice | None = None
        for axis in candidates:
            if self.is_spent and cheapest:
                break
            tried: list[dict[AnyStatement, int]] = []
            for distribute in (False,) if self.is_spent else (False, True):
                early = self.slots(group, axis, fixed, distribute=distribute)
                for slots in (early, self.sunk(group, axis, early)):
                    if slots not in tried:
                        tried.append(slots)
                        most = cheapest.cost if cheapest else math.inf
                        cheapest = self.arrange(group, slots, axis, fixed, most) or cheapest
        assert cheapest is not None
        return cheapest

    def slots(self, group: Group, axis: Axis, fixed: Fixed, *, distribute: bool) -> dict[AnyStatement, int]:
        """The slot of each statement. ``distribute`` keeps statements with further loops apart from those without."""
        found: dict[AnyStatement, int] = {}
        deeper = {s: bool(_remaining(s, fixed | {axis})) for s in group} if distribute else {}
        stage = stages(group, axis, self.before)
        for statement in group:
            here = axis in statement.classes
            slot = 1 if here else 0
            for other, aligned in self.before[statement]:
                if other not in found:
                    continue
                earlier = found[other]
                if here and earlier % 2:
                    apart = stage.get(statement) != stage.get(other) or deeper.get(statement) != deeper.get(other)
                    together = axis in aligned and not apart
                    slot = max(slot, earlier if together else earlier + 2)
                else:
                    slot = max(slot, earlier + (1 if here or earlier % 2 else 0))
            found[statement] = slot
        if distribute:  # those without further loops first; parity keeps its meaning
            return {s: 2 * slot + (slot % 2 and (1 if deeper[s] else -1)) for s, slot in found.items()}
        return found

    def sunk(self, group: Group, axis: Axis, early: dict[AnyStatement, int]) -> dict[AnyStatement, int]:
        """Code sinking: slots in which statements have moved to the one later slot that all their readers share,
        iteration by iteration: what they compute need not be stored then. Those that sum over the axis stay.
        """
        slots = dict(early)
        after: dict[AnyStatement, list[tuple[AnyStatement, frozenset[Axis]]]] = {}
        for statement in group:
            for other, aligned in self.before[statement]:
                after.setdefault(other, []).append((statement, aligned))
        stage = stages(group, axis, self.before)

        def meets(statement: AnyStatement, reader: AnyStatement, aligned: frozenset[Axis]) -> bool:
            if axis not in statement.classes:
                return bool(aligned) and axis not in reader.classes
            return axis in aligned and axis in reader.classes and stage.get(reader) == stage.get(statement)

        for statement in reversed(group):
            readers = after.get(statement, ())
            if not isinstance(statement, Statement) or axis in statement.reduced_classes or not readers:
                continue
            targets = {slots[reader] for reader, _ in readers}
            if len(targets) == 1 and all(meets(statement, reader, aligned) for reader, aligned in readers):
                slots[statement] = targets.pop()
        return slots

    def arrange(
        self, group: Group, slots: dict[AnyStatement, int], axis: Axis, fixed: Fixed, most: float = math.inf
    ) -> _Choice | None:
        """The tree for these slots, None where its cost is not below ``most``."""
        self.arranged += 1
        cost = crossing_cost(group, slots, self.handed, fixed, self.target)
        block = Block()
        members_of: dict[int, list[AnyStatement]] = {}
        for statement in group:
            members_of.setdefault(slots[statement], []).append(statement)
        for slot in sorted(members_of):
            if cost >= most:
                return None
            members = tuple(members_of[slot])
            if slot % 2 == 0:
                inner = self.best(members, fixed)
                cost += inner.cost
                block.items += inner.block.items
                continue
            body = self.best(members, fixed | {axis})
            block.items.append(Loop(axis, body.block))
            cost += accumulator_cost(members, axis, fixed, self.target)
            cost += jump_cost(members, axis, fixed, self.target)
            if any(_remaining(s, fixed | {axis}) for s in members):
                cost += loop_overhead(axis) + axis.extent * body.cost
            else:
                cost += loop_overhead(axis) + axis.extent * sum(
                    leaf_cost(s, axis, fixed | {axis}, self.target) for s in members
                )
        return _Choice(cost, block) if cost < most else None


def components(group: Group, before: Dependences, fixed: Fixed) -> list[Group]:
    """Parts that share no open axis, in an order that respects the dependences; each can be arranged by itself."""
    part_of = {statement: position for position, statement in enumerate(group)}
    first_with: dict[Axis, AnyStatement] = {}
    parent = list(range(len(group)))

    def find(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for statement in group:
        for axis in statement.classes - fixed:
            other = first_with.setdefault(axis, statement)
            parent[find(part_of[statement])] = find(part_of[other])
    edges: dict[int, set[int]] = {find(k): set() for k in range(len(group))}
    for statement in group:
        for other, _ in before[statement]:
            if other in part_of and find(part_of[other]) != find(part_of[statement]):
                edges[find(part_of[statement])].add(find(part_of[other]))
    merged = strongly_connected(edges)
    members: dict[int, list[AnyStatement]] = {}
    for statement in group:
        members.setdefault(merged[find(part_of[statement])], []).append(statement)
    return [tuple(members[key]) for key in sorted(members)]


def strongly_connected(edges: dict[int, set[int]]) -> dict[int, int]:
    """Tarjan's algorithm: for each node the number of its component; what a node points to has a number that is not
    larger.
    """
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    component: dict[int, int] = {}
    path: list[int] = []
    for root in sorted(edges):
        stack = [(root, iter(sorted(edges[root])))] if root not in number else []
        while stack:
            node, targets = stack[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                path.append(node)
            for target in targets:
                if target not in number:
                    stack.append((target, iter(sorted(edges[target]))))
                    break
                if target not in component:
                    low[node] = min(low[node], number[target])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == number[node]:
                    count = len(set(component.values()))
                    while True:
                        member = path.pop()
                        component[member] = count
                        if member == node:
                            break
    return component


def _remaining(statement: AnyStatement, fixed: Fixed) -> list[Axis]:
    return [axis for axis in statement.classes if axis not in fixed and not axis.unrolled]


def _nested_with_first(axes: list[Axis], group: Group) -> list[Axis]:
    """The axes that are loops around or inside one another with the first, directly or through others."""
    reached = {axes[0]}
    together = [s.classes for s in group if isinstance(s, Statement)]
    while True:
        more = {axis for classes in together if classes & reached for axis in classes} - reached
        if not more:
            return [axis for axis in axes if axis in reached]
        reached |= more


def _open_axes(group: Group, fixed: Fixed, *, unrolled: bool) -> list[Axis]:
    found: dict[Axis, int] = {}
    for statement in group:
        if isinstance(statement, Statement):
            for axis in statement.classes:
                if axis not in fixed and axis.unrolled == unrolled:
                    found[axis] = found.get(axis, 0) + 1
    return sorted(found, key=lambda a: (-found[a] * a.extent, a.serial))
