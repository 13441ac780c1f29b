"""NumPy's and SciPy's ufuncs on traced arrays: one object per pointwise row, made when it is first asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, UnsupportedError
from srcgrad.core.lowering import Pointwise
from srcgrad.core.op import TABLE, Op, apply
from srcgrad.core.types import inexact, type_of
from srcgrad.numpy.assignment import cast_in_place
from srcgrad.numpy.messages import error
from srcgrad.numpy.powers import power
from srcgrad.numpy.protocols import FUNCTIONS, involves_face, is_face, namespace, plain_function, unsupported
from srcgrad.ops.families import convert, nonzero

#: SciPy's names, and NumPy's second names, of rows that the table has under another.
_ALIASES = {"psi": "digamma", "loggamma": "gammaln", "bitwise_not": "invert"}
_REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
    "logaddexp": "logsumexp",
}
_SCANS = {"add": "cumsum", "multiply": "cumprod", "maximum": "maximum.accumulate", "minimum": "minimum.accumulate"}


def _plain_where_plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a ufunc that is NumPy's own where no argument is traced."""

    @functools.wraps(method)
    def call(self: Ufunc, *args: Any, **options: Any) -> Any:
        if involves_face(args) or involves_face(options.values()):
            return method(self, *args, **options)
        return getattr(plain_function(self.__name__), method.__name__)(*args, **options)

    return call


