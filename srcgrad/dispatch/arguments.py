"""What a call was given: leaves, their types, and the keys under which the compiled program is kept.

A leaf is *dynamic* (an array, a number, a traced value: an input of the program) or *static* (anything else that can be
hashed: part of the key, a constant of the program).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, ArgumentValueError
from srcgrad.core.lazy import lazy
from srcgrad.core.types import PYTHON_SCALARS, ArrayType, type_of
from srcgrad.dispatch.sharing import NOTHING, Sharing, sharing_of

#: by themselves: of equal dtypes NumPy's own object, which native code tells arrays by
_DTYPES = {np.dtype(code): np.dtype(code) for code in "qQlL?bhiBHIfdFD"}
_CURES = {
    "e": "convert it with .astype(np.float32)",
    "g": "convert it with .astype(np.float64)",
    "G": "convert it with .astype(np.complex128)",
    "O": "make it an array of numbers, or pass its parts as a list or tuple",
    "U": "mark the argument as static (static_argnums or static_argnames)",
    "S": "mark the argument as static (static_argnums or static_argnames)",
    "M": "convert it to numbers, for example with .astype(np.int64)",
    "m": "convert it to numbers, for example with .astype(np.int64)",
}


class Static:
    """A static value as a leaf, equal to another only if the types are equal too: 1, 1.0 and True differ, also inside
    tuples, and 0.0 and -0.0.
    """

    __slots__ = ("identity", "value")

    def __init__(self, value: Hashable) -> None:
        self.value, self.identity = value, identity(value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static):
            return NotImplemented
        return self.value is other.value or self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)


def identity(value: Any) -> Hashable:
    """What equals that of another value only if a program cannot tell the two apart."""
    kind = type(value)
    if kind is float:
        return kind, value.hex()
    if kind is complex:
        return kind, value.real.hex(), value.imag.hex()
    if isinstance(value, tuple):
        return kind, *map(identity, value)
    if isinstance(value, frozenset):
        return kind, frozenset(map(identity, value))
    if isinstance(value, np.generic):
        return kind, value.tobytes()
    return kind, value


class NotDynamicError(Exception):
    """The leaf cannot be an input of a program; the message says why."""


def leaf_type(leaf: Any) -> ArrayType | None:
    """The type of a dynamic leaf, None for what may be static; raises NotDynamicError for arrays of other things."""
    kind = type(leaf)
    if kind in PYTHON_SCALARS:
        return type_of(leaf)
    if isinstance(leaf, np.ma.MaskedArray):
        raise NotDynamicError("is a masked array; pass .filled(value), or its data and mask apart")
    if isinstance(leaf, np.ndarray | np.generic):
        return ArrayType(leaf.shape, _checked_dtype(leaf.dtype))
    if hasattr(leaf, "__sg_bind__"):
        return type_of(leaf)
    if not isinstance(leaf, type) and (hasattr(leaf, "__array__") or hasattr(leaf, "__array_interface__")):
        array = np.asarray(leaf)
        return ArrayType(array.shape, _checked_dtype(array.dtype))
    return None


def _checked_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    native = _DTYPES.get(dtype.newbyteorder("="))
    if native is not None:
        return native
    cure = _CURES.get(dtype.char, "convert it to one of the number types")
    raise NotDynamicError(f"has dtype {dtype}, which compiled code does not know; {cure}")


class Arguments:
    """One call's arguments, flattened. ``structure`` is that of ``(args, kwargs)``, static arguments being leaves."""

    def __init__(self, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._parameters, self._args, self._kwargs = parameters, args, kwargs
        self.leaves, self.structure = tree.flatten(parameters.with_statics(args, kwargs))
        self.types: list[ArrayType] = []
        self.dynamic: list[int] = []
        #: the dynamic leaves into which the function writes, and how leaves lie in memory then; see `found_written`
        self.written: tuple[int, ...] = ()
        self.sharing: Sharing = NOTHING
        for position, leaf in enumerate(self.leaves):
            type_ = None
            if not isinstance(leaf, Static):
                try:
                    type_ = leaf_type(leaf)
                except NotDynamicError as error:
                    raise ArgumentError(f"argument {self.paths[position]} {error}") from None
                if type_ is None:
                    self.leaves[position] = self._as_static(position)
            if type_ is not None:
                self.types.append(type_)
                self.dynamic.append(position)

    @lazy
    def paths(self) -> list[str]:
        """What each leaf is called in messages."""
        return self._parameters.paths(self._args, self._kwargs)

    @lazy
    def values(self) -> list[Any]:
        """The dynamic leaves."""
        return [self.leaves[position] for position in self.dynamic]

    @lazy
    def statics(self) -> dict[int, Static]:
        return {position: leaf for position, leaf in enumerate(self.leaves) if isinstance(leaf, Static)}

    @lazy
    def key(self) -> Hashable:
        """What the program depends on: the structure, the types, the static values."""
        return self.structure, tuple(self.types), tuple(self.statics.items())

    def found_written(self, written: tuple[int, ...]) -> None:
        """Say into which dynamic leaves the function writes: then it matters how they lie in memory."""
        self.written, self.sharing = written, sharing_of(self.values, written, self.name_of)

    def name_of(self, number: int) -> str:
        """What a dynamic leaf is called in messages."""
        return self.paths[self.dynamic[number]]

    def name_of_argument(self, position: int) -> str:
        """What a positional argument is called in messages."""
        return self._parameters.name_of(position)

    @property
    def exact_key(self) -> Hashable:
        """The key, and of what class and byte order each leaf is: what the check of a closure depends on."""
        return self.key, self.sharing, tuple((type(leaf), getattr(leaf, "dtype", None)) for leaf in self.values)

    def _as_static(self, position: int) -> Static:
        leaf = self.leaves[position]
        try:
            hash(leaf)
        except TypeError:
            raise ArgumentError(
                f"argument {self.paths[position]} is a {type(leaf).__name__}, neither an array or number nor hashable; "
                "declare it as a container with sg.tree.register, or pass its parts"
            ) from None
        return Static(leaf)

    def fill(self, dynamic: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """``(args, kwargs)`` with other values for the dynamic leaves."""
        leaves = [leaf.value if isinstance(leaf, Static) else leaf for leaf in self.leaves]
        for position, value in zip(self.dynamic, dynamic, strict=True):
            leaves[position] = value
        return tree.unflatten(self.structure, leaves)  # type: ignore[no-any-return]


def _check_statics(kinds: Mapping[str, inspect.Parameter], count: int, numbers: set[int], names: set[str]) -> None:
    """Whether the function has the parameters that are declared static."""
    forms = {parameter.kind for parameter in kinds.values()}
    takes = f"the function takes {', '.join(kinds)}"
    for number in numbers:
        if not isinstance(number, int):
            raise ArgumentError(f"static_argnums holds {number!r}; it takes positions, static_argnames takes names")
        if not (-count <= number < count or (number >= 0 and inspect.Parameter.VAR_POSITIONAL in forms)):
            raise ArgumentValueError(f"static_argnums {number} is out of range: {takes}")
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"static_argnames holds {name!r}; it takes names, static_argnums takes positions")
        if name not in kinds and inspect.Parameter.VAR_KEYWORD not in forms:
            raise ArgumentValueError(f"static_argnames {name!r} is no parameter: {takes}")


class Parameters:
    """The parameters of a function: which are static, and how its arguments are called in messages."""

    def __init__(
        self, function: Callable[..., Any], static_argnums: int | Sequence[int], static_argnames: str | Sequence[str]
    ) -> None:
        try:
            kinds = inspect.signature(function).parameters
        except (TypeError, ValueError):  # built-in functions without a signature
            kinds = {}  # type: ignore[assignment]
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.names = [name for name, parameter in kinds.items() if parameter.kind in positional]
        self.variadic = next((n for n, p in kinds.items() if p.kind is inspect.Parameter.VAR_POSITIONAL), "args")
        numbers = {static_argnums} if isinstance(static_argnums, int) else set(static_argnums)
        names = {static_argnames} if isinstance(static_argnames, str) else set(static_argnames)
        count = len(self.names)
        if kinds:
            _check_statics(kinds, count, numbers, names)
        self._static_numbers = {n + count if n < 0 else n for n in numbers}
        self._static_numbers |= {k for k, name in enumerate(self.names) if name in names}
        self._static_names = names | {self.names[n] for n in self._static_numbers if n < count}

    def with_statics(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """The arguments with `Static` around those that are declared static."""
        if not self._static_names and not self._static_numbers:
            return args, kwargs
        positional = tuple(self._wrap(k in self._static_numbers, f"{k}", arg) for k, arg in enumerate(args))
        return positional, {name: self._wrap(name in self._static_names, name, arg) for name, arg in kwargs.items()}

    def _wrap(self, is_static: bool, name: str, value: Any) -> Any:
        if not is_static:
            return value
        try:
            hash(value)
        except TypeError:
            label = self.names[int(name)] if name.isdigit() and int(name) < len(self.names) else name
            raise ArgumentError(
                f"static argument {label} is a {type(value).__name__}, which is not hashable; pass a tuple, "
                "or another value that can be compared with earlier ones"
            ) from None
        return Static(value)

    def paths(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
        """What each leaf is called: ``w``, ``params['w'][0]``."""
        found = []
        for path in tree.paths(self.with_statics(args, dict(kwargs))):
            group, first, rest = re.match(r"\[(\d)\]\[(.*?)\](.*)", path, re.DOTALL).groups()  # type: ignore[union-attr]
            found.append((self.name_of(int(first)) if group == "0" else first.strip("'")) + rest)
        return found

    def name_of(self, position: int) -> str:
        if position < len(self.names):
            return self.names[position]
        return f"{self.variadic}[{position - len(self.names)}]"


def identifiers(paths: Sequence[str]) -> list[str]:
    """Distinct Python names for these paths."""
    found: dict[str, None] = {}
    for path in paths:
        name = re.sub(r"\W+", "_", path).strip("_") or "x"
        name = f"x{name}" if name[0].isdigit() else name
        while name in found:
            name += "_"
        found[name] = None
    return list(found)
