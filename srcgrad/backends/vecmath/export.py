"""The source text of vector functions, for modules that must run without this package."""

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterable
from types import ModuleType

from srcgrad.backends.vecmath import FUNCTIONS
from srcgrad.backends.vecmath.bits import OPTIONS

_PACKAGE = __name__.rpartition(".")[0]


def source_of(names: Iterable[str], cache: bool = False) -> str:
    """The text of the named functions of `FUNCTIONS` and all they use, in an order in which it can be executed.

    It imports NumPy, Numba and its llvmlite only. `cache` says whether Numba keeps the compiled functions on disk,
    which takes a module in a file.

    >>> text = source_of(["expm1_f32"])
    >>> "def expm1_f32" in text, "def log_f32" in text
    (True, False)
    """
    collector = _Collector(cache)
    for name in names:
        if name not in FUNCTIONS:
            raise KeyError(f"no vector function {name!r}; there is {', '.join(FUNCTIONS)}")
        collector.collect(sys.modules[FUNCTIONS[name].__module__], name)
    return collector.text()


class _Collector:
    """Definitions and imports, in the order in which they are to be executed."""

    def __init__(self, cache: bool) -> None:
        options = "".join(f", {key}={value!r}" for key, value in OPTIONS.items())
        self.imports: set[str] = {"from numba import njit"}
        self.definitions: dict[str, str] = {"vector_function": f"vector_function = njit(cache={cache}{options})"}
        self.seen: set[str] = set(self.definitions)

    def collect(self, module: ModuleType, name: str) -> None:
        """Add `name` of `module`, and before it what it uses."""
        if name in self.seen:
            return
        statements, origins, lines = _names(module)
        if name in origins:
            origin, text = origins[name]
            if origin.startswith(_PACKAGE):
                self.collect(sys.modules[origin], name)
            else:
                self.imports.add(text)
        elif name in statements:  # the others are builtins and local variables
            self.seen.add(name)
            statement = statements[name]
            for used in _uses(statement):
                self.collect(module, used)
            first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
            self.definitions[name] = "\n".join(lines[first - 1 : statement.end_lineno])

    def text(self) -> str:
        parts = ["\n".join(sorted(self.imports)), *self.definitions.values()]
        result = parts[0]
        for before, part in itertools.pairwise(parts):
            compact = _is_assignment(before) and _is_assignment(part)
            result += ("\n" if compact else "\n\n\n") + part
        return result + "\n"


def _is_assignment(text: str) -> bool:
    return not text.startswith(("def ", "@", "import ", "from "))


def _uses(statement: ast.stmt) -> list[str]:
    """Names that a definition reads, in textual order, its own parameters and variables included."""
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]


@functools.cache
def _names(module: ModuleType) -> tuple[dict[str, ast.stmt], dict[str, tuple[str, str]], list[str]]:
    """What the module defines, what it imports (from where, and the statement for it), and its lines."""
    source = inspect.getsource(module)
    statements: dict[str, ast.stmt] = {}
    origins: dict[str, tuple[str, str]] = {}
    for statement in ast.parse(source).body:
        match statement:
            case ast.FunctionDef(name=name):
                statements[name] = statement
            case ast.Assign(targets=[ast.Name(id=name)]):
                statements[name] = statement
            case ast.ImportFrom(module=str(origin), names=aliases):
                for alias in aliases:
                    origins[alias.name] = origin, f"from {origin} import {alias.name}"
            case ast.Import(names=aliases):
                for alias in aliases:
                    text = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                    origins[alias.asname or alias.name] = alias.name, text
    return statements, origins, source.splitlines()
