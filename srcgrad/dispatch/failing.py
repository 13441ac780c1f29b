"""The exceptions of a program, raised when its native function has run and before any result is used."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any


def raising_for(function: Callable[..., Any], causes: Sequence[Exception]) -> Callable[..., Any]:
    """The function without its last result: that is 0, or the number of the cause to raise, from 1."""
    if not causes:
        return function

    def run(*arguments: Any) -> Any:
        results = function(*arguments)
        if results is NotImplemented:
            return results
        if results[-1]:
            raise _copied(causes[int(results[-1]) - 1])
        return results[:-1]

    return run


def _copied(cause: Exception) -> Exception:
    """An exception as the user's program makes it, with the line where it does."""
    try:
        made = copy.copy(cause)
    except Exception:  # its constructor takes something else than its args
        made = cause.with_traceback(None)
    place = getattr(cause, "__sg_location__", None)
    if place is not None and hasattr(made, "add_note") and not getattr(made, "__notes__", None):
        made.add_note(f"raised at {place.file}:{place.line}; a compiled function raises when it has run")
    return made
