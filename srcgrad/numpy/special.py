"""`scipy.special` for traced arrays: soft maxima written with care for overflow, and the ufuncs of the table.

As a module it stands for `scipy.special`: what it does not have is SciPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.op import apply
from srcgrad.core.types import type_of
from srcgrad.numpy.elementwise import deliver, ufunc
from srcgrad.numpy.indexing import where
from srcgrad.numpy.messages import error
from srcgrad.numpy.protocols import implements, is_face, namespace
from srcgrad.numpy.reductions import max, sum
from srcgrad.numpy.shaping import as_array, some_axes
from srcgrad.numpy.views import without_axes
from srcgrad.ops.families import convert


def _as_float(a: Any) -> Any:
    a = as_array(a) if is_face(a) else np.asarray(a)
    return a if type_of(a).dtype.kind in "fc" else convert(a, np.dtype(float))


def _largest(a: Any, axis: Any) -> Any:
    """The largest element. Its derivative cancels from every formula that shifts by it, so it has none."""
    return apply("stop_gradient", max(a, axis, keepdims=True))


def _shift(a: Any, axis: Any) -> Any:
    """The largest element, or zero where that is not finite: inf - inf is NaN."""
    largest = _largest(a, axis)
    return where(apply("isfinite", largest), largest, np.zeros((), type_of(a).dtype))


@implements
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """As `scipy.special.logsumexp`: ``log(sum(b * exp(a)))`` without overflow; -inf where nothing is summed."""
    a = _as_float(a)
    shift = _shift(a, axis)
    terms = apply("exp", apply("subtract", a, shift))
    if b is not None:
        terms = where(apply("equal", b, 0), np.zeros((), terms.dtype), apply("multiply", b, terms))
    total = sum(terms, axis, keepdims=True)
    sign = apply("sign", total)
    if return_sign:
        total = apply("absolute", total)
    found = apply("add", apply("log", total), shift)
    axes = tuple(range(len(found.shape))) if axis is None else some_axes(axis, len(found.shape))
    found, sign = (one if keepdims or not axes else without_axes(one, axes) for one in (found, sign))
    found, sign = (_scalar(one) for one in (found, sign))
    return (found, sign) if return_sign else found


def _scalar(value: Any) -> Any:
    """A 0-d view as the scalar that NumPy gives."""
    return value[()] if value.shape == () else value


@implements
def softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.softmax`."""
    x = _as_float(x)
    terms = apply("exp", apply("subtract", x, _largest(x, axis)))
    return apply("divide", terms, sum(terms, axis, keepdims=True))


@implements
def log_softmax(x: Any, axis: Any = None) -> Any:
    """As `scipy.special.log_softmax`."""
    x = _as_float(x)
    shifted = apply("subtract", x, _shift(x, axis))
    return apply("subtract", shifted, apply("log", sum(apply("exp", shifted), axis, keepdims=True)))


# Combinations


@implements
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """As `scipy.special.comb` with ``exact=False``."""
    _only_floats("comb", exact)
    if repetition:
        return comb(N + k - 1, k)
    N, k = as_array(N), as_array(k)
    valid = (k <= N) & (N >= 0) & (k >= 0)
    return where(valid, namespace("binom")(where(valid, N, 1), where(valid, k, 1)), 0.0)


@implements
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """As `scipy.special.factorial` with ``exact=False``: 0 for negative n."""
    _only_floats("factorial", exact)
    n = _as_float(n)
    if extend == "complex":
        return apply("gamma", n + 1)
    return where(n < 0, np.zeros((), n.dtype), apply("gamma", where(n < 0, np.zeros((), n.dtype), n) + 1))


def _only_floats(name: str, exact: Any) -> None:
    if exact:
        what = f"scipy.special.{name}: exact=True makes Python integers, which have no derivative"
        raise error(UnsupportedError, what, "Use exact=False")


@implements
def multigammaln(a: Any, d: int) -> Any:
    """As `scipy.special.multigammaln`, without the check that ``a > (d - 1) / 2``."""
    a = _as_float(a)
    total = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(int(d)):
        total = apply("gammaln", a - j / 2) + total
    return total


@implements
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """As `scipy.special.zeta`; without q, Riemann's function, only the derivative with respect to q is there."""
    return deliver(apply("zeta", x, 1.0 if q is None else q), out, name="zeta")


def __getattr__(name: str) -> Any:
    """A ufunc of the table, or SciPy's own attribute."""
    if name.startswith("__"):
        raise AttributeError(name)
    import scipy.special

    plain = getattr(scipy.special, name)
    return ufunc(name) or plain
