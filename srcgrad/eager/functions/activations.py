"""softmax and log_softmax: functions of rows, with rules of their own that cost one product instead of a quotient
of sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.core.lowering import Structure
from srcgrad.core.op import Op, apply
from srcgrad.core.sample import Arg, Sample
from srcgrad.core.types import ArrayType
from srcgrad.eager.functions import elementwise as ew
from srcgrad.eager.functions import reductions
from srcgrad.eager.functions.shaping import dim_of
from srcgrad.eager.recording.anomaly import annotate
from srcgrad.eager.recording.operands import is_traced, to_dtype
from srcgrad.eager.tensors.dtypes import numpy_dtype
from srcgrad.eager.tensors.modes import ANOMALY, OFF, state
from srcgrad.eager.tensors.node import FREED, Edges, Node, modified, sequence
from srcgrad.eager.tensors.storage import Version
from srcgrad.eager.tensors.tensor import Tensor, wrap
from srcgrad.transform.stop import stop_gradient


def _infer(type_: ArrayType, *, axis: int) -> ArrayType:
    return type_


def _sum_along(x: Any, axis: int) -> Any:
    if type(x) is np.ndarray:
        return np.add.reduce(x, axis, keepdims=True)
    kept = tuple(1 if k == axis else extent for k, extent in enumerate(x.shape))
    return apply("reshape", apply("sum", x, axes=(axis,)), shape=kept)


def _top(x: Any, axis: int) -> Any:
    return np.maximum.reduce(x, axis, keepdims=True) if x.shape[axis] else 0


def _reference_softmax(x: Any, *, axis: int) -> Any:
    made = np.exp(x - _top(x, axis))
    made /= np.add.reduce(made, axis, keepdims=True)
    return made


def _adjoint_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    weighted = cotangent * out
    return (weighted - out * _sum_along(weighted, axis),)


def _reference_log_softmax(x: Any, *, axis: int) -> Any:
    shifted = x - _top(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis, keepdims=True))


def _adjoint_log_softmax(cotangent: Any, out: Any, x: Any, *, axis: int) -> tuple[Any]:
    return (cotangent - (np.exp(out) if type(out) is np.ndarray else apply("exp", out)) * _sum_along(cotangent, axis),)


_SAMPLES = (Sample((Arg((2, 3)),), {"axis": 1}), Sample((Arg((3,)),), {"axis": 0}))
SOFTMAX = Op("softmax", _infer, _reference_softmax, Structure(), adjoint=_adjoint_softmax, samples=_SAMPLES)
LOG_SOFTMAX = Op(
    "log_softmax", _infer, _reference_log_softmax, Structure(), adjoint=_adjoint_log_softmax, samples=_SAMPLES
)


def softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """Exponentials over their sum along a dimension."""
    return _normalised(SOFTMAX, input, dim, dtype)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """The logarithm of `softmax`, without overflow."""
    return _normalised(LOG_SOFTMAX, input, dim, dtype)


def _normalised(row: Op, input: Any, dim: int | None, dtype: Any) -> Any:
    if (
        isinstance(input, Tensor)
        and dim is not None
        and dtype is None
        and input._array.dtype.kind == "f"
        and input._array.ndim
    ):
        return _record(row, input, dim_of(dim, input._array.ndim))
    shape = tuple(input.shape)
    if dtype is not None:
        input = to_dtype(input, numpy_dtype(dtype))
    if dim is None:
        dim = 0 if len(shape) in (0, 1, 3) else 1
    axis = dim_of(dim, len(shape))
    if is_traced(input):
        return _compose(row, input, axis)
    if input._array.dtype.kind != "f":
        raise RuntimeError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{input.dtype.alias}'")
    if not shape:
        return _normalised(row, input.reshape(1), 0, None).reshape(())
    return _record(row, input, axis)


class _Normalised(Node):
    """A row whose rule reads its result alone."""

    __slots__ = ("axis", "counter", "out", "version")
    op: Op
    axis: int
    out: Any
    counter: Version
    version: int

    def pull(self, cotangent: Any, edges: Edges) -> Any:
        assert self.op.adjoint is not None
        if self.counter.count != self.version:
            raise modified(self._saved(), self.version)
        return self.op.adjoint(cotangent, self.out, None, axis=self.axis)

    def pull_recorded(self, cotangent: Any, edges: Edges) -> Any:
        assert self.op.adjoint is not None
        if self.counter.count != self.version:
            raise modified(self._saved(), self.version)
        return self.op.adjoint(cotangent, self._saved(), None, axis=self.axis)

    def _saved(self) -> Tensor:
        made = wrap(self.out)
        made._node, made._counter = self, self.counter
        return made

    def adopt(self, array: Any, counter: Any) -> None:
        self.out, self.counter, self.version = array, counter, counter.count

    def release(self) -> None:
        self.out, self.counter = None, FREED


class SoftmaxBackward0(_Normalised):
    """`softmax`."""

    __slots__ = ()
    op = SOFTMAX


class LogSoftmaxBackward0(_Normalised):
    """`log_softmax`."""

    __slots__ = ()
    op = LOG_SOFTMAX


def _record(row: Op, input: Tensor, axis: int) -> Tensor:
    result = state.run(row.reference, input._array, axis=axis)
    made = wrap(result)
    if input._node is not None and state.mode != OFF:
        node: Any = SoftmaxBackward0() if row is SOFTMAX else LogSoftmaxBackward0()
        node.edges, node.seq, node.extra = (input._node,), next(sequence), None
        made._counter = counter = Version()
        node.axis, node.out, node.counter, node.version = axis, result, counter, 0
        made._node = node
        if state.mode == ANOMALY:
            annotate(node)
    return made


def _compose(row: Op, input: Any, axis: int) -> Any:
    """Of rows that the compiler knows."""
    shifted = ew.sub(input, stop_gradient(reductions.amax(input, axis, True)))
    total = reductions.sum(ew.exp(shifted), axis, True)
    return ew.div(ew.exp(shifted), total) if row is SOFTMAX else ew.sub(shifted, ew.log(total))
