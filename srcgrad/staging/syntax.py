"""Pieces of syntax trees that the rewriting puts together."""

from __future__ import annotations

import ast
from typing import Any

#: the global name under which rewritten code finds the run-time helpers
RUNTIME = "$sg"


def no_parameters(names: tuple[str, ...] = ()) -> ast.arguments:
    """No parameters, or some without defaults."""
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])


def key(node: ast.expr) -> ast.expr:
    """What stands between the brackets, as an expression."""
    if isinstance(node, ast.Tuple):
        return ast.copy_location(ast.Tuple([key(part) for part in node.elts], ast.Load()), node)
    if isinstance(node, ast.Slice):
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return ast.copy_location(helper("slice", *parts), node)
    return node


def target_names(target: ast.expr) -> list[str] | None:
    """The names that a plain target, or a tuple of these, binds; None for any other target."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(set(names)) == len(parts) else None


def names_something(node: ast.AST) -> bool:
    """Whether an expression assigns to names."""
    return any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))


def helper(name: str, *args: ast.expr) -> ast.expr:
    """A call of a run-time helper."""
    made = ast.Call(ast.Attribute(ast.Name(RUNTIME, ast.Load()), name, ast.Load()), [*args], [])
    return ast.copy_location(made, args[0]) if args and hasattr(args[0], "lineno") else made


def lambda_(body: ast.expr) -> ast.expr:
    """A function without parameters."""
    made = ast.Lambda(no_parameters(), body)
    return ast.copy_location(made, body) if hasattr(body, "lineno") else made


def load(name: str) -> ast.Name:
    """A variable that is read."""
    return ast.Name(name, ast.Load())


def constants(*values: Any) -> list[ast.expr]:
    """Literals."""
    return [ast.Constant(value) for value in values]


def declaration(name: str, place: ast.AST) -> ast.stmt:
    """``name: None``: makes it a variable of the function, and does nothing."""
    return at(ast.AnnAssign(ast.Name(name, ast.Store()), ast.Constant(None), None, 1), place)


def at(node: ast.stmt, place: ast.AST) -> ast.stmt:
    """A statement with the line of another node."""
    return ast.fix_missing_locations(ast.copy_location(node, place))


class Private(ast.NodeTransformer):
    """Private names of a class, as the compiler would write them."""

    def __init__(self, owner: str) -> None:
        self.prefix = "_" + owner.lstrip("_")

    def _mangled(self, name: str) -> str:
        return self.prefix + name if name.startswith("__") and not name.endswith("__") else name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._mangled(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        node.attr = self._mangled(node.attr)
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._mangled(node.arg)
        return node
