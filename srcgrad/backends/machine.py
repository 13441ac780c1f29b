"""This machine as a target."""

from __future__ import annotations

from srcgrad.backends import threads
from srcgrad.core.target import Target


def this_machine() -> Target:
    """What programs are compiled for that run here."""
    return Target(threads=threads.limit())
