"""Recompute rather than store: a cheap value that one loop would keep for another is computed again there.

    loop A: pre = ...; h = max(pre, 0); mask = pre >= 0          loop A: pre = ...
    loop B: reads h and mask                              ->     loop B: h = max(pre, 0); mask = pre >= 0, where read

A value may be recomputed from inputs, from constants, and from values that are stored anyway; or from one that
is not yet stored, where storing that one makes two or more others unnecessary.

A mask is made of comparisons that nobody stores: they are written out in it.

A value that its loop also stores as a part of another (with zeros around it, say) is read there.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.core.target import Target
from srcgrad.schedule.axes import inner_programs
from srcgrad.schedule.dependence import are_apart
from srcgrad.schedule.ir import (
    Affine,
    AnyStatement,
    Apply,
    Convert,
    Dynamic,
    Expr,
    Index,
    Load,
    Loop,
    Program,
    Start,
    Statement,
    Value,
    cost_of,
    loads,
    walk,
)
from srcgrad.schedule.substitution import substitute_expr

#: most expensive expression that is computed again, in multiplications
CHEAP = 3.0


def recompute_in_place(program: Program, target: Target) -> Program:
    """Replace reads across loops by their expressions, in this program and in those inside its regions."""
    for statement in program.statements:
        for inner in inner_programs(statement):
            recompute_in_place(inner, target)
    for _ in range(4):
        if not _Pass(program).run():
            break
    return program


class _Pass:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.paths: dict[AnyStatement, tuple[Loop, ...]] = {}
        self.writers: dict[Value, list[AnyStatement]] = {}
        self.readers: dict[Value, list[AnyStatement]] = {}
        self.outputs = set(program.outputs)
        assert program.tree is not None
        for entry, path in walk(program.tree):
            if isinstance(entry, Start):
                continue
            self.paths[entry] = path
            for value in entry.writes():
                self.writers.setdefault(value, []).append(entry)
            for value in {load.value for load in entry.reads()}:
                self.readers.setdefault(value, []).append(entry)

    def run(self) -> bool:
        """One round; whether anything changed."""
        stored = [value for value in self.writers if self.crosses(value)]
        candidates = [value for value in stored if self.is_cheap(value)]
        kept = set(stored)
        exprs = {value: self.written_out(value, kept) for value in candidates}
        ready = [value for value in candidates if _temporaries(exprs[value]) <= kept]
        chosen = [value for value in ready if not _temporaries(exprs[value]) & set(ready)]
        if not chosen:
            chosen = self.through_one_more(candidates, kept)
        changed = False
        for value in stored:
            copy = self.copy_of(value)
            if copy is not None and value not in chosen and self.inline(value, *copy):
                changed = True
                self.order_as_in_tree()
        for value in chosen:
            (writer,) = self.writers[value]
            assert isinstance(writer, Statement)
            changed |= self.inline(value, writer.index, exprs[value])
        return changed

    def order_as_in_tree(self) -> None:
        """Who reads a copy has to come after it."""
        order = {entry: number for number, entry in enumerate(self.paths)}
        self.program.statements.sort(key=order.__getitem__)

    def written_out(self, value: Value, stored: set[Value]) -> Expr:
        """What a value is computed from; a mask from what is stored, ``(x == top) | isnan(x)``, where that is cheap.

        To store a mask is expensive: vectors of comparisons are packed to bytes, and unpacked by who reads them.
        """
        (writer,) = self.writers[value]
        assert isinstance(writer, Statement)
        expr: Expr | None = writer.expr
        while value.dtype.kind == "b" and expr is not None and cost_of(expr) <= CHEAP:
            missing = next((load.value for load in loads(expr) if self.is_part(load.value, stored)), None)
            if missing is None:
                return expr
            (source,) = self.writers[missing]
            assert isinstance(source, Statement)
            expr = _replace_loads(expr, missing, source.index, source.expr)
        return writer.expr

    def is_part(self, value: Value, stored: set[Value]) -> bool:
        known = value in stored or value.role != "temporary"
        return not known and len(self.writers.get(value, ())) == 1 and self.is_cheap(value)

    def copy_of(self, value: Value) -> tuple[tuple[Index, ...], Expr] | None:
        """Where else the loop that writes a value stores all of it: an index into the value, and what is there."""
        (writer,) = self.writers[value]
        for reader in self.readers.get(value, ()):
            if (
                isinstance(writer, Statement)
                and isinstance(reader, Statement)
                and isinstance(reader.expr, Load)
                and reader.expr.value is value
                and _is_same(reader.expr.index, writer.index)
                and self.paths[reader] == self.paths[writer]
                and not (writer.combine or reader.combine)
                and all(isinstance(index, Affine) for index in reader.index)
                and all(self.is_apart(other, reader) for other in self.writers[reader.target] if other is not reader)
            ):
                return writer.index, Load(reader.target, reader.index)
        return None

    def is_apart(self, other: AnyStatement, writer: Statement) -> bool:
        return isinstance(other, Statement) and are_apart(other.index, writer.index)

    def through_one_more(self, candidates: list[Value], stored: set[Value]) -> list[Value]:
        """Values that storing one more value would make recomputable, where that saves bytes."""
        groups: dict[Value, list[Value]] = {}
        for value in candidates:
            missing = self.operands(value) - stored
            if len(missing) == 1:
                groups.setdefault(next(iter(missing)), []).append(value)
        for operand, group in groups.items():
            if len(operand.shape) and sum(v.dtype.itemsize for v in group) > operand.dtype.itemsize and len(group) > 1:
                return group
        return []

    def crosses(self, value: Value) -> bool:
        """Whether some reader lies outside the innermost loop of the value's only writer."""
        writers = self.writers[value]
        if len(writers) != 1 or value.mutable or value in self.outputs:
            return False
        return any(self.is_outside(reader, writers[0]) for reader in self.readers.get(value, ()))

    def is_outside(self, reader: AnyStatement, writer: AnyStatement) -> bool:
        path = self.paths[writer]
        return bool(path) and self.paths[reader][: len(path)] != path

    def is_cheap(self, value: Value) -> bool:
        (writer,) = self.writers[value]
        return (
            isinstance(writer, Statement)
            and not writer.combine
            and not writer.onto
            and writer.target.role == "temporary"
            and len(writer.axes) == sum(axis is not None for axis in value.axes)
            and all(getattr(index, "axis", None) or not value.axes[dim] for dim, index in enumerate(writer.index))
            and cost_of(writer.expr) <= CHEAP
            and not any(isinstance(index, Dynamic) for load in loads(writer.expr) for index in load.index)
            and all(self.is_steady(load.value) for load in loads(writer.expr))
        )

    def is_steady(self, value: Value) -> bool:
        """Whether a value stays the same once it is written."""
        if value.mutable:
            return False
        return value.role in ("input", "constant") or len(self.writers.get(value, ())) == 1

    def operands(self, value: Value) -> set[Value]:
        (writer,) = self.writers[value]
        assert isinstance(writer, Statement)
        return _temporaries(writer.expr)

    def inline(self, value: Value, index: tuple[Index, ...], expr: Expr) -> bool:
        """Put an expression where readers outside the value's loop load it: what the value has at an index."""
        (writer,) = self.writers[value]
        changed = False
        for reader in self.readers[value]:
            if isinstance(reader, Statement) and reader.product is None and self.is_outside(reader, writer):
                new = _replace_loads(reader.expr, value, index, expr)
                if new is not None and new is not reader.expr:
                    reader.expr = new
                    changed = True
        return changed


