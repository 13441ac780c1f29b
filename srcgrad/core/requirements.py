"""The versions of Numba and llvmlite that compiled code is made with: the package is tested with these, and uses
parts of both that change between versions.
"""

from __future__ import annotations

import importlib.util
import os

from srcgrad.core.errors import RequirementError

#: by distribution, the first version that is tested and the first that is not; ``pyproject.toml`` says the same
TESTED = {"numba": ("0.68", "0.69"), "llvmlite": ("0.50", "0.51")}


def check_requirements() -> None:
    """Raise RequirementError where one of them is missing or of another version; none of them is imported.

    An installation that does not say its version (a source tree on the path) is not judged.
    """
    wrong = []
    for name, (first, end) in TESTED.items():
        spec = importlib.util.find_spec(name)
        version = "no version" if spec is None else _version(name, spec.origin)
        if version is not None and not (spec and _numbers(first) <= _numbers(version) < _numbers(end)):
            wrong.append(f"{name} >={first},<{end} is needed, {version} is installed")
    if wrong:
        needed = " ".join(f"'{name}>={first},<{end}'" for name, (first, end) in TESTED.items())
        raise RequirementError(f"srcgrad: {'; '.join(wrong)}: run  python -m pip install {needed}")


def _version(name: str, origin: str | None) -> str | None:
    """What the metadata beside a package says: found by its name, since `importlib.metadata` takes longer to import."""
    files = os.listdir(os.path.dirname(os.path.dirname(origin or os.curdir)) or os.curdir)
    found = (file.removesuffix(".dist-info").partition("-") for file in files if file.endswith(".dist-info"))
    return next((version for distribution, _, version in found if distribution == name), None)


def _numbers(version: str) -> list[int]:
    """Major and minor, which compare as numbers: 0.100 follows 0.99, and 0.69 release candidates are 0.69."""
    return [int(part) for part in version.split(".")[:2]]
