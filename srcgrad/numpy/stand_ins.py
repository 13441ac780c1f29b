"""What a traced function sees in place of the modules and functions of NumPy, SciPy and `math` that its globals hold.

NumPy's own dispatch reaches a traced array in most calls, but not where a function makes an array from nothing, as
``np.zeros`` does, nor where it takes numbers, as `math` does. So the traced copy of a user's function is given a
stand-in for each of them.

>>> import math, numpy
>>> stand_in(numpy).__name__, stand_in(math).__name__, stand_in(numpy.zeros).__module__
('srcgrad.numpy', 'srcgrad.numpy.python_math', 'srcgrad.numpy.creation')
>>> stand_in(len) is len
True
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

_MODULES = {
    "math": "srcgrad.numpy.python_math",
    "numpy": "srcgrad.numpy",
    "numpy.fft": "srcgrad.numpy.fft",
    "numpy.linalg": "srcgrad.numpy.linalg",
    "scipy.linalg": "srcgrad.numpy.scipy_linalg",
    "scipy.special": "srcgrad.numpy.special",
}


class _Scipy:
    """The `scipy` package with stand-ins for its modules."""

    def __init__(self, package: ModuleType) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        return stand_in(getattr(self._package, name))


def stand_in(value: Any) -> Any:
    """The stand-in for a module, a function or a class; any other value itself."""
    if isinstance(value, ModuleType):
        return _Scipy(value) if value.__name__ == "scipy" else _module(_MODULES.get(value.__name__)) or value
    if isinstance(value, np.ufunc):
        home = "srcgrad.numpy" if getattr(np, value.__name__, None) is value else "srcgrad.numpy.special"
        return getattr(_module(home), value.__name__, value)
    if isinstance(value, np.vectorize):
        return _module("srcgrad.numpy.elements").traced_vectorize(value)
    if value is np.ndarray or value is np.vectorize:
        return getattr(_module("srcgrad.numpy"), value.__name__)
    if not callable(value) or isinstance(value, type):
        return value
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return value
    known = _MODULES.get(".".join(module.split(".")[:2]) if module.startswith("scipy.") else module)
    return getattr(_module(known), name, value) if known else value


def _module(name: str | None) -> Any:
    from importlib import import_module

    return None if name is None else import_module(name)
