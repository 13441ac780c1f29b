"""`for` and `while`: run as Python does, or recorded as one loop of the program.

A short loop over known numbers, with no loop inside, is unrolled; one that computes with plain numbers alone is run.
Any other loop over a range, an array, or these in `zip` and `enumerate` becomes a loop node. Where the body cannot be
recorded (it grows a list, or carries what changes its shape) the first iteration is taken out, and if that does not
help all are, up to a number of operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import CellType
from typing import Any

import numpy as np

from srcgrad.control.checkpointing import checkpointed_loop
from srcgrad.control.record import Body, closed, converted, error
from srcgrad.core import tree
from srcgrad.core.errors import SrcgradError, TraceError
from srcgrad.core.op import apply
from srcgrad.core.settings import settings
from srcgrad.core.types import ArrayType
from srcgrad.graph.interpret import interpret
from srcgrad.graph.node import Graph, Node, bind, substitute, topological_until
from srcgrad.graph.structure import INPUT, WHILE, constant, items, loop, new_input
from srcgrad.graph.trace import Tracer
from srcgrad.numpy import Array
from srcgrad.numpy.naturals import declare_natural
from srcgrad.numpy.static import is_static
from srcgrad.staging.attempts import now
from srcgrad.staging.branches import branch, known_truth, truth
from srcgrad.staging.containers import refuse_older
from srcgrad.staging.intervals import declare
from srcgrad.staging.logic import and_, not_, unless_failed
from srcgrad.staging.places import Variable, around, is_number, places
from srcgrad.staging.regions import Recorder
from srcgrad.staging.spaces import Space, space_of

_INDEX = ArrayType((), np.dtype(np.int64), weak=True)
_INT64 = ArrayType((), np.dtype(np.int64))
#: iterations on plain numbers that are simply run
_PLAIN = 100_000
_END: Any = object()
_unrolled: ContextVar[int] = ContextVar("unrolled", default=1)

Stop = Callable[[], Any] | None


def for_(
    values: Any,
    body: Callable[[Any], None],
    stop: Stop,
    carried: Sequence[str],
    leaving: Sequence[str],
    target: str | None,
    has_loops: bool,
) -> None:
    """``for item in values: body(item)``, until ``stop()``.

    ``carried`` are the variables that an iteration reads from the one before, ``leaving`` the other written ones that
    are read afterwards, ``target`` the loop's own variable where it is one name.
    """
    space = space_of(values)
    if space is None:
        refuse_older(values)
    cells = around(body, stop)
    names = [*carried, *leaving]
    if space is None or (space.length is not None and _is_short(space.length, has_loops)):
        with _unrolling(1 if space is None else space.length or 1):
            _natively(values if space is None else space, body, stop, names, cells)
        return
    try:
        if _staged(space, body, stop, carried, leaving, target, cells):
            return
        reason: Exception | None = None
    except Exception as failure:
        if space.length is None or space.snapshots is not None:
            raise
        reason = failure
    _rolled_out(space, body, stop, carried, leaving, target, cells, reason)


def listed(values: Any, element: Callable[..., Any], several: bool) -> list[Any]:
    """``[element(item) for item in values]``; ``element(*item)`` where there are several targets."""
    made: list[Any] = []

    def body(item: Any) -> None:
        made.append(element(*item) if several else element(item))

    for_(values, body, None, [], [], None, False)
    return made


def _is_short(length: int, has_loops: bool) -> bool:
    return length <= 1 or (not has_loops and _unrolled.get() * length <= settings.unroll_loops)


@contextmanager
def _unrolling(length: int) -> Iterator[None]:
    token = _unrolled.set(_unrolled.get() * length)
    try:
        yield
    finally:
        _unrolled.reset(token)


def _rolled_out(
    space: Space,
    body: Callable[[Any], None],
    stop: Stop,
    carried: Sequence[str],
    leaving: Sequence[str],
    target: str | None,
    cells: dict[str, CellType],
    reason: Exception | None,
) -> None:
    """The first iteration by itself; the others as a loop, or if that cannot be, one by one."""
    assert space.native is not None
    assert space.length is not None
    names = [*carried, *leaving]
    if reason is not None:
        elements = iter(space)
        _natively([next(elements)], body, None, names, cells)
        stopped = known_truth(stop()) if stop is not None else False
        if stopped:
            return
        rest = replace(
            space,
            length=space.length - 1,
            bound=space.length - 1,
            count=constant(np.int64(space.length - 1)),
            at=lambda i: space.at(i + 1),
            native=elements,
        )
        try:
            if _staged(rest, body, stop, carried, leaving, target, cells, last=space, peeled=True):
                return
        except Exception as failure:
            reason = failure
        space = rest
    _natively(space, body, stop, names, cells, reason)


def _natively(
    values: Iterable[Any],
    body: Callable[[Any], None],
    stop: Stop,
    names: Sequence[str],
    cells: dict[str, CellType],
    reason: Exception | None = None,
) -> None:
    """As Python runs it; after a traced `break` the rest is behind a condition."""
    mark, number, iterator = now() + settings.unroll_operations, 0, iter(values)
    ended = False

    def step() -> None:
        nonlocal ended
        value = next(iterator, _END)
        if value is _END:
            ended = True
        else:
            body(value)

    while not ended:
        stopped = stop() if stop is not None else False
        known = known_truth(stopped)
        if known:
            return
        if known is None:  # a generator must not go on either
            branch(stopped, lambda: None, step, places(cells, names), cells)
        else:
            step()
        number += 1
        if reason is not None and now() > mark:
            raise _too_long(number, reason) from reason


def _too_long(count: int, reason: Exception) -> SrcgradError:
    return error(
        TraceError,
        f"this loop cannot be kept as a loop, and unrolling it is too long (after {count} iterations there are more "
        f"than {settings.unroll_operations} operations). The reason was: {reason}",
    )


def _staged(
    space: Space,
    body: Callable[[Any], None],
    stop: Stop,
    carried: Sequence[str],
    leaving: Sequence[str],
    target: str | None,
    cells: dict[str, CellType],
    last: Space | None = None,
    peeled: bool = False,
) -> bool:
    """Record the loop as a node; False where it has nothing traced in it and should simply run."""
    index = new_input(_INDEX, "i")
    declare_natural(index)
    if space.bound is not None:
        declare(index, 0, max(space.bound - 1, 0))
    has_target = target is not None and stop is None and _is_lasting(space)
    carried = [name for name in carried if not (has_target and name == target)]
    after = [name for name in leaving if not (has_target and name == target)]

    def iteration() -> Any:
        going = True if stop is None else unless_failed(not_(stop()))
        body(space.at(Array(index)))
        return going

    recorder = Recorder(
        iteration,
        cells,
        carried,
        after,
        may_not_run=space.length is None or stop is not None,
        runs=space.length is not None,
        peeled=peeled or space.length is None,
        stacking=space.length is not None and stop is None,
    )
    if recorder.is_plain and space.length is not None and space.length <= _PLAIN:
        return False
    if known_truth(recorder.result) is False:
        return True
    recorded = recorder.body
    if isinstance(recorder.result, Tracer):
        if space.snapshots is not None:
            raise error(TraceError, "a loop over sg.checkpointed cannot be left by break or return; bound it instead")
        going = apply("logical_and", apply("less", index, space.count), truth(recorder.result))
        recorded, initial = _counting(recorded, index), [*recorder.initial, constant(np.int64(0))]
        results = _while_node(going, recorded, initial)
        recorder.leave(results, results[-1])
        return True
    consts, (graph,) = closed([replace(recorded, inputs=(index, *recorded.inputs))])
    slots, inputs = graph.inputs[: len(consts)], graph.inputs[len(consts) :]
    region = Graph((inputs[0], *slots, *inputs[1:]), graph.outputs, "loop")
    if space.snapshots is not None and space.length is not None:
        results = checkpointed_loop(
            consts,
            recorder.initial,
            (),
            body=region,
            length=space.length,
            reverse=False,
            snapshots=space.snapshots,
        )
    else:
        results = loop(space.count, consts, recorder.initial, (), body=region, length=space.bound)
    recorder.leave(results, space.count if space.length is None else space.length)
    if has_target and target in cells:
        Variable(target or "", cells[target or ""]).set(_last_element(last or space))
    return True


def _counting(body: Body, index: Node) -> Body:
    """The body with the number of the iteration among what it carries."""
    following = converted(apply("add", index, constant(np.int64(1))), index.array_type)
    return replace(body, inputs=(*body.inputs, index), outputs=(*body.outputs, following))


def _is_lasting(space: Space) -> bool:
    """Whether the last element is what it was in the last iteration, whatever the loop wrote: no number of an array."""
    if space.length is None or isinstance(space.native, range):
        return space.length is not None
    return not any(isinstance(leaf, Tracer) and is_number(leaf) for leaf in tree.leaves(space.at(space.length - 1)))


def _last_element(space: Space) -> Any:
    assert space.length is not None
    if isinstance(space.native, range):
        return space.native[-1]
    return space.at(space.length - 1)


# while


def while_(
    test: Callable[[], Any],
    body: Callable[[], None],
    stop: Stop,
    carried: Sequence[str],
    leaving: Sequence[str],
) -> None:
    """``while test(): body()``, until ``stop()``."""
    cells = around(test, body, stop)

    def going() -> Any:
        return unless_failed(test() if stop is None else and_(not_(stop()), test))

    first = going()
    known = known_truth(first)
    if known is False:
        return
    try:
        if _staged_while(going, body, carried, leaving, cells, runs=known is True):
            return
        reason: Exception | None = None
    except Exception as failure:
        if known is None:
            raise
        reason = failure
    mark, number = now() + settings.unroll_operations, 0
    while known:
        body()
        number += 1
        if reason is not None and now() > mark:
            raise _too_long(number, reason) from reason
        known = known_truth(going())
    if known is None:
        while_(test, body, stop, carried, leaving)


def _staged_while(
    going: Callable[[], Any],
    body: Callable[[], None],
    carried: Sequence[str],
    leaving: Sequence[str],
    cells: dict[str, CellType],
    runs: bool,
) -> bool:
    """Record the loop as a node; False where it should run as Python does."""

    def iteration() -> Any:
        result = going()
        body()
        return result

    recorder = Recorder(iteration, cells, carried, leaving, may_not_run=True, runs=runs)
    if recorder.is_plain:
        return False
    if not isinstance(recorder.result, Tracer):
        if not recorder.result:
            return False
        raise error(TraceError, "this while loop does not end: nothing in it changes its condition")
    condition = truth(recorder.result)
    iterations = _count_iterations(condition, recorder)
    if iterations is not None and iterations <= settings.unroll_loops:
        return False
    recorded = recorder.body
    if iterations is not None:
        index = new_input(_INDEX, "i")
        declare_natural(index)
        consts, (graph,) = closed([recorded])
        region = Graph((index, *graph.inputs), graph.outputs, "loop")
        results = loop(constant(np.int64(iterations)), consts, recorder.initial, (), body=region, length=iterations)
        recorder.leave(results, iterations)
    else:
        initial = recorder.initial
        if recorder.bindings.cycles():  # where each array is depends on the number of iterations
            recorded = _counting(recorded, new_input(_INT64, "iterations"))
            initial.append(constant(np.int64(0)))
        results = _while_node(condition, recorded, initial)
        recorder.leave(results, results[-1])
    going()
    return True


def _while_node(condition: Node, recorded: Body, initial: Sequence[Node]) -> list[Node]:
    """The results of a `while`; condition and body are over the same carried values."""
    test = replace(recorded, outputs=(condition,))
    (cond_consts, (cond_graph,)), (body_consts, (body_graph,)) = closed([test]), closed([recorded])
    own = {node: new_input(node.array_type, "carry") for node in cond_graph.inputs[len(cond_consts) :]}
    inputs = (*cond_graph.inputs[: len(cond_consts)], *own.values())
    params = {
        "cond": Graph(inputs, tuple(substitute(cond_graph.outputs, own)), "test"),
        "body": body_graph,
        "n_cond_consts": len(cond_consts),
        "n_body_consts": len(body_consts),
    }
    return items(bind(WHILE, (*cond_consts, *body_consts, *initial), params))


def _count_iterations(condition: Node, recorder: Recorder) -> int | None:
    """How often a `while` runs, where that depends on plain numbers alone: found by running just these."""
    inputs, outputs, initial = recorder.inputs, recorder.outputs, recorder.initial
    position = {node: k for k, node in enumerate(inputs)}
    needed: set[int] = set()
    roots = [condition]
    while roots:
        reached = [node for node in topological_until(roots, set(inputs)) if node.op is INPUT]
        if any(node not in position for node in reached):
            return None
        new = {position[node] for node in reached} - needed
        needed |= new
        roots = [outputs[k] for k in new]
    chosen = sorted(needed)
    if not all(is_static(initial[k]) for k in chosen):
        return None
    step = Graph(tuple(inputs[k] for k in chosen), (condition, *(outputs[k] for k in chosen)), "count")
    values: list[Any] = interpret(Graph((), tuple(initial[k] for k in chosen)), [])
    for iterations in range(_PLAIN):
        going, *values = interpret(step, values)
        if not going:
            return iterations
    return None
