"""The data path, on one page: every pass one line, nothing returns upward.

python function --trace--> Graph --roll--> Graph --adjoint--> Graph --GRAPH_PASSES--> Graph
    --lower--> Program --FUSION--> Program --assign_storage--> Scheduled
    --emit--> Module --KERNEL_PASSES--> Module, with its text --build--> callable

Every pass is run by `stage`, which on request times it, prints its result (``SRCGRAD_DUMP=fuse,emit`` or ``all``) and
verifies it. Passes return new values; those that change the one that they are given say so in their names.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from srcgrad.core.errors import ArgumentValueError, VerifyError
from srcgrad.core.settings import settings
from srcgrad.core.target import Target
from srcgrad.graph import trace as tracing
from srcgrad.graph.captured import is_recording
from srcgrad.graph.node import Graph, Node
from srcgrad.graph.verify import verify as verify_graph
from srcgrad.kernel.verify import verify as verify_kernel
from srcgrad.schedule.axes import merge_axes_in_place, reroll_in_place, unroll_in_place
from srcgrad.schedule.fuse import fuse_in_place
from srcgrad.schedule.ir import Program
from srcgrad.schedule.lower import lower
from srcgrad.schedule.parallel import parallelise_in_place
from srcgrad.schedule.prune import prune_in_place
from srcgrad.schedule.python.program import python_text
from srcgrad.schedule.recompute import recompute_in_place
from srcgrad.schedule.storage import Scheduled, assign_storage, start_accumulators_in_place
from srcgrad.schedule.text import program_text, storage_text
from srcgrad.schedule.tile import tile_in_place
from srcgrad.schedule.verify import verify_program, verify_storage
from srcgrad.transform.adjoint import with_gradients
from srcgrad.transform.hoist import hoist
from srcgrad.transform.pack import pack
from srcgrad.transform.plain import plain
from srcgrad.transform.roll import roll
from srcgrad.transform.shifts import gather_shifts
from srcgrad.transform.simplify import simplify, simplify_last
from srcgrad.transform.sliding import hand_on_elements
from srcgrad.transform.stacks import stack_slices

if TYPE_CHECKING:
    from srcgrad.backends.module import Module

P = ParamSpec("P")
R = TypeVar("R")
Pass = tuple[str, Callable[..., Any]]


def _backend(module: str, name: str) -> Callable[..., Any]:
    """A pass of the back ends, which are imported when the first of them runs."""
    return lambda *values: getattr(importlib.import_module(f"srcgrad.backends.{module}"), name)(*values)


# the passes, in order

#: each where a transform asks for it, while a function is recorded
RECORDING: tuple[Pass, ...] = (
    ("trace", tracing.trace),  # function, types -> Traced: a graph, and what its outputs are
    ("roll", roll),  # Graph -> Graph, like all down to `pack`
    ("simplify", simplify),
    ("adjoint", with_gradients),
)
#: a recorded graph -> one that can be scheduled
GRAPH_PASSES: tuple[Pass, ...] = (
    ("plain", plain),
    ("simplify_last", simplify_last),
    ("stack_slices", stack_slices),
    ("simplify_last", simplify_last),
    ("hoist", hoist),
    ("gather_shifts", gather_shifts),
    ("simplify_last", simplify_last),
    ("hand_on_elements", hand_on_elements),
    ("simplify_last", simplify_last),
)
#: its inputs and outputs as callers hand them over; then Graph, Target -> Program
LOWERING: tuple[Pass, ...] = (("pack", pack), ("lower", lower))
#: Program, Target -> Program
FUSION: tuple[Pass, ...] = (
    ("merge_axes", merge_axes_in_place),
    ("tile", tile_in_place),
    ("unroll", unroll_in_place),
    ("fuse", fuse_in_place),
    ("recompute", recompute_in_place),
    ("prune", prune_in_place),
    ("parallelise", parallelise_in_place),
)
#: the same for people who read it: nothing is cut into blocks, written out or split, and no number computed twice
READABLE: tuple[Pass, ...] = (
    ("merge_axes", merge_axes_in_place),
    ("unroll", unroll_in_place),
    ("fuse", fuse_in_place),
    ("prune", prune_in_place),
    ("reroll", reroll_in_place),
)
#: Program, Target -> Program -> Scheduled: the program, and where its values live
STORAGE: tuple[Pass, ...] = (
    ("start_accumulators", start_accumulators_in_place),
    ("assign_storage", assign_storage),
)
#: Scheduled -> Module: functions of the kernel IR
EMISSION: tuple[Pass, ...] = (("emit", _backend("module", "emit_module")),)
#: Module, Target -> Module; the last gives it its text
KERNEL_PASSES: tuple[Pass, ...] = (
    ("outline", _backend("module", "outline_module")),
    ("drop_unused_buffers", _backend("module", "drop_unused_buffers")),
    ("print", _backend("module", "print_module")),
)
#: Module -> callable: its machine code, from the disk cache where it is there
MACHINE_CODE: tuple[Pass, ...] = (("build", _backend("build", "build")),)

PASSES = (*RECORDING, *GRAPH_PASSES, *LOWERING, *FUSION, *STORAGE, *EMISSION, *KERNEL_PASSES, *MACHINE_CODE)

# longer parts of the path


def differentiate(graph: Graph, wrt: Sequence[int], seeds: Sequence[Node | None]) -> Graph:
    """The graph of the same outputs, then of gradients with respect to the inputs ``wrt``, given the cotangents of the
    outputs, None for zero.
    """
    return stage("adjoint", with_gradients, stage("simplify", simplify, graph), wrt, seeds)


def finish(graph: Graph) -> Graph:
    """A recorded graph without what only tracing and differentiation needed, simplified, ready to be scheduled."""
    finished: Graph = run(GRAPH_PASSES, graph)
    return finished


def fuse(program: Program, target: Target) -> Program:
    """The program, and every program inside its regions, with a tree of loops."""
    fused: Program = run(FUSION, program, target)
    return fused


def schedule(graph: Graph, target: Target) -> Scheduled:
    """The fused program of a graph, and where its values live."""
    scheduled: Scheduled = run(STORAGE, fuse(stage("lower", lower, graph, target), target), target)
    return scheduled


def readable(graph: Graph, names: Sequence[str] = ()) -> str:
    """The program of a finished graph as Python that people read; ``names`` are those of outputs."""
    target = Target(register_elements=0)
    program = stage("lower", lower, graph, target)
    for value, name in zip(program.outputs, names, strict=False):
        value.name, value.is_step = name or value.name, value.is_step and not name
    scheduled: Scheduled = run(STORAGE, run(READABLE, program, target), target)
    return python_text(scheduled.program, scheduled.storage, graph.name)


def emit(scheduled: Scheduled, name: str, fast_math: bool, target: Target) -> Module:
    """The module of a scheduled program, with its text."""
    module: Module = run(KERNEL_PASSES, named("emit")(*scheduled, name, fast_math, target), target)
    return module


# running a pass


def run(passes: Sequence[Pass], value: Any, *given: Any) -> Any:
    """A value through some passes."""
    for name, function in passes:
        value = stage(name, function, value, *given)
    return value


def stage(name: str, function: Callable[P, R], *values: P.args, **options: P.kwargs) -> R:
    """The result of one pass; timed, printed and verified on request."""
    if not (settings.verify or settings.dump or _times):
        return function(*values, **options)
    result = _times[-1].of(name, function, *values, **options) if _times else function(*values, **options)
    if settings.dump and _is_wanted(name):
        sys.stderr.write(f"--- {name}\n{text_of(result)}\n")
    if settings.verify:
        try:
            verify(result)
        except VerifyError as error:
            raise VerifyError(f"after {name}: {error}") from None
    return result


def named(name: str) -> Callable[..., Any]:
    """The pass of this name, run through `stage`."""
    function = dict(PASSES)[name]
    return lambda *values, **options: stage(name, function, *values, **options)


def verify(value: Any) -> None:
    """Raise `VerifyError` unless what a pass has returned is valid."""
    match value:
        case Graph():
            verify_graph(value, is_open=is_recording())
        case tracing.Traced(graph=graph) | (Graph() as graph, _):
            verify(graph)
        case Program():
            verify_program(value)
        case Scheduled():
            verify_storage(*value)
        case _:
            for function in getattr(value, "functions", ()):
                verify_kernel(function)


def text_of(value: Any) -> str:
    """What a pass has returned as text; nothing for machine code."""
    match value:
        case tracing.Traced(graph=graph) | (Graph() as graph, _):
            return str(graph)
        case Program():
            return program_text(value)
        case Scheduled():
            return storage_text(*value)
    return "" if callable(value) else str(value)


def _is_wanted(name: str) -> bool:
    wanted = settings.dump.split(",")
    known = dict(PASSES)
    for one in wanted:
        if one not in known and one != "all":
            raise ArgumentValueError(
                f"SRCGRAD_DUMP: there is no pass {one!r}; write all, or some of {', '.join(known)}"
            )
    return name in wanted or "all" in wanted


# times


@dataclass
class Times:
    """The seconds of each pass since `timed` began; of a pass that runs others, without theirs."""

    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=list)

    def of(self, name: str, function: Callable[P, R], *values: P.args, **options: P.kwargs) -> R:
        """The result of a pass, whose time is added."""
        self._inner.append(0.0)
        started = self.clock()
        try:
            return function(*values, **options)
        finally:
            taken = self.clock() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + taken - self._inner.pop()
            if self._inner:
                self._inner[-1] += taken

    def __str__(self) -> str:
        width = max(map(len, self.seconds), default=0)
        return "\n".join(f"{name:<{width}}  {seconds * 1e3:8.1f} ms" for name, seconds in self.seconds.items())


_times: list[Times] = []


@contextmanager
def timed(clock: Callable[[], float] = perf_counter) -> Iterator[Times]:
    """Count the seconds of every pass that runs, in any thread, while the block does."""
    _times.append(Times(clock))
    try:
        yield _times[-1]
    finally:
        _times.pop()