def _temporaries(expr: Expr) -> set[Value]:
    return {load.value for load in loads(expr) if load.value.role == "temporary"}


def _is_same(a: tuple[Index, ...], b: tuple[Index, ...]) -> bool:
    """Whether two indices are the same axes."""
    return all(
        isinstance(x, Affine) and isinstance(y, Affine) and x.axis is y.axis and len(x.terms) == len(y.terms) < 2
        for x, y in zip(a, b, strict=True)
    )


def _replace_loads(expr: Expr, value: Value, index: tuple[Index, ...], new: Expr) -> Expr | None:
    """The expression with loads of a value replaced by what it has at an index; None where an index has no form."""
    if isinstance(expr, Load):
        if expr.value is not value:
            return expr
        axes: dict[object, Index] = {}
        for written, read in zip(index, expr.index, strict=True):
            axis = getattr(written, "axis", None)
            if axis is not None:
                axes[axis] = read
        return substitute_expr(new, axes)  # type: ignore[arg-type]
    if isinstance(expr, Apply):
        args = [_replace_loads(arg, value, index, new) for arg in expr.args]
        if any(arg is None for arg in args):
            return None
        same = all(a is b for a, b in zip(args, expr.args, strict=True))
        return expr if same else replace(expr, args=tuple(args))  # type: ignore[arg-type]
    if isinstance(expr, Convert):
        arg = _replace_loads(expr.arg, value, index, new)
        return None if arg is None else expr if arg is expr.arg else replace(expr, arg=arg)
    return expr
