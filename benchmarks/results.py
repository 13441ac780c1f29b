"""What one run measured, as data: written to JSON, from which tables, plots and bars are drawn."""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FirstCall:
    """Seconds from imported packages to the first result, seconds of the import, the result's error, and the most
    memory that the process has had until then (0 in data from before this was measured).
    """

    seconds: float
    import_seconds: float
    relative_error: float
    units: int
    peak_bytes: int = 0


@dataclass(frozen=True)
class Spread:
    """Minimum and quartiles."""

    least: float
    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        if len(values) == 1:
            return cls(values[0], values[0], values[0], values[0])
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(min(values), lower, median, upper)


@dataclass
class Measurement:
    """One contender on one case: seconds per step or call of every round, in the order they were run."""

    role: str
    rounds: list[float] = field(default_factory=list)
    cold: FirstCall | None = None
    warm: FirstCall | None = None
    error: str | None = None

    @property
    def spread(self) -> Spread:
        return Spread.of(self.rounds)


@dataclass
class CaseResult:
    """One case: its contenders' measurements in the order of the table."""

    name: str
    what: str
    unit: str
    dtype: str
    disturbed: int = 0  # rounds in which the machine had other work, too
    measurements: dict[str, Measurement] = field(default_factory=dict)

    @property
    def timed(self) -> dict[str, Measurement]:
        return {name: m for name, m in self.measurements.items() if m.rounds}

    def best(self, role: str) -> str | None:
        """The contender of this role with the least median."""
        names = [name for name, m in self.timed.items() if m.role == role]
        return min(names, key=lambda name: self.timed[name].spread.median, default=None)

    def ratio(self, theirs: str, ours: str) -> Spread:
        """How many times longer the first takes than the second, from the rounds that were run side by side."""
        pairs = zip(self.timed[theirs].rounds, self.timed[ours].rounds, strict=True)
        return Spread.of([a / b for a, b in pairs])

    def ratio_of_minima(self, theirs: str, ours: str) -> float:
        """The same from the fastest round of each: what is left of it on a busy machine."""
        return self.timed[theirs].spread.least / self.timed[ours].spread.least


@dataclass
class Report:
    """One run: when, where, with what, and every case."""

    date: str
    commit: str | None
    machine: dict[str, Any]
    versions: dict[str, str]
    options: dict[str, Any]
    imports: dict[str, list[float]] = field(default_factory=dict)
    cases: list[CaseResult] = field(default_factory=list)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Report:
        data = json.loads(path.read_text(encoding="utf-8"))
        cases = []
        for case in data.pop("cases"):
            measurements = {
                name: Measurement(**{**m, "cold": _first_call(m["cold"]), "warm": _first_call(m["warm"])})
                for name, m in case.pop("measurements").items()
            }
            cases.append(CaseResult(**case, measurements=measurements))
        return cls(**data, cases=cases)


def _first_call(data: dict[str, Any] | None) -> FirstCall | None:
    return None if data is None else FirstCall(**data)
