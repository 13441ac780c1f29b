"""Random Python programs against plain Python; see `tests.python_programs`."""

from __future__ import annotations

import re
import warnings

import pytest

from tests.python_programs.campaign import campaign
from tests.python_programs.kept import KEPT
from tests.python_programs.oracle import check, copied, differing, is_rounding, loaded
from tests.python_programs.program import Program, random_program
from tests.python_programs.shrink import shrunk


def test_generated_programs_seldom_fail_in_plain_python() -> None:
    failed = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(300):
            program = random_program(seed)
            try:
                loaded(program)(*copied(program.arguments(0)))
            except Exception:
                failed += 1
    assert failed <= 6


def test_a_wrong_program_is_made_small() -> None:
    def fails(candidate: Program) -> bool:
        return "np.tanh(" in candidate.text and "while" in candidate.text

    program = next(found for seed in range(1000) if fails(found := random_program(seed)))
    small = shrunk(program, fails)
    assert fails(small)
    assert len(small.text.splitlines()) < 12


def test_results_are_compared_to_the_last_item() -> None:
    assert differing({"a": (1.0, [2.0])}, {"a": (1.0, [2.0])}, "result") is None
    assert differing({"a": (1.0, [2.0])}, {"a": (1.0, [2.5])}, "result") == "result['a'][1][0]: 2.5 in place of 2.0"
    assert differing([1.0], (1.0,), "result") == "result: a tuple in place of a list"


def test_rounding_that_grows_is_no_mismatch() -> None:
    lines = ["s = 0.4 + 0.3 * s * s", "for h in range(60):", "    s = 3.9 * s * (1 - s)", "return s"]
    text = "def f(x, s):\n" + "".join(f"    {line}\n" for line in lines)
    program = Program(text, ("x", "s"))
    function, (x, s) = loaded(program), program.arguments(0)
    expected, near = (function(x, s * (1 + by)) for by in (0.0, 1e-15))
    assert differing(expected, near, "result") is not None
    assert is_rounding(function, (x, s), (expected, (x, s)), (near, (x, s)))
    assert not is_rounding(function, (x, s), (expected, (x, s)), (expected + 50.0, (x, s)))


def test_what_raises_in_python_raises() -> None:
    program = Program("def f(x):\n    if x[0] > 100:\n        y = x\n    return y\n", ("x",))
    assert check(program).kind == "raised"


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("unroll", [0, 16])
def test_programs_that_once_went_wrong(name: str, unroll: int) -> None:
    text = KEPT[name]
    parameters = re.search(r"def f\((.*)\)", text)
    assert parameters is not None
    outcome = check(Program(text, tuple(parameters[1].split(", "))), points=range(6), unroll=unroll)
    assert outcome.kind == "match", outcome


def test_a_sample_of_random_programs() -> None:
    report = campaign(range(60), shrink=1)
    assert not report.wrong, report.wrong
    assert report.counts["refused"] <= 3, report


def test_a_sample_compiled() -> None:
    report = campaign(range(70, 73), compiled=True, shrink=1)
    assert not report.wrong, report.wrong
