"""The hot path: for each specialisation a Python function is generated that calls, unpacks, nothing else.

The native function looks at the arrays itself; only where it refuses them is it found out what they are. For
``f({"w": w}, x)`` it reads (comments aside)

    def call(args, kwargs):
        if len(args) != 2 or kwargs: return MISS
        (v0, v1) = args
        if type(v0) is not dict or len(v0) != 1: return MISS
        try: v2 = v0['w']
        except KeyError: return MISS
        results = run(v2, v1)       # where it writes into w: after `if not (v2 and v1 are apart): return MISS`
        if results is NotImplemented:
            if not (type(v2) is ndarray and v2.dtype == D2 and v2.shape == S2): return MISS
            ...
            results = run(exact(v2, D2), exact(v1, D1))
        (o0, o1) = results
        return (o0, {'b': o1})
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.errors import ArgumentValueError
from srcgrad.core.types import PYTHON_SCALARS, ArrayType
from srcgrad.dispatch.arguments import Arguments, Static, identity
from srcgrad.dispatch.executable import exact
from srcgrad.dispatch.guards import Guards
from srcgrad.dispatch.sharing import apart, lies_as, meets

#: What a closure returns for arguments that it was not made for.
MISS = object()

Closure = Callable[[tuple[Any, ...], dict[str, Any]], Any]


def make_closure(
    arguments: Arguments,
    function: Callable[..., Sequence[Any]],
    constants: Sequence[Any],
    out_structure: tree.Structure,
    out_types: Sequence[ArrayType],
    mutated: Sequence[int],
    guards: Guards | None = None,
    captured: Sequence[Any] = (),
) -> Closure:
    """The function ``(args, kwargs) -> result or MISS`` for arguments of exactly these kinds.

    ``function`` takes the inputs, then ``constants``. ``mutated`` are the dynamic leaves whose new values follow the
    results: they are written back into the arrays. ``captured`` are the present values of the implicit inputs that
    follow the arguments, if what the ``guards`` check holds.
    """
    writer = _Writer(arguments)
    writer.open_arguments()
    writer.check_memory()
    writer.check_captured(guards, captured)
    writer.call(function, constants, len(out_types) + len(mutated) + len(writer.outside))
    writer.write_back(mutated, first=len(out_types))
    writer.write_outside(first=len(out_types) + len(mutated))
    writer.give(out_structure, out_types)
    return writer.build()


class _Writer:
    """Writes the text of one closure and collects the objects that it names."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._lines: list[str] = []
        self._names: dict[str, Any] = {
            "MISS": MISS,
            "ndarray": np.ndarray,
            "asarray": np.asarray,
            "exact": exact,
            "copyto": np.copyto,
        }
        self._count = 0
        self._leaf = 0
        self._types = dict(zip(arguments.dynamic, arguments.types, strict=True))
        #: what is passed to the native function at first, and after it has refused that
        self._inputs: list[str] = []
        self._converted: list[str] = []
        self._checks: list[str] = []
        self._originals: list[str] = []
        #: the captured arrays that are written back
        self.outside: list[str] = []
        #: what holds only for arguments that the native function refuses
        self._refused: list[str] = []

    def name(self, value: Any, stem: str) -> str:
        self._count += 1
        name = f"{stem}{self._count}"
        self._names[name] = value
        return name

    def fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def add(self, line: str, depth: int = 1) -> None:
        self._lines.append("    " * depth + line)

    def miss_unless(self, condition: str) -> None:
        self.add(f"if not ({condition}): return MISS")

    # arguments

    def open_arguments(self) -> None:
        positional, keywords = self._arguments.structure.children
        count = len(positional.children)
        known = f"len(kwargs) == {len(keywords.static)}" if keywords.children else "not kwargs"
        self.miss_unless(f"len(args) == {count} and {known}")
        names = [self.fresh() for _ in positional.children]
        if names:
            self.add(f"({', '.join(names)},) = args")
        for name, child in zip(names, positional.children, strict=True):
            self.open(name, child)
        self.open_items("kwargs", keywords)

    def open(self, name: str, structure: tree.Structure) -> None:
        if structure.kind is None:
            self.leaf(name)
            return
        kind = structure.kind
        if kind is type(None):
            self.miss_unless(f"{name} is None")
            return
        self.miss_unless(f"type({name}) is {self.name(kind, 'K')}")
        if issubclass(kind, dict):
            self.miss_unless(f"len({name}) == {len(structure.children)}")
            self.open_items(name, structure)
        elif kind is list or issubclass(kind, tuple):
            self.miss_unless(f"len({name}) == {len(structure.children)}")
            self.open_sequence(name, structure)
        elif _is_plain_dataclass(structure):
            for field, child in zip(structure.static, structure.children, strict=True):
                inner = self.fresh()
                self.add(f"{inner} = {name}.{field}")
                self.open(inner, child)
        else:
            self.open_by_flattening(name, structure)

    def open_items(self, name: str, structure: tree.Structure) -> None:
        if not structure.children:
            return
        names = [self.fresh() for _ in structure.children]
        self.add("try:")
        for inner, key in zip(names, structure.static, strict=True):
            self.add(f"{inner} = {name}[{self._key(key)}]", depth=2)
        self.add("except KeyError: return MISS")
        for inner, child in zip(names, structure.children, strict=True):
            self.open(inner, child)

    def open_sequence(self, name: str, structure: tree.Structure) -> None:
        names = [self.fresh() for _ in structure.children]
        if names:
            self.add(f"({', '.join(names)},) = {name}")
        for inner, child in zip(names, structure.children, strict=True):
            self.open(inner, child)

    def open_by_flattening(self, name: str, structure: tree.Structure) -> None:
        leaves, found = self.fresh(), self.fresh()
        self.add(f"{leaves}, {found} = {self.name(tree.flatten, 'flatten')}({name})")
        self.miss_unless(f"{found} == {self.name(structure, 'S')}")
        names = [self.fresh() for _ in range(structure.num_leaves)]
        if names:
            self.add(f"({', '.join(names)},) = {leaves}")
        for inner in names:
            self.leaf(inner)

    def leaf(self, name: str) -> None:
        position, self._leaf = self._leaf, self._leaf + 1
        value = self._arguments.leaves[position]
        if isinstance(value, Static):
            self.static_leaf(name, value)
            return
        self._originals.append(name)
        self.dynamic(name, value, self._types[position])

    def dynamic(self, name: str, value: Any, type_: ArrayType) -> None:
        """Pass the variable, which holds values like this one, to the program."""
        kind = type(value)
        if kind in PYTHON_SCALARS or isinstance(value, np.generic):
            self.miss_unless(f"type({name}) is {self.name(kind, 'K')}")
            self._inputs.append(name)
            self._converted.append(name)
            return
        dtype, shape = self.name(np.asarray(value).dtype, "D"), self.name(type_.shape, "S")
        native = self.name(type_.dtype, "D")
        is_known = f"type({name}) is {'ndarray' if kind is np.ndarray else self.name(kind, 'K')}"
        array = name if kind is np.ndarray else self.fresh()
        is_same = f"{array}.dtype == {dtype} and {array}.shape == {shape}"
        if kind is np.ndarray and type_.shape and value.dtype == type_.dtype:
            self._inputs.append(name)
            self._converted.append(f"exact({name}, {native})")
            self._checks.append(f"{is_known} and {is_same}")
            return
        self.miss_unless(is_known)
        if array != name:
            self.add(f"{array} = asarray({name})")
        self.miss_unless(is_same)
        converted = f"exact({array}, {native})" if type_.shape else f"{array}.astype({native})[()]"
        self._inputs.append(converted)
        self._converted.append(converted)

    def static_leaf(self, name: str, value: Static) -> None:
        known = self.name(value.value, "K")
        same = f"type({name}) is type({known}) and {name} == {known}"
        if not isinstance(value.value, int | str | bytes | None):  # equality alone takes 0.0 for -0.0
            same = f"{self.name(identity, 'identity')}({name}) == {self.name(value.identity, 'I')}"
        self.miss_unless(f"{name} is {known} or ({same})")

    def check_memory(self) -> None:
        """Where the function writes into arguments: whether these lie in memory as those that it was made for."""
        written = self._arguments.written
        arrays = [k for k, value in enumerate(self._arguments.values) if isinstance(value, np.ndarray)]
        if not set(written) & set(arrays):
            return
        names = [self._originals[k] for k in arrays]
        places = self.name(tuple(arrays.index(k) for k in written if k in arrays), "W")
        given = f"{places}, {', '.join(names)}"
        lies = f"{self.name(lies_as, 'lies_as')}({self.name(self._arguments.sharing, 'S')}, {self.name(arrays, 'A')}"
        if self._arguments.sharing:
            self.miss_unless(f"{lies}, {given})")
            return
        # arrays that own their memory, none of which is passed twice, lie apart: the usual case, at some 80 ns an array
        own = " and ".join(f"type({name}) is ndarray and {name}.base is None" for name in names)
        if len(names) > 3:
            own = f"{own} and len({{{', '.join(f'id({name})' for name in names)}}}) == {len(names)}"
        else:
            own = " and ".join([own, *(f"{a} is not {b}" for a, b in itertools.combinations(names, 2))])
        self.miss_unless(f"({own}) or {self.name(apart, 'apart')}({given})")
        self._refused.append(f"{lies}, {given})")

    def check_captured(self, guards: Guards | None, values: Sequence[Any]) -> None:
        """Whether what was read from outside is still there; the implicit inputs are passed on."""
        if not guards:
            return
        variables = guards.write(self.add, self.name, "MISS")
        for variable, value, node in zip(variables, values, guards.inputs.values(), strict=False):
            self.dynamic(variable, value, node.array_type)
        self.outside = variables[len(values) :]
        arrays = [self._originals[k] for k, value in enumerate(self._arguments.values) if _has_memory(value)]
        others = [v for v, value in zip(variables, values, strict=False) if _has_memory(value)]
        for k in self._arguments.written:
            if others and _has_memory(self._arguments.values[k]):
                error = self.name(_shares(self._arguments.name_of(k), guards), "shared")
                self.add(f"if {self.name(meets, 'meets')}({self._originals[k]}, {', '.join(others)}): raise {error}")
        if self.outside and len({*arrays, *others}) > 1:
            given = ", ".join(dict.fromkeys((*self.outside, *others, *arrays)))
            places = self.name(tuple(range(len(self.outside))), "W")
            error = self.name(_shared(guards), "shared")
            self.add(f"if not {self.name(apart, 'apart')}({places}, {given}): raise {error}")

    # the call and its results

    def call(self, function: Callable[..., Any], constants: Sequence[Any], count: int) -> None:
        run = self.name(function, "run")
        given = [self.name(constant, "k") for constant in constants]
        self.add(f"results = {run}({', '.join([*self._inputs, *given])})")
        self.add("if results is NotImplemented:")
        for check in [*self._checks, *self._refused]:
            self.add(f"if not ({check}): return MISS", depth=2)
        self.add(f"results = {run}({', '.join([*self._converted, *given])})", depth=2)
        if count:
            self.add(f"({''.join(f'o{k}, ' for k in range(count))}) = results")

    def write_back(self, mutated: Sequence[int], first: int) -> None:
        arrays = [position for position in mutated if isinstance(self._arguments.values[position], np.ndarray)]
        if len(arrays) > 1:  # all or none; of one, `copyto` says the same before it writes
            fixed = " and ".join(f"{self._originals[position]}.flags.writeable" for position in arrays)
            self.add(f"if not ({fixed}): raise ValueError('assignment destination is read-only')")
        for number, position in enumerate(mutated):
            if position in arrays:
                self.add(f"copyto({self._originals[position]}, o{first + number})")

    def write_outside(self, first: int) -> None:
        for number, variable in enumerate(self.outside):
            self.add(f"copyto({variable}, o{first + number})")

    def give(self, structure: tree.Structure, types: Sequence[ArrayType]) -> None:
        self.add(f"return {self._pack(structure, (f'o{k}' for k in range(len(types))))}")

    def _pack(self, structure: tree.Structure, texts: Iterator[str]) -> str:
        kind = structure.kind
        if kind is None:
            return next(texts)
        if kind is type(None):
            return "None"
        if kind in (tuple, list):
            inner = ", ".join(self._pack(child, texts) for child in structure.children)
            return f"[{inner}]" if kind is list else f"({inner}{',' if len(structure.children) == 1 else ''})"
        if kind is dict:
            pairs = zip(structure.static, structure.children, strict=True)
            return "{" + ", ".join(f"{self._key(key)}: {self._pack(child, texts)}" for key, child in pairs) + "}"
        leaves = ", ".join(next(texts) for _ in range(structure.num_leaves))
        return f"{self.name(tree.unflatten, 'unflatten')}({self.name(structure, 'S')}, [{leaves}])"

    def _key(self, key: Any) -> str:
        return repr(key) if type(key) in (str, int) else self.name(key, "key")

    def build(self) -> Closure:
        text = "def call(args, kwargs):\n" + "\n".join(self._lines) + "\n"
        exec(compile(text, "<srcgrad call>", "exec"), self._names)
        return self._names["call"]  # type: ignore[no-any-return]


def _shares(argument: str, guards: Guards) -> ArgumentValueError:
    names = ", ".join(source.name for source in guards.inputs)
    return ArgumentValueError(
        f"the function writes into argument {argument}, which shares memory with an array that it reads from outside "
        f"(one of {names}); pass a copy of the argument, or pass both as arguments"
    )


def _shared(guards: Guards) -> ArgumentValueError:
    names = ", ".join(source.name for source in guards.written)
    return ArgumentValueError(
        f"the function writes into {names}, which shares memory with an argument or another array that it reads from "
        "outside; pass a copy, or pass the array as an argument as well as the others"
    )


def _has_memory(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_plain_dataclass(structure: tree.Structure) -> bool:
    kind = structure.kind
    if kind is None or not dataclasses.is_dataclass(kind):
        return False
    return bool(structure.static == tuple(field.name for field in dataclasses.fields(kind) if field.init))
