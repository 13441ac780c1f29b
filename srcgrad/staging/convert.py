"""The traced copy of a function: its rewritten code, over globals in which stand-ins take the place of modules.

The user's own functions that it calls are copied in turn, when they are called; library functions are called as they
are. Copies share their originals' closure cells and see their globals live, so later rebinding is seen.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srcgrad.control.failures import passing
from srcgrad.core.errors import TraceError
from srcgrad.core.location import USERS, owner_of
from srcgrad.numpy.elements import vectorize
from srcgrad.numpy.stand_ins import stand_in
from srcgrad.staging.builtins import BUILTINS, LOOPED
from srcgrad.staging.captured import all_attributes, get_attribute, has_attribute, reads
from srcgrad.staging.containers import checking_choices
from srcgrad.staging.escapes import escape_error
from srcgrad.staging.hidden import allowed, checked
from srcgrad.staging.rewrite import rewritten
from srcgrad.staging.source import function_tree
from srcgrad.staging.syntax import RUNTIME

_MISSING: Any = object()
_MODULE_NAMES = ("__name__", "__package__", "__spec__", "__builtins__", "__file__")
#: by identity: code from two files may be equal
_codes: dict[int, tuple[weakref.ref[CodeType], CodeType]] = {}
_copies: WeakKeyDictionary[FunctionType, FunctionType] = WeakKeyDictionary()
_globals: dict[int, _Globals] = {}


class _Globals(dict[str, Any]):
    """A module's globals as traced code sees them. What traced code assigns goes to the module when the trace ends."""

    def __init__(self, actual: dict[str, Any]) -> None:
        super().__init__({name: actual[name] for name in _MODULE_NAMES if name in actual})
        from srcgrad.staging import runtime

        super().__setitem__(RUNTIME, runtime)
        self.actual = actual

    def __getitem__(self, name: str) -> Any:
        own = dict.get(self, name, _MISSING)
        if own is not _MISSING:
            return own
        captured = reads()
        return _seen(self.actual[name]) if captured is None else captured.global_(self.actual, name)

    def publish(self) -> TraceError | None:
        """Assign to the module; what is to be said of a traced value among these."""
        failure: TraceError | None = None
        for name in [*self]:
            if name != RUNTIME and name not in _MODULE_NAMES:
                value = self.pop(name)
                failure = failure or escape_error(name, value)
                if failure is None:
                    self.actual[name] = value
        return failure


@contextmanager
def publishing() -> Iterator[None]:
    """At the end, globals that traced code assigned are assigned for all."""
    failure: TraceError | None = None
    try:
        with checking_choices():
            yield
    finally:
        for view in _globals.values():
            if len(view) > len(_MODULE_NAMES):
                failure = failure or view.publish()
    if failure is not None:
        raise failure


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The traced copy of a user's function or method, or of one that Numba compiles; anything else as it is."""
    function = _source_of(function)
    if isinstance(function, FunctionType):
        return _copy(function) if _is_users(function.__code__) else function
    if isinstance(function, MethodType):
        inner = staged(function.__func__)
        return function if inner is function.__func__ else MethodType(inner, function.__self__)
    if type(function) is functools.partial:
        return functools.partial(staged(function.func), *function.args, **function.keywords)
    call = getattr(type(function), "__call__", None)  # noqa: B004  the function itself is needed
    if isinstance(call, FunctionType) and _is_users(call.__code__):
        return MethodType(_copy(call), function)
    return function


def _is_of_numba(function: Any) -> bool:
    return (getattr(function, "__module__", "") or "").startswith("numba.") or type(function).__module__.startswith(
        "numba."
    )


def _source_of(function: Any) -> Any:
    """The Python function behind one that `numba.njit` or `numba.vectorize` made; anything else as it is."""
    if not type(function).__module__.startswith("numba."):
        return function
    if type(function).__name__ == "DUFunc":
        return vectorize(function._dispatcher.py_func)
    return getattr(function, "py_func", function)


def _copy(function: FunctionType) -> FunctionType:
    if "__sg_original__" in function.__dict__ or RUNTIME in function.__globals__:
        return function
    captured = reads()
    copies: Any = _copies if captured is None else captured.copies
    known = copies.get(function)
    if known is not None and known.__dict__["__sg_original__"] is function.__code__:
        return known  # type: ignore[no-any-return]
    code = _code(function)
    if captured is not None and code is function.__code__:
        captured.is_blind = True
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    defaults, keywords = function.__defaults__, function.__kwdefaults__
    if captured is None:
        closure = tuple(_seen_cell(cells[name]) for name in code.co_freevars)
    else:
        closure = tuple(captured.cell(name, cells[name]) for name in code.co_freevars)
        defaults, keywords = captured.defaults(function)
    actual = function.__globals__
    view = _globals.setdefault(id(actual), _Globals(actual))
    made = FunctionType(code, view, function.__name__, defaults, closure)
    made.__kwdefaults__ = keywords
    made.__qualname__, made.__module__, made.__doc__ = function.__qualname__, function.__module__, function.__doc__
    made.__dict__.update(function.__dict__)
    made.__dict__["__sg_original__"] = function.__code__
    copies[function] = made
    return made


