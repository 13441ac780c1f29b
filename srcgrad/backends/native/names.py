"""Which variables of a function need memory, and which are just names of values.

A variable whose every use sees one known assignment, the last one before it in the text, is a name: no address, no
load, no store. That is so where the assignment lies in a block around the use, and no loop around the use, inside of
that block, assigns again after the use.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass

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
