"""What is checked when the program runs: the floor that can stop a program registers here how it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.location import user_location
from srcgrad.numpy.static import static_of

Report = Callable[[Any, Exception], None]

_reports: list[Report] = []


def report_by(report: Report) -> Report:
    """``report(condition, exception)`` makes the program raise the exception where the traced condition holds."""
    _reports.append(report)
    return report


def fail_where(condition: Any, exception: Exception, *, optional: bool = False) -> None:
    """The program raises the exception where the condition holds: now, if it is known, or when the program runs.

    In a body that cannot stop the program (that of ``sg.fori_loop``, say) this is an error; an optional check, without
    which the result is infinite or NaN and so tells as much, is left out there.
    """
    exception.__sg_optional__ = optional  # type: ignore[attr-defined]
    exception.__sg_location__ = user_location()  # type: ignore[attr-defined]
    known = static_of(condition) if hasattr(condition, "__sg_bind__") else np.asarray(condition)
    if known is not None:
        if known:
            raise exception
        return
    for report in _reports:
        report(condition, exception)


def is_optional(exception: Exception) -> bool:
    """Whether it comes from an optional check."""
    return getattr(exception, "__sg_optional__", False)
