"""Which variables a piece of code writes and reads, and which are live: read later, before they are written again."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

Names = frozenset[str]
_NONE: Names = frozenset()
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONSUMERS = ("all", "any", "dict", "frozenset", "list", "max", "min", "set", "sorted", "sum", "tuple")


def written(nodes: Iterable[ast.AST]) -> Names:
    """The variables that the code binds in its own scope."""
    found: set[str] = set()

    def visit(node: Any, inside_comprehension: bool) -> None:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and not inside_comprehension:
            found.add(node.id)
        elif isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
            visit(node.value, inside_comprehension)
            return
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            return
        elif isinstance(node, ast.Lambda):
            return
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        inside = inside_comprehension or isinstance(node, _COMPREHENSIONS)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    for node in nodes:
        visit(node, False)
    return frozenset(found)


def _perhaps_written(node: ast.AST) -> set[str]:
    """The variables that an expression binds only if it comes to that."""
    found: set[str] = set()
    for part in ast.walk(node):
        later: list[ast.AST] = []
        if isinstance(part, ast.BoolOp):
            later = [*part.values[1:]]
        elif isinstance(part, ast.IfExp):
            later = [part.body, part.orelse]
        elif isinstance(part, ast.Compare):
            later = [*part.comparators[1:]]
        elif isinstance(part, _COMPREHENSIONS):
            later = [part]
        found |= {name.target.id for one in later for name in ast.walk(one) if isinstance(name, ast.NamedExpr)}
    return found


def declared(nodes: Iterable[ast.AST], kind: type[ast.Global] | type[ast.Nonlocal]) -> Names:
    """The names of the `global` (or `nonlocal`) statements of this scope."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, kind):
            found.update(node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            found |= declared(ast.iter_child_nodes(node), kind)
    return frozenset(found)


def parameters(args: ast.arguments) -> Names:
    """The names of a function's parameters."""
    every = (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg)))
    return frozenset(arg.arg for arg in every)


def read(*nodes: ast.AST | None) -> Names:
    """The variables of this scope that the code reads, also inside functions that it makes."""
    found: set[str] = set()
    for node in nodes:
        if node is None:
            continue
        if isinstance(node, ast.Name):
            found |= {node.id} if isinstance(node.ctx, ast.Load) else set()
        elif isinstance(node, ast.Lambda):
            found |= (read(node.body) - parameters(node.args)) | read(*node.args.defaults, *node.args.kw_defaults)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            free = read(*node.body) - parameters(node.args)
            local = written(node.body) - declared(node.body, ast.Nonlocal)
            found |= (free - local) | declared(node.body, ast.Nonlocal)
            found |= read(*node.args.defaults, *node.args.kw_defaults, *node.decorator_list)
        elif isinstance(node, _COMPREHENSIONS):
            own = {name.id for part in node.generators for name in ast.walk(part.target) if isinstance(name, ast.Name)}
            found |= read(*ast.iter_child_nodes(node)) - own
            found |= read(node.generators[0].iter)
        else:
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            found |= read(*ast.iter_child_nodes(node))
    return frozenset(found)


def captured(nodes: Iterable[ast.AST]) -> Names:
    """The variables that functions and generators made in this code read, whenever they are called."""
    found: Names = _NONE
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
            found |= read(node)
        found |= captured(ast.iter_child_nodes(_consumed(node) or node))
    return found


def _consumed(node: ast.AST) -> ast.GeneratorExp | None:
    """``... for x in xs`` of ``sum(... for x in xs)`` and the like: it has come to its end when the call returns."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CONSUMERS:
        only = node.args[0] if len(node.args) == 1 else None
        return only if isinstance(only, ast.GeneratorExp) else None
    return None


class Liveness:
    """Goes through a body without jumps from its end, and leaves on loops and branches what they need to know.

    For: ``carried`` (an iteration reads what an earlier one, or the code before the loop, wrote) and ``leaving`` (read
    after the loop); If: ``leaving``. ``always`` are the variables that are taken to be read at any time.
    """

    def __init__(self, always: Names) -> None:
        self.always = always

    def block(self, block: Sequence[ast.stmt], out: Names) -> Names:
        for statement in reversed(block):
            out = self.statement(statement, out) | self.always
        return out

    def statement(self, node: Any, out: Names) -> Names:
        """What is live before a statement after which ``out`` is."""
        match type(node).__name__:
            case "If":
                node.leaving = out
                return self.block(node.body, out) | self.block(node.orelse, out) | read(node.test)
            case "For" | "While":
                return self._loop(node, out)
            case "With":
                bound = written([item.optional_vars for item in node.items if item.optional_vars])
                return (self.block(node.body, out) - bound) | read(*(item.context_expr for item in node.items))
            case "Try" | "TryStar" | "Match":
                every = out | read(node)
                for name in ("body", "orelse", "finalbody"):
                    self.block(getattr(node, name, []), every)
                for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                    self.block(part.body, every)
                return every
            case "Return" | "Raise":
                return read(node)
            case "Assign" | "AnnAssign" | "AugAssign" | "Delete" | "Import" | "ImportFrom":
                return (out - (written([node]) - _perhaps_written(node))) | read(node)
            case "FunctionDef" | "AsyncFunctionDef" | "ClassDef":
                return (out - {node.name}) | read(node)
        return out | read(node)

    def _loop(self, node: Any, out: Names) -> Names:
        flags = frozenset(getattr(node, "stop_flags", ()))
        is_for = isinstance(node, ast.For)
        targets = written([node.target]) if is_for else _NONE
        tested = flags if is_for else flags | read(node.test)
        head = out | tested
        while True:
            carried = self.block(node.body, head) - targets
            if carried <= head:
                break
            head |= carried
        node.carried, node.leaving = carried | tested, out
        return carried | head | (read(node.iter, node.target) if is_for else _NONE)


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_path(node: ast.expr) -> bool:
    """Whether it is a variable, or an attribute of an attribute of one: evaluating it twice does no harm."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
