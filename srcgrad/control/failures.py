"""`raise` and `assert` under a condition that is known only when the program runs.

A compiled program cannot stop in the middle. It notes which exception it would have raised first in a flag, which is an
array like any other: what a loop or a branch writes, it carries. The caller looks at the flag before it hands out any
result or writes into any argument. Loops that may run without end ask for the flag as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from traceback import walk_tb
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from srcgrad.core.errors import SrcgradError, UnsupportedError
from srcgrad.core.location import USERS, Location, owner_of, user_location
from srcgrad.core.op import apply
from srcgrad.graph.node import Node, as_node
from srcgrad.graph.structure import constant
from srcgrad.graph.trace import Tracer
from srcgrad.numpy.checks import is_optional, report_by
from srcgrad.numpy.static import static_of


class Failures:
    """The flag of the function that is being recorded, and the exceptions that it counts, from 1."""

    def __init__(self, handle: type[Tracer]) -> None:
        self.handle = handle
        self.flag = Tracer(constant(np.int64(0)))
        self.causes: list[Exception] = []

    def note(self, flag: Node, causes: tuple[Exception, ...]) -> None:
        """Fail as ``flag`` says, unless something has failed before."""
        before, number = as_node(self.flag), flag + len(self.causes)
        self.causes += causes
        later = apply("where", apply("not_equal", flag, 0), number, 0)
        self.flag.assign(apply("where", apply("not_equal", before, 0), before, later))

    @property
    def found(self) -> Node | None:
        """The flag; None where nothing can fail."""
        return None if static_of(self.flag) is not None else as_node(self.flag)


class Impossible(NamedTuple):
    """Where the program cannot be stopped, and whether optional checks are left out there."""

    where: str
    is_lenient: bool


_current: ContextVar[Failures | Impossible | None] = ContextVar("failures", default=None)


@contextmanager
def collecting(handle: type[Tracer]) -> Iterator[Failures]:
    """What fails inside the block."""
    failures = Failures(handle)
    token = _current.set(failures)
    try:
        yield failures
    finally:
        _current.reset(token)


@contextmanager
def impossible(where: str, *, is_lenient: bool = True) -> Iterator[None]:
    """In the block, a condition under which an exception is raised must be known when it is traced."""
    around = _current.get()
    if isinstance(around, Impossible) and not around.is_lenient:
        is_lenient = False
    token = _current.set(Impossible(where, is_lenient))
    try:
        yield
    finally:
        _current.reset(token)


def raising(exception: Any) -> Any:
    """What a `raise` statement raises, with the user's line."""
    made = exception() if isinstance(exception, type) and issubclass(exception, Exception) else exception
    if isinstance(made, Exception):
        made.__sg_location__ = user_location()  # type: ignore[attr-defined]
    return made


def is_raised(exception: Exception) -> bool:
    """Whether it comes from a `raise` or an `assert` of the user's program."""
    return hasattr(exception, "__sg_location__")


#: code of ours that does nothing but call a built-in function for the user's
passing: set[CodeType] = set()


def is_pythons(exception: Exception) -> bool:
    """Whether Python itself raises it in a line of the user's, as ``[].pop()`` does; then it has that line."""
    if isinstance(exception, SrcgradError) or not isinstance(exception, LookupError | ArithmeticError | ValueError):
        return False
    frames = [frame for frame, _ in walk_tb(exception.__traceback__)]
    lines = [line for _, line in walk_tb(exception.__traceback__)]
    if frames and frames[-1].f_code in passing and not isinstance(exception, ValueError):
        frames.pop()
    if not frames or owner_of(frames[-1].f_code.co_filename) != USERS:
        return False
    filename, line = frames[-1].f_code.co_filename, lines[len(frames) - 1]
    found: Any = exception
    found.__sg_location__ = Location(filename, line)
    return True


@contextmanager
def in_region() -> Iterator[None]:
    """What is raised in the block is raised on some paths of the program: no `try` around it can know whether."""
    try:
        yield
    except Exception as failure:
        if not isinstance(failure, SrcgradError):
            failure.__sg_in_region__ = True  # type: ignore[attr-defined]
        raise


@contextmanager
def catching() -> Iterator[None]:
    """Around the body of a `try` with handlers."""
    where = "and a try statement around it may catch it"
    with impossible(where, is_lenient=False):
        try:
            yield
        except Exception as failure:
            if not hasattr(failure, "__sg_in_region__"):
                raise
            what = f"whether this {type(failure).__name__} is raised is known only when the program runs"
            raise UnsupportedError(f"{user_location()}: {what}, {where}: {failure}; check for it before") from failure


class _Suppressing:
    """`contextlib.suppress` is a `try` with a handler."""

    def __init__(self, manager: Any) -> None:
        self._manager, self._inside = manager, catching()

    def __enter__(self) -> Any:
        self._inside.__enter__()
        return self._manager.__enter__()

    def __exit__(self, *exception: Any) -> Any:
        return self._inside.__exit__(*exception) or self._manager.__exit__(*exception)


def entered(manager: Any) -> Any:
    """What a `with` statement enters."""
    return _Suppressing(manager) if isinstance(manager, suppress) else manager


@report_by
def fail_if(condition: Any, exception: Exception) -> None:
    """The program raises the exception where the traced condition holds."""
    exception.__traceback__ = None  # it holds every frame of the trace
    flag = apply("where", as_node(condition), constant(np.int64(1)), constant(np.int64(0)))
    hand_on(flag, (exception,))


def hand_on(flag: Node, causes: tuple[Exception, ...]) -> None:
    """The program fails as a part of it does."""
    failures = _current.get()
    if not isinstance(failures, Failures):
        if all(map(is_optional, causes)) and (failures is None or failures.is_lenient):
            return
        where = f" {failures.where}" if failures else ""
        place: Location | None = getattr(causes[0], "__sg_location__", None)
        raise UnsupportedError(
            f"{place or user_location()}: whether this {type(causes[0]).__name__} is raised is known only when the "
            f"program runs{where}; raise it outside, use a native loop or branch, or return the condition and check it"
        )
    failures.note(flag, causes)


def not_failed() -> Any:
    """A traced bool, or True where nothing has failed for certain."""
    failures = _current.get()
    if not isinstance(failures, Failures) or failures.found is None:
        return True
    return failures.handle(apply("equal", as_node(failures.flag), 0))
