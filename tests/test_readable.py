"""What `sg.source` shows by default: Python that a person would write, which means what is compiled."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special

import srcgrad as sg
from srcgrad.core import tree
from srcgrad.core.errors import ArgumentError
from srcgrad.core.target import Target
from srcgrad.graph.interpret import interpret
from srcgrad.pipeline import READABLE, STORAGE, finish
from srcgrad.pipeline import run as run_passes
from srcgrad.schedule.lower import lower
from srcgrad.schedule.python.program import LITERAL, python_text
from tests.gallery import GALLERY
from tests.programs import PROGRAMS, Maker
from tests.random_cases import differences, random_case

TWO_SCREENS = 100  # lines


def run(text: str, arguments: Sequence[Any]) -> list[Any]:
    """What the one function of a text returns."""
    scope: dict[str, Any] = {"np": np, "special": scipy.special}
    exec(text, scope)
    (name,) = (line[4 : line.index("(")] for line in text.splitlines() if line.startswith("def "))
    with np.errstate(all="ignore"):
        results = scope[name](*arguments)
    return list(results) if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("name", GALLERY)
def test_gallery(name: str, golden: Callable[[str, str], None]) -> None:
    program = GALLERY[name]
    arguments = program.arguments(np.random.default_rng(0))
    text = sg.source(program.function, *arguments)
    golden(f"gallery/{name}.py", text)
    assert text.count("\n") <= TWO_SCREENS
    assert max(map(len, text.splitlines())) <= 120
    leaves = [np.array(leaf)[()] for leaf in tree.flatten((arguments, {}))[0]]
    for found, wanted in zip(run(text, leaves), tree.flatten(program.function(*arguments))[0], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("program", [p for p in PROGRAMS if not p.in_place], ids=lambda p: p.function.__name__)
def test_programs(program: Any, dtype: str) -> None:
    """Of every program, and of its derivative, the text gives what is compiled, in the same dtypes."""
    arguments = program.make(Maker(dtype))
    floats = [all(np.asarray(leaf).dtype.kind == "f" for leaf in tree.flatten(one)[0]) for one in arguments]
    argnums = tuple(k for k, is_float in enumerate(floats) if is_float)
    function = sg.value_and_grad(program.function, argnums=argnums) if program.smooth else sg.jit(program.function)
    leaves = [np.asarray(leaf)[()] for leaf in tree.flatten((arguments, {}))[0]]
    text = sg.source(function, *arguments)
    captured = [math.pi] if ", pi):" in text else []
    rtol = 1e-4 if dtype == "float32" else 1e-9
    wanted = tree.flatten(function(*arguments))[0]
    for found, expected in zip(run(text, [*leaves, *captured]), wanted, strict=True):
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    case = random_case(random.Random(seed).randint, parts=4, steps=14, gradient=seed % 3 > 0)
    graph = finish(case.graph)
    target = Target(register_elements=0)
    program, storage = run_passes(STORAGE, run_passes(READABLE, lower(graph, target), target), target)
    text = python_text(program, storage, "f")
    arguments = [np.array(array, node.dtype)[()] for array, node in zip(case.arrays, graph.inputs, strict=True)]
    large = [value.data for value in storage.places if value.role == "constant" and value.data.size > LITERAL]
    wrong = differences(case, run(text, [*arguments, *large]), interpret(case.graph, case.arrays))
    assert not wrong, "\n".join([*wrong, text])


def test_names() -> None:
    """A value has the user's name, its cotangent ``d_``, a gradient ``grad_``; a step has the line's name or none."""
    program = GALLERY["network"]
    text = sg.source(program.function, *program.arguments(np.random.default_rng(0)))
    names = {name for name in re.findall(r"[a-z]\w*", text) if text.count(f"{name} = ") + text.count(f"{name}[k] = ")}
    parameters = {"params_w1", "params_b1", "params_w2", "params_b2"}
    gradients = {f"grad_{name}" for name in parameters}
    assert names - {"l", "k"} == {
        *(*parameters, *gradients, "hidden", "hidden_sum", "d_hidden", "d_hidden1"),
        *("predicted", "predicted_sum", "error", "d_error"),
    }


def test_a_pass_keeps_the_lines_of_what_it_does_not_rewrite() -> None:
    program = GALLERY["attention"]
    lines = re.findall(
        r"= divide.*gallery.py:(\d+)", sg.ir(program.function, *program.arguments(np.random.default_rng(0)))
    )
    assert len(set(lines)) == 3, "the scores, the weights, and a cotangent"


def test_forms() -> None:
    def doubled(x: Any) -> Any:
        return x + x

    assert "kernel" not in sg.source(doubled, np.ones(3))
    assert "kernel" in sg.source(doubled, np.ones(3), form="machine")
    with pytest.raises(ArgumentError, match="'readable' and 'machine', not 'short'"):
        sg.source(doubled, np.ones(3), form="short")
