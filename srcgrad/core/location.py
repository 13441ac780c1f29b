"""Where in the user's code an operation was written, and which function of a library stands between."""

from __future__ import annotations

import functools
import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
#: where calls of the user's pass through on their way
_CALLS = os.path.join(_PACKAGE, "staging") + os.sep
_NUMPY = os.sep + "numpy" + os.sep
_LIBRARIES: tuple[str, ...] = (
    os.path.realpath(sys.prefix) + os.sep + "lib",
    *(
        os.path.realpath(path) + os.sep
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (path := sysconfig.get_paths().get(name)) is not None
    ),
)

_BINDING = re.compile(
    r"\s*(?:for\s+([A-Za-z_]\w*)\s+in\b|([A-Za-z_]\w*)\s*(?:\[[^=]*\]\s*)?(?::[^=]+)?(?:[-+*/@%&|^]|//|\*\*)?=[^=])"
)

OURS, NUMPY, LIBRARY, USERS = range(4)


@dataclass(frozen=True, slots=True)
class Location:
    """A file and a line of the user's program; what differentiation makes there has a name of its own.

    ``is_step``: the name is that of a value which this one is a step towards.
    """

    file: str
    line: int
    name: str | None = field(default=None, compare=False)
    is_step: bool = field(default=False, compare=False)

    @property
    def variable(self) -> str:
        """The name; by default the variable that the line binds: ``name = ...``, ``name[i] = ...``, ``for name in``."""
        if self.name is not None:
            return self.name
        return _bound_by(linecache.getline(self.file, self.line))

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


@functools.lru_cache(4096)
def _bound_by(line: str) -> str:
    match = _BINDING.match(line)
    return (match[1] or match[2]) if match else ""


_owners: dict[str, int] = {}


def owner_of(filename: str) -> int:
    """Who wrote a file: this package (its generated text included), NumPy, another library, or the user."""
    known = _owners.get(filename)
    if known is None:
        known = _owners[filename] = _owner_of(filename)
    return known


def _owner_of(filename: str) -> int:
    if filename.startswith((_PACKAGE, "<srcgrad")):
        return OURS
    if filename.startswith("<__array") or (_NUMPY in filename and "site-packages" in filename):
        return NUMPY
    if filename.startswith("<frozen"):
        return LIBRARY
    path = filename if filename.startswith("<") else os.path.realpath(filename)
    return LIBRARY if path.startswith(_LIBRARIES) else USERS


def user_location() -> Location | None:
    """The line of the user's innermost frame; where there is none, of the innermost one of another library."""
    fallback: FrameType | None = None
    frame: FrameType | None = sys._getframe(1)
    owners = _owners  # this runs for every operation: no generator, no calls
    while frame is not None:
        name = frame.f_code.co_filename
        owner = owners.get(name)
        if owner is None:
            owner = owner_of(name)
        if owner == USERS:
            return Location(name, frame.f_lineno)
        if owner == LIBRARY and fallback is None:
            fallback = frame
        frame = frame.f_back
    return None if fallback is None else Location(fallback.f_code.co_filename, fallback.f_lineno)


def library_function() -> str | None:
    """The public name of the library's function that the user's innermost frame called, on the way to here."""
    called: FrameType | None = None
    for frame in _frames():
        owner = owner_of(frame.f_code.co_filename)
        if owner == USERS:
            return None if called is None else _public_name(called)
        if owner != OURS:
            called = frame
        elif not frame.f_code.co_filename.startswith(_CALLS):
            called = None
    return None


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _public_name(frame: FrameType) -> str:
    """``scipy.integrate.quad`` for a frame of ``scipy.integrate._quadpack_py``; a method's class by its name."""
    module = str(frame.f_globals.get("__name__", ""))
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    name = name.removesuffix(".__init__").removesuffix(".__call__")
    parts = module.split(".")
    for count in range(1, len(parts) + 1):  # the shortest public module that has it
        home = sys.modules.get(".".join(parts[:count]))
        if hasattr(home, name.split(".")[0]) and not any(part.startswith("_") for part in parts[:count]):
            return ".".join((*parts[:count], name))
    return ".".join([*(part for part in parts if not part.startswith("_")), name])
