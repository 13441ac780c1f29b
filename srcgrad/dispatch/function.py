"""A transformed function: called like the original; it keeps a compiled program for each specialisation."""

from __future__ import annotations

import functools
import sys
import threading
import types
import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypedDict, TypeVar

from srcgrad.control.failures import collecting, hand_on
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError, TraceError, UnsupportedError
from srcgrad.core.forks import hold_over_forks
from srcgrad.core.types import ArrayType, type_of
from srcgrad.dispatch.arguments import Arguments, Parameters, identifiers
from srcgrad.dispatch.blame import check_closed, public_error, without_our_frames
from srcgrad.dispatch.captured import with_captured
from srcgrad.dispatch.closures import MISS, Closure, make_closure
from srcgrad.dispatch.containers import Containers, check_containers
from srcgrad.dispatch.executable import Executable, compile_graph, compiling
from srcgrad.dispatch.failing import raising_for
from srcgrad.dispatch.guards import Guards
from srcgrad.dispatch.sharing import arranged
from srcgrad.graph.node import Graph, as_node, substitute
from srcgrad.graph.trace import Traced, Tracer, is_tracing
from srcgrad.pipeline import finish, named
from srcgrad.staging import capturing, publishing, reads, staged
from srcgrad.transform.guards import guarded, unguarded, with_flag

P = ParamSpec("P")
Result = TypeVar("Result")

trace, roll = named("trace"), named("roll")
#: How many closures are tried, the last used first, before a call is looked up by its key.
_RECENT = 4
#: how many programs are kept that differ only in what they read from outside
_VARIANTS = 32
#: One at a time: concurrent first calls of a function compile it once, and LLVM takes turns anyway.
_compiling = threading.RLock()
hold_over_forks(_compiling)


class Options(TypedDict, total=False):
    """Options that the transforms share:

    static_argnums, static_argnames: positions and names of arguments that are fixed for a specialisation: they must be
        hashable, the function sees them as they are, and each new value is traced anew. Arguments that are neither
        arrays nor numbers are static without being named.
    backend: "cpu".
    fast_math: by default floating point is NumPy's, but that a reduction (a sum, a product of matrices, a gradient that
        a loop accumulates) is added up in any order, and that a product which feeds a sum may be rounded once with it.
        True also lets LLVM reassociate what the function computes itself, multiply by reciprocals in place of dividing,
        and lose the sign of a zero: ``(x + 1e16) - 1e16`` may become ``x``. NaN, infinities and the errors of functions
        such as ``np.log1p`` stay.
    """

    static_argnums: int | Sequence[int]
    static_argnames: str | Sequence[str]
    backend: str
    fast_math: bool


@dataclass(frozen=True)
class Recorded:
    """A transformed graph. Its outputs: the leaves of ``out_structure``, then the new values of ``mutated`` inputs."""

    graph: Graph
    out_structure: tree.Structure
    mutated: tuple[int, ...] = ()
    #: of outputs, what they are called in text that people read
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specialisation:
    """The program for one combination of argument types and static values."""

    recorded: Recorded
    graph: Graph
    executable: Executable
    #: what the program may fail with: then its last output says whether it did
    causes: tuple[Exception, ...] = ()
    #: what it reads from outside of the function
    guards: Guards = field(default_factory=lambda: Guards((), {}, ()))

    @property
    def captured(self) -> list[Any]:
        """The present values of the implicit inputs, which follow the arguments among the graph's inputs."""
        return self.guards.current() or []

    @property
    def out_types(self) -> list[ArrayType]:
        effects = len(self.recorded.mutated) + len(self.guards.written) + bool(self.causes)
        count = len(self.graph.outputs) - effects
        return [output.array_type for output in self.graph.outputs[:count]]


