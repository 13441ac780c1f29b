"""Looking inside: `draw` shows a program, `cost` counts what it does, `profile` measures its phases.

The last two look at the scheduled program (`schedule/work.py` says what a phase is and what is counted). For a profile
the program is emitted once more with a call of the clock between its phases, and run many times.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.api import _specialisation
from srcgrad.core.errors import UnsupportedError
from srcgrad.dispatch import Function, Jit, Specialisation
from srcgrad.dispatch.arguments import Arguments
from srcgrad.graph.draw import graph_picture
from srcgrad.graph.node import Graph
from srcgrad.graph.picture import Picture
from srcgrad.pipeline import emit, named, schedule
from srcgrad.schedule.ir import LibraryCall, Program
from srcgrad.schedule.storage import Scheduled, Storage
from srcgrad.schedule.work import MEMORY, Phase, Work, phases

build = named("build")
#: how long `profile` runs a program, in seconds and calls
SECONDS, CALLS = 0.5, 300


def draw(function: Any, *args: Any, **kwargs: Any) -> Picture:
    """The graph of the program for these arguments (without any, of the one called last) as a picture.

    Notebooks show it; ``.save("graph.svg")`` writes a file. The backward graph of a tensor is drawn too:
    ``sg.draw(loss, {"w": w})``.

    >>> draw(lambda x: x * x, 3.0)
    <picture of <lambda>: 2 boxes, 2 arrows>
    """
    if hasattr(function, "__sg_array__"):
        from srcgrad.eager.drawing import draw as draw_tensor

        return draw_tensor(function, *args, **kwargs)
    return graph_picture(_specialisation(function, args, kwargs).graph)


def get_num_threads() -> int:
    """How many threads compiled code uses."""
    from srcgrad.backends import threads

    return threads.get_num_threads()


def set_num_threads(count: int) -> None:
    """Use so many threads in compiled code from now on.

    At most as many as there were at first: NUMBA_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs of this process.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    from srcgrad.backends import threads

    threads.set_num_threads(count)


# --- cost -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What one call of a program does.

    Attributes:
        additions, multiplications, divisions: of array elements; the two halves of a fused multiply-add both count.
        functions: calls of transcendental functions, one for each element.
        others: comparisons, selections, maxima.
        read, written: bytes by place: ``input``, ``constant``, ``output``, ``workspace``, ``stack``. In each phase an
            array counts once.
        temporaries: how many intermediate arrays there are, by place; what fusion left in registers is not one.
        temporary_bytes: their sizes; those that are not alive at a time share memory.
        workspace_bytes: the memory that a call needs besides its arguments and results.
        library_calls: calls whose inside is not counted.
        exact: False where data decides how often a loop runs: such a loop counts as one iteration.
    """

    additions: int
    multiplications: int
    divisions: int
    functions: int
    others: int
    read: dict[str, int]
    written: dict[str, int]
    temporaries: dict[str, int]
    temporary_bytes: dict[str, int]
    workspace_bytes: int
    library_calls: int
    exact: bool

    @property
    def operations(self) -> int:
        """Additions, multiplications, divisions and functions."""
        return self.additions + self.multiplications + self.divisions + self.functions

    def __str__(self) -> str:
        rows = [
            ("operations", f"{self.operations:,}"),
            ("  additions", f"{self.additions:,}"),
            ("  multiplications", f"{self.multiplications:,}"),
            ("  divisions", f"{self.divisions:,}"),
            ("  functions", f"{self.functions:,}"),
            ("comparisons and the like", f"{self.others:,}"),
        ]
        for title, counts in (("bytes read", self.read), ("bytes written", self.written)):
            rows.append((title, f"{sum(counts.values()):,}"))
            rows += [(f"  {place}", f"{counts[place]:,}") for place in MEMORY if counts.get(place)]
        for place, count in self.temporaries.items():
            rows.append((f"temporaries, {place}", f"{count} of {self.temporary_bytes[place]:,} bytes"))
        rows.append(("workspace", f"{self.workspace_bytes:,} bytes"))
        if self.library_calls:
            rows.append(("library calls, not counted", f"{self.library_calls}"))
        if not self.exact:
            rows.append(("note", "loops whose length data decides count as one iteration"))
        width = max(len(title) for title, _ in rows)
        return "\n".join(f"{title:<{width}}  {text}" for title, text in rows)


def cost(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Cost:
    """The operations and bytes of the program for these arguments, or without any, of the one called last.

    >>> import numpy as np
    >>> x = np.ones((100, 50))
    >>> found = cost(lambda x: np.sum(np.exp(x) * x, axis=1), x)
    >>> found.multiplications, found.functions, found.read["input"], found.written["output"]
    (5000, 5000, 40000, 800)
    """
    program, storage = _scheduled(_specialisation(function, args, kwargs).graph)
    total, exact = Work(), True
    for phase in phases(program, storage):
        total.add(phase.work, 1 if phase.iterations is None else phase.iterations)
        exact = exact and phase.iterations is not None
    temporaries: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for value, place in storage.places.items():
        if place.kind in ("workspace", "stack"):
            temporaries[place.kind] = temporaries.get(place.kind, 0) + 1
            size = int(np.prod(place.shape, dtype=np.int64)) * value.dtype.itemsize
            sizes[place.kind] = sizes.get(place.kind, 0) + size
    counts = total.operations
    return Cost(
        counts["add"],
        counts["multiply"],
        counts["divide"],
        counts["function"],
        counts["other"],
        dict(total.read),
        dict(total.written),
        temporaries,
        sizes,
        storage.workspace_bytes,
        total.calls,
        exact,
    )


def _scheduled(graph: Graph) -> Scheduled:
    from srcgrad.backends.machine import this_machine

    return schedule(graph, this_machine(graph))


# --- profile --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timing:
    """One phase: what it is, the user's lines, how often it runs in a call, and what a call spends in it."""

    what: str
    where: str
    depth: int
    iterations: int
    seconds: float
    operations: int
    traffic: int
    peak: float

    @property
    def gflops(self) -> float:
        """Billions of operations a second."""
        return self.operations / self.seconds * 1e-9 if self.seconds > 0 else 0.0

    @property
    def bandwidth(self) -> float:
        """Billions of bytes a second, those of the stack not counted."""
        return self.traffic / self.seconds * 1e-9 if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Peaks:
    """What compiled code reaches on this machine: a large product of each precision, a large copy."""

    float32: float
    float64: float
    bandwidth: float
    threads: int


