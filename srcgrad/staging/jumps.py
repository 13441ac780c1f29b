"""`break`, `continue`, early `return` and loops' `else` as flags: then control leaves a statement only at its end.

    if c: return a          if c: value = a                   for x in xs:              broken = False
    rest                    else: rest                            if c: break           for x in xs  (until broken):
                            return value                          rest                      if c: broken = True
                                                                                            else: rest

What follows a branch that surely jumps moves into the other branch, so that most flags are never read. Where a branch
may jump or not, what follows is guarded by the flags.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

VALUE, DONE = "$value", "$done"
Block = list[ast.stmt]
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass
class _Loop:
    """The flags of the innermost loop."""

    number: int
    jumps: set[str] = field(default_factory=set)

    @property
    def broken(self) -> str:
        return f"$broken{self.number}"

    @property
    def skipped(self) -> str:
        return f"$skipped{self.number}"


def without_jumps(body: Block) -> Block:
    """A function's body with at most one `return`, at its end, and loops that carry ``stop_flags``."""
    if not any(_jumps(statement) for statement in body):
        return body
    if not _always_leaves(body):
        body = [*body, _at(ast.Return(ast.Constant(None)), body[-1])]
    lowered = _Jumps().block(body, None)
    end = body[-1]
    return [_set(DONE, False, body[0]), *lowered, _at(ast.Return(ast.Name(VALUE, ast.Load())), end)]


def between_yields(body: Sequence[ast.stmt]) -> Block:
    """A generator's body: statements that yield or leave it stay Python's (``is_native``), the others have no jumps."""
    made: Block = []
    for statement in body:
        compound = not isinstance(statement, _SCOPES) and hasattr(statement, "body")
        if compound and (yields([statement]) or _leaves_by(statement)):
            statement.is_native = True  # type: ignore[attr-defined]
            for part in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                for name in ("body", "orelse", "finalbody"):
                    if getattr(part, name, None):
                        setattr(part, name, between_yields(getattr(part, name)))
            made.append(statement)
        elif isinstance(statement, ast.Return | ast.Break | ast.Continue):
            made.append(statement)
        else:
            made += _Jumps().block([statement], None)
    return made


def yields(nodes: Iterable[ast.AST]) -> bool:
    """Whether code gives a value to whoever iterates over its function."""
    for node in nodes:
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, _SCOPES | ast.Lambda) and yields(ast.iter_child_nodes(node)):
            return True
    return False


def _jumps(statement: ast.stmt) -> bool:
    """Whether it is or holds a jump or a loop with an `else`; a plain `return` at the end is none."""
    return not isinstance(statement, ast.Return) and any(_own_jumps(statement))


def _own_jumps(statement: ast.AST) -> Iterator[ast.AST]:
    is_jump = isinstance(statement, ast.Return | ast.Break | ast.Continue)
    if is_jump or (isinstance(statement, ast.For | ast.While) and statement.orelse):
        yield statement
    elif not isinstance(statement, _SCOPES | ast.expr):
        for child in ast.iter_child_nodes(statement):
            yield from _own_jumps(child)


def _leaves_by(statement: ast.stmt) -> set[str]:
    """The ways in which control may leave it other than at its end: return, break, continue."""
    if isinstance(statement, ast.Return | ast.Break | ast.Continue):
        return {type(statement).__name__.lower()}
    if isinstance(statement, _SCOPES):
        return set()
    found: set[str] = set()
    loops = isinstance(statement, ast.For | ast.While)
    for name in ("body", "orelse", "finalbody"):
        inner = set().union(*(_leaves_by(child) for child in getattr(statement, name, [])))
        found |= inner & {"return"} if loops and name == "body" else inner
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        found |= set().union(*(_leaves_by(child) for child in part.body))
    return found


def _always_leaves(block: Sequence[ast.stmt]) -> bool:
    """Whether control never reaches the end of the block."""
    for statement in block:
        if isinstance(statement, ast.Return | ast.Break | ast.Continue | ast.Raise):
            return True
        if isinstance(statement, ast.If) and _always_leaves(statement.body) and _always_leaves(statement.orelse):
            return True
        if isinstance(statement, ast.With) and _always_leaves(statement.body):
            return True
    return False


