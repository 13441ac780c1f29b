"""The disk cache: the next process compiles nothing; whatever lies in it, results are right."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import event

import srcgrad as sg
from srcgrad.backends import machine_code, plain, store
from srcgrad.core.settings import override
from srcgrad.dispatch import executable
from srcgrad.graph.digest import digest_of
from srcgrad.pipeline import schedule

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
    """A function made anew with this cache, as in a new process, is right; whether it had to be compiled."""
    machine_code._loaded.clear()
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

    def counted(*given: Any) -> Any:
        calls.append(given)
        return schedule(*given)

    with pytest.MonkeyPatch.context() as patch, override(cache_dir=str(cache), **changes):
        patch.setattr(executable, "schedule", counted)
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
        digest_of(sg.jit(lambda x, t=t: np.sum(sg.constant(t) @ x)).specialise(X).graph)
        for t in (table, other, table.copy())
    }
    assert len(digests) == 2
    assert None not in digests


# --- what others may have put there ----------------------------------------------------------------------------------


class Planted:
    """A pickle that leaves a trace when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def seals_without_key(name: str, payload: bytes) -> bytes:
    return hashlib.blake2b(name.encode() + payload, digest_size=store.SEAL_BYTES).digest() + payload


def test_no_planted_pickle_is_loaded(tmp_path: Path) -> None:
    cache, trace = tmp_path / "cache", tmp_path / "trace"
    payload = pickle.dumps(Planted(trace))
    for disguise in (lambda name, payload: payload, seals_without_key, lambda name, payload: b"\0" * 32 + payload):
        check(cache)
        for path in (*files(cache, ".bin"), *files(cache, ".module")):
            path.write_bytes(disguise(path.name, payload))
        check(cache, compiles=True)
        assert not trace.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pickle, "loads", None)
        patch.setattr(pickle, "load", None)
        check(cache, compiles=False)


def test_even_a_sealed_pickle_is_not_loaded(tmp_path: Path) -> None:
    cache, trace = tmp_path / "cache", tmp_path / "trace"
    check(cache)
    with override(cache_dir=str(cache)):
        for path in (*files(cache, ".bin"), *files(cache, ".module")):
            store.write(path.name, pickle.dumps(Planted(trace)))
    check(cache, compiles=True)
    assert not trace.exists()


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    cache = tmp_path / "cache"
    check(cache)
    before = {path: path.read_bytes() for path in files(cache, "")}
    cache.chmod(mode)
    with pytest.warns(RuntimeWarning, match=r"is not used: it is open to other users.*chmod 700"):
        check(cache, compiles=True)
    check(cache, compiles=True)  # said once
    assert {path: path.read_bytes() for path in files(cache, "")} == before
    cache.chmod(0o700)
    check(cache, compiles=False)


def test_a_directory_that_others_could_only_read_is_closed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    check(cache)
    cache.chmod(0o755)
    check(cache, compiles=False)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    (cache / "something else").mkdir()
    cache.chmod(0o755)
    check(cache, compiles=False)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o755


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        check(tmp_path, compiles=True)


def test_the_directory_is_made_closed_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        check(tmp_path / "deep" / "cache")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "deep" / "cache").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path / "deep" / "cache", "")}
    assert modes == {0o600}


def lose(key: Path) -> None:
    key.unlink()


def replace_the_key(key: Path) -> None:
    key.write_bytes(bytes(store.KEY_BYTES))


def open_to_others(key: Path) -> None:
    key.chmod(0o644)