def _takes_nothing(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Stands for the latest closure before there is one."""
    return MISS


class Function:
    """Base of the transforms' results. A transform says in `record` what graph it makes of the function."""

    def __init__(self, function: Callable[..., Any], options: Options | None = None) -> None:
        transform = type(self).__name__.lower()
        if not callable(function):
            raise ArgumentError(f"{transform} takes a function, not {function!r}")
        options = options or {}
        for name in options.keys() - Options.__annotations__.keys():
            raise ArgumentError(f"{transform} has no option {name!r}; it has {', '.join(Options.__annotations__)}")
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.options = options
        self.parameters = Parameters(function, options.get("static_argnums", ()), options.get("static_argnames", ()))
        self._recent: tuple[Closure, ...] = ()
        #: the first of these, or one that takes nothing
        self._latest: Closure = _takes_nothing
        self._closures: dict[Hashable, list[Closure]] = {}
        #: those of one key differ in what they read from outside
        self._specialisations: dict[Hashable, list[Specialisation]] = {}
        #: by the keys of arguments, into which of them the function writes
        self._written: dict[Hashable, tuple[int, ...]] = {}
        #: the specialisation that was compiled or looked up last
        self.last: Specialisation | None = None
        #: for calls with tensors, by which arguments are; see ``dispatch.tensors``
        self.twins: dict[tuple[bool, ...], Function] = {}
        self.pullbacks: dict[Hashable, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            result = self._latest(args, kwargs)
            if result is not MISS:
                return result
            for closure in self._recent[1:]:
                result = closure(args, kwargs)
                if result is not MISS:
                    return result
            return self._call_slowly(args, kwargs)
        except Exception as error:
            raise without_our_frames(error)  # noqa: B904  it is the same exception

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<srcgrad.{type(self).__name__.lower()} of {getattr(self, '__qualname__', self.function)}>"

    def __reduce__(self) -> Any:
        """By name where it is a module's attribute, as functions are; otherwise by what it was made from."""
        path: str = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for name in path.split("."):
            found = getattr(found, name, None)
        return path if found is self else (type(self), self.made_from())

    def made_from(self) -> tuple[Any, ...]:
        """The arguments of the constructor."""
        return self.function, self.options

    @property
    def writes_outside(self) -> bool:
        """Whether a program of it writes into arrays that are not arguments."""
        return any(one.guards.written for variants in self._specialisations.values() for one in variants)

    # what a transform defines

    def record(self, arguments: Arguments) -> Recorded:
        """The graph of the transformed function for these arguments."""
        raise NotImplementedError

    def inline(self, arguments: Arguments, handle: type[Tracer]) -> Any:
        """The transformed function as part of the program that is being recorded."""
        recorded = self.record(arguments)
        given = dict(zip(recorded.graph.inputs, map(as_node, arguments.values), strict=True))
        outputs, flags = unguarded(substitute(recorded.graph.outputs, given))
        for flag, causes in flags:
            hand_on(flag, causes)
        count = len(outputs) - len(recorded.mutated)
        return tree.unflatten(recorded.out_structure, [handle(node) for node in outputs[:count]])

    # specialisations

    def specialise(self, *args: Any, **kwargs: Any) -> Specialisation:
        """The program for these arguments; compiled if it is not there yet."""
        arguments = Arguments(self.parameters, args, kwargs)
        if _holds_tensors(arguments):
            from srcgrad.dispatch import tensors

            twin, args, kwargs = tensors.with_arrays(self, arguments)
            return twin.specialise(*args, **kwargs)
        return self._specialise(arguments)

    def trace(self, arguments: Arguments) -> Traced:
        """The function's own graph for these arguments: where it writes into some, as they lie in memory."""
        traced = self._trace(arguments)
        if not traced.written:
            return traced
        arguments.found_written(traced.written)
        if not arguments.sharing:
            return traced
        check_not_differentiated(self, arguments, traced.differentiated)
        captured = reads()
        if captured is not None:
            captured.restart()
        return self._trace(arguments).writing(traced.written)

    def trace_differentiated(self, arguments: Arguments, wanted: Sequence[int]) -> Traced:
        """The same where a derivative with respect to some of the dynamic leaves is to be taken."""
        traced = self.trace(arguments)
        check_not_differentiated(self, arguments, wanted)
        for number, value in enumerate(arguments.values):
            if isinstance(value, Tracer):  # a derivative inside a program, whose own arguments may share memory
                value.owner.is_differentiated |= number in wanted
                value.owner.is_written |= number in traced.written
        return traced

    def _trace(self, arguments: Arguments) -> Traced:
        captured = reads()
        if captured is not None:
            captured.entry(self.function)
            for number, static in arguments.statics.items():
                captured.own(captured.root(static.value, arguments.paths[number]))
        function = staged(self.function)

        def again(dynamic: Sequence[Any]) -> tuple[Containers, Callable[[], Any]]:
            args, kwargs = arguments.fill(dynamic)
            return Containers(arguments, args, kwargs), functools.partial(function, *args, **kwargs)

        def record(*dynamic: Any) -> Any:
            args, kwargs = arguments.fill(dynamic)
            containers = Containers(arguments, args, kwargs)
            try:
                with publishing():
                    result = function(*args, **kwargs)
                check_containers(
                    containers, functools.partial(again, dynamic), getattr(function, "__qualname__", "the function")
                )
            except Exception as error:
                shown = public_error(error)
                if shown is error:
                    raise
                raise shown from None
            _check_result(function, result)
            return result

        record.__name__ = getattr(function, "__name__", "f")
        leaf = tree.Structure(None, None, ())
        structure = tree.Structure(
            tuple,
            None,
            (
                tree.Structure(tuple, None, (leaf,) * len(arguments.dynamic)),
                tree.Structure(dict, (), ()),
            ),
        )
        names = identifiers([arguments.paths[position] for position in arguments.dynamic])
        handle = next((type(value) for value in arguments.values if isinstance(value, Tracer)), None) or handle_type()
        with collecting(handle) as failures:
            arrange = functools.partial(arranged, arguments.sharing)
            traced: Traced = trace(record, structure, arguments.types, handle=handle, names=names, arrange=arrange)
        flag = failures.found
        if flag is None:
            return replace(traced, graph=roll(traced.graph))
        checked = replace(traced.graph, outputs=(*traced.graph.outputs, flag))
        *outputs, flag = roll(checked).outputs
        causes = tuple(failures.causes)
        guards = tuple(guarded(output, flag, causes) for output in outputs)
        return replace(traced, graph=replace(traced.graph, outputs=guards))

    def _call_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        arguments = Arguments(self.parameters, args, kwargs)
        handle = next((type(value) for value in arguments.values if isinstance(value, Tracer)), None)
        if is_tracing():
            return self.inline(arguments, handle or handle_type())
        if handle is not None:
            raise TraceError(
                f"{self!r} was called with a traced value outside of the function that it belongs to: "
                "the value escaped (by a global, an attribute or a list); return it from the traced function"
            )
        if _holds_tensors(arguments):
            from srcgrad.dispatch import tensors

            return tensors.call(self, arguments)
        arguments.found_written(self._written.get(arguments.key, ()))
        known = self._closures.setdefault(arguments.exact_key, [])
        for closure in known:
            result = closure(args, kwargs)
            if result is not MISS:
                self._use(closure)
                return result
        found = self._specialise(arguments)
        guards = found.guards
        captured = guards.current()
        is_lasting = captured is not None
        if captured is None:
            guards = guards.as_traced()
            captured = guards.current()
        closure = make_closure(
            arguments,
            raising_for(found.executable.function, found.causes),
            found.executable.constants,
            found.recorded.out_structure,
            found.out_types,
            found.recorded.mutated,
            guards,
            captured or (),
        )
        if is_lasting:
            self._closures.setdefault(arguments.exact_key, []).insert(0, closure)
            self._use(closure)
        result = closure(args, kwargs)
        assert result is not MISS
        found.guards.forget()
        return result

    def _use(self, closure: Closure) -> None:
        self._recent = (closure, *[old for old in self._recent if old is not closure][: _RECENT - 1])
        self._latest = closure

    def _specialise(self, arguments: Arguments) -> Specialisation:
        found = self._known(arguments)
        if found is None:
            found = compiling(self._compile_once, arguments)
        self.last = found
        return found

    def _compile_once(self, arguments: Arguments) -> Specialisation:
        with _compiling:
            found = self._known(arguments)
            if found is None:
                found = self._compile(arguments)
                self._written[arguments.key] = arguments.written
                self._keep(arguments, found)
        return found

    def _known(self, arguments: Arguments) -> Specialisation | None:
        arguments.found_written(self._written.get(arguments.key, ()))
        found = self._variants_of(arguments)
        return next((one for one in found if one.guards.current() is not None), None)

    def _variants_of(self, arguments: Arguments) -> list[Specialisation]:
        """The programs for these arguments, the latest first; they differ in what they read from outside."""
        return self._specialisations.get((arguments.key, arguments.sharing), [])

    def _keep(self, arguments: Arguments, made: Specialisation) -> None:
        variants = self._specialisations.setdefault((arguments.key, arguments.sharing), [])
        variants.insert(0, made)
        if len(variants) > _VARIANTS:
            warnings.warn(
                f"{self!r} was traced {_VARIANTS} times for arguments of the same types, since what it reads from "
                f"outside keeps changing: {made.guards.differences(variants[1].guards)}; pass that as an argument",
                RuntimeWarning,
                stacklevel=7,
            )
            del variants[_VARIANTS // 2 :]
            self._closures.clear()

    def _compile(self, arguments: Arguments) -> Specialisation:
        for value, position in zip(arguments.values, arguments.dynamic, strict=True):
            if hasattr(value, "__sg_bind__"):
                raise ArgumentError(
                    f"argument {arguments.paths[position]} is a {type(value).__name__}; a compiled function takes "
                    "arrays: pass its .numpy()"
                )
        unsteady = {path for one in self._variants_of(arguments) for path in one.guards.changed_numbers()}
        with capturing(frozenset(unsteady)) as captured:
            recorded = self.record(arguments)
        recorded, guards = with_captured(recorded, captured)
        check_closed(recorded.graph)
        graph, causes = with_flag(recorded.graph)
        graph = finish(graph)
        backend = self.options.get("backend", "cpu")
        if backend != "cpu":
            raise UnsupportedError(f"there is no backend {backend!r}; use 'cpu'")
        executable = compile_graph(graph, fast_math=self.options.get("fast_math", False))
        executable.function  # noqa: B018  built here, once, and not by whoever calls first
        return Specialisation(recorded, graph, executable, causes, guards)


class Transformed(Function, Generic[P, Result]):
    """A transformed function with these parameters and this result: what editors and type checkers show."""

    if TYPE_CHECKING:
        __name__: str
        __qualname__: str

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...


def _holds_tensors(arguments: Arguments) -> bool:
    """Whether the define-by-run face is to be asked; it is not imported for arrays."""
    return any(hasattr(value, "__sg_array__") for value in arguments.values)


def check_not_differentiated(function: Function, arguments: Arguments, wanted: Iterable[int]) -> None:
    """Raise ArgumentError where one of these dynamic leaves shares memory that the function writes."""
    for number in wanted:
        for group in arguments.sharing.groups:
            names = [arguments.name_of(part.position) for part in group.parts]
            if arguments.name_of(number) in names:
                raise ArgumentError(
                    f"{function!r}: arguments {' and '.join(names)} share memory that the function writes into; the "
                    f"derivative with respect to one of them is not defined: pass a copy ({names[-1]}.copy())"
                )


def handle_type() -> type[Tracer]:
    """The class of traced arrays, with NumPy's surface."""
    import srcgrad.numpy

    return getattr(srcgrad.numpy, "Array", Tracer)


def _check_result(function: Callable[..., Any], result: Any) -> None:
    for leaf, path in zip(tree.leaves(result), tree.paths(result), strict=True):
        if hasattr(leaf, "__sg_bind__"):
            continue
        try:
            kind = type_of(leaf).dtype.kind
        except TypeError:
            kind = "O"
        if kind not in "biufc":
            name = getattr(function, "__qualname__", "the function")
            raise TraceError(
                f"{name} returns a {type(leaf).__name__} at {'result' + path}; "
                "a compiled function returns arrays, numbers, and containers of these"
            )
