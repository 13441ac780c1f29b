"""``python -m tests.python_programs --count N --seed S [--compiled]``: a campaign."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from tests.python_programs.campaign import campaign, outcome_of, small
from tests.python_programs.program import random_program


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.python_programs", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="programs")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed")
    parser.add_argument("--compiled", action="store_true", help="compile what is traced; otherwise it is interpreted")
    parser.add_argument("--shrink", type=int, default=2, help="failures of each sort that are made small")
    parser.add_argument("--refusals", action="store_true", help="make refused programs small as well")
    parser.add_argument("--show", action="store_true", help="show the one program of the seed, and what becomes of it")
    options = parser.parse_args()
    if options.show:
        program = random_program(options.seed)
        outcome = outcome_of(program, options.seed, compiled=options.compiled)
        print(program.text, outcome)
        if outcome.is_wrong or outcome.kind == "refused":
            print(*small(program, options.seed, outcome, compiled=options.compiled))
        return outcome.is_wrong
    seeds = range(options.seed, options.seed + options.count)
    report = campaign(
        seeds,
        compiled=options.compiled,
        shrink=options.shrink,
        refusals=options.refusals,
        tell=partial(print, flush=True),
    )
    print(report)
    return bool(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
