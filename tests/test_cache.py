"""The disk cache: the next process compiles nothing; whatever lies in it, results are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import event

import srcgrad as sg
from srcgrad import pipeline
from srcgrad.core.settings import override
from srcgrad.graph.digest import digest_of

ROOT = Path(__file__).parents[1]
SCRIPT = """
import json
import numpy as np
import srcgrad as sg
from numba.core import event

def f(w, x):
    return np.sum(np.tanh(x @ w) ** 2) + np.cumsum(w)[-1]

w, x = np.linspace(-1, 1, 5), np.linspace(0, 1, 15).reshape(3, 5)
with event.install_recorder("numba:run_pass") as passes:
    gradient = sg.grad(f)(w, x)
print(json.dumps({"gradient": list(gradient), "passes": len(passes.buffer)}))
"""


def start(cache: Path | str) -> subprocess.Popen[str]:
    """A process that computes a gradient with this cache."""
    environment = {**os.environ, "SRCGRAD_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output)  # type: ignore[no-any-return]


@contextmanager
def compiled_passes() -> Iterator[list[Any]]:
    """The passes of Numba's compiler that run inside the block."""
    with event.install_recorder("numba:run_pass") as recorder:
        yield recorder.buffer


def slope(x):
    return np.sum(np.sin(x) * x)


X = np.linspace(0.0, 3.0, 7)
EXPECTED = np.cos(X) * X + np.sin(X)


def check(cache: Path | str, *, compiles: bool | None = None) -> None:
    """A function made anew with this cache is right; whether it had to be compiled."""
    with override(cache_dir=str(cache)), compiled_passes() as passes:
        gradient = sg.grad(slope)(X)
    np.testing.assert_allclose(gradient, EXPECTED, rtol=1e-14)
    if compiles is not None:
        assert bool(passes) == compiles


def files(cache: Path, ending: str) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.name.endswith(ending))


def test_the_next_process_compiles_nothing(tmp_path: Path) -> None:
    first = outcome(start(tmp_path))
    second = outcome(start(tmp_path))
    assert first["passes"] > 0
    assert second == {"gradient": first["gradient"], "passes": 0}


def test_two_processes_at_once(tmp_path: Path) -> None:
    both = [start(tmp_path) for _ in range(2)]
    results = [outcome(process)["gradient"] for process in both]
    assert results[0] == results[1]
    assert files(tmp_path, ".tmp") == []
    assert outcome(start(tmp_path)) == {"gradient": results[0], "passes": 0}


def test_a_function_made_again_is_found(tmp_path: Path) -> None:
    check(tmp_path, compiles=True)
    check(tmp_path, compiles=False)
    assert len(files(tmp_path, ".py")) == len(files(tmp_path, ".bin")) == 1


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def replace_by_garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, replace_by_garbage])
def test_damaged_machine_code_is_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check(tmp_path)
    (code,) = files(tmp_path, ".bin")
    damage(code)
    check(tmp_path, compiles=True)
    check(tmp_path, compiles=False)


def test_machine_code_of_another_function_is_not_taken(tmp_path: Path) -> None:
    check(tmp_path)
    (code,) = files(tmp_path, ".bin")
    with override(cache_dir=str(tmp_path)):
        sg.grad(lambda x: np.sum(np.cos(x)))(X)
    (other,) = set(files(tmp_path, ".bin")) - {code}
    code.write_bytes(other.read_bytes())
    check(tmp_path, compiles=True)


@pytest.mark.parametrize("damage", [truncate, empty, replace_by_garbage])
def test_damaged_source_is_written_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    check(tmp_path)
    (source,) = files(tmp_path, ".py")
    text = source.read_bytes()
    damage(source)
    check(tmp_path)
    assert source.read_bytes() == text


@pytest.mark.parametrize("ending", [".py", ".bin"])
def test_a_directory_in_the_place_of_a_file(tmp_path: Path, ending: str) -> None:
    check(tmp_path)
    (path,) = files(tmp_path, ending)
    path.unlink()
    path.mkdir()
    check(tmp_path)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a directory")
    check(in_the_way / "cache", compiles=True)
    assert outcome(start(in_the_way / "cache"))["passes"] > 0


def test_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check("", compiles=True)
    check("", compiles=True)
    assert list(tmp_path.iterdir()) == []


def test_names_of_any_length_and_alphabet(tmp_path: Path) -> None:
    name = "größe_" + "x" * 300
    namespace: dict[str, Any] = {}
    exec(f"def {name}(x):\n    return x * x\n", namespace)
    with override(cache_dir=str(tmp_path)):
        assert sg.grad(namespace[name])(3.0) == 6.0
    assert len(files(tmp_path, ".bin")) == 1


def scheduled(cache: Path, **changes: Any) -> int:
    """How many graphs are scheduled for a function made anew with this cache."""
    calls = []
    original = pipeline.schedule

    def counted(graph: Any) -> Any:
        calls.append(graph)
        return original(graph)

    with pytest.MonkeyPatch.context() as patch, override(cache_dir=str(cache), **changes):
        patch.setattr(pipeline, "schedule", counted)
        gradient = sg.grad(slope)(X)
    np.testing.assert_allclose(gradient, EXPECTED, rtol=1e-14)
    return len(calls)


def test_a_schedule_is_made_once(tmp_path: Path) -> None:
    assert scheduled(tmp_path) == 1
    assert scheduled(tmp_path) == 0
    assert scheduled(tmp_path, unroll=3) == 1
    assert scheduled(tmp_path, unroll=3) == 0


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, replace_by_garbage])
def test_a_damaged_schedule_is_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    assert scheduled(tmp_path) == 1
    (path,) = files(tmp_path, ".module")
    damage(path)
    assert scheduled(tmp_path) == 1
    assert scheduled(tmp_path) == 0


def test_the_schedule_of_another_function_is_not_taken(tmp_path: Path) -> None:
    assert scheduled(tmp_path) == 1
    (path,) = files(tmp_path, ".module")
    with override(cache_dir=str(tmp_path)):
        sg.grad(lambda x: np.sum(np.cos(x)))(X)
    (other,) = set(files(tmp_path, ".module")) - {path}
    path.write_bytes(other.read_bytes())
    assert scheduled(tmp_path) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda x: np.sum(x * 2.0), lambda x: np.sum(x * 3.0)),
        (lambda x: np.sum(x[1:]), lambda x: np.sum(x[:-1])),
        (lambda x: np.sum(x * np.arange(7.0)), lambda x: np.sum(x * np.arange(7.0)[::-1])),
        (lambda x: np.sum(x, axis=0), lambda x: np.max(x, axis=0)),
        (
            lambda x: sg.fori_loop(0, 3, lambda i, y: y * 2.0, x)[0],
            lambda x: sg.fori_loop(0, 3, lambda i, y: y * x, x)[0],
        ),
    ],
)
def test_digests_of_different_graphs_differ(first: Any, second: Any) -> None:
    def digest(function: Any) -> str | None:
        return digest_of(sg.jit(function).specialise(X).graph)

    assert None not in (digest(first), digest(second))
    assert digest(first) == digest(first)
    assert digest(first) != digest(second)


def test_a_graph_with_a_large_constant_has_a_digest() -> None:
    table = np.linspace(0.0, 1.0, 7000).reshape(1000, 7)
    other = table.copy()
    other[500, 3] = -1.0
    digests = {
        digest_of(sg.jit(lambda x, t=t: np.sum(t @ x)).specialise(X).graph) for t in (table, other, table.copy())
    }
    assert len(digests) == 2
    assert None not in digests
