"""``python -m benchmarks``: measure, print, save, draw. See README.md."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bars, plot, report
from benchmarks.case import matches
from benchmarks.cases import CASES
from benchmarks.contenders import CONTENDERS
from benchmarks.results import Report
from benchmarks.run import run
from benchmarks.worker import Options


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    if args.list:
        print_tables()
        return 0
    found = Report.load(args.load) if args.load else measure(args)
    print(report.as_text(found))
    if args.markdown:
        args.markdown.write_text(report.as_markdown(found) + "\n", encoding="utf-8")
    if args.plot:
        plot.draw(found, args.plot)
    if not args.bars:
        return 0
    verdicts = list(bars.verdicts(found))
    print("\n=== bars ===\n" + report.bars_as_text(verdicts))
    return 0 if all(v.passed for v in verdicts) else 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description="A table of cases by a table of contenders.")
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help="names or shell patterns")
    parser.add_argument("--contenders", nargs="+", default=["*"], metavar="PATTERN", help="names or shell patterns")
    parser.add_argument("--rounds", type=int, help="turns of every contender (20; quick: 5)")
    parser.add_argument("--seconds", type=float, help="duration of one turn (0.03; quick: 0.02)")
    parser.add_argument(
        "--threads", type=int, default=min(2, os.cpu_count() or 1), help="cores for every contender (2)"
    )
    parser.add_argument("--limit", type=float, default=Options.limit, help="seconds that one answer may take (180)")
    parser.add_argument("--patience", type=float, help="seconds a case waits for a quiet machine (20; quick: 0)")
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--quick", action="store_true", help="few short rounds, one process, no imports timed")
    parser.add_argument("--list", action="store_true", help="show cases and contenders, measure nothing")
    parser.add_argument("--load", type=Path, metavar="JSON", help="report on an earlier run instead of measuring")
    parser.add_argument("--json", type=Path, help="write the data, after every case")
    parser.add_argument("--markdown", type=Path, help="write the tables as Markdown")
    parser.add_argument("--plot", type=Path, help="draw the data (png, svg, pdf)")
    parser.add_argument("--bars", action="store_true", help="compare with the bars; exit status 1 unless all pass")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> Report:
    options = Options(
        threads=args.threads,
        seed=args.seed,
        rounds=args.rounds or (5 if args.quick else Options.rounds),
        seconds=args.seconds or (0.02 if args.quick else Options.seconds),
        limit=args.limit,
        patience=(0.0 if args.quick else Options.patience) if args.patience is None else args.patience,
        quick=args.quick,
    )
    cases = [case for case in CASES if matches(case.name, args.cases)]
    contenders = [contender for contender in CONTENDERS if matches(contender.name, args.contenders)]
    return run(cases, contenders, options, lambda found: found.save(args.json) if args.json else None)


def print_tables() -> None:
    cases = [(case.name, case.dtype, f"per {case.unit}", case.what) for case in CASES]
    print(report.plain_table(("case", "dtype", "time", "what"), cases))
    print()
    rows = []
    for contender in CONTENDERS:
        n_cases = sum(contender.has_program(case) for case in CASES)
        rows.append((contender.name, contender.role, f"{n_cases} cases", ", ".join(contender.packages)))
    print(report.plain_table(("contender", "role", "has", "imports"), rows))


if __name__ == "__main__":
    sys.exit(main())
