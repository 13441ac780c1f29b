"""Two checkouts of srcgrad against each other: `python -m benchmarks.versions OTHER_CHECKOUT`.

Each runs the benchmark cases of its own tree in a process of its own, and they take turns of some milliseconds, so
that a busy moment of the machine falls on both. Reported are the ratios here / other: of the minima, and the median
of the ratios of neighbouring turns with its quartiles. Above 1, this checkout is slower.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from benchmarks.report import plain_table
from benchmarks.worker import THREAD_VARIABLES

SERVER = """
import json, sys
from benchmarks.cases import CASES
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Session
case, contender, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = Session(next(c for c in CASES if c.name == case), next(c for c in CONTENDERS if c.name == contender),
                  threads=threads)
session.first_call()
print("ready", file=sys.stderr, flush=True)
for line in sys.stdin:
    print(json.dumps(session.round(float(line))), file=sys.stderr, flush=True)
"""


class Checkout:
    """One case at work in the process of one checkout."""

    def __init__(self, root: Path, case: str, contender: str, threads: int, cache: Path) -> None:
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        environment |= {"PYTHONPATH": str(root), "SRCGRAD_CACHE_DIR": str(cache)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, case, contender, str(threads)],
            cwd=root,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        said = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            said.append(line)
            if line == "ready\n":
                return
        raise SystemExit(f"{case} in {root}:\n{''.join(said)}")

    def round(self, seconds: float) -> float:
        """Seconds for one step or call."""
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        print(seconds, file=self._process.stdin, flush=True)
        return float(json.loads(self._process.stderr.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def compare(case: str, roots: list[Path], options: argparse.Namespace) -> list[str]:
    """A row of the table: the case, the fastest turns of both, and the ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        checkouts = [
            Checkout(root, case, options.contender, options.threads, Path(scratch) / str(number))
            for number, root in enumerate(roots)
        ]
        for checkout in checkouts:
            checkout.round(options.seconds)
        turns: list[list[float]] = [[], []]
        for number in range(options.rounds):
            for which in (0, 1) if number % 2 else (1, 0):
                turns[which].append(checkouts[which].round(options.seconds))
        for checkout in checkouts:
            checkout.close()
    ratios = [here / other for here, other in zip(*turns, strict=True)]
    first, _, third = quantiles(ratios, n=4)
    here, other = (min(times) * 1e6 for times in turns)
    return [
        case,
        f"{here:.3f} us",
        f"{other:.3f} us",
        f"{here / other:.3f}",
        f"{median(ratios):.3f}",
        f"{first:.3f} to {third:.3f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.versions", description="Two checkouts of srcgrad, in turns.")
    parser.add_argument("other", type=Path, help="the root of the other checkout")
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help="names or shell patterns")
    parser.add_argument("--contender", default="srcgrad")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.02, help="duration of one turn (0.02)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    from benchmarks.cases import CASES

    names = [c.name for c in CASES if any(fnmatch.fnmatch(c.name, pattern) for pattern in options.cases)]
    roots = [Path(__file__).resolve().parent.parent, options.other.resolve()]
    rows = []
    for name in names:
        rows.append(compare(name, roots, options))
        print(*rows[-1], sep="  ", flush=True)
    print()
    print(plain_table(["case", "here", "other", "of minima", "median", "quartiles"], rows))


if __name__ == "__main__":
    main()
