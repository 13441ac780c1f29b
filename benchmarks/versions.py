"""Two checkouts of srcgrad against each other: `python -m benchmarks.versions OTHER_CHECKOUT`.

Each runs the benchmark cases of its own tree in a process of its own, and they take turns of some milliseconds, so
that a busy moment of the machine falls on both. Reported are the ratios here / other: of the minima, and the median
of the ratios of neighbouring turns with its quartiles. Above 1, this checkout is slower.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from benchmarks.case import matches
from benchmarks.cases import CASES
from benchmarks.report import duration, plain_table
from benchmarks.worker import THREAD_VARIABLES

#: what runs in a checkout: it answers each line on its input; what contenders print goes to its errors
SERVER = """
import os, sys
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
from benchmarks.cases import CASES
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Session
case, contender, threads = sys.argv[1:]
case, = (c for c in CASES if c.name == case)
contender, = (c for c in CONTENDERS if c.name == contender)
session = Session(case, contender, threads=int(threads))
session.first_call()
for line in sys.stdin:
    print(session.round(float(line)), file=answers)
"""


class Checkout:
    """One case at work in the process of one checkout. Use as a context manager."""

    def __init__(self, root: Path, case: str, contender: str, threads: int, cache: Path) -> None:
        self.what = f"{case} in {root}"
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        environment |= {"PYTHONPATH": str(root), "SRCGRAD_CACHE_DIR": str(cache)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, case, contender, str(threads)],
            cwd=root,
            env=environment,
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Checkout:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def round(self, seconds: float) -> float:
        """Seconds for one step or call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(seconds, file=self._process.stdin)
            return float(self._process.stdout.readline())
        except (ValueError, BrokenPipeError):
            raise SystemExit(f"{self.what} has failed: see above") from None


def compare(case: str, roots: list[Path], options: argparse.Namespace) -> list[str]:
    """A row of the table: the case, the fastest turns of both, and the ratios."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        checkouts = [
            stack.enter_context(Checkout(root, case, options.contender, options.threads, scratch / str(number)))
            for number, root in enumerate(roots)
        ]
        for checkout in checkouts:
            checkout.round(options.seconds)
        times: list[list[float]] = [[], []]
        for number in range(options.rounds):
            for which in (0, 1) if number % 2 else (1, 0):
                times[which].append(checkouts[which].round(options.seconds))
    ratios = [here / other for here, other in zip(*times, strict=True)]
    first, _, third = (f"{ratio:.3f}" for ratio in quantiles(ratios, n=4))
    here, other = map(min, times)
    numbers = f"{here / other:.3f}", f"{median(ratios):.3f}", f"{first} to {third}"
    return [case, duration(here), duration(other), *numbers]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.versions", description="Two checkouts of srcgrad, in turns.")
    parser.add_argument("other", type=Path, help="the root of the other checkout")
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help="names or shell patterns")
    parser.add_argument("--contender", default="srcgrad", help="the one whose programs are run (srcgrad)")
    parser.add_argument("--rounds", type=int, default=60, help="turns of both (60)")
    parser.add_argument("--seconds", type=float, default=0.02, help="duration of one turn (0.02)")
    parser.add_argument("--threads", type=int, default=2, help="cores for both (2)")
    options = parser.parse_args()
    roots = [Path(__file__).resolve().parent.parent, options.other.resolve()]
    rows = []
    for case in CASES:
        if matches(case.name, options.cases):
            rows.append(compare(case.name, roots, options))
            print(*rows[-1], sep="  ", flush=True)
    print()
    print(plain_table(["case", "here", "other", "of minima", "median", "quartiles"], rows))


if __name__ == "__main__":
    main()
