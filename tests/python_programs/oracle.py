"""One program both ways: values, written arguments and derivatives of the traced function are those of plain Python."""

from __future__ import annotations

import linecache
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.core import tree
from srcgrad.core.errors import SrcgradError, VerifyError
from srcgrad.core.settings import override
from srcgrad.dispatch.arguments import Arguments
from srcgrad.dispatch.function import Function, Recorded
from srcgrad.graph.node import Graph
from srcgrad.graph.structure import constant
from srcgrad.transform.adjoint import adjoint
from srcgrad.transform.rewrite import zeros
from srcgrad.transform.simplify import simplify
from tests.interpreted import interpreter
from tests.python_programs.program import Program

FILE = "<program>"
_NAMESPACE: dict[str, Any] = {}
#: of differences; a derivative is wrong where it is wrong by each of them
_STEPS = (1e-6, 1e-7)
_HAS_LINE = re.compile(r"<program>:\d+: ")


@dataclass(frozen=True)
class Outcome:
    """``kind``: match, refused, raised (both ways), overflow, mismatch, raw (an error that is none of ours).

    ``overflow`` is a derivative that is NaN where plain Python computes infinities that no result depends on, as
    `docs/semantics.md` says of it.
    """

    kind: str
    message: str = ""
    derivative: float = 0.0

    @property
    def is_wrong(self) -> bool:
        return self.kind in ("mismatch", "raw")


class Pulled(Function):
    """A function's results and written arguments, and what a weighted sum of them all has as derivatives."""

    def record(self, arguments: Arguments) -> Recorded:
        traced = self.trace(arguments)
        graph = simplify(traced.graph)
        seeds = [
            constant(_weight(position, output.shape)) if output.array_type.is_float else None
            for position, output in enumerate(graph.outputs)
        ]
        inputs = [k for k, node in enumerate(graph.inputs) if node.array_type.is_float]
        outputs, cotangents = adjoint(graph, inputs, seeds)
        gradients = [
            zeros(graph.inputs[k].array_type) if cotangent is None else cotangent
            for k, cotangent in zip(inputs, cotangents, strict=True)
        ]
        count = traced.n_results
        leaf = tree.Structure(None, None, ())
        structure = tree.Structure(
            tuple, None, (traced.out_structure, tree.Structure(tuple, None, (leaf,) * len(gradients)))
        )
        kept = (*outputs[:count], *gradients, *outputs[count:])
        return Recorded(Graph(graph.inputs, kept, graph.name), structure, traced.mutated)


def _weight(position: int, shape: tuple[int, ...]) -> Any:
    return np.cos(position + 1.3 * np.arange(int(np.prod(shape))).reshape(shape))


class TooLongError(Exception):
    """A program does not end."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def loaded(program: Program) -> Callable[..., Any]:
    """The program's function, where its source can be read."""
    lines = program.text.splitlines(keepends=True)
    linecache.cache[FILE] = (len(program.text), None, lines, FILE)
    _NAMESPACE.clear()
    _NAMESPACE["__name__"] = "program"
    exec(compile(program.text, FILE, "exec"), _NAMESPACE)
    function: Callable[..., Any] = _NAMESPACE["f"]
    return function


def copied(arguments: Any) -> Any:
    if isinstance(arguments, np.ndarray):
        return arguments.copy()
    if isinstance(arguments, dict):
        return {key: copied(value) for key, value in arguments.items()}
    if isinstance(arguments, list | tuple):
        return type(arguments)(map(copied, arguments))
    return arguments


def check(program: Program, *, points: Sequence[int] = (0, 1, 2), unroll: int = 16, compiled: bool = False) -> Outcome:
    """Run it both ways at these points."""
    function = loaded(program)
    traced = Pulled(function)
    kinds = []
    with nullcontext() if compiled else interpreter(), override(unroll_loops=unroll), np.errstate(all="ignore"):
        for point in points:
            with limited(10 if not compiled else 300):
                outcome = _at(function, traced, program, point)
            if outcome.kind in ("refused", "mismatch", "raw", "overflow"):
                return outcome
            kinds.append(outcome)
    return next((outcome for outcome in kinds if outcome.kind == "match"), kinds[0])


