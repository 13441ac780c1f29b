"""The cache directory: entries that only this user can have written, and no more of them than there is room for.

Machine code is loaded from here, so whoever can write into it could run anything. The directory must belong to this
user, and no other may write into it; if it is not so, there is no cache, and a warning says so. Every entry begins
with a seal, a keyed hash (BLAKE2) of its name and content: the key is a file of the directory that only this user can
read. An entry that is truncated, damaged, another's under this name or of another key is not there, and no pickle ever
is. What is not a plain file of this user is never opened.

Files are moved into place whole, so processes that write at the same time do no harm. Reading an entry makes it young;
the oldest go when the directory takes more than ``settings.cache_size`` bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import random
import secrets
import stat
import tempfile
import time
import warnings
from pathlib import Path

from srcgrad.core.settings import settings

SEAL_BYTES = KEY_BYTES = 32
KEY = "key"
_ENDINGS = (".bin", ".module", ".py", ".json", ".tmp")
#: the directory is looked through once in so much of its room that is written, and then left with so much taken
_BETWEEN, _LEFT = 1 / 16, 3 / 4
#: seconds after which reading an entry is noted
_NOTED = 3600.0
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_refused: set[str] = set()


def directory() -> Path | None:
    """The cache directory, made where it is missing; None where there is none that can be used."""
    if not settings.cache_dir:
        return None
    path = Path(settings.cache_dir)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
        objection = _objection(path)
    except OSError:
        return None
    if objection is None:
        return path
    if settings.cache_dir not in _refused:
        _refused.add(settings.cache_dir)
        warnings.warn(
            f"the cache directory {path} is not used: it {objection}, and machine code is loaded from it; "
            f"'chmod 700 {path}' closes it, SRCGRAD_CACHE_DIR names another, or none if it is empty",
            RuntimeWarning,
            stacklevel=2,
        )
    return None


def _objection(path: Path) -> str | None:
    if not hasattr(os, "geteuid"):
        return None
    link, found = path.lstat(), path.stat()
    if not stat.S_ISDIR(found.st_mode):
        return "is not a directory"
    if found.st_uid != os.geteuid() or link.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o022:
        return f"is open to other users (mode {mode:o})"
    if mode & 0o077 and _is_ours(path):
        path.chmod(0o700)  # nobody else can have put anything there, nor shall they read it
    return None


def _is_ours(path: Path) -> bool:
    """Whether a directory holds nothing but entries, so that it is nobody's business that it is closed."""
    with os.scandir(path) as entries:
        return all(entry.name == KEY or entry.name.endswith(_ENDINGS) for entry in entries)


def read(name: str) -> bytes | None:
    """What the entry of this name holds, if its seal is whole."""
    here = directory()
    key = None if here is None else _key(here)
    if here is None or key is None:
        return None
    content = _content(here / name)
    if content is None or not hmac.compare_digest(content[:SEAL_BYTES], _seal(key, name, content[SEAL_BYTES:])):
        return None
    _note(here / name)
    return content[SEAL_BYTES:]


def write(name: str, payload: bytes) -> None:
    """Keep an entry; where that cannot be done, it is made anew another time."""
    here = directory()
    key = None if here is None else _key(here)
    if here is not None and key is not None:
        _put(here / name, _seal(key, name, payload) + payload)


def write_text(name: str, text: str) -> Path | None:
    """Keep a text for people to read, such as the source that a traceback shows; nothing reads it back."""
    here = directory()
    if here is None:
        return None
    content = text.encode()
    if _content(here / name) == content:
        _note(here / name)
    else:
        _put(here / name, content)
    return here / name


def _seal(key: bytes, name: str, payload: bytes) -> bytes:
    state = hashlib.blake2b(key=key, digest_size=SEAL_BYTES)
    state.update(len(name.encode()).to_bytes(8, "little") + name.encode())
    state.update(payload)
    return state.digest()


def _key(here: Path) -> bytes | None:
    """The key of a directory, made where there is none that others cannot have read."""
    for _ in range(3):
        is_there, content = os.path.lexists(here / KEY), _content(here / KEY)  # in this order: others may make it
        with contextlib.suppress(OSError):
            is_private = not stat.S_IMODE((here / KEY).lstat().st_mode) & 0o077
            if content is not None and len(content) == KEY_BYTES and is_private:
                return content
        with contextlib.suppress(OSError):
            _make_key(here / KEY, in_place_of_one=is_there)
    return None


def _make_key(path: Path, in_place_of_one: bool) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=KEY, suffix=".tmp")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        if in_place_of_one:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails where another process was faster, whose key it is then
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _content(path: Path) -> bytes | None:
    """What a plain file of this user holds."""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
                return None
            return file.read()
    except OSError:
        return None


def _note(path: Path) -> None:
    """Make an entry young, which others may be removing."""
    with contextlib.suppress(OSError):
        if time.time() - path.lstat().st_mtime > _NOTED:
            os.utime(path)


def _put(path: Path, content: bytes) -> None:
    """Write a file that other processes see whole or not at all."""
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        if settings.cache_size and len(content) > random.random() * settings.cache_size * _BETWEEN:
            _make_room(path.parent)


def _make_room(here: Path) -> None:
    """Remove the oldest entries where the directory takes more than its room."""
    found = []
    with os.scandir(here) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.name != KEY:
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, entry.path))
    taken = sum(size for _, size, _ in found)
    if taken <= settings.cache_size:
        return
    for _, size, path in sorted(found):
        if taken <= settings.cache_size * _LEFT:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        taken -= size
