"""Which variables a stretch of emitted text reads before it assigns to them, on some way through it.

The text is plain: assignments to names and elements, counted loops, conditions, calls. Loops whose bounds the text
knows are run, but for those over nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence


def needed(lines: Sequence[str]) -> set[str]:
    """The names that indented lines may read before they are assigned to."""
    found: set[str] = set()
    (function,) = ast.parse("\n".join(["def f():", *lines])).body
    assert isinstance(function, ast.FunctionDef)
    _follow(function.body, set(), found)
    return found


def _follow(statements: Sequence[ast.stmt], assigned: set[str], found: set[str]) -> None:
    """Add what the statements need to ``found``, what they assign on every way through to ``assigned``."""
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                found |= _read(value) - assigned
                assigned.add(name)
            case ast.AugAssign(target=ast.Name(name)):
                found |= ({name} | _read(statement.value)) - assigned
            case ast.For(target=ast.Name(name), iter=turns, body=body):
                found |= _read(turns) - assigned
                inside = {*assigned, name}
                _follow(body, inside, found)
                if _is_run(turns):
                    assigned |= inside
            case ast.While(test=test, body=body):
                found |= _read(test) - assigned
                _follow(body, set(assigned), found)
            case ast.If(test=test, body=body, orelse=orelse):
                found |= _read(test) - assigned
                then, otherwise = set(assigned), set(assigned)
                _follow(body, then, found)
                _follow(orelse, otherwise, found)
                assigned |= then & otherwise
            case _:
                found |= _read(statement) - assigned


def _is_run(turns: ast.expr) -> bool:
    """Whether the text says that a loop has turns."""
    assert isinstance(turns, ast.Call)
    bounds = [_number(bound) for bound in turns.args]
    known = [bound for bound in bounds if bound is not None]
    return len(known) == len(bounds) and len(range(*known)) > 0


def _number(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(int(value)):
            return value
        case ast.UnaryOp(ast.USub(), operand):
            return None if (number := _number(operand)) is None else -number
        case ast.BinOp(left, ast.Sub(), right):
            first, second = _number(left), _number(right)
            return None if first is None or second is None else first - second
    return None


def _read(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
