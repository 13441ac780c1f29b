"""Timing: contenders take turns, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Protocol

import numpy as np

from benchmarks.case import Array, Case, Inputs, Program, worst_error
from benchmarks.contenders import Contender
from benchmarks.machine import peak_memory
from benchmarks.quiet import Quiet
from benchmarks.results import FirstCall

MOST_REPETITIONS = 1_000_000
WARM_UP = 0.25  # share of a round's calls made again before it is timed


class Failed(Exception):
    """A contender is out of the race; the message says why in one line."""


class Runner(Protocol):
    """One contender at work on one case, in this process (`Session`) or in another (`worker.Worker`)."""

    def first_call(self) -> FirstCall: ...
    def round(self, seconds: float) -> float: ...


class Session:
    """One contender at work on one case, in this process."""

    def __init__(self, case: Case, contender: Contender, *, threads: int = 1, seed: int = 0) -> None:
        self.case, self.contender, self.threads = case, contender, threads
        self.inputs: Inputs = case.inputs(seed)
        self.program: Program | None = None
        self._least = math.inf  # seconds a call in the fastest round

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
        peak = peak_memory()
        error = self._check(self.contender.results(output))
        return FirstCall(finished - ready, imported - started, error, program.units, peak)

    def round(self, seconds: float) -> float:
        """Seconds for one step or call, from about so many seconds of calls in a row.

        The garbage collector is off. Part of the calls come before the clock starts: the first ones after a
        sleep are slow (twice as slow where a library keeps threads).
        """
        assert self.program is not None, "the first call comes first"
        repetitions = self._repetitions(seconds)
        gc.collect()
        gc.disable()
        try:
            self._elapsed(math.ceil(repetitions * WARM_UP))
            elapsed = self._elapsed(repetitions) / repetitions
        finally:
            gc.enable()
        self._least = min(self._least, elapsed)
        return elapsed / self.program.units

    def _repetitions(self, seconds: float) -> int:
        """How many calls take so long at the speed of the fastest round yet."""
        repetitions = 1
        while not math.isfinite(self._least):
            elapsed = self._elapsed(repetitions)
            if elapsed > seconds / 4 or repetitions >= MOST_REPETITIONS:
                self._least = elapsed / repetitions
            repetitions *= 4
        return min(max(1, round(seconds / self._least)), MOST_REPETITIONS)

    def _elapsed(self, repetitions: int) -> float:
        assert self.program is not None
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
        expected = [np.asarray(part) for part in self.contender.expected(self.case, self.inputs, self.program.units)]
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

    def attempt(name: str) -> float | None:
        try:
            return runners[name].round(seconds)
        except Exception as error:
            errors[name] = first_line(error)
            return None

    kept: list[dict[str, float | None]] = []
    disturbed = 0
    while len(kept) < rounds:
        calm = quiet.wait()
        names = [name for name in runners if name not in errors]
        start = len(kept) % max(len(names), 1)
        row = {name: attempt(name) for name in names[start:] + names[:start]}
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
