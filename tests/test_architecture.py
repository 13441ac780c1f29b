"""The shape of the code: floors, size of files, and what a floor may know."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli as import_linter

from srcgrad.core.op import TABLE

ROOT = Path(__file__).parents[1]
PYTHON_FOLDERS = ("srcgrad", "tests", "examples", "benchmarks")
LONGEST_FILE = 500
NUMBA_MODULES = {"numba", "llvmlite"}
FLOORS = (
    "core",
    "ops",
    "graph",
    "transform",
    "schedule",
    "backends",
    "numpy",
    "eager",
    "nn",
    "optim",
)
#: Where no two files import each other, by whatever way.
PACKAGES_WITHOUT_CIRCLES = (
    *("srcgrad/core", "srcgrad/ops", "srcgrad/transform", "srcgrad/schedule", "srcgrad/kernel", "srcgrad/control"),
    *("srcgrad/eager", "srcgrad/nn", "srcgrad/optim"),
)
FOLDERS_THAT_ARE_ROOMS = ("srcgrad/eager", "srcgrad/nn", "srcgrad/optim")
MOST_FILES_IN_A_FOLDER = 15
FLOORS_WITHOUT_OP_NAMES = ("schedule", "backends")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/\w")


def python_files(*folders: str) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "golden" not in path.relative_to(ROOT).parts
    )


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = import_linter.lint_imports(no_cache=True, no_logo=True)
    assert status == import_linter.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def statements_run_by_an_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        yield statement
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from statements_run_by_an_import(getattr(statement, inner, []))


def imports_among(files: dict[str, Path], late: bool = True) -> dict[str, set[str]]:
    """Which of the modules each of them imports, at its top or, ``late``, also within functions and for types."""
    found = {}
    for module, path in files.items():
        names = set()
        tree = parse(path)
        for node in ast.walk(tree) if late else statements_run_by_an_import(tree.body):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                of_package = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {name if name in files else node.module for name in of_package}
        found[module] = (names & files.keys()) - {module}
    return found


@pytest.mark.parametrize("package", PACKAGES_WITHOUT_CIRCLES)
def test_files_do_not_import_one_another_in_circles(package: str) -> None:
    files = {module_of(path): path for path in python_files(package)}
    graphlib.TopologicalSorter(imports_among(files)).prepare()  # raises with the circle


def test_no_circle_is_met_while_files_are_loaded() -> None:
    files = {module_of(path): path for path in python_files("srcgrad")}
    graphlib.TopologicalSorter(imports_among(files, late=False)).prepare()  # raises with the circle


def test_numba_is_imported_by_the_backends_only() -> None:
    backends = ROOT / "srcgrad" / "backends"
    found = [
        f"{place(path, line)} imports {module}"
        for path in python_files("srcgrad")
        if not path.is_relative_to(backends)
        for line, module in imported_modules(parse(path))
        if module.partition(".")[0] in NUMBA_MODULES
    ]
    assert not found


def test_floors_do_not_import_the_public_package() -> None:
    """``from srcgrad import grad`` reaches the top floor, and the contracts would see only ``srcgrad``."""
    found = [
        f"{place(path, node.lineno)}: {ast.unparse(node)}"
        for path in python_files(*(f"srcgrad/{floor}" for floor in FLOORS))
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and imports_public_package(node)
    ]
    assert not found


def imports_public_package(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == "srcgrad" for alias in node.names)
    return node.module == "srcgrad" and any(alias.name not in FLOORS for alias in node.names)


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*PYTHON_FOLDERS)
    }
    too_long = {name: length for name, length in lengths.items() if length > LONGEST_FILE}
    assert not too_long, f"more than {LONGEST_FILE} lines"


@pytest.mark.parametrize("package", FOLDERS_THAT_ARE_ROOMS)
def test_folders_hold_few_files(package: str) -> None:
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in python_files(package) if path.stem != "__init__")
    assert max(counts.values()) <= MOST_FILES_IN_A_FOLDER, counts


def test_schedule_and_backends_do_not_ask_which_operation_it_is() -> None:
    """They match on lowering kinds; ``op.name == "tanh"`` there would close the set of operations."""
    operations = operation_names()
    found = [
        f"{place(path, node.lineno)}: {ast.unparse(node)}"
        for path in python_files(*(f"srcgrad/{floor}" for floor in FLOORS_WITHOUT_OP_NAMES))
        for node in ast.walk(parse(path))
        if (isinstance(node, ast.Compare | ast.Match) and asks_for_an_operation(node, operations))
        or (isinstance(node, ast.ImportFrom) and imports_the_table(node))
    ]
    assert not found


def operation_names() -> frozenset[str]:
    for module in ("srcgrad.ops", "srcgrad.graph.structure"):  # these fill the table
        importlib.import_module(module)
    return frozenset(op.name for op in TABLE)


def asks_for_an_operation(node: ast.Compare | ast.Match, operations: frozenset[str]) -> bool:
    if isinstance(node, ast.Match):
        sides = [node.subject]
        patterns = [part for case in node.cases for part in ast.walk(case.pattern)]
        texts = {text for part in patterns if isinstance(part, ast.MatchValue) for text in texts_in(part.value)}
    else:
        sides = [node.left, *node.comparators]
        texts = {text for side in sides for text in texts_in(side)}
    return any((texts and is_operation(side)) or (texts & operations and is_attribute(side, "name")) for side in sides)


def is_operation(expression: ast.expr) -> bool:
    """Whether it reads an operation or its name: ``op``, ``node.op``, ``op.name``, ``node.op.name``."""
    if isinstance(expression, ast.Attribute) and expression.attr == "name":
        expression = expression.value
    return is_attribute(expression, "op") or (isinstance(expression, ast.Name) and expression.id == "op")


def is_attribute(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Attribute) and expression.attr == name


def texts_in(expression: ast.expr) -> list[str]:
    """The string literals of a literal or of a tuple, list or set of literals."""
    if isinstance(expression, ast.Tuple | ast.List | ast.Set):
        return [text for element in expression.elts for text in texts_in(element)]
    return [expression.value] if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else []


def imports_the_table(node: ast.ImportFrom) -> bool:
    return node.module == "srcgrad.core.op" and any(alias.name in ("TABLE", "apply") for alias in node.names)


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ('op.name == "tanh"', True),
        ('node.op in ("sin", "cos")', True),
        ('"exp" != value.op.name', True),
        ('row.name == "add"', True),
        ("op.name == other.op.name", False),
        ('axis.name == "n"', False),
        ('lowering.combine == "add"', False),
    ],
)
def test_the_operation_check_sees_what_it_should(source: str, asks: bool) -> None:
    expression = ast.parse(source, mode="eval").body
    assert isinstance(expression, ast.Compare)
    assert asks_for_an_operation(expression, frozenset({"add", "tanh"})) == asks


def test_tracked_files_name_no_path_of_a_machine() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    found = [
        f"{place(path, number)}: {line.strip()}"
        for path in (ROOT / name for name in listing.stdout.decode().split("\0") if name)
        for number, line in enumerate(text_lines(path), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert not found


def text_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (UnicodeDecodeError, FileNotFoundError):  # binary, or deleted in the working tree
        return []
