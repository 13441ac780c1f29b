"""The bars that srcgrad set itself, beside what a run measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.contenders import OURS, PEER
from benchmarks.results import CaseResult, Report

OUR_NAME = "srcgrad"
BEST_PEER = "best peer"
PRIMAL_NAME, ONE_THREAD_NAME = "primal", "one-thread"
IMPORT_SECONDS, FIRST_CALL_SECONDS, SECOND_PROCESS_SECONDS = 0.35, 4.0, 0.3
#: of the cases that are loops over steps, and of all others
OF_LOOPS, OF_OTHERS = 4.0, 3.0
LOOPS = ("jacobi", "gauss-seidel", "thomas", "lstm", "lstm-16")


@dataclass(frozen=True)
class Bar:
    """On this case (or all whose names start so) this peer takes at least so many times as long."""

    case: str
    peer: str
    at_least: float


BARS = (
    Bar("small-network", "jax-loop", 8),
    Bar("small-network", "torch", 100),
    Bar("pointwise-1e2", BEST_PEER, 6),
    Bar("pointwise-1e4", BEST_PEER, 3),
    Bar("rosenbrock", "jax", 3),
    Bar("logistic", BEST_PEER, 3),
    Bar("lorenz", "jax-loop", 20),
    Bar("digits", BEST_PEER, 2.5),
    Bar("attention", BEST_PEER, 1.8),
    Bar("mixture", BEST_PEER, 2.5),
    Bar("pointwise-1e6", BEST_PEER, 1.5),
    Bar("training", BEST_PEER, 1.5),
    Bar("block", BEST_PEER, 2),
    Bar("convolution", BEST_PEER, 1.5),
    Bar("jacobi", BEST_PEER, 3),
    Bar("gauss-seidel", BEST_PEER, 3),
    Bar("lstm", BEST_PEER, 3),
    Bar("thomas", "jax-loop", 10),
    Bar("digits", ONE_THREAD_NAME, 1.6),
    Bar("pointwise-1e6", ONE_THREAD_NAME, 1.6),
    Bar("training", ONE_THREAD_NAME, 1.6),
)


@dataclass(frozen=True)
class Verdict:
    """A bar, what was measured, and whether that passes; None where nothing was measured on a quiet machine."""

    what: str
    bar: str
    measured: str
    passed: bool | None


def verdicts(report: Report) -> Iterator[Verdict]:
    for bar in BARS:
        for case in report.cases:
            if case.name.startswith(bar.case):
                yield _ratio_verdict(bar, case)
    if OUR_NAME in report.imports:
        seconds = median(report.imports[OUR_NAME])
        yield Verdict("import", f"under {IMPORT_SECONDS} s", f"{seconds:.3f} s", seconds < IMPORT_SECONDS)
    for case in report.cases:
        yield from _first_call_verdicts(case)
        if OUR_NAME in case.timed and PRIMAL_NAME in case.timed:
            yield _gradient_verdict(case)


def _ratio_verdict(bar: Bar, case: CaseResult) -> Verdict:
    peer = case.best(PEER) if bar.peer == BEST_PEER else bar.peer
    what = f"{case.name} against {bar.peer}"
    wanted = f"at least {bar.at_least:g} times faster"
    if OUR_NAME not in case.timed or peer not in case.timed:
        return Verdict(what, wanted, "not measured", None)
    ratio = case.ratio(peer, OUR_NAME)
    minima = case.ratio_of_minima(peer, OUR_NAME)
    measured = f"{ratio.median:.1f} ({ratio.lower:.1f} to {ratio.upper:.1f}; minima {minima:.1f}) against {peer}"
    rounds = len(case.timed[OUR_NAME].rounds)
    if 2 * case.disturbed > rounds:
        return Verdict(what, wanted, f"{measured}; {case.disturbed} of {rounds} rounds disturbed", None)
    return Verdict(what, wanted, measured, ratio.median >= bar.at_least)


def _gradient_verdict(case: CaseResult) -> Verdict:
    ratio = case.ratio(OUR_NAME, PRIMAL_NAME).median
    most = OF_LOOPS if case.name in LOOPS else OF_OTHERS
    return Verdict(f"{case.name}, gradient over primal", f"at most {most:g} times", f"{ratio:.2f}", ratio <= most)


def _first_call_verdicts(case: CaseResult) -> Iterator[Verdict]:
    ours = case.measurements.get(OUR_NAME)
    if ours is None or ours.role != OURS:
        return
    limits = (("first call", ours.cold, FIRST_CALL_SECONDS), ("second process", ours.warm, SECOND_PROCESS_SECONDS))
    for what, call, limit in limits:
        if call is None:
            yield Verdict(f"{case.name}, {what}", f"under {limit:g} s", "not measured", None)
        else:
            yield Verdict(f"{case.name}, {what}", f"under {limit:g} s", f"{call.seconds:.2f} s", call.seconds < limit)
