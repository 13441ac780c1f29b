"""What compilation gains: a step of a compiled program against the same program run op by op."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

import srcgrad as sg
from srcgrad.graph.interpret import interpret


@dataclass(frozen=True)
class Trained:
    """A program that has run, and what came of it.

    Attributes:
        steps: how many training steps one call of ``program`` makes.
        first_call: seconds that the first call took.
        losses: one for each step; for several epochs, one row for each.
        accuracies: on the test images after each epoch.
    """

    name: str
    steps: int
    first_call: float
    program: Any
    args: tuple[Any, ...]
    losses: NDArray[Any]
    accuracies: Sequence[float] = ()

    def compiled(self) -> None:
        self.program(*self.args)

    def op_by_op(self) -> None:
        """The program's own graph, gradient and update included, one NumPy call an operation."""
        found = self.program.specialise(*self.args)
        interpret(found.graph, [*sg.tree.leaves(self.args), *found.captured])


def timed(function: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """What the function returns, and how many seconds it took."""
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def compare(programs: Sequence[Trained], repeats: int) -> str:
    """A table: time per step, compiled and op by op (the best of several calls), and the first call."""
    lines = [
        f"{'time per step':<14}{'compiled':>11}{'op by op':>12}{'ratio':>8}{'first call':>13}",
        "-" * 58,
    ]
    for program in programs:
        # Not interleaved: the threads of NumPy's matrix products stay busy for a while after each.
        compiled = min(timed(program.compiled)[1] for _ in range(4 * repeats)) / program.steps
        op_by_op = min(timed(program.op_by_op)[1] for _ in range(repeats)) / program.steps
        lines.append(
            f"{program.name:<14}{_time(compiled):>11}{_time(op_by_op):>12}{op_by_op / compiled:>7.0f}x"
            f"{program.first_call:>11.2f} s"
        )
    lines += [
        "op by op: the same program, gradient and update included, one NumPy call an operation",
        "first call: tracing and compiling; the next run of this script finds the machine code in its disk cache",
    ]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-5 else f"{seconds * 1e6:,.0f} us"