def _at(function: Callable[..., Any], traced: Pulled, program: Program, point: int) -> Outcome:
    arguments = program.arguments(point)
    own, given = copied(arguments), copied(arguments)
    parts = _objects(own)
    expected = failure = None
    try:
        expected = function(*own)
    except TooLongError:
        raise
    except Exception as error:
        failure = error
    try:
        found, gradients = traced(*given)
    except TooLongError:
        return Outcome("raw", "does not end")
    except VerifyError as error:
        return Outcome("raw", _said(error))
    except SrcgradError as error:
        if failure is not None:
            return Outcome("raised")
        return Outcome("refused" if _HAS_LINE.match(str(error)) else "raw", _said(error))
    except Exception as error:
        if failure is not None and (isinstance(error, type(failure)) or isinstance(failure, type(error))):
            return Outcome("raised")
        return Outcome("raw", f"{_said(error)}" + (f" in place of {_said(failure)}" if failure else ""))
    if failure is not None:
        return Outcome("mismatch", f"{_said(failure)} was not raised")
    kept = _same_objects(parts, _objects(own))
    argument = "argument" if kept else "container"
    for what, a, b in (("result", expected, found), (argument, list(own), list(given))):
        difference = differing(a, b, what)
        if difference:
            if is_rounding(function, arguments, (expected, own), (found, given)):
                return Outcome("match", "rounding grows")
            return Outcome("mismatch", difference)
    return _derivatives(function, traced, arguments, gradients)


def is_rounding(function: Callable[..., Any], arguments: Any, expected: Any, found: Any) -> bool:
    """Whether changes of the arguments in their last digits change plain Python's results as much as they differ."""
    changes = []
    for own in _last_digits_changed(arguments):
        try:
            changes.append(_distance(expected, (function(*own), own)))
        except TooLongError:  # noqa: PERF203  there are four
            raise
        except Exception:
            return False
    return 0 < _distance(expected, found) <= 10 * max(changes) < np.inf


def _last_digits_changed(arguments: Any) -> Iterator[Any]:
    rng = np.random.default_rng(1)
    for _ in range(4):
        leaves, structure = tree.flatten(copied(arguments))
        moved = [leaf * (1 + 1e-15 * rng.choice([-2, -1, 1, 2])) if _is_float(leaf) else leaf for leaf in leaves]
        yield tree.unflatten(structure, moved)


def _distance(expected: Any, found: Any) -> float:
    """The largest difference of two numbers; infinite where the results are not of the same form."""
    (a, structure), (b, other) = tree.flatten(expected), tree.flatten(found)
    pairs = [(np.asarray(x), np.asarray(y)) for x, y in zip(a, b, strict=False) if not isinstance(x, str) or x != y]
    if structure != other or any(x.shape != y.shape or x.dtype.kind not in "biuf" for x, y in pairs):
        return np.inf
    gaps = [np.max(np.abs(np.subtract(x, y, dtype=float)), initial=0.0) for x, y in pairs]
    return float(np.nan_to_num(max(gaps, default=0.0), nan=np.inf))


def _objects(arguments: Any) -> list[Any]:
    """The arrays and numbers that the containers among the arguments hold."""
    return [part for container in arguments if isinstance(container, list | dict) for part in tree.leaves(container)]


