"""A loop leaves a name on an array that may be an older one: a later write reaches that one, or is an error."""

from __future__ import annotations

import cProfile
import pstats
import textwrap

import pytest

from tests.python_programs.oracle import check
from tests.python_programs.program import Program

LOOPS = {
    "reversed": "for c in x:\n    y = y[::-1]",
    "counted": "for c in range(n):\n    y = y[::-1]",
    "while": "while y[0] < s:\n    y = y[::-1]\n    s = s - 2.5",
    "maybe": "for c in x:\n    if c > 0.2:\n        y = x",
    "other": "for c in range(n):\n    if c:\n        y = x\n    else:\n        y = z",
    "two": "for c in x:\n    y, z = z, y[::-1]",
    "best": "for c in x:\n    w = w + c\n    if c > 0.3:\n        y = w",
    "twice": "for c in x:\n    y = y[::-1]\nfor c in x:\n    y = y[::-1]",
    "thrice": "for e in (s, 2, s):\n    for c in x:\n        y = y[::-1]",
    "then a view": "for c in x:\n    y = y[::-1]\nfor c in range(n):\n    y = y[:]",
    "views": "for c in range(n):\n    y = x[:]\n    z = y[::-1]",
}
#: how deep the loop is inside, and what is around it
AROUND = {
    "nothing": (0, "LOOP"),
    "for": (1, "for b in x:\nLOOP"),
    "while": (1, "i = 0\nwhile i < n:\nLOOP\n    i += 1"),
    "if": (1, "if s > 0.1:\nLOOP"),
    "else": (1, "if s > 0.1:\n    y = y * 2\nelse:\nLOOP"),
    "if in for": (2, "for b in x:\n    if b > 0.1:\nLOOP"),
    "for in if": (2, "if s > 0.1:\n    for b in x:\nLOOP"),
}
WRITES = {
    "y": "y[0] = 0.5",
    "y by another name": "v = y\nv += 1",
    "y in a loop": "for q in range(3):\n    if q < n:\n        y[q] = 1.5",
    "x": "x[0] = 3.0",
    "x in a loop": "for q in range(3):\n    x[q] = 5.0\n    z = y * 1.0",
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("around", AROUND)
def test_writes_are_not_lost(loop: str, around: str) -> None:
    depth, text = AROUND[around]
    body = text.replace("LOOP", textwrap.indent(LOOPS[loop], "    " * depth))
    for write in WRITES.values():
        lines = f"y = x\nz = x * 2\nw = z + 1\n{body}\n{write}\nreturn x, y, z, w\n"
        program = Program("def f(x, s, n):\n" + textwrap.indent(lines, "    "), ("x", "s", "n"))
        outcome = check(program, points=range(2), unroll=0)
        assert not outcome.is_wrong, (program.text, outcome)


#: asked before the loop's names are bound anew in an iteration, or after it
QUESTIONS = ["y is x", "y is z", "z is not w", "y is v", "v is x"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("loop", [*LOOPS, "swap", "new", "whole"])
def test_identity_is_pythons_or_an_error(loop: str, question: str) -> None:
    more = {
        "swap": "for c in range(n):\n    x, y = y, x",
        "new": "for c in range(n):\n    x, y = y, x * 0.5",
        "whole": "for c in range(n):\n    y = v",
    }
    asked = f"a = a + (1.0 if {question} else 0.1)"
    head, body = (LOOPS | more)[loop].split("\n", 1)
    for lines in (f"{head}\n    {asked}\n{body}", f"{head}\n{body}\n    {asked}", f"{head}\n{body}\n{asked}"):
        for start in ("x", "x * 1", "v"):
            text = f"a = 0.0\nz = x * 2\nv = x[...]\ny = {start}\nw = z + 1\n{lines}\nreturn a, y\n"
            program = Program("def f(x, s, n):\n" + textwrap.indent(text, "    "), ("x", "s", "n"))
            outcome = check(program, points=range(2), unroll=0)
            assert not outcome.is_wrong, (program.text, outcome)


@pytest.mark.parametrize("loop", ["for e in range(2):\n", "e = 0\nwhile e < 1:\n    e += 1\n"])
@pytest.mark.parametrize("step", ["y, w = w, x * 0.5", "w, y, z = x, w, z + w"])
def test_a_counted_loop_moves_an_older_array_to_another_name(loop: str, step: str) -> None:
    text = f"w = x[::-1]\ny = z = x * 2\n{loop}    {step}\ny[::-1] += 1.5\nreturn x * 1, y, w\n"
    program = Program("def f(x, s):\n" + textwrap.indent(text, "    "), ("x", "s"))
    outcome = check(program, points=range(2), unroll=0)
    assert outcome.kind == "match", (program.text, outcome)


def _turned(count: int, write: str, around: str = "") -> Program:
    """An array that is turned around, or not, time and again: a choice of choices."""
    lines = "".join(f"if s > {k}.5 - 10:\n    y = y[::-1]\n" for k in range(count))
    body = f"{around}\n{textwrap.indent(lines, '    ')}" if around else lines
    return Program(
        f"def f(x, s):\n    y = x\n{textwrap.indent(body + write, '    ')}\n    return y.sum() * s\n", ("x", "s")
    )


@pytest.mark.parametrize("write", ["", "y[0] = 1.0", "y[x > 0.2] += 1.0"])
@pytest.mark.parametrize("around", ["", "for h in x:"])
def test_twice_the_choices_are_twice_the_work(write: str, around: str) -> None:
    calls = []
    for count in (8, 16):
        profile = cProfile.Profile()
        outcome = profile.runcall(check, _turned(count, write, around), points=(0,), unroll=0)
        assert not outcome.is_wrong, outcome
        calls.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    assert calls[1] < 3 * calls[0]
