"""Tables from a run's data: plain text for the terminal, the same cells as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.bars import ONE_THREAD_NAME, OUR_NAME, PRIMAL_NAME, Verdict
from benchmarks.contenders import PEER
from benchmarks.results import CaseResult, FirstCall, Measurement, Report

Row = Sequence[str]
Table = Callable[[Row, Sequence[Row]], str]

HEADER = (
    "contender",
    "median",
    "min",
    "quartiles",
    "times ours",
    "quartiles",
    "of minima",
    "first call",
    "second process",
    "memory",
)


def plain_table(header: Row, rows: Sequence[Row]) -> str:
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(cell[:1].isdigit() or cell == "-" for cell in column[1:]) for column in columns]

    def line(row: Row) -> str:
        cells = zip(row, widths, numeric, strict=True)
        return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in cells).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, rows)])


def markdown_table(header: Row, rows: Sequence[Row]) -> str:
    def line(row: Row) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"

    return "\n".join([line(header), "|---" * len(header) + "|", *map(line, rows)])


def as_text(report: Report) -> str:
    return _document(report, plain_table, heading="=== {} ===")


def as_markdown(report: Report) -> str:
    return _document(report, markdown_table, heading="### {}")


def bars_as_text(found: Sequence[Verdict], table: Table = plain_table) -> str:
    words = {True: "pass", False: "FAIL", None: "?"}
    return table(("what", "bar", "measured", "verdict"), [(v.what, v.bar, v.measured, words[v.passed]) for v in found])


def case_rows(case: CaseResult) -> list[Row]:
    rows: list[Row] = []
    for name, m in case.measurements.items():
        if m.rounds:
            s = m.spread
            numbers = (duration(s.median), duration(s.least), f"{duration(s.lower)} .. {duration(s.upper)}")
        else:
            numbers = ("-", "-", "-")
        rows.append((name, *numbers, *_ratio_cells(case, name), _seconds(m.cold), _seconds(m.warm), _memory(m)))
    return rows


def summary_rows(report: Report) -> list[Row]:
    """One line a case: ours, the best peer, the ratio; the gradient over the primal, one thread over all."""
    rows: list[Row] = []
    for case in report.cases:
        ours, peer = case.timed.get(OUR_NAME), case.best(PEER)
        theirs = case.timed[peer].spread.median if peer else None
        rows.append(
            (
                case.name,
                f"{duration(ours.spread.median)} / {case.unit}" if ours else "-",
                f"{duration(theirs)} ({peer})" if theirs is not None else "-",
                *(_ratio_cells(case, peer) if peer else ("-", "-", "-")),
                _ratio_of(case, OUR_NAME, PRIMAL_NAME),
                _ratio_of(case, ONE_THREAD_NAME, OUR_NAME),
            )
        )
    return rows


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> duration(4.8e-7), duration(0.0123), duration(12.0)
    ('0.480 us', '12.3 ms', '12.0 s')
    """
    for limit, scale, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (float("inf"), 1.0, "s")):
        if seconds < limit:
            value = seconds * scale
            return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    raise ValueError(f"not a duration: {seconds}")


def _document(report: Report, table: Table, heading: str) -> str:
    parts = [_provenance(report)]
    for case in report.cases:
        parts.append(heading.format(f"{case.name} ({case.dtype}, time per {case.unit})") + f"\n{case.what}")
        parts.append(table(HEADER, case_rows(case)))
        failures = [f"{name} failed: {m.error}" for name, m in case.measurements.items() if m.error]
        if failures:
            parts.append("\n".join(failures))
        if case.disturbed:
            parts.append(f"Of the rounds {case.disturbed} had other work on the machine beside them.")
    if report.imports:
        rows = [(name, duration(median(times)), duration(min(times))) for name, times in report.imports.items()]
        parts += [heading.format("import"), table(("package", "median", "min"), rows)]
    parts += [
        heading.format("summary"),
        table(
            ("case", "srcgrad", "best peer", "ratio", "quartiles", "of minima", "gradient / primal", "threads"),
            summary_rows(report),
        ),
    ]
    return "\n\n".join(parts)


def _provenance(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    machine = f"{report.machine['cpu']}; {report.machine['cores']} cores, {report.machine['system']}"
    options = ", ".join(f"{name} {value}" for name, value in report.options.items())
    return "\n".join([f"{report.date}, commit {report.commit or 'unknown'}", machine, versions, options])


def _ratio_cells(case: CaseResult, name: str) -> tuple[str, str, str]:
    if OUR_NAME not in case.timed or name not in case.timed:
        return "-", "-", "-"
    ratio = case.ratio(name, OUR_NAME)
    return (
        f"{ratio.median:.2f}",
        f"{ratio.lower:.2f} .. {ratio.upper:.2f}",
        f"{case.ratio_of_minima(name, OUR_NAME):.2f}",
    )


def _seconds(call: FirstCall | None) -> str:
    return "-" if call is None else f"{call.seconds:.2f} s"


def _memory(measurement: Measurement) -> str:
    """Of the second process, which compiles nothing that is cached, where there was one."""
    call = measurement.warm or measurement.cold
    return f"{call.peak_bytes / 2**20:.0f} MB" if call and call.peak_bytes else "-"


def _ratio_of(case: CaseResult, first: str, second: str) -> str:
    if first not in case.timed or second not in case.timed:
        return "-"
    return f"{case.ratio(first, second).median:.2f}"