class _Jumps:
    def __init__(self) -> None:
        self.numbers: Iterator[int] = itertools.count()

    def block(self, block: Sequence[ast.stmt], loop: _Loop | None) -> Block:
        made: Block = []
        for position, statement in enumerate(block):
            rest = block[position + 1 :]
            if isinstance(statement, ast.Return | ast.Break | ast.Continue):
                return [*made, *self.jump(statement, loop)]
            ways = _leaves_by(statement)
            if isinstance(statement, ast.For | ast.While):
                made += self.loop(statement, loop)
            elif isinstance(statement, _SCOPES):
                made.append(statement)
            elif (
                ways and isinstance(statement, ast.If) and any(map(_always_leaves, (statement.body, statement.orelse)))
            ):
                return [*made, self.branch(statement, rest, loop)]
            else:
                made.append(self.inside(statement, loop))
            if ways and rest:
                flags = self.flags(ways, loop)
                guarded = self.block(rest, loop)
                return [*made, _unless(flags, guarded)]
        return made

    def jump(self, statement: ast.stmt, loop: _Loop | None) -> Block:
        if isinstance(statement, ast.Return):
            value = statement.value or ast.Constant(None)
            keep = _at(ast.Assign([ast.Name(VALUE, ast.Store())], value), statement)
            return [keep, _set(DONE, True, statement)]
        assert loop is not None, "break or continue outside of a loop"
        loop.jumps.add(type(statement).__name__.lower())
        return [_set(loop.broken if isinstance(statement, ast.Break) else loop.skipped, True, statement)]

    def branch(self, statement: ast.If, rest: Sequence[ast.stmt], loop: _Loop | None) -> ast.stmt:
        then, orelse = [*statement.body], [*statement.orelse]
        if not _always_leaves(then):
            then += rest
        elif not _always_leaves(orelse):
            orelse += rest
        body = self.block(then, loop) or [_at(ast.Pass(), statement)]
        return _at(ast.If(statement.test, body, self.block(orelse, loop)), statement)

    def inside(self, statement: ast.stmt, loop: _Loop | None) -> ast.stmt:
        """A branch or block, its parts lowered; the `else` of a `try` runs only where its body comes to its end."""
        is_try = isinstance(statement, ast.Try) or type(statement).__name__ == "TryStar"
        ways = set().union(*map(_leaves_by, statement.body)) if is_try else set()  # type: ignore[attr-defined]
        for name in ("body", "orelse", "finalbody"):
            if getattr(statement, name, None):
                setattr(statement, name, self.block(getattr(statement, name), loop))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            part.body = self.block(part.body, loop)
        if ways and getattr(statement, "orelse", None):
            statement.orelse = [_unless(self.flags(ways, loop), statement.orelse)]  # type: ignore[attr-defined]
        return statement

    def loop(self, statement: ast.For | ast.While, outer: _Loop | None) -> Block:
        own = _Loop(next(self.numbers))
        returns = any("return" in _leaves_by(child) for child in statement.body)
        body = self.block(statement.body, own)
        if "continue" in own.jumps:
            body = [_set(own.skipped, False, statement), *body]
        orelse, statement.body, statement.orelse = self.block(statement.orelse, outer), body, []
        flags = [own.broken] * ("break" in own.jumps) + [DONE] * returns
        statement.stop_flags = flags  # type: ignore[union-attr]
        made: Block = [_set(own.broken, False, statement)] if "break" in own.jumps else []
        made.append(statement)
        if orelse and flags:
            made.append(_unless(flags, orelse))
        else:
            made += orelse
        return made

    def flags(self, ways: set[str], loop: _Loop | None) -> list[str]:
        found = [DONE] if "return" in ways else []
        if loop is not None:
            found += [loop.broken] * ("break" in ways) + [loop.skipped] * ("continue" in ways)
        return found


def _unless(flags: Sequence[str], block: Block) -> ast.stmt:
    return _at(ast.If(_any(flags), [_at(ast.Pass(), block[0])], block), block[0])


def _any(flags: Sequence[str]) -> ast.expr:
    names: list[ast.expr] = [ast.Name(flag, ast.Load()) for flag in flags]
    return names[0] if len(names) == 1 else ast.BoolOp(ast.Or(), names)


def _set(name: str, value: bool, place: ast.AST) -> ast.stmt:
    return _at(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value)), place)


def _at(node: ast.stmt, place: ast.AST) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(node, place))
