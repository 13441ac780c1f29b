"""What a message of this floor says: where in the user's program, what, and what to do instead."""

from __future__ import annotations

from typing import TypeVar

from srcgrad.core.errors import SrcgradError, TraceError
from srcgrad.core.location import Location, library_function, user_location

E = TypeVar("E", bound=SrcgradError)


def error(kind: type[E], what: str, cure: str = "", location: Location | None = None) -> E:
    """An error that begins with the user's file and line and ends with the cure."""
    location = location or user_location()
    where = f"{location}: " if location is not None else ""
    return kind(f"{where}{what}{'. ' + cure if cure else ''}")


def unknown(what: str, cure: str) -> TraceError:
    """The error for a value that was asked for and is known only when the program runs."""
    called = library_function()
    if called is not None:
        return error(TraceError, f"{called} asks for the numbers of a traced array: {what}, and they are not", OPAQUE)
    return error(TraceError, f"{what} is not known while the function is traced", cure)


OPAQUE = (
    "What cannot be traced is called with sg.pure_callback(function, result_like, *args), inside a function decorated "
    "with sg.custom_vjp where it needs a derivative"
)
BRANCH = (
    "Select with np.where(condition, a, b), branch with sg.cond(condition, if_true, if_false, *operands), "
    "or name the argument in static_argnums if it should be fixed"
)
NUMBER = (
    "Keep it an array and use NumPy functions on it; name the argument in static_argnums if it should be fixed, "
    "or compute it outside the traced function. To write traced values into an array, make it inside the traced "
    "function (np.zeros, np.array)"
)
COUNT = (
    "Shapes, axes and range() need numbers that are fixed while tracing: name the argument in static_argnums, "
    "or loop with sg.fori_loop(lower, upper, body, init). To index a NumPy array that was made outside the traced "
    "function, write np.take(array, index, axis=0)"
)