@dataclass(frozen=True)
class Profile:
    """The phases of a program with their times (medians over ``calls`` calls); ``str`` of it is a table."""

    name: str
    rows: tuple[Timing, ...]
    seconds: float
    calls: int
    peaks: Peaks

    def __str__(self) -> str:
        header = ("time", "share", "iterations", "GFLOP/s", "of peak", "GB/s", "of peak", "phase", "lines")
        table = [header] + [
            (
                _duration(row.seconds),
                f"{row.seconds / self.seconds:.0%}",
                str(row.iterations),
                f"{row.gflops:.3g}",
                f"{row.gflops / row.peak:.0%}",
                f"{row.bandwidth:.3g}",
                f"{row.bandwidth / self.peaks.bandwidth:.0%}",
                "  " * row.depth + row.what,
                row.where,
            )
            for row in self.rows
        ]
        widths = [max(len(line[k]) for line in table) for k in range(len(header))]
        lines = []
        for line in table:
            numbers = [cell.rjust(width) for cell, width in zip(line[:7], widths[:7], strict=True)]
            texts = [cell.ljust(width) for cell, width in zip(line[7:], widths[7:], strict=True)]
            lines.append("  ".join([*numbers, *texts]).rstrip())
        peaks = self.peaks
        title = f"{self.name}: {_duration(self.seconds)} a call, median of {self.calls}; {peaks.threads} threads"
        foot = (
            f"peaks measured here: {peaks.float32:.0f} GFLOP/s in float32, {peaks.float64:.0f} in float64, "
            f"{peaks.bandwidth:.1f} GB/s from memory (a phase whose data is in cache exceeds that)"
        )
        return "\n".join([title, *lines, foot])


