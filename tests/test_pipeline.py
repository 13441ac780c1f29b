"""The pipeline: what passes print, how they are timed, and that a pass which breaks something is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import srcgrad as sg
from srcgrad import pipeline
from srcgrad.core.errors import ArgumentValueError, VerifyError
from srcgrad.core.settings import override
from srcgrad.core.target import Target
from srcgrad.graph.node import Graph, make_node
from srcgrad.kernel.ir import Function, Let, Variable
from srcgrad.pipeline import PASSES, finish, fuse, schedule, text_of, timed
from srcgrad.schedule.ir import Affine, Loop, Program, Statement, Value
from srcgrad.schedule.lower import lower
from srcgrad.schedule.storage import Storage
from srcgrad.schedule.verify import verify_program, verify_storage

X = np.linspace(0.0, 1.0, 20)


def f(x: Any) -> Any:
    return np.sum(np.tanh(x) * x)


def wide(x: Any) -> Any:
    """Arrays that have to be stored: a library call takes them whole."""
    centred = x - x.mean()
    return centred + np.cumsum(np.sqrt(centred * centred) + np.cumsum(centred))


def recorded(function: Callable[[Any], Any], size: int = 20) -> Graph:
    return finish(sg.jit(function).specialise(np.ones(size)).recorded.graph)


scattered = sg.grad(lambda x: x[np.arange(20) % 7].sum())


# printing


def test_a_pass_is_printed_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with override(dump="fuse", cache_dir=""):
        sg.jit(f)(X)
    found = capsys.readouterr().err
    with override(cache_dir=""):
        graph = finish(sg.jit(f).specialise(X).recorded.graph)
    program: Any = lower(graph, Target())
    for name, function in pipeline.FUSION:
        program = function(program, Target())
        if name == "fuse":
            break
    assert found == f"--- fuse\n{text_of(program)}\n"


def test_all_passes_are_printed_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with override(dump="all", cache_dir=""):
        sg.grad(f)(X)
    headings = [line[4:] for line in capsys.readouterr().err.splitlines() if line.startswith("--- ")]
    assert headings == [name for name, _ in PASSES]


def test_several_passes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with override(dump="emit,adjoint", cache_dir=""):
        sg.grad(f)(X)
    found = capsys.readouterr().err
    assert [line for line in found.splitlines() if line.startswith("--- ")] == ["--- adjoint", "--- emit"]
    assert "def grad_f(x, " in found
    assert "accumulate(" in found


def test_a_pass_that_does_not_exist() -> None:
    with override(dump="fsue", cache_dir=""), pytest.raises(ArgumentValueError, match=r"no pass 'fsue'.* fuse"):
        sg.jit(f)(X)


# times


def test_times() -> None:
    with timed() as times, override(cache_dir=""):
        sg.grad(f)(X)
    assert list(times.seconds) == list(dict(PASSES))
    assert all(seconds >= 0.0 for seconds in times.seconds.values())
    assert "fuse " in str(times)
    count = len(times.seconds)
    sg.jit(lambda x: x + 1.0)(X)
    assert len(times.seconds) == count


# a pass that breaks something


def broken_type(graph: Graph) -> Graph:
    (output, *others) = graph.outputs
    wrong = replace(output.array_type, shape=(7,))
    return replace(graph, outputs=(make_node(output.op, output.inputs, output.params, wrong, None), *others))


def beyond_the_end(program: Program, target: Target) -> Program:
    (statement, *_) = (s for s in program.statements if isinstance(s, Statement) and s.index)
    statement.index = (Affine(statement.index[0].terms, 1),)  # type: ignore[union-attr]
    return program


def unknown_name(module: Any, target: Target) -> Any:
    (function,) = module.functions
    missing, one = Variable("missing", np.dtype(float)), Variable("one", np.dtype(float))
    made = Function(function.name, function.parameters, (*function.body, Let(one, missing)), function.results)
    return replace(module, functions=(made,))


@pytest.mark.parametrize(
    ("table", "name", "broken", "message"),
    [
        ("GRAPH_PASSES", "hoist", broken_type, "should have type"),
        ("FUSION", "unroll", beyond_the_end, "read or written at"),
        ("KERNEL_PASSES", "outline", unknown_name, "missing is used before it is defined"),
    ],
)
def test_a_broken_pass_is_named(
    table: str, name: str, broken: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = tuple((one, broken if one == name else function) for one, function in getattr(pipeline, table))
    monkeypatch.setattr(pipeline, table, passes)
    with override(cache_dir=""), pytest.raises(VerifyError, match=f"after {name}: .*{message}"):
        sg.jit(lambda x: np.tanh(x) * x)(X)


# programs


def without_a_writer(program: Program) -> None:
    program.statements.pop(0)


def in_another_order(program: Program) -> None:
    program.statements.reverse()


def of_another_type(program: Program) -> None:
    value = next(s.target for s in program.statements if isinstance(s, Statement) and not s.combine)
    value.dtype = np.dtype(np.int8)


def of_another_rank(program: Program) -> None:
    statement = next(s for s in program.statements if isinstance(s, Statement) and s.index)
    statement.index = (*statement.index, Affine())


def below_the_start(program: Program) -> None:
    statement = next(s for s in program.statements if isinstance(s, Statement) and s.index)
    statement.index = (Affine(statement.index[0].terms, -1),)  # type: ignore[union-attr]


def never_written(program: Program) -> None:
    program.outputs.append(Value((), np.dtype(float)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_a_writer, "is read before it is written"),
        (in_another_order, "is read before it is written"),
        (of_another_type, "is given"),
        (of_another_rank, "is indexed by 2 numbers"),
        (below_the_start, r"is read or written at \(-1, 18\)"),
        (never_written, "is put out and never written"),
    ],
)
def test_invalid_programs(change: Callable[[Program], None], message: str) -> None:
    program = lower(recorded(wide), Target())
    verify_program(program)
    change(program)
    with pytest.raises(VerifyError, match=message):
        verify_program(program)


def loops(program: Program) -> list[Loop]:
    assert program.tree is not None
    return [item for item in program.tree.items if isinstance(item, Loop)]


def one_loop_less(program: Program) -> None:
    program.tree.items.remove(loops(program)[0])  # type: ignore[union-attr]


def out_of_its_loop(program: Program) -> None:
    program.tree.items.append(loops(program)[0].body.items.pop())  # type: ignore[union-attr]


def one_loop_for_two(program: Program) -> None:
    """What needs a total is put into the loop that computes it."""
    first, second, *_ = loops(program)
    second.axis.union(first.axis)
    first.axis, first.body.items = second.axis, [*first.body.items, *second.body.items]
    for statement in program.statements:
        assert isinstance(statement, Statement)
        statement.settle()
    program.tree.items.remove(second)  # type: ignore[union-attr]


def all_in_parallel(program: Program) -> None:
    for loop in loops(program):
        loop.parallel = True


@pytest.mark.parametrize(
    ("function", "change", "message"),
    [
        (wide, one_loop_less, "the tree has other statements"),
        (wide, out_of_its_loop, "in loops over"),
        (lambda x: x / np.max(x), one_loop_for_two, "meets"),
        (scattered, all_in_parallel, "every iteration"),
    ],
)
def test_invalid_trees(function: Any, change: Callable[[Program], None], message: str) -> None:
    program = fuse(lower(recorded(function), Target()), Target())
    change(program)
    with pytest.raises(VerifyError, match=message):
        verify_program(program)


def shared_bytes(storage: Storage) -> None:
    for _, request in storage.requests:
        request.offset = 0


def too_small(storage: Storage) -> None:
    storage.workspace_bytes -= 64


def without_a_place(storage: Storage) -> None:
    storage.places.pop(next(value for value, place in storage.places.items() if place.kind == "workspace"))


def too_short(storage: Storage) -> None:
    for _, request in storage.requests:
        request.lifetime = replace(request.lifetime, last=request.lifetime.first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shared_bytes, "share byte"),
        (too_small, "ends at"),
        (without_a_place, "has no place"),
        (too_short, "lives on without its place"),
    ],
)
def test_invalid_storage(change: Callable[[Storage], None], message: str) -> None:
    program, storage = schedule(recorded(wide, 10_000), Target())
    verify_storage(program, storage)
    change(storage)
    with pytest.raises(VerifyError, match=message):
        verify_storage(program, storage)
