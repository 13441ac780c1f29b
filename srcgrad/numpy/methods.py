"""The methods and properties of `numpy.ndarray` on a traced array: each calls the function of its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.core.errors import SrcgradError
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import namespace


class MissingAttributeError(SrcgradError, AttributeError):
    """A traced array has no such attribute."""


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return namespace(name)(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As `numpy.ndarray.{name}`."
    return method


class Methods:
    """Mixin: what an ndarray can do besides operators and indexing."""

    __slots__ = ()

    all = _method("all")
    any = _method("any")
    argmax = _method("argmax")
    argmin = _method("argmin")
    argsort = _method("argsort")
    clip = _method("clip")
    compress = _method("compress")
    cumprod = _method("cumprod")
    cumsum = _method("cumsum")
    diagonal = _method("diagonal")
    dot = _method("dot")
    max = _method("max")
    mean = _method("mean")
    min = _method("min")
    nonzero = _method("nonzero")
    prod = _method("prod")
    ptp = _method("ptp")
    ravel = _method("ravel")
    repeat = _method("repeat")
    round = _method("round")
    searchsorted = _method("searchsorted")
    squeeze = _method("squeeze")
    std = _method("std")
    sum = _method("sum")
    swapaxes = _method("swapaxes")
    take = _method("take")
    trace = _method("trace")
    var = _method("var")

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
        """As `numpy.ndarray.reshape`: a view where NumPy makes one."""
        return namespace("reshape")(self, shape[0] if len(shape) == 1 else shape, order=order, copy=copy)

    def transpose(self, *axes: Any) -> Any:
        """As `numpy.ndarray.transpose`."""
        one = len(axes) == 1 and not isinstance(axes[0], int | np.integer)
        return namespace("transpose")(self, (axes[0] if one else axes) or None)

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """As `numpy.ndarray.astype`."""
        return namespace("astype")(self, dtype, casting=casting, copy=copy)

    def conjugate(self) -> Any:
        """As `numpy.ndarray.conjugate`: of a real array the array itself."""
        return namespace("conjugate")(self) if self.dtype.kind == "c" else self

    conj = conjugate

    def flatten(self, order: str = "C") -> Any:
        """A copy with one dimension."""
        return namespace("ravel")(self, order=order).copy()

    def copy(self, order: str = "C") -> Any:
        """A copy; of a scalar a scalar."""
        return +self if self.is_scalar else namespace("copy")(self)  # type: ignore[operator]

    def fill(self, value: Any) -> None:
        """Write one value into every element."""
        self[...] = value

    def sort(self, axis: int = -1, kind: str | None = None, order: Any = None) -> None:
        """Sort in place."""
        self[...] = namespace("sort")(self, axis=axis)

    @property
    def T(self) -> Any:
        return namespace("transpose")(self)

    @property
    def mT(self) -> Any:
        return namespace("matrix_transpose")(self)

    @property
    def real(self) -> Any:
        return namespace("real")(self)

    @real.setter
    def real(self, value: Any) -> None:
        namespace("real")(self)[...] = value

    @property
    def imag(self) -> Any:
        return namespace("imag")(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        if self.dtype.kind != "c":
            raise error(MissingAttributeError, "a real array has no imaginary part to set")
        namespace("imag")(self)[...] = value

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return int(self.size * self.itemsize)

    @property
    def flat(self) -> Any:
        from srcgrad.numpy.indexing import Flat

        return Flat(self)  # type: ignore[arg-type]

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        close = difflib.get_close_matches(name, [one for one in dir(Methods) if not one.startswith("_")], 3)
        cure = f"Near it there are {', '.join(close)}" if close else "Compute it outside the traced function"
        raise error(MissingAttributeError, f"a traced array has no attribute {name!r}", cure)
