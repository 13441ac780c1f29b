"""The frontend of kernels: what it makes of text, against Python; what it does not know, Numba compiles."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numba import float32, float64, int64, njit, types
from numba.core import event

import srcgrad as sg
from benchmarks.cases import CASES
from srcgrad.backends.build import build
from srcgrad.backends.machine import this_machine
from srcgrad.backends.module import Module
from srcgrad.backends.native.compiler import KernelCompiler
from srcgrad.backends.native.functions import Unit
from srcgrad.backends.native.names import in_memory
from srcgrad.core.settings import override
from srcgrad.pipeline import emit, finish, schedule
from tests.random_cases import random_case

C_2 = np.float32(2.0)


@contextmanager
def compiled_passes() -> Iterator[list[str]]:
    """The names of the passes of Numba's compiler that run inside the block, with the functions they ran on."""
    names: list[str] = []
    with event.install_recorder("numba:run_pass") as recorder:
        yield names
        names += [found.data["name"] for _, found in recorder.buffer if found.is_start]


def compiled(function: Any, signature: Any, *, known: bool = True) -> Any:
    """A function, compiled by the frontend alone, or by Numba in its place."""
    dispatcher = njit(error_model="numpy", pipeline_class=KernelCompiler)(function)
    with compiled_passes() as passes:
        dispatcher.compile(signature)
    assert any(name.startswith("text_lowering") for name in passes)
    assert any(name.startswith("nopython_type_inference") for name in passes) != known
    return dispatcher


def loops(n, step):
    total = 0
    for i in range(n):
        if i == 3:
            continue
        for j in range(i, 2 * n, step):
            if j > 7:
                break
            total += i * j
        for j in range(n - 1, -1, -1):
            total -= j
    last = total
    while True:
        if last < 10:
            break
        last = last // 3
    return total, last


def integers(a, n):
    return a // 4, a % 4, a - 3 * n, -a, a // n, a % n, min(a, n)


def numbers(x, k):
    doubled = x * C_2
    y = x / 3.0 + 2 * x - 0.5
    big = (doubled > y and k >= 0) or not k > 5
    sign = 1.0 if big else -1.0
    if x > 0.0:
        side = 2.0
    elif x < 0.0:
        side = -2.0
    else:
        side = 0.0
    y, sign = sign, y
    return y * side, float32(y + sign) + doubled, big, k / 2


def kept(n):
    a = 1.0
    b = a
    for _ in range(n):
        c = a
        a = a + 1.0
        b = b * c
        for _j in range(2):
            a = a - b
    for i in range(3):
        b += i
    return a, b


def unknown(x):
    return [x, x][1]


def changing(n):
    x: Any = 1
    for _ in range(n):
        x = x + 0.5
    return x


@pytest.mark.parametrize(("n", "step"), [(0, 1), (1, 2), (5, 1), (6, 3), (4, -1)])
def test_loops(n: int, step: int) -> None:
    function = compiled(loops, types.UniTuple(int64, 2)(int64, int64))
    assert function(n, step) == loops(n, step)


def test_integers() -> None:
    function = compiled(integers, types.UniTuple(int64, 7)(int64, int64))
    for a, n in itertools.product((-9, -8, -1, 0, 1, 7, 8, 2**40), (-3, -1, 1, 2, 5)):
        assert function(a, n) == integers(a, n)
    assert function(3, 0)[4:6] == njit(error_model="numpy")(integers)(3, 0)[4:6]


def test_numbers() -> None:
    result = types.Tuple([float64, float64, types.boolean, float64])
    function = compiled(numbers, result(float64, int64))
    for x, k in itertools.product((-1.5, 0.0, 0.25, 3.0, np.nan, np.inf), (-1, 0, 5)):
        expected = njit(error_model="numpy")(numbers)(x, k)
        np.testing.assert_array_equal(function(x, k), expected)


def test_variables_that_change_in_loops() -> None:
    function = compiled(kept, types.UniTuple(float64, 2)(int64))
    for n in range(4):
        assert function(n) == kept(n)


