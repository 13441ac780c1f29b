"""Many programs, counted by outcome; what is wrong is made small, one example of each sort."""

from __future__ import annotations

import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.python_programs.oracle import Outcome, TooLongError, check
from tests.python_programs.program import Program, random_program
from tests.python_programs.shrink import shrunk

UNROLLED = (16, 2, 0)


def unrolling(seed: int) -> int:
    """Loops of few iterations are unrolled in a part of the programs, and native in the others."""
    return UNROLLED[seed % 3]


def outcome_of(program: Program, seed: int, *, compiled: bool = False) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            points = (0, 1) if compiled else (0, 1, 2)
            return check(program, points=points, unroll=unrolling(seed), compiled=compiled)
        except TooLongError:
            return Outcome("skipped", "plain Python takes too long")


def sort_of(outcome: Outcome) -> str:
    """Outcomes of the same sort have the same cause, for the most part."""
    message = re.sub(r"^(\w+: )?\S+:\d+: ", r"\1", outcome.message)
    if outcome.kind == "mismatch":
        message = re.split(r"[:\[]", message)[0]
    message = re.sub(r"<[^>]*>", "<>", message)
    message = re.sub(r"\b[a-z]\d*(\[\S*|\.\w+)* (is|changes|grows|comes|has) ", r"v \2 ", message)
    message = re.sub(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", "#", message)
    return f"{outcome.kind} {message[:110]}"


@dataclass
class Report:
    counts: Counter[str] = field(default_factory=Counter)
    sorts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)
    wrong: list[tuple[int, Outcome, Program]] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [", ".join(f"{count:,} {kind}" for kind, count in self.counts.most_common())]
        for sort, count in self.sorts.most_common():
            lines.append(f"{count:7,} {sort}   seeds {self.examples[sort]}")
        return "\n".join(lines)


def campaign(
    seeds: Iterable[int],
    *,
    compiled: bool = False,
    shrink: int = 2,
    refusals: bool = False,
    seconds: float = float("inf"),
    tell: Callable[[str], object] = str,
) -> Report:
    """Run these programs; ``shrink`` failures (and ``refusals``) of each sort are made small."""
    report, end = Report(), time.monotonic() + seconds
    for seed in seeds:
        if time.monotonic() > end:
            break
        program = random_program(seed)
        outcome = outcome_of(program, seed, compiled=compiled)
        sort = sort_of(outcome)
        report.counts[outcome.kind] += 1
        if report.counts.total() % 1000 == 0:
            tell(str(report))
        if outcome.kind == "match" and not outcome.message:
            continue
        report.sorts[sort] += 1
        examples = report.examples.setdefault(sort, [])
        if len(examples) < 12:
            examples.append(seed)
        if (outcome.is_wrong or (refusals and outcome.kind == "refused")) and report.sorts[sort] <= shrink:
            found, reduced = small(program, seed, outcome, compiled=compiled)
            report.wrong.append((seed, found, reduced))
            tell(f"\n# seed {seed}, unroll {unrolling(seed)}, {found.kind}: {found.message}\n{reduced.text}")
    return report


def small(program: Program, seed: int, outcome: Outcome, *, compiled: bool = False) -> tuple[Outcome, Program]:
    """The smallest program found that goes wrong in the same way."""
    sort = sort_of(outcome)

    def fails(candidate: Program) -> bool:
        try:
            return sort_of(outcome_of(candidate, seed, compiled=compiled)) == sort
        except Exception:
            return False

    if outcome.message != "does not end":
        program = shrunk(program, fails, most=800 if not compiled else 100)
    return outcome_of(program, seed, compiled=compiled), program
