"""All functions of tensors by name, and which of them are methods: those whose first argument is called ``input``.

There is no list of them: a function of the modules below is found by that argument, one of a table by its line, and a
pointwise row or a reduction without a line by its own name.
"""

from __future__ import annotations

import inspect
from typing import Any

from srcgrad.core.lowering import Pointwise, Reduce
from srcgrad.core.op import TABLE
from srcgrad.eager.functions import (
    activations,
    complex,
    conversion,
    elementwise,
    indexing,
    joining,
    linear,
    pointwise,
    reductions,
    renamed,
    shaping,
)

#: Second names, most of them NumPy's.
ALIASES = """
absolute=abs subtract=sub multiply=mul divide=div true_divide=div negative=neg power=pow clip=clamp arcsin=asin
arccos=acos arctan=atan arctan2=atan2 arcsinh=asinh arccosh=acosh arctanh=atanh greater=gt greater_equal=ge less=lt
less_equal=le not_equal=ne swapaxes=transpose swapdims=transpose moveaxis=movedim fix=trunc special_expit=sigmoid
ger=outer concat=cat concatenate=cat float=float_ int=int_ bool=bool_ type=type_
"""
_MODULES = (elementwise, reductions, shaping, joining, linear, indexing, activations, conversion, complex)


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: Functions whose first argument is another.
_OTHERS = words("""
cat stack hstack vstack meshgrid where tril_indices triu_indices result_type promote_types complex polar split
""")
_METHODS_ONLY = words("float int bool double half long short byte char contiguous to type view expand")
_NO_METHODS = words("rsub std_mean var_mean atleast_1d atleast_2d view_as_real view_as_complex real imag where")
_ELSEWHERE = words("linear logsigmoid rint")


def _is_of(module: Any, value: Any) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _takes_input(function: Any) -> bool:
    return bool(inspect.unwrap(function).__code__.co_varnames[:1] == ("input",))


def _collect() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in _MODULES:
        own = {name: value for name, value in vars(module).items() if _is_of(module, value) and name[0] != "_"}
        found |= {name: value for name, value in own.items() if _takes_input(value) or name in _OTHERS}
    found |= {**pointwise.FUNCTIONS, **found, **renamed.DEFINED}
    found |= {alias: found[name] for alias, _, name in (entry.partition("=") for entry in ALIASES.split())}
    return {name: function for name, function in found.items() if name not in _ELSEWHERE}


_ALL = _collect()
#: Names of the module.
FUNCTIONS = {name: function for name, function in _ALL.items() if name not in _METHODS_ONLY and name[-1] != "_"}
METHODS = {
    name: function
    for name, function in _ALL.items()
    if name not in _NO_METHODS and name[-1] != "_" and (_takes_input(function) or name == "split")
}


def late(name: str) -> Any:
    """The function of a row that has no line anywhere, or None: pointwise rows and reductions."""
    if name not in TABLE or name in pointwise.INTERNAL:
        return None
    op = TABLE[name]
    if isinstance(op.lowering, Pointwise):
        return getattr(pointwise, name)
    return reductions.of_row(op) if isinstance(op.lowering, Reduce) else None
