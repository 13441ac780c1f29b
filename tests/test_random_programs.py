"""Random programs: what is scheduled, emitted and compiled gives what the interpreter gives, values and gradients."""

from __future__ import annotations

import random
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srcgrad.core.settings import override
from srcgrad.dispatch.executable import Executable, compile_graph
from srcgrad.graph.interpret import interpret
from srcgrad.graph.verify import verify
from srcgrad.pipeline import finish
from tests.plain_python import run_plain
from tests.random_cases import Case, differences, random_case

FEW = settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def compiled(case: Case) -> Executable:
    graph = finish(case.graph)
    verify(graph)
    with override(verify=True):
        return compile_graph(graph)


def check_plain(case: Case) -> None:
    """The emitted text, run by Python."""
    executable = compiled(case)
    wrong = differences(case, run_plain(executable, case.arrays), interpret(case.graph, case.arrays))
    assert not wrong, "\n".join([*wrong, str(case.graph), executable.source])


@pytest.mark.parametrize("gradient", [False, True])
@FEW
@given(data=st.data())
def test_emitted_text_means_what_the_graph_means(gradient: bool, data: st.DataObject) -> None:
    def integer(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    check_plain(random_case(integer, parts=2, steps=7, gradient=gradient))


@pytest.mark.parametrize("seed", range(40))
def test_large_programs_as_text(seed: int) -> None:
    check_plain(random_case(random.Random(seed).randint, parts=4, steps=14, gradient=seed % 3 > 0))


@pytest.mark.parametrize("seed", range(40))
def test_split_loops_and_blocks_as_text(seed: int) -> None:
    """With every product a call, every loop split among threads that can be, short blocks, and the stack soon full."""
    with (
        override(parallel_cycles=50, product_size=1, block_bytes=4096, stack_bytes=64),
        mock.patch("srcgrad.backends.threads.limit", return_value=3),
    ):
        check_plain(random_case(random.Random(seed + 1000).randint, parts=4, steps=14, gradient=seed % 3 > 0))


@pytest.mark.parametrize("seed", [*range(4), 698030])  # the last one has loops over nothing in loops
def test_large_programs_compiled(seed: int) -> None:
    case = random_case(random.Random(seed + 2000).randint, parts=6, steps=10, gradient=seed % 3 > 0)
    assert differences(case, compiled(case)(*case.arrays), interpret(case.graph, case.arrays)) == []


def test_the_source_does_not_depend_on_the_run() -> None:
    def source() -> Any:
        return compiled(random_case(random.Random(5).randint, parts=3, steps=12)).source

    first, made_in_between = source(), [object() for _ in range(1000)]
    assert source() == first
    assert made_in_between
