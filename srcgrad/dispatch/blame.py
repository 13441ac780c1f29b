"""Errors point into the user's program: its line, a class that is documented, a traceback without our frames."""

from __future__ import annotations

import re
from types import TracebackType

from srcgrad.core.errors import SrcgradError, TraceError, VerifyError
from srcgrad.core.location import OURS, USERS, Location, owner_of
from srcgrad.core.settings import settings
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import free_inputs
from srcgrad.staging.source import is_written_down
from srcgrad.staging.syntax import RUNTIME

_HAS_LINE = re.compile(r"\S+:\d+: ")


def public_error(error: Exception) -> Exception:
    """What the user sees in place of an exception that left a traced function: with a line, of a documented class."""
    if not isinstance(error, SrcgradError):
        return _foreign_write(error) or error
    public = next(cls for cls in type(error).__mro__ if not cls.__module__.startswith("srcgrad.staging"))
    if public is not type(error):
        error = public(*error.args).with_traceback(error.__traceback__)
    _name_line(error)
    if isinstance(error, TraceError):
        _name_unstaged(error)
    return error


def _name_line(error: Exception) -> None:
    """Let the message begin with the user's line in which the error was raised, unless it names one already."""
    text = str(error)
    if _HAS_LINE.match(text):
        return
    place = _users_line(error)
    if place is not None:
        error.args = (f"{place}: {text}", *error.args[1:])


def _name_unstaged(error: Exception) -> None:
    """Say so where the function has no source to be had: then its loops and branches run as Python runs them."""
    trace = _users_frame(error)
    if trace is None:
        return
    code = trace.tb_frame.f_code
    if RUNTIME in code.co_names or code.co_name.startswith(("$", "<module>")) or is_written_down(code):
        return
    error.args = (
        f"{error}. The source of {code.co_name} is not to be had (it comes from exec or from standard input, or it is "
        "one of several equal lambdas on a line), so its `if`, `for` and `while` run as plain Python: write it into a "
        "file",
    )


def _users_frame(error: Exception) -> TracebackType | None:
    """The innermost frame of the user's."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        if owner_of(trace.tb_frame.f_code.co_filename) == USERS:
            found = trace
        trace = trace.tb_next
    return found


def _users_line(error: Exception) -> Location | None:
    trace = _users_frame(error)
    return None if trace is None else Location(trace.tb_frame.f_code.co_filename, trace.tb_lineno)


def _foreign_write(error: Exception) -> Exception | None:
    """NumPy's complaint about a traced value that is written into an array of its own says nothing to the user."""
    if not isinstance(error, ValueError | TypeError) or not isinstance(error.__cause__, TraceError):
        return None
    place = _users_line(error)
    return TraceError(
        f"{f'{place}: ' if place else ''}a traced value is written into a NumPy array that is no part of the program: "
        "it was made outside of the traced function, or by a function that is not traced. Make the array inside with "
        "np.array(a) or np.copy(a), or pass it as an argument"
    ).with_traceback(error.__traceback__)


def without_our_frames(error: Exception) -> Exception:
    """The exception with a traceback of the user's frames; as it is where the fault is ours."""
    if settings.traceback == "full" or isinstance(error, VerifyError):
        return error
    seen: set[int] = set()
    shown: BaseException | None = error
    while shown is not None and id(shown) not in seen:
        seen.add(id(shown))
        if (
            isinstance(shown, SrcgradError)
            or hasattr(shown, "__sg_location__")
            or not _is_raised_by_us(shown.__traceback__)
        ):
            shown.__traceback__ = _filtered(shown.__traceback__)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return error


def _is_raised_by_us(trace: TracebackType | None) -> bool:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and owner_of(trace.tb_frame.f_code.co_filename) == OURS


def _filtered(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        if owner_of(trace.tb_frame.f_code.co_filename) != OURS:
            frames.append(trace)
        trace = trace.tb_next
    made: TracebackType | None = None
    for one in reversed(frames):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made


def check_closed(graph: Graph) -> None:
    """Raise `TraceError` where a graph reads an input of another one."""
    undeclared = free_inputs(graph)
    if not undeclared:
        return
    strangers = set(undeclared)
    reader = next((node for node in graph.nodes() if strangers & set(node.inputs)), None)
    place = f"{reader.location}: " if reader is not None and reader.location is not None else ""
    raise TraceError(
        f"{place}a traced value is used outside of the function that it belongs to (here {graph.name}): it was kept "
        "from another call, written into an array of an outer function, or stored by a side effect; "
        "return it, or make it part of the loop's carried value"
    )
