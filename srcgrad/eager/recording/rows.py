"""Rows on tensors: evaluated by their reference, recorded as nodes whose backward step is the row's own rule.

`kind_of` makes the class of nodes of a row under one of PyTorch's names, `record` gives a result its node, and `bind`
does all there is to do for any row. Functions that are called all the time compute their result themselves and only
record it; those of one and two operands have a faster way still, in ``pointwise``.

The rule runs on plain arrays in `RowNode.pull`, and on tensors in `RowNode.pull_recorded`, which records it: that is
all there is to higher derivatives.
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
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.cotangents import Spec, fit_all, in_dtype, weigh_array
from srcgrad.eager.recording.on_arrays import KEEPING, ON_ARRAYS, PER_OPERAND
from srcgrad.eager.recording.reads import reads_of
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import FREED, Edges, Node, Parts, Port, modified, sequence
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, lift, new, wrap
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
    kept._counter = made._counter = Version()
    return kept, 0


def nothing(*values: Any) -> Where:
    """The partial derivative of a step function: zero, but passed on, and a constant."""
    return Where(np.False_)


class RowNode(Node):
    """An application of a row.

    ``saved`` has a place for the result and one for each operand: a tensor with the version that it had where the rule
    reads it, else None. ``specs`` are shapes and dtypes of the operands; of a pointwise row only where those of a
    contribution may differ. ``params`` are those of the row.
    """

    __slots__ = ("params", "saved", "specs")
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


def _tensor(kept: Kept, node: Node) -> Tensor:
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
            out = self._checked(out)._array
        if x is not None:
            x = self._checked(x)._array
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
            x = self._checked(x)._array
        if y is not None:
            y = self._checked(y)._array
        of_x, of_y = self.weighed
        first = None if edges[0] is None or of_x is None else of_x(cotangent, out, x, y)
        second = None if edges[1] is None or of_y is None else of_y(cotangent, out, x, y)
        return (first, second) if self.specs is None else fit_all((first, second), self.specs)


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

    def weighed(cotangent: Any, *values: Any) -> Any:
        weight = partial(*values)
        return cotangent * weight if type(weight) is ndarray else weigh_array(cotangent, weight)

    return weighed


def _itself(cotangent: Any, *values: Any) -> Any:
    return cotangent


def _negated(cotangent: Any, *values: Any) -> Any:
    return -cotangent


class RuleNode(RowNode):
    """Of a row that states its adjoint."""

    __slots__ = ()
    #: the row's rule; on arrays perhaps another form of it; or one for each operand
    rule: Callable[..., Sequence[Any]]
    on_arrays: Callable[..., Sequence[Any]]
    per_operand: tuple[Callable[..., Any], ...] | None
    keeps_dtype: bool

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        return self._apply(self.on_arrays, cotangent, edges, self.values())

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        return self._apply(self.rule, cotangent, edges, self.recorded_values())

    def _apply(self, rule: Callable[..., Sequence[Any]], cotangent: Any, edges: Edges, values: list[Any]) -> Any:
        if type(cotangent) is Parts:
            cotangent = tuple(cotangent.as_list(len(values[0])))
        values = [value if spec is None else spec for value, spec in zip(values, self.specs, strict=True)]
        if self.per_operand is not None:
            return [
                None if edge is None else one(cotangent, *values, **self.params)
                for edge, one in zip(edges, self.per_operand, strict=True)
            ]
        found = rule(cotangent, *values, **self.params)
        if self.keeps_dtype:
            return found
        return [part if part is None else in_dtype(part, x.dtype) for part, x in zip(found, values[1:], strict=True)]


class OneNode(RuleNode):
    """Of a row of one operand whose rule reads the result (``saved``) or nothing; ``specs`` stands for the operand."""

    __slots__ = ()

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        out = self.saved
        if out is not None:
            out = self._checked(out)._array
        return self.on_arrays(cotangent, out, self.specs, **self.params)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        out = self.saved
        if out is not None:
            out = _tensor(self._checked(out), self)
        return self.rule(cotangent, out, self.specs, **self.params)

    def release(self) -> None:
        if self.saved is not None:
            self.saved = FREED, 0

    def adopt(self, array: Any, counter: Any) -> None:
        if self.saved is not None:
            kept = self.saved[0]
            kept._array, kept._counter = array, counter
            self.saved = kept, counter.count


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
    members["per_operand"] = PER_OPERAND.get(op.name)
    members["keeps_dtype"] = op.name in ON_ARRAYS or op.name in KEEPING
    members["saves_out"] = bool(reads[0])
    return type(name, (OneNode if is_simple(op, reads) else RuleNode,), members)


def is_simple(op: Op, reads: tuple[frozenset[int] | None, ...]) -> bool:
    """Whether the nodes of a row are `OneNode`s."""
    keeps_dtype = op.name in ON_ARRAYS or op.name in KEEPING or not op.samples
    return len(reads) == 1 and keeps_dtype and reads[0] in (frozenset(), frozenset((0,)))


def _plan(kind: Any, wanted: tuple[bool, ...]) -> tuple[bool, tuple[int, ...]]:
    """Whether the result, and which operands, are read by the contributions to those operands that are wanted."""
    is_joint = kind.op.partials is None and kind.per_operand is None  # the rule gives all contributions
    found = [read for read, flag in zip(kind.reads, wanted, strict=True) if (flag or is_joint) and read]
    needed: frozenset[int] = frozenset().union(*found)
    plan = kind.plans[wanted] = 0 in needed, tuple(sorted(position - 1 for position in needed if position))
    return plan


def record_one(kind: type[RowNode], made: Tensor, operand: Tensor, params: dict[str, Any]) -> Tensor:
    """As `record`, for a `OneNode`."""
    edge = operand._node
    if edge is not None and state.mode != OFF:
        made._node = one_node(kind, edge, operand._array, params)
        if kind.saves_out:  # type: ignore[attr-defined]
            made._node.saved = keep(made)
    elif state.inference:
        made.more().inference = True
    return made


def one_node(kind: type[RowNode], edge: Node, array: Any, params: dict[str, Any]) -> RowNode:
    """The node of a row applied to an array, a `OneNode` that saves nothing so far."""
    node = new(kind)
    node.edges, node.seq, node.extra, node.params, node.saved = (edge,), next(sequence), None, params, None
    spec = node.specs = new(Spec)
    spec.shape, spec.dtype = array.shape, array.dtype
    if state.mode == ANOMALY:
        annotate(node)
    return node


def record(kind: type[RowNode], made: Tensor, operands: Sequence[Tensor], params: dict[str, Any] | None = None) -> Any:
    """The result of a row, with its node where an operand has one and recording is on."""
    edges = tuple([operand._node for operand in operands])
    if not any(edges) or state.mode == OFF:
        if state.inference:
            made.more().inference = True
        return made
    made._node = make_node(kind, made, operands, edges, params)
    return made


def make_node(
    kind: type[RowNode], made: Any, operands: Sequence[Tensor], edges: Edges, params: dict[str, Any] | None
) -> RowNode:
    """The node of an application. ``made``: the result, or a tuple of results."""
    node = new(kind)
    node.edges, node.seq, node.extra = edges, next(sequence), None
    wanted = tuple([edge is not None for edge in edges])
    saves_out, positions = kind.plans.get(wanted) or _plan(kind, wanted)
    out: Any = None
    if saves_out:
        out = [keep(part) for part in made] if isinstance(made, tuple) else keep(made)
    parts: list[Any] = [None] * len(edges)
    for position in positions:
        operand = operands[position]
        parts[position] = (operand, operand._version)
    node.saved = (out, *parts)
    node.specs = None
    if params is not None:
        node.params = params
        node.specs = [None]
        for operand, part in zip(operands, parts, strict=True):
            node.specs.append(Spec(operand._array.shape, operand._array.dtype) if part is None else None)
    else:
        array = made._array
        for k in kind.contributing:
            x = operands[k]._array
            if x.shape != array.shape or x.dtype is not array.dtype:
                node.specs = [Spec(operand._array.shape, operand._array.dtype) for operand in operands]
                break
    if state.mode == ANOMALY:
        annotate(node)
    return node


#: Rows that have a recording function of their own, which takes the operands and the params.
RECORDED: dict[str, Callable[..., Any]] = {}


def bind(op: Op, args: Sequence[Any], params: dict[str, Any], name: str | None = None) -> Any:
    """Apply a row to tensors (and arrays and numbers): no promotion, one node. Beside traced values it is the row
    itself.
    """
    for arg in args:
        if not isinstance(arg, Tensor) and hasattr(arg, "__sg_bind__"):
            return op(*args, **params)
    operands = [arg if isinstance(arg, Tensor) else lift(arg) for arg in args]
    result = state.run(op.reference, *[operand._array for operand in operands], **params)
    several = type(result) is tuple
    made = tuple([wrap(np.asarray(part)) for part in result]) if several else wrap(np.asarray(result))
    if not has_rule(op):
        return made
    kind = kind_of(op, name or node_name(op), len(operands))
    if issubclass(kind, OneNode):
        return record_one(kind, made, operands[0], params)  # type: ignore[arg-type]
    if not several:
        return record(kind, made, operands, None if op.partials is not None else params)  # type: ignore[arg-type]
    edges = tuple([operand._node for operand in operands])
    if state.mode != OFF and any(edges):
        node = make_node(kind, made, operands, edges, params)
        for number, part in enumerate(made):
            if part._array.dtype.kind in "fc":
                part._node = Port(node, number)
    return made
