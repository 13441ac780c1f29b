"""`match` over values as a chain of `if`, which may then depend on what is traced.

    match a:                              $subject0 = a
        case 0: one                       if $subject0 == 0: one
        case 1 | 2 if c: two              elif ($subject0 == 1 or $subject0 == 2) and c: two
        case other: three                 else: other = $subject0; three

Patterns that look into what they match (sequences, mappings, classes) depend on its structure, which is known while the
function is traced: a statement with one of them stays as it is.
"""

from __future__ import annotations

import ast
import itertools


class WithoutMatches(ast.NodeTransformer):
    """Rewrites every `match` that compares values only."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def visit_Match(self, node: ast.Match) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        subject = f"$subject{next(self._numbers)}"
        made: list[ast.stmt] = []
        for case in reversed(node.cases):
            test = _test(case.pattern, subject)
            name = _captured(case.pattern)
            if test is None or (name is not None and case.guard is not None):
                return node
            body = [*case.body]
            if name is not None:
                bind = ast.Assign([ast.Name(name, ast.Store())], ast.Name(subject, ast.Load()))
                body.insert(0, _at(bind, case.pattern))
            if case.guard is not None:
                always = isinstance(test, ast.Constant)
                test = case.guard if always else ast.BoolOp(ast.And(), [test, case.guard])
            if isinstance(test, ast.Constant):
                made = body
            else:
                made = [_at(ast.If(test, body, made), case.pattern)]
        return [_at(ast.Assign([ast.Name(subject, ast.Store())], node.subject), node), *made]


def _test(pattern: ast.pattern, subject: str) -> ast.expr | None:
    """Whether the subject matches, as an expression; ``True`` where anything does, None where it cannot be said."""
    value = ast.Name(subject, ast.Load())
    match pattern:
        case ast.MatchValue(value=expected):
            return ast.Compare(value, [ast.Eq()], [expected])
        case ast.MatchSingleton(value=expected):
            return ast.Compare(value, [ast.Is()], [ast.Constant(expected)])
        case ast.MatchAs(pattern=None):
            return ast.Constant(True)
        case ast.MatchOr(patterns=patterns):
            tests = [_test(part, subject) for part in patterns]
            plain = [test for test in tests if test is not None and not isinstance(test, ast.Constant)]
            return ast.BoolOp(ast.Or(), [*plain]) if len(plain) == len(tests) else None
    return None


def _captured(pattern: ast.pattern) -> str | None:
    return pattern.name if isinstance(pattern, ast.MatchAs) else None


def _at(node: ast.stmt, place: ast.AST) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(node, place))
