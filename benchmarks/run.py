"""One run: every case with all contenders that have a program for it."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import machine
from benchmarks.case import Case
from benchmarks.contenders import Contender
from benchmarks.measure import first_line, interleave
from benchmarks.quiet import Quiet
from benchmarks.results import CaseResult, Measurement, Report
from benchmarks.worker import Options, Worker

IMPORT_ROUNDS = 7


def run(
    cases: Sequence[Case], contenders: Sequence[Contender], options: Options, keep: Callable[[Report], None]
) -> Report:
    """Measure everything; ``keep`` is shown what there is after every case, so that a run cut short is not lost."""
    found = Report(
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        commit=machine.commit(),
        machine=machine.describe(),
        versions=machine.versions(),
        options=dataclasses.asdict(options),
    )
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            entrants = [contender for contender in contenders if contender.has_program(case)]
            found.cases.append(measure_case(case, entrants, options, Path(folder)))
        keep(found)
    if not options.quick:
        found.imports = measure_imports(contenders)
        keep(found)
    return found


def measure_case(case: Case, contenders: Sequence[Contender], options: Options, caches: Path) -> CaseResult:
    """First calls with an empty cache, then in a second process, which goes on to take part in the rounds."""
    result = CaseResult(case.name, case.what, case.unit, case.dtype)
    quiet = Quiet(options.patience)
    with ExitStack() as stack:
        workers = {}
        for contender in contenders:
            _say(f"{case.name}: {contender.name}")
            measurement = result.measurements[contender.name] = Measurement(contender.role)
            cache = caches / contender.name
            quiet.wait()
            try:
                worker = stack.enter_context(Worker(case, contender, options, cache))
                measurement.cold = worker.first_call()
                if not options.quick:
                    worker.close()
                    worker = stack.enter_context(Worker(case, contender, options, cache))
                    measurement.warm = worker.first_call()
            except Exception as error:
                measurement.error = first_line(error)
            else:
                workers[contender.name] = worker
        _say(f"{case.name}: {options.rounds} rounds")
        measured = interleave(workers, rounds=options.rounds, seconds=options.seconds, quiet=quiet)
    result.disturbed = measured.disturbed
    for name, times in measured.times.items():
        result.measurements[name].rounds = times
    for name, reason in measured.errors.items():
        result.measurements[name].error = reason
    return result


def measure_imports(contenders: Sequence[Contender]) -> dict[str, list[float]]:
    """Seconds of each package's import, every time in a fresh process, the packages in turn."""
    _say("imports")
    packages = dict.fromkeys(package for contender in contenders for package in contender.packages)
    times: dict[str, list[float]] = {package: [] for package in ("numpy", *packages)}
    for _ in range(IMPORT_ROUNDS):
        for package, seconds in times.items():
            elapsed = machine.import_seconds(package)
            if elapsed is not None:
                seconds.append(elapsed)
    return {package: seconds for package, seconds in times.items() if seconds}


def _say(message: str) -> None:
    print(f"[{datetime.now():%H:%M:%S}] {message}", file=sys.stderr, flush=True)