class Ufunc:
    """A ufunc: called on plain arrays it is NumPy's (or SciPy's) own, on traced ones it applies the row of its name."""

    def __init__(self, name: str, function: Callable[..., Any], nin: int) -> None:
        self.__name__ = name
        self.__doc__ = f"As the ufunc `{name}`."
        self.nin = nin
        self._function = function

    def __repr__(self) -> str:
        return f"<ufunc {self.__name__!r} of srcgrad.numpy>"

    def __call__(self, *args: Any, out: Any = None, where: Any = True, dtype: Any = None, **options: Any) -> Any:
        if len(args) > self.nin and out is None:
            out = args[self.nin] if len(args) == self.nin + 1 else args[self.nin :]
        operands = args[: self.nin]
        if not involves_face((*operands, out, where)):
            given = {"out": out, "where": where, "dtype": dtype}
            plain = {key: value for key, value in given.items() if value is not None and value is not True}
            return plain_function(self.__name__)(*operands, **plain, **options)
        self._check(operands, options)
        operands = self._operands(operands, dtype)
        result = self._function(*operands)
        return result if out is None and where is True else deliver(result, out, where, self.__name__)

    def _check(self, operands: tuple[Any, ...], options: dict[str, Any]) -> None:
        if len(operands) < self.nin:
            raise error(TraceError, f"{self.__name__} takes {self.nin} arguments, was given {len(operands)}")
        for option, value in options.items():
            if (option, value) not in (("casting", "same_kind"), ("order", "K"), ("subok", True)):
                raise error(UnsupportedError, f"{self.__name__}: {option}={value!r} is not supported on traced arrays")

    def _operands(self, operands: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
        """Lists become arrays; where all are Python scalars the result is a NumPy scalar, so they stop being weak."""
        operands = tuple(namespace("array")(x) if isinstance(x, list | tuple) else x for x in operands)
        if dtype is not None:
            return tuple(convert(x, np.dtype(dtype)) for x in operands)
        types = [type_of(x) for x in operands]
        if not all(type_.weak for type_ in types):
            return operands
        return tuple(convert(x, type_.dtype) for x, type_ in zip(operands, types, strict=True))

    @_plain_where_plain
    def reduce(self, array: Any, axis: Any = 0, **options: Any) -> Any:
        """As `numpy.ufunc.reduce`, for the ufuncs that have a reduction of their own."""
        return self._other("reduce", _REDUCTIONS)(array, axis=axis, **options)

    @_plain_where_plain
    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """As `numpy.ufunc.accumulate`, for add, multiply, maximum and minimum."""
        if not type_of(array).shape:
            raise error(TraceError, "cannot accumulate on a scalar")
        return self._other("accumulate", _SCANS)(array, axis=axis, dtype=dtype, out=out)

    @_plain_where_plain
    def outer(self, a: Any, b: Any, **options: Any) -> Any:
        """The ufunc on every pair of elements."""
        a, b = namespace("asarray")(a), namespace("asarray")(b)
        return self(a[(..., *[None] * b.ndim)], b, **options)

    @_plain_where_plain
    def at(self, array: Any, indices: Any, b: Any = None) -> None:
        """As `numpy.ufunc.at`, for add and subtract: once for each time that an index names an element."""
        if self.__name__ not in ("add", "subtract") or not hasattr(array, "add_at"):
            raise unsupported(f"{self.__name__}.at", f"numpy.{self.__name__}.at")
        array.add_at(indices, b if self.__name__ == "add" else -namespace("asarray")(b))

    @_plain_where_plain
    def reduceat(self, array: Any, *args: Any, **kwargs: Any) -> Any:
        """Not supported on traced arrays."""
        raise unsupported(f"{self.__name__}.reduceat", f"numpy.{self.__name__}.reduceat")

    def _other(self, method: str, functions: dict[str, str]) -> Callable[..., Any]:
        if self.__name__ not in functions:
            raise unsupported(f"{self.__name__}.{method}", f"numpy.{self.__name__}.{method}")
        return namespace(functions[self.__name__])


def deliver(result: Any, out: Any, where: Any = True, name: str = "out") -> Any:
    """A result written into ``out`` where that is given."""
    if isinstance(out, tuple):
        if isinstance(result, tuple):
            return tuple(deliver(part, one, where, name) for part, one in zip(result, out, strict=True))
        (out,) = out
    if out is None:
        if where is not True:
            what = f"{name}: where= without out= leaves the other elements undefined"
            raise error(UnsupportedError, what, "Use np.where(mask, result, other)")
        return result
    if not is_face(out) or not hasattr(out, "assign"):
        what = f"{name}: out= is a NumPy array that was made outside the traced function; it cannot take traced values"
        raise error(TraceError, what, "Make it inside, with np.zeros or np.empty, or pass it as an argument")
    if where is not True:
        result = apply("where", where, result, out)
    out.assign(cast_in_place(out.__sg_lift__(result).__sg_node__, out.shape, out.dtype, name))
    return out


_made: dict[str, Ufunc | None] = {}


def composite(nin: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of ``nin`` traced operands as the ufunc of its name."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        _COMPOSITES[function.__name__] = (function, nin)
        return function

    return enter


def ufunc(name: str) -> Ufunc | None:
    """The ufunc of a name, None where neither the table nor the composites have it."""
    if name not in _made:
        _made[name] = _make(name)
    return _made[name]


def _make(name: str) -> Ufunc | None:
    plain = getattr(np, name, None)
    row_name = plain.__name__ if isinstance(plain, np.ufunc) else name
    row_name = _ALIASES.get(row_name, row_name)
    if row_name in _COMPOSITES:
        function, nin = _COMPOSITES[row_name]
        return Ufunc(row_name, function, nin)
    if row_name not in TABLE or name in FUNCTIONS:
        return None
    row = TABLE[row_name]
    if not isinstance(row.lowering, Pointwise):
        return None
    nin = plain.nin if isinstance(plain, np.ufunc) else _arity(row)
    return Ufunc(name if plain is None else row_name, row, nin)


def _arity(row: Op) -> int:
    return len(row.samples[0].args) if row.samples else 1


def ufunc_names() -> Iterator[str]:
    """The names of all ufuncs, those of the table first."""
    elsewhere = {*FUNCTIONS, *_COMPOSITES}
    yield from (row.name for row in TABLE if isinstance(row.lowering, Pointwise) and row.name not in elsewhere)
    yield from _COMPOSITES


# ufuncs that are compositions of rows


def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return apply("floor_divide", x, y), apply("remainder", x, y)


def _modf(x: Any) -> tuple[Any, Any]:
    x = _as_float(x)
    whole = apply("trunc", x)
    return apply("copysign", apply("where", apply("isinf", x), 0.0, x - whole), x), whole


def _scaled(factor: float) -> Callable[[Any], Any]:
    return lambda x: apply("multiply", _real(x), factor)


def _real(x: Any) -> Any:
    if type_of(x).dtype.kind == "c":
        raise error(TraceError, "the ufunc is not defined for complex numbers", "Take x.real, x.imag or abs(x)")
    return x


def _fabs(x: Any) -> Any:
    return apply("absolute", _as_float(_real(x)))


def _as_float(x: Any) -> Any:
    return convert(x, inexact(type_of(x).dtype))


def _ldexp(x: Any, exponent: Any) -> Any:
    if type_of(x).dtype.kind == "c" or type_of(exponent).dtype.kind not in "biu":
        raise error(TraceError, "ufunc 'ldexp' takes real numbers and integer exponents")
    return x * apply("exp2", convert(exponent, _as_float(x).dtype))


def _positive(x: Any) -> Any:
    if type_of(x).dtype.kind == "b":
        raise error(TraceError, "ufunc 'positive' is not defined for booleans")
    return apply("astype", x, dtype=type_of(x).dtype)


def _conjugate(x: Any) -> Any:
    dtype = type_of(x).dtype
    return (
        apply("conjugate", x)
        if dtype.kind == "c"
        else apply("astype", x, dtype=np.int8 if dtype.kind == "b" else dtype)
    )


def _sign(x: Any) -> Any:
    """Of a complex number, that of length 1 in its direction; 0 of 0."""
    if type_of(x).dtype.kind != "c":
        return apply("sign", x)
    return x / nonzero(apply("absolute", x))


_COMPOSITES: dict[str, tuple[Callable[..., Any], int]] = {
    "power": (power, 2),
    "positive": (_positive, 1),
    "conjugate": (_conjugate, 1),
    "sign": (_sign, 1),
    "divmod": (_divmod, 2),
    "modf": (_modf, 1),
    "fabs": (_fabs, 1),
    "deg2rad": (_scaled(np.pi / 180), 1),
    "radians": (_scaled(np.pi / 180), 1),
    "rad2deg": (_scaled(180 / np.pi), 1),
    "degrees": (_scaled(180 / np.pi), 1),
    "ldexp": (_ldexp, 2),
}