def link_elsewhere(path: Path) -> None:
    target = path.parent.parent / "elsewhere"
    path.rename(target)
    path.symlink_to(target)


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage", [lose, truncate, empty, replace_the_key, open_to_others, link_elsewhere, replace_by_fifo]
)
def test_without_the_key_nothing_is_taken(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    cache = tmp_path / "cache"
    with override(cache_dir=str(cache)):
        store.write("entry", b"content")
        assert store.read("entry") == b"content"
        damage(cache / store.KEY)
        assert store.read("entry") is None
        store.write("entry", b"other")
        assert store.read("entry") == b"other"
    assert stat.S_ISREG((cache / store.KEY).lstat().st_mode)
    assert stat.S_IMODE((cache / store.KEY).lstat().st_mode) == 0o600


@pytest.mark.parametrize("ending", [".bin", ".module", ".py"])
@pytest.mark.parametrize("damage", [link_elsewhere, replace_by_fifo])
def test_what_is_no_plain_file_is_not_opened(tmp_path: Path, ending: str, damage: Callable[[Path], None]) -> None:
    cache = tmp_path / "cache"
    check(cache)
    (path,) = files(cache, ending)
    damage(path)
    check(cache, compiles=True if ending == ".bin" else None)
    assert stat.S_ISREG(path.lstat().st_mode)


def test_entries_of_another_directory_are_not_taken(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    check(theirs)
    check(mine)
    for path in (*files(theirs, ".bin"), *files(theirs, ".module")):
        (mine / path.name).write_bytes(path.read_bytes())
    check(mine, compiles=True)


def test_one_key_for_processes_that_start_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: store._key(tmp_path), range(64)))
    assert len(keys) == 1
    assert files(tmp_path, ".tmp") == []


# --- room ------------------------------------------------------------------------------------------------------------


def test_the_oldest_entries_go(tmp_path: Path) -> None:
    with override(cache_dir=str(tmp_path), cache_size=1000):
        for number in range(20):
            store.write(f"entry{number}", bytes(100))
            for path in files(tmp_path, ""):
                os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 7200.0))
            assert store.read("entry0") == bytes(100)  # and so it is young again
        left = [path.name for path in files(tmp_path, "") if path.name.startswith("entry")]
        assert "entry0" in left
        assert "entry19" in left
        assert "entry1" not in left
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000 + store.KEY_BYTES


def test_room_is_made_around_what_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with override(cache_dir=str(tmp_path), cache_size=100):
        for number in range(3):
            store.write(f"entry{number}", bytes(100))
    assert {path.name for path in tmp_path.iterdir()} >= {"folder", "link", store.KEY}
    with override(cache_dir=str(tmp_path), cache_size=0):
        for number in range(30):
            store.write(f"entry{number}", bytes(100))
    assert sum(path.name.startswith("entry") for path in tmp_path.iterdir()) == 30


# --- plain data ------------------------------------------------------------------------------------------------------


def test_plain_data_comes_back() -> None:
    value = (1, -(2**70), 0.1, float("inf"), True, None, "ü", b"\0\xff", [(), [b""]], np.dtype("<f4"), ("dtype",))
    assert plain.unpacked(plain.packed(value)) == value
    arrays = [
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.zeros((0, 2), bool),
        np.array(1j),
        np.asfortranarray(np.eye(2)),
    ]
    for array, again in zip(arrays, plain.unpacked(plain.packed(arrays)), strict=True):
        np.testing.assert_array_equal(again, array)
        assert again.dtype == array.dtype
        assert again.flags.writeable


@pytest.mark.parametrize("value", [object(), {1: 2}, 1j, np.array([None]), np.dtype("O"), np.dtype("f8,f8"), {1}, len])
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="not plain"):
        plain.packed([value])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1",
        b"\2" + bytes(7) + b"[1",
        *(
            len(text).to_bytes(8, "little") + text
            for text in (
                b'{"bytes": [0, 1]}',
                b'{"bytes": [-1, 1]}',
                b'{"dtype": "O"}',
                b'{"array": ["O", [1], 0, 0]}',
                b'{"array": ["<f8", [2], 0, 0]}',
                b'{"class": "os.system"}',
                b'{"a": 1, "b": 2}',
            )
        ),
    ],
)
def test_what_was_not_packed_is_an_error(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        plain.unpacked(content)
