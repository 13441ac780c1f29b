"""Which variables of a function need memory, and which are just names of values.

A variable whose every use sees one known assignment, the last one before it in the text, is a name: no address, no
load, no store. That is so where the assignment lies in a block around the use, and no loop around the use, inside of
that block, assigns again after the use.
"""

from __future__ import annotations

import ast
import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from srcgrad.kernel import ir
from srcgrad.kernel.names import defined, names_in

#: the blocks around a statement, from the outside in; True for the body of a loop
Path = tuple[tuple[int, bool], ...]


@dataclass(slots=True)
class _Access:
    stores: bool
    path: Path


def in_memory(function: ast.FunctionDef) -> set[str]:
    """The local variables that need memory."""
    accesses: dict[str, list[_Access]] = defaultdict(list)
    for argument in function.args.args:
        accesses[argument.arg].append(_Access(True, ()))
    _block(function.body, (), accesses)
    return {name for name, found in accesses.items() if any(a.stores for a in found) and not _is_name(found)}


def in_memory_of(function: ir.Function) -> set[str]:
    """The same of a function of the kernel IR."""
    accesses: dict[str, list[_Access]] = defaultdict(list)
    for parameter in function.parameters:
        accesses[parameter.name].append(_Access(True, ()))
    numbers = itertools.count()

    def read(node: Any, path: Path) -> None:
        for name in names_in(node):
            accesses[name].append(_Access(False, path))

    def visit(block: ir.Block, path: Path) -> None:
        for statement in block:
            inside = (*path, (next(numbers), not isinstance(statement, ir.If)))
            read(ir.arguments(statement), inside if isinstance(statement, ir.While) else path)
            for name in defined(statement):
                accesses[name.name].append(_Access(True, inside if isinstance(statement, ir.For) else path))
            if isinstance(statement, ir.Store) and isinstance(statement.target, ir.Variable):
                accesses[statement.target.name].append(_Access(True, path))
            if isinstance(statement, ir.If):
                visit(statement.body, inside)
                visit(statement.orelse, (*path, (next(numbers), False)))
            elif isinstance(statement, ir.For | ir.While):
                visit(statement.body, inside)

    visit(function.body, ())
    read(function.results, ())
    return {name for name, found in accesses.items() if any(a.stores for a in found) and not _is_name(found)}


def _is_name(accesses: list[_Access]) -> bool:
    last_store = {block: k for k, access in enumerate(accesses) if access.stores for block in access.path}
    known: Path | None = None
    for position, access in enumerate(accesses):
        if access.stores:
            known = access.path
            continue
        if known is None or access.path[: len(known)] != known:
            return False
        loops = [block for block in access.path[len(known) :] if block[1]]
        if any(last_store.get(block, 0) > position for block in loops):
            return False
    return True


def _block(statements: list[ast.stmt], path: Path, accesses: dict[str, list[_Access]]) -> None:
    for statement in statements:
        match statement:
            case ast.For(target=target, iter=span, body=body):
                _expression(span, path, accesses)
                inside = (*path, (id(statement), True))
                _expression(target, inside, accesses)
                _block(body, inside, accesses)
            case ast.While(test=test, body=body):
                inside = (*path, (id(statement), True))
                _expression(test, inside, accesses)
                _block(body, inside, accesses)
            case ast.If(test=test, body=body, orelse=orelse):
                _expression(test, path, accesses)
                _block(body, (*path, (id(body), False)), accesses)
                _block(orelse, (*path, (id(orelse), False)), accesses)
            case ast.Assign(targets=targets, value=value):
                _expression(value, path, accesses)
                for target in targets:
                    _expression(target, path, accesses)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _expression(value, path, accesses)
                _expression(target, path, accesses)
            case ast.AugAssign(target=target, value=value):
                _expression(value, path, accesses)
                if isinstance(target, ast.Name):
                    accesses[target.id].append(_Access(False, path))
                _expression(target, path, accesses)
            case _:
                _expression(statement, path, accesses)


def _expression(node: ast.AST, path: Path, accesses: dict[str, list[_Access]]) -> None:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            accesses[part.id].append(_Access(isinstance(part.ctx, ast.Store), path))
