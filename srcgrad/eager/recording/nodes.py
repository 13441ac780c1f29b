"""Nodes of rows: a `RowNode` keeps what the rule of its row reads, and applies it to cotangents.

The rule runs on plain arrays in `pull`, and on tensors in `pull_recorded`, which records it: that is all there is to
higher derivatives. A row states partial derivatives (`PointwiseNode`) or an adjoint (`RuleNode`); the other classes are
these without their loops, for the rows that programs are made of.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.core.errors import UnsupportedError
from srcgrad.core.lowering import Structure
from srcgrad.core.op import Op
from srcgrad.core.partial import Where
from srcgrad.core.sample import Sample
from srcgrad.eager.recording.cotangents import fit, fit_all, in_dtype, weigh_array
from srcgrad.eager.recording.on_arrays import IN_PAIRS, KEEPING, ON_ARRAYS
from srcgrad.eager.recording.reads import reads_of
from srcgrad.eager.tensors.node import FREED, BackwardNode, Edges, Parts, Port, modified
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, new, wrap
from srcgrad.transform.adjoint import weigh

ndarray = np.ndarray


class Kept:
    """A result that its own node reads: the memory and its version counter, not the tensor, which holds the node."""

    __slots__ = ("_array", "_counter")
    _array: Any
    _counter: Any


def keep(made: Tensor) -> tuple[Kept, int]:
    """A new result as its node saves it."""
    kept = new(Kept)
    kept._array = made._array
    counter = kept._counter = made._counter = new(Version)
    counter.count, counter.views = 0, None
    return kept, 0


def nothing(*values: Any) -> Where:
    """The partial derivative of a step function: zero, but passed on, and a constant."""
    return Where(np.False_)


class RowNode(BackwardNode):
    """An application of a row.

    ``saved`` has a place for the result and one for each operand: a tensor with the version that it had where the rule
    reads it, else None. ``specs`` are shapes and dtypes of the operands; of a pointwise row only where those of a
    contribution may differ. ``params`` are those of the row.
    """

    __slots__ = ("params", "saved", "specs")
    reads_shapes = False
    op: Op
    #: what the contribution to each operand reads, by number: 0 is the result; None where there is none
    reads: tuple[frozenset[int] | None, ...]
    #: what is saved, for each choice of operands that need a gradient
    plans: dict[tuple[bool, ...], tuple[bool, tuple[int, ...]]]
    #: the operands that get a contribution, and those of them that PyTorch knows as such
    contributing: tuple[int, ...]
    operands: tuple[int, ...]
    params: dict[str, Any]
    saved: Any
    specs: Any

    def _checked(self, part: Any) -> Any:
        """A saved tensor; raises where it was freed or overwritten since."""
        if type(part) is not tuple:
            return part if part is None else [self._checked(kept) for kept in part]
        tensor, version = part
        counter = tensor._counter
        if (0 if counter is None else counter.count) != version:
            raise modified(_tensor(tensor, self) if type(tensor) is Kept else tensor, version)
        return tensor

    def values(self) -> list[Any]:
        """What the rule reads, as arrays."""
        found: list[Any] = []
        for part in self.saved:
            if type(part) is tuple:
                tensor, version = part
                counter = tensor._counter
                if (0 if counter is None else counter.count) != version:
                    self._checked(part)
                part = tensor._array
            elif part is not None:
                part = tuple([self._checked(kept)._array for kept in part])
            found.append(part)
        return found

    def recorded_values(self) -> list[Any]:
        """What the rule reads, as tensors, of which the result hangs on this node."""
        out, *operands = [self._checked(part) for part in self.saved]
        if type(out) is list:
            out = tuple([_tensor(part, Port(self, k)) for k, part in enumerate(out)])
        return [out if type(out) is not Kept else _tensor(out, self), *operands]

    def shown_edges(self) -> Edges:
        if self.extra is not None and self.extra.shown is not None:
            return self.extra.shown
        return tuple([self.edges[k] for k in self.operands])

    def adopt(self, array: Any, counter: Any) -> None:
        out, *rest = self.saved
        if out is not None:
            out[0]._array, out[0]._counter = array, counter
            self.saved = ((out[0], counter.count), *rest)

    def release(self) -> None:
        for part in self.saved:
            if part is not None:
                self.saved = FREED
                return


def _tensor(kept: Kept, node: BackwardNode) -> Tensor:
    made = wrap(kept._array)
    made._node, made._counter = node, kept._counter
    return made


class PointwiseNode(RowNode):
    """Of a row that states a partial derivative for each operand."""

    __slots__ = ()
    partials: tuple[Callable[..., Any] | None, ...]
    #: the partials times a cotangent, on arrays
    weighed: tuple[Callable[..., Any] | None, ...]

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        values = self.values()
        found = [
            None if edge is None or weighed is None else weighed(cotangent, *values)
            for edge, weighed in zip(edges, self.weighed, strict=True)
        ]
        return found if self.specs is None else fit_all(found, self.specs)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        values = self.recorded_values()
        found = [
            None
            if edge is None or partial is None
            else zeros_of(cotangent)
            if partial is nothing
            else weigh(cotangent, partial(*values))
            for edge, partial in zip(edges, self.partials, strict=True)
        ]
        return found if self.specs is None else fit_all(found, self.specs)


# `PointwiseNode.pull` written out for the rows that programs are made of.


class UnaryNode(PointwiseNode):
    """Of a pointwise row of one operand."""

    __slots__ = ()

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        out, x = self.saved
        if out is not None:
            tensor, version = out
            out = tensor._array if tensor._counter.count == version else self._checked(out)
        if x is not None:
            tensor, version = x
            counter = tensor._counter
            x = tensor._array if (0 if counter is None else counter.count) == version else self._checked(x)
        found = (self.weighed[0](cotangent, out, x),)  # type: ignore[misc]
        return found if self.specs is None else fit_all(found, self.specs)


class BinaryNode(PointwiseNode):
    """Of a pointwise row of two operands."""

    __slots__ = ()

    def pull(self, cotangent: Any, edges: Edges) -> Sequence[Any]:
        out, x, y = self.saved
        if out is not None:
            out = self._checked(out)._array
        if x is not None:
            tensor, version = x
            counter = tensor._counter
            x = tensor._array if (0 if counter is None else counter.count) == version else self._checked(x)
        if y is not None:
            tensor, version = y
            counter = tensor._counter
            y = tensor._array if (0 if counter is None else counter.count) == version else self._checked(y)
        of_x, of_y = self.weighed
        first = None if edges[0] is None or of_x is None else of_x(cotangent, out, x, y)
        second = None if edges[1] is None or of_y is None else of_y(cotangent, out, x, y)
        if self.specs is not None:
            spec_x, spec_y = self.specs
            return None if first is None else fit(first, spec_x), None if second is None else fit(second, spec_y)
        return first, second


def _weighed(partial: Any, reads: frozenset[int] | None, arity: int) -> Any:
    """A partial derivative times a cotangent, on arrays."""
    if partial is None:
        return None
    if not reads:
        constant = None
        with contextlib.suppress(UnsupportedError):
            constant = partial(*[None] * (arity + 1))
        if type(constant) in (int, float) and constant in (1, -1):
            return _itself if constant == 1 else _negated

    def of_unary(cotangent: Any, out: Any, x: Any) -> Any:
        weight = partial(out, x)
        return cotangent * weight if type(weight) is ndarray else weigh_array(cotangent, weight)

    def of_many(cotangent: Any, *values: Any) -> Any:
        weight = partial(*values)
        return cotangent * weight if type(weight) is ndarray else weigh_array(cotangent, weight)

    return of_unary if arity == 1 else of_many


def _itself(cotangent: Any, *values: Any) -> Any:
    return cotangent


def _negated(cotangent: Any, *values: Any) -> Any:
    return -cotangent


class RuleNode(RowNode):
    """Of a row that states its adjoint."""

    __slots__ = ()
    #: the row's rule; on arrays perhaps another form of it
    rule: Callable[..., Sequence[Any]]
    on_arrays: Callable[..., Sequence[Any]]
    saves_out: bool
    keeps_dtype: bool

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        return self._apply(self.on_arrays, cotangent, edges, self.values())

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        return self._apply(self.rule, cotangent, edges, self.recorded_values())

    def _apply(self, rule: Callable[..., Sequence[Any]], cotangent: Any, edges: Edges, values: list[Any]) -> Any:
        if type(cotangent) is Parts:
            cotangent = tuple(cotangent.as_list(len(values[0])))
        values = [value if spec is None else spec for value, spec in zip(values, self.specs, strict=True)]
        found = rule(cotangent, *values, **self.params)
        if self.keeps_dtype:
            return found
        return [part if part is None else in_dtype(part, x.dtype) for part, x in zip(found, values[1:], strict=True)]


class ShapeNode(RuleNode):
    """Of a row whose rule reads the result (``saved``) or nothing; ``specs`` stand for the operands."""

    __slots__ = ()
    reads_shapes = True

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        out = self.saved
        if out is not None:
            out = self._checked(out)._array
        return self.on_arrays(cotangent, out, *self.specs, **self.params)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        out = self.saved
        if out is not None:
            out = _tensor(self._checked(out), self)
        return self.rule(cotangent, out, *self.specs, **self.params)

    def release(self) -> None:
        if self.saved is not None:
            self.saved = FREED, 0

    def adopt(self, array: Any, counter: Any) -> None:
        if self.saved is not None:
            kept = self.saved[0]
            kept._array, kept._counter = array, counter
            self.saved = kept, counter.count


class PairNode(RuleNode):
    """Of a row of two operands, each of whose contributions reads the other one: ``specs`` are their shapes."""

    __slots__ = ()
    #: from the cotangent, the other operand and the shape to the contribution
    rules: tuple[Callable[..., Any], Callable[..., Any]]

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        x, y = [part if part is None else self._checked(part)._array for part in self.saved]
        return self._contributions(cotangent, edges, x, y)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        x, y = [self._checked(part) for part in self.saved]
        return self._contributions(cotangent, edges, x, y)

    def _contributions(self, cotangent: Any, edges: Edges, x: Any, y: Any) -> tuple[Any, Any]:
        (to_x, to_y), (of_x, of_y) = edges, self.specs
        first, second = self.rules
        return (
            None if to_x is None else first(cotangent, y, of_x, **self.params),
            None if to_y is None else second(cotangent, x, of_y, **self.params),
        )

    def adopt(self, array: Any, counter: Any) -> None:
        pass


def has_rule(op: Op) -> bool:
    """Whether applications of a row are recorded."""
    return op.adjoint is not None if op.partials is None else any(partial is not None for partial in op.partials)


def rule_alone(name: str, adjoint: Callable[..., Sequence[Any]], samples: tuple[Sample, ...] = ()) -> Op:
    """A row that is recorded, while its results are computed elsewhere; no samples say that its rule reads nothing."""
    return Op(
        name,
        lambda *types, **params: types[0],
        lambda *values: values[0],
        Structure(),
        adjoint=adjoint,
        samples=samples,
    )


def zeros_of(cotangent: Any) -> Any:
    """Zeros, as constants."""
    return wrap(np.zeros_like(cotangent._array)) if isinstance(cotangent, Tensor) else np.zeros_like(cotangent)


def node_name(op: Op) -> str:
    """``ReduceSumBackward0`` for ``reduce_sum``."""
    return "".join(part.capitalize() for part in op.name.split("_")) + "Backward0"


@functools.cache
def kind_of(op: Op, name: str, arity: int = 1, operands: tuple[int, ...] | None = None) -> type[RowNode]:
    """The class of nodes of a row's applications to so many operands.

    ``operands``: those that show as edges; by default all that get a contribution.
    """
    reads = reads_of(op, arity)
    shown = tuple(k for k, read in enumerate(reads) if read is not None)
    members: dict[str, Any] = {"__slots__": (), "__module__": __name__, "op": op, "reads": reads, "plans": {}}
    members |= {"contributing": shown, "operands": shown if operands is None else operands}
    if op.partials is not None:
        weighed = tuple([_weighed(part, read, arity) for part, read in zip(op.partials, reads, strict=True)])
        base = {1: UnaryNode, 2: BinaryNode}.get(arity, PointwiseNode)
        return type(name, (base,), {**members, "partials": op.partials, "weighed": weighed})
    rule = op.adjoint
    members |= {"rule": staticmethod(rule), "on_arrays": staticmethod(ON_ARRAYS.get(op.name, rule))}  # type: ignore[arg-type]
    members["keeps_dtype"] = op.name in ON_ARRAYS or op.name in KEEPING
    members["saves_out"] = any(reads)
    if op.name in IN_PAIRS:
        return type(name, (PairNode,), {**members, "rules": IN_PAIRS[op.name]})
    return type(name, (ShapeNode if is_simple(op, reads) else RuleNode,), members)


def is_simple(op: Op, reads: tuple[frozenset[int] | None, ...]) -> bool:
    """Whether the nodes of a row are `ShapeNode`s."""
    keeps_dtype = op.name in ON_ARRAYS or op.name in KEEPING or not op.samples
    return keeps_dtype and all(read is not None and read <= {0} for read in reads)
