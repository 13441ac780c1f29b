"""The text form of a scheduled program: one line a statement, loops and regions indented.

t[i] = add over j of x[i, j] * w[j]  for i in 100, j in 3        before fusion: each statement has its own axes
for i in 100: t[i] = add over j of ...                           after it: the tree, with merged axes
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Axis,
    Block,
    BranchRegion,
    Const,
    Convert,
    Delinearised,
    Dynamic,
    Expr,
    Index,
    IndexValue,
    Item,
    LibraryCall,
    Load,
    Loop,
    LoopRegion,
    Program,
    Section,
    Start,
    Statement,
    Value,
    WhileRegion,
)
from srcgrad.schedule.storage import Storage

AXIS_NAMES = "ijklmnpqrs"
_ATOM = re.compile(r"[\w.]+(\[[^\[\]]*\])?|\w+\([^()]*\)")


def program_text(program: Program) -> str:
    """The statements of a program; once it is fused, its tree."""
    return "\n".join(_Names(program).program(program))


def storage_text(program: Program, storage: Storage) -> str:
    """Where each value lives, in the order of first use: one line a value."""
    names = _Names(program)
    lines = []
    for value, place in storage.places.items():
        kept = ", ".join(names.axis(axis) for dim in place.kept if (axis := value.axes[dim]) is not None)
        lines.append(f"{names.value(value)}[{kept}]: {place.kind}" if kept else f"{names.value(value)}: {place.kind}")
    return "\n".join(lines)


def axis_names() -> Iterator[str]:
    """What axes and the indices of loops are called: i, j, ..., then i1, j1, ..."""
    return (f"{letter}{number or ''}" for number in itertools.count() for letter in AXIS_NAMES)


class _Names:
    """Names for values in the order of the statements, and for axes in the order in which the text needs them."""

    def __init__(self, program: Program) -> None:
        self._values: dict[Value, str] = {}
        self._axes: dict[Axis, str] = {}
        self._taken: set[str] = set(AXIS_NAMES)
        for value in program.inputs:
            self.value(value)
        self.enter(program)

    def value(self, value: Value) -> str:
        if value not in self._values:
            stem = value.name or "t"
            numbered = (f"{stem}{n or ''}" for n in range(int(value.is_step), len(self._taken) + 2))
            self._values[value] = next(name for name in numbered if name not in self._taken)
            self._taken.add(self._values[value])
        return self._values[value]

    def axis(self, axis: Axis) -> str:
        axis = axis.find()
        if axis not in self._axes:
            used = {*self._axes.values(), *self._values.values()}
            self._axes[axis] = next(name for name in axis_names() if name not in used)
        return self._axes[axis]

    # programs

    def enter(self, program: Program) -> None:
        """Name what the statements write, in their order: the same names before fusion and after it."""
        for statement in program.statements:
            for inner in inner_programs(statement):
                self.enter(inner)
            for value in statement.writes():
                self.value(value)

    def program(self, program: Program, indent: str = "") -> Iterator[str]:
        if program.is_cut_short:
            yield f"{indent}# the search for the order of these loops was cut short: see settings.search_effort"
        if program.tree is not None:
            yield from self.block(program.tree, indent)
            return
        for statement in program.statements:
            lines = list(self.item(statement, indent))
            if isinstance(statement, Statement) and statement.axes:
                lines[-1] += f"  for {', '.join(f'{self.axis(a)} in {a.extent}' for a in statement.axes)}"
            yield from lines

    def block(self, block: Block, indent: str) -> Iterator[str]:
        for entry in block.items:
            yield from self.item(entry, indent)

    def item(self, entry: Item, indent: str) -> Iterator[str]:
        inside = indent + "    "
        match entry:
            case Loop():
                how = "unrolled " if entry.axis.unrolled else "split " if entry.parallel else ""
                yield f"{indent}{how}for {self.axis(entry.axis)} in {entry.axis.extent}:"
                yield from self.block(entry.body, inside)
            case Section():
                yield f"{indent}section:"
                yield from self.block(entry.body, inside)
            case Start():
                yield f"{indent}start {self.target(entry.statement)}"
            case LoopRegion():
                order = "downwards" if entry.reverse else "upwards"
                count = self.expr(entry.trip_count)
                yield f"{indent}loop {self.value(entry.counter)}, {count} iterations {order}:"
                yield from self.program(entry.body, inside)
            case WhileRegion():
                yield f"{indent}while:"
                yield from self.program(entry.condition, inside)
                yield f"{indent}holds {self.expr(entry.predicate)}:"
                yield from self.program(entry.body, inside)
            case BranchRegion():
                yield f"{indent}if {self.expr(entry.predicate)}:"
                yield from self.program(entry.then, inside)
                yield f"{indent}else:"
                yield from self.program(entry.orelse, inside)
            case _:
                yield indent + self.statement(entry)

    def statement(self, statement: AnyStatement) -> str:
        if isinstance(statement, LibraryCall):
            targets = ", ".join(map(self.value, statement.targets))
            operands = ", ".join([*map(self.value, statement.operands), *map(repr, statement.numbers)])
            return f"{targets} = {statement.function}({operands})"
        assert isinstance(statement, Statement)
        what = self.expr(statement.expr if statement.key is None else statement.key)
        if statement.combine is None:
            return f"{self.target(statement)} = {what}"
        onto = " onto it" if statement.onto else ""
        over = f" over {', '.join(map(self.axis, statement.reduced))} of" if statement.reduced else ""
        product = " (product)" if statement.product else ""
        return f"{self.target(statement)} = {statement.combine}{onto}{over} {what}{product}"

    def target(self, statement: Statement) -> str:
        return self.element(statement.target, statement.index)

    # expressions

    def element(self, value: Value, index: Iterable[Index]) -> str:
        parts = ", ".join(map(self.index, index))
        return f"{self.value(value)}[{parts}]" if parts else self.value(value)

    def expr(self, expr: Expr) -> str:
        match expr:
            case Load():
                return self.element(expr.value, expr.index)
            case Const():
                return str(expr.value)
            case Convert():
                return f"{expr.dtype}({self.expr(expr.arg)})"
            case IndexValue():
                return self.index(expr.index)
            case Apply():
                args = [self.expr(arg) for arg in expr.args]
                return expr.formula.format(*(arg if _ATOM.fullmatch(arg) else f"({arg})" for arg in args))
        raise AssertionError(expr)

    def index(self, index: Index) -> str:
        match index:
            case Affine():
                return self.affine(index)
            case Delinearised():
                return f"coordinate {index.position} of {self.affine(index.flat)} in {index.extents}"
            case Dynamic():
                return self.expr(index.expr)

    def affine(self, index: Affine) -> str:
        terms = [f"{'' if c == 1 else '-' if c == -1 else f'{c} * '}{self.axis(axis)}" for axis, c in index.terms]
        if index.const or not terms:
            terms.append(str(index.const))
        return " + ".join(terms).replace("+ -", "- ")
