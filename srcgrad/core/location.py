"""Where in the user's code an operation was written."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.sep + "numpy" + os.sep


@dataclass(frozen=True, slots=True)
class Location:
    """A file and a line of the user's program."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


def _is_ours(filename: str) -> bool:
    return filename.startswith(_PACKAGE) or (_NUMPY in filename and "site-packages" in filename)


_ours: dict[str, bool] = {}


def user_location() -> Location | None:
    """The innermost frame that belongs neither to this package nor to NumPy."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        ours = _ours.get(filename)
        if ours is None:
            ours = _ours[filename] = _is_ours(filename)
        if not ours:
            return Location(filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
