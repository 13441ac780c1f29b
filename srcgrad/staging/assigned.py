"""Which reads of variables are certain to find a value: definite assignment, forwards through a body without jumps.

A read that is not certain gets the mark ``maybe``: the rewriting lets it ask whether the variable is bound.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from srcgrad.staging.variables import Names, parameters, written

_EVERY_PATH_RAISES = None
_Have = frozenset[str] | None
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def loose(body: Sequence[ast.stmt]) -> Names:
    """The variables that may be without a value at some time: bound in a block, or deleted."""
    found: set[str] = set()
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_block = hasattr(statement, "body") or isinstance(statement, ast.Delete | ast.Match)
            found |= written([statement]) if is_block else _conditional(statement)
    return frozenset(name for name in found if not name.startswith("$"))


def _conditional(statement: ast.AST) -> set[str]:
    return {part.target.id for part in ast.walk(statement) if isinstance(part, ast.NamedExpr)}


class Assignment:
    """Marks the uncertain reads among ``names``; ``deleted`` are those that a `del` may take away at any time."""

    def __init__(self, names: Names, body: Sequence[ast.stmt]) -> None:
        self.names = frozenset(name for name in names if not name.startswith("$"))
        self.deleted = frozenset(
            name for part in body for node in ast.walk(part) if (name := _deleted(node)) is not None
        )

    def block(self, block: Sequence[ast.stmt], have: _Have) -> _Have:
        """The variables that have a value after the block, if these have one before; None where its end is not
        reached.
        """
        for statement in block:
            have = self.statement(statement, self.names if have is None else have)
        return have

    def statement(self, node: Any, have: Names) -> _Have:
        """As `block`, for one statement."""
        ends: _Have
        match type(node).__name__:
            case "If":
                have = self.reads(node.test, have)
                return _either(self.block(node.body, have), self.block(node.orelse, have))
            case "For" | "AsyncFor":
                have = self.reads(node.iter, have)
                self.block(node.body, have | written([node.target]))
                return have
            case "While":
                have = self.reads(node.test, have)
                self.block(node.body, have)
                return have
            case "With" | "AsyncWith":
                for item in node.items:
                    have = self.reads(item.context_expr, have)
                    have |= written([item.optional_vars]) if item.optional_vars else frozenset()
                return self.block(node.body, have)
            case "Try" | "TryStar":
                ends = self.block(node.orelse, self.block(node.body, have))
                for handler in node.handlers:
                    caught = self.block(handler.body, have | ({handler.name} if handler.name else set()))
                    if caught is not None and handler.name:
                        caught -= {handler.name}
                    ends = _either(ends, caught)
                final = self.block(node.finalbody, have)
                return None if ends is None or final is None else ends | final
            case "Match":
                have = self.reads(node.subject, have)
                ends = have
                for case in node.cases:
                    inside = have | written([case.pattern])
                    inside = self.reads(case.guard, inside) if case.guard else inside
                    ends = _either(ends, self.block(case.body, inside))
                return ends
            case "FunctionDef" | "AsyncFunctionDef":
                for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
                    have = self.reads(part, have)
                return have | {node.name}
            case "Raise":
                self.all(ast.iter_child_nodes(node), have)
                return _EVERY_PATH_RAISES
            case "Delete":
                for target in node.targets:
                    self.reads(target, have)
                    self.mark(target, have)
                return have - written(node.targets)
            case "AugAssign" if isinstance(node.target, ast.Name):
                self.mark(node.target, have)
                return self.reads(node.value, have) | {node.target.id}
        return self.all(ast.iter_child_nodes(node), have) | written([node])

    def mark(self, node: Any, have: Names) -> None:
        if isinstance(node, ast.Name) and node.id in self.names and node.id not in have:
            node.maybe = True  # type: ignore[attr-defined]

    def all(self, nodes: Iterable[ast.AST], have: Names) -> Names:
        for node in nodes:
            have = self.reads(node, have)
        return have

    def reads(self, node: Any, have: Names) -> Names:
        """Mark the reads in an expression; what has a value after it."""
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.mark(node, have)
            return have
        if isinstance(node, ast.NamedExpr):
            return self.reads(node.value, have) | {node.target.id}
        if isinstance(node, ast.Lambda):
            self.all((*node.args.defaults, *filter(None, node.args.kw_defaults)), have)
            self.reads(node.body, (have - self.deleted) | parameters(node.args))
            return have
        if isinstance(node, _COMPREHENSIONS):
            self.reads(node.generators[0].iter, have)
            own = {part.id for g in node.generators for part in ast.walk(g.target) if isinstance(part, ast.Name)}
            self.all(ast.iter_child_nodes(node), have | own)
            return have
        if isinstance(node, ast.BoolOp):
            first = self.reads(node.values[0], have)
            self.all(node.values[1:], first)
            return first
        if isinstance(node, ast.IfExp):
            have = self.reads(node.test, have)
            return self.reads(node.body, have) & self.reads(node.orelse, have)
        return self.all(ast.iter_child_nodes(node), have)


def _either(a: _Have, b: _Have) -> _Have:
    return b if a is None else a if b is None else a & b


def _deleted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
        return node.id
    return node.name if isinstance(node, ast.ExceptHandler) else None
