"""Timing: contenders take turns, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any, Protocol, TypeVar

import numpy as np

from benchmarks.case import Array, Case, Inputs, Program, worst_error
from benchmarks.contenders import Contender
from benchmarks.quiet import Quiet
from benchmarks.results import FirstCall

T = TypeVar("T")

MOST_REPETITIONS = 1_000_000


class Failed(Exception):
    """A contender is out of the race; the message says why in one line."""


class Runner(Protocol):
    """One contender at work on one case, in this process (`Session`) or in another (`worker.Worker`)."""

    def first_call(self) -> FirstCall: ...
    def calibrate(self, seconds: float) -> int: ...
    def round(self, repetitions: int) -> float: ...


class Session:
    """One contender at work on one case, in this process."""

    def __init__(self, case: Case, contender: Contender, *, threads: int = 1, seed: int = 0) -> None:
        self.case, self.contender, self.threads = case, contender, threads
        self.inputs: Inputs = case.inputs(seed)
        self.program: Program | None = None

    def first_call(self) -> FirstCall:
        """Build the program and call it once: the time from imported packages to the first result, checked."""
        started = perf_counter()
        self.contender.load()
        imported = perf_counter()
        self.contender.start(self.case, self.threads)
        ready = perf_counter()
        program = self.contender.program(self.case, self.inputs)
        output = program.function(*program.args)
        if self.contender.wait:
            self.contender.wait(output)
        finished = perf_counter()
        self.program = program
        error = self._check(self.contender.results(output))
        return FirstCall(finished - ready, imported - started, error, program.units)

    def calibrate(self, seconds: float) -> int:
        """How many calls take about this long; warms up on the way."""
        repetitions = 1
        while repetitions < MOST_REPETITIONS:
            elapsed = self._elapsed(repetitions)
            if elapsed >= seconds / 4:
                return max(1, round(repetitions * seconds / elapsed))
            repetitions *= 2 if elapsed > seconds / 64 else 8
        return MOST_REPETITIONS

    def round(self, repetitions: int) -> float:
        """Seconds for one step or call, from this many calls in a row, with the garbage collector off."""
        assert self.program is not None
        gc.collect()
        gc.disable()
        try:
            return self._elapsed(repetitions) / (repetitions * self.program.units)
        finally:
            gc.enable()

    def _elapsed(self, repetitions: int) -> float:
        assert self.program is not None, "the first call comes first"
        function, args, wait = self.program.function, self.program.args, self.contender.wait
        if wait is None:
            started = perf_counter()
            for _ in repeat(None, repetitions):
                function(*args)
            return perf_counter() - started
        started = perf_counter()
        for _ in repeat(None, repetitions):
            wait(function(*args))
        return perf_counter() - started

    def _check(self, results: list[Array]) -> float:
        assert self.program is not None
        expected = [np.asarray(part) for part in self.case.expected(self.inputs, self.program.units)]
        error = worst_error(results, expected)
        if not error <= self.case.tolerance:
            raise Failed(f"wrong result: relative error {error:.1e}, tolerance {self.case.tolerance:.0e}")
        return error


@dataclass
class Rounds:
    """Seconds per step or call of every round, who failed on the way, and how many rounds had neighbours."""

    times: dict[str, list[float]]
    errors: dict[str, str]
    disturbed: int


def interleave(runners: Mapping[str, Runner], *, rounds: int, seconds: float, quiet: Quiet) -> Rounds:
    """Ask every runner in turn, each round starting with another one.

    A round in which the machine had other work is run again, as long as there is patience.
    """
    errors: dict[str, str] = {}

    def attempt(name: str, question: Callable[..., T], *args: Any) -> T | None:
        try:
            return question(*args)
        except Exception as error:
            errors[name] = first_line(error)
            return None

    repetitions = {name: attempt(name, runner.calibrate, seconds) for name, runner in runners.items()}
    kept: list[dict[str, float | None]] = []
    disturbed = 0
    while len(kept) < rounds:
        calm = quiet.wait()
        names = [name for name in runners if name not in errors]
        start = len(kept) % max(len(names), 1)
        order = names[start:] + names[:start]
        row = {name: attempt(name, runners[name].round, repetitions[name]) for name in order}
        calm = quiet.now() and calm
        if calm or quiet.patience <= 0:
            kept.append(row)
            disturbed += not calm
    finished = [name for name in runners if name not in errors]
    return Rounds({name: [row[name] or 0.0 for row in kept] for name in finished}, errors, disturbed)


def first_line(error: BaseException) -> str:
    """An exception as one line of a table."""
    lines = str(error).strip().splitlines()
    if isinstance(error, Failed):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