def _code(function: FunctionType) -> CodeType:
    """The rewritten code; the function's own where its source is not to be had."""
    original = function.__code__
    known = _codes.get(id(original))
    made = known[1] if known is not None and known[0]() is original else None
    if made is None:
        tree = function_tree(original)
        names = function.__qualname__.split(".")
        owner = names[-2] if len(names) > 1 and names[-2] != "<locals>" else None
        made = None if tree is None else rewritten(tree, original, owner)
        if made is None or not set(made.co_freevars) <= set(original.co_freevars):
            made = original
        number = id(original)
        forget = _codes.pop  # the module's names are gone when the interpreter ends
        _codes[number] = weakref.ref(original, lambda _: forget(number, None)), made
    return made


def _seen_cell(cell: CellType) -> CellType:
    """The cell itself, unless it holds a module that has a stand-in."""
    try:
        value = cell.cell_contents
    except ValueError:
        return cell
    seen = stand_in(value) if isinstance(value, ModuleType) else value
    return cell if seen is value else CellType(seen)


def _seen(value: Any) -> Any:
    """A global as traced code sees it."""
    return seen_function(value) if isinstance(value, FunctionType) else stand_in(value)


def seen_function(function: FunctionType) -> Any:
    """The traced copy of the user's own function, the stand-in of another."""
    return _copy(function) if _is_users(function.__code__) else stand_in(function)


def callee(function: Any) -> Any:
    """What is called where the user's code calls a value."""
    call = checked(function, _callee(function))
    captured = reads()
    if captured is None or call is not function or isinstance(function, np.ufunc):
        return call
    watch = captured.opaque
    owner = function.__self__ if isinstance(function, MethodType | BuiltinMethodType) else None

    def outside(*args: Any, **kwargs: Any) -> Any:
        watch((owner, *args, *kwargs.values()))
        return function(*args, **kwargs)

    passing.add(outside.__code__)
    return outside


def constant_of(function: Any, argument: Callable[[], Any]) -> Any:
    """``function(argument())``, where the function is called `constant`: in the argument of ours all is meant."""
    if not hasattr(function, "__sg_constant__"):
        return callee(function)(argument())
    with allowed():
        return function(argument())


def _callee(function: Any) -> Any:
    if _is_of_numba(function):
        if getattr(function, "__name__", "") == "prange":
            return BUILTINS[range]
        function = _source_of(function)
    if isinstance(function, FunctionType):
        return _copy(function) if _is_users(function.__code__) else _with_staged_arguments(function)
    if isinstance(function, MethodType | functools.partial):
        return staged(function)
    if isinstance(function, BuiltinMethodType):
        owner = function.__self__
        if isinstance(owner, np.ufunc):
            return getattr(stand_in(owner), function.__name__)
    if isinstance(function, type | BuiltinMethodType):
        try:
            found = BUILTINS.get(function)
        except TypeError:
            found = None
        if found is not None:
            return found
        return _with_staged_arguments(function) if function in (map, filter, functools.reduce) else stand_in(function)
    call = getattr(type(function), "__call__", None)  # noqa: B004  the function itself is needed
    if isinstance(call, FunctionType) and _is_users(call.__code__):
        return MethodType(_copy(call), function)
    seen = stand_in(function)
    return seen.with_function(staged(seen.pyfunc)) if isinstance(seen, vectorize) else seen


BUILTINS.update({getattr: get_attribute, hasattr: has_attribute, vars: all_attributes})


def looped(function: Any) -> Any:
    """As `callee`, for what a loop goes over."""
    found = LOOPED.get(function) if isinstance(function, type) else None
    return callee(function) if found is None else found


def _with_staged_arguments(function: Any) -> Any:
    """`sg.cond`, `sg.scan`, `map` and the like call functions that they are given."""
    seen = stand_in(function)
    if seen is not function:
        return seen
    module = getattr(function, "__module__", "") or ""
    if isinstance(function, FunctionType) and not module.startswith("srcgrad.control"):
        return function
    return lambda *args, **kwargs: function(*map(staged, args), **{key: staged(value) for key, value in kwargs.items()})


def _is_users(code: CodeType) -> bool:
    return owner_of(code.co_filename) == USERS
