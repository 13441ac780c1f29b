"""The `math` module for traced scalars. What it does not have is `math`'s own, and so is everything on plain numbers.

Results are Python numbers in the sense of promotion: ``math.sin(t) * x`` has the dtype of ``x``. Where `math` raises,
as in ``math.sqrt(-1.0)``, a compiled program cannot: it gives NaN or an infinity, as NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from srcgrad.core.errors import TraceError, TraceShapeError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import is_face

_SAME = (
    "cbrt copysign cos cosh erf erfc exp exp2 expm1 fmod isfinite isinf isnan log10 log1p log2 sin sinh sqrt tan tanh"
)
_ROWS = {name: name for name in _SAME.split()} | {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "fabs": "absolute",
    "lgamma": "gammaln",
    "pow": "float_power",
}


def _number(value: Any, dtype: type = float) -> Any:
    """A traced scalar as a Python number."""
    if not is_face(value):
        return value
    if type_of(value).shape:
        raise error(TraceShapeError, "functions of the math module take scalars", "Use the NumPy function of that name")
    return apply("astype", value, dtype=dtype, weak=True)


def _of_row(row: str) -> Callable[..., Any]:
    return lambda *args: apply(row, *map(_number, args))


def _integer(row: str) -> Callable[[Any], Any]:
    return lambda x: _number(apply(row, _number(x)), int)


def _log(x: Any, base: Any = math.e) -> Any:
    found = apply("log", _number(x))
    return found if base is math.e else found / apply("log", _number(base))


def _hypot(*coordinates: Any) -> Any:
    return apply("sqrt", _fsum([_number(x) * _number(x) for x in coordinates]))


def _fsum(values: Any) -> Any:
    total: Any = 0.0
    for value in values:
        total = total + _number(value)
    return total


def _dist(p: Any, q: Any) -> Any:
    return _hypot(*[_number(a) - _number(b) for a, b in zip(p, q, strict=True)])


def _prod(values: Any, *, start: Any = 1) -> Any:
    for value in values:
        start = start * value
    return start


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _of_row(row) for name, row in _ROWS.items()},
    "ceil": _integer("ceil"),
    "floor": _integer("floor"),
    "trunc": _integer("trunc"),
    "log": _log,
    "hypot": _hypot,
    "fsum": _fsum,
    "dist": _dist,
    "prod": _prod,
    "degrees": lambda x: _number(x) * (180 / math.pi),
    "radians": lambda x: _number(x) * (math.pi / 180),
}


def _involves_face(values: Any) -> bool:
    return any(is_face(value) or (isinstance(value, list | tuple) and _involves_face(value)) for value in values)


def _dispatching(name: str) -> Callable[..., Any]:
    plain, ours = getattr(math, name), _FUNCTIONS.get(name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not (_involves_face(args) or _involves_face(kwargs.values())):
            return plain(*args, **kwargs)
        if ours is None:
            raise error(
                TraceError, f"math.{name} is not supported on traced values", "Use a NumPy or scipy.special function"
            )
        return ours(*args, **kwargs)

    call.__name__ = name
    return call


def __getattr__(name: str) -> Any:
    plain = getattr(math, name)
    if not callable(plain):
        return plain
    made = globals()[name] = _dispatching(name)
    return made