def profile(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Profile:
    """Print, and return, a table of the phases of the program for these arguments: time, operations, bytes.

    The program is compiled once more, with clocks between its phases, and run for about half a second. Arrays that
    it writes into are left alone. How to read the table: docs/performance.md.
    """
    if os.name != "posix":
        raise UnsupportedError("sg.profile needs POSIX's clock_gettime, which this system does not have")
    compiled = function if isinstance(function, Function) else Jit(function)
    specialisation = compiled.specialise(*args, **kwargs)
    values = [*Arguments(compiled.parameters, args, kwargs).values, *specialisation.captured]
    peaks = _peaks()
    program, storage = _scheduled(specialisation.graph)
    found = list(phases(program, storage))
    _insert_ticks(program, found)
    seconds, times, counts, calls = _measure(specialisation, program, storage, values, len(found))
    rows = [_timing(*row, peaks) for row in zip(found, times, counts, strict=True)]
    rest = max(0.0, seconds - sum(times))
    rows.append(Timing("call, making of results", "", 0, 1, rest, 0, 0, peaks.float64))
    result = Profile(specialisation.graph.name, tuple(rows), seconds, calls, peaks)
    print(result)  # noqa: T201  what it is for
    return result


def _timing(phase: Phase, seconds: float, iterations: int, peaks: Peaks) -> Timing:
    sizes = phase.work.by_size
    peak = peaks.float32 if sizes[4] > sizes[8] else peaks.float64
    work = Work()
    work.add(phase.work, iterations)
    return Timing(phase.what, phase.where, phase.depth, iterations, seconds, work.arithmetic, work.traffic, peak)


def _insert_ticks(program: Program, found: Sequence[Phase]) -> None:
    """After each phase a call that accounts for its time; the clock starts before the first."""
    for account, phase in enumerate(found):
        last = phase.items[-1]
        position = next(k for k, item in enumerate(phase.block.items) if item is last)
        phase.block.items.insert(position + 1, _tick(account))
    assert program.tree is not None
    program.tree.items.insert(0, _tick(-1))


def _tick(account: int) -> LibraryCall:
    return LibraryCall("clock.tick", (), (), (account,))


def _measure(
    specialisation: Specialisation, program: Program, storage: Storage, values: Sequence[Any], count: int
) -> tuple[float, list[float], list[int], int]:
    """Seconds a call, seconds and iterations of each phase, and the number of calls."""
    from srcgrad.backends.library.clock import ACCOUNTS
    from srcgrad.backends.machine import this_machine

    graph = specialisation.graph
    executable = specialisation.executable
    name = f"{graph.name}_profile"
    module = emit(Scheduled(program, storage), name, executable.fast_math, this_machine(graph))
    call = build(module)
    arguments = (*executable.native(values), *module.constants)
    call(*arguments)
    walls: list[float] = []
    rows: list[Any] = []
    begun = time.perf_counter()
    while len(rows) < 3 or (time.perf_counter() - begun < SECONDS and len(rows) < CALLS):
        ACCOUNTS[:] = 0
        started = time.perf_counter()
        call(*arguments)
        walls.append(time.perf_counter() - started)
        rows.append(ACCOUNTS[1 : 2 * count + 1].copy())
    medians = np.median(np.array(rows), axis=0)
    return statistics.median(walls), (medians[0::2] * 1e-9).tolist(), medians[1::2].astype(int).tolist(), len(rows)


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


# --- peaks ----------------------------------------------------------------------------------------------------------

PRODUCT, COPY = 768, 1 << 24


def _peaks() -> Peaks:
    """Measured once for a machine and number of threads, and kept in the cache directory."""
    from srcgrad.backends import fingerprint, store

    threads = get_num_threads()
    name = f"peaks_{fingerprint.of_backends()}_{threads}.json"
    known = store.read(name)
    if known is not None:
        return Peaks(**json.loads(known))
    product: Function = Jit(lambda a, b: a @ b)
    single, double = (
        2e-9 * PRODUCT**3 / _best(product, *np.ones((2, PRODUCT, PRODUCT), dtype)) for dtype in (np.float32, np.float64)
    )
    source = np.ones(COPY, np.float32)
    target = np.empty_like(source)
    peaks = Peaks(single, double, 2e-9 * source.nbytes / _best(np.copyto, target, source), threads)
    store.write(name, json.dumps(vars(peaks)).encode())
    return peaks


def _best(function: Callable[..., Any], *args: Any) -> float:
    times = []
    for _ in range(8):
        started = time.perf_counter()
        function(*args)
        times.append(time.perf_counter() - started)
    return min(times)