def test_what_is_not_known_is_compiled_by_numba() -> None:
    assert compiled(unknown, float64(float64), known=False)(2.0) == 2.0
    assert compiled(changing, float64(int64), known=False)(3) == 2.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = x\nx = 2\ny = x", set()),
        ("x = 1\nfor i in range(3):\n    y = x", set()),
        ("x = 1\nfor i in range(3):\n    y = x\n    x = y", {"x"}),
        ("x = 1\nfor i in range(3):\n    x = i\n    y = x\nfor i in range(2):\n    y = i", set()),
        ("x = 1\nfor i in range(3):\n    x = i\ny = x", {"x"}),
        ("x = 1\nfor i in range(3):\n    x += i", {"x"}),
        ("x = 1\nx += 1\nfor i in range(3):\n    for j in range(3):\n        y = x", set()),
        ("if c:\n    x = 1\nelse:\n    x = 2\ny = x", {"x"}),
        ("for i in range(3):\n    x = i\n    for j in range(3):\n        y = x\n    x = 3", set()),
        ("for i in range(3):\n    x = i\n    for j in range(3):\n        y = x\n        x = 3", {"x"}),
        ("while c:\n    x = 1\n    y = x", set()),
        ("c = True\nwhile c:\n    c = False", {"c"}),
    ],
)
def test_which_variables_need_memory(text: str, expected: set[str]) -> None:
    body = "\n".join(f"    {line}" for line in text.splitlines())
    (function,) = ast.parse(f"def f(n):\n{body}\n").body
    assert isinstance(function, ast.FunctionDef)
    assert in_memory(function) == expected


@pytest.mark.parametrize("case", [case for case in CASES if case.gradient], ids=lambda case: case.name)
def test_the_frontend_knows_all_that_the_benchmarks_need(case: Any) -> None:
    assert case.gradient is not None
    inputs = case.inputs(0)
    transform = sg.value_and_grad if case.gradient.with_value else sg.grad
    gradient = transform(case.gradient.loss(np), argnums=case.gradient.argnums)
    with override(cache_dir=""), compiled_passes() as passes:
        gradient(*inputs)
    kernels = {name.partition(" ")[2] for name in passes if name.startswith("text_lowering")}
    by_numba = {name.partition(" ")[2] for name in passes if name.startswith("nopython_type_inference")}
    assert kernels
    assert not by_numba


def test_a_compilation_does_without_what_numba_knows_of_arrays(tmp_path: Path) -> None:
    lines = [
        "import sys, numpy as np, srcgrad as sg",
        "sg.grad(lambda w: np.sum(np.tanh(w) * np.sin(w)))(np.linspace(-1.0, 1.0, 5))",
        "assert 'numba' in sys.modules",
        "sys.exit(str({'numba.np.arraymath', 'numba.np.arrayobj', 'scipy.linalg'} & sys.modules.keys() or '') or None)",
    ]
    environment = {**os.environ, "SRCGRAD_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, check=True, timeout=300)


# kernels are lowered from their trees, which mean what their text means


def instructions(module: Module) -> str:
    """What the frontend makes of a module, before LLVM's passes; names without the numbers that Numba gives out."""
    written: list[str] = []

    def finish(unit: Unit) -> None:
        written.extend(str(module) for _, module in unit._modules.values())
        real(unit)

    real = Unit.finish
    with override(cache_dir=""), mock.patch.object(Unit, "finish", finish):
        build(module)
    return re.sub(r"B\d+v\d+|v\d+B\d+|_[0-9a-f]{16,}|_3cdynamic_3e|\d{8,}", "", written[-1])


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_trees_and_text_are_the_same_instructions(seed: int, split: bool) -> None:
    case = random_case(random.Random(seed + 40).randint, parts=2, steps=8, gradient=seed > 0)
    with override(parallel_cycles=0 if split else 10**9), mock.patch("srcgrad.backends.threads.limit", return_value=3):
        graph = finish(case.graph)
        target = this_machine(graph)
        module = emit(schedule(graph, target), "program", False, target)
    assert module.functions
    assert instructions(module) == instructions(dataclasses.replace(module, functions=()))
