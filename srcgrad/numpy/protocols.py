"""NumPy's dispatch: which of our functions stands for a NumPy function that was called on a traced array.

`implements` enters a function into the namespace and into the dispatch at once. A function calls NumPy's own where
none of its arguments is traced; that is why traced and plain code can share it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import numpy as np

from srcgrad.core.errors import TraceError, UnsupportedError
from srcgrad.core.location import library_function
from srcgrad.graph.trace import is_tracing
from srcgrad.numpy.messages import COUNT, OPAQUE, error
from srcgrad.numpy.static import static_of

F = TypeVar("F", bound=Callable[..., Any])

#: Every function of the namespace by its qualified NumPy name: "sum", "linalg.norm".
FUNCTIONS: dict[str, Callable[..., Any]] = {}

#: Plain functions of scipy.special that this namespace has under the same name.
SCIPY_FUNCTIONS = ("comb", "factorial", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta")


def is_face(value: Any) -> bool:
    """Whether a value binds operations itself: a traced array, a node, an eager tensor."""
    return hasattr(value, "__sg_bind__")


def involves_face(values: Iterable[Any]) -> bool:
    """Whether a traced value (or a value of another face) is among the values, also inside lists and tuples."""
    return any(is_face(value) or (isinstance(value, list | tuple) and involves_face(value)) for value in values)


def implements(function: F) -> F:
    """Enter a function that stands for NumPy's of the same name wherever an argument is traced."""
    return _enter(function, function.__name__, lambda args, kwargs: _any_face(args, kwargs))


def creates(function: F) -> F:
    """As `implements`, for functions that make new arrays: within a traced function these are always traced arrays."""
    return _enter(function, function.__name__, lambda args, kwargs: is_tracing() or _any_face(args, kwargs))


def implements_as(name: str) -> Callable[[F], F]:
    """As `implements`, under a qualified NumPy name."""
    return lambda function: _enter(function, name, lambda args, kwargs: _any_face(args, kwargs))


def _any_face(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return involves_face(args) or bool(kwargs and involves_face(kwargs.values()))


def _enter(function: F, name: str, is_ours: Callable[[tuple[Any, ...], dict[str, Any]], bool]) -> F:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_ours(args, kwargs):
            if any(hasattr(arg, "__sg_apply__") for arg in args):
                from srcgrad.numpy import ragged

                return ragged.call(name, args, kwargs)
            return function(*args, **kwargs)
        return plain_function(name)(*args, **kwargs)

    FUNCTIONS[name] = call
    return cast(F, call)


def plain_function(name: str) -> Callable[..., Any]:
    """NumPy's (or SciPy's) own function of a qualified name."""
    if name.startswith("scipy.linalg."):
        import scipy.linalg

        return cast(Callable[..., Any], getattr(scipy.linalg, name.rpartition(".")[2]))
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        import scipy.special

        found = getattr(scipy.special, name)
    return cast(Callable[..., Any], found)


def namespace(name: str) -> Callable[..., Any]:
    """The function of this namespace that has a NumPy name."""
    found = FUNCTIONS.get(name)
    if found is None:
        from srcgrad.numpy.elementwise import ufunc

        found = ufunc(name)
    if found is None:
        raise unsupported(name)
    return found


_SIZE = "How many elements that has depends on the data, and shapes may not"
_CURES = {
    **dict.fromkeys(
        ("unique", "union1d", "intersect1d", "setdiff1d", "setxor1d"),
        f"{_SIZE}: call it outside of the traced function and pass indices, or use np.sort(x)",
    ),
    "trim_zeros": f"{_SIZE}: call it outside of the traced function, and slice inside",
    **dict.fromkeys(
        ("roots", "linalg.eig", "linalg.eigvals"),
        "Eigenvalues are here for symmetric matrices only, by np.linalg.eigh and np.linalg.eigvalsh; a root can be "
        "refined with Newton's method",
    ),
    **dict.fromkeys(
        ("nextafter", "spacing"), "It steps between floating-point numbers: call it outside of the traced function"
    ),
}


def unsupported(name: str, label: str | None = None) -> UnsupportedError:
    """The error for a function that this namespace does not have."""
    if name in _CURES:
        return error(UnsupportedError, f"{label or 'numpy.' + name} is not supported on traced arrays", _CURES[name])
    return error(UnsupportedError, f"{label or 'numpy.' + name} is not supported on traced arrays", OPAQUE)


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_ufunc__` of a traced array does."""
    from srcgrad.numpy.elementwise import ufunc as ours

    found: Any = FUNCTIONS.get(ufunc.__name__) if method == "__call__" else None
    if found is None:
        found = ours(ufunc.__name__)
    if found is None:
        known = known_arguments(inputs, kwargs)
        if known is None:
            raise unsupported(ufunc.__name__, _label(ufunc))
        return getattr(ufunc, method)(*known[0], **known[1])
    out = kwargs.get("out")
    if isinstance(out, tuple):
        kwargs["out"] = out[0] if len(out) == 1 else out
    return found(*inputs, **kwargs) if method == "__call__" else getattr(found, method)(*inputs, **kwargs)


def _label(ufunc: Any) -> str:
    name: str = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        return f"numpy.{name}"
    return f"scipy.special.{name}" if isinstance(ufunc, np.ufunc) else name


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_function__` of a traced array does."""
    module = getattr(function, "__module__", "numpy").removeprefix("numpy").removeprefix(".")
    name = f"{module}.{function.__name__}" if module else function.__name__
    from srcgrad.numpy.elementwise import ufunc

    found: Any = FUNCTIONS.get(name)
    if found is None and not module:
        found = ufunc(name)
    if found is not None:
        return found(*args, **kwargs)
    known = known_arguments(args, kwargs)
    if known is None:
        raise unsupported(name)
    return function(*known[0], **known[1])


def known_arguments(args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The arguments with plain arrays for traced ones, where all of these are known while tracing."""

    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(plain(one) for one in value)
        if not is_face(value):
            return value
        known = static_of(value, is_needed=True)
        if known is None:
            raise LookupError
        return known

    try:
        return tuple(plain(value) for value in args), {key: plain(value) for key, value in kwargs.items()}
    except LookupError:
        return None


def conversion_error(dtype: np.dtype[Any]) -> TraceError:
    """What a program hears that asks for the numbers of a traced array."""
    called = library_function() or ""
    home, _, name = called.rpartition(".")
    what = f"{called} converts its argument to a NumPy array, which a traced array is not"
    if home == "scipy.special" and name in SCIPY_FUNCTIONS:
        return error(TraceError, what, f"Use srcgrad.numpy.{name}")
    if called in FUNCTIONS:
        return error(TraceError, what, f"Use srcgrad.numpy.scipy_linalg.{name}")
    if called:
        return error(TraceError, what, OPAQUE)
    what = "a traced array was to be converted to a NumPy array, but its numbers are not known while tracing"
    if dtype.kind in "iu":
        return error(TraceError, f"{what}; a traced integer is no index of one either", COUNT)
    cure = (
        "Use the NumPy functions that docs/numpy_support.md lists; to write traced values into an array, make it "
        "inside with np.zeros, np.array or np.copy"
    )
    return error(TraceError, what, f"{cure}. {OPAQUE}")
