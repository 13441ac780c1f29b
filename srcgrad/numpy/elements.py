"""Functions of single elements: `numpy.vectorize`, and the parts that a floating-point number has."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from srcgrad.core.errors import TraceError, UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import inexact
from srcgrad.numpy.creation import array, empty
from srcgrad.numpy.elementwise import composite
from srcgrad.numpy.geometry import reshaped
from srcgrad.numpy.joining import stack
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, involves_face
from srcgrad.numpy.shaping import as_array
from srcgrad.ops.arithmetic import absolute, floor, where
from srcgrad.ops.families import convert
from srcgrad.ops.logic import isfinite

#: Each element is code of its own, so there had better be few.
_MANY = 1000


class vectorize:
    """As `numpy.vectorize`: on traced arrays the function is traced once for each element."""

    def __init__(
        self,
        pyfunc: Any = None,
        otypes: Any = None,
        doc: str | None = None,
        excluded: Collection[int | str] | None = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self.pyfunc, self.otypes, self.cache, self.signature = pyfunc, otypes, cache, signature
        self.excluded = set() if excluded is None else set(excluded)
        self.__doc__ = doc if doc is not None else getattr(pyfunc, "__doc__", None)
        self.__name__ = getattr(pyfunc, "__name__", "vectorize")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.pyfunc is None:  # a decorator with options
            return self.with_function(args[0])
        if not involves_face((*args, *kwargs.values())):
            plain = np.vectorize(self.pyfunc, self.otypes, None, self.excluded, self.cache, self.signature)
            return plain(*args, **kwargs)
        return self._traced(args, kwargs)

    def with_function(self, pyfunc: Any) -> vectorize:
        """The same for another function."""
        return vectorize(pyfunc, self.otypes, self.__doc__, self.excluded, self.cache, self.signature)

    def _traced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given: dict[int | str, Any] = dict(enumerate(args))
        given.update((key, value) for key, value in kwargs.items())
        operands = {key: array(value) for key, value in given.items() if key not in self.excluded}
        ranks = self._core_ranks(len(operands))
        cores = {key: x.shape[len(x.shape) - rank :] for (key, x), rank in zip(operands.items(), ranks, strict=True)}
        leading = [x.shape[: len(x.shape) - len(cores[key])] for key, x in operands.items()]
        shape = np.broadcast_shapes(*leading)
        spread = {key: apply("broadcast_to", x, shape=(*shape, *cores[key])) for key, x in operands.items()}
        if math.prod(shape) > _MANY:
            what = f"np.vectorize would trace {self.__name__} once for each of {math.prod(shape)} elements"
            raise error(UnsupportedError, what, "Write the function with NumPy functions, and call it on the array")
        results = []
        for place in np.ndindex(*shape):
            one = {key: spread[key][place] if key in spread else value for key, value in given.items()}
            positional = [one.pop(k) for k in range(len(args))]
            results.append(self.pyfunc(*positional, **{str(key): value for key, value in one.items()}))
        return self._collected(results, shape)

    def _core_ranks(self, count: int) -> list[int]:
        """How many dimensions of each operand the function takes at once."""
        if self.signature is None:
            return [0] * count
        ranks = [len(core.split(",")) if core.strip() else 0 for core in _cores(self.signature.partition("->")[0])]
        if len(ranks) != count:
            raise error(TraceError, f"np.vectorize: {self.signature} takes {len(ranks)} operands, was given {count}")
        return ranks

    def _collected(self, results: list[Any], shape: tuple[int, ...]) -> Any:
        """The results as arrays, of the dtype of the first one as in NumPy."""
        if not results:
            if self.otypes is None or self.signature is not None:
                raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
            found = tuple(empty(shape, np.dtype(dtype)) for dtype in self.otypes)
            return found[0] if len(found) == 1 else found
        several = isinstance(results[0], tuple)
        columns = list(zip(*results, strict=True)) if several else [tuple(results)]
        made = []
        for k, column in enumerate(columns):
            values = [array(value) for value in column]
            dtype = values[0].dtype if self.otypes is None else np.dtype(self.otypes[k])
            whole = stack([apply("astype", value, dtype=dtype) for value in values])
            made.append(reshaped(whole, (*shape, *values[0].shape)))
        return tuple(made) if several else made[0]


def _cores(signature: str) -> list[str]:
    return re.findall(r"\(([^)]*)\)", signature)


@composite(1)
def frexp(x: Any) -> Any:
    """As `numpy.frexp`; the exponent has no derivative, that of the mantissa is ``2**-exponent``."""
    x = convert(x, inexact(x.dtype))
    info = np.finfo(x.dtype)
    usual = isfinite(x) & apply("not_equal", x, 0)
    size = where(usual, absolute(x), 1)
    subnormal = size < float(info.tiny)
    lift, bits = 2.0 ** (info.nmant + 1), info.nmant + 1
    size = where(subnormal, size * lift, size)
    exponent = floor(apply("log2", size)) + 1
    rough = size * apply("exp2", -exponent)  # log2 is rounded: one more or less may be right
    exponent = exponent + convert(rough >= 1, x.dtype) - convert(rough < 0.5, x.dtype)
    mantissa = where(subnormal, x * lift, x) * apply("exp2", -exponent)
    exponent = where(usual, where(subnormal, exponent - bits, exponent), 0)
    return where(usual, mantissa, x), convert(exponent, np.dtype(np.int32))


@implements
def real_if_close(a: Any, tol: float = 100) -> Any:
    """As `numpy.real_if_close`, of real arrays: whether complex ones are close to real depends on the data."""
    a = as_array(a)
    if a.dtype.kind == "c":
        what = "real_if_close: whether the imaginary parts are small enough is not known while tracing"
        raise error(UnsupportedError, what, "Take .real, or call it outside of the traced function")
    return a


def traced_vectorize(plain: Any) -> Callable[..., Any]:
    """What stands for an object that `numpy.vectorize` made."""
    return vectorize(plain.pyfunc, plain.otypes, plain.__doc__, plain.excluded, plain.cache, plain.signature)
