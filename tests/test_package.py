"""The package as it is imported and installed: its names, what an import costs, what it writes, what it declares."""

from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import srcgrad as sg
from srcgrad.core import requirements
from srcgrad.core.errors import RequirementError

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(script: str, folder: Path, **environment: str) -> str:
    """What a process prints; a file, so that the tracer finds its source."""
    (folder / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", str(folder / "script.py")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# names


def test_dir_is_the_public_names_and_each_is_explained() -> None:
    assert dir(sg) == sorted(sg.__all__)
    assert [name for name in dir(sg) if not (getattr(sg, name).__doc__ or "").strip()] == []


@pytest.mark.parametrize("module", [sg.eager, sg.nn, sg.optim, sg.random, sg.tree], ids=lambda module: module.__name__)
def test_what_a_module_of_the_public_names_holds_is_explained(module: Any) -> None:
    own = {name: one for name, one in vars(module).items() if getattr(one, "__module__", "").startswith("srcgrad")}
    assert [name for name, one in own.items() if not name.startswith("_") and not (one.__doc__ or "").strip()] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'srcgrad' has no attribute 'gradient'"):
        sg.gradient  # noqa: B018


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_what_there_is(document: Path) -> None:
    mentioned = re.findall(r"\bsg((?:\.[a-z_]+)+)", document.read_text(encoding="utf-8"), re.IGNORECASE)
    for path in mentioned:
        found: Any = sg
        for name in path.split(".")[1:]:
            found = getattr(found, name)


# what an import loads


def test_an_import_loads_neither_the_compiler_nor_other_faces(tmp_path: Path) -> None:
    late = ["numba", "llvmlite", "scipy", "srcgrad.backends", "importlib.metadata"]
    late += ["srcgrad.eager", "srcgrad.nn", "srcgrad.optim", "srcgrad.random"]
    script = f"import sys, srcgrad; print([name for name in {late} if name in sys.modules])"
    assert run(script, tmp_path, PYTHONPATH=str(ROOT)) == "[]\n"


# versions


def test_the_tested_versions_are_those_that_an_installation_asks_for() -> None:
    for name, (first, end) in requirements.TESTED.items():
        assert f"{name}>={first},<{end}" in PROJECT["project"]["dependencies"]
    requirements.check_requirements()


def test_another_version_or_none_is_an_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = {"numba": ("0.2", "0.10"), "no_such_package": ("1.0", "2.0")}
    monkeypatch.setattr(requirements, "TESTED", tested)
    with pytest.raises(RequirementError) as found:
        requirements.check_requirements()
    message = str(found.value)
    assert re.search(r"numba >=0\.2,<0\.10 is needed, 0\.\d+\.\d+ is installed", message)
    assert "no_such_package >=1.0,<2.0 is needed, no version is installed" in message
    assert "python -m pip install 'numba>=0.2,<0.10' 'no_such_package>=1.0,<2.0'" in message
    assert issubclass(RequirementError, ImportError)
    assert issubclass(RequirementError, sg.SrcgradError)


# files

EVERY_ROUTINE = """
import numpy as np, scipy.special, srcgrad as sg
assert sg.__file__.startswith({installed!r}), sg.__file__

def scalars(x):
    return np.sum(np.exp(x) + np.log(x) * np.sin(x) + np.tanh(x) + np.arctan(x) + scipy.special.gammaln(x) + x**1.5)

def library(a, x):
    return np.sum(np.sort(x)) + np.sum(np.linalg.solve(a, x)) + np.sum(abs(np.fft.fft(x))) + np.linalg.det(a)

def loop(x):
    n = 0
    while n < x[0]:
        x, n = np.sin(x) + 2.0, n + 1
    return np.sum(x)

x = np.linspace(1.0, 2.0, 16)
sg.grad(scalars)(x)
sg.grad(library)(np.eye(16) + 0.1, x)
sg.grad(loop)(x)
sg.jit(lambda z: np.exp(z) * np.sqrt(z))(x + 1j)
big = np.ones((512, 512), np.float32)
sg.jit(lambda a, b: a @ b)(big, big)
sg.jit(lambda key: sg.random.normal(key, (4,)))(sg.random.key(0))
sg.profile(scalars, x)
sg.cost(scalars, x)
t = sg.eager.ones(3, requires_grad=True)
t.sum().backward()
"""


def test_an_installed_package_is_never_written_to(tmp_path: Path) -> None:
    installed, home, cache = tmp_path / "installed", tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    shutil.copytree(ROOT / "srcgrad", installed / "srcgrad", ignore=shutil.ignore_patterns("__pycache__"))
    before = sorted(installed.rglob("*"))
    for path in before:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        run(
            EVERY_ROUTINE.format(installed=str(installed)),
            tmp_path,
            PYTHONPATH=str(installed),
            HOME=str(home),
            SRCGRAD_CACHE_DIR=str(cache),
            NUMBA_CACHE_DIR=str(home / "numba"),
        )
        assert sorted(installed.rglob("*")) == before
    finally:
        for path in before:
            path.chmod(0o755)
    assert list(home.iterdir()) == []
    assert {path.suffix for path in cache.iterdir()} == {"", ".bin", ".module", ".json", ".py"}  # "" is the key


# declarations


def imported() -> set[str]:
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for folder in ("srcgrad", "tests", "examples", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    names: set[str] = set()
    for node in itertools.chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_what_the_project_declares_is_there() -> None:
    tools = {"pytest_xdist", "ruff", "mypy", "import_linter", "pdoc"}  # run, not imported
    project, known = PROJECT["project"], imported()
    required = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    distributions = {re.split(r"[^\w-]", one)[0].replace("-", "_") for one in required}
    assert distributions - tools <= known
    overridden = {name for one in PROJECT["tool"]["mypy"]["overrides"] for name in one["module"]}
    assert {name.partition(".")[0] for name in overridden} <= known | {"srcgrad", "tests"}
    assert all((ROOT / folder).exists() for folder in PROJECT["tool"]["mypy"]["files"])
    assert all((ROOT / name).exists() for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    marks = [marker.partition(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert [mark for mark in marks if f"pytest.mark.{mark}" not in tests] == []
