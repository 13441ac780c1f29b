"""Locks over a fork: it waits until no other thread compiles, so that the child finds all in order and nothing held.

Only the thread that forks lives on in the child: a lock that another one held there would never be released, and what
that thread was changing would stay half changed.
"""

from __future__ import annotations

import os
from typing import Any, Protocol


class Lock(Protocol):
    """What is taken before a fork, by its own thread perhaps already."""

    def acquire(self) -> Any:
        """Wait for it."""

    def release(self) -> Any:
        """Let others have it."""


_locks: list[Lock] = []
_held: list[Lock] = []


def hold_over_forks(lock: Lock) -> None:
    """Take a reentrant lock before every fork, after those that were named before."""
    if not _locks and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_acquire, after_in_parent=_release, after_in_child=_release)
    _locks.append(lock)


def _acquire() -> None:
    for lock in _locks:
        lock.acquire()
        _held.append(lock)


def _release() -> None:
    while _held:
        _held.pop().release()