def _same_objects(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(a is b for a, b in zip(before, after))


def _said(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def differing(expected: Any, found: Any, path: str) -> str | None:
    """Where two results differ."""
    if isinstance(expected, tuple | list | dict):
        if type(expected) is not type(found):
            return f"{path}: a {type(found).__name__} in place of a {type(expected).__name__}"
        if len(expected) != len(found):
            return f"{path}: {len(found)} items in place of {len(expected)}"
        keys = list(expected) if isinstance(expected, dict) else range(len(expected))
        for key in keys:
            if isinstance(expected, dict) and key not in found:
                return f"{path}: no {key!r}"
            difference = differing(expected[key], found[key], f"{path}[{key!r}]")
            if difference:
                return difference
        return None
    if isinstance(expected, str | None):
        return None if expected == found else f"{path}: {found!r} in place of {expected!r}"
    a, b = np.asarray(expected), np.asarray(found)
    if a.shape != b.shape:
        return f"{path}: shape {b.shape} in place of {a.shape}"
    if not np.allclose(b, a, rtol=1e-9, atol=1e-11, equal_nan=True):
        return f"{path}: {b.tolist()} in place of {a.tolist()}"
    return None


def _derivatives(function: Callable[..., Any], traced: Pulled, arguments: Any, gradients: Any) -> Outcome:
    """Along one direction, where differences from both sides agree: elsewhere a branch changes near the point."""
    written = traced.specialise(*arguments).recorded.mutated
    rng = np.random.default_rng(len(gradients))
    leaves, structure = tree.flatten(arguments)
    floats = [k for k, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]
    directions = {
        k: rng.uniform(0.3, 1.0, np.shape(leaves[k])) * rng.choice([-1, 1], np.shape(leaves[k])) for k in floats
    }

    def directional(gradients: Any) -> float:
        return sum(float(np.sum(directions[k] * g)) for k, g in zip(floats, gradients, strict=True))

    along = directional(gradients)

    def weighed(step: float) -> float:
        moved = copied([leaf + step * directions[k] if k in directions else leaf for k, leaf in enumerate(leaves)])
        moved = [float(new) if isinstance(old, float) else new for old, new in zip(leaves, moved)]
        own = tree.unflatten(structure, moved)
        results = tree.leaves(function(*own))
        changed = tree.leaves(own)
        results += [changed[k] for k in _leaf_positions(arguments, written)]
        return sum(float(np.sum(_weight(k, np.shape(r)) * r)) for k, r in enumerate(results) if _is_float(r))

    outcomes = []
    for step in _STEPS:
        try:
            outcome = _along(weighed, step, along)
        except TooLongError:
            raise
        except Exception:
            outcome = Outcome("match", "an error is near")
        outcomes.append(outcome)
        if not outcomes[0].is_wrong or (np.isfinite(along) and not outcome.is_wrong):
            return outcome
    if np.isnan(along) and _overflows(function, copied(arguments)):
        return Outcome("overflow")
    gap = abs(along - outcomes[0].derivative)
    changes = [abs(along - directional(traced(*moved)[1])) for moved in _last_digits_changed(arguments)]
    return Outcome("match", "rounding grows") if gap <= 10 * max(changes) < np.inf else outcomes[0]


def _along(weighed: Callable[[float], float], step: float, along: float) -> Outcome:
    """A derivative beside differences with this step."""
    ahead, here, behind = weighed(step), weighed(0.0), weighed(-step)
    far_ahead, far_behind = weighed(2 * step), weighed(-2 * step)
    right, left, wide = (ahead - here) / step, (here - behind) / step, (far_ahead - far_behind) / (4 * step)
    central = (right + left) / 2
    scale = 1e-4 * (1 + abs(central))
    if not all(np.isfinite([right, left, wide])) or abs(right - left) > 10 * scale or abs(wide - central) > scale:
        return Outcome("match", "a branch is near")
    if not abs(central - along) <= 3 * scale:
        return Outcome("mismatch", f"derivative: {along} in place of {central}", central)
    return Outcome("match")


def _overflows(function: Callable[..., Any], arguments: Any) -> bool:
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            function(*arguments)
    except FloatingPointError:
        return True
    return False


def _is_float(leaf: Any) -> bool:
    return np.asarray(leaf).dtype.kind == "f"


def _leaf_positions(arguments: Any, dynamic: Sequence[int]) -> list[int]:
    """Positions among all leaves of those that are inputs."""
    inputs = [k for k, leaf in enumerate(tree.leaves(arguments)) if not isinstance(leaf, str)]
    return [inputs[k] for k in dynamic]
