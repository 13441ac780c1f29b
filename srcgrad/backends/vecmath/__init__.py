"""Elementwise math as branch-free formulas that LLVM turns into vector code; see `docs/vecmath.md`.

>>> lookup("tanh", np.dtype("float32"))
'tanh_f32'
>>> round(FUNCTIONS["exp_f64"](1.0), 12)
2.718281828459
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.backends.vecmath import (
    bessel,
    error,
    exponential,
    gamma,
    gamma_function,
    hyperbolic,
    inverse_trigonometric,
    logarithm,
    modified_bessel,
    normal,
    power,
    root,
    sigmoid,
    trigonometric,
)

__all__ = ["FUNCTIONS", "NAMES", "has", "lookup"]

_ROOMS = {
    exponential: ("exp", "exp2", "expm1"),
    logarithm: ("log", "log1p", "log2", "log10"),
    hyperbolic: ("tanh", "sinh", "cosh", "arcsinh", "arccosh", "arctanh"),
    sigmoid: ("expit", "log_expit", "logit", "logaddexp", "logaddexp2"),
    trigonometric: ("sin", "cos", "tan", "sinc"),
    inverse_trigonometric: ("arcsin", "arccos", "arctan", "arctan2"),
    root: ("cbrt", "hypot"),
    power: ("power",),
    gamma: ("gammaln", "digamma", "polygamma1"),
    error: ("erf", "erfc", "erfinv"),
    gamma_function: ("gamma",),
    normal: ("erfcx", "ndtr", "log_ndtr"),
    modified_bessel: ("i0", "i1", "i0e", "i1e"),
    bessel: ("j0", "j1", "y0", "y1"),
}
_SUFFIX = {np.dtype(np.float64): "_f64", np.dtype(np.float32): "_f32"}

NAMES: tuple[str, ...] = tuple(name for names in _ROOMS.values() for name in names)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name + suffix: getattr(room, name + suffix)
    for room, names in _ROOMS.items()
    for name in names
    for suffix in _SUFFIX.values()
}


def has(name: str) -> bool:
    """Whether there is a vector version of the NumPy or SciPy function `name`."""
    return name in NAMES


def lookup(name: str, dtype: np.dtype[Any]) -> str:
    """The name in `FUNCTIONS` of `name` for float64 or float32; `KeyError` for anything else."""
    if not has(name):
        raise KeyError(f"no vector math for {name!r}; there is {', '.join(NAMES)}")
    if dtype not in _SUFFIX:
        raise KeyError(f"vector math takes float64 and float32, not {dtype}")
    return name + _SUFFIX[dtype]
