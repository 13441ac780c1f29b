"""A failing program made small: statements go, blocks take the place of what holds them, expressions of themselves."""

from __future__ import annotations

import ast
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from tests.python_programs.program import Program

Candidate = Callable[[], Program | None]


def shrunk(program: Program, fails: Callable[[Program], bool], *, most: int = 800) -> Program:
    """The smallest program found, in at most so many trials, that still ``fails``."""
    program, trials, before = _normal(program), 0, ""
    while before != program.text:
        before = program.text
        for edits in (_without_statements, _unwrapped, _without_parameters, _simpler):
            position = 0
            while True:
                smaller = None
                for candidate in itertools.islice(edits(program), position, None):
                    made, position = candidate(), position + 1
                    if made is None or made.text == program.text:
                        continue
                    trials += 1
                    if trials > most:
                        return program
                    if fails(made):
                        smaller = made
                        break
                if smaller is None:
                    break
                program, position = smaller, position - 1
    return program


def _normal(program: Program) -> Program:
    return replace(program, text=ast.unparse(ast.parse(program.text)) + "\n")


def _edited(program: Program, tree: ast.Module, edit: Callable[[], Callable[[], None]]) -> Program | None:
    """The program after an edit of its tree, which is undone."""
    undo = edit()
    try:
        text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(text, "candidate", "exec")
    except (SyntaxError, ValueError, AttributeError, TypeError):
        return None
    finally:
        undo()
    return replace(program, text=text)


def _blocks(tree: ast.Module) -> list[tuple[ast.AST, str, list[ast.stmt]]]:
    found = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody", "handlers"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                found.append((node, name, block))
    return found


def _assigned(node: ast.AST, name: str, value: object) -> Callable[[], Callable[[], None]]:
    def edit() -> Callable[[], None]:
        before = getattr(node, name)
        setattr(node, name, value)
        return lambda: setattr(node, name, before)

    return edit


def _without_statements(program: Program) -> Iterator[Candidate]:
    tree = ast.parse(program.text)
    blocks = _blocks(tree)
    for size in (8, 4, 2, 1):
        for node, name, block in blocks:
            if size > len(block):
                continue
            for start in range(0, len(block) - size + 1, max(1, size // 2)):
                rest: list[ast.stmt] = block[:start] + block[start + size :]
                if not rest and name == "body":
                    if size == 1 and isinstance(block[0], ast.Pass):
                        continue
                    rest = [ast.Pass()]
                yield partial(_edited, program, tree, _assigned(node, name, rest))


def _unwrapped(program: Program) -> Iterator[Candidate]:
    tree = ast.parse(program.text)
    for node, name, block in _blocks(tree):
        for position, statement in enumerate(block):
            for part in ("body", "orelse", "finalbody"):
                inner = getattr(statement, part, None)
                if isinstance(statement, ast.FunctionDef | ast.ClassDef) or not isinstance(inner, list) or not inner:
                    continue
                rest = block[:position] + inner + block[position + 1 :]
                yield partial(_edited, program, tree, _assigned(node, name, rest))


def _without_parameters(program: Program) -> Iterator[Candidate]:
    for name in program.parameters:
        tree = ast.parse(program.text)
        function = next((part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == "f"), None)
        if function is None or len(program.parameters) == 1:
            return
        if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(function)):
            continue
        function.args.args = [arg for arg in function.args.args if arg.arg != name]
        kept = tuple(other for other in program.parameters if other != name)
        yield partial(replace, program, text=ast.unparse(tree) + "\n", parameters=kept)


def _simpler(program: Program) -> Iterator[Candidate]:
    tree = ast.parse(program.text)
    for node in list(ast.walk(tree)):
        for name, value in ast.iter_fields(node):
            values = value if isinstance(value, list) else [value]
            for position, old in enumerate(values):
                if not isinstance(old, ast.expr) or (isinstance(node, ast.Call) and name == "func"):
                    continue
                for new in _parts(old):
                    changed = [*values[:position], new, *values[position + 1 :]] if isinstance(value, list) else new
                    yield partial(_edited, program, tree, _assigned(node, name, changed))


_TEMPLATES = ("0.5", "2.0", "x", "s", "x[0]", "True")


def _parts(old: ast.expr) -> Iterator[ast.expr]:
    if isinstance(getattr(old, "ctx", None), ast.Store) and not isinstance(old, ast.Tuple):
        return
    text = ast.unparse(old)
    if isinstance(old, ast.Constant):
        if isinstance(old.value, float) and len(text) > 3:
            yield ast.Constant(round(old.value, 1))
        return
    inner = (p for p in ast.walk(old) if isinstance(p, ast.expr) and not isinstance(p, ast.Starred | ast.Slice))
    for part in sorted({ast.unparse(p) for p in inner if p is not old and not _holds_slices(p)}, key=len):
        if len(part) < len(text):
            yield ast.parse(part, mode="eval").body
    for template in _TEMPLATES:
        if len(template) < len(text):
            yield ast.parse(template, mode="eval").body


def _holds_slices(part: ast.expr) -> bool:
    """Whether it can stand between brackets only."""
    return isinstance(part, ast.Tuple) and any(isinstance(element, ast.Slice) for element in part.elts)
