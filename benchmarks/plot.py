"""The picture of a run: for every case, the time of each contender as a bar on a logarithmic scale."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from benchmarks.contenders import BY_HAND, ONE_THREAD, OP_BY_OP, OURS, PEER, PRIMAL
from benchmarks.report import duration
from benchmarks.results import CaseResult, Report

COLUMNS = 2
COLOURS = {
    OURS: "#1b7f5c",
    ONE_THREAD: "#3f9d7c",
    PRIMAL: "#6bb79a",
    OP_BY_OP: "#9ccdb9",
    BY_HAND: "#d08a1d",
    PEER: "#7a8aa0",
}


def draw(report: Report, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cases = [case for case in report.cases if case.timed]
    if not cases:
        raise ValueError("the report holds no measurements to draw")
    rows = math.ceil(len(cases) / COLUMNS)
    figure = Figure(figsize=(6.5 * COLUMNS, 2.3 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for axis, case in zip(axes, cases, strict=False):
        _draw_case(axis, case)
    for axis in list(axes)[len(cases) :]:
        axis.set_axis_off()
    figure.suptitle(f"Time per step or call, median and quartiles; {report.machine['cpu']}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_case(axis: Any, case: CaseResult) -> None:
    names = list(case.timed)[::-1]
    for position, name in enumerate(names):
        measurement = case.timed[name]
        s = measurement.spread
        errors = [[s.median - s.lower], [s.upper - s.median]]
        axis.barh(position, s.median, xerr=errors, color=COLOURS[measurement.role], height=0.7, ecolor="#333333")
        axis.annotate(
            duration(s.median), (s.upper, position), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7
        )
    axis.set_xscale("log")
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.margins(x=0.15)
    axis.set_title(f"{case.name}: seconds per {case.unit} ({case.dtype})", fontsize=9)
    axis.tick_params(axis="x", labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
