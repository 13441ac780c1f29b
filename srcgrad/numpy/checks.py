"""What is checked when the program runs: the floor that can stop a program registers here how it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.core.location import user_location

Report = Callable[[Any, Exception], None]

_reports: list[Report] = []


def report_by(report: Report) -> Report:
    """``report(condition, exception)`` makes the program raise the exception where the traced condition holds."""
    _reports.append(report)
    return report


def fail_where(condition: Any, exception: Exception) -> None:
    """The program raises the exception where the condition, which is not known while tracing, holds."""
    exception.__sg_location__ = user_location()  # type: ignore[attr-defined]
    for report in _reports:
        report(condition, exception)
